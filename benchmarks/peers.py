"""Other metric layers, each installed into an environment of its own below `benchmarks/data`.

Install them with `python -m benchmarks.peers [NAME]...`; whoever compares with one installs it by
itself. They are measured, never imported: each answers in a process of its own Python.
"""

from __future__ import annotations

import hashlib
import importlib.metadata
import shutil
import subprocess
import sys
import venv
from pathlib import Path

DATA = Path(__file__).with_name("data")
# The same database below all of them, so that only what they make of it differs.
_DUCKDB = f"duckdb=={importlib.metadata.version('duckdb')}"
REQUIREMENTS: dict[str, tuple[str, ...]] = {
    "boring-semantic-layer": (
        "boring-semantic-layer==0.3.18",
        "ibis-framework[duckdb]==11.0.0",
        _DUCKDB,
    ),
    "MetricFlow": (
        "dbt-metricflow==0.15.0",
        "dbt-core==1.11.16",
        "dbt-duckdb==1.11.1",
        _DUCKDB,
    ),
    "Sidemantic": ("sidemantic==0.13.0", _DUCKDB),
}
_TIME_LIMIT = 900  # seconds for one installation


class NotInstalled(Exception):
    """A peer cannot be had here; the text says why."""


def python_of(name: str) -> Path:
    """The Python of a peer's environment, which is made where it is not there; or NotInstalled."""
    requirements = REQUIREMENTS[name]
    made_from = f"{sys.version_info[:2]} {requirements}"
    digest = hashlib.sha256(made_from.encode()).hexdigest()[:8]
    folder = DATA / "peers" / f"{name.lower()}-{digest}"
    python = folder / "bin" / "python"
    if (folder / "complete").exists():
        return python
    print(f"Installing {', '.join(requirements)}; once.", flush=True)
    shutil.rmtree(folder, ignore_errors=True)
    try:
        venv.create(folder, with_pip=True)
        pip = (str(python), "-m", "pip", "install", "--quiet", "--disable-pip-version-check")
        subprocess.run(
            (*pip, *requirements), check=True, capture_output=True, text=True, timeout=_TIME_LIMIT
        )
    except subprocess.CalledProcessError as error:
        said = [line for line in error.stderr.splitlines() if line.startswith("ERROR")]
        raise NotInstalled(said[0] if said else str(error)) from error
    except (OSError, subprocess.TimeoutExpired) as error:
        raise NotInstalled(str(error)) from error
    (folder / "complete").touch()
    return python


def main(names: list[str]) -> int:
    """Installs these, or all; the exit code is 1 where one cannot be had."""
    missing = 0
    for name in names or REQUIREMENTS:
        try:
            print(f"{name:22} {python_of(name)}")
        except NotInstalled as error:
            missing += 1
            print(f"{name:22} cannot be installed: {error}")
    return min(missing, 1)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
