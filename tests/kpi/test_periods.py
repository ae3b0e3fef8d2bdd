"""Days, weeks, months, quarters and years, in every zone and however the year begins."""

from __future__ import annotations

import datetime as dt

import pytest
from hypothesis import given
from hypothesis import strategies as st

from kpi.periods import (
    DAY,
    FIRST_DAY,
    GRAINS,
    LAST_DAY,
    Calendar,
    covering,
    days,
    period_of,
    step,
)

UTC = Calendar()
SUNDAYS = Calendar(week_starts=6)
JULY = Calendar(fiscal_year_starts=7)


def day(text: str) -> dt.date:
    return dt.date.fromisoformat(text)


def moment(text: str) -> dt.datetime:
    return dt.datetime.fromisoformat(text)


def held(calendar: Calendar, grain: str, text: str) -> tuple[str, str]:
    period = period_of(calendar, grain, day(text))
    return period.start.isoformat(), period.end.isoformat()


# --- which period holds a day -------------------------------------------------------------------


@pytest.mark.parametrize(
    ("calendar", "grain", "of", "expected"),
    [
        (UTC, "day", "2026-02-28", ("2026-02-28", "2026-03-01")),
        (UTC, "week", "2026-11-22", ("2026-11-16", "2026-11-23")),
        (UTC, "week", "2026-11-23", ("2026-11-23", "2026-11-30")),
        (UTC, "week", "2027-01-01", ("2026-12-28", "2027-01-04")),
        (SUNDAYS, "week", "2026-11-22", ("2026-11-22", "2026-11-29")),
        (SUNDAYS, "week", "2026-11-21", ("2026-11-15", "2026-11-22")),
        (UTC, "month", "2028-02-29", ("2028-02-01", "2028-03-01")),
        (UTC, "month", "2026-12-31", ("2026-12-01", "2027-01-01")),
        (UTC, "quarter", "2026-11-21", ("2026-10-01", "2027-01-01")),
        (UTC, "year", "2026-11-21", ("2026-01-01", "2027-01-01")),
        (JULY, "quarter", "2026-11-21", ("2026-10-01", "2027-01-01")),
        (JULY, "year", "2026-06-30", ("2025-07-01", "2026-07-01")),
        (JULY, "year", "2026-07-01", ("2026-07-01", "2027-07-01")),
        (Calendar(fiscal_year_starts=2), "quarter", "2026-01-31", ("2025-11-01", "2026-02-01")),
        (Calendar(fiscal_year_starts=12), "year", "2026-11-30", ("2025-12-01", "2026-12-01")),
    ],
)
def test_a_day_belongs_to_one_period(
    calendar: Calendar, grain: str, of: str, expected: tuple[str, str]
) -> None:
    assert held(calendar, grain, of) == expected


def test_a_fiscal_year_does_not_move_the_months() -> None:
    assert held(JULY, "month", "2026-06-30") == ("2026-06-01", "2026-07-01")


calendars = st.builds(
    Calendar,
    timezone=st.sampled_from(["UTC", "Europe/Berlin", "Australia/Lord_Howe"]),
    week_starts=st.integers(0, 6),
    fiscal_year_starts=st.integers(1, 12),
)
any_day = st.dates(dt.date(1980, 1, 1), dt.date(2090, 1, 1))
grains = st.sampled_from(GRAINS)


@given(calendars, grains, any_day)
def test_a_period_holds_its_day_and_meets_its_neighbours(
    calendar: Calendar, grain: str, of: dt.date
) -> None:
    period = period_of(calendar, grain, of)

    assert period.start <= of < period.end
    assert step(calendar, period, 1).start == period.end
    assert step(calendar, period, -1).end == period.start
    assert period_of(calendar, grain, period.start) == period


@given(calendars, grains, any_day, st.integers(-40, 40))
def test_steps_there_and_back_lead_home(
    calendar: Calendar, grain: str, of: dt.date, count: int
) -> None:
    period = period_of(calendar, grain, of)

    assert step(calendar, step(calendar, period, count), -count) == period


@given(calendars, grains, any_day, st.integers(1, 400))
def test_periods_cover_a_range_without_gap(
    calendar: Calendar, grain: str, start: dt.date, length: int
) -> None:
    end = start + dt.timedelta(days=length)

    periods = list(covering(calendar, grain, start, end))

    assert periods[0].start <= start < periods[0].end
    assert periods[-1].start < end <= periods[-1].end
    assert [p.end for p in periods[:-1]] == [p.start for p in periods[1:]]


# --- zones --------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("zone", "of", "begins", "hours"),
    [
        ("UTC", "2026-03-29", "2026-03-29 00:00", 24),
        ("Europe/Berlin", "2026-03-29", "2026-03-28 23:00", 23),
        ("Europe/Berlin", "2026-10-25", "2026-10-24 22:00", 25),
        ("America/New_York", "2026-03-08", "2026-03-08 05:00", 23),
        ("America/New_York", "2026-11-01", "2026-11-01 04:00", 25),
        # Clocks move by half an hour.
        ("Australia/Lord_Howe", "2026-04-05", "2026-04-04 13:00", 24.5),
        ("Australia/Lord_Howe", "2026-10-04", "2026-10-03 13:30", 23.5),
        # Midnight is skipped: the day begins at one.
        ("America/Sao_Paulo", "2018-11-04", "2018-11-04 03:00", 23),
        ("Africa/Cairo", "2026-04-24", "2026-04-23 22:00", 23),
        # Midnight comes twice: the day begins at the first.
        ("America/Havana", "2026-11-01", "2026-11-01 04:00", 25),
        ("Asia/Kathmandu", "2026-05-01", "2026-04-30 18:15", 24),
    ],
)
def test_a_day_begins_at_its_local_midnight(zone: str, of: str, begins: str, hours: float) -> None:
    calendar = Calendar(zone)

    start = calendar.midnight(day(of))
    end = calendar.midnight(day(of) + dt.timedelta(days=1))

    assert start == moment(begins)
    assert end - start == dt.timedelta(hours=hours)


@given(
    st.sampled_from(["UTC", "Europe/Berlin", "America/New_York", "Australia/Lord_Howe"]),
    st.datetimes(dt.datetime(2000, 1, 1), dt.datetime(2060, 1, 1)),
)
def test_an_instant_lies_between_the_midnights_of_its_local_day(
    zone: str, instant: dt.datetime
) -> None:
    calendar = Calendar(zone)

    local = calendar.local_day(instant)

    assert calendar.midnight(local) <= instant < calendar.midnight(local + dt.timedelta(days=1))


def test_a_clock_shows_local_time() -> None:
    assert Calendar("Europe/Berlin").local_time(moment("2026-07-01 22:30")) == moment(
        "2026-07-02 00:30"
    )


@pytest.mark.parametrize("instant", [dt.datetime.min, dt.datetime.max])
@pytest.mark.parametrize("zone", ["America/New_York", "Europe/Berlin"])
def test_the_ends_of_all_time_have_a_day_in_every_zone(zone: str, instant: dt.datetime) -> None:
    assert abs(Calendar(zone).local_day(instant) - instant.date()) <= dt.timedelta(days=1)


# --- the days that rows meet their periods through -----------------------------------------------


def test_every_day_knows_the_first_day_of_its_week_month_quarter_and_year() -> None:
    calendar = Calendar("Australia/Lord_Howe", 6, 7)
    rows = days(calendar)

    assert [row[0] for row in rows] == [
        FIRST_DAY + offset * DAY for offset in range((LAST_DAY - FIRST_DAY).days)
    ]
    for row in rows[::97]:
        assert row[1:] == tuple(period_of(calendar, grain, row[0]).start for grain in GRAINS[1:])


@pytest.mark.parametrize(
    "zone", ["UTC", "Europe/Berlin", "America/New_York", "Australia/Lord_Howe", "Pacific/Apia"]
)
def test_offsets_give_every_instant_its_local_time(zone: str) -> None:
    calendar = Calendar(zone)
    offsets = calendar.offsets(day("2011-01-01"), day("2013-01-01"))
    instant = offsets[0][0]

    while instant < calendar.midnight(day("2013-01-01")):
        (_, offset) = max(change for change in offsets if change[0] <= instant)
        assert instant + offset == calendar.local_time(instant)
        instant += dt.timedelta(hours=1, minutes=7)


def test_offsets_change_at_the_very_second() -> None:
    offsets = Calendar("Europe/Berlin").offsets(day("2026-01-01"), day("2027-01-01"))

    assert [since for since, _ in offsets[1:]] == [
        dt.datetime(2026, 3, 29, 1),
        dt.datetime(2026, 10, 25, 1),
    ]
