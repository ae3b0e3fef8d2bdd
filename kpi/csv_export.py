"""Writes rows as a CSV file that spreadsheets open without harm."""

from __future__ import annotations

import csv
import datetime as dt
import io
from collections.abc import Iterable, Sequence
from typing import Any
from zoneinfo import ZoneInfo

from kpi.periods import Calendar

# A spreadsheet runs a cell that begins so as a formula; an apostrophe makes it a text again.
_FORMULA = ("=", "+", "-", "@", "\t", "\r")


def csv_text(names: Sequence[str], rows: Iterable[Sequence[Any]], calendar: Calendar) -> str:
    """The rows as CSV (RFC 4180): times in the calendar's zone with their offset, None empty."""
    written = io.StringIO()
    writer = csv.writer(written)
    zone = ZoneInfo(calendar.timezone)
    writer.writerow([_plain(name, zone) for name in names])
    writer.writerows([_plain(value, zone) for value in row] for row in rows)
    return written.getvalue()


def _plain(value: Any, zone: ZoneInfo) -> str:
    if value is None:
        return ""
    if isinstance(value, bool):
        return str(value).lower()
    if isinstance(value, dt.datetime):
        return _clock(value, zone)
    text = str(value)
    if isinstance(value, str) and text.startswith(_FORMULA):
        return "'" + text
    return text


def _clock(instant: dt.datetime, zone: ZoneInfo) -> str:
    utc = instant.replace(tzinfo=dt.UTC)
    try:
        return utc.astimezone(zone).isoformat()
    except OverflowError:  # the first or last moment of all, as some systems write "never"
        return utc.isoformat()
