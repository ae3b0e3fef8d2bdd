"""What Spark cannot compute exactly is refused by name, before any cluster is asked."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import pytest

from kpi.compiler import Statement
from kpi.spark_sql import EngineRefused, spark_sql

COLUMNS = {
    "events": {
        "at": "TIMESTAMP",
        "region": "VARCHAR",
        "x": "INTEGER",
        "huge": "HUGEINT",
        "small": "FLOAT",
        "ratio": "DOUBLE",
    },
    "visits": {"day": "DATE", "region": "INTEGER"},
}


def translated(sql: str, **parameters: Any) -> str:
    return spark_sql(Statement(sql, parameters), COLUMNS)


def of_events(value: str) -> str:
    return (
        f'WITH f0 AS (SELECT {value} AS a0 FROM main."events" AS t) '
        'SELECT f0.a0 AS "m", f0.a0 AS "m n" FROM f0'
    )


@pytest.mark.parametrize(
    ("value", "what"),
    [
        ('sum(t."huge")', "take the column 'huge', which is a HUGEINT, as it is"),
        ('sum(t."small")', "take the column 'small', which is a FLOAT, as it is"),
        ('approx_quantile(t."x", 0.5)', "be told 'APPROX_QUANTILE"),
        ('stddev(t."x")', "be told 'STDDEV"),
        ("count_if(t.\"at\" > '2026-01-01T00:00:00+02:00')", "names its offset from UTC"),
        ("count_if(t.\"at\" > TIMESTAMP 'infinity')", "read the time 'infinity'"),
        ("count_if(t.\"at\" > DATE '2026')", "read the time '2026'"),
        ('sum(t."ratio" // 2)', "cut decimals off"),
        ('sum(t."x" % 2)', "be told"),
        ('max(t."x"::VARCHAR)', "write a value as a text"),
        ('max(t."x"::HUGEINT)', "make a value a INT128"),
        ('round(sum(t."y"), 2)', "round what may be a decimal or a float"),
        ('sum(t."x") OVER (PARTITION BY t."region")', "look at other rows"),
        ("sum(18446744073709551616)", "count up to 18446744073709551616"),
    ],
)
def test_a_refusal_says_what_of_which_metric_and_table(value: str, what: str) -> None:
    with pytest.raises(EngineRefused) as refused:
        translated(of_events(value))

    assert str(refused.value).startswith("Spark cannot ")
    assert what in str(refused.value)
    assert str(refused.value).endswith(": metric m, table events.")


def test_a_dimension_of_two_types_is_refused() -> None:
    sql = (
        'WITH f0 AS (SELECT t."region" AS d0 FROM main."events" AS t), '
        'f1 AS (SELECT t."region" AS d0 FROM main."visits" AS t), '
        "keys AS (SELECT DISTINCT d0 FROM (SELECT d0 FROM f0 UNION ALL SELECT d0 FROM f1)) "
        "SELECT k.d0 FROM keys AS k"
    )

    with pytest.raises(EngineRefused, match="dimension 1, which is of several types"):
        translated(sql)


def test_a_table_that_is_no_fact_table_is_refused() -> None:
    with pytest.raises(EngineRefused, match=r"read kpi\.restated"):
        translated("SELECT count(*) FROM kpi.restated")


@pytest.mark.parametrize(
    ("text", "written"),
    [
        ("it's", r"'it\u0027s'"),
        ("a\\b", r"'a\u005cb'"),
        ("${spark.app.name}", r"'\u0024{spark.app.name}'"),
        ("two\nlines", r"'two\u000alines'"),
    ],
)
def test_what_is_special_in_a_text_is_spelt_as_its_number(text: str, written: str) -> None:
    sql = translated('SELECT count(*) FROM main."events" AS t WHERE t."region" = $w0', w0=text)

    assert sql.endswith(f"= {written}")


def test_an_empty_list_is_refused() -> None:
    with pytest.raises(EngineRefused, match="unfold an empty list"):
        translated("SELECT unnest($s) AS s", s=[])


def test_names_are_quoted_whatever_they_are() -> None:
    columns: Mapping[str, Mapping[str, str]] = {"events": {"odd `name": "INTEGER"}}

    sql = spark_sql(
        Statement('SELECT sum(t."odd `name") AS "a ""b" FROM main."events" AS t', {}), columns
    )

    assert sql == 'SELECT SUM(`t`.`odd ``name`) AS `a "b` FROM `facts_events` AS `t`'


def test_what_a_value_is_follows_from_the_step_that_it_is_named_of() -> None:
    sql = (
        'WITH f0 AS (SELECT sum(t."x") AS a0 FROM main."events" AS t), '
        'f1 AS (SELECT sum(t."ratio") AS a0 FROM main."events" AS t), '
        "level0 AS (SELECT f0.*, f1.a0 AS v FROM f0 JOIN f1 ON true) "
        "SELECT round(r.a0, 2) AS whole, round(r.v, 2) AS float FROM level0 AS r"
    )

    written = translated(sql)

    assert "round(`r`.`a0`, 2) AS `whole`" in written
    assert "round(`r`.`v` * CAST('1e2' AS DOUBLE), 0)" in written
