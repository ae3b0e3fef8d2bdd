"""A lake holds an edition's facts by month, and a real Spark cluster answers from them."""

from __future__ import annotations

import datetime as dt
import os
import shutil
import time
from collections.abc import Iterator
from pathlib import Path
from typing import cast

import duckdb
import pytest
from typer.testing import CliRunner

from kpi import editions, lake
from kpi.__main__ import app
from kpi.answers import ask, statement
from kpi.editions import Edition
from kpi.lake import NoLake, OnCluster, on_cluster
from kpi.questions import Question
from kpi.spark import Cluster, cluster
from kpi.warehouse import Warehouse
from tests.kpi.deliveries import FIRST, Raw, Step, day
from tests.kpi.published_deliveries import TABLE, publish, warehouse_of

TIMELESS = Step("shop", "upsert", (Raw("t", None, 9, "south", 2, gone=False),))
BROUGHT = (FIRST, TIMELESS, *(day(number, 3) for number in range(0, 70, 7)))


@pytest.fixture(scope="module")
def home(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("home")
    publish(folder, *BROUGHT, large=1_000_000)
    return folder


@pytest.fixture(scope="module")
def edition(home: Path) -> Edition:
    return editions.open_edition(home)


@pytest.fixture(scope="module")
def written(edition: Edition, tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("lake")
    lake.write(edition, folder)
    return folder


def test_every_row_stands_in_the_folder_of_its_month(edition: Edition, written: Path) -> None:
    folder = written / str(edition.number) / TABLE

    months = sorted(each.name for each in folder.iterdir())
    assert months == [
        "month=2026-03",
        "month=2026-04",
        "month=2026-05",
        "month=__HIVE_DEFAULT_PARTITION__",
    ]
    rows = duckdb.sql(f"select * exclude (month) from read_parquet('{folder}/*/*.parquet')")
    expected = edition.query(f"select * from {TABLE} order by all")
    assert rows.order("all").fetchall() == expected
    assert len(expected) == 32


def test_a_month_of_long_ago_has_four_digits_for_its_year(tmp_path: Path) -> None:
    publish(tmp_path / "home", FIRST, day(-375_000), large=1_000_000)

    lake.write(editions.open_edition(tmp_path / "home"), tmp_path / "lake")

    months = sorted(each.name for each in (tmp_path / "lake" / "1" / TABLE).iterdir())
    assert months == ["month=0999-06", "month=2026-03"]


@pytest.mark.parametrize("year", ["12000", "infinity", "0044"])
def test_a_year_that_no_folder_can_be_named_by_stands_with_the_rows_without_a_time(
    tmp_path: Path, year: str
) -> None:
    home = tmp_path / "home"
    publish(home, FIRST, day(3), large=1_000_000)
    with Warehouse(warehouse_of(home)) as warehouse:
        never = {"12000": "12000-03-15", "infinity": "infinity", "0044": "0044-03-15 (BC)"}[year]
        warehouse.connection.execute(
            f"update facts.{TABLE} set opened = timestamp '{never}' where id = '3-0'"
        )
    publish(home, day(4), large=1_000_000)

    lake.write(editions.open_edition(home), tmp_path / "lake")

    folder = tmp_path / "lake" / "2" / TABLE
    (file,) = folder.glob("month=__HIVE_DEFAULT_PARTITION__/*.parquet")
    assert duckdb.sql(f"select id from read_parquet('{file}')").fetchall() == [("3-0",)]


def test_a_table_without_a_row_is_there_with_its_columns(edition: Edition, written: Path) -> None:
    folder = written / str(edition.number) / "payments"

    (file,) = folder.glob("*/*.parquet")
    found = duckdb.sql(f"from read_parquet('{file}', hive_partitioning = false)").columns
    assert found == list(edition.facts["payments"].columns)


def test_a_lake_keeps_two_editions_and_none_that_is_half(
    edition: Edition, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for number in (1, 2, 3):
        monkeypatch.setattr(edition, "number", number)
        lake.write(edition, tmp_path)

    def full(*_: object) -> int:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(edition, "number", 4)
    monkeypatch.setattr(lake, "_write_rows", full)
    with pytest.raises(OSError, match="No space left"):
        lake.write(edition, tmp_path)

    assert sorted(each.name for each in tmp_path.iterdir()) == ["2", "3"]
    assert lake.newest(tmp_path) == 3


def test_what_killed_writes_left_is_cleared_once_nobody_can_be_writing_it(
    edition: Edition, tmp_path: Path
) -> None:
    long_ago = time.time() - 2 * 24 * 60 * 60
    for name in (".1-aaaaaa", ".1-bbbbbb", ".snapshots"):
        file = tmp_path / name / TABLE / "rows.parquet"
        file.parent.mkdir(parents=True)
        file.write_text("half")
        for path in (file, file.parent, file.parent.parent):
            os.utime(path, (long_ago, long_ago))
    (tmp_path / ".1-bbbbbb" / TABLE / "rows.parquet").write_text("and more")

    lake.write(edition, tmp_path)

    assert sorted(each.name for each in tmp_path.iterdir()) == [".1-bbbbbb", ".snapshots", "1"]


def test_a_write_whose_folder_is_cleared_fails_and_leaves_no_half(
    edition: Edition, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    first = next(iter(edition.facts))
    write_table = lake._write_table

    def asleep(edition: Edition, table: str, folder: Path) -> int:
        rows = write_table(edition, table, folder)
        if table == first:
            shutil.rmtree(folder.parent)
        return rows

    monkeypatch.setattr(lake, "_write_table", asleep)
    with pytest.raises(FileNotFoundError):
        lake.write(edition, tmp_path)

    assert list(tmp_path.iterdir()) == []


def test_an_empty_lake_says_what_to_do(tmp_path: Path) -> None:
    with pytest.raises(NoLake, match="Run `python -m kpi lake"):
        lake.newest(tmp_path / "nowhere")


def test_a_cluster_and_a_lake_are_only_named_together(home: Path, tmp_path: Path) -> None:
    run = CliRunner().invoke
    asked = ["--home", str(home), "query", "count_of_all"]

    alone = run(app, [*asked, "--spark", "sc://127.0.0.1:1"])
    without = run(app, [*asked, "--lake", str(tmp_path)], env={"SPARK_REMOTE": None})

    assert (alone.exit_code, without.exit_code) == (2, 2)
    assert "--spark needs the facts" in alone.stderr
    assert "--lake needs the cluster" in without.stderr


def test_a_question_is_compiled_once_for_a_cluster(edition: Edition) -> None:
    far = OnCluster(edition, cast(Cluster, None))
    question = Question(("total",), "month", start=dt.date(2026, 3, 1), end=dt.date(2026, 6, 1))

    assert statement(far, question) is statement(far, question)


@pytest.fixture(scope="module")
def spark(spark_address: str) -> Iterator[Cluster]:
    with cluster(spark_address) as opened:
        yield opened


@pytest.mark.spark
@pytest.mark.parametrize("grain", ["week", "month", "total"])
@pytest.mark.parametrize("by", [(), ("region",)])
def test_every_kind_of_metric_is_the_same_from_the_lake(
    edition: Edition, written: Path, spark: Cluster, grain: str, by: tuple[str, ...]
) -> None:
    metrics = tuple(edition.vocabulary.metrics)
    question = Question(metrics, grain, by, start=dt.date(2026, 2, 20), end=dt.date(2026, 6, 1))

    found = ask(on_cluster(edition, metrics, spark, written), question)

    assert found.cells == ask(edition, question).cells


@pytest.mark.spark
def test_the_command_line_asks_the_cluster(home: Path, spark_address: str, tmp_path: Path) -> None:
    run = CliRunner().invoke
    asked = ["--home", str(home), "query", "total", "middle", "--by", "region", "--format", "csv"]

    wrote = run(app, ["--home", str(home), "lake", str(tmp_path)])
    far = run(app, [*asked, "--lake", str(tmp_path)], env={"SPARK_REMOTE": spark_address})
    near = run(app, asked)

    assert wrote.stderr == f"Wrote 32 rows of edition 1 to {tmp_path / '1'}.\n"
    assert far.exit_code == near.exit_code == 0
    assert far.stdout == near.stdout
    assert far.stdout.count("\n") == 7


@pytest.mark.spark
def test_a_lake_of_another_edition_is_not_asked(
    edition: Edition, written: Path, spark: Cluster, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(edition, "number", 7)

    with pytest.raises(NoLake, match="holds edition 1, the current one is 7"):
        on_cluster(edition, ["total"], spark, written)
