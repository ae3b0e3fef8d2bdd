"""The rows behind a number that reaches beyond its period are those that its n counts."""

from __future__ import annotations

import datetime as dt

import pytest

from kpi.answers import ask
from kpi.periods import Period
from kpi.rows import RowsQuestion, count_rows, rows_behind
from tests.kpi.memory import Memory, Rows, vocabulary_text

WEEK = Period("week", dt.date(2026, 3, 9), dt.date(2026, 3, 16))
REACHES = {
    "own": {},
    "window": {"window": "3 weeks"},
    "all": {"window": "all"},
    "to_date": {"to_date": "month"},
    "open": {"as_of": {"from": "opened", "to": "closed"}},
    "begun": {"as_of": {"from": "opened"}},
    "latest": {"latest": "who"},
    "latest_within": {"latest": {"per": "who", "carry": False}},
}


def memory(kind: str) -> Memory:
    """A row every 30 hours from January to April, each open for ten days, of five people."""
    first = dt.datetime(2026, 1, 1, 3)
    opened = [first + index * dt.timedelta(hours=30) for index in range(80)]
    rows = [
        (at, None if index % 7 == 0 else at + dt.timedelta(days=10), f"p{index % 5}")
        for index, at in enumerate(opened)
    ]
    text = vocabulary_text(
        {name: {"value": "count(*) from cases", **reach} for name, reach in REACHES.items()},
        tables={"cases": {"time": "opened"}},
        calendar={"timezone": "Europe/Berlin"},
    )
    return Memory(text, {"cases": Rows(f"opened {kind}, closed {kind}, who VARCHAR", rows)})


@pytest.mark.parametrize("kind", ["TIMESTAMP", "DATE"])
@pytest.mark.parametrize("name", REACHES)
def test_there_are_as_many_rows_as_the_number_counts(name: str, kind: str) -> None:
    edition = memory(kind)
    question = RowsQuestion(name, WEEK)
    (cell,) = ask(edition, question.number).cells
    found = rows_behind(edition, question, size=1000)

    assert cell.n > 0
    assert found.total == len(found.rows) == count_rows(edition, question)[None] == cell.n
