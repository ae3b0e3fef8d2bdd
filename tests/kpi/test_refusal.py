"""What a refresh that was refused leaves beside the pointer, and who takes it away."""

from __future__ import annotations

import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

import connectors
from kpi import editions
from kpi.publishing import note_refusal
from kpi.refresh import refresh
from kpi.refusal import Refusal, last_refusal, refusal_file
from tests.kpi.homes import NOON, STAND_INS, VOCABULARY, Clock, Heard, answer, write_home

SOURCES = {"answers": {"steps": [{"rows": [answer(1)]}]}}
BROKEN = VOCABULARY.replace("good: up", "good: upwards").replace("label: Answers", "lable: Answers")
UNCONFIRMED = VOCABULARY + "    test: {period: 2026-03-09, equals: 7}\n"


@pytest.fixture(autouse=True)
def stand_ins(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(connectors, "__path__", [*connectors.__path__, STAND_INS])


@pytest.fixture
def home(tmp_path: Path) -> Path:
    """A home folder with one edition."""
    write_home(tmp_path, SOURCES)
    assert publish(tmp_path) == 0
    return tmp_path


def publish(home: Path) -> int:
    return refresh(home, no_pull=True, voice=Heard(), now=Clock(), env={}).exit_code


def test_a_good_refresh_leaves_nothing(home: Path) -> None:
    assert last_refusal(home) is None


def test_a_vocabulary_with_mistakes_is_counted_and_the_edition_stays(home: Path) -> None:
    before = editions.current(home)
    (home / "metrics.yaml").write_text(BROKEN)

    assert publish(home) == 2

    assert last_refusal(home) == Refusal(NOON, {"metrics.yaml": 2})
    assert editions.current(home) == before


def test_a_vocabulary_that_does_not_fit_the_facts_is_counted_too(home: Path) -> None:
    (home / "metrics.yaml").write_text(VOCABULARY.replace("time: answered_at", "time: answred_at"))

    publish(home)

    assert last_refusal(home) == Refusal(NOON, {"metrics.yaml": 1})


def test_mistakes_in_the_sources_are_counted_apart(home: Path) -> None:
    (home / "sources.yaml").write_text("version: 1\nsources: {a: {connector: nowhere}}\n")

    publish(home)

    refusal = last_refusal(home)
    assert refusal is not None
    assert {*refusal.mistakes} == {"sources.yaml"}


def test_known_answers_that_do_not_hold_are_counted(home: Path) -> None:
    (home / "metrics.yaml").write_text(UNCONFIRMED)

    assert publish(home) == 1

    assert last_refusal(home) == Refusal(NOON, {}, unconfirmed=1)


@pytest.mark.parametrize("mended", [VOCABULARY, VOCABULARY.replace("Answers", "All answers")])
def test_a_good_refresh_takes_it_back_whether_or_not_it_publishes(home: Path, mended: str) -> None:
    (home / "metrics.yaml").write_text(BROKEN)
    publish(home)
    (home / "metrics.yaml").write_text(mended)

    assert publish(home) == 0

    assert last_refusal(home) is None
    assert not refusal_file(home).exists()


def test_without_an_edition_nothing_is_left(tmp_path: Path) -> None:
    write_home(tmp_path, SOURCES, BROKEN)

    publish(tmp_path)

    assert not editions.editions_folder(tmp_path).exists()


def test_no_text_of_a_file_and_no_path_is_part_of_it(home: Path) -> None:
    (home / "metrics.yaml").write_text(VOCABULARY.replace("good: up", "good: s3cr3t"))

    publish(home)

    told = refusal_file(home).read_text()
    assert "s3cr3t" not in told
    assert str(home) not in told


@pytest.mark.parametrize("text", ["", "{", "[]", "null", '{"at": 1}', '{"mistakes": 3}', "\udcff"])
def test_a_damaged_one_is_as_none(home: Path, text: str) -> None:
    refusal_file(home).write_bytes(text.encode(errors="surrogateescape"))

    assert last_refusal(home) is None


def test_a_folder_that_cannot_be_written_changes_nothing(home: Path) -> None:
    refusal_file(home).mkdir()

    note_refusal(home, Refusal(NOON, {"metrics.yaml": 1}))

    assert last_refusal(home) is None


def test_who_is_killed_while_writing_leaves_a_whole_one_or_the_one_before(home: Path) -> None:
    write = (
        "import datetime as dt, sys; from pathlib import Path; "
        "from kpi.publishing import note_refusal; from kpi.refusal import Refusal\n"
        "print('ready', flush=True)\n"
        "while True: note_refusal(Path(sys.argv[1]), "
        "Refusal(dt.datetime(2026, 3, 10, 12), {'metrics.yaml': 2}))"
    )
    for number in range(4):
        writer = subprocess.Popen(
            [sys.executable, "-c", write, str(home)], stdout=subprocess.PIPE, text=True
        )
        assert writer.stdout is not None
        writer.stdout.readline()
        time.sleep(0.1 + number * 0.003)
        writer.send_signal(signal.SIGKILL)
        writer.wait()

        assert last_refusal(home) == Refusal(NOON, {"metrics.yaml": 2})

    (home / "metrics.yaml").write_text(VOCABULARY.replace("Answers", "All answers"))
    assert publish(home) == 0
    assert sorted(p.name for p in editions.editions_folder(home).iterdir())[-1] == "CURRENT"
