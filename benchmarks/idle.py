"""What a timer costs that finds nothing due: `kpi refresh --due` in the sample company's home.

Run it with `python -m benchmarks.idle [ROUNDS]`. Every refresh is a process of its own; the figures
are its whole CPU, start-up included, beside that of Python alone, and of the same refresh where it
has to read both files and open the working database to find out.
"""

from __future__ import annotations

import resource
import shutil
import statistics
import subprocess
import sys
import tempfile
from collections.abc import Callable
from pathlib import Path

PROJECT = Path(__file__).parents[1]
ROUNDS = 5


def cpu(*arguments: str) -> float:
    """CPU seconds of one Python process with these arguments, which must end well and silently."""
    before = resource.getrusage(resource.RUSAGE_CHILDREN)
    done = subprocess.run(
        [sys.executable, *arguments], cwd=PROJECT, check=True, capture_output=True, text=True
    )
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    if done.stdout or done.stderr:
        raise RuntimeError(f"It had something to do: {done.stdout}{done.stderr}")
    return after.ru_utime - before.ru_utime + after.ru_stime - before.ru_stime


def main(rounds: int = ROUNDS) -> None:
    """Prints the medians of all three, in turn."""
    with tempfile.TemporaryDirectory() as folder:
        home = Path(folder)
        for name in ("metrics.yaml", "sources.yaml"):
            shutil.copyfile(PROJECT / name, home / name)
        kpi = (sys.executable, "-m", "kpi", "--home", folder)
        for command in ("sample", "refresh"):
            subprocess.run([*kpi, command], cwd=PROJECT, check=True, capture_output=True)

        def idle() -> float:
            return cpu("-m", "kpi", "--home", folder, "refresh", "--due")

        def looking() -> float:
            (home / "data" / "timetable.json").unlink()
            return idle()

        ways: dict[str, Callable[[], float]] = {
            "Python alone": lambda: cpu("-c", "pass"),
            "nothing due": idle,
            "nothing due, without its timetable": looking,
        }
        found = [{name: way() for name, way in ways.items()} for _ in range(rounds)]
    for name in ways:
        print(f"{name:36} {statistics.median(each[name] for each in found):6.3f} s CPU")


if __name__ == "__main__":
    main(int(sys.argv[1]) if len(sys.argv) > 1 else ROUNDS)
