"""Which rows a period takes: its own, those of a window, those open at its end, the latest."""

from __future__ import annotations

import datetime as dt
import re
from dataclasses import dataclass

from dateutil.relativedelta import relativedelta

from kpi.periods import DAY, MONTHS, Calendar, Period, period_of

SPAN = re.compile(r"([0-9]{1,5}) (day|week|month|quarter|year)s?")
_DAYS = {"day": 1, "week": 7}
# Looking back ends here: nothing that a company measures is older.
_EARLIEST = dt.date(1900, 1, 1)


@dataclass(frozen=True)
class Span:
    """A length of calendar time: '90 days', '1 year'."""

    count: int
    unit: str

    def before(self, day: dt.date) -> dt.date:
        """The same day that much earlier, clipped to the month's last (31 March -> 28 February)."""
        try:
            if self.unit in _DAYS:
                earlier = day - dt.timedelta(days=self.count * _DAYS[self.unit])
            else:
                earlier = day - relativedelta(months=self.count * MONTHS[self.unit])
        except (OverflowError, ValueError):  # before the year 1
            return _EARLIEST
        return max(earlier, _EARLIEST)

    def __str__(self) -> str:
        return f"{self.count} {self.unit}{'s' * (self.count != 1)}"


@dataclass(frozen=True)
class Own:
    """The rows of the period itself."""


@dataclass(frozen=True)
class Window:
    """The rows of a length of time that ends with the period; None reaches back to the first."""

    span: Span | None


@dataclass(frozen=True)
class ToDate:
    """The rows from the start of the month, quarter or year in which the period ends."""

    unit: str


@dataclass(frozen=True)
class AsOf:
    """The rows that are open when the period ends; without `end` they never close."""

    start: str
    end: str | None


@dataclass(frozen=True)
class Latest:
    """Each entity's last rows at or before the end of the period, or only those within it."""

    per: str
    carry: bool = True


Reach = Own | Window | ToDate | AsOf | Latest
# Neighbouring periods of these share rows, so that each says again what the one before has said.
OVERLAPPING = (Window, ToDate)


def parse_span(text: str) -> Span | None:
    """'90 days' as a span; None where the text is none."""
    match = SPAN.fullmatch(text.strip())
    return Span(int(match[1]), match[2]) if match and int(match[1]) > 0 else None


def first_day(calendar: Calendar, reach: Reach, period: Period) -> dt.date | None:
    """The first local day whose rows a period can take; None where it reaches back to the first."""
    match reach:
        case Window(span):
            return span.before(period.end) if span else None
        case ToDate(unit):
            return period_of(calendar, unit, period.end - dt.timedelta(days=1)).start
        case AsOf():
            return None
        case Latest(_, carry):
            return None if carry else period.start
        case Own():
            return period.start


def earlier(calendar: Calendar, period: Period, span: Span) -> Period | None:
    """The period that much earlier; None where the span is no whole number of such periods.

    Days and weeks also take months and years: a day is clipped to the month's last, a week is the
    one that holds its shifted first day. A total shifts both its ends and keeps at least a day.
    """
    if period.grain == "total":
        start = span.before(period.start)
        return Period("total", start, max(span.before(period.end), start + DAY))
    months = span.count * MONTHS.get(span.unit, 0)
    if period.grain in MONTHS and (not months or months % MONTHS[period.grain]):
        return None
    if period.grain == "week" and span.unit == "day" and span.count % 7:
        return None
    return period_of(calendar, period.grain, span.before(period.start))
