"""Large tables stand in files that editions share, and each edition keeps its own rows."""

from __future__ import annotations

import shutil
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import duckdb
import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from connectors.contract import Batch, Column, Shape
from kpi import edition_parts, editions
from kpi.answers import ask
from kpi.editions import Edition
from kpi.files import parts_folder
from kpi.publishing import NotPublished
from kpi.questions import Question, alone
from kpi.warehouse import Warehouse
from tests.kpi.deliveries import FIRST, NOON, Raw, Step, day, steps
from tests.kpi.published_deliveries import ROWS, TABLE, publish, warehouse_of

PROJECT = Path(__file__).parents[2]


def segments(edition: Edition) -> dict[str, int]:
    """Each segment of an edition with its rows."""
    return dict(edition.query("select name, rows from kpi.segments order by number"))


@settings(max_examples=12, deadline=None, derandomize=True)
@given(every=st.lists(st.lists(steps, max_size=2), min_size=1, max_size=4))
def test_every_edition_has_the_rows_of_its_day(every: list[list[Step]]) -> None:
    with tempfile.TemporaryDirectory() as folder:
        home = Path(folder)
        told = [publish(home, FIRST)]
        opened = [editions.open_edition(home)]
        for brought in every:
            told.append(publish(home, *brought))
            opened.append(editions.open_edition(home))

        for edition, rows in zip(opened, told, strict=True):
            assert edition.query(ROWS) == rows


def test_a_new_day_is_written_alone(tmp_path: Path) -> None:
    publish(tmp_path, FIRST, *(day(number, 20) for number in range(10)))
    before = segments(editions.open_edition(tmp_path))

    publish(tmp_path, day(30, 3))

    after = segments(editions.open_edition(tmp_path))
    assert list(before.values()) == [201]
    assert after == {**before, **after}
    assert list(after.values()) == [201, 3]


def test_a_row_without_the_time_of_its_table_is_written_too(tmp_path: Path) -> None:
    publish(tmp_path, FIRST, day(3))
    with Warehouse(warehouse_of(tmp_path)) as warehouse:
        run = warehouse.begin("shop", NOON)
        shape = Shape((Column("id"), Column("n", type="integer")), key=("id",))
        rows = pa.table({"id": ["z"], "n": ["7"]})
        warehouse.land(run, "shop", Batch(TABLE, rows, shape, "test", state={}))
        warehouse.finish(run, error=None, advice=None, finished_at=NOON, as_of=None)

    rows_now = publish(tmp_path)

    edition = editions.open_edition(tmp_path)
    assert edition.query(ROWS) == rows_now
    assert edition.query(f"select opened, n from {TABLE} where id = 'z'") == [(None, 7)]


def test_a_late_row_takes_its_day_along(tmp_path: Path) -> None:
    publish(tmp_path, FIRST, *(day(number, 20) for number in range(10)))

    rows = publish(tmp_path, Step("desk", "upsert", (Raw("5-3", 5, 8, "south", 9, gone=False),)))

    edition = editions.open_edition(tmp_path)
    assert list(segments(edition).values()) == [201, 20]
    assert edition.query(ROWS) == rows


def test_there_are_few_segments_however_often_is_published(tmp_path: Path) -> None:
    publish(tmp_path, FIRST, day(0, 50))
    written: set[str] = set()
    for number in range(1, 40):
        rows = publish(tmp_path, day(number))
        names = segments(editions.open_edition(tmp_path))
        written |= names.keys()

    edition = editions.open_edition(tmp_path)
    assert edition.query(ROWS) == rows
    assert len(segments(edition)) <= 6
    # The files of the last three editions and no others are left.
    files = {file.stem for file in (tmp_path / "data" / "segments").iterdir()}
    assert files == segments(edition).keys()
    kept = sorted((tmp_path / "data" / "editions").glob("*.parts"))
    assert len(kept) == 3
    assert len(written) > len(segments(edition))


def test_a_table_that_became_small_is_copied_again(tmp_path: Path) -> None:
    publish(tmp_path, FIRST)

    rows = publish(tmp_path, day(3), large=100)

    edition = editions.open_edition(tmp_path)
    assert segments(edition) == {}
    assert not parts_folder(edition.path).exists()
    assert edition.query(ROWS) == rows


def test_an_edition_moves_with_its_home(tmp_path: Path) -> None:
    rows = publish(tmp_path / "old", FIRST, day(2))

    shutil.move(tmp_path / "old", tmp_path / "new")

    assert editions.open_edition(tmp_path / "new").query(ROWS) == rows


def test_where_files_cannot_be_linked_they_are_copied(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(*_: object) -> None:
        raise PermissionError("no links here")

    monkeypatch.setattr(Path, "hardlink_to", refuse)

    rows = publish(tmp_path, FIRST, day(2))

    assert editions.open_edition(tmp_path).query(ROWS) == rows


def test_whoever_reads_an_edition_goes_on_when_it_is_removed(tmp_path: Path) -> None:
    rows = publish(tmp_path, FIRST)
    edition = editions.open_edition(tmp_path)
    for number in range(4):
        publish(tmp_path, day(number))

    assert not edition.path.exists() and not parts_folder(edition.path).exists()
    assert edition.query(ROWS) == rows


@pytest.mark.parametrize("failing", ["_link", "_copy_tables", "_make_views"])
def test_who_dies_while_writing_leaves_the_edition_before(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, failing: str
) -> None:
    rows = publish(tmp_path, FIRST)

    def full(*_: object) -> None:
        raise OSError(28, "No space left on device")

    with monkeypatch.context() as patched:
        patched.setattr(edition_parts, failing, full)
        with pytest.raises(NotPublished, match="the disk is full"):
            publish(tmp_path, day(5))
    assert editions.open_edition(tmp_path).query(ROWS) == rows

    now = publish(tmp_path)

    assert editions.open_edition(tmp_path).query(ROWS) == now
    assert len(now) == 2
    folder = tmp_path / "data" / "editions"
    assert sorted(file.suffix for file in folder.iterdir()) == [
        "",
        ".duckdb",
        ".duckdb",
        ".parts",
        ".parts",
    ]


def test_what_a_killed_publication_left_is_cleared_by_the_next(tmp_path: Path) -> None:
    publish(tmp_path, FIRST)
    folder = tmp_path / "data" / "editions"
    for name in ("000002-a.duckdb.unfinished", "000002-a.duckdb.unfinished.wal"):
        (folder / name).write_text("half")
    (folder / "000002-a.parts").mkdir()

    publish(tmp_path, day(5))

    assert [file.name for file in folder.iterdir() if "-a." in file.name] == []


def test_a_lost_segment_is_written_anew(tmp_path: Path) -> None:
    publish(tmp_path, FIRST, day(3))
    shutil.rmtree(tmp_path / "data" / "segments")

    rows = publish(tmp_path, day(4))

    assert editions.open_edition(tmp_path).query(ROWS) == rows


def test_no_question_reaches_beyond_the_edition(tmp_path: Path) -> None:
    publish(tmp_path, FIRST)
    edition = editions.open_edition(tmp_path)
    cursor = edition._connection.cursor()

    for statement in (
        f"attach '{warehouse_of(tmp_path)}' as other",
        "select * from read_text('/etc/hostname')",
        f"copy (select 1) to '{tmp_path / 'x.csv'}'",
        "set enable_external_access = true",
        f'delete from "{next(iter(segments(edition)))}".main.rows',
    ):
        with pytest.raises(duckdb.Error):
            cursor.execute(statement)


def test_numbers_are_the_same_from_segments_and_from_a_copy(tmp_path: Path) -> None:
    brought = (FIRST, *(day(number, 3) for number in range(20)))
    publish(tmp_path / "parts", *brought)
    publish(tmp_path / "copy", *brought, large=1_000_000)
    question = Question(
        ("count_of_all", "middle", "open", "oldest"), "week", ("region",), ("region = 'north'",)
    )

    parts, copy = (
        ask(editions.open_edition(tmp_path / name), question) for name in ("parts", "copy")
    )

    assert parts.cells == copy.cells
    assert len(parts.cells) > 8


_PUBLISH = """
import sys
from pathlib import Path
from tests.kpi.deliveries import day
from tests.kpi.published_deliveries import publish
number = int(sys.argv[2])
print("begins", flush=True)
publish(Path(sys.argv[1]), day(20 + number, 3), day(number % 7, 2))
"""


@pytest.mark.servers
def test_publications_that_are_killed_leave_whole_editions_and_right_numbers(
    tmp_path: Path,
) -> None:
    publish(tmp_path, FIRST, *(day(number, 5) for number in range(10)))
    seen = [editions.open_edition(tmp_path).number]
    for number in range(10):
        command = [sys.executable, "-c", _PUBLISH, str(tmp_path), str(number)]
        with subprocess.Popen(command, stdout=subprocess.PIPE, cwd=PROJECT) as process:
            assert process.stdout is not None
            process.stdout.readline()
            time.sleep(0.08 * number)
            process.kill()
        edition = editions.open_edition(tmp_path)
        edition.query(ROWS)
        seen.append(edition.number)

    rows = publish(tmp_path)

    edition = editions.open_edition(tmp_path)
    assert seen == sorted(seen)
    assert edition.query(ROWS) == rows
    question = Question(tuple(edition.vocabulary.metrics), "week", ("region",))
    cells = ask(edition, question).cells
    edition.__dict__["facts"] = alone(edition.facts)
    assert cells == ask(edition, question).cells
