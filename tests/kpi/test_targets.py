"""Targets are held for a level, shared out by day for a flow, and may change from a date on."""

from __future__ import annotations

import datetime as dt
import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from kpi.periods import Calendar, Period, covering, period_of
from kpi.targets import Targets, parse_targets
from kpi.yaml_text import read_yaml

MONDAYS = Calendar("Europe/Berlin")


def day(text: str) -> dt.date:
    return dt.date.fromisoformat(text)


def parse(value: Any, calendar: Calendar = MONDAYS) -> Targets:
    """The targets in a value that has no mistake."""
    document = read_yaml(f"target: {value if isinstance(value, str) else json.dumps(value)}\n", "f")
    targets = parse_targets(document.value["target"], ("target",), document, calendar)
    assert document.problems == []
    assert targets is not None
    return targets


def refusal(text: str) -> str:
    """What is told of a target that cannot be one."""
    document = read_yaml(f"target: {text}\n", "f")
    parse_targets(document.value["target"], ("target",), document, MONDAYS)
    assert len(document.problems) == 1
    return str(document.problems[0])


def value(targets: Targets, grain: str, first: str, calendar: Calendar = MONDAYS) -> float | None:
    return targets.value(calendar, period_of(calendar, grain, day(first)))


# --- levels -------------------------------------------------------------------------------------


@pytest.mark.parametrize("grain", ["day", "week", "month", "quarter", "year"])
def test_a_level_is_the_same_for_every_period(grain: str) -> None:
    assert value(parse(99.9), grain, "2026-05-04") == 99.9


def test_a_level_may_be_zero() -> None:
    assert value(parse(0), "week", "2026-05-04") == 0


def test_a_dated_level_is_the_one_in_force_on_the_last_day() -> None:
    targets = parse("{from 2026-01: 90, from 2026-07-15: 95}")

    assert value(targets, "month", "2026-06-01") == 90
    assert value(targets, "month", "2026-07-01") == 95
    assert value(targets, "day", "2026-07-14") == 90
    assert value(targets, "day", "2026-07-15") == 95


@pytest.mark.parametrize(
    ("written", "first"),
    [
        ("2026", "2026-04-01"),
        ("FY2026", "2026-04-01"),
        ("2026-Q3", "2026-10-01"),
        ("FY2026-Q3", "2026-10-01"),
        ("2026-07", "2026-07-01"),
        ("2026-W30", "2026-07-20"),
    ],
)
def test_a_target_may_begin_with_any_period_of_the_calendar(written: str, first: str) -> None:
    fiscal = Calendar("Europe/Berlin", fiscal_year_starts=4)
    targets = parse(f"{{from {written}: 90}}", fiscal)

    assert targets.steps[0].since == day(first)


def test_before_its_first_date_there_is_no_target() -> None:
    targets = parse("{from 2026-07: 95}")

    assert value(targets, "month", "2026-06-01") is None


def test_dates_may_stand_in_any_order() -> None:
    targets = parse("{from 2026-07: 95, from 2026-01: 90}")

    assert value(targets, "month", "2026-03-01") == 90
    assert value(targets, "month", "2026-08-01") == 95


# --- flows --------------------------------------------------------------------------------------


def test_a_flow_of_the_same_period_is_the_target_itself() -> None:
    assert value(parse("3 per week"), "week", "2026-05-04") == 3


def test_a_flow_is_shared_out_by_day() -> None:
    targets = parse("92_000 per quarter")

    assert value(targets, "day", "2026-07-10") == pytest.approx(1000)
    assert value(targets, "week", "2026-07-13") == pytest.approx(7000)
    assert value(targets, "month", "2026-07-10") == pytest.approx(31_000)


def test_a_week_across_two_quarters_takes_days_from_both() -> None:
    targets = parse("{from 2026-04: 91 per quarter, from 2026-07: 184 per quarter}")

    week = value(targets, "week", "2026-06-29")

    assert week == pytest.approx(2 * 91 / 91 + 5 * 184 / 92)


def test_a_day_of_february_bears_more_in_a_month_of_28() -> None:
    targets = parse("28 per month")

    assert value(targets, "day", "2026-02-10") == pytest.approx(1)
    assert value(targets, "day", "2028-02-10") == pytest.approx(28 / 29)


def test_a_flow_that_changes_within_a_period_changes_on_its_day() -> None:
    targets = parse("{from 2026-01: 30 per month, from 2026-06-11: 60 per month}")

    assert value(targets, "month", "2026-06-01") == pytest.approx(10 * 1 + 20 * 2)


def test_a_flow_that_begins_within_a_period_gives_that_period_none() -> None:
    targets = parse("{from 2026-06-11: 60 per month}")

    assert value(targets, "month", "2026-06-01") is None
    assert value(targets, "week", "2026-06-15") == pytest.approx(14)


def test_a_flow_per_year_follows_the_fiscal_year() -> None:
    targets = parse("365 per year")
    fiscal = Calendar("UTC", fiscal_year_starts=4)

    # The fiscal year from April 2027 on holds 29 February 2028.
    assert value(targets, "day", "2027-03-31", fiscal) == pytest.approx(1)
    assert value(targets, "day", "2027-04-01", fiscal) == pytest.approx(365 / 366)


def test_a_total_bears_its_days() -> None:
    targets = parse("31 per month")

    assert targets.value(MONDAYS, Period("total", day("2026-01-10"), day("2026-01-20"))) == 10


@given(
    start=st.dates(dt.date(2020, 1, 1), dt.date(2030, 1, 1)),
    per=st.sampled_from(["week", "month", "quarter", "year"]),
    week_starts=st.integers(0, 6),
    fiscal=st.integers(1, 12),
)
def test_the_days_of_a_period_bear_its_flow_between_them(
    start: dt.date, per: str, week_starts: int, fiscal: int
) -> None:
    calendar = Calendar("UTC", week_starts, fiscal)
    targets = parse(f"1000 per {per}")
    period = period_of(calendar, per, start)

    days = [targets.value(calendar, d) for d in covering(calendar, "day", period.start, period.end)]

    assert len(days) == period.days
    assert sum(x for x in days if x is not None) == pytest.approx(1000)


# --- mistakes -----------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("lots", "f:1:9: 'lots' is not a target. Write a number, or for a flow:"),
        ("true", "f:1:9: 'True' is not a target."),
        ("[1]", "f:1:9: '[1]' is not a target."),
        (".nan", "f:1:9: 'nan' is not a target."),
        (".inf", "f:1:9: 'inf' is not a target."),
        ("{}", "f:1:9: there is no target in it."),
        ("3 per weeks", "f:1:9: there is no period 'weeks'. Did you mean 'week'?"),
        ("3 per total", "f:1:9: there is no period 'total'. Known: day, week,"),
        ("{2026-07: 5}", "f:1:10: '2026-07' is not a date to begin at. Write: from 2026-07,"),
        ("{from 2026-13: 5}", "f:1:10: 'from 2026-13' is not a date to begin at."),
        ("{from 2026-02-30: 5}", "f:1:10: 'from 2026-02-30' is not a date to begin at."),
        ("{from 2026-07: lots}", "f:1:24: 'lots' is not a target."),
        (
            "{from 2026-01: 5, from 2026-02: 5 per week}",
            "f:1:9: some of these targets name a period and some do not.",
        ),
        (
            "{from 2026-01: 5, from 2026-01-01: 6}",
            "f:1:27: another target begins on 2026-01-01 as well.",
        ),
    ],
)
def test_what_is_no_target_is_refused_at_its_place(text: str, expected: str) -> None:
    assert refusal(text).startswith(expected)


@pytest.mark.parametrize(
    ("text", "fix"),
    [
        ('"8"', "Write it without quotes: 8."),
        ("8%", "Write it without '%': 8."),
        ("8 %", "Write it without '%': 8."),
        ("3,5 EUR", "Write it without 'EUR': 3.5."),
        ("3,5", "Write: 3.5."),
        ("1,200", "Write: 1200."),
        ("1,200 per quarter", "Write: 1200 per quarter."),
        ("60 a week", "Write: 60 per week."),
        ("60/week", "Write: 60 per week."),
        ("60 / Weeks", "Write: 60 per week."),
        ("60 each month", "Write: 60 per month."),
        ("60 weekly", "Write: 60 per week."),
    ],
)
def test_a_target_that_only_people_understand_is_refused_with_how_to_write_it(
    text: str, fix: str
) -> None:
    said = text.strip('"')

    assert refusal(text) == f"f:1:9: '{said}' is not a target. {fix}"


@pytest.mark.parametrize("text", ["300k", "8 hours", "60 a fortnight", "60 a week or so", "<= 3"])
def test_what_may_mean_another_number_is_not_guessed(text: str) -> None:
    fix = "Write a number, or for a flow: 1200000 per quarter."

    assert refusal(text) == f"f:1:9: '{text}' is not a target. {fix}"


def test_a_date_with_nothing_behind_it_is_told_at_the_date() -> None:
    text = "{from 2026-01: 5, from 2026-07: }"

    assert refusal(text) == "f:1:27: 'from 2026-07' is empty. Write a target behind it."
