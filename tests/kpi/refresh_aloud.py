"""Refreshes a home folder once per line of stdin, each in a process of its own, aloud on stdout.

A line that says "publish" pulls nothing.
Forking from a process that has imported everything spares each of many refreshes half a second.
"""

from __future__ import annotations

import os
import sys
from pathlib import Path

import connectors
from kpi.refresh import refresh
from tests.kpi.homes import STAND_INS


class Aloud:
    """A voice without a buffer: what was told is what was begun."""

    def progress(self, text: str, *, lasting: bool = False) -> None:
        os.write(1, f"{text}\n".encode())

    def line(self, text: str) -> None:
        self.progress(text)


def serve(home: Path) -> None:
    """Tells the process of each refresh, what it does, and how it ended."""
    for line in sys.stdin:
        no_pull = line.strip() == "publish"
        child = os.fork()
        if child == 0:
            os.write(1, f"process {os.getpid()}\n".encode())
            os._exit(refresh(home, voice=Aloud(), no_pull=no_pull).exit_code)
        status = os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])
        os.write(1, f"ended {status}\n".encode())


if __name__ == "__main__":
    connectors.__path__.append(STAND_INS)
    serve(Path(sys.argv[1]))
