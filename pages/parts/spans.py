"""Spans and moments of sources in words: 'every day', 'Sun 22 Nov, 06:02'."""

from __future__ import annotations

import datetime as dt

from kpi.formats import Formats

_UNITS = (("week", 7 * 86400), ("day", 86400), ("hour", 3600), ("minute", 60), ("second", 1))


def every(span: dt.timedelta | None) -> str:
    """How often a source promises to be read: 'every day', 'every 15 minutes', 'by hand'."""
    if span is None:
        return "by hand"
    return f"every {length(span).removeprefix('1 ')}"


def length(span: dt.timedelta) -> str:
    """A span in its largest whole unit: '1 day', '15 minutes'."""
    seconds = int(span.total_seconds())
    unit, size = next((u, s) for u, s in _UNITS if s == 1 or (seconds >= s and seconds % s == 0))
    count = seconds // size
    return f"{count} {unit}" if count == 1 else f"{count} {unit}s"


def moment(formats: Formats, at: dt.datetime, now: dt.datetime) -> str:
    """A naive UTC moment on clocks here: 'Sun 22 Nov, 06:02', with its year if it is another."""
    local, here = (formats.calendar.local_time(each) for each in (at, now))
    return formats.moment(at, year=local.year != here.year)
