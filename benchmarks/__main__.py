"""Runs every benchmark, one after another, on small data: `python -m benchmarks [NAME]...`."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

# Name -> the arguments that keep it short; each module says what it can be given.
BENCHMARKS: dict[str, tuple[str, ...]] = {
    "landing": ("--rows", "100000", "--rounds", "3"),
    "sql": ("100000",),
    "paging": ("50000",),
    "questions": (),
    "compiling": (),
    "publishing": ("1000000",),
    "checking": ("200",),
    "idle": ("3",),
    "pages": ("20", "100"),
    "load": ("--short",),
}
PROJECT = Path(__file__).parents[1]


def main(names: list[str]) -> int:
    """Runs these, or all; the exit code is 1 where one failed."""
    unknown = [name for name in names if name not in BENCHMARKS]
    if unknown:
        print(f"There is no benchmark {', '.join(unknown)}. Known: {', '.join(BENCHMARKS)}.")
        return 2
    for name in BENCHMARKS:
        print(f"{name:10} python -m benchmarks.{name} {' '.join(BENCHMARKS[name])}")
    failed = 0
    for name in names or BENCHMARKS:
        print(f"\n--- {name} ---", flush=True)
        command = [sys.executable, "-m", f"benchmarks.{name}", *BENCHMARKS[name]]
        failed += subprocess.run(command, cwd=PROJECT).returncode != 0
    return min(failed, 1)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
