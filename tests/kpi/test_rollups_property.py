"""Random facts, vocabularies, questions and histories: what is kept ready says what the facts say.

A few examples, always the same, are tried with every run; many new ones with

    KPI_EXAMPLES=3000 python -m pytest tests/kpi/test_rollups_property.py
"""

from __future__ import annotations

from dataclasses import replace

from hypothesis import event, given, settings
from hypothesis import strategies as st

from kpi.answers import ask
from kpi.compiler import compile_question
from kpi.questions import Question, QuestionRefused, alone
from kpi.rollups import SCHEMA
from tests.kpi.kept_and_facts import EVERYTHING, by_place, same
from tests.kpi.memory import Memory
from tests.kpi.random_questions import (
    EXAMPLES,
    SAME_EVERY_TIME,
)
from tests.kpi.random_worlds import changes, drawn


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
