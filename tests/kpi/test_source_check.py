"""kpi source check: what holds is said as it is found, and the exit code says whether all does."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import pytest
from typer.testing import CliRunner

import connectors
from kpi import lock
from kpi.__main__ import app
from kpi.proving import prove
from tests.kpi.homes import NOON, STAND_INS, Clock, Heard

Check = Callable[..., int]


@pytest.fixture(autouse=True)
def stand_ins(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(connectors, "__path__", [*connectors.__path__, STAND_INS])


@pytest.fixture
def heard() -> Heard:
    return Heard()


@pytest.fixture
def check(tmp_path: Path, heard: Heard) -> Check:
    def check(*names: str, env: Mapping[str, str] | None = None) -> int:
        return prove(tmp_path, names, heard, Clock(), env or {})

    return check


def write_sources(home: Path, **sources: Mapping[str, Any]) -> None:
    entries = {name: {"connector": "proved", **entry} for name, entry in sources.items()}
    (home / "sources.yaml").write_text(json.dumps({"version": 1, "sources": entries}))


def test_what_holds_is_said_under_the_name_of_its_source(
    tmp_path: Path, check: Check, heard: Heard
) -> None:
    write_sources(tmp_path, shop={"says": ["It answers.", "It lets us in."]})

    assert check("shop") == 0
    assert heard.lines == ["shop: It answers.", "shop: It lets us in."]


def test_the_first_thing_that_does_not_hold_ends_a_check(
    tmp_path: Path, check: Check, heard: Heard
) -> None:
    write_sources(tmp_path, shop={"says": ["It answers."], "refuses": "It wants a token."})

    assert check("shop") == 1
    assert heard.lines == ["shop: It answers.", "shop: It wants a token. Mend it."]


def test_without_a_name_all_are_checked_and_counted(
    tmp_path: Path, check: Check, heard: Heard
) -> None:
    bad = {"refuses": "It wants a token."}
    write_sources(tmp_path, one=bad, two={"says": ["It answers."]}, three=bad)

    assert check() == 1
    assert "two: It answers." in heard.lines
    assert heard.lines[-1] == "Checked 3 sources: 2 cannot be pulled: one, three."


def test_where_all_holds_the_last_line_says_so(tmp_path: Path, check: Check, heard: Heard) -> None:
    write_sources(tmp_path, one={}, two={})

    assert check() == 0
    assert heard.lines == ["Checked 2 sources: all can be pulled."]


def test_missing_variables_are_named_all_at_once_before_anything_is_asked(
    tmp_path: Path, check: Check, heard: Heard
) -> None:
    write_sources(
        tmp_path,
        one={"says": ["It answers."]},
        two={"url": "${HOST}/${PATH_OF_SHOP}"},
        three={"url": "${HOST}"},
    )

    assert check() == 1
    assert heard.lines == [
        "The environment variable HOST is not set. It is needed by: two, three.",
        "The environment variable PATH_OF_SHOP is not set. It is needed by: two.",
        "one: It answers.",
        "Checked 3 sources: 2 cannot be pulled: two, three.",
    ]


def test_a_name_that_is_not_declared_is_wrong_use(
    tmp_path: Path, check: Check, heard: Heard
) -> None:
    write_sources(tmp_path, shop={"says": ["It answers."]})

    assert check("shpo", "shop") == 2
    assert heard.lines == ["There is no source 'shpo' in sources.yaml. Did you mean 'shop'?"]


def test_a_file_with_mistakes_is_wrong_use(tmp_path: Path, check: Check, heard: Heard) -> None:
    write_sources(tmp_path, shop={"sais": ["It answers."]})

    assert check() == 2
    assert "unknown key 'sais'. Did you mean 'says'?" in heard.text


def test_a_mistake_in_a_connector_is_told_without_a_traceback(
    tmp_path: Path, check: Check, heard: Heard
) -> None:
    write_sources(tmp_path, shop={"crashes": "list index out of range"})

    assert check("shop") == 1
    assert heard.text.startswith("shop: RuntimeError: list index out of range.")
    assert "please report it" in heard.text


@pytest.mark.parametrize("key", ["says", "notices", "waits", "refuses", "crashes"])
def test_no_secret_is_told(tmp_path: Path, check: Check, heard: Heard, key: str) -> None:
    said: Any = "No way to <url>."
    write_sources(tmp_path, shop={"url": "${SHOP_URL}", key: [said] if key == "says" else said})

    check("shop", env={"SHOP_URL": "https://reader:s3cr3t-word@shop.example"})

    told = "\n".join([*heard.lines, *heard.drawn])
    assert "No way to ${SHOP_URL}." in told
    assert "s3cr3t" not in told


def test_a_wait_is_shown_as_progress(tmp_path: Path, check: Check, heard: Heard) -> None:
    write_sources(tmp_path, shop={"waits": "rate limit"})

    check("shop")

    assert "shop: waiting 35 s, rate limit" in heard.drawn


def test_a_check_that_is_stopped_ends_at_once(tmp_path: Path, check: Check, heard: Heard) -> None:
    write_sources(tmp_path, one={"stops": True}, two={"says": ["It answers."]})

    assert check() == 143
    assert heard.lines == ["Stopped."]


def test_a_check_touches_no_data_and_needs_no_lock(
    tmp_path: Path, check: Check, heard: Heard
) -> None:
    write_sources(tmp_path, shop={"says": ["It answers."]})
    with lock.only_one(tmp_path / "data" / "refresh.lock", NOON):
        assert check("shop") == 0

    assert [path.name for path in (tmp_path / "data").iterdir()] == ["refresh.lock"]


def test_the_command_says_it_on_stderr(tmp_path: Path) -> None:
    write_sources(tmp_path, shop={"says": ["It answers."]})

    result = CliRunner().invoke(app, ["--home", str(tmp_path), "source", "check", "shop"])

    assert (result.exit_code, result.stdout, result.stderr) == (0, "", "shop: It answers.\n")
