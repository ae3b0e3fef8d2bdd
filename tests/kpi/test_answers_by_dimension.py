"""Breakdowns have every period for every key; filters reach every table."""

from __future__ import annotations

import pytest

from tests.kpi.asking import (
    EVENTS,
    TABLES,
    WORDS,
    answer,
    edition,
    values,
)
from tests.kpi.memory import Memory, Rows, vocabulary_text

# --- breakdowns -----------------------------------------------------------------------------------


def test_a_breakdown_has_every_period_for_every_key() -> None:
    memory = edition("count(*)", ("2026-01-05", "a"), ("2026-03-05", "b"))

    found = answer(memory, by=("region",))

    assert [(str(c.period), *c.keys, c.value) for c in found.cells] == [
        ("2026-01-01", "a", 1),
        ("2026-01-01", "b", 0),
        ("2026-02-01", "a", 0),
        ("2026-02-01", "b", 0),
        ("2026-03-01", "a", 0),
        ("2026-03-01", "b", 1),
    ]


def test_a_null_key_is_a_row_of_its_own_and_stands_last() -> None:
    memory = edition("count(*)", ("2026-01-05", None), ("2026-01-06", "a"), ("2026-01-07", None))

    found = answer(memory, by=("region",))

    assert [(c.keys, c.value) for c in found.cells] == [(("a",), 1), ((None,), 2)]


def test_null_keys_of_different_tables_meet() -> None:
    text = vocabulary_text(
        {"p": "count(*) from events", "q": "count(*) from more", "r": "p / q"},
        tables={**TABLES, "more": {"time": "at_utc", "by": ["region", "team"]}},
        dimensions=WORDS,
    )
    row = ("2026-01-05", None, None, 1, None, None)
    memory = Memory(text, {"events": Rows(EVENTS, [row]), "more": Rows(EVENTS, [row, row])})

    found = answer(memory, metrics=("p", "q", "r"), by=("region", "team"))

    assert [(c.keys, c.value) for c in found.cells] == [
        ((None, None), 1),
        ((None, None), 2),
        ((None, None), 0.5),
    ]


def test_a_key_that_only_one_of_two_tables_has_is_there_for_both() -> None:
    text = vocabulary_text(
        {"p": "count(*) from events", "q": "sum(x) from more"},
        tables={**TABLES, "more": {"time": "at_utc", "by": ["region"]}},
        dimensions=WORDS,
    )
    memory = Memory(
        text,
        {
            "events": Rows(EVENTS, [("2026-01-05", "a", None, 1, None, None)]),
            "more": Rows(EVENTS, [("2026-01-05", "b", None, 7, None, None)]),
        },
    )

    found = answer(memory, metrics=("p", "q"), by=("region",))

    assert [(c.keys, c.metric, c.value) for c in found.cells] == [
        (("a",), "p", 1),
        (("a",), "q", None),
        (("b",), "p", 0),
        (("b",), "q", 7),
    ]


@pytest.mark.parametrize("metrics", [("m",), ("m", "other")])
def test_a_key_without_a_row_of_an_asked_metric_is_not_there(metrics: tuple[str, ...]) -> None:
    described = {
        "m": "count(*) from events where x = 1",
        "other": "count(*) from events where x = 2",
    }
    memory = edition(described, *[("2026-01-05", f"of {x}", None, x) for x in (1, 2, 3)])

    found = answer(memory, metrics=metrics, by=("region",))

    assert {c.keys for c in found.cells} == {(f"of {x}",) for x in range(1, len(metrics) + 1)}


def test_two_dimensions_give_only_pairs_that_occur() -> None:
    memory = edition("count(*)", ("2026-01-05", "a", "x"), ("2026-01-05", "b", "y"))

    assert [c.keys for c in answer(memory, by=("team", "region")).cells] == [("x", "a"), ("y", "b")]


def test_a_breakdown_of_nothing_has_no_cells() -> None:
    memory = edition("count(*)", ("2026-01-05", "a"))

    assert answer(memory, "month", "2026-06-01", "2026-07-01", by=("region",)).cells == ()


@pytest.mark.parametrize("top", ["d0", "r"], ids=["of facts", "with a formula"])
def test_a_table_may_have_any_name_and_a_metric_that_of_a_column_inside(top: str) -> None:
    tables = ("periods", "keys", "p", "level0", "f0", "order")
    inside = ("d0", "s0", "k0", "a0", "v_m0", "n_m0")
    metrics = {m: f'sum(x) from "{t}"' for m, t in zip(inside, tables, strict=True)}
    text = vocabulary_text(
        metrics | {"r": "0 * k0 + v_m0"},
        tables={name: {"time": "at_utc", "by": ["region"]} for name in tables},
        dimensions=WORDS,
    )
    row = ("2026-01-05", "b", None, 1, None, None)
    other = ("2026-01-05", "a", None, 2, None, None)
    memory = Memory(text, {name: Rows(EVENTS, [row, other]) for name in tables})
    asked = (top, *(name for name in inside if name != top))

    found = answer(memory, metrics=asked, by=("region",))

    assert values(found) == [2] * len(asked) + [1] * len(asked)
    assert [c.keys for c in found.cells[:: len(asked)]] == [("a",), ("b",)]


# --- filters --------------------------------------------------------------------------------------


def test_filters_hold_together_and_take_texts_as_they_are() -> None:
    rows = [("2026-01-05", region, team) for region in ("it's", "b") for team in ("x", "y", None)]

    memory = edition("count(*)", *rows)

    assert values(answer(memory, where=("region = 'it''s'",))) == [3]
    assert values(answer(memory, where=("region = 'it''s'", "team = 'x' or team is null"))) == [2]


def test_a_filter_applies_to_every_table_below_a_formula() -> None:
    text = vocabulary_text(
        {"p": "count(*) from events", "q": "count(*) from more", "m": "p / q"},
        tables={**TABLES, "more": {"time": "at_utc", "by": ["region"]}},
        dimensions=WORDS,
    )
    rows = [("2026-01-05", region, None, 1, None, None) for region in ("a", "a", "b")]
    memory = Memory(text, {"events": Rows(EVENTS, rows), "more": Rows(EVENTS, rows[1:])})

    assert values(answer(memory, where=("region = 'a'",))) == [2]
