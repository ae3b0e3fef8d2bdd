"""Ranges, calendars, completeness, and the order of what comes back."""

from __future__ import annotations

import datetime as dt

import pytest

from kpi.answers import ranged, statement
from kpi.questions import Question, QuestionRefused
from tests.kpi.asking import (
    EVENTS,
    TABLES,
    WORDS,
    answer,
    by_period,
    day,
    edition,
    moment,
    only,
    values,
)
from tests.kpi.memory import Memory, Rows, vocabulary_text

# --- ranges and calendars -------------------------------------------------------------------------


def test_a_range_is_half_open() -> None:
    memory = edition("count(*)", *[(f"2026-01-0{d} 00:00:00",) for d in (1, 2, 3)])

    assert values(answer(memory, "total", "2026-01-01", "2026-01-03")) == [2]


def test_a_range_widens_to_whole_periods_and_a_total_does_not() -> None:
    memory = edition("count(*)", *[(f"2026-01-{d:02}",) for d in range(1, 32)])

    assert by_period(answer(memory, "month", "2026-01-10", "2026-01-20")) == {"2026-01-01": 31}
    assert values(answer(memory, "total", "2026-01-10", "2026-01-20")) == [10]


def test_an_open_range_reaches_as_far_as_there_are_rows() -> None:
    memory = edition("count(*)", ("2026-01-31",), ("2026-03-01",))

    assert list(by_period(answer(memory))) == ["2026-01-01", "2026-02-01", "2026-03-01"]
    assert list(by_period(answer(memory, start="2026-02-15"))) == ["2026-02-01", "2026-03-01"]
    assert list(by_period(answer(memory, end="2026-02-01"))) == ["2026-01-01"]


def test_an_open_range_follows_the_time_that_is_counted_on() -> None:
    text = vocabulary_text(
        {"m": {"value": "count(*) from spans", "time": "ended"}},
        tables={"spans": {"time": "began"}},
    )
    rows = Rows("began TIMESTAMP, ended DATE", [("2026-01-01", "2026-03-01")])

    assert list(by_period(answer(Memory(text, {"spans": rows})))) == ["2026-03-01"]


def test_without_rows_there_is_no_range_and_no_answer() -> None:
    memory = edition("count(*)")

    assert answer(memory).cells == ()
    with pytest.raises(QuestionRefused, match="There are no rows yet"):
        statement(memory, Question(("m",)))


def test_a_stray_date_far_away_does_not_make_the_range() -> None:
    far = [("0001-01-01",), ("9999-12-31 23:59:59",), ("infinity",)]

    memory = edition("count(*)", ("2026-01-05",), *far)

    assert by_period(answer(memory)) == {"2026-01-01": 1}


@pytest.mark.parametrize(
    ("start", "end"), [("1969-12-31", "1970-02-01"), ("2099-01-01", "2100-01-02")]
)
def test_a_range_beyond_the_calendar_is_refused(start: str, end: str) -> None:
    memory = edition("count(*)", ("2026-01-05",))

    with pytest.raises(QuestionRefused, match="The calendar reaches from 1970-01-01 to 2100-01-01"):
        answer(memory, "month", start, end)


@pytest.mark.parametrize(
    ("start", "end"), [("1970-01-01", "1970-02-01"), ("2099-12-01", "2100-01-01")]
)
def test_a_range_may_reach_to_the_ends_of_the_calendar(start: str, end: str) -> None:
    memory = edition("count(*)", (f"{start} 12:00:00",))

    assert values(answer(memory, "month", start, end)) == [1]


def test_a_range_of_one_end_behind_every_row_is_one_day() -> None:
    memory = edition("count(*)", ("2026-01-05",))

    question = ranged(memory, Question(("m",), start=day("2026-06-01")))

    assert (question.start, question.end) == (day("2026-06-01"), day("2026-06-02"))


def test_a_range_of_one_end_before_every_row_is_one_day() -> None:
    memory = edition("count(*)", ("2026-01-05",))

    question = ranged(memory, Question(("m",), end=day("2025-06-01")))

    assert (question.start, question.end) == (day("2025-05-31"), day("2025-06-01"))


@pytest.mark.parametrize(
    ("zone", "instants", "expected"),
    [
        # 29 March has 23 hours in Berlin: it begins at 23:00 UTC and ends at 22:00.
        (
            "Europe/Berlin",
            ["03-28 22:59", "03-28 23:00", "03-29 21:59", "03-29 22:00"],
            {"2026-03-28": 1, "2026-03-29": 2, "2026-03-30": 1},
        ),
        # 1 November has 25 hours in New York.
        (
            "America/New_York",
            ["11-01 03:59", "11-01 04:00", "11-02 04:59", "11-02 05:00"],
            {"2026-10-31": 1, "2026-11-01": 2, "2026-11-02": 1},
        ),
        # Lord Howe turns its clocks by half an hour.
        (
            "Australia/Lord_Howe",
            ["04-04 12:59", "04-04 13:00", "04-05 13:29", "04-05 13:30"],
            {"2026-04-04": 1, "2026-04-05": 2, "2026-04-06": 1},
        ),
        # Midnight comes twice in Havana.
        (
            "America/Havana",
            ["11-01 03:59", "11-01 04:00", "11-01 05:00", "11-02 04:59", "11-02 05:00"],
            {"2026-10-31": 1, "2026-11-01": 3, "2026-11-02": 1},
        ),
        # Midnight is left out in Cairo.
        (
            "Africa/Cairo",
            ["04-23 21:59", "04-23 22:00", "04-24 20:59", "04-24 21:00"],
            {"2026-04-23": 1, "2026-04-24": 2, "2026-04-25": 1},
        ),
    ],
)
def test_a_day_is_the_local_one_also_when_clocks_change(
    zone: str, instants: list[str], expected: dict[str, int]
) -> None:
    rows = [(f"2026-{instant}:00",) for instant in instants]

    memory = edition("count(*)", *rows, calendar={"timezone": zone})

    assert by_period(answer(memory, "day")) == expected


@pytest.mark.parametrize(
    "zone", ["Europe/Berlin", "Australia/Lord_Howe", "Pacific/Apia", "America/Sao_Paulo"]
)
def test_a_month_is_the_same_however_long_the_range_around_it(zone: str) -> None:
    turns = [dt.datetime(2011 + month // 12, month % 12 + 1, 1) for month in range(24)]
    rows = [(turn + dt.timedelta(hours=hour),) for turn in turns for hour in range(-15, 15)]
    memory = edition("count(*)", *rows, calendar={"timezone": zone})

    short = by_period(answer(memory, "month", "2011-01-01", "2013-01-01"))
    long = by_period(answer(memory, "month", "1975-01-01", "2050-01-01"))

    assert {month: long[month] for month in short} == short
    assert sum(short.values()) > 24 * 20


def test_a_day_that_a_zone_left_out_takes_no_row() -> None:
    instants = ["12-29 10:00", "12-30 09:59", "12-30 10:00", "12-31 09:59", "12-31 10:00"]
    rows = [(f"2011-{instant}:00",) for instant in instants]

    memory = edition("count(*)", *rows, calendar={"timezone": "Pacific/Apia"})

    found = by_period(answer(memory, "day"))
    assert {day: count for day, count in found.items() if count} == {
        "2011-12-29": 2,
        "2011-12-31": 2,
        "2012-01-01": 1,
    }


@pytest.mark.parametrize("zone", ["America/New_York", "Australia/Lord_Howe"])
def test_a_date_knows_no_zone(zone: str) -> None:
    text = vocabulary_text(
        {"m": "sum(x) from days"}, tables={"days": {"time": "day"}}, calendar={"timezone": zone}
    )
    rows = Rows("day DATE, x INTEGER", [("2026-01-31", 1), ("2026-02-01", 2)])

    found = answer(Memory(text, {"days": rows}))

    assert by_period(found) == {"2026-01-01": 1, "2026-02-01": 2}


def test_weeks_and_years_begin_as_the_calendar_says() -> None:
    calendar = {"timezone": "UTC", "week_starts": "sunday", "fiscal_year_starts": "july"}
    rows = [("2026-06-27",), ("2026-06-28",), ("2026-07-01",)]

    memory = edition("count(*)", *rows, calendar=calendar)

    assert by_period(answer(memory, "week")) == {"2026-06-21": 1, "2026-06-28": 2}
    assert by_period(answer(memory, "year")) == {"2025-07-01": 2, "2026-07-01": 1}
    assert by_period(answer(memory, "quarter")) == {"2026-04-01": 2, "2026-07-01": 1}


def test_metrics_of_one_table_on_different_times_are_counted_each_on_its_own() -> None:
    text = vocabulary_text(
        {
            "opened": "count(*) from incidents",
            "resolved": {"value": "count(*) from incidents", "time": "resolved_on"},
        },
        tables={"incidents": {"time": "opened_at"}},
        calendar={"timezone": "Europe/Berlin"},
    )
    rows = Rows(
        "opened_at TIMESTAMP, resolved_on DATE",
        [("2026-01-31 22:30", "2026-02-01"), ("2026-01-31 23:30", None)],
    )

    found = answer(Memory(text, {"incidents": rows}), metrics=("opened", "resolved"))

    assert [(str(c.period), c.metric, c.value) for c in found.cells] == [
        ("2026-01-01", "opened", 1),
        ("2026-01-01", "resolved", 0),
        ("2026-02-01", "opened", 1),
        ("2026-02-01", "resolved", 1),
    ]


# --- complete -------------------------------------------------------------------------------------


def complete(memory: Memory, grain: str, start: str, end: str) -> list[bool]:
    return [cell.complete for cell in answer(memory, grain, start, end).cells]


def test_a_period_is_complete_when_the_sources_told_of_all_of_it() -> None:
    memory = edition("count(*)", ("2026-01-01",), ("2026-03-20",), fresh="2026-03-01 00:00:00")

    assert complete(memory, "month", "2026-01-01", "2026-04-01") == [True, True, False]


def test_the_last_row_does_not_make_a_period_complete() -> None:
    memory = edition("count(*)", ("2026-01-01",), fresh="2026-04-01")

    assert complete(memory, "month", "2026-01-01", "2026-04-01") == [True, True, True]


def test_a_period_is_complete_only_after_its_rows_have_settled() -> None:
    early = edition("count(*)", ("2026-01-01",), fresh="2026-02-02 23:59", settles_after="2 days")
    late = edition("count(*)", ("2026-01-01",), fresh="2026-02-03 00:00", settles_after="2 days")

    assert complete(early, "month", "2026-01-01", "2026-02-01") == [False]
    assert complete(late, "month", "2026-01-01", "2026-02-01") == [True]


def test_a_period_that_begins_before_the_first_day_is_not_complete() -> None:
    memory = edition("count(*)", ("2026-01-02",))

    assert complete(memory, "month", "2026-01-01", "2026-03-01") == [False, True]
    assert complete(memory, "total", "2026-01-02", "2026-03-01") == [True]
    assert complete(memory, "total", "2026-01-01", "2026-03-01") == [False]


def test_a_period_ends_at_local_midnight() -> None:
    berlin = {"timezone": "Europe/Berlin"}
    before = edition("count(*)", ("2026-01-01",), fresh="2026-01-31 22:59", calendar=berlin)
    after = edition("count(*)", ("2026-01-01",), fresh="2026-01-31 23:00", calendar=berlin)

    assert complete(before, "day", "2026-01-31", "2026-02-01") == [False]
    assert complete(after, "day", "2026-01-31", "2026-02-01") == [True]


def test_a_formula_is_complete_only_when_all_its_tables_are() -> None:
    text = vocabulary_text(
        {"p": "count(*) from events", "q": "count(*) from more", "m": "p / q"},
        tables={**TABLES, "more": {"time": "at_utc", "by": ["region"]}},
        dimensions=WORDS,
    )
    rows = Rows(EVENTS, [("2026-01-01", "a", None, 1, None, None)])
    fresh = {"events": moment("2026-03-01"), "more": moment("2026-02-15")}
    memory = Memory(text, {"events": rows, "more": rows}, fresh_until=fresh)

    found = answer(memory, "month", "2026-01-01", "2026-03-01", metrics=("p", "q", "m"))

    assert [c.complete for c in found.of("p")] == [True, True]
    assert [c.complete for c in found.of("q")] == [True, False]
    assert [c.complete for c in found.of("m")] == [True, False]


def test_without_a_good_pull_nothing_is_complete_and_no_count_is_zero() -> None:
    text = vocabulary_text({"m": "count(*) from events"}, tables=TABLES, dimensions=WORDS)
    rows = Rows(EVENTS, [("2026-01-01", "a", None, 1, None, None)])

    found = answer(
        Memory(text, {"events": rows}, fresh_until={}), "month", "2026-01-01", "2026-03-01"
    )

    assert [(c.value, c.complete) for c in found.cells] == [(1, False), (None, False)]


# --- what comes back ------------------------------------------------------------------------------


def test_cells_come_by_period_then_key_then_metric_as_asked() -> None:
    metrics = {"p": "count(*) from events", "q": "sum(x) from events"}
    memory = edition(metrics, ("2026-02-01", "b", None, 1), ("2026-01-01", "a", None, 1))

    found = answer(memory, metrics=("q", "p"), by=("region",))

    assert [(str(c.period)[:7], *c.keys, c.metric) for c in found.cells] == [
        (month, region, metric)
        for month in ("2026-01", "2026-02")
        for region in ("a", "b")
        for metric in ("q", "p")
    ]


def test_a_total_has_no_period() -> None:
    memory = edition("count(*)", ("2026-02-01",))

    assert only(answer(memory, "total")).period is None


def test_a_frame_keeps_unknown_apart_from_zero() -> None:
    metrics = {"p": "count(*) from events", "q": "sum(x) from events"}
    memory = edition(metrics, ("2026-01-01",), ("2026-03-01",))

    frame = answer(memory, metrics=("p", "q")).frame()

    assert list(frame.columns) == ["metric", "period", "value", "n", "complete"]
    february = frame[frame["period"] == day("2026-02-01")].set_index("metric")
    assert february["value"]["p"] == 0
    assert february["value"].isna()["q"]


def test_a_question_with_a_wrong_name_is_refused_before_it_is_run() -> None:
    memory = edition("count(*)", ("2026-01-01",))

    with pytest.raises(QuestionRefused, match="Did you mean 'region'"):
        answer(memory, by=("regoin",))


def test_the_statement_is_the_one_that_is_run() -> None:
    memory = edition("count(*)", ("2026-01-05",))

    shown = statement(memory, Question(("m",)))

    assert memory.query(shown.sql, shown.parameters) == [(day("2026-01-01"), 1, 1)]
