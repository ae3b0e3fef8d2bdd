"""A period that is not over is compared like for like, held against its share, and not judged."""

from __future__ import annotations

import datetime as dt
from collections.abc import Mapping
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from kpi.judge import Status, Verdict
from kpi.periods import DAY, Calendar, period_of, step
from kpi.scorecard import Row, Scorecard, scorecard
from kpi.so_far import scorecard_so_far
from tests.kpi.memory import Memory, Rows, vocabulary_text

CALENDAR = Calendar()
# A Wednesday, the 18th of a month; what is told ends in its morning.
NOW = dt.datetime(2026, 3, 18, 7)
FIRST = dt.date(2025, 9, 1)
METRICS: Mapping[str, Mapping[str, Any]] = {
    "sold": {"value": "sum(x) from sales", "target": "70 per week", "unit": "EUR"},
    "placed": {"value": "count(*) from sales", "good": "down", "target": 3},
    "size": {"value": "avg(x) from sales", "target": 4, "tolerance": 1, "min_sample": 5},
    "calls": {"value": "count(*) from calls"},
    "per_call": {"value": "placed / calls", "side": "joint"},
    "never": {"value": "sum(x) from nothing"},
}
TABLES: Mapping[str, Mapping[str, Any]] = {
    "sales": {"time": "day"},
    "calls": {"time": "day", "settles_after": "2 days"},
    "nothing": {"time": "day"},
}


def company(
    *,
    until: dt.datetime = NOW,
    sales: Mapping[dt.date, list[int]] | None = None,
    calls: Mapping[dt.date, int] | None = None,
) -> Memory:
    """Sales by day and calls by day; without others a sale of 10 and a call a day."""
    days = [FIRST + index * DAY for index in range((NOW.date() - FIRST).days + 1)]
    sold = {day: [10] for day in days} if sales is None else sales
    called = dict.fromkeys(days, 1) if calls is None else calls
    return Memory(
        vocabulary_text(METRICS, tables=TABLES),
        {
            "sales": Rows(
                "day DATE, x INTEGER", [(d, x) for d, many in sold.items() for x in many]
            ),
            "calls": Rows("day DATE", [(d,) for d, many in called.items() for _ in range(many)]),
        },
        fresh_until=until,
        published_at=NOW,
    )


def card(memory: Memory, grain: str = "week") -> Scorecard:
    return scorecard_so_far(memory, scorecard(memory, grain, now=NOW))


def rows(memory: Memory, grain: str = "week") -> dict[str, Row]:
    return {row.metric.name: row for row in card(memory, grain).rows}


def test_the_period_is_the_one_in_which_the_edition_was_published() -> None:
    for grain in ("week", "month", "quarter"):
        found = card(company(), grain)

        assert found.incomplete
        assert found.period == period_of(CALENDAR, grain, NOW.date())


def test_each_metric_stands_at_as_many_days_as_all_its_sources_have_told_of() -> None:
    found = {name: row.days for name, row in rows(company(), "month").items()}

    assert found == {
        "sold": 17,
        "placed": 17,
        "size": 17,
        "calls": 15,
        "per_call": 15,
        "never": 0,
    }


def test_a_number_is_compared_with_the_same_first_days_of_the_period_before() -> None:
    days = [FIRST + index * DAY for index in range(200)]
    # Sales of March are half as large again, and there were none after the 17th of February.
    sales = {
        d: [15 if d >= dt.date(2026, 3, 1) else 10]
        for d in days
        if not dt.date(2026, 2, 17) < d < dt.date(2026, 3, 1)
    }
    found = rows(company(sales=sales), "month")["sold"]

    assert (found.value, found.n) == (17 * 15, 17)
    assert found.change is not None
    assert (found.change.amount, found.change.verdict) == (17 * 5, Verdict.BETTER)


def test_a_flow_is_held_against_the_part_of_its_target_that_its_days_bear() -> None:
    found = rows(company())["sold"]

    assert (found.days, found.value, found.target) == (2, 20, 20)
    assert found.status is Status.ON_TARGET


def test_a_flow_whose_target_names_no_period_is_held_against_none() -> None:
    found = rows(company())["placed"]

    assert (found.value, found.target, found.status) == (2, None, Status.NO_TARGET)


def test_a_rate_is_held_against_its_target_as_it_stands() -> None:
    found = rows(company(), "month")["size"]

    assert (found.value, found.target, found.status) == (10, 4, Status.ON_TARGET)


def test_a_rate_of_a_few_rows_is_too_few_so_far() -> None:
    assert rows(company())["size"].status is Status.TOO_FEW


def test_without_a_whole_day_there_is_no_number_and_no_status() -> None:
    found = rows(company(), "month")["never"]

    assert (found.value, found.n, found.target, found.change) == (None, 0, None, None)
    assert found.status is Status.NO_DATA


def test_rows_that_stand_for_more_than_a_day_have_no_number_so_far() -> None:
    text = vocabulary_text(
        {"planned": {"value": "sum(x) from plans", "target": 9}},
        tables={"plans": {"time": "day", "grain": "month"}},
    )
    plans = Rows("day DATE, x INTEGER", [(dt.date(2026, m, 1), 5) for m in (1, 2, 3)])
    memory = Memory(text, {"plans": plans}, fresh_until=NOW, published_at=NOW)

    found = rows(memory, "month")["planned"]

    assert (found.days, found.value, found.target, found.status) == (0, None, None, Status.NO_DATA)


def test_on_the_first_day_of_a_period_nothing_is_told_yet() -> None:
    found = rows(company(until=dt.datetime(2026, 3, 16, 20)))

    assert {row.days for row in found.values()} == {0}
    assert {row.value for row in found.values()} == {None}


def test_nothing_signals_before_a_period_is_over() -> None:
    days = [FIRST + index * DAY for index in range(200)]
    # The last whole week sold ten times as much, and so does this one.
    sales = {d: [100 if d >= dt.date(2026, 3, 9) else 9 + d.day % 3] for d in days}
    memory = company(sales=sales)
    whole = scorecard(memory, "week", now=NOW)
    found = scorecard_so_far(memory, whole)

    assert whole.signals > 0
    assert (found.signals, found.questions) == (0, ())


def test_the_past_is_that_of_the_last_whole_period() -> None:
    memory = company()
    whole = {r.metric.name: r for r in scorecard(memory, "week", now=NOW).rows}

    for name, row in rows(memory).items():
        assert row.points == whole[name].points
        assert row.judged == whole[name].judged


# --- against plain Python -----------------------------------------------------------------------


@given(
    sales=st.dictionaries(
        st.dates(dt.date(2025, 12, 20), NOW.date()),
        st.lists(st.integers(1, 99), min_size=1, max_size=3),
        max_size=40,
    ),
    told=st.datetimes(dt.datetime(2026, 3, 10), NOW),
    grain=st.sampled_from(["week", "month", "quarter"]),
)
def test_sums_and_counts_are_those_of_the_same_days_counted_by_hand(
    sales: dict[dt.date, list[int]], told: dt.datetime, grain: str
) -> None:
    # The source has told from the first day on, so that a day without a sale is one of nothing.
    sales = {FIRST: [1], **sales}
    found = rows(company(until=told, sales=sales), grain)["sold"]

    period = period_of(CALENDAR, grain, NOW.date())
    before = step(CALENDAR, period, -1)
    days = max((told.date() - period.start).days, 0)

    def total(start: dt.date, end: dt.date) -> int | None:
        within = [x for day, many in sales.items() if start <= day < end for x in many]
        return sum(within) if within else None

    now = total(period.start, period.start + days * DAY) if days else None
    earlier = total(before.start, min(before.start + days * DAY, before.end)) if days else None
    assert found.days == days
    assert found.value == now
    # A week's target of 70 is 10 a day.
    assert found.target == (pytest.approx(10 * days) if days else None)
    if now is None or earlier is None:
        assert found.change is None
    else:
        assert found.change is not None and found.change.amount == now - earlier
