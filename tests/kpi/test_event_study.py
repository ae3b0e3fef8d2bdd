"""What events did to a metric, against an independent computation by pandas."""

from __future__ import annotations

from zoneinfo import ZoneInfo

import numpy as np
import pandas as pd
import pytest
from scipy import stats

from kpi.event_study import AROUND, EDGE, ENOUGH_EVENTS, NOT_USUAL, TOO_NEAR, UNKNOWN, cost
from kpi.hourly import Hourly
from kpi.vocabulary_file import load_vocabulary
from tests.kpi.memory import vocabulary_text

METRIC = load_vocabulary(
    vocabulary_text({"m": "count(*) from events"}, tables={"events": {"time": "at"}})
).metrics["m"]
HOUR = np.timedelta64(1, "h")
HOURS = AROUND["hour"]
BERLIN = ZoneInfo("Europe/Berlin")
START = np.datetime64("2026-01-05T00:00:00")


def hourly(above: np.ndarray, below: np.ndarray | None = None, zone: str = "UTC") -> Hourly:
    """So many hours from a Monday on, as clocks of a zone show them."""
    began = START + np.arange(len(above)) * HOUR
    local = pd.DatetimeIndex(began, tz="UTC").tz_convert(zone).tz_localize(None)
    clock = local.to_numpy().astype("datetime64[s]")
    return Hourly(METRIC, "hour", began, clock, began[-1] + HOUR, above, below)


def at(*hours: int) -> np.ndarray:
    return START + np.array(hours) * HOUR + np.timedelta64(600, "s")


def apart(count: int, first: int = 168 * 3 + 50, every: int = 79) -> list[int]:
    """Hours of events that do not touch each other, spread over the hours of the week."""
    return [first + every * number for number in range(count)]


def weekly(draw: np.random.Generator, weeks: int) -> np.ndarray:
    """Orders by the hour: a course of the week, growth, and chance."""
    hours = np.arange(168 * weeks)
    shape = 10 + 6 * np.sin(2 * np.pi * (hours % 24) / 24) + 3 * (hours % 168 > 120)
    return draw.poisson(shape * (1 + 0.3 * hours / len(hours))).astype(float)


# --- the number is right -----------------------------------------------------------------------


def by_pandas(
    values: pd.Series, events: list[pd.Timestamp], every: list[pd.Timestamp]
) -> pd.DataFrame:
    """A row an event, a column an hour after it: how far from the usual, by clocks of Berlin."""
    local = values.index.tz_convert(BERLIN).tz_localize(None)
    touched = pd.Series(False, index=values.index)
    for event in every:
        touched[event : event + pd.Timedelta(hours=HOURS.after)] = True
    clean = pd.Series(values.where(~touched).to_numpy(), index=local)
    clean = clean[~clean.index.duplicated()]
    rows = {}
    for event in events:
        row = {}
        for hour in range(-HOURS.before, HOURS.after + 1):
            instant = event + pd.Timedelta(hours=hour)
            clock = instant.tz_convert(BERLIN).tz_localize(None)
            sides = {}
            for side in (-1, 1):
                weeks = [side * week for week in range(1, 7)]
                there = clean.reindex([clock + pd.Timedelta(weeks=week) for week in weeks])
                there.index = pd.Index(weeks)
                told = there.dropna()
                sides[np.mean(told.index)] = told.mean()
            row[hour] = values[instant] - np.interp(0, list(sides), list(sides.values()))
        rows[event] = row
    return pd.DataFrame(rows).T


@pytest.mark.parametrize("first", [168 * 9, 168 * 40])
def test_each_hours_mean_and_interval_is_what_pandas_and_scipy_compute(first: int) -> None:
    """The first run crosses the spring change of clocks, the second the autumn one."""
    values = weekly(np.random.default_rng(first), 60)
    events = apart(14, first)
    found = cost(hourly(values, zone="Europe/Berlin"), at(*events))

    index = pd.date_range(START, periods=len(values), freq="h", tz="UTC")
    moments = [index[hour] for hour in events]
    table = by_pandas(pd.Series(values, index), moments, moments)
    assert found.events == len(table) == 14
    for hour, effect in zip(found.offsets, found.hours, strict=True):
        column = table[hour]
        low, high = stats.t.interval(
            0.95, len(column) - 1, loc=column.mean(), scale=stats.sem(column)
        )
        assert (effect.mean, effect.low, effect.high) == pytest.approx((column.mean(), low, high))
    total = table[range(HOURS.first)].sum(axis=1)
    low, high = stats.t.interval(0.95, 13, loc=total.mean(), scale=stats.sem(total))
    assert found.total is not None
    assert (found.total.mean, found.total.low, found.total.high) == pytest.approx(
        (total.mean(), low, high)
    )


def test_a_ratio_is_a_ratio_of_sums_over_all_events() -> None:
    draw = np.random.default_rng(3)
    below = weekly(draw, 40) + 1
    above = draw.binomial(below.astype(int), 0.1).astype(float)
    events = apart(12)
    for hour in events:
        above[hour : hour + 8] = 0.3 * below[hour : hour + 8]

    found = cost(hourly(above, below), at(*events))

    hours = np.array(events)[:, None] + np.arange(8)
    assert found.total is not None and not found.is_sum
    seen = above[hours].sum() / below[hours].sum()
    assert found.total.mean == pytest.approx(seen - found.usual)
    assert found.total.mean == pytest.approx(0.2, abs=0.02)
    assert found.control is not None and not found.control.is_clear


def test_growth_is_no_effect() -> None:
    hours = np.arange(168 * 60, dtype=float)

    found = cost(hourly(hours), at(*apart(30)))

    assert found.total is not None
    assert found.total.mean == pytest.approx(0, abs=1e-6 * hours[-1])


# --- how sure it is ------------------------------------------------------------------------------


@pytest.mark.slow
@pytest.mark.parametrize("lost", [0.0, 0.4])
def test_the_interval_holds_the_planted_effect_as_often_as_it_says(lost: float) -> None:
    draw = np.random.default_rng(5)
    held, called, runs = 0, 0, 200
    for _ in range(runs):
        values = weekly(draw, 60)
        events = apart(40)
        taken = 0.0
        for hour in events:
            kept = draw.binomial(values[hour : hour + 8].astype(int), 1 - lost)
            taken += (kept - values[hour : hour + 8]).sum()
            values[hour : hour + 8] = kept
        total = cost(hourly(values), at(*events)).total
        assert total is not None
        held += total.low < taken / len(events) < total.high
        called += total.is_clear

    assert held / runs > 0.91
    assert called / runs > 0.95 if lost else called / runs < 0.09


def test_many_costs_at_once_widen_the_interval() -> None:
    values = hourly(weekly(np.random.default_rng(1), 40))

    alone, among = (cost(values, at(*apart(15)), compared=n).total for n in (1, 6))

    assert alone is not None and among is not None
    assert among.low < alone.low < alone.high < among.high


# --- which events count --------------------------------------------------------------------------


def test_events_too_near_to_each_other_are_left_out_and_counted() -> None:
    events = apart(12)
    near = [events[3] + HOURS.after, events[7] - HOURS.before - HOURS.first]

    found = cost(hourly(weekly(np.random.default_rng(1), 40)), at(*sorted([*events, *near])))

    # The one that comes late enough after another is used, the one before it is not.
    assert found.left_out[TOO_NEAR] == 3
    assert found.events == 11


def test_two_events_of_one_hour_are_too_near() -> None:
    events = apart(12)

    found = cost(hourly(weekly(np.random.default_rng(1), 40)), at(*events, events[0]))

    assert (found.left_out[TOO_NEAR], found.events) == (2, 11)


def test_events_at_the_edge_are_left_out_and_those_beyond_it_are_none() -> None:
    last = 168 * 40 - 1
    events = [HOURS.before - 1, *apart(12), last - HOURS.after + 1, last + 500]

    found = cost(hourly(weekly(np.random.default_rng(1), 40)), at(*events))

    assert found.left_out == {EDGE: 2}


def test_an_event_without_usual_weeks_on_both_sides_is_left_out() -> None:
    events = [168 + 50, *apart(12)]

    found = cost(hourly(weekly(np.random.default_rng(1), 40)), at(*events))

    assert found.left_out == {NOT_USUAL: 1}


def test_the_hours_of_another_event_are_not_usual() -> None:
    values = np.full(168 * 40, 10.0)
    events = apart(20)
    for hour in events:
        values[hour : hour + HOURS.after + 1] = 0

    found = cost(hourly(values), at(*events))

    assert found.total is not None
    assert found.usual == 10
    assert found.total.mean == -10 * HOURS.first


def test_an_unknown_hour_leaves_its_event_out_and_is_no_usual_one() -> None:
    values = weekly(np.random.default_rng(1), 40)
    events = apart(12)
    values[events[2] + 5] = np.nan

    found = cost(hourly(values), at(*events))

    assert found.left_out == {UNKNOWN: 1}
    assert all(np.isfinite(effect.mean) for effect in found.hours)


def test_too_few_events_have_no_effect() -> None:
    found = cost(hourly(weekly(np.random.default_rng(1), 40)), at(*apart(ENOUGH_EVENTS - 1)))

    assert (found.events, found.hours, found.total) == (ENOUGH_EVENTS - 1, (), None)


def test_no_event_at_all_has_no_effect() -> None:
    found = cost(hourly(weekly(np.random.default_rng(1), 40)), at())

    assert (found.events, found.left_out, found.total) == (0, {}, None)


def test_days_are_held_against_the_same_days_of_the_week() -> None:
    days = np.arange(400)
    clock = np.datetime64("2026-01-05T00:00:00") + days * np.timedelta64(1, "D")
    values = 100.0 + 50 * (days % 7 >= 5)
    events = [40 + 17 * number for number in range(15)]
    for day in events:
        values[day] -= 30
    daily = Hourly(METRIC, "day", clock, clock, clock[-1] + np.timedelta64(1, "D"), values, None)

    found = cost(daily, clock[events] + np.timedelta64(3, "h"))

    assert found.total is not None
    assert found.total.mean == pytest.approx(-30)
    assert found.hours[AROUND["day"].before].mean == pytest.approx(-30)
    assert found.usual == pytest.approx(100 + 50 * 2 / 7, abs=15)


def test_the_hour_of_an_event_is_counted_from_its_own_start() -> None:
    values = np.full(168 * 40, 10.0)
    events = apart(12)
    values[events] = 4

    found = cost(hourly(values), at(*events))

    assert found.hours[HOURS.before].mean == -6
