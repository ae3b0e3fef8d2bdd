"""Days, weeks, months, quarters and years of the shared calendar, and their bounds in UTC."""

from __future__ import annotations

import datetime as dt
import re
from collections.abc import Iterator
from dataclasses import dataclass
from functools import lru_cache
from zoneinfo import ZoneInfo

GRAINS = ("day", "week", "month", "quarter", "year")
MONTHS = {"month": 1, "quarter": 3, "year": 12}
# The grains at which rows that each stand for one of these can be asked: itself and whole sums.
COARSER = {
    "day": GRAINS,
    "week": ("week",),
    "month": ("month", "quarter", "year"),
    "quarter": ("quarter", "year"),
    "year": ("year",),
}
DAY = dt.timedelta(days=1)

# The calendar's reach: every fact that a company measures today, and every range worth asking for.
FIRST_DAY = dt.date(1970, 1, 1)
LAST_DAY = dt.date(2100, 1, 1)


@dataclass(frozen=True)
class Calendar:
    """What a day, a week and a year mean here; weeks count from 0 for Monday, months from 1."""

    timezone: str = "UTC"
    week_starts: int = 0
    fiscal_year_starts: int = 1

    def local_day(self, instant: dt.datetime) -> dt.date:
        """The calendar day of a naive UTC instant."""
        try:
            return instant.replace(tzinfo=dt.UTC).astimezone(ZoneInfo(self.timezone)).date()
        except OverflowError:  # the first or last day of all, as some systems write "never"
            return instant.date()

    def local_time(self, instant: dt.datetime) -> dt.datetime:
        """A naive UTC instant as people here read it on the clock."""
        zoned = instant.replace(tzinfo=dt.UTC).astimezone(ZoneInfo(self.timezone))
        return zoned.replace(tzinfo=None)

    def midnight(self, day: dt.date) -> dt.datetime:
        """The naive UTC instant at which a local day begins.

        Where clocks skip midnight, that is the moment they skip; where midnight comes twice, the
        first: `fold=0` gives both (PEP 495).
        """
        return _midnight(self.timezone, day)

    def offsets(self, start: dt.date, end: dt.date) -> tuple[tuple[dt.datetime, dt.timedelta], ...]:
        """How far local clocks are ahead of UTC from [start, end) on, as (since, offset).

        `since` is the naive UTC instant of the change, to the second; the first is the start.
        """
        return _offsets(self.timezone, self.midnight(start), self.midnight(end))


@dataclass(frozen=True, order=True)
class Period:
    """A half-open range of local days, [start, end)."""

    grain: str
    start: dt.date
    end: dt.date

    @property
    def days(self) -> int:
        return (self.end - self.start).days


def period_of(calendar: Calendar, grain: str, day: dt.date) -> Period:
    """The period of this grain that holds the day."""
    if grain == "day":
        return Period(grain, day, day + DAY)
    if grain == "week":
        start = day - DAY * ((day.weekday() - calendar.week_starts) % 7)
        return Period(grain, start, start + 7 * DAY)
    months = MONTHS[grain]
    offset = calendar.fiscal_year_starts - 1 if months > 1 else 0
    count = day.year * 12 + day.month - 1 - offset
    first = count - count % months + offset
    return Period(grain, _month(first), _month(first + months))


def step(calendar: Calendar, period: Period, count: int) -> Period:
    """The period this many steps later; earlier when negative."""
    if period.grain == "day":
        return period_of(calendar, "day", period.start + count * DAY)
    if period.grain == "week":
        return period_of(calendar, "week", period.start + 7 * count * DAY)
    months = period.start.year * 12 + period.start.month - 1 + count * MONTHS[period.grain]
    return period_of(calendar, period.grain, _month(months))


def covering(calendar: Calendar, grain: str, start: dt.date, end: dt.date) -> Iterator[Period]:
    """Every period of this grain that touches [start, end)."""
    period = period_of(calendar, grain, start)
    while period.start < end:
        yield period
        period = step(calendar, period, 1)


def days(calendar: Calendar) -> tuple[tuple[dt.date, ...], ...]:
    """Every day with the first day of its week, month, quarter and year.

    An edition keeps this as a table: rows meet their period through their local day, so that one
    calendar decides everywhere what a week or a fiscal year is.
    """
    count = (LAST_DAY - FIRST_DAY).days
    columns = [[FIRST_DAY + offset * DAY for offset in range(count)]]
    for grain in GRAINS[1:]:
        starts: list[dt.date] = []
        for period in covering(calendar, grain, FIRST_DAY, LAST_DAY):
            first, last = max(period.start, FIRST_DAY), min(period.end, LAST_DAY)
            starts += [period.start] * (last - first).days
        columns.append(starts)
    return tuple(zip(*columns, strict=True))


# An answer asks for the same few midnights for each of its metrics.
@lru_cache(maxsize=4096)
def _midnight(timezone: str, day: dt.date) -> dt.datetime:
    local = dt.datetime(day.year, day.month, day.day, tzinfo=ZoneInfo(timezone), fold=0)
    return local.astimezone(dt.UTC).replace(tzinfo=None)


@lru_cache(maxsize=64)
def _offsets(
    timezone: str, start: dt.datetime, end: dt.datetime
) -> tuple[tuple[dt.datetime, dt.timedelta], ...]:
    zone = ZoneInfo(timezone)

    def offset(instant: dt.datetime) -> dt.timedelta:
        found = instant.replace(tzinfo=dt.UTC).astimezone(zone).utcoffset()
        assert found is not None
        return found

    changes = [(start, offset(start))]
    # No zone has changed its clocks twice within two days.
    while start < end:
        later = min(start + 2 * DAY, end)
        if offset(later) != changes[-1][1]:
            low, high = start, later
            while high - low > dt.timedelta(seconds=1):
                middle = low + dt.timedelta(seconds=round((high - low).total_seconds()) // 2)
                low, high = (low, middle) if offset(middle) != changes[-1][1] else (middle, high)
            changes.append((high, offset(high)))
        start = later
    return tuple(changes)


_PERIOD = re.compile(
    r"(?P<fiscal>FY)?(?P<year>\d{4})"
    r"(?:-Q(?P<quarter>[1-4])|-W(?P<week>\d{2})|-(?P<month>\d{2})(?:-(?P<day>\d{2}))?)?"
)


def parse_period(calendar: Calendar, text: str) -> Period | None:
    """A period as people write it: 2025, 2025-Q1, FY2025-Q3, 2025-W12, 2025-03, 2025-03-14.

    A quarter or a year is the calendar's own, named after the year in which it starts; a week is
    the one that holds the Thursday of the ISO week. None where the text names no period.
    """
    match = _PERIOD.fullmatch(text.strip())
    if match is None or (match["fiscal"] and (match["week"] or match["month"])):
        return None
    year = int(match["year"])
    try:
        if match["week"]:
            day = dt.date.fromisocalendar(year, int(match["week"]), 4)
            return period_of(calendar, "week", day)
        if match["day"]:
            return period_of(calendar, "day", dt.date(year, int(match["month"]), int(match["day"])))
        if match["month"]:
            return period_of(calendar, "month", dt.date(year, int(match["month"]), 1))
        first = period_of(calendar, "year", dt.date(year, calendar.fiscal_year_starts, 1))
        if not match["quarter"]:
            return first
        quarter = period_of(calendar, "quarter", first.start)
        return step(calendar, quarter, int(match["quarter"]) - 1)
    except (ValueError, OverflowError):
        return None


def _month(count: int) -> dt.date:
    return dt.date(count // 12, count % 12 + 1, 1)
