"""When sources are due, known without the working database: quickly, and never wrongly."""

from __future__ import annotations

import datetime as dt
import json
import os
import shutil
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

import connectors
from kpi import editions, timetable
from kpi.refresh import Outcome, refresh
from kpi.warehouse import Warehouse
from tests.kpi.homes import (
    NOON,
    STAND_INS,
    VOCABULARY,
    Clock,
    Heard,
    answer,
    write_home,
    write_script,
)

PROJECT = Path(__file__).parents[2]
HOUR = dt.timedelta(hours=1)
ENV = {"SHOP_URL": "https://shop.example"}

Run = Callable[..., Outcome]


def stand_in(patched: pytest.MonkeyPatch) -> None:
    patched.setattr(connectors, "__path__", [*connectors.__path__, STAND_INS])


@pytest.fixture(autouse=True)
def stand_ins(monkeypatch: pytest.MonkeyPatch) -> None:
    stand_in(monkeypatch)


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def run(tmp_path: Path, clock: Clock) -> Run:
    def run(*names: str, **options: Any) -> Outcome:
        options.setdefault("env", ENV)
        return refresh(tmp_path, names, voice=Heard(), now=clock, **options)

    return run


def write_shop(home: Path, **more: Any) -> None:
    shop = {"every": "1 hour", "url": "${SHOP_URL}", "steps": [{"rows": [answer(1)]}], **more}
    write_home(home, {"shop": shop, "other": {"steps": []}})


@pytest.fixture(scope="module")
def pulled_once(tmp_path_factory: pytest.TempPathFactory) -> Path:
    home = tmp_path_factory.mktemp("pulled")
    write_shop(home)
    with pytest.MonkeyPatch.context() as patched:
        stand_in(patched)
        assert refresh(home, voice=Heard(), now=Clock(), env=ENV).exit_code == 0
    return home


@pytest.fixture
def home(tmp_path: Path, pulled_once: Path) -> Path:
    """A home whose only hourly source was pulled at noon."""
    # With the dates of its files: a timetable looks at them.
    return shutil.copytree(pulled_once, tmp_path, dirs_exist_ok=True)


def test_a_source_is_due_its_every_after_its_last_good_start(home: Path) -> None:
    assert timetable.read(home, ENV) == {"shop": NOON + HOUR}


def test_nothing_is_to_do_until_a_source_is_due(home: Path) -> None:
    almost = NOON + HOUR - dt.timedelta(microseconds=1)

    assert timetable.is_idle(home, ENV, NOON)
    assert timetable.is_idle(home, ENV, almost)
    assert not timetable.is_idle(home, ENV, NOON + HOUR)


def test_a_source_that_failed_is_due_still(home: Path, run: Run, clock: Clock) -> None:
    write_script(home, "shop", [{"crash": "no"}])
    clock.pass_(hours=1)

    run(due=True)

    assert timetable.read(home, ENV) == {"shop": NOON + HOUR}
    assert not timetable.is_idle(home, ENV, clock())


def test_a_source_that_never_came_is_due_at_once(tmp_path: Path, run: Run) -> None:
    write_shop(tmp_path, steps=[{"crash": "no"}])

    run()

    assert not timetable.is_idle(tmp_path, ENV, NOON)


def test_a_refresh_of_another_source_knows_of_all(home: Path, run: Run, clock: Clock) -> None:
    clock.pass_(minutes=10)

    run("other")

    assert timetable.read(home, ENV) == {"shop": NOON + HOUR}


def test_a_source_that_is_due_beyond_all_time_is_never_due(tmp_path: Path, run: Run) -> None:
    write_shop(tmp_path, every="9999999 weeks")

    run()

    assert timetable.is_idle(tmp_path, ENV, NOON)


def edit(name: str) -> Callable[[Path], None]:
    def change(home: Path) -> None:
        with (home / name).open("a") as file:
            file.write("\n")

    return change


def begin_a_run(home: Path) -> None:
    with Warehouse(home / "data" / "warehouse.duckdb") as warehouse:
        warehouse.begin("shop", NOON)


def leave_as_it_was_killed(home: Path) -> None:
    (home / "data" / "warehouse.duckdb.wal").touch()


def change_without_another_date(home: Path) -> None:
    """As on a file system that keeps whole seconds only."""
    file = home / "data" / "warehouse.duckdb"
    content = bytearray(file.read_bytes())
    content[4096 + 100] ^= 1
    before = file.stat()
    file.write_bytes(content)
    os.utime(file, ns=(before.st_atime_ns, before.st_mtime_ns))


def damage(home: Path) -> None:
    (home / "data" / "timetable.json").write_text('{"due": {"shop": "soon"}')


@pytest.mark.parametrize(
    "change",
    [
        edit("sources.yaml"),
        edit("metrics.yaml"),
        lambda home: (home / "metrics.yaml").unlink(),
        lambda home: editions.pointer_file(home).unlink(),
        lambda home: editions.pointer_file(home).write_text("{}"),
        lambda home: editions.open_edition(home).path.unlink(),
        lambda home: (home / "data" / "warehouse.duckdb").unlink(),
        begin_a_run,
        leave_as_it_was_killed,
        change_without_another_date,
        damage,
        lambda home: shutil.rmtree(home / "data"),
    ],
)
def test_whatever_changed_has_to_be_looked_at_closer(
    home: Path, change: Callable[[Path], None]
) -> None:
    assert timetable.read(home, ENV) is not None

    change(home)

    assert timetable.read(home, ENV) is None
    assert not timetable.is_idle(home, ENV, NOON)


@pytest.mark.parametrize("env", [{}, {"SHOP_URL": ""}])
def test_a_variable_that_is_gone_has_to_be_looked_at_closer(
    home: Path, env: dict[str, str]
) -> None:
    assert timetable.read(home, env) is None


def test_another_program_has_to_look_closer(
    home: Path, tmp_path_factory: pytest.TempPathFactory, monkeypatch: pytest.MonkeyPatch
) -> None:
    copy = tmp_path_factory.mktemp("program")
    for package in ("kpi", "connectors"):
        shutil.copytree(PROJECT / package, copy / package)
    monkeypatch.setattr(timetable, "_PROGRAM", copy)
    with (copy / "connectors" / "git.py").open("a") as file:
        file.write("\n")

    assert timetable.read(home, ENV) is None


def test_an_edition_that_could_not_be_published_is_tried_again(home: Path, run: Run) -> None:
    wrong = "    test: {period: 2026-03, equals: 5}\n"
    (home / "metrics.yaml").write_text(VOCABULARY + wrong)

    outcomes = [run(due=True).exit_code, run(due=True).exit_code]

    assert outcomes == [1, 1]
    assert not timetable.is_idle(home, ENV, NOON)


def test_the_value_of_a_variable_is_written_down_nowhere(home: Path) -> None:
    text = (home / "data" / "timetable.json").read_text()

    assert "SHOP_URL" in json.loads(text)["variables"]
    assert ENV["SHOP_URL"] not in text


def test_a_timer_that_finds_nothing_due_opens_no_database_and_reads_no_yaml(
    tmp_path: Path,
) -> None:
    (tmp_path / "metrics.yaml").write_text(VOCABULARY)
    (tmp_path / "answers.csv").write_text("response_id,answered_at,score\nr1,2026-03-09,9\n")
    (tmp_path / "sources.yaml").write_text(
        "version: 1\nsources:\n"
        "  tool: {connector: file, path: answers.csv, into: surveys, every: 1 day}\n"
    )
    refreshed = refresh(tmp_path, voice=Heard())
    program = (
        "import sys\n"
        "from kpi.__main__ import app\n"
        "try:\n"
        f"    app(['--home', {str(tmp_path)!r}, 'refresh', '--due'])\n"
        "except SystemExit as end:\n"
        "    print(end.code)\n"
        "slow = {'duckdb', 'ruamel', 'pyarrow', 'pandas', 'sqlglot', 'requests'}\n"
        "print(slow & set(sys.modules))\n"
    )

    done = subprocess.run(
        [sys.executable, "-c", program], cwd=PROJECT, text=True, capture_output=True, check=True
    )

    assert refreshed.exit_code == 0
    assert (done.stdout.splitlines(), done.stderr) == (["0", "set()"], "")
