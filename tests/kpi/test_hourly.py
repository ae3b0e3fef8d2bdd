"""Hours of a metric: its own rows and conditions, on clocks here, and why some have none."""

from __future__ import annotations

import datetime as dt

import numpy as np
import pytest

from kpi.hourly import cannot_be_hourly, hourly, steps_of
from kpi.questions import QuestionRefused
from tests.kpi import asking
from tests.kpi.asking import moment
from tests.kpi.memory import Memory, Rows, vocabulary_text

BERLIN = {"timezone": "Europe/Berlin"}
# Clocks go forward on 29 March 2026, back on 25 October.
SPRING = ("2026-03-27 12:00", "2026-03-31 02:00")


def edition(value: str, *rows: tuple[object, ...], **given: object) -> Memory:
    fresh = str(given.pop("fresh", "2026-04-02"))
    entry = {"m": {"value": f"{value} from events", **given}}
    return asking.edition(entry, *rows, fresh=fresh, calendar=BERLIN)


def by_clock(memory: Memory) -> dict[str, float]:
    """The hours in which something is, as clocks here show them."""
    found = hourly(memory, memory.vocabulary.metrics["m"])
    return {
        str(clock)[:16]: value
        for clock, value in zip(found.clock, found.above, strict=True)
        if value
    }


def test_rows_are_counted_in_the_hour_that_clocks_here_show() -> None:
    memory = edition(
        "count(*)", ("2026-03-27 12:00",), ("2026-03-29 12:59",), ("2026-03-29 13:00",)
    )

    assert by_clock(memory) == {
        "2026-03-27T13:00": 1,
        "2026-03-29T14:00": 1,
        "2026-03-29T15:00": 1,
    }


@pytest.mark.parametrize(
    ("first", "fresh", "hours"),
    [("2026-03-29", "2026-03-30", 23), ("2026-10-25", "2026-10-26", 25)],
)
def test_a_day_on_which_clocks_change_has_one_hour_less_or_more(
    first: str, fresh: str, hours: int
) -> None:
    memory = edition("count(*)", (f"{first} 12:00",), fresh=f"{fresh} 12:00")

    found = hourly(memory, memory.vocabulary.metrics["m"])

    assert len(found.above) == hours


def test_the_hour_that_clocks_show_twice_is_two_hours() -> None:
    memory = edition(
        "count(*)", ("2026-10-25 00:30",), ("2026-10-25 01:30",), fresh="2026-10-26 12:00"
    )

    found = hourly(memory, memory.vocabulary.metrics["m"])

    twice = [v for c, v in zip(found.clock, found.above, strict=True) if str(c)[11:13] == "02"]
    assert twice == [1, 1]


def test_an_hour_begins_on_the_hour_in_a_zone_that_is_half_an_hour_off() -> None:
    memory = asking.edition(
        "count(*)",
        ("2026-03-01 10:29",),
        ("2026-03-01 10:30",),
        fresh="2026-03-04",
        calendar={"timezone": "Asia/Kolkata"},
    )

    assert by_clock(memory) == {"2026-03-01T15:00": 1, "2026-03-01T16:00": 1}


def test_a_count_of_no_rows_is_nothing_and_a_sum_of_none_is_unknown() -> None:
    rows = [(at, None, None, 1) for at in SPRING]
    counted, summed, filled = (
        hourly(memory, memory.vocabulary.metrics["m"]).above
        for memory in (
            edition("count(*)", *rows),
            edition("sum(x)", *rows),
            edition("sum(x)", *rows, empty=0),
        )
    )

    assert np.isfinite(counted).all() and counted.sum() == 2
    assert np.isfinite(summed).sum() == 2
    assert np.isfinite(filled).all() and filled.sum() == 2


def test_conditions_of_the_metric_and_of_its_aggregates_hold() -> None:
    rows = [("2026-03-27 12:00", "EMEA", None, x, None, x > 1) for x in (1, 2, 3)]
    memory = asking.edition(
        {"m": "100 * count_if(ok) / count(ok) from events where x < 3"}, *rows, fresh="2026-04-02"
    )

    found = hourly(memory, memory.vocabulary.metrics["m"])

    assert found.below is not None
    assert (np.nansum(found.above), np.nansum(found.below)) == (100, 2)


def test_a_ratio_of_two_metrics_is_what_is_divided_and_by_what() -> None:
    memory = asking.edition(
        {
            "m": "1000 * (rows / money)",
            "rows": "count(*) from events",
            "money": "sum(money) from events where ok",
        },
        ("2026-03-27 12:00", None, None, 1, 5, True),
        ("2026-03-27 12:10", None, None, 1, 7, False),
        fresh="2026-04-02",
    )

    found = hourly(memory, memory.vocabulary.metrics["m"])

    assert found.below is not None
    assert (np.nansum(found.above), np.nansum(found.below)) == (2000, 5)


def test_a_window_is_laid_aside() -> None:
    memory = edition("count(*)", *((at,) for at in SPRING), window="7 days")

    assert hourly(memory, memory.vocabulary.metrics["m"]).above.sum() == 2


def test_only_days_that_are_told_and_settled_are_taken() -> None:
    memory = asking.edition(
        "count(*)", ("2026-03-01 12:00",), fresh="2026-03-10 12:00", settles_after="2 days"
    )

    found = hourly(memory, memory.vocabulary.metrics["m"])

    assert found.days == (dt.date(2026, 3, 1), dt.date(2026, 3, 7))


def test_a_table_of_days_is_taken_by_the_day() -> None:
    text = vocabulary_text(
        {"m": "sum(x) from visits"}, tables={"visits": {"time": "day"}}, calendar=BERLIN
    )
    rows = [(f"2026-03-{day}", day) for day in range(27, 31)]
    memory = Memory(
        text, {"visits": Rows("day DATE, x INTEGER", rows)}, fresh_until=moment("2026-03-31 12:00")
    )

    found = hourly(memory, memory.vocabulary.metrics["m"])

    assert steps_of(memory, memory.vocabulary.metrics["m"]) == "day"
    assert found.above.tolist() == [27, 28, 29, 30]
    # A day of 23 hours is told from its neighbours by the clock.
    ends = np.array(["2026-03-28T22:59", "2026-03-29T21:59", "2026-03-29T22:00"], "datetime64[s]")
    assert found.indexes(ends).tolist() == [1, 2, 3]


@pytest.mark.parametrize(
    ("value", "given", "reason"),
    [
        ("median(x)", {}, "it takes a median, which hours do not add up to"),
        ("avg(x)", {}, "it takes an average, which hours do not add up to"),
        ("count(distinct x)", {}, "it takes a number of different things"),
        ("sum(x) * sum(x)", {}, "it is neither a sum nor one sum divided by another"),
        ("count(*)", {"as_of": {"from": "at_utc"}}, "it is a level at a moment"),
    ],
)
def test_what_does_not_add_up_is_refused_with_the_reason(
    value: str, given: dict[str, object], reason: str
) -> None:
    memory = edition(value, ("2026-03-27 12:00",), **given)
    metric = memory.vocabulary.metrics["m"]

    assert reason in str(cannot_be_hourly(memory.vocabulary, metric))
    with pytest.raises(QuestionRefused, match="'m' cannot be had hour by hour"):
        hourly(memory, metric)


def test_a_metric_without_any_row_says_so() -> None:
    memory = edition("count(*)")

    with pytest.raises(QuestionRefused, match="no whole day"):
        hourly(memory, memory.vocabulary.metrics["m"])
