"""A number is compared with the year before, and what has only begun with as many first days."""

from __future__ import annotations

import datetime as dt
from collections.abc import Mapping
from typing import Any

import pytest

from kpi.comparisons import elapsed, first_days, so_far, with_year_before, year_before
from kpi.judge import Verdict
from kpi.periods import DAY, Calendar, Period, period_of
from tests.kpi.memory import Memory, Rows, vocabulary_text

CALENDAR = Calendar()
FIRST, LAST = dt.date(2025, 1, 1), dt.date(2026, 3, 20)


def edition(
    metric: Mapping[str, Any] | None = None,
    *,
    until: dt.datetime = dt.datetime(2026, 3, 18, 7),
    first: dt.date = FIRST,
    table: Mapping[str, Any] | None = None,
) -> Memory:
    """One row a day: 1 on each day of 2025, 2 on each of 2026."""
    count = (LAST - first).days
    days = [first + index * DAY for index in range(count)]
    rows = [(day, day.year - 2024) for day in days]
    text = vocabulary_text(
        {"sold": {"value": "sum(x) from sales", **(metric or {})}},
        tables={"sales": {"time": "day", **(table or {})}},
    )
    return Memory(text, {"sales": Rows("day DATE, x INTEGER", rows)}, fresh_until=until)


def month(year: int, number: int) -> Period:
    return period_of(CALENDAR, "month", dt.date(year, number, 1))


# --- the same period last year ------------------------------------------------------------------


@pytest.mark.parametrize(
    ("grain", "day", "start", "end"),
    [
        ("day", "2024-02-29", "2023-02-28", "2023-03-01"),
        ("day", "2026-03-14", "2025-03-14", "2025-03-15"),
        ("week", "2026-11-16", "2025-11-10", "2025-11-17"),
        ("month", "2026-02-01", "2025-02-01", "2025-03-01"),
        ("quarter", "2026-01-01", "2025-01-01", "2025-04-01"),
        ("year", "2026-01-01", "2025-01-01", "2026-01-01"),
    ],
)
def test_the_same_period_last_year_is_the_one_that_ago_means(
    grain: str, day: str, start: str, end: str
) -> None:
    found = year_before(CALENDAR, period_of(CALENDAR, grain, dt.date.fromisoformat(day)))

    assert (found.start.isoformat(), found.end.isoformat()) == (start, end)


def test_a_month_is_compared_with_the_same_month_last_year() -> None:
    memory = edition()
    found = with_year_before(memory, memory.vocabulary.metrics["sold"], month(2026, 2), 56)

    assert found is not None
    assert (found.value, found.before, found.against) == (56, 28, month(2025, 2))
    assert (found.change.amount, found.change.verdict) == (28, Verdict.BETTER)


def test_a_year_before_that_was_told_of_only_in_part_is_not_compared_with() -> None:
    memory = edition(first=dt.date(2025, 2, 2))

    assert with_year_before(memory, memory.vocabulary.metrics["sold"], month(2026, 2), 56) is None


def test_an_unknown_number_is_compared_with_nothing() -> None:
    memory = edition()

    assert with_year_before(memory, memory.vocabulary.metrics["sold"], month(2026, 2), None) is None


# --- as far into the period before --------------------------------------------------------------


def test_a_month_that_has_only_begun_is_compared_with_as_many_first_days() -> None:
    memory = edition()
    found = so_far(memory, memory.vocabulary.metrics["sold"], month(2026, 3))

    assert found is not None
    assert (found.days, found.against) == (17, month(2026, 2))
    assert (found.value, found.before, found.change.verdict) == (34, 34, Verdict.SAME)


def test_only_whole_days_that_have_settled_are_taken() -> None:
    memory = edition(table={"settles_after": "2 days"})

    assert elapsed(memory, memory.vocabulary.metrics["sold"], month(2026, 3)) == 15


@pytest.mark.parametrize(
    ("told", "days"),
    [((2026, 3, 1, 23), 0), ((2026, 3, 2, 0), 1), ((2026, 3, 31, 23), 30), ((2026, 4, 9, 0), 31)],
)
def test_a_day_counts_once_all_sources_have_told_of_its_end(
    told: tuple[int, ...], days: int
) -> None:
    memory = edition(until=dt.datetime(*told))

    assert elapsed(memory, memory.vocabulary.metrics["sold"], month(2026, 3)) == days


def test_before_its_first_whole_day_a_period_is_compared_with_nothing() -> None:
    memory = edition(until=dt.datetime(2026, 3, 1, 23))

    assert so_far(memory, memory.vocabulary.metrics["sold"], month(2026, 3)) is None


def test_a_shorter_period_before_is_taken_whole() -> None:
    assert first_days(month(2026, 2), 30) == (dt.date(2026, 2, 1), dt.date(2026, 3, 1))
    assert first_days(month(2026, 3), 30) == (dt.date(2026, 3, 1), dt.date(2026, 3, 31))


def test_a_window_ends_with_the_compared_days() -> None:
    memory = edition({"window": "7 days"})
    found = so_far(memory, memory.vocabulary.metrics["sold"], month(2026, 1))

    # January was over long ago; what counts is that 31 days of it end on its last.
    assert found is not None
    assert (found.value, found.before) == (14, 7)


def test_rows_that_stand_for_more_than_a_day_are_not_cut_into_days() -> None:
    memory = edition(table={"grain": "week"})
    week = period_of(CALENDAR, "week", dt.date(2026, 3, 16))

    assert so_far(memory, memory.vocabulary.metrics["sold"], week) is None
