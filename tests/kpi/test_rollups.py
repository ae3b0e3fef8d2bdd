"""What is kept ready: which questions it answers, what is worth keeping, what is left to facts."""

from __future__ import annotations

import datetime as dt
from collections.abc import Sequence
from typing import Any

import pytest

from kpi import rollups, touched
from kpi.answers import ask
from kpi.keeper import Limits
from kpi.questions import Question, alone
from kpi.reach import AsOf, Latest, Own, Span, ToDate, Window
from kpi.rollups import Column, DailyParts, ExactAnswers, Rollup
from kpi.ways import ways
from tests.kpi.memory import Memory, Rows, vocabulary_text

EVENTS = (
    "at_utc TIMESTAMP, until TIMESTAMP, region VARCHAR, site VARCHAR, x INTEGER, f DOUBLE, "
    "money DECIMAL(12,2)"
)
METRICS: dict[str, Any] = {
    "total": "sum(x) from events",
    "middle": "median(x) from events",
    "north": "count(*) from events where region = 'north'",
    "open": {"value": "count(*) from events", "as_of": {"from": "at_utc", "to": "until"}},
    "open_f": {"value": "sum(f) from events", "as_of": {"from": "at_utc", "to": "until"}},
    "open_money": {"value": "sum(money) from events", "as_of": {"from": "at_utc", "to": "until"}},
    "latest": {"value": "sum(x) from events", "latest": "site"},
    "moving": {"value": "median(x) from events", "window": "14 days"},
    "ratio": "total / north",
    "change": "total - ago(total, '1 week')",
}
ALL = Limits(facts_each=1, few=1_000_000, many=0)


def rows(days: int = 60) -> list[tuple[Any, ...]]:
    """A few events a day, some of which are still open."""
    found = []
    for number in range(days * 12):
        at = dt.datetime(2026, 1, 1, 5) + dt.timedelta(hours=2 * number)
        until = None if number % 7 == 0 else at + dt.timedelta(hours=50)
        region = ("north", "south", None)[number % 3]
        found.append((at, until, region, f"s{number % 2}", number, number / 10, number))
    return found


def edition(
    limits: Limits | None = ALL, filled: Sequence[tuple[Any, ...]] | None = None, **table: Any
) -> Memory:
    """An edition of these events, with what is kept of them."""
    tables = {"events": {"time": "at_utc", "by": ["region", "site"], **table}}
    text = vocabulary_text(METRICS, tables=tables, dimensions=["region", "site"])
    filled = rows() if filled is None else filled
    memory = Memory(text, {"events": Rows(EVENTS, filled)}, fresh_until=dt.datetime(2026, 3, 2))
    if limits is not None:
        memory.roll_up(limits)
    return memory


@pytest.fixture(scope="module")
def kept() -> Memory:
    return edition()


FEBRUARY = {"start": dt.date(2026, 2, 1), "end": dt.date(2026, 3, 1)}


def way(memory: Memory, *metrics: str, **asked: Any) -> list[str]:
    """How each metric of facts is read for a question about February."""
    question = Question(metrics, **{"grain": "week", **FEBRUARY, **asked})
    return [each.way for each in ways(memory, question)]


@pytest.mark.parametrize("metric", ["total", "north", "open", "open_money"])
@pytest.mark.parametrize("by", [(), ("region",), ("site", "region")])
def test_what_adds_up_is_answered_from_its_days(
    kept: Memory, metric: str, by: tuple[str, ...]
) -> None:
    assert way(kept, metric, by=by) == ["parts"]
    assert way(kept, metric, by=by, where=("site = 's1'",)) == ["parts"]


@pytest.mark.parametrize("metric", ["middle", "latest", "moving", "open_f"])
@pytest.mark.parametrize("by", [(), ("region",)])
def test_what_does_not_add_up_is_answered_as_it_was_computed(
    kept: Memory, metric: str, by: tuple[str, ...]
) -> None:
    assert way(kept, metric, by=by) == ["answer"]


@pytest.mark.parametrize(
    "asked", [{"by": ("region", "site")}, {"where": ("region = 'north'",)}, {"grain": "total"}]
)
def test_other_questions_about_a_median_read_the_facts(kept: Memory, asked: dict[str, Any]) -> None:
    assert way(kept, "middle", **asked) == ["facts"]


def test_a_formula_is_read_as_each_of_its_inputs(kept: Memory) -> None:
    assert way(kept, "ratio") == ["parts", "parts"]
    assert way(kept, "change") == ["parts"]


def test_a_window_set_aside_is_kept_too(kept: Memory) -> None:
    assert way(kept, "moving", own_rows=True) == ["answer"]


@pytest.mark.parametrize("fresh", ["2026-03-02 00:00", "2026-03-02 09:00"])
def test_a_week_that_has_just_begun_is_kept_where_a_source_is_late(fresh: str) -> None:
    text = vocabulary_text(
        {
            "middle": "median(n) from late",
            "moving": {"value": "median(n) from late", "window": "14 days"},
            "told": "count(*) from early",
        },
        tables={"late": {"time": "day"}, "early": {"time": "day"}},
    )
    days = [(f"2026-02-{day:02}", day) for day in range(1, 29)]
    told = {"late": dt.datetime(2026, 3, 1, 10), "early": dt.datetime.fromisoformat(fresh)}
    tables = {name: Rows("day DATE, n INTEGER", days) for name in told}
    memory = Memory(text, tables, fresh_until=told)
    memory.roll_up(ALL)

    weeks = Question(
        ("middle", "moving", "told"), "week", start=dt.date(2026, 2, 2), end=dt.date(2026, 3, 9)
    )

    assert [each.way for each in ways(memory, weeks)] == ["answer", "answer", "parts"]
    kept = ask(memory, weeks)
    memory.facts = alone(memory.facts)
    assert kept.cells == ask(memory, weeks).cells


def test_a_period_that_nobody_was_told_of_is_read_from_the_facts(kept: Memory) -> None:
    later = {"start": dt.date(2026, 3, 9), "end": dt.date(2026, 3, 16)}

    assert way(kept, "latest", **later) == ["facts"]
    assert way(kept, "total", **later) == ["parts"]


def test_undivided_parts_of_several_metrics_are_read_at_once(kept: Memory) -> None:
    question = Question(("total", "north"), "week", **FEBRUARY)
    asked: list[str] = []

    class Listening(Memory):
        def query(self, sql: str, parameters: Any = None) -> list[tuple[Any, ...]]:
            asked.append(sql)
            return kept.query(sql, parameters)

    listening = object.__new__(Listening)
    listening.__dict__.update(kept.__dict__)
    ask(listening, question)

    assert asked[0].count("FROM rollups.") == 1


def test_of_few_facts_no_answers_are_kept_and_nothing_divided() -> None:
    memory = edition(Limits())

    assert way(memory, "middle") == ["facts"]
    assert way(memory, "total", by=("region",)) == ["facts"]
    assert way(memory, "total") == ["parts"]


def test_a_dimension_with_nearly_as_many_members_as_facts_is_left_out() -> None:
    many = [(*row[:3], f"site {number}", *row[4:]) for number, row in enumerate(rows())]
    memory = edition(Limits(facts_each=2, few=0, many=0), many)

    assert way(memory, "total", by=("site",)) == ["facts"]
    assert way(memory, "total", by=("region",)) == ["parts"]
    assert way(memory, "middle", by=("site",)) == ["facts"]
    assert way(memory, "middle", by=("region",)) == ["answer"]


def test_a_dimension_is_kept_once_there_are_enough_facts() -> None:
    memory = edition(Limits(facts_each=20), rows(10))
    before = way(memory, "total", by=("region",))

    more = "insert into events select events.* from events, range(30)"
    memory.change("events", "from events", more, "from events")
    memory.roll_up(Limits(facts_each=20))

    assert before == ["facts"]
    assert way(memory, "total", by=("region",)) == ["parts"]


def test_what_is_open_is_unknown_where_nothing_is() -> None:
    closed = [(dt.datetime(2026, 2, 1), dt.datetime(2026, 2, 2), "north", "s1", 5, 0.5, 5)]
    memory = edition(ALL, closed)
    question = Question(
        ("open_money", "open"), "day", start=FEBRUARY["start"], end=dt.date(2026, 2, 4)
    )

    cells = ask(memory, question).cells

    assert way(memory, "open_money", grain="day") == ["parts"]
    assert [c.value for c in cells if c.metric == "open_money"] == [5.0, None, None]
    assert [c.value for c in cells if c.metric == "open"] == [1, 0, 0]


@pytest.mark.parametrize("limits", [None, ALL])
def test_a_row_from_before_the_calendar_is_open_ever_since(limits: Limits | None) -> None:
    stray = (dt.datetime(1, 1, 1), None, "north", "s1", 5, 0.5, 5)
    wrong_way_round = (dt.datetime(2026, 2, 9), dt.datetime(2026, 2, 3), "north", "s1", 5, 0.5, 5)
    never = (dt.datetime(2026, 2, 10), dt.datetime(9999, 12, 31), "north", "s1", 5, 0.5, 5)
    memory = edition(limits, [stray, wrong_way_round, never])

    values = [c.value for c in ask(memory, Question(("open",), "week", **FEBRUARY)).cells]

    assert values == [1, 1, 2, 2, 2][: len(values)]


def test_what_cannot_be_computed_is_left_to_the_facts(caplog: pytest.LogCaptureFixture) -> None:
    metrics = {"m": "sum(-region) from events", "other": "count(*) from places"}
    tables = {"events": {"time": "at_utc", "by": ["region"]}, "places": {"time": "at_utc"}}
    text = vocabulary_text(metrics, tables=tables, dimensions=["region"])
    filled = {
        "events": Rows(EVENTS, rows(3)),
        "places": Rows("at_utc TIMESTAMP", [("2026-01-01",)]),
    }
    memory = Memory(text, filled)

    memory.roll_up(ALL)

    assert way(memory, "m") == ["facts"]
    assert way(memory, "other") == ["parts"]
    assert "is not kept ready: Binder Error" in caplog.text


def test_a_word_that_is_looked_up_and_a_column_too_leaves_its_answers_to_the_facts(
    caplog: pytest.LogCaptureFixture,
) -> None:
    tables = {
        "events": {
            "time": "at_utc",
            "by": ["region"],
            "lookup": {"places": {"on": "region", "by": ["site"]}},
        }
    }
    text = vocabulary_text(
        {"middle": "median(x) from events"}, tables=tables, dimensions=["region", "site"]
    )
    places = Rows("region VARCHAR, site VARCHAR", [("north", "s1")])
    memory = Memory(text, {"events": Rows(EVENTS, rows(3)), "places": places})

    memory.roll_up(ALL)

    assert way(memory, "middle") == ["facts"]
    assert "'site' is looked up, but it is a column of events itself" in caplog.text


def test_nothing_is_computed_again_of_days_that_nobody_touched() -> None:
    memory = edition(ALL)
    # What is kept is spoilt, so that whoever computes it again is seen.
    memory.query("""update rollups."by day" set _on = _on + 1000""")
    memory.query("""update rollups."events by at_utc" set _on = date '2026-02-01'""")
    memory.change(
        "events",
        "from events where at_utc = '2026-02-20 05:00:00'",
        "update events set x = 1000 where at_utc = '2026-02-20 05:00:00'",
        "from events where at_utc = '2026-02-20 05:00:00'",
    )

    memory.roll_up(ALL)

    found = memory.query(
        'select _on, count(*) from rollups."events by at_utc" group by 1 order by 1'
    )
    assert [day for day, _ in found] == [dt.date(2026, 2, 1), dt.date(2026, 2, 20)]


@pytest.mark.parametrize("gone", ["at_utc < '2026-01-20'", "at_utc > '2026-02-10'", "true"])
def test_of_days_without_a_row_any_more_nothing_is_kept(gone: str) -> None:
    memory = edition(ALL)
    question = Question(
        ("middle", "latest", "moving", "total"),
        "week",
        ("region",),
        start=dt.date(2025, 12, 29),
        end=dt.date(2026, 3, 1),
    )
    rows = f"from events where {gone}"

    memory.change("events", rows, f"delete {rows}", rows)
    memory.roll_up(ALL)

    found = ask(memory, question)
    memory.facts = alone(memory.facts)
    assert found == ask(memory, question)


def test_a_changed_definition_is_computed_anew() -> None:
    memory = edition(ALL)
    text = memory.vocabulary.text.replace("sum(x) from events", "sum(x + 1) from events")
    before = ask(memory, Question(("total",), "month", **FEBRUARY)).cells[0]

    memory.adopt(text)
    memory.roll_up(ALL)

    after = ask(memory, Question(("total",), "month", **FEBRUARY)).cells[0]
    assert way(memory, "total") == ["parts"]
    assert after.value == before.value + before.n


def test_definitions_that_are_not_published_are_read_from_the_facts() -> None:
    memory = edition(ALL)

    memory.adopt(memory.vocabulary.text.replace("sum(x) from events", "sum(2 * x) from events"))

    assert way(memory, "total") == ["facts"]


def test_days_outside_the_calendar_are_noted_as_its_ends() -> None:
    memory = edition(ALL)
    columns = memory.facts["events"].columns
    moments = "select timestamp '0001-01-01' as at_utc, timestamp '9999-12-31' as until"
    touched.note_rows(memory._connection, "events", columns, f"({moments})")

    noted = touched.Touched(memory._connection)

    assert noted.days("events", "at_utc") == {dt.date(1969, 12, 30)}
    assert noted.days("EVENTS", "until") == {dt.date(2100, 1, 1)}
    assert noted.any("events") and not noted.all("events")


KEPT: tuple[Rollup, ...] = (
    DailyParts(
        "by day", "events", "at", AsOf("at", None), ("region",), {"count(*)": Column("p", "BIGINT")}
    ),
    DailyParts("by day", "events", "at", None, (), {}),
    *(
        ExactAnswers(
            "exact",
            "events",
            "at",
            reach,
            frozenset({("week", ""), ("week", "region")}),
            dt.date(1970, 1, 1),
            dt.date(2026, 3, 1),
            {'median("t"."x")': Column("q", "DOUBLE")},
        )
        for reach in (
            Own(),
            Window(None),
            Window(Span(3, "month")),
            ToDate("year"),
            Latest("who", carry=False),
            AsOf("at", "until"),
        )
    ),
)


@pytest.mark.parametrize("rollup", KEPT)
def test_what_is_told_of_a_rollup_is_read_as_it_was(rollup: Rollup) -> None:
    assert rollups.from_json(rollups.to_json(rollup)) == rollup
