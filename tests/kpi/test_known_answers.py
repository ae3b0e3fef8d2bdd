"""Known answers: what somebody checked by hand must come out again, or nothing is published."""

from __future__ import annotations

import shutil
from pathlib import Path
from typing import Any

import pytest
from click.testing import Result
from typer.testing import CliRunner

import connectors
from kpi import editions
from kpi.__main__ import app
from kpi.known_answers import failures
from kpi.refresh import refresh
from tests.kpi.asking import EVENTS, TABLES, WORDS, edition
from tests.kpi.homes import STAND_INS, VOCABULARY, Clock, Heard, answer, write_home, write_script
from tests.kpi.memory import Memory, Rows, vocabulary_text

ROWS = (("2026-01-10", "EMEA", None, 10), ("2026-01-20", "AMER", None, 3), ("2026-02-05", "EMEA"))


def told(*tests: dict[str, Any], **entry: Any) -> list[str]:
    """What is said of these known answers of an average over three rows of early 2026."""
    metrics = {"m": {"value": "avg(x) from events", "test": list(tests), **entry}}
    memory = edition(metrics, *ROWS)
    return [str(failure) for failure in failures(memory, memory.vocabulary)]


# --- what holds ---------------------------------------------------------------------------------


def test_an_answer_that_comes_out_again_is_no_failure() -> None:
    assert told({"period": "2026-01", "equals": 6.5}) == []


@pytest.mark.parametrize("period", ["2026-01-10", "2026-W02", "2026-01", "2026-Q1", "2026"])
def test_a_period_of_every_grain_can_be_known(period: str) -> None:
    found = told({"period": period, "where": "region = 'EMEA'", "equals": 10})

    assert found == []


def test_as_many_decimals_count_as_were_written() -> None:
    thirds = {"value": "sum(x) / 3 from events"}

    assert told({"period": "2026-01", "equals": 4.33}, **thirds) == []
    assert told({"period": "2026-01", "equals": 4.3}, **thirds) == []
    assert len(told({"period": "2026-01", "equals": 4.34}, **thirds)) == 1


@pytest.mark.parametrize("written", ["5.0", "4.90", "4.900"])
def test_a_zero_at_the_end_counts_as_a_decimal(written: str) -> None:
    metrics = {"m": {"value": "max(x) / 2 - 0.082 from events"}}
    test = f"{{period: 2026-01, equals: {written}}}"
    text = vocabulary_text(metrics, tables=TABLES, dimensions=WORDS)
    text = text.replace('"value"', f'"test": {test}, "value"')
    memory = Memory(text, {"events": Rows(EVENTS, [(*ROWS[0], None, None)])})

    (failure,) = failures(memory, memory.vocabulary)

    assert failure.came == pytest.approx(4.918)


def test_a_whole_number_is_known_to_no_decimal() -> None:
    halves = {"value": "max(x) / 2 - 0.082 from events"}

    assert told({"period": "2026-01", "equals": 5}, **halves) == []


def test_the_decimals_of_the_metric_count_where_fewer_were_written() -> None:
    assert told({"period": "2026-01", "equals": 7}, value="sum(x) / 2 + 0.2 from events") == []
    assert (
        len(told({"period": "2026-01", "equals": 7}, decimals=1, value="avg(x) from events")) == 1
    )


# --- what does not ------------------------------------------------------------------------------


def test_a_failure_names_metric_period_filter_both_numbers_and_the_place() -> None:
    metrics = {
        "m": {
            "value": "sum(x) from events",
            "test": {"period": "2026-01", "where": "region = 'EMEA'", "equals": 12.5},
        }
    }
    memory = edition(metrics, *ROWS)

    (failure,) = failures(memory, memory.vocabulary)

    line = memory.vocabulary.text.split("\n")[failure.place.line - 1]
    assert line[failure.place.column - 1 :] == "12.5"
    assert (failure.metric, failure.period, failure.where) == ("m", "2026-01", "region = 'EMEA'")
    assert (failure.expected, failure.came) == (12.5, 10)
    assert str(failure).startswith(f"metrics.yaml:{failure.place.line}:{failure.place.column}: ")
    assert str(failure).endswith("'m' in 2026-01 where region = 'EMEA' must be 12.5, but is 10.0.")


def test_every_failure_is_told_at_once() -> None:
    found = told(
        {"period": "2026-01", "equals": 1},
        {"period": "2026", "equals": 2},
        value="sum(x) from events",
    )

    assert [line.split("'m' in ")[1] for line in found] == [
        "2026-01 must be 1, but is 13.",
        "2026 must be 2, but is 13.",
    ]


def test_an_unknown_number_does_not_confirm_a_zero() -> None:
    (found,) = told({"period": "2026-02", "equals": 0})

    assert found.endswith("'m' in 2026-02 must be 0, but is unknown.")


def test_without_facts_the_table_that_lacks_them_is_named() -> None:
    test = {"period": "2026-01", "equals": 2}
    text = vocabulary_text(
        {"m": {"value": "count(*) from events", "test": test}}, tables=TABLES, dimensions=WORDS
    )
    memory = Memory(text, {"events": Rows("at_utc TIMESTAMP, region VARCHAR")}, fresh_until={})

    (found,) = failures(memory, memory.vocabulary)

    assert str(found).endswith("must be 2, but no source has told of events yet.")


def test_a_filter_that_is_refused_is_a_failure_with_its_reason() -> None:
    (found,) = told({"period": "2026-01", "where": "regoin = 'EMEA'", "equals": 10})

    assert "but cannot be asked: There is no dimension 'regoin'. Did you mean 'region'?" in found


def test_the_definitions_asked_are_those_given_and_not_the_editions() -> None:
    memory = edition({"m": "sum(x) from events"}, *ROWS)
    other = edition(
        {"m": {"value": "max(x) from events", "test": {"period": "2026", "equals": 10}}}
    )

    assert failures(memory, other.vocabulary) == []


# --- publishing ---------------------------------------------------------------------------------


def with_test(equals: float, vocabulary: str = VOCABULARY) -> str:
    """The vocabulary of one metric, which knows how many answers came in March."""
    return f"{vocabulary}    test: {{period: 2026-03, equals: {equals}}}\n"


def stand_in(patched: pytest.MonkeyPatch) -> None:
    patched.setattr(connectors, "__path__", [*connectors.__path__, STAND_INS])


@pytest.fixture(autouse=True)
def stand_ins(monkeypatch: pytest.MonkeyPatch) -> None:
    """Connectors that do as tests say."""
    stand_in(monkeypatch)


@pytest.fixture(scope="module")
def first_edition(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("home")
    write_home(folder, {"tool": {"steps": [{"rows": [answer(1), answer(2)]}]}}, with_test(2))
    with pytest.MonkeyPatch.context() as patched:
        stand_in(patched)
        assert refresh(folder, voice=Heard(), now=Clock()).exit_code == 0
    return folder


@pytest.fixture
def home(tmp_path: Path, first_edition: Path) -> Path:
    """A home folder with an edition of two answers, which a test may change."""
    return shutil.copytree(first_edition, tmp_path, dirs_exist_ok=True)


def number(home: Path) -> int:
    pointer = editions.current(home)
    assert pointer is not None
    return pointer.number


def test_a_failing_answer_keeps_the_edition_from_being_published(home: Path) -> None:
    write_script(home, "tool", [{"rows": [answer(3)]}])
    heard = Heard()

    outcome = refresh(home, voice=heard, now=Clock())

    assert (outcome.exit_code, outcome.published, number(home)) == (1, None, 1)
    assert "A known answer does not hold:" in heard.text
    assert "'answers' in 2026-03 must be 2, but is 3." in heard.text
    assert "The edition before it stays." in heard.text


def test_what_was_pulled_stays_and_is_published_once_the_answer_is_mended(home: Path) -> None:
    write_script(home, "tool", [{"rows": [answer(3)]}])
    refresh(home, voice=Heard(), now=Clock())
    (home / "metrics.yaml").write_text(with_test(3))

    outcome = refresh(home, no_pull=True, voice=Heard(), now=Clock())

    assert outcome.exit_code == 0
    assert editions.open_edition(home).query("select count(*) from surveys") == [(3,)]


def test_it_is_published_anyway_where_somebody_says_so_and_the_lines_say_it(home: Path) -> None:
    write_script(home, "tool", [{"rows": [answer(3)]}])
    heard = Heard()

    outcome = refresh(home, publish_anyway=True, voice=heard, now=Clock())

    assert (outcome.exit_code, number(home)) == (0, 2)
    assert "Publishing although not every known answer holds (1):" in heard.text
    assert "'answers' in 2026-03 must be 2, but is 3." in heard.text


def test_a_first_edition_needs_its_known_answers_too(tmp_path: Path) -> None:
    write_home(tmp_path, {"tool": {"steps": [{"rows": [answer(1)]}]}}, with_test(2))
    heard = Heard()

    outcome = refresh(tmp_path, voice=heard, now=Clock())

    assert outcome.exit_code == 1
    assert "Nothing is published." in heard.text
    assert editions.current(tmp_path) is None


# --- the command line ---------------------------------------------------------------------------


def kpi(home: Path, *words: str) -> Result:
    return CliRunner().invoke(app, ["--home", str(home), *words])


def check(home: Path) -> Result:
    """`kpi check`; the sources of these homes are of a kind that only tests know."""
    (home / "sources.yaml").write_text(
        "version: 1\nsources:\n  tool: {connector: file, path: a.csv, into: surveys}\n"
    )
    return kpi(home, "check")


def test_check_asks_the_files_known_answers_of_the_current_edition(home: Path) -> None:
    held = check(home)
    (home / "metrics.yaml").write_text(with_test(5))
    failed = check(home)

    assert held.exit_code == 0, held.stderr
    assert "Asked edition 1 for 1 known answer." in held.stderr
    assert failed.exit_code == 1
    assert "'answers' in 2026-03 must be 5, but is 2." in failed.stderr


def test_check_takes_a_mistake_before_a_failing_answer(home: Path) -> None:
    (home / "metrics.yaml").write_text(with_test(5).replace("good: up", "good: upp"))

    assert check(home).exit_code == 2


def test_check_does_not_ask_by_a_calendar_that_the_edition_has_not(home: Path) -> None:
    berlin = "{timezone: Europe/Berlin}"
    (home / "metrics.yaml").write_text(with_test(5).replace(berlin, "{fiscal_year_starts: april}"))

    found = check(home)

    assert found.exit_code == 0
    assert "The next refresh asks them by the changed calendar." in found.stderr


def test_the_command_refuses_and_the_option_publishes(home: Path) -> None:
    (home / "a.csv").write_text("response_id,answered_at\nr9,2026-03-09T10:00:00Z\n")
    (home / "sources.yaml").write_text(
        "version: 1\nsources:\n  tool: {connector: file, path: a.csv, into: surveys}\n"
    )

    refused = kpi(home, "refresh")
    published = kpi(home, "refresh", "--no-pull", "--publish-anyway")

    assert (refused.exit_code, published.exit_code) == (1, 0)
    assert "'answers' in 2026-03 must be 2, but is 3." in refused.stderr
    assert "Published edition 2" in published.stderr
