"""data/refresh.log: one JSON object a line, for machines, and no secret in any of them."""

from __future__ import annotations

import datetime as dt
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

import connectors
from kpi.refresh import Outcome, refresh
from tests.kpi.homes import STAND_INS, VOCABULARY, Clock, Heard, answer, write_home, write_script

Run = Callable[..., Outcome]


@pytest.fixture(autouse=True)
def stand_ins(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(connectors, "__path__", [*connectors.__path__, STAND_INS])


@pytest.fixture
def run(tmp_path: Path) -> Run:
    def run(*names: str, **options: Any) -> Outcome:
        options.setdefault("env", {})
        return refresh(tmp_path, names, voice=Heard(), now=Clock(), **options)

    return run


def entries(home: Path, event: str | None = None) -> list[dict[str, Any]]:
    """What stands in the log, or what stands there of one event."""
    lines = (home / "data" / "refresh.log").read_text().splitlines()
    found = [json.loads(line) for line in lines]
    return [entry for entry in found if event in (None, entry["event"])]


def test_a_pull_is_logged_with_its_counts(tmp_path: Path, run: Run) -> None:
    write_home(tmp_path, {"answers": {"steps": [{"rows": [answer(1), answer(2, score="many")]}]}})

    run()

    (pulled,) = entries(tmp_path, "pulled")
    assert pulled.pop("seconds") >= 0
    assert dt.datetime.fromisoformat(pulled.pop("time")).tzinfo == dt.UTC
    assert pulled == {
        "level": "info",
        "event": "pulled",
        "source": "answers",
        "new": 1,
        "changed": 0,
        "deleted": 0,
        "rejected": 1,
    }


def test_what_was_published_is_logged_behind_what_was_pulled(tmp_path: Path, run: Run) -> None:
    write_home(tmp_path, {"answers": {"steps": [{"rows": [answer(1)]}]}})

    run()

    assert [entry["event"] for entry in entries(tmp_path)] == ["pulled", "published"]
    assert entries(tmp_path, "published")[0]["edition"] == 1


def test_a_failure_is_logged_with_what_happened_and_what_to_do(tmp_path: Path, run: Run) -> None:
    steps = [{"rows": [answer(1)]}, {"error": "The shop is closed.", "advice": "Open it."}]
    write_home(tmp_path, {"shop": {"steps": steps}})

    run()

    (failed,) = entries(tmp_path, "failed")
    assert (failed["level"], failed["source"], failed["new"]) == ("error", "shop", 1)
    assert (failed["error"], failed["advice"]) == ("The shop is closed.", "Open it.")
    assert "traceback" not in failed


def test_a_mistake_in_a_connector_is_logged_with_its_traceback(tmp_path: Path, run: Run) -> None:
    write_home(tmp_path, {"shop": {"steps": [{"crash": "list index out of range"}]}})

    run()

    (failed,) = entries(tmp_path, "failed")
    assert failed["source"] == "shop"
    assert failed["traceback"].startswith("Traceback")
    assert failed["traceback"].endswith("RuntimeError: list index out of range")


def test_a_drift_is_logged_with_its_source(tmp_path: Path, run: Run) -> None:
    painted = {**answer(1), "colour": "red"}
    write_home(tmp_path, {"shop": {"into": "things", "steps": [{"rows": [painted]}]}})
    run()
    write_script(tmp_path, "shop", [{"rows": [answer(1)], "mapped": list(painted)}])

    run()

    (drifted,) = entries(tmp_path, "drifted")
    assert (drifted["level"], drifted["source"]) == ("warning", "shop")
    assert "colour" in drifted["message"]


def test_waits_are_logged_once_for_each_reason(tmp_path: Path, run: Run) -> None:
    waits = [[35, "rate limit"], [34, "rate limit"], [2, "the system is busy"]]
    write_home(tmp_path, {"shop": {"steps": [{"waits": wait} for wait in waits]}})

    run()

    found = [(e["source"], e["seconds"], e["message"]) for e in entries(tmp_path, "waiting")]
    assert found == [("shop", 35, "rate limit"), ("shop", 2, "the system is busy")]


def test_a_notice_is_logged_once_a_run(tmp_path: Path, run: Run) -> None:
    notice = {"notice": "The token expires in 6 days."}
    write_home(tmp_path, {"shop": {"steps": [notice, notice]}})

    run()

    (noticed,) = entries(tmp_path, "noticed")
    assert (noticed["level"], noticed["source"]) == ("warning", "shop")
    assert noticed["message"] == "The token expires in 6 days."


def test_what_a_library_says_is_logged_under_its_own_name(tmp_path: Path, run: Run) -> None:
    write_home(tmp_path, {"shop": {"steps": [{"warning": "trying again"}]}})

    run()

    (said,) = entries(tmp_path, "message")
    assert (said["level"], said["logger"], said["message"]) == (
        "warning",
        "a.library",
        "trying again",
    )


def test_an_edition_that_cannot_be_published_is_logged(tmp_path: Path, run: Run) -> None:
    test = "    test: {period: 2026-03, equals: 5}\n"
    write_home(tmp_path, {"answers": {"steps": [{"rows": [answer(1)]}]}}, VOCABULARY + test)

    run()

    (failed,) = entries(tmp_path, "failed")
    assert "source" not in failed
    assert "A known answer does not hold" in failed["error"]


@pytest.mark.parametrize("signal", ["SIGINT", "SIGTERM"])
def test_a_stop_is_logged(tmp_path: Path, run: Run, signal: str) -> None:
    write_home(tmp_path, {"shop": {"steps": [{"signal": signal, "hidden": False}]}})

    run()

    assert [entry["level"] for entry in entries(tmp_path, "stopped")] == ["warning"]


@pytest.mark.parametrize(
    "secret",
    [
        "s3cr3t-plain",
        's3cr3t"with a quote',
        "s3cr3t\\with\\strokes",
        "s3cr3t\nof several lines",
        "s3cr3t-wörd",
    ],
)
def test_no_value_of_the_log_holds_a_secret_however_it_is_escaped(
    tmp_path: Path, run: Run, secret: str
) -> None:
    ends = {
        "refused": {"error": "No way to <url>.", "advice": "Is <url> right?"},
        "crashed": {"crash": "No way to <url>."},
        "warned": {"warning": "No way to <url>."},
    }
    words = [{"waits": [1, "asked by <url>"]}, {"notice": "<url> will go."}]
    painted = {**answer(1), secret: "red"}
    shop = {"into": "things", "url": "${SHOP_URL}", "steps": [{"rows": [painted]}]}
    write_home(tmp_path, dict.fromkeys(ends, shop))
    run(env={"SHOP_URL": secret})
    for name, end in ends.items():
        steps = [{"rows": [answer(1)], "mapped": list(painted)}, *words, end]
        write_script(tmp_path, name, steps)

    run(env={"SHOP_URL": secret})

    told = [str(value) for entry in entries(tmp_path) for value in entry.values()]
    text = (tmp_path / "data" / "refresh.log").read_text()
    events = [entry["event"] for entry in entries(tmp_path)]
    assert [events.count(event) for event in ("drifted", "waiting", "noticed")] == [3, 3, 3]
    assert sum("No way to ${SHOP_URL}." in value for value in told) >= 3
    assert [value for value in told if "s3cr3t" in value] == []
    assert "s3cr3t" not in text
