"""kpi refresh --reconcile: pulls, then marks what the systems that can list have no more."""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

import connectors
from kpi import editions
from kpi.refresh import Outcome, refresh
from kpi.restated import read_log
from tests.kpi.homes import STAND_INS, Clock, Heard, answer, write_home

Run = Callable[..., Outcome]


def stand_in(patched: pytest.MonkeyPatch) -> None:
    patched.setattr(connectors, "__path__", [*connectors.__path__, STAND_INS])


@pytest.fixture(autouse=True)
def stand_ins(monkeypatch: pytest.MonkeyPatch) -> None:
    stand_in(monkeypatch)


@pytest.fixture
def heard() -> Heard:
    return Heard()


@pytest.fixture
def run(tmp_path: Path, heard: Heard) -> Run:
    def run(*names: str, **options: Any) -> Outcome:
        heard.lines.clear()
        return refresh(tmp_path, names, voice=heard, now=Clock(), env={}, **options)

    return run


def write_system(home: Path, *numbers: int, **more: Any) -> None:
    """What the system of the source `tool` has from now on."""
    rows = [answer(number) for number in numbers]
    (home / "tool.json").write_text(json.dumps({"rows": rows, **more}))


@pytest.fixture(scope="module")
def pulled_once(tmp_path_factory: pytest.TempPathFactory) -> Path:
    home = tmp_path_factory.mktemp("pulled")
    tool = {"connector": "listed", "script": "tool.json"}
    write_home(home, {"tool": tool, "other": {"steps": [{"rows": [answer(9)]}]}})
    write_system(home, 1, 2, 3)
    with pytest.MonkeyPatch.context() as patched:
        stand_in(patched)
        assert refresh(home, voice=Heard(), now=Clock(), env={}, full=True).exit_code == 0
    return home


@pytest.fixture
def home(tmp_path: Path, pulled_once: Path) -> Path:
    """A home with three answers of a system that can list, and one of a system that cannot."""
    return shutil.copytree(pulled_once, tmp_path, dirs_exist_ok=True)


def answers(home: Path) -> list[str]:
    rows = editions.latest(home).query("select response_id from surveys order by 1")
    return [id_ for (id_,) in rows]


def test_what_the_system_has_no_more_is_gone_from_the_next_edition(
    home: Path, run: Run, heard: Heard
) -> None:
    write_system(home, 1, 3)

    outcome = run("tool", reconcile=True)

    assert outcome.exit_code == 0
    assert answers(home) == ["r1", "r3", "r9"]
    assert "tool: compared 3 rows with the system's: 1 gone there, 0 back again" in heard.text
    assert "tool: 1 deleted in " in heard.text


def test_without_being_asked_nothing_is_compared(home: Path, run: Run, heard: Heard) -> None:
    write_system(home, 1, 3)

    run()

    assert answers(home) == ["r1", "r2", "r3", "r9"]
    assert "compared" not in heard.text


def test_what_is_new_is_pulled_before_it_is_compared(home: Path, run: Run, heard: Heard) -> None:
    write_system(home, 1, 2, 3, 4, new=[answer(4)])

    run("tool", reconcile=True)

    assert answers(home) == ["r1", "r2", "r3", "r4", "r9"]
    assert "compared 4 rows with the system's: 0 gone there" in heard.text


def test_what_only_the_system_has_is_counted_and_can_be_brought(
    home: Path, run: Run, heard: Heard
) -> None:
    write_system(home, 1, 2, 3, 4, 5)

    run("tool", reconcile=True)
    told = heard.text
    run("tool", full=True, reconcile=True)

    assert "tool: the system has 2 rows that are not here." in told
    assert "`python -m kpi refresh tool --full`" in told
    assert "not here" not in heard.text
    assert answers(home) == ["r1", "r2", "r3", "r4", "r5", "r9"]


def test_a_source_that_cannot_list_is_passed_over_in_one_line(
    home: Path, run: Run, heard: Heard
) -> None:
    outcome = run(reconcile=True)

    assert outcome.exit_code == 0
    assert [delivery.source for delivery in outcome.deliveries] == ["tool", "other"]
    assert [line for line in heard.lines if "cannot list" in line] == [
        "Not compared, because their systems cannot list what they have: other."
    ]


def test_a_source_that_is_named_and_cannot_list_is_pulled_and_wrong_use(
    home: Path, run: Run, heard: Heard
) -> None:
    write_system(home, 1)

    outcome = run("other", "tool", reconcile=True)

    assert outcome.exit_code == 2
    assert "cannot list what they have: other." in heard.text
    assert [delivery.source for delivery in outcome.deliveries] == ["tool", "other"]
    assert answers(home) == ["r1", "r9"]


def test_a_list_that_fails_fails_its_source_and_keeps_what_was_pulled(
    home: Path, run: Run, heard: Heard
) -> None:
    write_system(home, 4, new=[answer(4)], error="The list broke off.")

    outcome = run(reconcile=True)

    assert outcome.exit_code == 1
    assert "tool: failed after 1 new in " in heard.text
    assert "The list broke off. Look again." in heard.text
    assert answers(home) == ["r1", "r2", "r3", "r4", "r9"]


def test_too_many_rows_to_believe_vanish_only_where_somebody_says_so(
    home: Path, run: Run, heard: Heard
) -> None:
    write_system(home, *range(100, 150))
    run("tool", full=True)
    write_system(home, 100)

    refused = run("tool", reconcile=True)
    told = heard.text
    still = len(answers(home))
    outcome = run("tool", reconcile_anyway=True)

    assert (refused.exit_code, outcome.exit_code) == (1, 0)
    assert "52 of the 53 rows compared are not listed by the system any more" in told
    assert "`python -m kpi refresh tool --reconcile-anyway`" in told
    assert (still, answers(home)) == (54, ["r100", "r9"])


def test_numbers_that_a_vanished_row_changes_are_restated(home: Path, run: Run) -> None:
    # A week later the week of the answers is over, and known to be whole.
    later = Clock()
    later.pass_(days=14)
    heard = Heard()
    refresh(home, voice=heard, now=later, env={})
    write_system(home, 1, 3)
    later.pass_(hours=1)

    refresh(home, ["tool"], reconcile=True, voice=heard, now=later, env={})

    restated = {key: what for key, what in read_log(editions.open_edition(home).query)}
    weeks = [
        (what.old, what.new, what.cause)
        for (_, grain, _), what in restated.items()
        if grain == "week"
    ]
    assert weeks == [(4, 3, "data")]


def test_to_compare_and_not_to_pull_exclude_each_other(home: Path, run: Run) -> None:
    assert run(no_pull=True, reconcile=True).exit_code == 2
