"""One way to answer, in a process of its own: asked line by line, so that ways can take turns.

The child's side imports nothing but the standard library: it runs in other Pythons too.
"""

from __future__ import annotations

import importlib.metadata
import json
import resource
import subprocess
import sys
import time
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

PROJECT = Path(__file__).parents[1]
# A month as YYYY-MM-DD, and the numbers of that month.
Row = tuple[Any, ...]


class Refused(Exception):
    """A way does not answer; the text says why."""


@dataclass(frozen=True)
class Cost:
    """What one answer cost: milliseconds by the clock and of CPU, and the peak memory in MB."""

    wall: float
    cpu: float
    peak: float


class Answering:
    """The parent's side: what the child answered first, and what every later answer costs."""

    def __init__(self, process: subprocess.Popen[str]) -> None:
        self._process = process
        told = self._hear()
        if "refused" in told:
            raise Refused(told["refused"])
        self.versions: dict[str, str] = told["versions"]
        self.rows: list[Row] = [tuple(row) for row in told["rows"]]

    def once(self) -> Cost:
        """Lets the child answer once more."""
        assert self._process.stdin is not None
        self._process.stdin.write("\n")
        self._process.stdin.flush()
        return Cost(**self._hear())

    def _hear(self) -> dict[str, Any]:
        assert self._process.stdout is not None
        line = self._process.stdout.readline()
        if not line:
            raise Refused("its process has ended; what it said stands above")
        heard: dict[str, Any] = json.loads(line)
        return heard


@contextmanager
def answering(python: str | Path, module: str, *arguments: str | Path) -> Iterator[Answering]:
    """A module that calls `serve`, run by this Python; raises Refused where it does not answer."""
    command = [python, "-m", module, *arguments]
    with subprocess.Popen(
        command, cwd=PROJECT, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    ) as process:
        assert process.stdin is not None
        try:
            yield Answering(process)
        finally:
            process.stdin.close()


def serve(answer: Callable[[], Iterable[Sequence[Any]]], *distributions: str) -> None:
    """The child's side: answers once, then once for every line, and tells what that cost.

    A row is a month and its numbers. `distributions` are those whose versions matter.
    """
    # Libraries print: what they say must not get between the lines that are read.
    told, sys.stdout = sys.stdout, sys.stderr
    rows = [[str(month)[:10], *map(_plain, numbers)] for month, *numbers in answer()]
    versions = {name: importlib.metadata.version(name) for name in distributions}
    print(json.dumps({"versions": versions, "rows": rows}), file=told, flush=True)
    for _ in sys.stdin:
        cpu, wall = time.process_time(), time.perf_counter()
        answer()
        wall, cpu = time.perf_counter() - wall, time.process_time() - cpu
        cost = {"wall": 1000 * wall, "cpu": 1000 * cpu, "peak": peak()}
        print(json.dumps(cost), file=told, flush=True)


def refuse(reason: str) -> None:
    """The child's side: says that it does not answer."""
    print(json.dumps({"refused": reason}), flush=True)


def peak() -> float:
    """The most memory that this process has held, in MB."""
    if sys.platform == "linux":
        # What `resource` tells here begins with what the parent held.
        lines = Path("/proc/self/status").read_text().splitlines()
        return next(int(line.split()[1]) for line in lines if line.startswith("VmHWM")) / 1024
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024**2


def _plain(number: Any) -> float | None:
    # What a data frame has for no number is not equal to itself.
    return None if number is None or number != number else float(number)
