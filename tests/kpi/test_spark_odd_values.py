"""Odd values and mixed types on a Spark cluster: each expression is what it is in DuckDB."""

from __future__ import annotations

from collections.abc import Iterator

import duckdb
import pytest

from connectors.contract import Parquet
from kpi.compiler import Statement
from kpi.questions import NotComputable
from kpi.spark import Cluster
from tests.kpi.on_spark import same

pytestmark = pytest.mark.spark

COLUMNS = {
    "ts": "TIMESTAMP",
    "d": "DATE",
    "d2": "DATE",
    "v": "VARCHAR",
    "i": "INTEGER",
    "ti": "TINYINT",
    "b": "BIGINT",
    "m": "DECIMAL(12,2)",
    "w": "DECIMAL(30,10)",
    "f": "DOUBLE",
    "k": "BOOLEAN",
}
ROWS = """
    ('2026-03-01 10:00', '2026-03-01', '2026-02-01', '5', 1, 100, 5, 1.25, 1.123456789, 0.1, true),
    ('2026-03-02 10:00', '2026-03-05', '2026-02-01', '05', 2, 101, 7, -1.25,
     12345678901234567.1234567890, 'nan', false),
    ('1969-12-31 23:59:59.5', '1900-01-01', null, 'x', -7, -128, -9, 0, -2, 'inf', null),
    (null, null, null, null, null, null, null, null, null, -0.0, null),
    ('2026-03-02 10:00', '2026-03-05', '2026-02-01', 'a_b', 2, 101, 7, -1.25, 1, 0.0, false)
"""
# A number is compared with a text, a day with a time; decimals reach their last digit.
EXPRESSIONS = (
    'sum(t."d" - t."d2")',
    'max(t."d" - t."d2")',
    'count_if(t."d" - t."d2" > 27)',
    'sum(t."w")',
    'sum(t."w" * t."m")',
    'avg(t."w")',
    'sum(t."m" / t."w")',
    'count(DISTINCT t."f")',
    'min(t."f")',
    'max(t."f")',
    'median(t."f")',
    'sum(t."f")',
    'avg(t."f")',
    "count_if(t.\"v\" = '5')",
    "count_if(t.\"i\" = '2')",
    "count_if(t.\"i\" = ' 2 ')",
    "count_if(t.\"k\" = 'true')",
    "count_if(t.\"k\" = 't')",
    "count_if(t.\"d\" = '2026-3-5')",
    "count_if(t.\"d\" >= '2026-03-05 10:00')",
    "count_if(t.\"ts\" = '2026-03-02 10:00')",
    "count_if(t.\"ts\" < '2026-03-02T10:00:00.5')",
    'count_if(t."ts" >= t."d")',
    "count_if(t.\"d\" < TIMESTAMP '2026-03-05 00:00:01')",
    'count_if(t."f" > 0.05)',
    'count_if(t."f" = 0)',
    "count_if(t.\"m\" = '1.25')",
    'count_if(t."m" = 1.254)',
    'count_if(t."i" = 1.5)',
    'count_if(t."b" = 5.0)',
    'sum(greatest(t."i", t."m"))',
    'sum(greatest(t."f", 0.5))',
    'max(least(t."w", t."f"))',
    'sum(nullif(t."m", 0))',
    'sum(coalesce(t."m", t."w"))',
    'sum(coalesce(t."i", t."f"))',
    'sum(CASE WHEN t."k" THEN t."m" ELSE 0.123 END)',
    'sum(abs(t."m"))',
    'pow(sum(t."m"), 2)',
    'sqrt(sum(t."b"))',
    'sum(t."i") / 0.3',
    'sum(t."m") * 0.1',
    'sum(t."w") * 0.00001',
    'sum(t."w") + 0.00000000001',
    'sum(t."m") * sum(t."m") * sum(t."m")',
    '-sum(t."b")',
    'sum(round(t."w", 3))',
    'round(sum(t."w"), 12)',
    'round(sum(t."b") / 3, 3)',
    'round(sum(t."b"), -1)',
    "count_if(t.\"v\" LIKE 'a\\_b')",
    "count_if(t.\"v\" LIKE 'a_b')",
    "count_if(t.\"v\" IN ('5','x'))",
    'count_if(t."i" IN (1, 2.0))',
    'count_if(t."k" IN (true))',
    'max(t."k")',
    'sum(t."f" * 1e308)',
    'sum(t."m" * 1e2)',
    'sum(99999999999 * t."i")',
    'sum(if(t."k", 1, 2.5))',
    'count(t."d" < t."ts")',
    'sum(t."i" * t."b" * 1000000)',
    'sum(t."k")',
    'max(t."v")',
    'quantile_cont(CAST(t."f" AS DOUBLE), 0.25)',
    'quantile_disc(CAST(t."f" AS DOUBLE), 0.75)',
)
# What both refuse, for a decimal has 38 digits and a text is no number.
IMPOSSIBLE = (
    'sum(t."w" * t."w") * sum(t."w" * t."w")',
    'sum(t."w" * t."w")',
    'sum(t."w") * sum(t."w")',
    'count_if(t."v" = 5)',
    'sum(t."b" * 9223372036854775807)',
    "count_if(t.\"d\" = 'no day')",
)


@pytest.fixture(scope="module")
def duck(tmp_path_factory: pytest.TempPathFactory) -> duckdb.DuckDBPyConnection:
    connection = duckdb.connect()
    columns = ", ".join(f'"{name}" {kind}' for name, kind in COLUMNS.items())
    connection.execute(f"CREATE TABLE main.odd ({columns})")
    connection.execute(f"INSERT INTO main.odd VALUES {ROWS}")
    return connection


@pytest.fixture(scope="module")
def cluster(
    spark_address: str, duck: duckdb.DuckDBPyConnection, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Cluster]:
    path = tmp_path_factory.mktemp("odd") / "odd.parquet"
    duck.execute(f"COPY main.odd TO '{path}' (FORMAT parquet)")
    opened = Cluster(spark_address)
    opened.register("odd", COLUMNS, Parquet(str(path)))
    yield opened
    opened.close()


def statement(*expressions: str) -> Statement:
    selected = ", ".join(f"{each} AS m{index}" for index, each in enumerate(expressions))
    return Statement(f'SELECT {selected} FROM main."odd" AS t', {})


def test_each_expression_of_odd_values_is_the_same(
    cluster: Cluster, duck: duckdb.DuckDBPyConnection
) -> None:
    asked = statement(*EXPRESSIONS)
    expected = duck.execute(asked.sql).fetchall()[0]

    found = cluster.rows(asked)[0]

    triples = zip(EXPRESSIONS, expected, found, strict=True)
    assert [each for each in triples if not same(each[1], each[2])] == []


@pytest.mark.parametrize("expression", IMPOSSIBLE)
def test_what_duckdb_cannot_compute_a_cluster_does_not_make_up(
    cluster: Cluster, duck: duckdb.DuckDBPyConnection, expression: str
) -> None:
    with pytest.raises(duckdb.Error):
        duck.execute(statement(expression).sql)
    with pytest.raises(NotComputable, match="refuses a question of odd"):
        cluster.rows(statement(expression))
