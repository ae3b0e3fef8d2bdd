"""Entries that somebody pastes: the mistakes that a check finds, or the number, and no trace."""

from __future__ import annotations

import logging
import time
from pathlib import Path

import pytest

from kpi.answers import ask
from kpi.check import check_home
from kpi.editions import Edition, latest
from kpi.questions import Question
from kpi.trial import LONGEST, finest_grain, try_entries
from tests.pages.branches import VOCABULARY, branches

GIFTS = """\
gifts:
  label: Gifts
  definition: What was given away.
  side: business
  outcome: grow
  owners: {it: Platform, business: Sales}
  value: sum(amount) from sales
    where kind = 'gift'
  unit: EUR
  good: up
"""
WRONG = (
    GIFTS.replace("outcome: grow", "outcome: growth")
    .replace("sum(amount)", "sum(amont)")
    .replace("unit:", "unti:")
)


@pytest.fixture(scope="module")
def home(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("branches")
    branches(folder)
    return folder


@pytest.fixture
def edition(home: Path) -> Edition:
    return latest(home)


def indented(text: str) -> str:
    return "".join(f"  {line}\n" for line in text.splitlines())


def told(edition: Edition, text: str) -> list[str]:
    return [str(problem) for problem in try_entries(edition, text).problems]


def test_a_good_entry_is_answered_by_the_facts_of_the_edition(edition: Edition) -> None:
    trial = try_entries(edition, GIFTS)

    assert trial.problems == trial.elsewhere == trial.notes == ()
    assert trial.edition is not None
    (cell,) = ask(trial.edition, Question(("gifts",), "total")).cells
    expected = "select sum(amount) from main.sales where kind = 'gift'"
    assert [(cell.value,)] == [(float(n),) for (n,) in edition.query(expected)]


def test_every_mistake_is_told_at_once_by_its_place_in_the_pasted_text(edition: Edition) -> None:
    assert told(edition, WRONG) == [
        "entry:5:12: there is no outcome 'growth'. Did you mean 'grow'?",
        "entry:7:14: 'sales' has no column 'amont'. Did you mean 'amount'?",
        "entry:9:3: unknown key 'unti'. Did you mean 'unit'?",
    ]


def test_the_words_are_those_of_a_check_of_the_file(home: Path, edition: Edition) -> None:
    file = home / "metrics.yaml"
    file.write_text(VOCABULARY + indented(WRONG))
    try:
        problems, _ = check_home(home)
    finally:
        file.write_text(VOCABULARY)
    wrong = [p for p in problems if p.file == "metrics.yaml"]

    assert [(p.what, p.fix) for p in wrong] == [
        (p.what, p.fix) for p in try_entries(edition, WRONG).problems
    ]


@pytest.mark.parametrize(
    "text", [f"metrics:\n{indented(GIFTS)}", indented(GIFTS), f"\ufeff{GIFTS}"]
)
def test_an_entry_may_stand_as_in_the_file(edition: Edition, text: str) -> None:
    assert try_entries(edition, text).edition is not None


def test_lines_are_counted_with_the_section_that_was_pasted(edition: Edition) -> None:
    text = f"# tried\nmetrics:\n{indented(WRONG)}"

    assert told(edition, text)[0].startswith("entry:7:14: there is no outcome")


def test_several_entries_may_rest_on_each_other(edition: Edition) -> None:
    share = GIFTS.replace("gifts:", "gift_share:").replace(
        "sum(amount) from sales\n    where kind = 'gift'", "100 * gifts / takings"
    )

    trial = try_entries(edition, share + GIFTS)

    assert [metric.name for metric in trial.metrics] == ["gift_share", "gifts"]


def test_an_entry_takes_the_place_of_the_published_one_for_the_trial_alone(
    edition: Edition,
) -> None:
    entry = edition.vocabulary.metrics["sales"].entry.replace("count(*)", "2 * count(*)")

    trial = try_entries(edition, entry)

    assert trial.edition is not None
    question = Question(("sales",), "total")
    (published,), (tried,) = (ask(each, question).cells for each in (edition, trial.edition))
    assert tried.value == 2 * published.value
    assert edition.vocabulary.metrics["sales"].text == "count(*) from sales"


def test_what_it_would_break_elsewhere_is_told_apart(edition: Edition) -> None:
    entry = edition.vocabulary.metrics["sales"].entry.replace("count(*) from sales", "per_visit")

    trial = try_entries(edition, entry)

    said = [problem.what for problem in (*trial.problems, *trial.elsewhere)]
    assert said == ["a circle of formulas: sales -> per_visit -> sales."]
    assert trial.edition is None


def test_a_text_that_no_row_has_is_noted_where_it_stands(edition: Edition) -> None:
    trial = try_entries(edition, GIFTS.replace("'gift'", "'gitf'"))

    assert [str(note) for note in trial.notes] == [
        "entry:8:18: No row has kind 'gitf'. Did you mean 'gift'?"
    ]


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("", "this is no entry."),
        ("just words", "this is no entry."),
        ("[1, 2]", "this is no entry."),
        ("metrics:", "nothing stands under 'metrics:'."),
        ("version: 1\nmetrics: {}", "'version' is not tried here."),
        (GIFTS.partition("\n")[2], "this entry has no name."),
        ("a:\n\tb: 1", "this is a tab."),
        ("a\x00b: 1", "the character U+0000 cannot stand in YAML."),
        ("a: [1", "here ',' or ']' is expected."),
    ],
)
def test_what_is_no_entry_is_told_as_such(edition: Edition, text: str, said: str) -> None:
    assert said in told(edition, text)[0]


BOMB = "a: &a [x,x,x,x,x,x,x,x,x]\n" + "".join(
    f"{name}: &{name} [{','.join([f'*{below}'] * 9)}]\n"
    for below, name in zip("abcdefg", "bcdefgh", strict=True)
)


@pytest.mark.parametrize(
    "text",
    [
        BOMB,
        "x" * 1_000_000,
        "[" * LONGEST,
        "{a: " * (LONGEST // 4),
        "- " * (LONGEST // 2),
        "!" * 300,
        "'" * (LONGEST - 1),
        "a: &a\n  b: *a\n",
        "a: 1\n" * 500,
        "<<: {label: x, value: y}\n",
        "? [a, b]\n: 1\n",
        "a: !!python/object/apply:os.system ['true']\n",
        GIFTS.replace("'gift'", f"in ({','.join(['1'] * 3000)})"),
        GIFTS.replace("kind = 'gift'", f"kind in ({','.join(['$']).replace('$', repr('x'))})"),
    ],
)
def test_a_hostile_text_is_answered_in_words_within_a_second(edition: Edition, text: str) -> None:
    try_entries(edition, GIFTS)  # what is imported once is not the text's fault
    started = time.process_time()

    trial = try_entries(edition, text)

    assert time.process_time() - started < 1
    assert trial.problems or trial.notes


@pytest.mark.parametrize(
    "value",
    [
        "count(*) from read_csv('/etc/passwd')",
        "count(*) from '/etc/passwd'",
        "count(*) from sales; drop table sales",
        "(select 1) from sales",
        "sum(amount) from sales where getenv('HOME') = ''",
        "count(*) from duckdb_settings()",
        "count(*) from information_schema.tables",
        "count(*) from kpi.edition",
        "sum(amount) over () from sales",
        "sum(amount) from sales union select 1",
        "max(pg_read_file('/etc/passwd')) from sales",
        "count(*) from sales -- and more",
        f"{'(' * 200}1{')' * 200} from sales",
    ],
)
def test_a_value_is_read_by_the_allow_list_and_never_run_as_text(
    edition: Edition, value: str
) -> None:
    entry = GIFTS.replace("sum(amount) from sales\n    where kind = 'gift'", f'"{value}"')

    trial = try_entries(edition, entry)

    assert trial.edition is None
    assert [problem.place.line for problem in trial.problems] == [7]


def test_what_was_pasted_leaves_no_trace(
    home: Path, edition: Edition, caplog: pytest.LogCaptureFixture
) -> None:
    before = {path: path.read_bytes() for path in home.rglob("*") if path.is_file()}
    with caplog.at_level(logging.DEBUG):
        try_entries(edition, GIFTS)
        try_entries(edition, WRONG)

    assert {path: path.read_bytes() for path in home.rglob("*") if path.is_file()} == before
    assert "gifts" not in edition.vocabulary.metrics
    assert "gifts" not in latest(home).vocabulary.metrics
    assert "amont" not in caplog.text


def test_a_metric_is_shown_by_the_shortest_grain_that_its_facts_allow(edition: Edition) -> None:
    assert finest_grain(edition.vocabulary, edition.vocabulary.metrics["sales"]) == "week"
