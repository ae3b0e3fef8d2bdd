"""The same facts on a Spark cluster as in memory, and the same statement asked of both."""

from __future__ import annotations

import itertools
import math
from collections.abc import Sequence
from decimal import Decimal
from pathlib import Path
from typing import Any

from connectors.contract import Parquet
from kpi.answers import statement
from kpi.compiler import Statement
from kpi.questions import Question
from kpi.spark import Cluster
from tests.kpi.memory import Memory

_NUMBERS = itertools.count()


def register(cluster: Cluster, memory: Memory, folder: Path) -> None:
    """Writes every fact table as Parquet, by the month of its time where it has one; the cluster
    learns of them and of the calendar."""
    for table, facts in memory.facts.items():
        path = folder / f"{table}_{next(_NUMBERS)}"
        write(memory, table, path)
        cluster.register(table, facts.columns, Parquet(str(path)))


def write(memory: Memory, table: str, path: Path) -> None:
    """A fact table as Parquet: a folder for each month of its time, or one file."""
    declared = memory.vocabulary.tables.get(table)
    known = declared is not None and declared.time in memory.facts[table].columns
    empty = memory.query(f'SELECT count(*) FROM main."{table}"') == [(0,)]
    path.mkdir()
    if not known or empty or declared is None:
        memory.query(f"COPY main.\"{table}\" TO '{path / 'all.parquet'}' (FORMAT parquet)")
        return
    month = f"coalesce(strftime(\"{declared.time}\", '%Y-%m'), 'none') AS in_month"
    memory.query(
        f"COPY (SELECT *, {month} FROM main.\"{table}\") TO '{path}' "
        "(FORMAT parquet, PARTITION_BY (in_month), OVERWRITE_OR_IGNORE)"
    )


def both(
    cluster: Cluster, memory: Memory, question: Question
) -> tuple[list[tuple[Any, ...]], list[tuple[Any, ...]]]:
    """The rows that DuckDB answers a question with, and those of Spark."""
    return rows_of(cluster, memory, statement(memory, question))


def rows_of(
    cluster: Cluster, memory: Memory, asked: Statement
) -> tuple[list[tuple[Any, ...]], list[tuple[Any, ...]]]:
    """The rows that DuckDB answers a statement with, and those of Spark."""
    return memory.query(asked.sql, asked.parameters), cluster.rows(asked)


def differences(
    expected: Sequence[tuple[Any, ...]], found: Sequence[tuple[Any, ...]]
) -> list[tuple[int, int, Any, Any]]:
    """Where two answers are not the same: row, column, and what stands there in each."""
    assert len(expected) == len(found)
    return [
        (row, column, one, other)
        for row, pair in enumerate(zip(expected, found, strict=True))
        for column, (one, other) in enumerate(zip(*pair, strict=True))
        if not same(one, other)
    ]


def same(one: Any, other: Any) -> bool:
    """Whether two values are equal: whole numbers and decimals exactly, floats to 12 digits."""
    if isinstance(one, float) or isinstance(other, float):
        if one is None or other is None:
            return False
        left, right = float(one), float(other)
        if math.isnan(left) or math.isinf(left):
            return str(left) == str(right)
        return math.isclose(left, right, rel_tol=1e-12, abs_tol=1e-12)
    exact = (int, Decimal)
    if isinstance(one, exact) and isinstance(other, exact):
        return isinstance(one, bool) == isinstance(other, bool) and one == other
    return type(one) is type(other) and bool(one == other)
