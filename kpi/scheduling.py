"""Refreshes what is due, again and again, where there is no timer to do it."""

from __future__ import annotations

import datetime as dt
import signal
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path

from kpi import lock, timetable
from kpi.interruption import Interrupted, interruptible
from kpi.narration import brought
from kpi.refresh import Outcome, refresh
from kpi.voice import Voice

# A file that was edited, or a source that failed, is looked at again after a minute at most.
_LONGEST = dt.timedelta(minutes=1)
_SHORTEST = dt.timedelta(seconds=1)
_LOOKS_AT_LOCK = _LONGEST // _SHORTEST


def schedule(
    home: Path,
    voice: Voice,
    now: Callable[[], dt.datetime],
    env: Mapping[str, str],
    wait: Callable[[float], None] = time.sleep,
) -> int:
    """Refreshes whenever something is due, until somebody stops it; nothing else ends it.

    The exit code is 0 for Ctrl-C (SIGINT) and 143 for SIGTERM. `wait` lets seconds pass.
    """
    runs = _Runs(home, voice, now, env, wait)
    try:
        with interruptible():
            while True:
                runs.one()
    except Interrupted as stopped:
        voice.line("Stopped.")
        return 0 if stopped.exit_code == 128 + signal.SIGINT else stopped.exit_code


@dataclass
class _Heard:
    """What a refresh tells; its progress goes on to the terminal."""

    voice: Voice
    lines: list[str] = field(default_factory=list)

    def progress(self, text: str, *, lasting: bool = False) -> None:
        self.voice.progress(text, lasting=lasting)

    def line(self, text: str) -> None:
        self.lines.append(text)


@dataclass
class _Runs:
    """One look after the other at what is due."""

    home: Path
    voice: Voice
    now: Callable[[], dt.datetime]
    env: Mapping[str, str]
    wait: Callable[[float], None]
    told: tuple[str, ...] = ()  # what the last run had to say that brought nothing

    def one(self) -> None:
        """Refreshes if anything may be due, and sleeps until the next source is."""
        if not timetable.is_idle(self.home, self.env, self.now()):
            is_held = self._refresh()
            if is_held:
                self._wait_for_lock()
                return
        moment = self.now()
        due = timetable.read(self.home, self.env) or {}
        # What is due by now has just failed.
        later = [(at, name) for name, at in due.items() if at > moment]
        at, name = min(later, default=(moment + _LONGEST, ""))
        if name:
            self.voice.progress(f"next: {name} at {at:%Y-%m-%d %H:%M:%S} UTC", lasting=True)
        self.wait(max(_SHORTEST, min(at - moment, _LONGEST)).total_seconds())

    def _refresh(self) -> bool:
        """One refresh in one line; whether another process kept it from being one."""
        heard = _Heard(self.voice)
        began = self.now()
        try:
            outcome = refresh(self.home, due=True, voice=heard, now=self.now, env=self.env)
        except Exception as error:
            self._tell_once(began, f"{type(error).__name__} ended this run: see data/refresh.log.")
            return False
        if outcome.exit_code > 128:
            raise Interrupted(outcome.exit_code - 128)
        if outcome.deliveries or outcome.published:
            self.told = ()
            seconds = (self.now() - began).total_seconds()
            self.voice.line(f"{_stamp(began)} {_told(outcome)} in {seconds:.1f} s")
        elif outcome.exit_code:
            self._tell_once(began, *heard.lines)
        return outcome.held

    def _wait_for_lock(self) -> None:
        """Until the other process is done, but no longer than a minute: it may have been killed."""
        for _ in range(_LOOKS_AT_LOCK):
            self.wait(_SHORTEST.total_seconds())
            if lock.looks_free(self.home / "data" / "refresh.lock"):
                return

    def _tell_once(self, moment: dt.datetime, *lines: str) -> None:
        """What stays wrong from one look to the next is told at the first."""
        if lines != self.told:
            self.told = lines
            for line in lines:
                self.voice.line(f"{_stamp(moment)} {line}")


def _told(outcome: Outcome) -> str:
    """One run in one line: "shop: 126 new; desk: failed. It is closed; published edition 7"."""
    parts = [brought(delivery) for delivery in outcome.deliveries]
    if outcome.published is not None:
        parts.append(f"published edition {outcome.published.number}")
    return "; ".join(parts)


def _stamp(moment: dt.datetime) -> str:
    return f"{moment:%Y-%m-%d %H:%M:%S}"
