"""kpi schedule: refreshes what is due, one line a run, and nothing but a signal ends it."""

from __future__ import annotations

import contextlib
import datetime as dt
import re
import signal
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

import connectors
from kpi import editions, lock, scheduling
from kpi.interruption import Interrupted
from kpi.scheduling import schedule
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
ROWS = [{"rows": [answer(1)]}]


@pytest.fixture(autouse=True)
def stand_ins(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(connectors, "__path__", [*connectors.__path__, STAND_INS])


class Watch:
    """Lets time pass at once, and ends the schedule when it has."""

    def __init__(self, minutes: float, at: dict[float, Callable[[], None]] | None = None) -> None:
        self.clock = Clock()
        self.end = NOON + dt.timedelta(minutes=minutes)
        self.to_come = {NOON + dt.timedelta(minutes=m): what for m, what in (at or {}).items()}
        self.waits: list[float] = []

    def __call__(self, seconds: float) -> None:
        self.waits.append(seconds)
        self.clock.pass_(seconds=seconds)
        for moment in sorted(self.to_come):
            if moment <= self.clock():
                self.to_come.pop(moment)()
        if self.clock() >= self.end:
            raise Interrupted(signal.SIGINT)


def watched(home: Path, watch: Watch) -> Heard:
    """What is heard of a schedule until the watch ends it."""
    heard = Heard()
    schedule(home, heard, watch.clock, {}, watch)
    return heard


def times(heard: Heard, source: str) -> list[str]:
    """When a source was pulled, as hours and minutes."""
    return [line[11:16] for line in heard.lines if f" {source}: " in line]


def test_every_source_is_pulled_when_it_is_due(tmp_path: Path) -> None:
    write_home(
        tmp_path,
        {
            "often": {"every": "25 minutes", "steps": []},
            "hourly": {"every": "1 hour", "steps": []},
            "never": {"steps": []},
        },
    )

    heard = watched(tmp_path, Watch(minutes=70))

    assert times(heard, "often") == ["12:00", "12:25", "12:50"]
    assert times(heard, "hourly") == ["12:00", "13:00"]
    assert times(heard, "never") == []


def test_a_run_is_one_line_and_idleness_none(tmp_path: Path) -> None:
    failing = [{"error": "It is closed.", "advice": "Open it."}]
    write_home(
        tmp_path,
        {
            "shop": {"every": "1 hour", "steps": [*ROWS, {"rows": [answer(2, score="many")]}]},
            "desk": {"every": "1 hour", "steps": failing},
        },
    )

    watch = Watch(minutes=1)
    heard = watched(tmp_path, watch)

    assert heard.lines == [
        "2026-03-10 12:00:00 shop: 1 new, 1 rejected; desk: failed. It is closed. Open it.; "
        "published edition 1 in 0.0 s",
        "Stopped.",
    ]


def test_no_sleep_is_shorter_than_a_second_or_longer_than_a_minute(tmp_path: Path) -> None:
    write_home(
        tmp_path,
        {
            "quick": {"every": "1 second", "steps": []},
            "hourly": {"every": "1 hour", "steps": []},
        },
    )
    quick = Watch(minutes=0.1)
    watched(tmp_path, quick)
    write_home(tmp_path, {"hourly": {"every": "90 seconds", "steps": []}})
    slow = Watch(minutes=3)
    watched(tmp_path, slow)

    assert set(quick.waits) == {1}
    assert slow.waits[:4] == [60, 30, 60, 30]


def test_what_comes_next_is_shown(tmp_path: Path) -> None:
    write_home(tmp_path, {"hourly": {"every": "1 hour", "steps": []}})

    heard = watched(tmp_path, Watch(minutes=1))

    assert "next: hourly at 2026-03-10 13:00:00 UTC" in heard.drawn


@pytest.mark.parametrize("name", ["sources.yaml", "metrics.yaml"])
def test_an_edited_file_counts_within_a_minute(tmp_path: Path, name: str) -> None:
    sources = {"hourly": {"every": "1 hour", "steps": ROWS}}
    write_home(tmp_path, sources)

    def edit() -> None:
        if name == "sources.yaml":
            write_home(tmp_path, {**sources, "fresh": {"every": "1 hour", "steps": []}})
        else:
            write_home(tmp_path, sources, VOCABULARY.replace("label: Answers", "label: Replies"))

    heard = watched(tmp_path, Watch(minutes=20, at={10.5: edit}))

    told = "fresh: nothing new; " if name == "sources.yaml" else ""
    assert heard.lines[1].startswith(f"2026-03-10 12:11:00 {told}published edition 2 in ")
    assert len(heard.lines) == 3


def test_a_source_that_failed_is_tried_again_after_a_minute(tmp_path: Path) -> None:
    write_home(tmp_path, {"shop": {"every": "1 hour", "steps": [{"crash": "no"}]}})

    mended = Watch(minutes=30, at={1.5: lambda: write_script(tmp_path, "shop", ROWS)})
    heard = watched(tmp_path, mended)

    assert times(heard, "shop") == ["12:00", "12:01", "12:02"]


def test_a_mistake_in_a_file_is_told_once_and_ends_nothing(tmp_path: Path) -> None:
    sources: dict[str, dict[str, Any]] = {"shop": {"every": "1 hour", "steps": ROWS}}
    write_home(tmp_path, sources, VOCABULARY.replace("good: up", "god: up"))

    heard = watched(tmp_path, Watch(minutes=10, at={5: lambda: write_home(tmp_path, sources)}))

    assert sum("unknown key 'god'" in line for line in heard.lines) == 1
    assert times(heard, "shop") == ["12:05"]


def test_a_mistake_in_the_program_is_told_once_and_ends_nothing(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    write_home(tmp_path, {"shop": {"every": "1 hour", "steps": ROWS}})

    def broken(*_: object, **__: object) -> None:
        raise RuntimeError("s3cr3t")

    with monkeypatch.context() as patch:
        patch.setattr(scheduling, "refresh", broken)
        heard = watched(tmp_path, Watch(minutes=5, at={3: patch.undo}))

    assert heard.lines[0].endswith("RuntimeError ended this run: see data/refresh.log.")
    assert times(heard, "shop") == ["12:03"]
    assert "s3cr3t" not in heard.text


def test_a_held_lock_is_told_once_and_waited_for(tmp_path: Path) -> None:
    write_home(tmp_path, {"shop": {"every": "1 hour", "steps": ROWS}})

    with contextlib.ExitStack() as other:
        other.enter_context(lock.only_one(tmp_path / "data" / "refresh.lock", NOON))
        watch = Watch(minutes=5, at={2.5: other.close})
        heard = watched(tmp_path, watch)

    assert sum("Another refresh is running: process " in line for line in heard.lines) == 1
    assert times(heard, "shop") == ["12:02"]
    assert watch.waits[:150] == [1.0] * 150


def test_a_lock_of_a_process_that_was_killed_holds_nobody_up_for_long(tmp_path: Path) -> None:
    write_home(tmp_path, {"shop": {"every": "1 hour", "steps": ROWS}})
    with contextlib.ExitStack() as other:
        other.enter_context(lock.only_one(tmp_path / "data" / "refresh.lock", NOON))
        text = (tmp_path / "data" / "refresh.lock").read_text()

        def kill() -> None:
            other.close()
            (tmp_path / "data" / "refresh.lock").write_text(text)

        heard = watched(tmp_path, Watch(minutes=5, at={0.5: kill}))

    assert times(heard, "shop") == ["12:01"]


@pytest.mark.parametrize(("name", "code"), [("SIGINT", 0), ("SIGTERM", 143)])
def test_a_signal_in_the_middle_of_a_run_ends_it_in_order(
    tmp_path: Path, name: str, code: int
) -> None:
    steps = [*ROWS, {"signal": name, "hidden": False}]
    write_home(tmp_path, {"shop": {"every": "1 hour", "steps": steps}})
    heard = Heard()

    ended = schedule(tmp_path, heard, Clock(), {}, Watch(minutes=5))

    assert (ended, heard.lines) == (code, ["Stopped."])


@pytest.mark.servers
@pytest.mark.parametrize(("number", "code"), [(signal.SIGINT, 0), (signal.SIGTERM, 143)])
def test_the_command_runs_until_it_is_stopped(
    tmp_path: Path, number: signal.Signals, code: int
) -> None:
    (tmp_path / "metrics.yaml").write_text(VOCABULARY)
    (tmp_path / "answers.csv").write_text("response_id,answered_at,score\nr1,2026-03-09,9\n")
    (tmp_path / "sources.yaml").write_text(
        "version: 1\nsources:\n"
        "  tool: {connector: file, path: answers.csv, into: surveys, every: 1 day}\n"
    )
    command = [sys.executable, "-m", "kpi", "--home", str(tmp_path), "schedule"]
    with subprocess.Popen(command, cwd=PROJECT, stderr=subprocess.PIPE, text=True) as process:
        assert process.stderr is not None
        first = process.stderr.readline()
        process.send_signal(number)
        rest = process.stderr.read()

    assert re.fullmatch(r"[-0-9]+ [:0-9]+ tool: 1 new; published edition 1 in [.0-9]+ s\n", first)
    assert (process.returncode, rest) == (code, "Stopped.\n")
    assert editions.open_edition(tmp_path).query("select count(*) from surveys") == [(1,)]
