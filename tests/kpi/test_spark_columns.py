"""Columns of DuckDB and Spark: which types are the same, and which hold each other's values."""

from __future__ import annotations

import itertools

import pytest

from kpi.spark_columns import duckdb_type, spark_type, widens

BITS = {"tinyint": 8, "smallint": 16, "int": 32, "bigint": 64}


@pytest.mark.parametrize(
    "kind",
    [
        *("VARCHAR", "BOOLEAN", "TINYINT", "SMALLINT", "INTEGER", "BIGINT", "DOUBLE"),
        *("DATE", "TIMESTAMP", "DECIMAL(18,2)"),
    ],
)
def test_a_type_comes_back_from_spark_as_it_was(kind: str) -> None:
    there = spark_type(kind)

    assert there is not None
    assert duckdb_type(there) == kind


@pytest.mark.parametrize("kind", ["HUGEINT", "UINTEGER", "TIME", "TIMESTAMP WITH TIME ZONE"])
def test_a_type_that_spark_has_not_is_none(kind: str) -> None:
    assert spark_type(kind) is None


@pytest.mark.parametrize("kind", ["binary", "array<int>", "map<string,int>", "void"])
def test_what_no_metric_reads_has_no_type_here(kind: str) -> None:
    assert duckdb_type(kind) is None


@pytest.mark.parametrize(("found", "wanted"), list(itertools.product(BITS, BITS)))
def test_an_integer_is_widened_and_never_cut(found: str, wanted: str) -> None:
    assert widens(found, wanted) == (BITS[found] <= BITS[wanted])


@pytest.mark.parametrize(
    ("found", "wanted"),
    [
        *(("double", "float"), ("bigint", "double"), ("string", "int"), ("int", "string")),
        *(("timestamp_ntz", "date"), ("decimal(18,2)", "double"), ("int", None)),
    ],
)
def test_what_might_change_a_value_is_no_widening(found: str, wanted: str | None) -> None:
    assert not widens(found, wanted)
