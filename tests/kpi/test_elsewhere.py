"""What is asked elsewhere comes back into the statement with the same numbers."""

from __future__ import annotations

import datetime as dt
from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any

import duckdb
import pyarrow as pa
import pytest
from hypothesis import event, given, settings
from hypothesis import strategies as st

from kpi.answers import ask, statement
from kpi.elsewhere import Unasked
from kpi.lake_tables import stand_in
from kpi.questions import NotComputable, Question, QuestionRefused, alone
from kpi.ways import ways
from tests.kpi.kept_and_facts import EVERYTHING, by_place, same
from tests.kpi.memory import Memory, Rows, vocabulary_text
from tests.kpi.random_questions import EXAMPLES, SAME_EVERY_TIME
from tests.kpi.random_worlds import drawn


@dataclass(frozen=True)
class Here:
    """Reads a table where it lies, which is here."""

    memory: Memory

    def fetch(self, table: str, sql: str, parameters: Mapping[str, Any]) -> pa.Table:
        return self.memory._connection.sql(sql, params=dict(parameters)).to_arrow_table()


@settings(max_examples=EXAMPLES // 5, derandomize=SAME_EVERY_TIME)
@given(data=st.data())
def test_a_statement_answered_in_parts_says_what_it_says_as_a_whole(data: st.DataObject) -> None:
    world = drawn(data, told_after=st.integers(-80, 1200))
    memory = world.memory
    elsewhere = data.draw(st.sets(st.sampled_from(sorted(memory.facts))))
    whole = alone(memory.facts)
    kept = memory.facts if data.draw(st.booleans()) else whole
    for _ in range(3):
        question = data.draw(world.questions)
        memory.facts = whole
        try:
            expected = ask(memory, question)
        except QuestionRefused:
            continue
        memory.facts = {
            name: replace(each, reader=Here(memory)) if name in elsewhere else each
            for name, each in kept.items()
        }
        event(f"{len(elsewhere)} tables elsewhere")

        found = ask(memory, question)

        cells, others = by_place(found), by_place(expected)
        assert cells.keys() == others.keys()
        for place, cell in others.items():
            told = (cells[place].n, cells[place].complete)
            assert told == (cell.n, cell.complete), place
            assert same(cells[place].value, cell.value), (place, cells[place], cell)
        if question.start is not None:
            # As one, it can be run where all facts are.
            asked = statement(memory, question)
            assert len(memory.query(asked.sql, asked.parameters)) * len(question.metrics) == len(
                others
            )


def test_a_page_asks_nobody_and_says_how_to() -> None:
    text = vocabulary_text({"seen": "count(*) from visits"}, tables={"visits": {"time": "day"}})
    memory = Memory(text, {"visits": Rows("day DATE", [("2026-03-01",)])})
    memory.facts = {n: replace(f, reader=Unasked()) for n, f in memory.facts.items()}
    question = Question(("seen",), start=dt.date(2026, 3, 1), end=dt.date(2026, 4, 1))

    with pytest.raises(NotComputable, match=r"visits lies in a lake, .* `python -m kpi query`"):
        ask(memory, question)
    assert [way.way for way in ways(memory, question)] == ["lake"]


def test_what_is_kept_tells_nothing_of_later_periods_unless_the_lake_is_asked() -> None:
    text = vocabulary_text(
        {"middle": {"value": "median(n) from visits", "window": "90 days"}},
        tables={"visits": {"time": "day"}},
    )
    visits = Rows("day DATE, n INTEGER", [("2026-03-01", 1), ("2026-03-02", 5)])
    memory = Memory(text, {"visits": visits}, fresh_until=dt.datetime(2026, 3, 3))
    memory.roll_up(EVERYTHING)
    kept = memory.facts
    question = Question(("middle",), "month", start=dt.date(2026, 3, 1), end=dt.date(2026, 5, 1))

    def said(**how: Any) -> list[tuple[float | None, int]]:
        memory.facts = {name: replace(each, **how) for name, each in kept.items()}
        return [(cell.value, cell.n) for cell in ask(memory, question).cells]

    assert said() == [(3, 2), (3, 2)]
    assert said(reader=Here(memory)) == [(3, 2), (3, 2)]
    assert said(reader=Unasked(), stands_alone=True) == [(3, 2), (None, 0)]


@pytest.mark.parametrize(
    "sql",
    [
        "select count(*) from clicks",
        "select count(*) from clicks where region = 'north'",
        "select count(*) from clicks where region is null",
        "select sum(n) from clicks where seen > timestamp '2020-01-01' and n = 3",
        "select count(*) filter (where region = 'north') from clicks",
        "select region, count(*) from clicks where region in ('a', 'b') group by 1",
        "select k.n from (select 1 as n) k left join clicks c on c.n = k.n",
        "select 1 where not exists (select 1 from clicks where n > 3)",
        "select count(*) from (select 1) left join clicks on true",
        "select min(seen), max(seen) from clicks",
    ],
)
def test_what_stands_here_for_rows_in_a_lake_never_counts_as_none(sql: str) -> None:
    columns = {"region": "VARCHAR", "seen": "TIMESTAMP", "n": "BIGINT", "sum": "DECIMAL(18,2)"}
    with duckdb.connect() as connection:
        connection.execute(f"create view clicks as {stand_in('clicks', columns)}")

        described = connection.execute("describe clicks").fetchall()

        assert {row[0]: row[1] for row in described} == columns
        with pytest.raises(duckdb.InvalidInputException, match="clicks lies in a lake"):
            connection.execute(sql).fetchall()
