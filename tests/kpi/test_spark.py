"""A Spark cluster as it is reached: what it is told of, and what is said when it fails."""

from __future__ import annotations

import datetime as dt
import socket
from collections.abc import Iterator
from pathlib import Path

import duckdb
import pytest

from connectors.contract import CatalogueTable, Parquet
from kpi.answers import ask
from kpi.compiler import Statement
from kpi.questions import NotComputable, Question
from kpi.spark import Cluster, EngineFailed
from tests.kpi.memory import Memory, Rows, vocabulary_text
from tests.kpi.on_spark import register
from tests.prometheus_server import free_port
from tests.spark_cluster import spark_cluster

pytestmark = pytest.mark.spark

ROWS = Statement('SELECT count(*), sum(t."x") FROM main."facts" AS t', {})


@pytest.fixture
def cluster(spark_address: str) -> Iterator[Cluster]:
    opened = Cluster(spark_address)
    yield opened
    opened.close()


def parquet(path: Path, select: str) -> Parquet:
    path.parent.mkdir(parents=True, exist_ok=True)
    duckdb.sql(f"COPY ({select}) TO '{path}' (FORMAT parquet)")
    return Parquet(str(path))


@pytest.mark.parametrize("address", ["", "http://host:15002", "sc://", "sc://host:port", "host:1"])
def test_an_address_of_another_kind_is_refused(address: str) -> None:
    with pytest.raises(EngineFailed, match="is written sc://host:port"):
        Cluster(address)


def test_a_cluster_that_is_not_there_is_told_without_its_secrets() -> None:
    address = f"sc://127.0.0.1:{free_port()}/;token=s3cr3t-token;use_ssl=false"

    with pytest.raises(EngineFailed) as told:
        Cluster(address)

    assert str(told.value).startswith("The Spark cluster at 127.0.0.1:")
    assert told.value.what.endswith("cannot be reached: connection refused.")
    assert "s3cr3t" not in str(told.value)


def test_what_answers_but_is_no_cluster_is_told_within_a_minute(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr("kpi.spark._REACHED", 1.0)
    with socket.create_server(("127.0.0.1", 0)) as silent:
        port = silent.getsockname()[1]

        with pytest.raises(EngineFailed, match=r"took longer than|failed at opening") as told:
            Cluster(f"sc://127.0.0.1:{port}/;x-key=s3cr3t-key")

    assert "s3cr3t" not in str(told.value)


def test_a_path_without_facts_is_told(cluster: Cluster, tmp_path: Path) -> None:
    with pytest.raises(EngineFailed, match="does not have the table facts"):
        cluster.register("facts", {"x": "INTEGER"}, Parquet(str(tmp_path / "nowhere")))


def test_a_table_that_the_catalogue_does_not_have_is_told(cluster: Cluster) -> None:
    with pytest.raises(EngineFailed, match="does not have the table facts"):
        cluster.register("facts", {"x": "INTEGER"}, CatalogueTable("lake_of_nobody"))


def test_a_table_of_the_catalogue_is_read(cluster: Cluster) -> None:
    cluster._session.sql(
        "CREATE OR REPLACE TEMPORARY VIEW lake AS SELECT 7 AS x, DATE '2026-01-01' AS d"
    )

    cluster.register("facts", {"x": "INTEGER", "d": "DATE"}, CatalogueTable("lake"))

    assert cluster.rows(ROWS) == [(1, 7)]


def test_a_column_that_is_missing_is_told(cluster: Cluster, tmp_path: Path) -> None:
    place = parquet(tmp_path / "a.parquet", "SELECT 1 AS x")

    with pytest.raises(EngineFailed, match="has no column 'y' in the table facts"):
        cluster.register("facts", {"x": "INTEGER", "y": "INTEGER"}, place)


def test_a_column_of_another_type_is_told(cluster: Cluster, tmp_path: Path) -> None:
    # DuckDB writes a HUGEINT as a float.
    place = parquet(tmp_path / "a.parquet", "SELECT 1::HUGEINT AS x")

    with pytest.raises(EngineFailed, match="'x' of the table facts as double, not as bigint"):
        cluster.register("facts", {"x": "BIGINT"}, place)


def test_a_smaller_integer_is_taken_as_it_is_declared(cluster: Cluster, tmp_path: Path) -> None:
    place = parquet(
        tmp_path / "a.parquet", "SELECT 2000000000::INTEGER AS x UNION ALL SELECT 2000000000"
    )

    cluster.register("facts", {"x": "BIGINT"}, place)

    assert cluster.rows(Statement('SELECT max(t."x" * 2) FROM main."facts" AS t', {})) == [
        (4_000_000_000,)
    ]


def test_a_column_that_came_later_is_null_in_older_files(cluster: Cluster, tmp_path: Path) -> None:
    parquet(tmp_path / "facts" / "in_month=2026-01" / "a.parquet", "SELECT 1 AS y")
    parquet(tmp_path / "facts" / "in_month=2026-02" / "a.parquet", "SELECT 1 AS y, 5 AS x")

    cluster.register("facts", {"x": "INTEGER", "y": "INTEGER"}, Parquet(str(tmp_path / "facts")))

    assert cluster.rows(ROWS) == [(2, 5)]


def test_rows_that_do_not_allow_a_statement_are_told_in_words(
    cluster: Cluster, tmp_path: Path
) -> None:
    place = parquet(tmp_path / "a.parquet", f"SELECT {2**63 - 1} AS x UNION ALL SELECT 1")
    cluster.register("facts", {"x": "BIGINT"}, place)

    with pytest.raises(NotComputable, match=r"refuses a question of facts: .*overflow"):
        cluster.rows(ROWS)


def test_a_statement_that_takes_too_long_is_given_up(cluster: Cluster) -> None:
    slow = "SELECT reflect('java.lang.Thread', 'sleep', 60000L) FROM range(4)"

    with pytest.raises(EngineFailed, match="took longer than 2 s for a nap"):
        cluster._within(2, "a nap", lambda: cluster._session.sql(slow).toArrow())

    # What it did not finish is no longer in the way of others.
    assert cluster.rows(Statement("SELECT 1 AS m", {})) == [(1,)]


def test_an_answer_is_made_of_what_a_cluster_says(cluster: Cluster, tmp_path: Path) -> None:
    text = vocabulary_text(
        {"m": "sum(x) from facts"},
        tables={"facts": {"time": "at_utc", "by": ["a"]}},
        dimensions=("a",),
    )
    rows = [(dt.datetime(2026, 3, day), "k", day) for day in (1, 2, 3)]
    memory = Memory(text, {"facts": Rows("at_utc TIMESTAMP, a VARCHAR, x INTEGER", rows)})
    register(cluster, memory, tmp_path)
    cluster.set_calendar(memory.vocabulary.calendar)
    expected = ask(memory, Question(("m",), "quarter", ("a",)))
    memory.query = cluster.query  # type: ignore[method-assign]

    assert ask(memory, Question(("m",), "quarter", ("a",))) == expected


def test_a_cluster_that_died_meanwhile_is_told(tmp_path: Path) -> None:
    place = parquet(tmp_path / "a.parquet", "SELECT 1 AS x")
    with spark_cluster(tmp_path) as address:
        cluster = Cluster(address + "/;x-key=s3cr3t-key")
        cluster.register("facts", {"x": "INTEGER"}, place)

    with pytest.raises(EngineFailed, match="failed at a question of facts") as told:
        cluster.rows(ROWS)

    assert "s3cr3t" not in str(told.value)
