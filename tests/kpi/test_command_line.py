"""The command line: data on stdout, words on stderr, and an exit code that scripts can rely on."""

from __future__ import annotations

import csv
import io
import json
import re
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from click.testing import Result
from typer.testing import CliRunner

from kpi.__main__ import PROJECT, app

VOCABULARY = """\
version: 1
calendar: {timezone: Europe/Berlin}
dimensions:
  region: {label: Region, definition: Where the customer is billed.}
  segment: {label: Segment, definition: Who buys.}
tables:
  surveys: {row: one answer, time: answered_at, by: [region, segment]}
outcomes:
  liked: {label: Customers like us, definition: So., owners: {it: Platform, business: Care}}
metrics:
  answers:
    label: Answers
    definition: How many customers answered.
    side: business
    outcome: liked
    owners: {it: Platform, business: Care}
    value: count(*) from surveys
    good: up
  nps:
    label: Net promoter score
    definition: Promoters minus detractors.
    side: business
    outcome: liked
    owners: {it: Platform, business: Care}
    value: 100 * (count_if(score >= 9) - count_if(score <= 6)) / count(score) from surveys
    unit: points
    good: up
"""
USER_OF_NPS = """\
  doubled:
    label: Twice the net promoter score
    definition: Two of them.
    side: business
    outcome: liked
    owners: {it: Platform, business: Care}
    value: 2 * nps
    good: up
"""
SOURCES = """\
version: 1
sources:
  tool:
    connector: file
    path: answers.csv
    into: surveys
    mode: replace
    every: 1 day
"""
ANSWERS = """\
response_id,answered_at,score,region,segment
r1,2026-01-05 10:00:00,9,EMEA,home
r2,2026-01-20 10:00:00,6,EMEA,it's
r3,2026-01-31 23:30:00,10,AMER,home
r4,2026-03-03 10:00:00,,,home
r5,2026-03-04 10:00:00,10,AMER,home
r6,2026-03-05 10:00:00,9,AMER,home
r7,2026-03-06 10:00:00,8,AMER,home
"""


def write_home(folder: Path) -> Path:
    """A home folder with one source that has not been asked yet."""
    (folder / "metrics.yaml").write_text(VOCABULARY)
    (folder / "sources.yaml").write_text(SOURCES)
    (folder / "answers.csv").write_text(ANSWERS)
    return folder


def kpi(home: Path, *words: str) -> Result:
    """One command in this home folder."""
    return CliRunner().invoke(app, ["--home", str(home), *words])


@pytest.fixture(scope="module")
def home(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A home folder with an edition; tests only read it."""
    folder = write_home(tmp_path_factory.mktemp("home"))
    assert kpi(folder, "refresh").exit_code == 0
    return folder


@pytest.fixture
def fresh(tmp_path: Path) -> Path:
    """A home folder without an edition."""
    return write_home(tmp_path)


def objects(home: Path, *words: str) -> list[dict[str, Any]]:
    """The answer to a query as a program reads it."""
    result = kpi(home, "query", *words, "--format", "json")
    assert result.exit_code == 0, result.stderr
    return json.loads(result.stdout)


# --- query --------------------------------------------------------------------------------------


def test_json_is_a_list_of_objects_with_unrounded_values_and_null_where_unknown(
    home: Path,
) -> None:
    found = objects(home, "nps", "answers", "--to", "2026-04-01")

    # The third answer came after midnight in Berlin: it belongs to February.
    assert found == [
        {"metric": "nps", "period": "2026-01-01", "value": 0.0, "n": 2, "complete": False},
        {"metric": "answers", "period": "2026-01-01", "value": 2, "n": 2, "complete": False},
        {"metric": "nps", "period": "2026-02-01", "value": 100.0, "n": 1, "complete": True},
        {"metric": "answers", "period": "2026-02-01", "value": 1, "n": 1, "complete": True},
        {"metric": "nps", "period": "2026-03-01", "value": 200 / 3, "n": 3, "complete": True},
        {"metric": "answers", "period": "2026-03-01", "value": 4, "n": 4, "complete": True},
    ]


def test_an_empty_month_is_null_for_a_share_and_0_for_a_count(home: Path) -> None:
    april = objects(home, "nps", "answers", "--from", "2026-04-01", "--to", "2026-05-01")

    assert [cell["value"] for cell in april] == [None, 0]


def test_a_total_has_the_period_null(home: Path) -> None:
    (cell,) = objects(home, "answers", "--grain", "total")

    assert (cell["period"], cell["value"]) == (None, 7)


def test_a_breakdown_has_each_dimension_as_asked_and_null_for_no_key(home: Path) -> None:
    found = objects(home, "answers", "--grain", "total", "--by", "segment", "--by", "region")

    columns = ["metric", "period", "segment", "region", "value", "n", "complete"]
    assert all(list(cell) == columns for cell in found)
    assert [(cell["segment"], cell["region"], cell["value"]) for cell in found] == [
        ("home", "AMER", 4),
        ("home", "EMEA", 1),
        ("home", None, 1),
        ("it's", "EMEA", 1),
    ]


def test_filters_hold_together(home: Path) -> None:
    where = ["--where", "region = 'EMEA'", "--where", "segment in ('it''s')"]

    (cell,) = objects(home, "answers", "--grain", "total", *where)

    assert cell["value"] == 1


def test_from_is_part_of_the_range_and_to_is_not(home: Path) -> None:
    range_ = ["--from", "2026-03-03", "--to", "2026-03-05"]

    found = objects(home, "answers", "--grain", "day", *range_)

    assert [cell["period"] for cell in found] == ["2026-03-03", "2026-03-04"]


def test_a_metric_or_dimension_named_twice_is_answered_once(home: Path) -> None:
    words = ["answers", "answers", "--by", "region", "--by", "region", "--grain", "total"]

    assert len(objects(home, *words)) == 3


def test_csv_has_a_header_and_nothing_where_unknown(home: Path) -> None:
    words = ["nps", "--by", "region", "--from", "2026-03-01", "--to", "2026-04-01"]

    result = kpi(home, "query", *words, "--format", "csv")

    assert list(csv.reader(io.StringIO(result.stdout))) == [
        ["metric", "period", "region", "value", "n", "complete"],
        ["nps", "2026-03-01", "AMER", str(200 / 3), "3", "true"],
        ["nps", "2026-03-01", "", "", "0", "true"],
    ]


def test_a_table_is_for_people(home: Path) -> None:
    result = kpi(home, "query", "nps", "answers", "--from", "2026-03-01", "--to", "2026-05-01")

    assert result.stdout.splitlines() == [
        "metric   period        value  n  complete",
        "nps      2026-03-01  66.6667  3  yes",
        "answers  2026-03-01        4  4  yes",
        "nps      2026-04-01        —  0  yes",
        "answers  2026-04-01        0  0  yes",
    ]


@pytest.mark.parametrize("form", ["json", "csv", "table"])
def test_an_answer_is_alone_on_stdout(home: Path, form: str) -> None:
    result = kpi(home, "query", "answers", "--format", form)

    assert result.exit_code == 0
    assert result.stdout
    assert result.stderr == ""


def test_a_deprecated_metric_is_answered_and_named_on_stderr(home: Path, tmp_path: Path) -> None:
    folder = shutil.copytree(home, tmp_path / "deprecated")
    text = VOCABULARY.replace("    unit: points\n", "    deprecated: answers\n")
    (folder / "metrics.yaml").write_text(text + USER_OF_NPS)
    assert kpi(folder, "refresh", "--no-pull").exit_code == 0

    answered, checked = kpi(folder, "query", "nps", "answers"), kpi(folder, "check")

    assert answered.exit_code == checked.exit_code == 0
    assert answered.stderr == "'nps' is deprecated. Use 'answers' instead.\n"
    assert (
        "'nps' is deprecated, but doubled still uses it. Use 'answers' instead." in checked.stderr
    )


def test_explain_says_which_way_a_number_is_computed(home: Path) -> None:
    result = kpi(home, "query", "answers", "--explain", "--format", "csv")

    assert result.exit_code == 0
    assert result.stdout.splitlines() == [
        "metric,of,table,way",
        "answers,answers,surveys,added up from parts that are kept by day",
    ]


def test_sql_prints_the_statement_instead(home: Path) -> None:
    result = kpi(home, "query", "answers", "--where", "region = 'EMEA'", "--sql")

    assert result.exit_code == 0
    assert result.stdout.startswith("WITH periods AS (")
    assert 'FROM main."surveys"' in result.stdout
    assert "EMEA" not in result.stdout.partition("WITH")[2]


@pytest.mark.parametrize(
    ("words", "expected"),
    [
        (["answer"], "There is no metric 'answer'. Did you mean 'answers'?"),
        (["answers", "--grain", "weak"], "There is no grain 'weak'. Did you mean 'week'?"),
        (["answers", "--by", "regoin"], "There is no dimension 'regoin'. Did you mean 'region'?"),
        (["answers", "--where", "regoin = 'x'"], "There is no dimension 'regoin'. Did you mean"),
        (["answers", "--where", "region"], "a filter must be a condition."),
        (["answers", "--where", "region = 'x"], "a quote is not closed. Close it."),
        (["answers", "--where", "region = (select 1)"], "a subquery cannot stand"),
        (["answers", "--from", "2026-03-01", "--to", "2026-02-01"], "before it has begun"),
        (["answers", "--from", "1950-01-01"], "The calendar reaches from 1970-01-01"),
        (["answers", "--from", "soon"], "soon"),
        (["answers", "--format", "xml"], "xml"),
        (["answers", "--gain", "day"], "--grain"),
        ([], "METRIC"),
    ],
)
def test_a_wrong_question_is_answered_with_words_and_exit_code_2(
    home: Path, words: list[str], expected: str
) -> None:
    result = kpi(home, "query", *words)

    assert result.exit_code == 2
    assert expected in result.stderr
    assert result.stdout == ""


def test_everything_wrong_with_a_question_is_told_at_once(home: Path) -> None:
    result = kpi(home, "query", "answer", "nsp", "--by", "regoin")

    assert len(result.stderr.splitlines()) == 3


@pytest.mark.parametrize(
    "words", [["query", "answers"], ["sources"], ["scorecard", "--out", "a.pdf"]]
)
def test_without_an_edition_the_exit_code_is_1_and_the_way_is_told(
    fresh: Path, words: list[str]
) -> None:
    result = kpi(fresh, *words)

    assert result.exit_code == 1
    assert "Run `python -m kpi refresh`." in result.stderr
    assert result.stdout == ""


# --- refresh, sources ---------------------------------------------------------------------------


def test_a_refresh_tells_what_it_does_on_stderr(fresh: Path) -> None:
    result = kpi(fresh, "refresh")

    assert result.exit_code == 0
    assert "tool" in result.stderr
    assert "Published edition 1" in result.stderr
    assert result.stdout == ""


def test_a_refresh_of_an_unknown_source_is_wrong_use(fresh: Path) -> None:
    result = kpi(fresh, "refresh", "tol")

    assert result.exit_code == 2
    assert "There is no source 'tol' in sources.yaml. Did you mean 'tool'?" in result.stderr


def test_a_refresh_that_cannot_reach_a_source_exits_with_1_and_still_publishes(
    fresh: Path,
) -> None:
    (fresh / "answers.csv").unlink()

    result = kpi(fresh, "refresh")

    assert result.exit_code == 1
    assert "answers.csv" in result.stderr
    assert "Published edition 1" in result.stderr


def test_a_refresh_with_a_mistake_in_a_file_exits_with_2(fresh: Path) -> None:
    (fresh / "metrics.yaml").write_text(VOCABULARY.replace("good: up", "god: up"))

    result = kpi(fresh, "refresh")

    assert result.exit_code == 2
    assert "unknown key 'god'. Did you mean 'good'?" in result.stderr
    assert not (fresh / "data" / "editions").exists()


def test_sources_tells_what_each_one_brought(home: Path) -> None:
    header, line = kpi(home, "sources").stdout.splitlines()

    assert header.split()[:5] == ["source", "system", "freshness", "age", "rows"]
    assert line.startswith("tool ")
    assert " 7 " in line


# --- check --------------------------------------------------------------------------------------


def test_a_check_that_finds_nothing_exits_with_0(home: Path) -> None:
    result = kpi(home, "check")

    assert result.exit_code == 0
    assert result.stderr == "Checked 2 metrics, 1 outcome, 1 source.\n"


def test_a_check_tells_every_mistake_with_its_place_and_exits_with_2(fresh: Path) -> None:
    wrong = VOCABULARY.replace("count(*) from surveys", "summ(score) from surveys")
    (fresh / "metrics.yaml").write_text(wrong.replace("side: business", "side: sales", 1))

    result = kpi(fresh, "check")

    assert result.exit_code == 2
    assert result.stderr.splitlines()[-3:] == [
        "metrics.yaml:14:11: 'side' must be 'it', 'business' or 'joint', not 'sales'.",
        "metrics.yaml:17:12: there is no function 'summ'. Did you mean 'sum'?",
        "2 mistakes.",
    ]


def test_a_check_holds_the_file_against_the_facts(home: Path, tmp_path: Path) -> None:
    copy = tmp_path / "copy"
    copy.mkdir()
    (copy / "data").symlink_to(home / "data")
    (copy / "sources.yaml").write_text(SOURCES)
    (copy / "metrics.yaml").write_text(VOCABULARY.replace("score >= 9", "scoer >= 9"))

    result = kpi(copy, "check")

    assert result.exit_code == 2
    assert "metrics.yaml:25:28: 'surveys' has no column 'scoer'." in result.stderr


# --- the command itself -------------------------------------------------------------------------


def test_a_home_folder_that_is_not_there_is_wrong_use(tmp_path: Path) -> None:
    result = kpi(tmp_path / "nowhere", "check")

    assert result.exit_code == 2
    assert "nowhere" in re.sub(r"[\s│]", "", result.stderr)


def test_an_unknown_command_is_wrong_use(home: Path) -> None:
    result = kpi(home, "qery")

    assert result.exit_code == 2
    assert "query" in result.stderr


def test_the_home_folder_can_be_named_by_the_environment(home: Path) -> None:
    words = ["query", "answers", "--grain", "total"]

    done = CliRunner().invoke(app, words, env={"KPI_HOME": str(home)})

    assert (done.exit_code, done.stderr) == (0, "")
    assert done.stdout.splitlines()[1].split()[:3] == ["answers", "—", "7"]


# --- what there is to ask for -------------------------------------------------------------------


def test_metrics_are_listed_with_what_they_can_be_broken_down_by(home: Path) -> None:
    result = kpi(home, "metrics", "promoter", "--format", "json")

    assert [(row["metric"], row["by"]) for row in json.loads(result.stdout)] == [
        ("nps", "region, segment")
    ]


def test_the_columns_of_a_fact_table_are_listed_with_their_types(home: Path) -> None:
    result = kpi(home, "tables", "surveys", "--format", "json")

    found = {row["column"]: row["type"] for row in json.loads(result.stdout)}
    assert found["score"] == "SMALLINT"
    assert not any(column.startswith("_") for column in found)


def test_a_table_that_is_not_there_is_refused_with_the_nearest_one(home: Path) -> None:
    result = kpi(home, "tables", "survey")

    assert result.exit_code == 2
    assert "There is no fact table 'survey'. Did you mean 'surveys'?" in result.stderr


def test_a_range_may_begin_with_any_period_as_people_write_it(home: Path) -> None:
    month, day = (
        objects(home, "answers", "--from", start, "--to", "2026-Q2")
        for start in ("2026-03", "2026-03-01")
    )

    assert month == day
    assert [row["period"] for row in month] == ["2026-03-01"]


def test_a_day_that_is_none_is_refused_with_how_it_is_written(home: Path) -> None:
    result = kpi(home, "query", "nps", "--from", "01.09.2026")

    assert result.exit_code == 2
    assert "'01.09.2026' is no day. Write 2026-09-01" in " ".join(result.stderr.split())


def test_a_metric_that_is_only_in_the_file_is_told_to_be_unpublished(fresh: Path) -> None:
    assert kpi(fresh, "refresh").exit_code == 0
    (fresh / "metrics.yaml").write_text(VOCABULARY + USER_OF_NPS)

    result = kpi(fresh, "query", "doubled")

    assert result.exit_code == 2
    assert "'doubled' stands in metrics.yaml and is not published yet" in result.stderr


def test_what_a_reader_should_know_goes_to_stderr_and_not_into_the_answer(home: Path) -> None:
    result = kpi(home, "query", "nps", "--where", "region = 'EMAE'", "--format", "json")

    assert all(row["value"] is None for row in json.loads(result.stdout))
    assert "No row has region 'EMAE'. Did you mean 'EMEA'?" in result.stderr


def test_a_python_without_the_packages_says_which_one_has_them(home: Path) -> None:
    plain = subprocess.run(
        [sys.executable, "-I", "-S", str(PROJECT / "kpi" / "__main__.py")],
        capture_output=True,
        text=True,
    )

    assert plain.returncode == 1
    assert "Use .venv/bin/python -m kpi" in plain.stderr
    assert "Traceback" not in plain.stderr


# --- scorecard ----------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("ending", "begins"), [("pdf", b"%PDF"), ("xlsx", b"PK"), ("csv", b"outc")]
)
def test_the_scorecard_is_written_as_the_file_is_called(
    home: Path, tmp_path: Path, ending: str, begins: bytes
) -> None:
    file = tmp_path / f"scorecard.{ending}"

    result = kpi(home, "scorecard", "--out", str(file), "--grain", "month")

    assert (result.exit_code, result.stdout) == (0, "")
    assert file.read_bytes().startswith(begins)
    assert str(file) in result.stderr


@pytest.mark.parametrize("words", [["--out", "a.docx"], ["--out", "a.pdf", "--grain", "total"]])
def test_a_file_or_a_grain_that_is_not_there_is_wrong_use(home: Path, words: list[str]) -> None:
    result = kpi(home, "scorecard", *words)

    assert result.exit_code == 2
    assert ".pdf, .xlsx or .csv" in result.stderr


def test_a_scorecard_that_cannot_be_written_is_told(home: Path, tmp_path: Path) -> None:
    result = kpi(home, "scorecard", "--out", str(tmp_path / "none" / "a.csv"))

    assert result.exit_code == 1
    assert "cannot be written" in result.stderr
