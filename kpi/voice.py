"""Tells on stderr what a long command is doing: one line redrawn in place, and lines that stay."""

from __future__ import annotations

import shutil
import sys
import time
from typing import Protocol, TextIO

_REDRAW_EVERY = 0.1  # seconds; faster than this nobody reads
_CLEAR_LINE = "\r\x1b[2K"


class Voice(Protocol):
    """What a command tells while it works."""

    def progress(self, text: str, *, lasting: bool = False) -> None:
        """What is being done now; the next text takes its place, in a while where it is lasting."""

    def line(self, text: str) -> None:
        """Something that stays."""


class TerminalVoice:
    """Redraws progress on a terminal; anywhere else only the lines that stay are written."""

    def __init__(self, stream: TextIO | None = None) -> None:
        self._stream = stream or sys.stderr
        self._drawn = False
        self._next = 0.0

    def progress(self, text: str, *, lasting: bool = False) -> None:
        """Draws the text over the one before it, cut to the terminal's width."""
        moment = time.monotonic()
        # What lasts would be missing from the screen for as long as it does.
        if not self._stream.isatty() or (moment < self._next and not lasting):
            return
        width = shutil.get_terminal_size().columns - 1
        self._stream.write(_CLEAR_LINE + text[:width])
        self._stream.flush()
        self._drawn = True
        self._next = moment + _REDRAW_EVERY

    def line(self, text: str) -> None:
        """Writes a line that stays, in place of the progress."""
        if self._drawn:
            self._stream.write(_CLEAR_LINE)
            self._drawn = False
        self._stream.write(text + "\n")
        self._stream.flush()


class Progress:
    """Rows so far as rate and time left, for one source."""

    def __init__(self, voice: Voice, source: str) -> None:
        self._voice = voice
        self._source = source
        self._started = time.monotonic()
        self._doing = "asking"
        self._rows = ""

    def doing(self, what: str) -> None:
        """What is being done with the rows now: asking, landing, comparing."""
        self._doing = what
        self._tell()

    def rows(self, done: int, total: int | None) -> None:
        """How many rows there are so far, and in all where that is known."""
        rate = done / max(time.monotonic() - self._started, 0.001)
        self._rows = f", {done:,} rows, {rate:,.0f} rows/s"
        if total and rate:
            self._rows += f", {_duration(max(total - done, 0) / rate)} left"
        self._tell()

    def waiting(self, seconds: float, why: str) -> None:
        """For how long the source is waited for, and why."""
        text = f"{self._source}: waiting {_duration(seconds)}, {why}"
        self._voice.progress(text, lasting=True)

    def seconds(self) -> float:
        """How long it has taken so far."""
        return time.monotonic() - self._started

    def _tell(self) -> None:
        self._voice.progress(f"{self._source}: {self._doing}{self._rows}")


def _duration(seconds: float) -> str:
    if seconds < 60:
        return f"{seconds:.0f} s"
    if seconds < 3600:
        return f"{seconds // 60:.0f} min {seconds % 60:.0f} s"
    return f"{seconds // 3600:.0f} h {seconds % 3600 // 60:.0f} min"
