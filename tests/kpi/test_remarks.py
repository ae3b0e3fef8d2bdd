"""What stands beside an answer: a wider range, a filter that no row meets, too few rows."""

from __future__ import annotations

from typing import Any

import pytest

from kpi.questions import Question
from kpi.remarks import remarks
from tests.kpi.asking import answer, day, edition
from tests.kpi.memory import Memory

ROWS = [("2026-03-02", "EMEA", "Shop", 9), ("2026-04-03", "APAC", "Shop", 8)]


@pytest.fixture(scope="module")
def events() -> Memory:
    return edition({"m": {"value": "avg(x) from events", "min_sample": 2}}, *ROWS)


def said(events: Memory, grain: str = "total", **asked: Any) -> list[str]:
    start, end = asked.get("start"), asked.get("end")
    where = asked.get("where", ())
    question = Question(
        ("m",), grain, (), where, day(start) if start else None, day(end) if end else None
    )
    found = answer(events, grain, start, end, where=where)
    return list(remarks(events, question, found))


def test_a_range_that_was_widened_is_told_with_its_days(events: Memory) -> None:
    found = said(events, "quarter", start="2026-02-10", end="2026-05-20")

    assert found[0] == (
        "The range was widened to whole quarters, 1 Jan – 30 Jun 2026; a total is not widened."
    )


@pytest.mark.parametrize(
    ("grain", "start", "end"),
    [("month", "2026-03-01", "2026-05-01"), ("total", "2026-03-10", "2026-05-20")],
)
def test_a_range_that_stays_as_it_was_asked_for_needs_no_word(
    events: Memory, grain: str, start: str, end: str
) -> None:
    assert not [line for line in said(events, grain, start=start, end=end) if "widened" in line]


@pytest.mark.parametrize(
    ("where", "expected"),
    [
        ("region = 'EMAE'", "No row has region 'EMAE'. Did you mean 'EMEA'?"),
        ("region in ('APAC', 'zzz')", "No row has region 'zzz'. There is 'APAC', 'EMEA'."),
        ("team <> 'shop'", "No row has team 'shop'. Did you mean 'Shop'?"),
    ],
)
def test_a_filter_with_a_word_that_no_row_has_is_told(
    events: Memory, where: str, expected: str
) -> None:
    assert expected in said(events, where=(where,))


def test_a_filter_with_words_that_rows_have_needs_no_word(events: Memory) -> None:
    assert said(events, where=("region = 'EMEA' or region = 'APAC'",)) == []


def test_values_on_too_few_rows_are_told(events: Memory) -> None:
    assert said(events, "month", start="2026-03-01", end="2026-05-01") == [
        "All values of 'm' rest on too few rows: n is below 2."
    ]
