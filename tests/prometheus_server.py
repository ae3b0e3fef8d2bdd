"""Starts real Prometheus servers, probes and their targets, all on this machine only."""

from __future__ import annotations

import socket
import subprocess
import time
import urllib.error
import urllib.request
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path

from tests.programs import program

# Loaded machines take their time, and waiting ends as soon as it may.
_PATIENCE = 60.0


@contextmanager
def prometheus(folder: Path, config: str = "", web_config: str = "") -> Iterator[str]:
    """The address of a Prometheus that keeps its data under `folder`, whatever their age."""
    port = free_port()
    (folder / "prometheus.yml").write_text(config)
    (folder / "web.yml").write_text(web_config)
    command = [
        program("prometheus", package="prometheus"),
        f"--config.file={folder / 'prometheus.yml'}",
        f"--web.config.file={folder / 'web.yml'}",
        f"--storage.tsdb.path={folder / 'data'}",
        "--storage.tsdb.retention.time=100y",
        f"--web.listen-address=127.0.0.1:{port}",
        "--log.level=warn",
    ]
    with running(command, folder / "prometheus.log"):
        wait_for(lambda: _answers(f"http://127.0.0.1:{port}/-/ready"), "Prometheus is ready")
        yield f"http://127.0.0.1:{port}"


@contextmanager
def blackbox_exporter(folder: Path, port: int) -> Iterator[subprocess.Popen[bytes]]:
    """A prober on this port; its module `http` asks for a page and gives up after a second."""
    config = folder / "blackbox.yml"
    config.write_text("modules: {http: {prober: http, timeout: 900ms}}\n")
    command = [
        program("prometheus-blackbox-exporter", package="prometheus-blackbox-exporter"),
        f"--config.file={config}",
        f"--web.listen-address=127.0.0.1:{port}",
        "--log.level=warn",
    ]
    with running(command, folder / "blackbox.log") as process:
        wait_for(lambda: _answers(f"http://127.0.0.1:{port}/-/healthy"), "the prober is ready")
        yield process


def probing(target: str, prober: int) -> str:
    """A configuration that has a target probed once a second."""
    return f"""
global: {{scrape_interval: 1s, scrape_timeout: 1s}}
scrape_configs:
- job_name: blackbox
  metrics_path: /probe
  params: {{module: [http]}}
  static_configs: [{{targets: ['{target}']}}]
  relabel_configs:
  - {{source_labels: [__address__], target_label: __param_target}}
  - {{source_labels: [__param_target], target_label: instance}}
  - {{target_label: __address__, replacement: '127.0.0.1:{prober}'}}
"""


def write_history(folder: Path, lines: Iterable[str]) -> None:
    """Puts samples (`name{label="x"} value seconds`) into the data of a Prometheus to be."""
    history = folder / "history"
    with history.open("w") as file:
        file.writelines(f"{line}\n" for line in lines)
        file.write("# EOF\n")
    command = [program("promtool", package="prometheus"), "tsdb", "create-blocks-from"]
    # By default a block holds two hours: 90 days would take minutes.
    command += ["openmetrics", "--max-block-duration=720h", "-q", str(history)]
    subprocess.run([*command, str(folder / "data")], check=True, capture_output=True)
    history.unlink()


@contextmanager
def running(command: list[str], log: Path) -> Iterator[subprocess.Popen[bytes]]:
    """A program for the length of a `with`."""
    with log.open("ab") as file, subprocess.Popen(command, stdout=file, stderr=file) as process:
        try:
            yield process
        finally:
            process.kill()


def wait_for(holds: Callable[[], bool], what: str) -> None:
    """Returns when something holds; fails where it does not come to hold within a minute."""
    deadline = time.monotonic() + _PATIENCE
    while not holds():
        if time.monotonic() > deadline:
            raise AssertionError(f"it never came to hold that {what}")
        time.sleep(0.05)


def free_port() -> int:
    """A port that nobody listens on."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def listens(port: int) -> bool:
    """Whether somebody listens on a port."""
    with socket.socket() as probe:
        return probe.connect_ex(("127.0.0.1", port)) == 0


def _answers(url: str) -> bool:
    try:
        with urllib.request.urlopen(url, timeout=1):
            return True
    except urllib.error.HTTPError as error:
        return error.code == 401  # it answers, only not to strangers
    except OSError:
        return False
