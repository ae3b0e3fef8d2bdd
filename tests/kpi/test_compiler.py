"""A question becomes one statement: a few of them in full, and what each is made of.

The full statements stand in the folder golden/. After a change that is meant, write them anew and
read the difference before it is committed:

    python -m tests.kpi.test_compiler
"""

from __future__ import annotations

import datetime as dt
from dataclasses import replace
from pathlib import Path

import pytest

from kpi.compiler import Statement, compile_question
from kpi.questions import Facts, Question
from kpi.vocabulary_file import load_vocabulary
from tests.kpi.memory import vocabulary_text

OPENED = (
    'CAST(make_timestamp(epoch_us(t."opened_at") + '
    'CASE WHEN t."opened_at" < $clock0_1 THEN 3600000000 ELSE 7200000000 END) AS DATE)'
)
ORDERED = OPENED.replace("opened_at", "ordered_at").replace("clock0", "clock1")
GOLDEN = Path(__file__).parent / "golden"
START, END = dt.date(2026, 1, 1), dt.date(2026, 7, 1)

VOCABULARY = load_vocabulary(
    vocabulary_text(
        {
            "opened": "count(*) from incidents",
            "urgent": "count(*) from incidents where severity in ('sev1', 'sev2')",
            "restored": {"value": "count(*) from incidents", "time": "resolved_at"},
            "time_to_restore": "median(hours_between(opened_at, resolved_at)) from incidents",
            "nps": "100 * (count_if(score >= 9) - count_if(score <= 6)) / count(score)"
            " from surveys where not test",
            "recent_nps": {
                "value": "100 * (count_if(score >= 9) - count_if(score <= 6)) / count(score)"
                " from surveys",
                "window": "90 days",
            },
            "orders": "count(*) from orders",
            "revenue": {"value": "sum(amount) from orders", "empty": 0},
            "per_order": "1000 * opened / orders",
            "twice": "2 * per_order",
            "visits": "sum(visits) from visits",
        },
        tables={
            "incidents": {"time": "opened_at", "by": ["service", "region"]},
            "surveys": {"time": "answered_at", "by": ["region"]},
            "orders": {"time": "ordered_at", "by": ["region", "order"]},
            "visits": {"time": "day", "by": ["region"]},
        },
        dimensions=("service", "region", "order"),
        calendar={"timezone": "Europe/Berlin"},
    )
)
FACTS = {
    "incidents": Facts({"opened_at": "TIMESTAMP", "resolved_at": "TIMESTAMP"}, START, END),
    "orders": Facts({"ordered_at": "TIMESTAMP"}, START, END),
    "surveys": Facts({"answered_at": "TIMESTAMP"}, START, END),
    "visits": Facts({"day": "DATE"}, START, END),
}
QUESTIONS = {
    "one_count_by_month": Question(("opened",), "month", start=START, end=END),
    "a_total_of_several_aggregates": Question(("nps",), "total", start=START, end=END),
    "two_times_of_one_table_by_week": Question(
        ("opened", "urgent", "restored", "time_to_restore"), "week", start=START, end=END
    ),
    "a_formula_by_two_dimensions_filtered": Question(
        ("twice", "revenue"),
        "quarter",
        ("region",),
        ("region in ('EMEA', 'it''s')", "not region = 'x'"),
        START,
        END,
    ),
    "local_days_by_day_and_name_that_is_a_keyword": Question(
        ("visits", "orders"), "day", ("region",), start=START, end=dt.date(2026, 1, 8)
    ),
    "a_window_by_week": Question(("recent_nps",), "week", start=START, end=END),
    "the_own_rows_of_a_window_by_week": Question(
        ("recent_nps",), "week", start=START, end=END, own_rows=True
    ),
    "a_table_that_nothing_has_filled": Question(
        ("opened", "nps"), "month", ("region",), start=START, end=END
    ),
}


def compiled(name: str) -> Statement:
    """The statement of one of the questions above."""
    facts = dict(FACTS)
    if name == "a_table_that_nothing_has_filled":
        del facts["surveys"]
    return compile_question(VOCABULARY, QUESTIONS[name], facts)


def text_of(statement: Statement) -> str:
    """A statement with its parameters, as it is kept."""
    given = "".join(
        f"-- ${name} = {shortened(value)}\n" for name, value in statement.parameters.items()
    )
    return f"{given}{statement.sql}\n"


def shortened(value: object) -> str:
    """A parameter as it is kept: of a list its ends and its length."""
    if isinstance(value, list):
        return f"{value[0]} to {value[-1]} ({len(value)})"
    return str(value)


def renew() -> None:
    """Writes every golden file anew and removes those that no question has any more."""
    GOLDEN.mkdir(exist_ok=True)
    for file in GOLDEN.glob("*.sql"):
        file.unlink()
    for name in QUESTIONS:
        (GOLDEN / f"{name}.sql").write_text(text_of(compiled(name)), encoding="utf-8")


@pytest.mark.parametrize("name", QUESTIONS)
def test_a_statement_is_the_golden_one(name: str) -> None:
    assert text_of(compiled(name)) == (GOLDEN / f"{name}.sql").read_text(encoding="utf-8")


def test_every_golden_file_has_its_question() -> None:
    assert {file.stem for file in GOLDEN.iterdir()} == set(QUESTIONS)


# --- what a statement is made of ----------------------------------------------------------------


@pytest.mark.parametrize("name", QUESTIONS)
def test_no_text_of_a_question_stands_in_the_sql(name: str) -> None:
    statement = compiled(name)

    assert "EMEA" not in statement.sql
    assert "2026" not in statement.sql


def test_fact_tables_are_never_joined_to_each_other() -> None:
    sql = compiled("a_formula_by_two_dimensions_filtered").sql

    assert [line for line in sql.splitlines() if "FROM main." in line and "JOIN" in line] == [
        f'  FROM main."{table}" AS t JOIN kpi.days AS d ON d.day = {local_day}'
        for table, local_day in (("incidents", OPENED), ("orders", ORDERED))
    ]


def test_a_table_is_read_once_for_each_time_it_is_counted_on() -> None:
    sql = compiled("two_times_of_one_table_by_week").sql

    assert sql.count('FROM main."incidents"') == 2


def test_a_metric_below_two_formulas_is_computed_once() -> None:
    question = Question(("per_order", "twice", "opened"), "month", start=START, end=END)

    sql = compile_question(VOCABULARY, question, FACTS).sql

    assert sql.count("count(*) AS") == 2


# --- statements that are kept -------------------------------------------------------------------


def test_a_question_asked_before_gets_the_statement_it_got() -> None:
    question = QUESTIONS[next(iter(QUESTIONS))]

    first = compile_question(VOCABULARY, question, FACTS)

    assert compile_question(VOCABULARY, replace(question), FACTS) is first


def test_a_question_of_other_facts_is_compiled_anew() -> None:
    question = QUESTIONS[next(iter(QUESTIONS))]

    first = compile_question(VOCABULARY, question, FACTS)

    assert compile_question(VOCABULARY, question, {}) != first
    assert compile_question(VOCABULARY, question, FACTS) == first


if __name__ == "__main__":
    renew()
