"""A metric is judged since it last changed its meaning, and on each period's own rows."""

from __future__ import annotations

import datetime as dt
from typing import Any

import pytest

from kpi.answers import ask
from kpi.judge import Status, Stretch, judge
from kpi.periods import Period
from kpi.questions import Question
from kpi.scorecard import breaks
from tests.kpi.memory import Memory, Rows, vocabulary_text
from tests.kpi.scorecards import LAST_WEEK, PUBLISHED, ROUTINE, WEEK, card, edition, row

STEPPED = [*[value + 100 for value in ROUTINE], *ROUTINE]
CHANGE = LAST_WEEK - 19 * WEEK  # the first of the last twenty weeks


def stepped(changed: dict[str, str], **described: Any) -> Memory:
    """A metric that fell by 100 twenty weeks ago."""
    return edition({"m": STEPPED}, {"m": {"changed": changed, **described}})


def answers(weekly: list[tuple[int, int]], **described: Any) -> Memory:
    """Of each week, how many of so many answers were good; the last week is the last whole one."""
    rows = []
    for age, (good, count) in enumerate(reversed(weekly)):
        day = LAST_WEEK - age * WEEK + dt.timedelta(days=2)
        rows += [(day, number < good) for number in range(count)]
    liked = {
        "value": "100 * count_if(good) / count(good) from answers",
        "window": "4 weeks",
        "margin": "share",
        **described,
    }
    text = vocabulary_text({"liked": liked}, tables={"answers": {"time": "day"}})
    first = (dt.date(2025, 1, 1), None)
    return Memory(
        text,
        {"answers": Rows("day DATE, good BOOLEAN", [first, *rows])},
        fresh_until=PUBLISHED,
        published_at=PUBLISHED,
    )


# --- where a new stretch begins -----------------------------------------------------------------


def weeks(count: int) -> list[Period]:
    starts = [LAST_WEEK + (index - count + 1) * WEEK for index in range(count)]
    return [Period("week", start, start + WEEK) for start in starts]


@pytest.mark.parametrize(
    ("days_after_the_third_weeks_start", "expected"),
    [(-1, (1,)), (0, (2,)), (3, (2,)), (6, (2,)), (7, (3,)), (14, ()), (-15, ())],
)
def test_the_first_period_that_holds_the_day_begins_the_new_stretch(
    days_after_the_third_weeks_start: int, expected: tuple[int, ...]
) -> None:
    periods = weeks(4)
    day = periods[2].start + dt.timedelta(days=days_after_the_third_weeks_start)

    assert breaks(periods, [day]) == expected


def test_without_the_period_that_holds_the_day_the_next_begins_the_new_stretch() -> None:
    first, second, third = weeks(3)

    assert breaks([first, third], [second.start]) == (1,)


def test_a_metric_is_judged_since_its_meaning_changed() -> None:
    found = row(stepped({CHANGE.isoformat(): "without drafts"})).judged

    assert found.limits == judge(ROUTINE, "up").limits
    assert found.stretches[1].start == found.signals.index(None) + len(found.signals) - 20
    assert found.signals == (None,) * len(found.signals)


def test_without_the_change_the_same_step_is_a_signal() -> None:
    assert row(stepped({})).signal is not None


def test_too_soon_after_a_change_nothing_is_judged() -> None:
    soon = (LAST_WEEK - 5 * WEEK).isoformat()
    found = row(stepped({soon: "x"}))

    assert (found.judged.limits, found.signal) == (None, None)


def test_a_formula_changes_its_meaning_with_what_it_is_made_of() -> None:
    metrics = {
        "m": {
            "value": "sum(x) from events",
            "changed": {CHANGE.isoformat(): "x"},
            "internal": True,
        },
        "twice": "2 * m",
    }
    text = vocabulary_text(metrics, tables={"events": {"time": "day"}})
    days = [LAST_WEEK - age * WEEK for age in range(40)]
    rows = [(day, 100 if day < CHANGE else 10) for day in days]
    memory = Memory(
        text,
        {"events": Rows("day DATE, x DOUBLE", rows)},
        fresh_until=PUBLISHED,
        published_at=PUBLISHED,
    )
    found = row(memory).judged

    assert len(found.stretches) == 2
    assert not any(found.signals)


# --- own rows -----------------------------------------------------------------------------------

WEEKLY = [(5, 10), (6, 10), (4, 10), (5, 10)] * 5


def test_a_windowed_metric_is_shown_windowed_and_judged_on_each_weeks_own_rows() -> None:
    found = row(answers(WEEKLY))

    own = [100 * good / count for good, count in WEEKLY]
    assert (found.value, found.n) == (50, 40)
    assert [point.value for point in found.own if point.n] == own
    assert found.judged.limits == judge(own, "up").limits


def test_a_signal_stands_at_the_period_whose_own_rows_give_it() -> None:
    found = row(answers([*WEEKLY, (10, 10)]))

    assert found.signal is not None
    assert found.signal.rule == "outside"
    assert found.points[-1].signal == found.own[-1].signal == found.signal
    assert found.points[-1].value == pytest.approx(100 * 25 / 40)


def test_a_metric_to_date_is_judged_on_each_periods_own_rows() -> None:
    described = {"m": {"to_date": "year"}}
    found = row(edition({"m": ROUTINE}, described))

    assert found.value == sum(ROUTINE)
    assert found.judged.limits == judge(ROUTINE, "up").limits
    assert found.signal is None


def test_weeks_with_too_few_rows_of_their_own_are_not_judged() -> None:
    few = answers([*WEEKLY, (3, 3)], min_sample=5)
    found = row(few)

    assert found.status is Status.NO_TARGET
    assert found.own[-1].value is None
    assert (found.own[-1].n, found.signal) == (3, None)
    assert found.judged.limits == row(answers(WEEKLY, min_sample=5)).judged.limits


def test_where_no_week_has_rows_enough_nothing_is_judged() -> None:
    found = row(answers(WEEKLY, min_sample=11))

    assert found.value == 50
    assert found.judged.stretches == (Stretch(0, None),)


def test_a_metric_whose_periods_share_no_rows_has_no_own_ones() -> None:
    assert row(edition({"m": ROUTINE})).own == ()


def test_own_rows_leave_the_window_aside_and_nothing_else() -> None:
    memory = answers(WEEKLY)
    ranged = {"start": LAST_WEEK, "end": LAST_WEEK + WEEK}

    (windowed,) = ask(memory, Question(("liked",), "week", **ranged)).cells
    (own,) = ask(memory, Question(("liked",), "week", **ranged, own_rows=True)).cells

    assert (windowed.n, own.n) == (40, 10)
    assert own.margin is not None and windowed.margin is not None
    assert own.margin > windowed.margin


def test_a_row_has_the_margin_of_its_number() -> None:
    # Half of 40 answers: 1.96 standard errors of 50 points times the root of 1/40.
    assert row(answers(WEEKLY)).margin == pytest.approx(196 * (0.25 / 40) ** 0.5)
    assert row(edition({"m": ROUTINE})).margin is None


# --- deprecated ---------------------------------------------------------------------------------


def test_a_deprecated_metric_is_not_on_the_scorecard() -> None:
    memory = edition({"old": ROUTINE, "new": ROUTINE}, {"old": {"deprecated": "new"}})

    assert [found.metric.name for found in card(memory).rows] == ["new"]
