"""kpi refresh: pulls what is asked for, survives what fails, publishes what there is."""

from __future__ import annotations

import datetime as dt
import io
import os
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

import connectors
from kpi import editions
from kpi.editions import Edition, SourceReport, freshness
from kpi.refresh import Outcome, refresh
from kpi.voice import TerminalVoice
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

SECRET = "s3cr3t-pa/ss wörd"
ADDRESS = "postgresql://reader:s3cr3t-pa%2Fss%20w%C3%B6rd@db.example:5432/shop"
ENCODED = "s3cr3t-pa%2Fss%20w%C3%B6rd"


@pytest.fixture(autouse=True)
def stand_ins(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(connectors, "__path__", [*connectors.__path__, STAND_INS])


@pytest.fixture
def heard() -> Heard:
    return Heard()


@pytest.fixture
def clock() -> Clock:
    return Clock()


Run = Callable[..., Outcome]


@pytest.fixture
def run(tmp_path: Path, heard: Heard, clock: Clock) -> Run:
    def run(*names: str, **options: Any) -> Outcome:
        options.setdefault("env", {})
        return refresh(tmp_path, names, voice=heard, now=clock, **options)

    return run


ONE_ANSWER: dict[str, dict[str, Any]] = {"answers": {"steps": [{"rows": [answer(1)]}]}}


@pytest.fixture(scope="module")
def refreshed_once(tmp_path_factory: pytest.TempPathFactory) -> Path:
    home = write_home(tmp_path_factory.mktemp("refreshed"), ONE_ANSWER)
    with pytest.MonkeyPatch.context() as patched:
        patched.setattr(connectors, "__path__", [*connectors.__path__, STAND_INS])
        assert refresh(home, voice=Heard(), now=Clock(), env={}).exit_code == 0
    return home


@pytest.fixture
def refreshed(tmp_path: Path, refreshed_once: Path) -> Path:
    """The home folder that `run` refreshes, after a first refresh brought one answer."""
    return shutil.copytree(refreshed_once, tmp_path, dirs_exist_ok=True)


def edition(home: Path) -> Edition:
    return editions.latest(home)


def report(home: Path, source: str) -> SourceReport:
    return next(r for r in edition(home).reports if r.source == source)


def scores(home: Path) -> dict[str, int]:
    return dict(edition(home).query("select response_id, score from surveys order by 1"))


def test_what_a_source_brings_is_published_and_told_in_one_line(
    tmp_path: Path, run: Run, heard: Heard
) -> None:
    write_home(tmp_path, {"answers": {"steps": [{"rows": [answer(1), answer(2, score="many")]}]}})

    outcome = run()

    assert outcome.exit_code == 0
    assert outcome.published == editions.current(tmp_path)
    assert heard.lines[0].startswith("answers: 1 new, 1 rejected in ")
    assert heard.lines[1].startswith("Published edition 1 in ")
    assert scores(tmp_path) == {"r1": 9}


def test_changes_are_told_apart_from_news(tmp_path: Path, run: Run, heard: Heard) -> None:
    write_home(tmp_path, {"answers": {"steps": [{"rows": [answer(1), answer(2)]}]}})
    run()
    write_script(tmp_path, "answers", [{"rows": [answer(1), answer(2, score="3"), answer(3)]}])

    outcome = run()

    assert (outcome.deliveries[0].new, outcome.deliveries[0].changed) == (1, 1)
    assert "answers: 1 new, 1 changed in " in heard.text
    assert scores(tmp_path) == {"r1": 9, "r2": 3, "r3": 9}


def test_a_source_that_brings_nothing_says_so(tmp_path: Path, run: Run, heard: Heard) -> None:
    write_home(tmp_path, {"answers": {"steps": []}})

    outcome = run()

    assert outcome.exit_code == 0
    assert heard.lines[0].startswith("answers: nothing new in ")
    assert freshness(report(tmp_path, "answers"), NOON).word == "no rows yet"


def test_a_failing_source_stops_no_other_and_keeps_its_last_good_facts(
    tmp_path: Path, run: Run, heard: Heard
) -> None:
    good = [{"rows": [answer(1)]}]
    write_home(tmp_path, {"shop": {"steps": good}, "answers": {"steps": [{"rows": [answer(2)]}]}})
    run()
    failing = [{"rows": [answer(3)]}, {"error": "The shop is closed.", "advice": "Open it."}]
    write_script(tmp_path, "shop", failing)
    write_script(tmp_path, "answers", [{"rows": [answer(4)]}])

    outcome = run()

    assert outcome.exit_code == 1
    assert "shop: failed after 1 new in " in heard.text
    assert "The shop is closed. Open it." in heard.text
    assert sorted(scores(tmp_path)) == ["r1", "r2", "r3", "r4"]
    assert report(tmp_path, "shop").error == "The shop is closed."
    assert report(tmp_path, "shop").advice == "Open it."
    assert freshness(report(tmp_path, "shop"), NOON).word == "failing"
    assert freshness(report(tmp_path, "answers"), NOON).word == "fresh"


def test_a_replacement_of_which_nothing_can_be_read_is_told_as_a_failure(
    tmp_path: Path, run: Run, heard: Heard
) -> None:
    good = {"rows": [answer(1)], "stateless": True}
    write_home(tmp_path, {"answers": {"mode": "replace", "steps": [good]}})
    run()
    bad = {"rows": [answer(2, score="many")], "stateless": True}
    write_script(tmp_path, "answers", [bad])

    outcome = run()

    assert outcome.exit_code == 1
    assert "None of the 1 rows can be read." in heard.text
    assert scores(tmp_path) == {"r1": 9}


def test_a_mistake_in_a_connector_is_named_and_its_traceback_kept_in_the_log(
    tmp_path: Path, run: Run, heard: Heard
) -> None:
    write_home(tmp_path, {"answers": {"steps": [{"crash": "list index out of range"}]}})

    outcome = run()

    assert outcome.exit_code == 1
    assert "RuntimeError: list index out of range" in heard.text
    assert "please report it" in heard.text
    assert "Traceback" not in heard.text
    assert "Traceback" in (tmp_path / "data" / "refresh.log").read_text()


def test_a_missing_variable_is_named_and_fails_its_source_alone(
    tmp_path: Path, run: Run, heard: Heard
) -> None:
    steps = [{"rows": [answer(1)]}]
    write_home(
        tmp_path, {"shop": {"token": "${SHOP_TOKEN}", "steps": steps}, "answers": {"steps": steps}}
    )

    outcome = run()

    assert outcome.exit_code == 1
    assert [d.source for d in outcome.deliveries if d.error] == ["shop"]
    assert "The environment variable SHOP_TOKEN is not set." in heard.text
    assert scores(tmp_path) == {"r1": 9}


def everything_told(home: Path) -> str:
    """Every text of the data folder and of the edition's own tables."""
    texts = [
        file.read_bytes().decode("utf-8", "replace")
        for file in (home / "data").rglob("*")
        if file.is_file()
    ]
    for table in ("runs", "rejects", "drift", "sources", "tables", "edition", "state"):
        texts.append(str(edition(home).query(f"from kpi.{table}")))
    return "\n".join(texts)


@pytest.mark.parametrize(
    "last",
    [
        {"error": "No way to <url>.", "advice": f"Password {SECRET}? {ENCODED}?"},
        {"crash": f"No way to <url> with {SECRET}, {ENCODED}."},
        # Messages are cut at 500 characters: here in the middle of the secret.
        {"crash": f"No way to <url>{'.' * (482 - len(ADDRESS))}{SECRET}"},
        {"warning": "No way to <url>, trying again."},
        {"notice": "No way to <url> from tomorrow on."},
        {"waits": [35, "No way to <url> yet"]},
    ],
)
def test_a_secret_is_told_nowhere(
    tmp_path: Path,
    run: Run,
    heard: Heard,
    capfd: pytest.CaptureFixture[str],
    last: dict[str, str],
) -> None:
    bad = {"rows": [answer(1), answer(2, score="many")], "origin": "<url>"}
    write_home(tmp_path, {"shop": {"url": "${SHOP_URL}", "steps": [bad, last]}})

    run(env={"SHOP_URL": ADDRESS})

    printed = capfd.readouterr()
    seen = [*heard.lines, *heard.drawn, printed.out, printed.err]
    told = "\n".join([*seen, everything_told(tmp_path)])
    assert "No way to ${SHOP_URL}" in told
    assert "s3cr3t" not in told


def test_a_source_that_is_declared_no_more_is_mentioned_because_its_rows_count(
    tmp_path: Path, run: Run, heard: Heard
) -> None:
    steps = [{"rows": [answer(1)]}]
    write_home(tmp_path, {"old": {"steps": steps}, "empty": {"steps": []}})
    run()
    write_home(tmp_path, {"new": {"steps": steps}})
    heard.lines.clear()

    run()

    assert [line for line in heard.lines if "still count" in line] == [
        "The rows of 'old', which sources.yaml no longer names, still count. "
        "Name it again to keep them fresh; to drop them, move data/ away and refresh."
    ]


def test_an_unknown_source_is_wrong_use(tmp_path: Path, run: Run, heard: Heard) -> None:
    write_home(tmp_path, {"answers": {"steps": []}})

    outcome = run("answrs")

    assert outcome.exit_code == 2
    assert "'answrs'" in heard.text
    assert "Did you mean 'answers'?" in heard.text
    assert os.listdir(tmp_path / "data") == ["warehouse.duckdb"]


def test_to_publish_only_and_to_pull_exclude_each_other(tmp_path: Path, run: Run) -> None:
    write_home(tmp_path, {"answers": {"steps": []}})

    assert run("answers", no_pull=True).exit_code == 2
    assert run(full=True, no_pull=True).exit_code == 2


def test_only_the_named_sources_are_pulled(tmp_path: Path, run: Run) -> None:
    write_home(tmp_path, {name: {"steps": []} for name in ("a", "b", "c")})

    outcome = run("c", "a")

    assert [delivery.source for delivery in outcome.deliveries] == ["a", "c"]


def test_due_pulls_what_its_time_has_come_for(tmp_path: Path, run: Run, clock: Clock) -> None:
    write_home(
        tmp_path,
        {
            "hourly": {"every": "1 hour", "steps": []},
            "daily": {"every": "1 day", "steps": []},
            "never": {"steps": []},
        },
    )
    pulled = []

    for _ in range(3):
        pulled.append([delivery.source for delivery in run(due=True).deliveries])
        clock.pass_(minutes=30)

    assert pulled == [["hourly", "daily"], [], ["hourly"]]


def test_a_timer_that_finds_nothing_due_says_nothing(
    tmp_path: Path, run: Run, heard: Heard
) -> None:
    write_home(tmp_path, {"hourly": {"every": "1 hour", "steps": []}})
    run(due=True)
    heard.lines.clear()

    outcome = run(due=True)

    assert (outcome.exit_code, outcome.published, heard.lines) == (0, None, [])


def test_a_source_that_failed_is_due_at_once(tmp_path: Path, run: Run, clock: Clock) -> None:
    write_home(tmp_path, {"hourly": {"every": "1 hour", "steps": [{"crash": "no"}]}})
    run(due=True)
    clock.pass_(minutes=1)

    assert [delivery.source for delivery in run(due=True).deliveries] == ["hourly"]


def test_full_starts_a_source_over(refreshed: Path, run: Run) -> None:
    states = []

    for full in (False, True):
        run(full=full)
        with Warehouse(refreshed / "data" / "warehouse.duckdb") as warehouse:
            states.append(warehouse.state("answers"))

    assert [state["pulls"] for state in states] == [2, 1]
    assert [state["full"] for state in states] == [False, True]


def test_without_a_pull_nothing_is_published_that_is_already(
    refreshed: Path, run: Run, heard: Heard
) -> None:
    outcome = run(no_pull=True)

    assert (outcome.exit_code, outcome.published) == (0, None)
    assert heard.lines == ["Nothing to publish: the edition holds all of it."]
    assert edition(refreshed).number == 1


@pytest.mark.parametrize("change", ["vocabulary", "every", "sample", "lost file", "lost pointer"])
def test_whatever_the_edition_lacks_is_published_without_a_pull(
    refreshed: Path, run: Run, change: str
) -> None:
    if change == "vocabulary":
        write_home(refreshed, ONE_ANSWER, VOCABULARY.replace("label: Answers", "label: Replies"))
    elif change == "every":
        write_home(refreshed, {"answers": {"every": "1 day", "steps": []}})
    elif change == "sample":
        write_home(refreshed, ONE_ANSWER, sample=True)
    elif change == "lost file":
        edition(refreshed).path.unlink()
    else:
        editions.pointer_file(refreshed).write_text("")

    run(no_pull=True)

    assert edition(refreshed).number == 2
    assert scores(refreshed) == {"r1": 9}


def test_what_a_killed_refresh_committed_is_published_by_the_next(
    refreshed: Path, run: Run
) -> None:
    with Warehouse(refreshed / "data" / "warehouse.duckdb") as warehouse:
        warehouse.begin("answers", NOON)

    run(no_pull=True)

    assert edition(refreshed).number == 2
    assert report(refreshed, "answers").last_outcome == "failed"


def test_mistakes_in_both_files_are_shown_and_the_edition_stays(
    refreshed: Path, run: Run, heard: Heard
) -> None:
    before = editions.current(refreshed)
    broken = VOCABULARY.replace("good: up", "good: upwards").replace("side: business", "side: b")
    write_home(refreshed, {"answers": {"scirpt": "x", "steps": [{"rows": [answer(2)]}]}}, broken)

    outcome = run()

    assert outcome.exit_code == 2
    assert [line.split(":")[0] for line in heard.lines] == [
        "metrics.yaml",
        "metrics.yaml",
        "sources.yaml",
    ]
    assert editions.current(refreshed) == before
    assert scores(refreshed) == {"r1": 9}


def test_a_column_that_the_facts_do_not_have_keeps_the_edition_from_being_published(
    refreshed: Path, run: Run, heard: Heard
) -> None:
    before = editions.current(refreshed)
    asked = VOCABULARY.replace("count(*) from surveys", "avg(scor) from surveys")
    write_home(refreshed, ONE_ANSWER, asked)

    outcome = run(no_pull=True)

    assert outcome.exit_code == 2
    assert "metrics.yaml:16:16: 'surveys' has no column 'scor'. Did you mean 'score'?" in heard.text
    assert editions.current(refreshed) == before


def test_a_home_without_its_files_is_wrong_configuration(
    tmp_path: Path, run: Run, heard: Heard
) -> None:
    outcome = run()

    assert outcome.exit_code == 2
    assert "metrics.yaml:1:1: there is no such file" in heard.text
    assert "sources.yaml:1:1: there is no such file" in heard.text


@pytest.mark.parametrize(("signal", "code"), [("SIGINT", 130), ("SIGTERM", 143)])
@pytest.mark.parametrize("hidden", [False, True])
def test_a_stopped_refresh_notes_its_source_and_leaves_the_rest(
    tmp_path: Path, run: Run, heard: Heard, signal: str, code: int, hidden: bool
) -> None:
    steps = [{"rows": [answer(1)]}, {"signal": signal, "hidden": hidden}, {"rows": [answer(2)]}]
    write_home(tmp_path, {"a": {"steps": steps}, "b": {"steps": [{"rows": [answer(3)]}]}})

    stopped = run()
    write_script(tmp_path, "a", [])
    after = run("a")

    assert (stopped.exit_code, after.exit_code) == (code, 0)
    assert "Stopped." in heard.text
    rows = edition(tmp_path).query("select source, outcome, error from kpi.runs order by run")
    assert rows == [("a", "failed", "The refresh was stopped."), ("a", "good", None)]
    assert list(scores(tmp_path)) == ["r1"]


def test_a_delivery_speaks_of_the_moment_its_connector_names(
    tmp_path: Path, run: Run, clock: Clock
) -> None:
    two_hours_ago = {"rows": [answer(1)], "as_of": "2026-03-10T10:00:00"}
    write_home(tmp_path, {"answers": {"every": "30 minutes", "steps": [two_hours_ago]}})

    run()

    assert report(tmp_path, "answers").as_of == dt.datetime(2026, 3, 10, 10)
    assert edition(tmp_path).fresh_until["surveys"] == dt.datetime(2026, 3, 10, 10)
    assert freshness(report(tmp_path, "answers"), clock()).word == "late"


def test_a_dated_source_without_news_still_speaks_of_its_last_date(
    tmp_path: Path, run: Run, clock: Clock
) -> None:
    dated = {"rows": [answer(1)], "as_of": "2026-03-10T10:00:00"}
    write_home(tmp_path, {"dated": {"steps": [dated]}, "live": {"steps": [{"rows": [answer(2)]}]}})
    run()
    write_script(tmp_path, "dated", [])
    write_script(tmp_path, "live", [])
    clock.pass_(hours=1)

    run()

    assert report(tmp_path, "dated").as_of == dt.datetime(2026, 3, 10, 10)
    assert report(tmp_path, "live").last_good_at == clock()
    assert report(tmp_path, "live").as_of is None


def test_of_several_files_the_newest_counts_and_of_several_tables_the_oldest(
    tmp_path: Path, run: Run
) -> None:
    incident = {"incident_id": "i1", "opened_at": "2026-03-09 10:00:00"}
    steps = [
        {"rows": [answer(1)], "as_of": "2026-03-10T08:00:00"},
        {"rows": [answer(2)], "as_of": "2026-03-10T10:00:00"},
        {"rows": [incident], "into": "incidents", "as_of": "2026-03-10T09:00:00"},
    ]
    write_home(tmp_path, {"export": {"mode": "append", "steps": steps}})

    run()

    assert report(tmp_path, "export").as_of == dt.datetime(2026, 3, 10, 9)


def test_progress_tells_rows_rate_and_time_left(tmp_path: Path, run: Run, heard: Heard) -> None:
    steps = [{"told": [1000, 4000]}, {"rows": [answer(1)]}]
    write_home(tmp_path, {"answers": {"steps": steps}})

    run()

    told = next(text for text in heard.drawn if "1,000 rows" in text)
    assert told.startswith("answers: asking, 1,000 rows, ")
    assert " rows/s, " in told
    assert told.endswith(" left")


def test_rows_are_counted_as_they_land_where_the_connector_tells_nothing(
    tmp_path: Path, run: Run, heard: Heard
) -> None:
    steps = [{"rows": [answer(1)]}, {"rows": [answer(2), answer(3)]}]
    write_home(tmp_path, {"answers": {"steps": steps}})

    run()

    assert any(text.startswith("answers: landing, 3 rows, ") for text in heard.drawn)


def test_a_wait_is_shown_as_progress_with_its_length_and_reason(
    tmp_path: Path, run: Run, heard: Heard
) -> None:
    steps = [{"waits": [35, "rate limit"]}, {"rows": [answer(1)]}]
    write_home(tmp_path, {"answers": {"steps": steps}})

    run()

    assert "answers: waiting 35 s, rate limit" in heard.drawn
    assert "waiting" not in heard.text


def test_a_notice_is_told_once_a_run_and_stops_nothing(
    tmp_path: Path, run: Run, heard: Heard
) -> None:
    notice = {"notice": "The token expires in 6 days."}
    write_home(tmp_path, {"answers": {"steps": [notice, {"rows": [answer(1)]}, notice]}})

    outcomes = [run().exit_code, run().exit_code]

    assert outcomes == [0, 0]
    assert heard.lines.count("answers: The token expires in 6 days.") == 2
    assert scores(tmp_path) == {"r1": 9}


class Terminal(io.StringIO):
    def isatty(self) -> bool:
        return True


def test_a_terminal_sees_progress_in_place_and_every_closing_line() -> None:
    stream = Terminal()
    voice = TerminalVoice(stream)

    voice.progress("answers: asking")
    voice.line("answers: 1 new in 0.1 s")

    assert stream.getvalue() == ("\r\x1b[2Kanswers: asking\r\x1b[2Kanswers: 1 new in 0.1 s\n")


def test_a_terminal_sees_at_once_what_lasts() -> None:
    stream = Terminal()
    voice = TerminalVoice(stream)

    voice.progress("answers: asking")
    voice.progress("answers: landing")
    voice.progress("answers: waiting 35 s, rate limit", lasting=True)

    assert stream.getvalue().split("\r\x1b[2K") == [
        "",
        "answers: asking",
        "answers: waiting 35 s, rate limit",
    ]


def test_a_file_sees_only_the_closing_lines() -> None:
    stream = io.StringIO()
    voice = TerminalVoice(stream)

    voice.progress("answers: asking")
    voice.line("answers: 1 new in 0.1 s")

    assert stream.getvalue() == "answers: 1 new in 0.1 s\n"


def test_a_data_folder_that_cannot_be_used_is_an_error_in_words(
    tmp_path: Path, run: Run, heard: Heard
) -> None:
    write_home(tmp_path, {"answers": {"steps": []}})
    shutil.rmtree(tmp_path / "data")
    (tmp_path / "data").write_text("in the way")

    outcome = run()

    assert outcome.exit_code == 1
    assert str(tmp_path / "data") in heard.text


def test_a_working_database_that_is_none_is_an_error_in_words(
    tmp_path: Path, run: Run, heard: Heard
) -> None:
    write_home(tmp_path, {"answers": {"steps": []}})
    (tmp_path / "data" / "warehouse.duckdb").write_bytes(os.urandom(8192))

    outcome = run()

    assert outcome.exit_code == 1
    assert "cannot be used" in heard.text


def test_money_without_a_rate_fails_the_refresh_that_publishes_it_and_is_told(
    tmp_path: Path, run: Run, heard: Heard
) -> None:
    entry = {"entry_id": "a", "occurred_at": "2026-03-09", "amount_minor": "500", "currency": "CHF"}
    step = {"rows": [{**entry, "exponent": "2"}], "into": "payments"}
    write_home(tmp_path, {"ledger": {"steps": [step]}})

    outcome = run()

    assert outcome.exit_code == 1
    assert outcome.published is not None
    assert "payments: 1 entry on 2026-03-09 has no rate from CHF into EUR" in heard.text
