"""The scorecard shows the last whole period, judged, with what is late and what is worth asking."""

from __future__ import annotations

import datetime as dt
from typing import Any

import pytest

from kpi.judge import Status, Verdict
from kpi.periods import Calendar, step
from kpi.reports import SourceReport
from kpi.scorecard import last_period, period_at, scorecard
from tests.kpi.memory import Memory, Rows, vocabulary_text
from tests.kpi.scorecards import LAST_WEEK, PUBLISHED, ROUTINE, WEEK, card, edition, row


def report(source: str, into: str = "events", **given: Any) -> SourceReport:
    """The report of a source that brought rows an hour before the edition."""
    hour_ago = PUBLISHED - dt.timedelta(hours=1)
    usual = {
        "connector": "file",
        "system": "File · CSV",
        "into": (into,),
        "every": dt.timedelta(days=1),
        "last_run_at": hour_ago,
        "last_outcome": "good",
        "failing_since": None,
        "last_good_at": hour_ago,
        "as_of": hour_ago,
        "new_rows": 1,
        "changed_rows": 0,
        "rows_total": 10,
        "rejected_7d": 0,
        "error": None,
        "advice": None,
    }
    return SourceReport(source, **(usual | given))


def test_what_has_no_numbers_by_week_leaves_the_others_theirs() -> None:
    text = vocabulary_text(
        {"spent": "sum(x) from budget", "sold": "sum(x) from sales"},
        tables={"budget": {"time": "month", "grain": "month"}, "sales": {"time": "day"}},
    )
    months = [(dt.date(2026, month, 1), 100) for month in range(1, 12)]
    days = [(dt.date(2025, 1, 1), 1), (LAST_WEEK, 7)]
    columns = "DATE, x INTEGER"
    tables = {"budget": Rows(f"month {columns}", months), "sales": Rows(f"day {columns}", days)}
    memory = Memory(text, tables, fresh_until=PUBLISHED, published_at=PUBLISHED)

    by_week, by_month = (
        {r.metric.name: r for r in card(memory, g).rows} for g in ("week", "month")
    )

    assert {name: r.value for name, r in by_week.items()} == {"spent": None, "sold": 7}
    assert (by_week["spent"].status, by_week["spent"].only_by) == (Status.NO_DATA, "month")
    assert (by_month["spent"].value, by_month["spent"].only_by) == (100, None)


# --- which period -------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("grain", "start", "end"),
    [
        ("day", "2026-11-20", "2026-11-21"),
        ("week", "2026-11-09", "2026-11-16"),
        ("month", "2026-10-01", "2026-11-01"),
        ("quarter", "2026-07-01", "2026-10-01"),
        ("year", "2025-01-01", "2026-01-01"),
    ],
)
def test_the_period_is_the_last_that_was_over_when_the_edition_was_published(
    grain: str, start: str, end: str
) -> None:
    period = last_period(edition({"m": [1]}), grain)

    assert (period.start.isoformat(), period.end.isoformat()) == (start, end)


def test_what_is_over_is_a_matter_of_the_local_clock() -> None:
    midnight = dt.datetime(2026, 11, 15, 23, 30)

    berlin = edition({"m": [1]}, time_zone="Europe/Berlin", published_at=midnight)
    utc = edition({"m": [1]}, published_at=midnight)

    assert card(berlin).period.start == LAST_WEEK
    assert card(utc).period.start == LAST_WEEK - WEEK


def test_an_edition_shows_the_same_however_late_it_is_read() -> None:
    memory = edition({"m": ROUTINE}, {"m": {"target": 9}})

    later = card(memory, now=PUBLISHED + dt.timedelta(days=90))

    assert later == card(memory)


def test_a_row_shows_the_number_of_the_last_whole_week() -> None:
    found = row(edition({"m": [10, 12, 11]}, {"m": {"target": 10, "good": "up"}}))

    assert found.period.start == LAST_WEEK
    assert (found.value, found.n, found.target) == (11, 1, 10)
    assert found.status is Status.ON_TARGET


def test_a_change_is_against_the_period_before() -> None:
    found = row(edition({"m": [10, 12, 11]}, {"m": {"good": "up"}}))

    assert found.change is not None
    assert (found.change.amount, found.change.verdict) == (-1, Verdict.WORSE)


def test_a_change_across_an_unknown_period_is_not_told() -> None:
    assert row(edition({"m": [10, None, 11]})).change is None


def test_a_flow_has_the_target_of_its_period() -> None:
    memory = edition({"m": [10]}, {"m": {"target": "7 per week"}})

    assert row(memory).target == 7
    assert row(memory, "day").target == 1


def test_points_are_complete_periods_up_to_the_shown_one() -> None:
    points = row(edition({"m": ROUTINE})).points

    assert len(points) == 52
    assert all(point.complete for point in points)
    assert points[-1].period.start == LAST_WEEK
    assert [point.value for point in points[-20:]] == ROUTINE
    assert [point.value for point in points[:-20]] == [None] * 32


# --- late, too few, no data ---------------------------------------------------------------------


def test_a_late_source_shows_an_earlier_period_and_says_so() -> None:
    two_weeks_ago = PUBLISHED - dt.timedelta(days=12)
    memory = edition(
        {"m": [10, 12, 11]},
        {"m": {"target": "7 per week"}},
        fresh=two_weeks_ago,
        reports=[report("slow", as_of=two_weeks_ago)],
    )

    found = row(memory)

    assert found.period.start == LAST_WEEK - WEEK
    assert found.value == 12
    assert found.points[-1].period == found.period
    assert found.late is not None
    assert (found.late.word, found.late.age) == ("late", dt.timedelta(days=12))
    assert card(memory).period.start == LAST_WEEK


def test_a_failing_source_is_late_as_well() -> None:
    memory = edition({"m": [10]}, reports=[report("broken", last_outcome="failed")])

    found = row(memory)

    assert found.late is not None
    assert found.late.word == "failing"
    assert [source.source for source in card(memory).late_sources] == ["broken"]


def test_freshness_stands_beside_the_status_and_not_in_its_place() -> None:
    memory = edition(
        {"m": [10]},
        {"m": {"target": 9}},
        reports=[report("slow", as_of=PUBLISHED - dt.timedelta(days=4))],
    )

    found = row(memory)

    assert found.late is not None
    assert found.status is Status.ON_TARGET
    assert found.needs_attention


def test_a_fresh_source_is_not_late() -> None:
    memory = edition({"m": [10]}, {"m": {"target": 9}}, reports=[report("quick")])

    found = row(memory)

    assert found.late is None
    assert found.freshness is not None
    assert found.freshness.word == "fresh"
    assert not found.needs_attention


def test_only_the_age_of_sources_follows_the_clock() -> None:
    memory = edition({"m": [10]}, reports=[report("quick")])

    later = card(memory, now=PUBLISHED + dt.timedelta(days=10))

    assert [source.source for source in later.late_sources] == ["quick"]
    assert later.rows[0].value == 10


def test_a_source_of_other_tables_makes_no_metric_late() -> None:
    memory = edition({"m": [10]}, reports=[report("else", into="others", last_outcome="failed")])

    assert row(memory).late is None


def test_the_worst_source_of_a_metric_is_the_one_that_is_told() -> None:
    reports = [
        report("quick"),
        report("slow", as_of=PUBLISHED - dt.timedelta(days=9)),
        report("quick too"),
    ]

    found = row(edition({"m": [10]}, reports=reports))

    assert found.late is not None
    assert found.late.age == dt.timedelta(days=9)


def test_a_number_on_too_few_rows_is_shown_and_flagged() -> None:
    found = row(edition({"m": [10]}, {"m": {"min_sample": 30, "target": 5}}))

    assert found.value == 10
    assert found.status is Status.TOO_FEW


def test_a_metric_that_was_never_told_of_has_no_data() -> None:
    found = row(edition({"m": []}, {"m": {"target": 5}}))

    assert (found.value, found.n, found.status) == (None, 0, Status.NO_DATA)
    assert found.period.start == LAST_WEEK
    assert found.signal is None


def test_a_week_of_which_nothing_is_known_is_not_passed_over() -> None:
    found = row(edition({"m": [10, 12, None]}))

    assert found.period.start == LAST_WEEK
    assert (found.value, found.status) == (None, Status.NO_DATA)


def test_without_a_good_pull_there_is_no_data() -> None:
    memory = edition({"m": [10, 12, 11]})
    memory.fresh_until = {}

    assert row(memory).status is Status.NO_DATA


# --- signals and questions ----------------------------------------------------------------------


def test_a_row_signals_where_its_last_point_does() -> None:
    found = row(edition({"m": [*ROUTINE, 40]}, {"m": {"good": "down"}}))

    assert found.signal is not None
    assert (found.signal.rule, found.signal.verdict) == ("outside", Verdict.WORSE)
    assert found.points[-1].signal == found.signal
    assert found.needs_attention


def test_an_earlier_signal_is_kept_at_its_point_only() -> None:
    found = row(edition({"m": [*ROUTINE, 60, *ROUTINE[:4]]}))

    assert found.signal is None
    assert [p.value for p in found.points if p.signal and p.signal.rule == "outside"] == [60]


def test_questions_are_off_target_and_worse_first_then_worse_then_better() -> None:
    up, off = {"good": "up"}, {"good": "down", "target": 5}
    memory = edition(
        {
            "better": [*ROUTINE, 40],
            "worse": [*ROUTINE, -30],
            "routine": ROUTINE,
            "off_target": [*ROUTINE, 40],
            "off_target_routine": ROUTINE,
            "worse_too": [*ROUTINE, -30],
        },
        {
            "better": up,
            "worse": up,
            "routine": up,
            "off_target": off,
            "off_target_routine": off,
            "worse_too": up,
        },
    )

    found = card(memory)

    assert [r.metric.name for r in found.questions] == ["off_target", "worse", "worse_too"]
    assert found.signals == 4


def test_a_better_signal_is_a_question_where_there_is_none_worse() -> None:
    memory = edition({"m": [*ROUTINE, 40]}, {"m": {"good": "up"}})

    assert [r.metric.name for r in card(memory).questions] == ["m"]


def test_without_a_signal_there_is_no_question() -> None:
    memory = edition({"m": ROUTINE}, {"m": {"good": "down", "target": 1}})

    assert card(memory).questions == ()


# --- counts, bands ------------------------------------------------------------------------------


def test_every_row_is_counted_by_its_status() -> None:
    described = {
        "good": {"target": 9},
        "near": {"target": 11, "tolerance": 1},
        "off": {"target": 11},
        "free": {},
        "few": {"target": 11, "min_sample": 2},
        "none": {"target": 11},
    }
    series = {name: [10] if name != "none" else [] for name in described}

    counts = card(edition(series, described)).counts

    assert counts == {status: 1 for status in Status}


def test_bands_follow_the_vocabulary_with_joint_metrics_first() -> None:
    described = {
        "sold": {"side": "business", "outcome": "grow"},
        "cost": {"side": "it", "outcome": "grow"},
        "up": {"side": "it", "outcome": "reliable"},
        "both": {"side": "joint", "outcome": "grow"},
        "hidden": {"side": "it", "outcome": "empty", "internal": True},
    }
    memory = edition(
        {name: [1] for name in described}, described, outcomes=("reliable", "empty", "grow")
    )

    found = card(memory)

    assert [(band.outcome.name, [r.metric.name for r in band.rows]) for band in found.bands] == [
        ("reliable", ["up"]),
        ("grow", ["both", "cost", "sold"]),
    ]
    assert [r.metric.name for r in found.bands[1].business] == ["sold"]


def test_a_scorecard_without_metrics_is_empty() -> None:
    memory = edition({"m": [1]}, {"m": {"internal": True}})

    assert card(memory).rows == ()


def test_a_period_is_named_in_the_vocabularys_calendar() -> None:
    memory = edition({"m": [1]})

    assert memory.vocabulary.formats.period(card(memory).period) == "Week 46"


# --- an earlier period ----------------------------------------------------------------------------


@pytest.mark.parametrize("back", [1, 2, 5])
def test_an_earlier_week_is_judged_as_it_was_when_it_was_the_last(back: int) -> None:
    values = [*ROUTINE, 30, 31, 9, 10, 40, 11]
    target = {"a": {"target": 12, "tolerance": 1}}
    memory = edition({"a": values}, target)
    earlier = step(Calendar(), last_period(memory, "week"), -back)
    (seen_again,) = scorecard(memory, now=PUBLISHED, period=earlier).rows
    # Nothing is known here of what came later.
    seen_then = row(edition({"a": values[:-back]}, target))

    assert seen_again.period.start == LAST_WEEK - back * WEEK
    assert (seen_again.value, seen_again.status) == (seen_then.value, seen_then.status)
    assert seen_again.change == seen_then.change
    assert seen_again.signal == seen_then.signal
    assert seen_again.judged.limits == seen_then.judged.limits


@pytest.mark.parametrize(
    ("grain", "text", "start"),
    [
        ("week", "2026-W44", "2026-10-26"),
        ("week", "2026-10-26", "2026-10-26"),
        ("week", "2026-10-28", "2026-10-26"),
        ("month", "2026-09", "2026-09-01"),
        ("month", "2026-09-07", "2026-09-01"),
        ("quarter", "2026-Q1", "2026-01-01"),
        ("week", "2026-W47", "2026-11-09"),
        ("week", "2031-W01", "2026-11-09"),
        ("week", "1970-W02", "2026-11-09"),
        ("week", "0001-01-01", "2026-11-09"),
        ("week", "9999-W52", "2026-11-09"),
        ("week", "yesterday", "2026-11-09"),
        ("week", "", "2026-11-09"),
    ],
)
def test_a_period_is_asked_for_by_its_name_or_a_day_of_it(
    grain: str, text: str, start: str
) -> None:
    found = period_at(edition({"a": ROUTINE}), grain, text)

    assert (found.grain, found.start.isoformat()) == (grain, start)
