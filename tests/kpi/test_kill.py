"""kill -9, a full disk and a second process at any moment: no reader notices, no row is lost."""

from __future__ import annotations

import contextlib
import json
import os
import random
import re
import resource
import signal
import subprocess
import sys
import time
from collections import Counter
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from kpi import editions
from tests.kpi.homes import answer, write_home

pytestmark = pytest.mark.servers

PROJECT = Path(__file__).parents[2]
PAGE = 4000
PAGES = 40
KILLS = 20
PHASES = ("asking", "landing", "publishing")


class Refresher:
    """Starts refreshes of a home folder in processes of their own and hears what they do."""

    def __init__(self, home: Path, before: Callable[[], None] | None = None) -> None:
        self._server = start("refresh_aloud", home, preexec_fn=before)
        self.pid = 0
        self.status: int | None = None

    def begin(self, what: str = "refresh") -> None:
        """Starts one refresh; "publish" pulls nothing."""
        assert self._server.stdin is not None
        self.status = None
        self._server.stdin.write(f"{what}\n")
        self._server.stdin.flush()

    def lines(self) -> Iterator[str]:
        """What the refresh tells until it ends; then `status` is its exit code."""
        assert self._server.stdout is not None
        while self.status is None:
            word, _, rest = self._server.stdout.readline().strip().partition(" ")
            if word == "process":
                self.pid = int(rest)
            elif word == "ended":
                self.status = int(rest)
            else:
                yield f"{word} {rest}"

    def run(self, what: str = "refresh") -> str:
        """Everything that one undisturbed refresh tells."""
        self.begin(what)
        return "\n".join(self.lines())

    def close(self) -> None:
        self._server.communicate()


@pytest.fixture
def home(tmp_path: Path) -> Path:
    return tmp_path


@pytest.fixture
def refresher(home: Path) -> Iterator[Refresher]:
    started = Refresher(home)
    yield started
    started.close()


def start(module: str, *arguments: object, **options: Any) -> subprocess.Popen[str]:
    command = [sys.executable, "-m", f"tests.kpi.{module}", *map(str, arguments)]
    pipe = subprocess.PIPE
    return subprocess.Popen(command, cwd=PROJECT, text=True, stdin=pipe, stdout=pipe, **options)


def phase(line: str) -> str | None:
    """The phase that a line of a refresh begins."""
    found = re.match(r"(?:things: )?(asking|landing|publishing)", line)
    return found[1] if found else None


def longest_phases(refresher: Refresher) -> dict[str, float]:
    """Refreshes undisturbed; how long each phase took at most, in seconds."""
    longest: dict[str, float] = dict.fromkeys(PHASES, 0.01)
    before, began = None, time.monotonic()
    refresher.begin()
    for line in refresher.lines():
        moment = time.monotonic()
        if before:
            longest[before] = max(longest[before], moment - began)
        before, began = phase(line), moment
    return longest


def kill_in(refresher: Refresher, wanted: str, times: int, delay: float) -> str | None:
    """Kills a refresh a little after it begins a phase for the n-th time; the phase it was in."""
    last = None
    refresher.begin()
    for line in refresher.lines():
        last = phase(line)
        times -= last == wanted
        if times == 0:
            time.sleep(delay)
            # It may have ended by itself meanwhile.
            with contextlib.suppress(ProcessLookupError):
                os.kill(refresher.pid, signal.SIGKILL)
            times = -1
    return last if refresher.status == -signal.SIGKILL else None


def test_twenty_kills_lose_no_row_and_disturb_no_reader(home: Path, refresher: Refresher) -> None:
    things = {"connector": "generated", "page": PAGE, "pages": PAGES, "every": "1 hour"}
    write_home(home, {"things": {**things, "most": 2}})
    chance = random.Random(20)
    refresher.run()
    longest = longest_phases(refresher)
    readers = [start("read_aloud", home, PAGE) for _ in range(2)]
    hit: Counter[str] = Counter()
    completed = []

    for attempt in range(10 * KILLS):
        if hit.total() == KILLS:
            break
        wanted = PHASES[attempt % len(PHASES)]
        times = 1 if wanted == "publishing" else chance.randint(1, 2)
        phase_hit = kill_in(refresher, wanted, times, chance.uniform(0, longest[wanted]))
        hit.update([phase_hit] if phase_hit else [])
        if attempt % 4 == 3:
            refresher.run()
            completed.append(refresher.status)
    write_home(home, {"things": things})
    refresher.run()
    found = [json.loads(reader.communicate("stop\n")[0]) for reader in readers]
    rows = editions.open_edition(home).query(
        "select count(*), count(distinct id), sum(id)::bigint from things"
    )

    print(f"kills by phase: {dict(hit)}; readers: {found}")
    assert [reader["wrong"] for reader in found] == [[], []]
    assert all(reader["editions"] > len(completed) for reader in found)
    assert hit.total() == KILLS
    assert set(hit) == set(PHASES)
    assert {*completed, refresher.status} == {0}
    assert rows == [(PAGE * PAGES, PAGE * PAGES, sum(range(PAGE * PAGES)))]


@pytest.mark.parametrize("what", ["refresh", "publish"])
def test_a_full_disk_keeps_the_edition_and_the_next_refresh_completes(
    home: Path, refresher: Refresher, what: str
) -> None:
    things = {"connector": "generated", "page": 50_000}
    write_home(home, {"things": {**things, "pages": 4}})
    refresher.run()
    before = editions.current(home)
    write_home(home, {"things": {**things, "pages": 8}}, sample=True)
    room = (home / "data" / "warehouse.duckdb").stat().st_size // 2

    # No file may grow beyond this, which a process notices as it would a full disk.
    full = Refresher(home, lambda: resource.setrlimit(resource.RLIMIT_FSIZE, (room, room)))
    told = full.run(what)
    full.close()
    after = editions.current(home)
    kept = editions.open_edition(home).query("select count(*) from things")
    refresher.run()

    assert full.status == 1
    assert "disk is full" in told
    assert "Free some space" in told
    assert ("things: failed" in told) == (what == "refresh")
    assert after == before
    assert kept == [(200_000,)]
    assert refresher.status == 0
    assert editions.open_edition(home).query("select count(*) from things") == [(400_000,)]


def test_a_second_refresh_says_who_holds_the_first(home: Path, refresher: Refresher) -> None:
    waits = [{"wait_for": "go"}, {"rows": [answer(1)]}]
    write_home(home, {"answers": {"steps": waits}})
    refresher.begin()
    while not (home / "waiting").exists():
        time.sleep(0.01)
    second = Refresher(home)

    told = second.run()
    refused = second.status
    (home / "go").touch()
    list(refresher.lines())
    second.run()
    second.close()

    holder = rf"process {refresher.pid}, since [-0-9]+ [:0-9]+ UTC"
    assert re.fullmatch(rf"Another refresh is running: {holder}\.", told)
    assert (refresher.status, refused, second.status) == (0, 1, 0)


def test_the_command_line_refreshes_and_tells_no_secret(home: Path) -> None:
    write_home(home, {})
    (home / "sources.yaml").write_text(
        "version: 1\nsources:\n"
        "  lost: {connector: file, path: '${EXPORTS}/lost.csv', into: surveys}\n"
        "  found: {connector: file, path: '${EXPORTS}/found.csv', into: surveys}\n"
    )
    (home / "s3cr3t-folder").mkdir()
    (home / "s3cr3t-folder" / "found.csv").write_text(
        "response_id,answered_at,score\nr1,2026-03-09T10:00:00Z,9\nr2,2026-03-09T10:00:00Z,x\n"
    )

    command = [sys.executable, "-m", "kpi", "--home", str(home), "refresh"]
    done = subprocess.run(
        command,
        cwd=PROJECT,
        env={**os.environ, "EXPORTS": "s3cr3t-folder"},
        text=True,
        capture_output=True,
    )

    written = [path.read_bytes() for path in (home / "data").rglob("*") if path.is_file()]
    assert done.returncode == 1
    assert "lost: failed" in done.stderr
    assert "found: 1 new, 1 rejected" in done.stderr
    assert "s3cr3t" not in done.stdout + done.stderr
    assert not any(b"s3cr3t" in content for content in written)
    assert editions.open_edition(home).query("select response_id from surveys") == [("r1",)]
