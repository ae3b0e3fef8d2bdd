"""Random facts, vocabularies, questions and histories: what is kept ready says what the facts say.

A few examples, always the same, are tried with every run; many new ones with

    KPI_EXAMPLES=3000 python -m pytest tests/kpi/test_rollups_property.py
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any

from hypothesis import event, given, settings
from hypothesis import strategies as st

from kpi.answers import ask
from kpi.compiler import compile_question
from kpi.questions import Question, QuestionRefused, alone
from kpi.rollups import SCHEMA
from tests.kpi.kept_and_facts import EVERYTHING, by_place, same
from tests.kpi.memory import Memory
from tests.kpi.random_questions import (
    ANCHORS,
    CALENDARS,
    EXAMPLES,
    GRAIN_NAMES,
    SAME_EVERY_TIME,
    TABLES,
    TIMES,
    edition,
    fill,
    moments,
    questions,
    rows_near,
    vocabularies,
    vocabulary_of,
)


@dataclass(frozen=True)
class World:
    """A random edition of which everything is kept, and what its questions are about."""

    memory: Memory
    anchor: dt.datetime
    grain: str
    metrics: Mapping[str, Any]

    @property
    def questions(self) -> st.SearchStrategy[Question]:
        return questions(self.anchor, self.grain, self.metrics)


def drawn(data: st.DataObject, told_after: st.SearchStrategy[int]) -> World:
    """Random facts and metrics; of each table is told up to so many hours after the anchor."""
    anchor = data.draw(st.sampled_from(ANCHORS))
    calendar = data.draw(st.sampled_from(CALENDARS))
    grain = data.draw(st.sampled_from(GRAIN_NAMES))
    entries, metrics = data.draw(vocabularies(grain))
    rows = {table: data.draw(rows_near(anchor, table)) for table in TABLES}
    fresh = {table: anchor + dt.timedelta(hours=data.draw(told_after)) for table in TABLES}
    memory = edition(calendar)
    memory.adopt(vocabulary_of(calendar, entries))
    fill(memory, rows, fresh)
    memory.roll_up(EVERYTHING)
    return World(memory, anchor, grain, metrics)


def refuse_differences(memory: Memory, question: Question) -> None:
    """Asks what is kept and then the facts alone; all of it must be the same."""
    kept = memory.facts
    try:
        found = ask(memory, question)
        assert question.start is not None and question.end is not None
        sql = compile_question(memory.vocabulary, question, memory.facts).sql
    except QuestionRefused:
        return
    memory.facts = alone(kept)
    try:
        expected = ask(memory, question)
    finally:
        memory.facts = kept
    event(f"by {len(question.by)}, {'kept' if f'{SCHEMA}.' in sql else 'facts'}")
    assert [replace(c, value=0, margin=0) for c in found.cells] == [
        replace(c, value=0, margin=0) for c in expected.cells
    ]
    for place, cell in by_place(expected).items():
        twin = by_place(found)[place]
        assert same(twin.value, cell.value), (place, twin, cell, sql)
        assert same(twin.margin, cell.margin), place


@settings(max_examples=EXAMPLES // 2, derandomize=SAME_EVERY_TIME)
@given(data=st.data())
def test_what_is_kept_says_what_the_facts_say(data: st.DataObject) -> None:
    world = drawn(data, told_after=st.integers(-80, 1200))

    for _ in range(3):
        refuse_differences(world.memory, data.draw(world.questions))


VALUES = {
    "a": ["'k'", "'l'", "null"],
    "b": ["'p'", "'q'", "null"],
    "x": ["-2", "0", "1", "3", "null"],
    "m": ["-9.99", "0.01", "5", "null"],
    "flag": ["true", "false", "null"],
    "who": ["1", "2", "null"],
    "site": ["'s1'", "'s2'", "null"],
}


@st.composite
def changes(draw: st.DrawFn, anchor: dt.datetime) -> tuple[str, str, str, str]:
    """A table, what its rows were, a change to some of them, and what they are then."""
    table = draw(st.sampled_from(sorted(TABLES)))
    # Rows have no keys here: every third one, say, whichever that is.
    place = draw(st.integers(0, 4))
    chosen = f"rowid % 5 = {place}"
    column = draw(st.sampled_from([*TIMES[table], *TIMES[table], "a", "b", "x", "m", "flag"]))
    if column in TIMES[table]:
        moment = draw(st.one_of(moments(anchor), st.none()))
        if table == "plans" and moment:
            moment = moment.replace(day=1)
        value = f"'{moment}'" if moment else "null"
    else:
        value = draw(st.sampled_from(VALUES[column]))
    rows = f'select * from main."{table}" where {chosen}'
    change = draw(
        st.sampled_from(
            [
                f'update main."{table}" set "{column}" = {value} where {chosen}',
                f'delete from main."{table}" where {chosen}',
                f'insert into main."{table}" by name select * replace ({value} as "{column}") '
                f'from main."{table}" where {chosen}',
            ]
        )
    )
    return table, rows, change, f'select * from main."{table}"'


@settings(max_examples=EXAMPLES // 2, derandomize=SAME_EVERY_TIME)
@given(data=st.data())
def test_what_is_kept_follows_late_changed_and_deleted_rows(data: st.DataObject) -> None:
    world = drawn(data, told_after=st.just(0))

    for _ in range(data.draw(st.integers(1, 3))):
        for _ in range(data.draw(st.integers(1, 2))):
            world.memory.change(*data.draw(changes(world.anchor)))
        world.memory.roll_up(EVERYTHING)
        for _ in range(2):
            refuse_differences(world.memory, data.draw(world.questions))
