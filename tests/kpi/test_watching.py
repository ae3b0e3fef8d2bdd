"""`kpi check --watch` looks again at every save and shows the numbers being edited."""

from __future__ import annotations

import queue
import shutil
import signal
import subprocess
import sys
import threading
from collections.abc import Callable
from pathlib import Path

import pytest

from kpi.watching import watch
from tests.kpi.homes import NOON, VOCABULARY, answer
from tests.published import Home

TEXT = f"{VOCABULARY}    unit: count\n"
SOURCES = "version: 1\nsources: {}\n"
GOOD_LOOK = ["Checked 1 metric, 1 outcome, 0 sources.", "good"]
PROJECT = Path(__file__).parents[2]


class Ended(Exception):
    """The story is told."""


@pytest.fixture(scope="module")
def first_edition(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("home")
    published = Home(folder, TEXT)
    february = [answer(n, day=f"2026-02-{n + 1:02}") for n in range(28)]
    march = [answer(100 + n, day="2026-03-04", score="7") for n in range(3)]
    published.bring("answers", "surveys", [*february, *march], at=NOON)
    published.publish(NOON)
    (folder / "sources.yaml").write_text(SOURCES)
    return folder


@pytest.fixture
def home(tmp_path: Path, first_edition: Path) -> Path:
    """A home folder with an edition, whose files a test may edit."""
    return shutil.copytree(first_edition, tmp_path, dirs_exist_ok=True)


def told(home: Path, *edits: Callable[[], object]) -> list[list[str]]:
    """What is said at first and after each of these edits."""
    said: list[list[str]] = [[]]
    waiting = list(edits)
    polls = 0

    def wait() -> None:
        nonlocal polls
        polls += 1
        # Two polls see an edit: what has just been written must have stayed.
        if polls % 3:
            return
        if not waiting:
            raise Ended
        said.append([])
        waiting.pop(0)()

    with pytest.raises(Ended):
        watch(home, lambda line: said[-1].append(line), wait)
    return said


def writes(home: Path, old: str, new: str, file: str = "metrics.yaml") -> Callable[[], object]:
    """An edit of a file as it stands at that moment."""

    def edit() -> None:
        text = (home / file).read_text()
        assert old in text
        (home / file).write_text(text.replace(old, new))

    return edit


def test_the_first_look_says_that_all_is_good_and_shows_no_number(home: Path) -> None:
    assert told(home) == [GOOD_LOOK]


def test_nothing_is_said_while_nothing_is_saved(home: Path) -> None:
    assert told(home, lambda: None, lambda: None) == [GOOD_LOOK, [], []]


def test_an_edited_entry_is_shown_with_its_last_complete_week_and_month(home: Path) -> None:
    edit = writes(home, "count(*) from surveys", "100 * count(score) from surveys")

    assert told(home, edit)[1] == [
        *GOOD_LOOK,
        "answers: 300 in Week 10 (2–8 Mar 2026), n 3",
        "answers: 2,800 in Feb 2026 (1–28 Feb 2026), n 28",
    ]


def test_a_mistake_is_told_and_its_correction_is_shown_with_its_value(home: Path) -> None:
    breaks = writes(home, "count(*)", "sum(scoer)")
    mends = writes(home, "scoer", "score")

    _, broken, mended = told(home, breaks, mends)

    assert broken[1:] == [
        "metrics.yaml:16:16: 'surveys' has no column 'scoer'. Did you mean 'score'?"
    ]
    assert mended[1:] == [
        "good",
        "answers: 21 in Week 10 (2–8 Mar 2026), n 3",
        "answers: 252 in Feb 2026 (1–28 Feb 2026), n 28",
    ]


def test_a_mistake_in_the_sources_does_not_hide_the_value(home: Path) -> None:
    edit = writes(home, "good: up", "good: down")
    break_ = writes(home, "sources:", "suorces:", "sources.yaml")

    said = told(home, lambda: (edit(), break_()))[1]

    assert said[1].startswith("sources.yaml:")
    assert said[-1] == "answers: 28 in Feb 2026 (1–28 Feb 2026), n 28"


def test_only_what_was_edited_is_shown(home: Path) -> None:
    entry = TEXT[TEXT.index("  answers:") :]
    other = entry.replace("answers:", "voices:").replace("good: up", "good: down")
    add = lambda: (home / "metrics.yaml").write_text(TEXT + other)  # noqa: E731

    added, again = told(home, add, writes(home, "good: down", "good: up"))[1:]

    assert {line.partition(":")[0] for line in added[2:]} == {"voices"}
    assert {line.partition(":")[0] for line in again[2:]} == {"voices"}


def test_a_table_that_was_not_declared_before_has_a_value_too(home: Path) -> None:
    declared = "tables:\n  surveys: {row: one answer, time: answered_at, by: [region]}\n"
    bare = TEXT.replace(declared, "").partition("metrics:")[0]
    published = Home(home, bare + "metrics: {}\n")
    published.bring("answers", "surveys", [answer(1, day="2026-02-01")], at=NOON)
    published.publish(NOON)

    said = told(home, lambda: (home / "metrics.yaml").write_text(TEXT))[1]

    assert said[-1] == "answers: 29 in Feb 2026 (1–28 Feb 2026), n 29"


def test_another_calendar_needs_a_refresh_before_there_are_values(home: Path) -> None:
    edit = writes(home, "{timezone: Europe/Berlin}", "{timezone: Asia/Tokyo}")
    also = writes(home, "good: up", "good: down")

    said = told(home, lambda: (edit(), also()))[1]

    assert said[2:] == ["No values: the calendar has changed. Run `kpi refresh --no-pull` first."]


def test_rows_that_stand_for_a_quarter_are_shown_by_quarter(home: Path) -> None:
    edit = writes(home, "by: [region]}", "by: [region], grain: quarter}")
    also = writes(home, "good: up", "good: down")

    assert told(home, lambda: (edit(), also()))[1][2:] == [
        "answers: there is no complete quarter yet."
    ]


def test_a_file_that_an_editor_is_just_replacing_is_not_missed(home: Path) -> None:
    text = (home / "metrics.yaml").read_text()
    polls = 0
    said: list[str] = []

    def wait() -> None:
        nonlocal polls
        polls += 1
        if polls == 1:
            (home / "metrics.yaml").unlink()
        elif polls == 2:
            (home / "metrics.yaml").write_text(text)
        elif polls == 5:
            raise Ended

    with pytest.raises(Ended):
        watch(home, said.append, wait)

    assert said == GOOD_LOOK


@pytest.mark.slow
def test_the_command_watches_until_it_is_interrupted(home: Path) -> None:
    command = [sys.executable, "-m", "kpi", "--home", str(home), "check", "--watch"]
    with subprocess.Popen(command, cwd=PROJECT, stderr=subprocess.PIPE, text=True) as watching:
        lines: queue.Queue[str] = queue.Queue()
        assert watching.stderr is not None
        heard = threading.Thread(target=lambda: [lines.put(x) for x in watching.stderr or ()])
        heard.start()

        def until(words: str) -> str:
            while words not in (line := lines.get(timeout=60)):
                pass
            return line

        try:
            until("good")
            writes(home, "count(*)", "count(scoer)")()
            until("Did you mean 'score'?")
            writes(home, "scoer", "score")()
            value = until("Feb 2026")
            watching.send_signal(signal.SIGINT)
            ended = watching.wait(timeout=60)
        finally:
            watching.kill()
        heard.join()

    assert value == "answers: 28 in Feb 2026 (1–28 Feb 2026), n 28\n"
    assert ended == 0


def test_a_known_answer_that_does_not_hold_is_told_at_every_save(home: Path) -> None:
    wrong = f"{TEXT}    test: {{period: 2026-02, equals: 27}}\n"

    _, after = told(home, lambda: (home / "metrics.yaml").write_text(wrong))

    assert any("must be 27, but is 28" in line for line in after)
    assert "good" not in after
