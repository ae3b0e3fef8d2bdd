"""Facts that stay in a lake give the numbers that they would give if they landed."""

from __future__ import annotations

import datetime as dt
import json
import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import duckdb
import pytest
from typer.testing import CliRunner

from connectors.contract import CatalogueTable, Parquet, SourceError
from kpi import editions, lake_tables, publishing
from kpi.__main__ import app
from kpi.answers import Cell, ask
from kpi.editions import Edition
from kpi.engines import Engines, asking
from kpi.imprint import Declaration, Declarations
from kpi.layout import lay_out
from kpi.questions import NotComputable, Question
from kpi.touched import Touched
from kpi.warehouse import Warehouse
from tests.cut_wire import cut_wire
from tests.kpi.lake_home import METRICS, NOW, LakeHome, answers, click, definitions, write_parquet
from tests.kpi.on_spark import same
from tests.prometheus_server import free_port

DAYS = ["2026-02-27", "2026-03-01", "2026-03-28", "2026-03-29", "2026-03-30", "2026-04-15"]
# The first and the last hour of a day in Berlin, on the day when the clocks change too.
EDGES = [
    click(900, "2026-03-28", at="2026-03-28 22:59:59"),
    click(901, "2026-03-28", at="2026-03-28 23:00:00"),
    click(902, "2026-03-29", at="2026-03-29 21:59:59"),
    click(903, "2026-03-29", at="2026-03-29 22:00:00"),
    click(904, "2026-03-29", at=None),
    click(905, "1931-03-29"),
]
FIRST = [click(n, DAYS[n % len(DAYS)]) for n in range(60)]

_VALUES = "SELECT * FROM VALUES {} AS t(id, at, amount)"

pytestmark = pytest.mark.spark


def differing(lake: Edition, landed: Edition) -> list[tuple[Any, ...]]:
    """Where an edition whose facts lie in a lake says something else than one where they landed."""
    found = []
    for metric in METRICS:
        for grain in ("day", "week", "month", "quarter", "year"):
            for by in ((), ("region",), ("market",)):
                if by == ("market",) and metric.startswith("sold"):
                    continue  # sales know no market
                one, other = (answers(e, metric, grain, *by) for e in (lake, landed))
                assert len(one) == len(other), (metric, grain, by)
                pairs = zip(one, other, strict=True)
                found += [(metric, grain, a, b) for a, b in pairs if not alike(a, b)]
    return found


def alike(one: Cell, other: Cell) -> bool:
    """Whether two cells say the same."""
    told = (one.period, one.keys, one.n, one.complete) == (
        other.period,
        other.keys,
        other.n,
        other.complete,
    )
    return told and same(one.value, other.value)


@pytest.fixture(scope="module")
def shop(spark_address: str, tmp_path_factory: pytest.TempPathFactory) -> Iterator[LakeHome]:
    """A lake with three files, published."""
    home = LakeHome(tmp_path_factory.mktemp("shop"), spark_address)
    home.put("month=2026-03/a", FIRST)
    home.put("month=2026-03/b", EDGES)
    yield home


def test_a_page_says_of_a_lake_what_it_says_of_facts_that_landed(shop: LakeHome) -> None:
    lake, landed = shop.refresh_both()

    assert differing(lake, landed) == []
    assert lake.facts["clicks"].rollups


def test_every_change_in_a_lake_is_followed(shop: LakeHome) -> None:
    shop.refresh_both()
    late = [click(n, "2026-02-20") for n in range(100, 110)]
    changed = [click(n, DAYS[n % len(DAYS)], pages=8, region="west") for n in range(60) if n % 7]

    shop.put("month=2026-02/late", late)
    lake, landed = shop.refresh_both()
    assert differing(lake, landed) == []

    shop.put("month=2026-03/a", changed)
    lake, landed = shop.refresh_both()
    assert differing(lake, landed) == []

    shop.remove("month=2026-02/late")
    lake, landed = shop.refresh_both()
    assert differing(lake, landed) == []


def test_an_open_range_reaches_as_far_as_in_facts_that_landed(shop: LakeHome) -> None:
    closed_later = click(950, "2026-04-15", closed="2026-04-18 23:30:00")
    shop.put("month=2026-04/open", [closed_later])
    lake, landed = shop.refresh_both()

    for metrics in (("visits",), ("ended",), ("ended", "visits")):
        one, other = (ask(edition, Question(metrics, "day")).cells for edition in (lake, landed))
        assert one[-1].period == other[-1].period
        assert all(alike(*pair) for pair in zip(one, other, strict=True))
    assert one[-1].period == dt.date(2026, 4, 19)

    shop.remove("month=2026-04/open")


def test_only_days_whose_rows_differ_are_touched(shop: LakeHome, tmp_path: Path) -> None:
    shop.refresh_both()

    shop.put("month=2026-03/c", [click(70, "2026-03-05"), click(71, "2026-03-06", at=None)])
    touched = noticed(shop)

    assert touched.any("clicks")
    assert not touched.all("clicks")
    assert [str(day) for day in touched.days("clicks", "at_time")] == ["2026-03-05"]
    assert touched.without_day("clicks", "at_time")
    shop.remove("month=2026-03/c")


def test_the_same_rows_in_other_files_touch_nothing(shop: LakeHome) -> None:
    shop.put("month=2026-03/x", FIRST[:30])
    shop.put("month=2026-03/y", FIRST[30:])
    noticed(shop)

    # What a compaction does to small files.
    shop.put("month=2026-03/z", [*FIRST[30:], *FIRST[:30]])
    shop.remove("month=2026-03/x")
    shop.remove("month=2026-03/y")

    touched = noticed(shop)

    shop.remove("month=2026-03/z")
    assert not touched.any("clicks")


def test_what_is_not_kept_is_asked_of_the_lake_on_the_command_line_only(shop: LakeHome) -> None:
    lake, landed = shop.refresh_both()
    asked = ("middle", "month", "region", "market")

    with pytest.raises(NotComputable, match="clicks lies in a lake, and nothing that answers this"):
        answers(lake, *asked)
    with Engines(shop.where) as engines:
        readable, _ = asking(lake, engines)
        found = answers(readable, *asked, where=("region <> 'south'",))

    expected = answers(landed, *asked, where=("region <> 'south'",))
    assert len(found) == len(expected) > 4
    assert all(alike(*pair) for pair in zip(found, expected, strict=True))


def test_the_command_line_asks_a_lake_what_is_not_kept_and_says_so(
    shop: LakeHome, monkeypatch: pytest.MonkeyPatch
) -> None:
    _, landed = shop.refresh_both()
    monkeypatch.setenv("SPARK_REMOTE", shop.address)
    asked = ["query", "middle", "sold", "--grain", "year", "--by", "region", "--where"]

    def run(*words: str) -> str:
        command = ["--home", str(shop.lake), *asked, "region = 'north'", *words]
        result = CliRunner().invoke(app, command)
        assert result.exit_code == 0, result.output
        return result.stdout

    rows = json.loads(run("--format", "json"))
    expected = [
        (cell.metric, cell.value)
        for cell in answers(landed, "middle", "year", "region", where=("region = 'north'",))
    ]
    assert [(row["metric"], row["value"]) for row in rows if row["metric"] == "middle"] == expected
    ways = json.loads(run("--format", "json", "--explain"))
    assert [(way["table"], way["way"]) for way in ways] == [
        ("clicks", "asked of the facts in their lake"),
        ("sales", "read from the facts"),
    ]
    assert 'FROM main."clicks"' in run("--sql")


def test_the_command_line_does_not_mix_an_edition_with_newer_facts(
    shop: LakeHome, monkeypatch: pytest.MonkeyPatch
) -> None:
    shop.refresh_both()
    monkeypatch.setenv("SPARK_REMOTE", shop.address)
    shop.put("month=2026-03/b", EDGES[:-1])

    command = ["--home", str(shop.lake), "query", "middle", "--where", "region = 'north'"]
    result = CliRunner().invoke(app, command)

    shop.put("month=2026-03/b", EDGES)
    assert result.exit_code == 1
    assert "clicks has changed in its lake since it was looked at." in result.stderr
    assert result.stdout == ""


def test_a_cluster_that_answers_all_does_not_mix_them_either(
    shop: LakeHome, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    shop.refresh_both()
    monkeypatch.setenv("SPARK_REMOTE", shop.address)
    home = ["--home", str(shop.lake)]
    assert CliRunner().invoke(app, [*home, "lake", str(tmp_path)]).exit_code == 0
    shop.put("month=2026-03/b", EDGES[:-1])

    result = CliRunner().invoke(app, [*home, "query", "visits", "--lake", str(tmp_path)])

    shop.put("month=2026-03/b", EDGES)
    assert result.exit_code == 1
    assert "clicks has changed in its lake since it was looked at." in result.stderr


def test_what_lies_in_a_lake_already_is_not_written_into_one(
    shop: LakeHome, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    edition, landed = shop.refresh_both()
    monkeypatch.setenv("SPARK_REMOTE", shop.address)
    home = ["--home", str(shop.lake)]

    written = CliRunner().invoke(app, [*home, "lake", str(tmp_path)])
    command = ["query", "middle", "sold_per_visit", "--grain", "month", "--format", "json"]
    asked = CliRunner().invoke(app, [*home, *command, "--lake", str(tmp_path)])

    assert (written.exit_code, asked.exit_code) == (0, 0), asked.output
    folder = tmp_path / str(edition.number)
    assert (folder / "sales").is_dir()
    assert not (folder / "clicks").exists()
    found = {(row["metric"], row["period"]): row["value"] for row in json.loads(asked.stdout)}
    for metric in ("middle", "sold_per_visit"):
        for cell in answers(landed, metric, "month"):
            if cell.n:
                assert same(cell.value, found[metric, str(cell.period)])


def test_a_cluster_that_is_not_there_leaves_the_last_numbers_and_the_other_sources(
    shop: LakeHome,
) -> None:
    before, _ = shop.refresh_both()
    away = shop.at(f"sc://127.0.0.1:{free_port()}")

    outcome = away.refresh(away.lake, at=NOW + dt.timedelta(days=8))

    assert outcome.exit_code == 1
    assert "clickstream: failed" in away.heard.text
    assert f"{away.address[5:]} cannot be reached: connection refused." in away.heard.text
    after = editions.open_edition(away.lake)
    assert after.number == before.number + 1
    assert answers(after, "visits", "week") == answers(before, "visits", "week")
    assert [report.last_outcome for report in after.reports] == ["failed", "good", "good"]


def test_without_its_cluster_a_new_definition_is_not_published(shop: LakeHome) -> None:
    before, _ = shop.refresh_both()
    away = shop.at(f"sc://127.0.0.1:{free_port()}")
    away.define(away.lake, {**METRICS, "pages_seen": "sum(pages) from clicks"})

    outcome = away.refresh(away.lake, no_pull=True)

    shop.define(shop.lake, METRICS)
    assert outcome.exit_code == 1
    assert "clicks cannot be read in its lake: The Spark cluster at 127.0.0.1" in away.heard.text
    assert editions.open_edition(shop.lake).number == before.number


def test_a_cluster_that_dies_while_it_is_asked_leaves_the_edition_before(
    shop: LakeHome, monkeypatch: pytest.MonkeyPatch
) -> None:
    before, _ = shop.refresh_both()
    shop.put("month=2026-03/late", [click(80, "2026-03-07"), click(81, "2026-03-08")])
    roll_up = publishing.roll_up
    port = int(shop.address.rpartition(":")[2])
    with cut_wire(port) as wire:

        def cut_then_roll_up(*given: Any) -> None:
            wire.cut()
            roll_up(*given)

        monkeypatch.setattr(publishing, "roll_up", cut_then_roll_up)
        dying = shop.at(f"sc://127.0.0.1:{wire.port}")
        outcome = dying.refresh(shop.lake)
        monkeypatch.undo()

    assert outcome.exit_code == 1
    assert "clicks cannot be read in its lake: The Spark cluster at 127.0.0.1" in dying.heard.text
    assert "RPC" not in dying.heard.text
    assert editions.open_edition(shop.lake).number == before.number
    # The next refresh computes what that one had noticed.
    lake, landed = shop.refresh_both()
    assert differing(lake, landed) == []


def test_a_file_that_changes_while_it_is_read_is_told_and_read_again(
    shop: LakeHome, monkeypatch: pytest.MonkeyPatch
) -> None:
    before, _ = shop.refresh_both()
    shop.put("month=2026-03/late", [click(82, "2026-03-07")])
    roll_up = publishing.roll_up

    def change_then_roll_up(*given: Any) -> None:
        shop.put("month=2026-03/late", [click(83, "2026-03-07"), click(84, "2026-03-08")])
        roll_up(*given)

    monkeypatch.setattr(publishing, "roll_up", change_then_roll_up)
    outcome = shop.refresh(shop.lake)
    monkeypatch.undo()

    assert outcome.exit_code == 1
    assert "clicks has changed in its lake since it was looked at." in shop.heard.text
    assert editions.open_edition(shop.lake).number == before.number
    lake, landed = shop.refresh_both()
    assert differing(lake, landed) == []


def test_a_file_that_comes_while_others_are_read_waits_for_the_next_refresh(
    shop: LakeHome, monkeypatch: pytest.MonkeyPatch
) -> None:
    before, _ = shop.refresh_both()
    roll_up = publishing.roll_up
    shop.put("month=2026-03/first", [click(85, "2026-03-09")])

    def add_then_roll_up(*given: Any) -> None:
        shop.put("month=2026-03/second", [click(86, "2026-03-09")])
        roll_up(*given)

    monkeypatch.setattr(publishing, "roll_up", add_then_roll_up)
    assert shop.refresh(shop.lake).exit_code == 0
    monkeypatch.undo()

    def visits(edition: Edition) -> float:
        return sum(cell.value or 0 for cell in answers(edition, "visits", "day"))

    assert visits(editions.open_edition(shop.lake)) == visits(before) + 1
    lake, landed = shop.refresh_both()
    assert differing(lake, landed) == []


def test_beside_large_tables_a_lake_is_read_as_ever(shop: LakeHome) -> None:
    before, _ = shop.refresh_both()
    with Warehouse(shop.lake / "data" / "warehouse.duckdb") as warehouse, Engines(shop.where) as e:
        declared = Declaration("clickstream", "lake", "Lake", ("clicks",), None)
        publishing.publish_open(
            shop.lake,
            warehouse,
            definitions(),
            Declarations(False, (declared,)),
            NOW,
            large=1,
            engines=e,
        )

    after = editions.open_edition(shop.lake)

    assert after.query("select count(*) from kpi.segments where fact_table = 'sales'") != [(0,)]
    for metric in ("visits", "middle", "still_open"):
        assert answers(after, metric, "month") == answers(before, metric, "month")
    with pytest.raises(NotComputable, match="clicks lies in a lake"):
        after.query("select count(*) from clicks")


def test_another_source_cannot_bring_another_lake_into_the_same_table(shop: LakeHome) -> None:
    shop.refresh_both()
    sources = (shop.lake / "sources.yaml").read_text()
    declared = json.loads(sources)
    other = {**declared["sources"]["clickstream"], "files": str(shop.lake)}
    declared["sources"]["other"] = other
    (shop.lake / "sources.yaml").write_text(json.dumps(declared))

    outcome = shop.refresh(shop.lake, names=("other",))

    (shop.lake / "sources.yaml").write_text(sources)
    assert outcome.exit_code == 1
    assert "The rows of clicks lie in the lake of 'clickstream'." in shop.heard.text


def test_a_lake_that_is_declared_no_more_keeps_its_last_numbers(shop: LakeHome) -> None:
    before, _ = shop.refresh_both()
    sources = (shop.lake / "sources.yaml").read_text()
    without = json.loads(sources)
    del without["sources"]["clickstream"]
    (shop.lake / "sources.yaml").write_text(json.dumps(without))

    assert shop.refresh(shop.lake).exit_code == 0
    after = editions.open_edition(shop.lake)
    (shop.lake / "sources.yaml").write_text(sources)

    assert after.number > before.number
    counted = [
        [(c.value, c.n) for c in answers(e, "visits", "week") if c.n] for e in (before, after)
    ]
    assert counted[0] == counted[1] != []


@pytest.mark.parametrize(
    ("metric", "said"),
    [
        (
            "count_if(at_time > '2026-03-01T00:00:00+02:00') from clicks",
            "Spark cannot compare with '2026-03-01T00:00:00+02:00', which names its offset",
        ),
    ],
)
def test_what_spark_cannot_compute_exactly_is_refused_by_name(
    shop: LakeHome, metric: str, said: str
) -> None:
    before, _ = shop.refresh_both()
    shop.define(shop.lake, {**METRICS, "odd": metric})

    outcome = shop.refresh(shop.lake, no_pull=True)

    shop.define(shop.lake, METRICS)
    assert outcome.exit_code == 2
    assert f"'odd' cannot be computed where its facts lie. {said}" in shop.heard.text
    assert editions.open_edition(shop.lake).number == before.number


def test_rows_cannot_land_beside_those_in_a_lake(shop: LakeHome) -> None:
    shop.refresh_both()
    sources = (shop.lake / "sources.yaml").read_text()
    declared = json.loads(sources)
    declared["sources"]["till"]["into"] = "clicks"
    (shop.lake / "sources.yaml").write_text(json.dumps(declared))

    outcome = shop.refresh(shop.lake, names=("till",))

    (shop.lake / "sources.yaml").write_text(sources)
    assert outcome.exit_code == 1
    assert "The rows of clicks lie in a lake (clickstream)" in shop.heard.text


def test_a_lake_cannot_hold_what_has_landed(shop: LakeHome) -> None:
    shop.refresh_both()
    sources = (shop.lake / "sources.yaml").read_text()
    declared = json.loads(sources)
    declared["sources"]["clickstream"]["into"] = "sales"
    (shop.lake / "sources.yaml").write_text(json.dumps(declared))

    outcome = shop.refresh(shop.lake, names=("clickstream",))

    (shop.lake / "sources.yaml").write_text(sources)
    assert outcome.exit_code == 1
    assert "Rows of sales have landed here from till" in shop.heard.text


def test_files_of_which_not_all_count_are_refused(spark_address: str, tmp_path: Path) -> None:
    shop = LakeHome(tmp_path, spark_address)
    shop.put("part-0", FIRST)
    (shop.files / "_delta_log").mkdir()
    (shop.files / "_delta_log" / "00000000000000000000.json").write_text("{}")

    outcome = shop.refresh(shop.lake)

    assert outcome.exit_code == 1
    assert "is a table of Delta, whose files are not all to be read." in shop.heard.text


def test_the_day_in_a_folders_name_is_a_day_of_its_rows(shop: LakeHome, tmp_path: Path) -> None:
    place = Parquet(str(tmp_path))
    with Engines(shop.where) as engines, duckdb.connect() as here:
        engine = engines.of("any")
        lay_out(here)

        def bring(day: str) -> Touched:
            write_parquet(tmp_path / f"day={day}" / "rows.parquet", "n integer", [(1,), (2,)])
            here.execute("delete from kpi.touched")
            lake_tables.notice(here, "source", "facts", place, engine)
            return Touched(here)

        bring("2026-03-01")
        touched = bring("2026-03-04")

        assert lake_tables.read(lambda sql: here.execute(sql).fetchall())["facts"].columns == {
            "n": "INTEGER",
            "day": "DATE",
        }
        assert [str(day) for day in touched.days("facts", "day")] == ["2026-03-04"]


def test_a_table_of_the_catalogue_is_followed(shop: LakeHome) -> None:
    with Engines(shop.where) as engines, duckdb.connect() as here:
        engine = engines.of("any")
        place = CatalogueTable("followed")
        lay_out(here)

        def found(rows: str) -> Touched:
            engine._session.sql(
                f"CREATE OR REPLACE TEMPORARY VIEW followed AS {_VALUES.format(rows)}"
            )
            here.execute("delete from kpi.touched")
            lake_tables.notice(here, "source", "facts", place, engine)
            return Touched(here)

        first = "(1, TIMESTAMP_NTZ '2026-03-01 10:00:00', 1.5), (2, NULL, 2.5)"

        def query(sql: str) -> list[tuple[Any, ...]]:
            return here.execute(sql).fetchall()

        assert found(first).all("facts")
        assert not found(first).any("facts")
        noticed = lake_tables.read(query)["facts"]
        lake_tables.refuse_changed(query, noticed, engine)
        changed = found(
            f"{first.replace('1.5', '1.6')}, (3, TIMESTAMP_NTZ '2026-03-04 00:00:00', 0.0)"
        )
        days = sorted(str(day) for day in changed.days("facts", "at"))
        assert (days, changed.without_day("facts", "at")) == (["2026-03-01", "2026-03-04"], False)
        assert lake_tables.count(here, "facts") == 3
        engine._session.sql(f"CREATE OR REPLACE TEMPORARY VIEW followed AS {_VALUES.format(first)}")
        with pytest.raises(SourceError, match="facts has changed in its lake"):
            lake_tables.refuse_changed(query, lake_tables.read(query)["facts"], engine)


def noticed(shop: LakeHome) -> Touched:
    """What a refresh would note as touched; the copy of the database that it does so in is kept."""
    database = shop.lake / "data" / "warehouse.duckdb"
    copy = shop.folder / "copy.duckdb"
    if not copy.exists() or copy.stat().st_mtime < database.stat().st_mtime:
        shutil.copyfile(database, copy)
    with Engines(shop.where) as engines, Warehouse(copy) as warehouse:
        warehouse.connection.execute("delete from kpi.touched")
        run = warehouse.begin("clickstream", NOW)
        warehouse.notice(run, "clickstream", "clicks", shop.place, engines.of("clickstream"))
        return Touched(warehouse.connection)
