"""Decides whether a question is asked again, and after how long; waits no longer than allowed."""

from __future__ import annotations

import datetime as dt
import random
import time
from collections.abc import Callable, Mapping

from connectors.contract import SourceError
from connectors.limits import Limits, retry_after

_PASSING = (429, 500, 502, 503, 504)
# A silence takes a whole `timeout` each time, a failure is told at once.
_TRIES = 5
_TRIES_IN_SILENCE = 3
_SHORTEST, _LONGEST_USUAL = 1.0, 60.0


class Patience:
    """What one pull may spend on waiting, over all of its questions.

    A wait beyond it belongs to the next refresh: the other sources are queueing behind this one.
    `waiting` is told of every wait, in seconds, and why.
    """

    def __init__(
        self, total: dt.timedelta, limits: Limits, waiting: Callable[[float, str], None]
    ) -> None:
        self.total = total
        self.limits = limits
        self._left = total.total_seconds()
        self._waiting = waiting

    def wait(self, seconds: float, why: str) -> bool:
        """Waits, or says False at once where that would be too long."""
        if seconds > self._left:
            return False
        self._left -= seconds
        self._waiting(seconds, why)
        time.sleep(seconds)
        return True


class Tries:
    """The tries of one question, of which the first has no wait before it."""

    def __init__(self, patience: Patience, where: str) -> None:
        self._patience = patience
        self._where = where
        self._failed = 0
        self._limited = 0

    def again_after_silence(self) -> bool:
        """Waits after no answer or half of one; False where it is time to give up."""
        self._failed += 1
        if self._failed >= _TRIES_IN_SILENCE:
            return False
        return self._patience.wait(_usual(self._failed), f"{self._where} does not answer")

    def again_after(self, status: int, headers: Mapping[str, str], said: str) -> bool:
        """Waits after an answer that says no; False where it is the last word.

        Raises SourceError where the system names a wait that is too long.
        """
        if self._patience.limits.hit(status, headers, said):
            return self._again_after_a_limit(status, headers)
        if status not in _PASSING:
            return False
        self._failed += 1
        if self._failed >= _TRIES:
            return False
        # A failing system's reset header speaks of its limits; only Retry-After of its failure.
        told = retry_after(headers, time.time()) if status == 503 else None
        return self._wait(told, _usual(self._failed), f"{self._where} has failed ({status})")

    def _again_after_a_limit(self, status: int, headers: Mapping[str, str]) -> bool:
        # However often: as each wait is longer than the one before, patience ends in time.
        told = self._patience.limits.wait(headers, time.time())
        self._limited += 1
        usual = max(self._patience.limits.pause, _usual(self._limited))
        return self._wait(told, usual, f"{self._where} is asked too often ({status})")

    def _wait(self, told: float | None, usual: float, why: str) -> bool:
        if told is None:
            return self._patience.wait(usual, why)
        # Sent away again although we came when we were told to, we do not believe it any more.
        is_first = self._failed + self._limited == 1
        seconds = max(told, _SHORTEST if is_first else usual)
        if self._patience.wait(seconds, why):
            return True
        until = dt.datetime.fromtimestamp(time.time() + seconds, dt.UTC)
        raise SourceError(
            f"{self._where} asks us to wait {seconds:.0f} seconds, until "
            f"{until:%Y-%m-%d %H:%M} UTC.",
            f"A pull waits {self._patience.total.total_seconds() / 60:g} minutes in all: refresh "
            "this source again after that time, and less often with `every`.",
        )


def _usual(times: int) -> float:
    """The wait after so many failures: twice as long each time, and never with everybody else's."""
    grown: float = _SHORTEST * 2 ** min(times - 1, 10)
    return min(grown * random.uniform(1.0, 1.5), _LONGEST_USUAL)
