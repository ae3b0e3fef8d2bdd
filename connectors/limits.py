"""Understands how a system says that it is asked too often, and when it may be asked again."""

from __future__ import annotations

import datetime as dt
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from email.utils import parsedate_to_datetime
from typing import Literal

Form = Literal["epoch seconds", "seconds", "timestamp", "http date"]

# No limit lasts longer: such a number is in another unit than the one that was declared.
_LONGEST = 32 * 86400
_NUMBER = re.compile(r"\s*(\d{1,15}(?:\.\d{1,9})?)\s*")


@dataclass(frozen=True)
class Limits:
    """A system's own way to say that it is asked too often.

    `reset` names the header that says when to ask again, `form` how it says so: as epoch seconds,
    as seconds to wait, as an ISO 8601 timestamp or as an HTTP date. `remaining` names the header
    that says how many questions are left: where some are, `reset` speaks of another limit than the
    one that was hit. Status 429 always means a limit; with `forbidden` a 403 does too, where it
    comes with Retry-After, with nothing remaining, or with `words` (a regular expression) in its
    text. `pause` is the shortest wait, in seconds, where the answer names none. `longer` is a
    second limit with headers of its own, such as one a day beside one a minute: where nothing is
    left of it, it is the one to wait for. Retry-After, in seconds or as a date (RFC 9110, 10.2.3),
    goes before everything else.
    """

    reset: str | None = None
    form: Form = "seconds"
    remaining: str | None = None
    forbidden: bool = False
    words: str | None = None
    pause: float = 1.0
    longer: Limits | None = None

    def hit(self, status: int, headers: Mapping[str, str], said: str) -> bool:
        """Whether an answer says that a limit was hit; `said` are the system's own words."""
        if status == 429:
            return True
        if status != 403 or not self.forbidden:
            return False
        by_words = self.words is not None and re.search(self.words, said, re.IGNORECASE) is not None
        return "Retry-After" in headers or self._left(headers) == 0 or by_words

    def wait(self, headers: Mapping[str, str], now: float) -> float | None:
        """How many seconds to wait after a limit was hit; None where that is not understood.

        `now` is our clock (epoch seconds), which counts only where the system shows none.
        """
        told = retry_after(headers, now)
        if told is None and self.longer is not None and self.longer._left(headers) == 0:
            return self.longer.wait(headers, now)
        if told is not None or self.reset is None or self._left(headers):
            return told
        return _until(headers.get(self.reset, ""), self.form, system_time(headers, now))

    def _left(self, headers: Mapping[str, str]) -> float | None:
        return _number(headers.get(self.remaining, "")) if self.remaining else None


def retry_after(headers: Mapping[str, str], now: float) -> float | None:
    """The seconds to wait that Retry-After names, as a number or as a date; None for no sense."""
    text, now = headers.get("Retry-After", ""), system_time(headers, now)
    seconds = _until(text, "seconds", now)
    return _until(text, "http date", now) if seconds is None else seconds


def system_time(headers: Mapping[str, str], now: float) -> float:
    """The system's clock where it shows it, for ours may be minutes off."""
    return _http_date(headers.get("Date", "")) or now


def _until(text: str, form: Form, now: float) -> float | None:
    moment = _FORMS[form](text)
    if moment is None:
        return None
    seconds = moment if form == "seconds" else moment - now
    return seconds if 0 < seconds <= _LONGEST else None


def _number(text: str) -> float | None:
    match = _NUMBER.fullmatch(text)
    return float(match[1]) if match else None


def _timestamp(text: str) -> float | None:
    try:
        return _epoch(dt.datetime.fromisoformat(text.strip()))
    except (ValueError, OverflowError):
        return None


def _http_date(text: str) -> float | None:
    try:
        return _epoch(parsedate_to_datetime(text))
    except (ValueError, TypeError, OverflowError):
        return None


def _epoch(time: dt.datetime) -> float:
    aware = time if time.tzinfo else time.replace(tzinfo=dt.UTC)
    return aware.timestamp()


_FORMS: Mapping[Form, Callable[[str], float | None]] = {
    "epoch seconds": _number,
    "seconds": _number,
    "timestamp": _timestamp,
    "http date": _http_date,
}
