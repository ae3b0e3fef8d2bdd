"""Editions: published whole, opened read only, swapped under readers that notice nothing."""

from __future__ import annotations

import datetime as dt
import errno
import json
import os
import shutil
import threading
import time
from collections.abc import Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from pathlib import Path
from typing import Any

import duckdb
import pyarrow as pa
import pytest

from connectors.contract import Batch, Column, Shape, SourceError
from kpi import editions, publishing
from kpi.editions import Edition, NoEdition, SourceReport, freshness
from kpi.imprint import Declarations
from kpi.periods import Calendar, days
from kpi.questions import QuestionRefused
from kpi.warehouse import Warehouse
from tests.kpi.homes import NOON, VOCABULARY, answer
from tests.kpi.survey_editions import ANSWERS, HOUR, bring, publish, warehouse_of
from tests.working_database import working_database


@pytest.fixture(scope="module")
def first_edition(tmp_path_factory: pytest.TempPathFactory) -> Path:
    made = tmp_path_factory.mktemp("first")
    bring(made, [answer(1), answer(2)])
    publish(made)
    return made


@pytest.fixture(scope="module")
def opened(first_edition: Path) -> Edition:
    """An edition that holds two answers; tests only read it."""
    return editions.open_edition(first_edition)


@pytest.fixture
def home(tmp_path: Path, first_edition: Path) -> Path:
    """A home folder with one edition that holds two answers."""
    shutil.copytree(first_edition, tmp_path, dirs_exist_ok=True)
    return tmp_path


def files(home: Path) -> list[str]:
    return sorted(file.name for file in (home / "data" / "editions").iterdir())


def count(edition: Edition) -> int:
    found: int = edition.query("select count(*) from surveys")[0][0]
    return found


def test_before_the_first_edition_the_reader_is_told_what_to_do(tmp_path: Path) -> None:
    with pytest.raises(NoEdition, match="Run `python -m kpi refresh`"):
        editions.open_edition(tmp_path)


def test_an_edition_holds_the_facts_and_the_definitions_they_were_published_with(
    opened: Edition,
) -> None:
    assert count(opened) == 2
    assert (opened.number, opened.published_at, opened.sample) == (1, NOON, False)
    assert opened.vocabulary.text == VOCABULARY
    assert "score" in opened.facts["surveys"].columns


def test_an_edition_knows_the_columns_of_its_tables_as_the_database_does(opened: Edition) -> None:
    described = {
        table: {row[0]: row[1] for row in opened.query(f"describe main.{table}")}
        for table in opened.tables
    }

    assert opened.columns == described


def test_a_frame_has_the_rows_of_its_statement(opened: Edition) -> None:
    frame = opened.frame(
        "select response_id from surveys where region = $region order by all", {"region": "EMEA"}
    )

    assert frame["response_id"].tolist() == ["r1", "r2"]


def test_publishing_leaves_one_whole_file_without_a_log(home: Path) -> None:
    pointer = editions.current(home)

    assert pointer is not None
    assert files(home) == sorted(["CURRENT", pointer.file])
    assert not warehouse_of(home).with_name("warehouse.duckdb.wal").exists()


def test_the_last_three_editions_stay(home: Path) -> None:
    published = [publish(home).file for _ in range(4)]

    assert [p.number for p in [editions.current(home)] if p] == [5]
    assert files(home) == sorted(["CURRENT", *published[-3:]])


def test_what_a_killed_publish_left_behind_is_cleared_away(home: Path) -> None:
    folder = editions.editions_folder(home)
    (folder / "000002-abcdef.duckdb.unfinished").write_bytes(b"half")
    (folder / "000002-abcdee.duckdb").write_bytes(b"whole, but never pointed at")
    (folder / "CURRENT.unfinished").write_text("{")

    pointer = publish(home)

    first = next(name for name in files(home) if name.startswith("000001"))
    assert files(home) == sorted(["CURRENT", first, pointer.file])
    assert pointer.number == 3


def test_a_copy_that_breaks_off_leaves_nothing_and_the_edition_stays(
    home: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def half(source: Path, target: Path) -> None:
        target.write_bytes(source.read_bytes()[:1000])
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    before = files(home)
    monkeypatch.setattr(publishing, "_copy", half)

    with pytest.raises(publishing.NotPublished, match="the disk is full") as refused:
        publish(home)

    assert "Free some space" in refused.value.advice
    assert files(home) == before
    assert editions.open_edition(home).number == 1


def test_a_pointer_that_cannot_be_written_leaves_nothing_and_the_edition_stays(
    home: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(home: Path, pointer: editions.Pointer) -> None:
        raise OSError(errno.EROFS, os.strerror(errno.EROFS))

    before = files(home)
    monkeypatch.setattr(publishing, "_point_at", refuse)

    with pytest.raises(publishing.NotPublished, match="Read-only file system"):
        publish(home)

    assert files(home) == before
    assert editions.open_edition(home).number == 1


def test_a_damaged_pointer_says_how_to_mend_it_and_the_next_publish_does(home: Path) -> None:
    editions.pointer_file(home).write_text('{"number": 1')

    with pytest.raises(NoEdition, match="damaged"):
        editions.open_edition(home)
    assert publish(home).number == 2
    assert editions.open_edition(home).number == 2


def test_an_edition_stays_readable_after_its_file_is_gone(home: Path) -> None:
    old = editions.latest(home)
    bring(home, [answer(3)])
    for _ in range(3):
        publish(home)
        editions.latest(home)

    assert not old.path.exists()
    assert count(old) == 2
    assert count(editions.latest(home)) == 3


def test_the_latest_edition_is_opened_once_and_again_only_for_a_new_one(home: Path) -> None:
    first = editions.latest(home)
    again = editions.latest(home)
    publish(home)
    second = editions.latest(home)

    assert again is first
    assert (first.number, second.number) == (1, 2)


def test_a_data_folder_that_was_cleared_and_filled_anew_is_read_anew(home: Path) -> None:
    before = editions.latest(home)
    shutil.rmtree(home / "data")
    bring(home, [answer(number) for number in range(5)])
    publish(home)

    after = editions.latest(home)

    assert after.number == before.number
    assert (count(before), count(after)) == (2, 5)


def test_a_file_cleared_away_between_pointer_and_opening_means_a_newer_edition(
    home: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    real = editions.current
    stale = real(home)
    assert stale is not None
    answers = iter([replace(stale, file="000000-abcdef.duckdb")])
    monkeypatch.setattr(editions, "current", lambda home: next(answers, None) or real(home))

    assert editions.open_edition(home).number == 1


def test_an_edition_whose_file_stays_away_is_reported(home: Path) -> None:
    editions.open_edition(home).path.unlink()

    with pytest.raises(NoEdition, match="is gone"):
        editions.open_edition(home)


def test_an_edition_of_another_version_says_how_to_renew_it(home: Path) -> None:
    pointer = editions.current(home)
    assert pointer is not None
    with duckdb.connect(str(editions.editions_folder(home) / pointer.file)) as connection:
        connection.execute("drop table kpi.sources")

    with pytest.raises(NoEdition, match="another version"):
        editions.open_edition(home)


@pytest.mark.parametrize(
    "statement",
    [
        "select * from read_csv('/etc/passwd')",
        "select * from read_text('/etc/passwd')",
        "select * from glob('/*')",
        "select * from 'https://example.org/x.csv'",
        "copy surveys to '/tmp/never.csv'",
        "attach '/tmp/never.duckdb'",
        "install httpfs",
        "load httpfs",
        "set memory_limit = '64GB'",
        "set max_execution_time = 0",
        "set lock_configuration = false",
        "reset memory_limit",
        "create table main.t as select 1",
        "delete from facts.surveys",
        "update kpi.edition set number = 7",
    ],
)
def test_a_question_reaches_no_file_no_network_no_setting_and_changes_nothing(
    opened: Edition, statement: str
) -> None:
    with pytest.raises((QuestionRefused, editions.DatabaseError)):
        opened.query(statement)


def test_a_question_that_takes_too_long_is_stopped(
    home: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(editions._SETTINGS, "max_execution_time", "200")
    edition = editions.open_edition(home)

    with pytest.raises(editions.TookTooLong, match="took too long"):
        edition.query("select count(*) from range(1000000) a, range(1000000) b where a != b")
    assert count(edition) == 2


def test_a_question_that_the_database_refuses_is_refused_in_one_line(opened: Edition) -> None:
    with pytest.raises(QuestionRefused) as refused:
        opened.query("select * from surveys where score = 'high'")

    assert "high" in str(refused.value)
    assert "\n" not in str(refused.value)


class Overheard:
    """A connection of which it is known what texts its cursors were given to read."""

    def __init__(self, connection: duckdb.DuckDBPyConnection) -> None:
        self.connection = connection
        self.texts: list[str] = []

    def cursor(self) -> Overheard:
        cursor = Overheard(self.connection.cursor())
        cursor.texts = self.texts
        return cursor

    def extract_statements(self, sql: str) -> list[duckdb.Statement]:
        self.texts.append(sql)
        return self.connection.extract_statements(sql)

    def execute(self, statement: duckdb.Statement, values: Any) -> duckdb.DuckDBPyConnection:
        # A text would be read here, unheard.
        assert isinstance(statement, duckdb.Statement)
        return self.connection.execute(statement, values)


def test_a_text_that_is_asked_again_is_not_read_again(
    home: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    edition = editions.open_edition(home)
    overheard = Overheard(edition._connection)
    monkeypatch.setattr(edition, "_connection", overheard)

    found = [edition.query("select $n + 1", {"n": n})[0][0] for n in (1, 2, 3)]
    other = edition.query("select $n + 2", {"n": 1})

    assert (found, other) == ([2, 3, 4], [(3,)])
    assert overheard.texts == ["select $n + 1", "select $n + 2"]


def test_a_text_takes_values_of_another_kind_when_it_is_asked_again(opened: Edition) -> None:
    values = [1, "one", dt.date(2026, 1, 1), [1, 2], None]

    found = [opened.query("select $value", {"value": value}) for value in values]

    assert found == [[(value,)] for value in values]


def test_a_text_that_failed_can_be_asked_again(opened: Edition) -> None:
    sql = "select cast($text as integer)"

    with pytest.raises(QuestionRefused):
        opened.query(sql, {"text": "many"})
    with pytest.raises(QuestionRefused):
        opened.query(sql, {"another": "7"})

    assert opened.query(sql, {"text": "7"}) == [(7,)]


def test_threads_that_ask_one_text_get_each_the_rows_of_their_own_values(opened: Edition) -> None:
    sql = "select i + $first from range($rows) as r(i) order by 1"

    def ask(first: int) -> list[tuple[Any, ...]]:
        return opened.query(sql, {"first": first, "rows": 5_000})

    with ThreadPoolExecutor(8) as threads:
        found = list(threads.map(ask, range(64)))

    assert [(len(rows), rows[0][0]) for rows in found] == [(5_000, first) for first in range(64)]


def test_of_many_texts_only_some_are_kept(home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(editions, "_REMEMBERED", 3)
    edition = editions.open_edition(home)

    found = [edition.query(f"select {n}")[0][0] for n in [*range(10), *range(10)]]

    assert found == [*range(10), *range(10)]
    assert len(edition._statements) <= 3


def test_instants_are_utc_whatever_the_machine_says(
    home: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("TZ", "Asia/Tokyo")
    time.tzset()
    try:
        zone = editions.open_edition(home).query("select current_setting('TimeZone')")
    finally:
        monkeypatch.undo()
        time.tzset()

    assert zone == [("UTC",)]


@pytest.mark.parametrize(
    ("readers", "swaps"), [(2, 2), pytest.param(8, 10, marks=pytest.mark.slow)]
)
def test_readers_notice_nothing_while_editions_are_swapped(
    home: Path, readers: int, swaps: int
) -> None:
    done = threading.Event()
    seen: list[list[tuple[int, int]]] = [[] for _ in range(readers)]
    wrong: list[BaseException] = []

    def read(mine: list[tuple[int, int]]) -> None:
        try:
            while not done.is_set():
                edition = editions.latest(home)
                mine.append((edition.number, count(edition)))
                time.sleep(0.002)
        except BaseException as error:
            wrong.append(error)

    threads = [threading.Thread(target=read, args=(mine,)) for mine in seen]
    for thread in threads:
        thread.start()
    for number in range(3, 3 + swaps):
        bring(home, [answer(number)])
        publish(home)
    done.set()
    for thread in threads:
        thread.join()

    assert wrong == []
    # Edition n holds n + 1 answers: never a mixture.
    assert {rows - number for mine in seen for number, rows in mine} == {1}
    assert all(mine == sorted(mine) for mine in seen)
    assert all(mine for mine in seen)


def test_the_days_of_an_edition_follow_the_calendar(home: Path) -> None:
    text = VOCABULARY.replace("Europe/Berlin", "America/New_York, week_starts: sunday")
    read = "select day, week, month, quarter, year from kpi.days order by day"

    before = editions.open_edition(home).query(read)
    publish(home, text)
    after = editions.open_edition(home).query(read)

    assert before == list(days(Calendar("Europe/Berlin")))
    assert after == list(days(Calendar("America/New_York", week_starts=6)))


def test_a_table_reaches_from_its_first_to_its_last_local_day(tmp_path: Path) -> None:
    late = {**answer(2), "answered_at": "2026-03-09 23:30:00"}
    bring(tmp_path, [answer(1, day="2026-03-01"), late])
    publish(tmp_path)

    table = editions.open_edition(tmp_path).tables["surveys"]

    assert (table.first_day, table.last_day) == (dt.date(2026, 3, 1), dt.date(2026, 3, 10))
    assert (table.rows, table.sources) == (2, ("answers",))


@pytest.mark.parametrize("stray", ["0001-01-01", "1970-01-01", "2100-01-01", "9999-12-31"])
def test_a_stray_row_outside_the_calendar_sets_neither_the_first_nor_the_last_day(
    tmp_path: Path, stray: str
) -> None:
    bring(tmp_path, [answer(1, day="2026-03-01"), answer(2, day=stray)])
    publish(tmp_path)

    table = editions.open_edition(tmp_path).tables["surveys"]

    assert (table.first_day, table.last_day) == (dt.date(2026, 3, 1), dt.date(2026, 3, 1))
    assert table.rows == 2


def test_a_table_is_as_fresh_as_its_stalest_source(tmp_path: Path) -> None:
    declared = Declarations(False, (ANSWERS, replace(ANSWERS, source="phone")))
    bring(tmp_path, [answer(1)], at=NOON)
    bring(tmp_path, [answer(2)], source="phone", at=NOON, as_of=NOON - 5 * HOUR)
    bring(tmp_path, [], source="phone", at=NOON + HOUR, error="No answer.")
    publish(tmp_path, declared=declared)

    edition = editions.open_edition(tmp_path)

    assert edition.fresh_until["surveys"] == NOON - 5 * HOUR
    assert edition.facts["surveys"].fresh_day == NOON.date()


def test_a_table_that_one_of_its_sources_never_filled_is_not_known_to_be_whole(
    tmp_path: Path,
) -> None:
    declared = Declarations(False, (ANSWERS, replace(ANSWERS, source="phone")))
    bring(tmp_path, [answer(1)], at=NOON)
    bring(tmp_path, [], source="phone", at=NOON, error="No answer.")
    publish(tmp_path, declared=declared)

    edition = editions.open_edition(tmp_path)

    assert edition.tables["surveys"].rows == 1
    assert "surveys" not in edition.fresh_until


def test_at_midnight_sharp_a_source_has_told_nothing_of_the_new_day(tmp_path: Path) -> None:
    bring(tmp_path, [answer(1)], at=dt.datetime(2026, 3, 9, 23))  # midnight in Berlin
    publish(tmp_path)

    assert editions.open_edition(tmp_path).facts["surveys"].fresh_day == dt.date(2026, 3, 9)


def test_a_table_without_a_good_run_has_told_nothing(tmp_path: Path) -> None:
    bring(tmp_path, [], error="No answer.")
    publish(tmp_path)

    edition = editions.open_edition(tmp_path)

    assert edition.tables["surveys"].rows == 0
    assert "surveys" not in edition.fresh_until
    assert edition.facts["surveys"].first_day is None
    assert edition.facts["surveys"].fresh_day is None


def test_a_table_into_which_nothing_could_land_is_published_as_not_filled(tmp_path: Path) -> None:
    text = VOCABULARY.replace("surveys:", "things:").replace("from surveys", "from things")
    shape = Shape((Column("n", type="integer"),), mode="replace")
    batch = Batch("things", pa.table({"n": ["nine"]}), shape, "test", state={})
    with Warehouse(working_database(warehouse_of(tmp_path))) as warehouse:
        run = warehouse.begin("answers", NOON)
        with pytest.raises(SourceError, match="None of the 1 rows can be read"):
            warehouse.land(run, "answers", batch)
        warehouse.finish(run, error="No.", advice="Mend it.", finished_at=NOON, as_of=None)
    publish(tmp_path, text)

    edition = editions.open_edition(tmp_path)

    assert edition.tables["things"].rows == 0
    assert "things" not in edition.facts


def test_a_sources_report_tells_its_last_run_its_last_good_one_and_since_when_it_fails(
    tmp_path: Path,
) -> None:
    bring(tmp_path, [], at=NOON - HOUR, error="Not yet.")
    bring(tmp_path, [answer(1), answer(2, score="many")], at=NOON)
    bring(tmp_path, [answer(1, score="8"), answer(3)], at=NOON + HOUR, as_of=NOON)
    bring(tmp_path, [], at=NOON + 2 * HOUR, error="No answer.")
    bring(tmp_path, [answer(4)], at=NOON + 3 * HOUR, error="Half an answer.")
    publish(tmp_path, now=NOON + 4 * HOUR)

    report = editions.open_edition(tmp_path).reports[0]

    assert report == SourceReport(
        source="answers",
        connector="file",
        system="File",
        into=("surveys",),
        every=HOUR,
        last_run_at=NOON + 3 * HOUR,
        last_outcome="failed",
        failing_since=NOON + 2 * HOUR,
        last_good_at=NOON + HOUR,
        as_of=NOON,
        new_rows=1,
        changed_rows=0,
        rows_total=3,
        rejected_7d=1,
        error="Half an answer.",
        advice="Mend it.",
    )


def test_a_source_that_never_ran_is_reported_too(home: Path) -> None:
    declared = Declarations(True, (ANSWERS, replace(ANSWERS, source="new", every=None)))
    publish(home, declared=declared)

    edition = editions.open_edition(home)
    report = edition.reports[1]

    assert edition.sample
    assert (report.source, report.last_run_at, report.every) == ("new", None, None)
    assert freshness(report, NOON).word == "no rows yet"


REPORT = SourceReport(
    source="answers",
    connector="file",
    system="File",
    into=("surveys",),
    every=HOUR,
    last_run_at=NOON,
    last_outcome="good",
    failing_since=None,
    last_good_at=NOON,
    as_of=None,
    new_rows=1,
    changed_rows=0,
    rows_total=1,
    rejected_7d=0,
    error=None,
    advice=None,
)


@pytest.mark.parametrize(
    ("changed", "after", "word"),
    [
        ({}, 3 * HOUR, "fresh"),
        ({}, 3 * HOUR + dt.timedelta(seconds=1), "late"),
        ({"every": None}, 900 * HOUR, "fresh"),
        ({"as_of": NOON - 4 * HOUR}, 0 * HOUR, "late"),
        ({"last_outcome": "failed"}, 0 * HOUR, "failing"),
        ({"rows_total": 0}, 0 * HOUR, "no rows yet"),
        ({"rows_total": 0, "last_outcome": "failed"}, 0 * HOUR, "failing"),
        ({"last_good_at": None, "last_outcome": None}, 0 * HOUR, "no rows yet"),
    ],
)
def test_freshness_is_one_word(changed: Mapping[str, Any], after: dt.timedelta, word: str) -> None:
    assert freshness(replace(REPORT, **changed), NOON + after).word == word


def test_the_age_counts_from_the_moment_that_the_delivery_speaks_of() -> None:
    dated = replace(REPORT, as_of=NOON - 5 * HOUR)

    assert freshness(REPORT, NOON + HOUR).age == HOUR
    assert freshness(dated, NOON + HOUR).age == 6 * HOUR
    assert freshness(replace(REPORT, last_good_at=None), NOON).age is None


def test_the_pointer_names_its_edition_in_json(home: Path) -> None:
    values = json.loads(editions.pointer_file(home).read_text())

    assert values["number"] == 1
    assert values["published_at"] == "2026-03-10T12:00:00"
