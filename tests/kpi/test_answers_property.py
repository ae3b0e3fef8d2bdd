"""Random facts, vocabularies and questions: answers equal those of plain Python.

Every kind of metric, at every grain, by none to two dimensions, filtered, in five calendars. How
the rules are read where they leave a choice stands in `oracle.py`.

A few examples, always the same, are tried with every run. After a change of what computes numbers,
try many new ones:

    KPI_EXAMPLES=3000 python -m pytest tests/kpi/test_answers_property.py
"""

from __future__ import annotations

import datetime as dt
import math
from dataclasses import replace

import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st

from kpi.answers import ask
from kpi.questions import QuestionRefused
from tests.kpi import oracle
from tests.kpi.random_questions import (
    ANCHORS,
    CALENDARS,
    EXAMPLES,
    FILTERS,
    FILTERS_OF_PLACES,
    GRAIN_NAMES,
    SAME_EVERY_TIME,
    SETTLES_AFTER,
    TABLES,
    edition,
    fill,
    questions,
    rows_near,
    vocabularies,
    vocabulary_of,
)


def alike(found: float | None, expected: float | None) -> bool:
    """Whether two numbers are the same but for the last digits of a float."""
    if found is None or expected is None:
        return found is expected
    return math.isclose(found, expected, rel_tol=1e-9, abs_tol=1e-9)


@settings(max_examples=EXAMPLES, derandomize=SAME_EVERY_TIME)
@given(data=st.data())
def test_answers_equal_those_of_plain_python(data: st.DataObject) -> None:
    anchor = data.draw(st.sampled_from(ANCHORS))
    calendar = data.draw(st.sampled_from(CALENDARS))
    grain = data.draw(st.sampled_from(GRAIN_NAMES))
    entries, metrics = data.draw(vocabularies(grain))
    rows = {table: data.draw(rows_near(anchor, table)) for table in TABLES}
    question = data.draw(questions(anchor, grain, metrics))
    fresh = {
        table: anchor + dt.timedelta(hours=data.draw(st.integers(-80, 1200))) for table in TABLES
    }
    memory = edition(calendar)
    memory.adopt(vocabulary_of(calendar, entries))
    fill(memory, rows, fresh)
    world = oracle.World(
        *calendar,
        rows=rows,
        default_time={table: TABLES[table]["time"] for table in TABLES},
        settles_after={table: SETTLES_AFTER.get(table, dt.timedelta(0)) for table in TABLES},
        fresh_until=fresh,
        metrics=metrics,
        row_grain={"plans": "month"},
    )
    if any(world.refuses(name, grain) for name in question.metrics):
        with pytest.raises(QuestionRefused, match=r"looks back|a row of plans is a month"):
            ask(memory, question)
        return
    if not world.periods(grain, question.start, question.end):
        with pytest.raises(QuestionRefused, match="There was no 2011-12-30 in Pacific/Apia"):
            ask(memory, question)
        return

    conditions = {**FILTERS, **FILTERS_OF_PLACES}
    expected = oracle.answer(
        world,
        question.metrics,
        grain,
        question.by,
        question.start,
        question.end,
        [conditions[text] for text in question.where],
    )
    cells = ask(memory, question).cells

    found = {(c.metric, c.period, *c.keys): c for c in cells}
    assert len(found) == len(cells)
    assert found.keys() == expected.keys()
    for place, cell in expected.items():
        assert alike(found[place].value, cell.value), place
        assert (found[place].n, found[place].complete) == (cell.n, cell.complete), place
        assert alike(found[place].margin, cell.margin), place


@settings(max_examples=EXAMPLES // 3, derandomize=SAME_EVERY_TIME)
@given(data=st.data())
def test_an_answer_does_not_depend_on_what_is_asked_beside_it(data: st.DataObject) -> None:
    anchor = data.draw(st.sampled_from(ANCHORS))
    grain = data.draw(st.sampled_from(["month", "quarter", "year", "total"]))
    entries, metrics = data.draw(vocabularies(grain))
    rows = {table: data.draw(rows_near(anchor, table)) for table in TABLES}
    together = data.draw(questions(anchor, grain, metrics))
    memory = edition(CALENDARS[2])
    memory.adopt(vocabulary_of(CALENDARS[2], entries))
    fill(memory, rows, dict.fromkeys(TABLES, anchor))
    try:
        beside = {(c.metric, c.period, c.keys): c for c in ask(memory, together).cells}
    except QuestionRefused:
        assume(False)

    alone = [
        cell
        for name in together.metrics
        for cell in ask(memory, replace(together, metrics=(name,))).cells
    ]

    for cell in alone:
        same = beside[cell.metric, cell.period, cell.keys]
        assert alike(cell.value, same.value)
        assert replace(cell, value=None, margin=None) == replace(same, value=None, margin=None)
        assert alike(cell.margin, same.margin)
