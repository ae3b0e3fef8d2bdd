"""nginx before several servers, configured as docs/operating.md tells operators to do it."""

from __future__ import annotations

import re
import socket
import subprocess
import tempfile
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

from tests.pages.served import Served
from tests.programs import program

_TOLD = Path(__file__).parents[1] / "docs" / "operating.md"
# What Debian's own nginx.conf has around it, here in a folder that needs no rights.
_AROUND = """
daemon off;
# One process, which stays who started it.
master_process off;
pid {folder}/nginx.pid;
error_log {folder}/error.log;
events {{ worker_connections 4096; }}
http {{
    log_format visitors '$kpi_visitor $upstream_addr $status';
    access_log {folder}/access.log visitors;
    client_body_temp_path {folder}/body;
    proxy_temp_path {folder}/proxy;
    fastcgi_temp_path {folder}/fastcgi;
    uwsgi_temp_path {folder}/uwsgi;
    scgi_temp_path {folder}/scgi;
{told}
}}
"""


class Proxy:
    """A running nginx: where it is, its process, and which replicas each visitor met."""

    def __init__(self, served: Served, log: Path) -> None:
        self.served = served
        self._log = log

    def met(self) -> dict[str, set[str]]:
        """Visitor -> the addresses of all servers that answered one of its requests."""
        found: dict[str, set[str]] = {}
        for line in self._log.read_text().splitlines():
            visitor, *servers, _ = line.replace(",", "").split()
            found.setdefault(visitor, set()).update(servers)
        return found


def configuration(folder: Path, port: int, servers: Sequence[str]) -> str:
    """The documented configuration, for this port and these servers (HOST:PORT)."""
    (told,) = re.findall(r"```nginx\n(.*?)```", _TOLD.read_text(encoding="utf-8"), re.DOTALL)
    listed = re.compile(r"( *server )[\d.]+:\d+( .*\n)")
    first = listed.search(told)
    assert first is not None
    ours = "".join(f"{first[1]}{server}{first[2]}" for server in servers)
    told = told[: first.start()] + ours + listed.sub("", told[first.end() :])
    told = told.replace("listen 80;", f"listen 127.0.0.1:{port};")
    return _AROUND.format(folder=folder, told=told)


@contextmanager
def proxied(servers: Sequence[str]) -> Iterator[Proxy]:
    """nginx before these servers (HOST:PORT), on a free port."""
    path = program("nginx", package="nginx")
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port: int = free.getsockname()[1]
    with tempfile.TemporaryDirectory() as made:
        folder = Path(made)
        file = folder / "nginx.conf"
        file.write_text(configuration(folder, port, servers))
        # Without -e it would first look at its own log, which only root may write.
        command = [path, "-p", made, "-e", str(folder / "error.log"), "-c", str(file)]
        process = subprocess.Popen(command)
        try:
            _wait(process, port, folder / "error.log")
            served = Served(f"http://127.0.0.1:{port}", process.pid)
            yield Proxy(served, folder / "access.log")
        finally:
            process.terminate()
            process.wait(20)


def _wait(process: subprocess.Popen[bytes], port: int, log: Path) -> None:
    for _ in range(100):
        if process.poll() is not None:
            raise RuntimeError(f"nginx has ended: {log.read_text() if log.exists() else ''}")
        try:
            socket.create_connection(("127.0.0.1", port), timeout=1).close()
            return
        except OSError:
            time.sleep(0.05)
    raise RuntimeError("nginx does not answer")
