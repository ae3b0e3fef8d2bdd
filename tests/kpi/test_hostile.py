"""Whatever is written as a value, a filter, a name or a fact: refused clearly, or plain data."""

from __future__ import annotations

import datetime as dt
from collections.abc import Callable, Iterable, Mapping
from pathlib import Path
from typing import Any

import pytest

from kpi.allowlist import ExpressionRefused
from kpi.answers import ask
from kpi.editions import DatabaseError, Edition, open_edition
from kpi.expression import parse_condition, parse_value
from kpi.questions import Question, QuestionRefused
from kpi.vocabulary_file import load_vocabulary
from kpi.yaml_text import Refused, read_yaml
from tests.kpi.asking import answer, by_period, edition, values
from tests.kpi.homes import answer as survey
from tests.kpi.memory import vocabulary_text
from tests.kpi.survey_editions import bring, publish

DEEP = 10_000
MEGABYTE = 1_000_000

# What stands where a value is expected; nothing of it may reach the database.
VALUES = {
    "a reader of files": "count(*) from read_csv('/etc/passwd')",
    "a reader of texts": "count(*) from read_text('/etc/*')",
    "a file for a table": "count(*) from '/etc/passwd'",
    "an address for a table": "count(*) from 'https://example.org/x.parquet'",
    "a list of files": "count(*) from glob('/*')",
    "a reader among the rows": "sum(length(read_text('/etc/passwd'))) from events",
    "an environment variable": "max(getenv('HOME')) from events",
    "a setting": "max(current_setting('access_mode')) from events",
    "a table of the system": "count(*) from duckdb_settings()",
    "a table of another schema": "count(*) from kpi.edition",
    "a table of the information schema": "count(*) from information_schema.tables",
    "a subquery for a table": "count(*) from (select 1)",
    "a subquery for a number": "sum((select max(x) from events)) from events",
    "a subquery in a condition": "count(*) from events where x in (select 1)",
    "whether something exists": "count(*) from events where exists (select 1)",
    "a union": "count(*) from events union select 1",
    "a join": "count(*) from events join events as other on true",
    "a second table": "count(*) from events, kpi.edition",
    "a lateral table": "count(*) from events, lateral (select 1)",
    "a common table": "with x as (select 1) select count(*) from x",
    "a grouping": "count(*) from events group by region",
    "a limit": "count(*) from events limit 1",
    "an order": "count(*) from events order by 1",
    "having": "count(*) from events having count(*) > 1",
    "a window": "sum(x) over () from events",
    "a sample of the table": "count(*) from events tablesample 10%",
    "a pivot": "count(*) from events pivot (sum(x) for region in ('a'))",
    "every column": "sum(columns('.*')) from events",
    "a star": "* from events",
    "several values": "count(*), count(*) from events",
    "a name for the value": "count(*) as n from events",
    "copying": "copy events to '/tmp/stolen.csv'",
    "attaching": "attach '/tmp/other.duckdb'",
    "installing": "install httpfs",
    "loading": "load httpfs",
    "a pragma": "pragma database_list",
    "setting": "set memory_limit = '64GB'",
    "calling": "call pragma_version()",
    "dropping": "drop table events",
    "deleting": "delete from events",
    "creating": "create table t as select 1",
    "a stacked statement": "count(*) from events; drop table events",
    "a stacked copy": "count(*) from events; copy events to '/tmp/stolen.csv'",
    "a lone semicolon": ";",
    "a comment that hides the rest": "count(*) from events -- where x > 1",
    "a comment within": "count(/* hidden */ *) from events",
    "an open comment": "count(*) from events /*",
    "an open quote": "count(*) from events where region = 'EMEA",
    "an open name": 'sum("x) from events',
    "an open bracket": "sum(x from events",
    "a parameter": "count(*) from events where x = $low0",
    "a question mark": "count(*) from events where x = ?",
    "a lambda": "sum(list_sum(list_transform([x], y -> y))) from events",
    "a subscript": "sum(region[1]) from events",
    "a cast": "sum(x::blob) from events",
    "a regular expression": "count(*) from events where region ~ '(a+)+$'",
    "a remainder": "sum(x % 0) from events",
    "a power": "sum(x ^ 99999) from events",
    "a repeated text": "max(repeat('x', 999999999)) from events",
    "a list without end": "sum(range(999999999999)) from events",
    "a template": "{{ config }} from events",
    "a zero byte": "count(*) from events where region = 'a\0'",
    "a bell": "count(*) from events where region = '\a'",
    "the mark of a slot": 'sum(x) + "\1a0\1" from events',
    "half a character": "count(*) from events where region = '\ud800'",
    "wide brackets": "sum（x）from events",
    "a turned direction": "sum(x) \u202efrom events",
    "brackets 10,000 deep": "sum(" + "(" * DEEP + "x" + ")" * DEEP + ") from events",
    "brackets just too deep": "sum(" + "(" * 101 + "x" + ")" * 101 + ") from events",
    "lists 5,000 deep": "sum(" + "[" * 5000 + "x" + "]" * 5000 + ") from events",
    "3,000 subscripts": "sum(x" + "[1]" * 3000 + ") from events",
    "5,000 dots": "sum(" + ".".join(["x"] * 5000) + ") from events",
    "4,000 times not": "count(*) from events where " + "not " * 4000 + "ok",
    "9,000 times minus": "sum(" + "- " * 9000 + "x) from events",
    "a megabyte of conditions": "count(*) from events where " + "ok or " * (MEGABYTE // 6) + "ok",
    "a megabyte of one name": "sum(" + "x" * MEGABYTE + ") from events",
    "a thousand aggregates": "+".join(["sum(x)"] * 1000) + " from events",
    "a formula of a thousand metrics": "+".join(["m"] * 1000),
    "looking back for ever": "ago(m, '99999999999999999999 years')",
    "looking back by 5,000 digits": "ago(m, '" + "9" * 5000 + " days')",
    "looking back by a formula": "ago(m, 1 + 1)",
    "nothing": " ",
}

# One of each kind of value; the others are asked when there is time.
QUICK_VALUES = {
    "a reader of files",
    "an address for a table",
    "a setting",
    "a table of another schema",
    "a subquery for a number",
    "a union",
    "a join",
    "a window",
    "copying",
    "attaching",
    "a stacked statement",
    "a comment that hides the rest",
    "an open quote",
    "a parameter",
    "a cast",
    "a repeated text",
    "a zero byte",
    "brackets 10,000 deep",
    "a formula of a thousand metrics",
    "nothing",
}

# What stands where a question's filter is expected.
FILTERS = {
    "another column": "x > 1",
    "a column of the system": "rowid > 1",
    "a second statement": "region = 'a'; drop table events",
    "a comment": "region = 'a' -- and team = 'b'",
    "a comment for an or": "region = 'a' /* */ or true",
    "an escape from the quotes": "region = ''' or true --'; drop table events",
    "a limit": "region = 'a' limit 1",
    "a union": "region = 'a' union select 1",
    "a subquery": "region = (select max(region) from events)",
    "any of a subquery": "region = any (select 1)",
    "a reader of files": "region in (select column0 from read_csv('/etc/passwd'))",
    "a function that reads": "region = read_text('/etc/passwd')",
    "an environment variable": "region = getenv('HOME')",
    "the user": "region = current_user",
    "an aggregate": "count(*) > 1",
    "a metric": "m > 1",
    "a look back": "ago(m, '1 year') > 1",
    "no condition": "region",
    "an assignment": "region := 'a'",
    "a parameter": "region = $w0_0",
    "half a character": "region = '\ud800'",
    "a zero byte": "region = '\0'",
    "brackets 10,000 deep": "(" * DEEP + "region = 'a'" + ")" * DEEP,
    "900 times not": "not " * 900 + "region = 'a'",
    "a megabyte": "region = '" + "x" * MEGABYTE + "'",
    "a number for a word": "region = 1",
    "a time for a word": "region = timestamp 'never'",
    "nothing": "",
}

QUICK_FILTERS = {
    "another column",
    "a second statement",
    "a comment for an or",
    "an escape from the quotes",
    "a subquery",
    "a function that reads",
    "an aggregate",
    "a parameter",
    "brackets 10,000 deep",
    "nothing",
}

# What rows may hold: all of it is data.
WORDS = (
    "'; drop table events; --",
    "' or '1'='1",
    "\"; attach '/tmp/x'; --",
    "$w0_0",
    "$low0",
    "?",
    "{{ x }}",
    "%",
    "_",
    "\\",
    "''",
    '""',
    "*",
    "NULL",
    "null",
    "",
    " ",
    "-- a",
    "/* a */",
    "a\nb",
    "a\tb",
    "\u202eabc",
    "a\u200bb",
    "Ａ",
    "é",
    "e\u0301",
    "🦆",
    "<script>alert(1)</script>",
    "=cmd|'/C calc'!A1",
    "x" * 10_000,
)

QUICK_WORDS = {"'; drop table events; --", "' or '1'='1", "$w0_0", "\\", "''", "", "a\nb", "🦆"}

# What an edition's connection must not do, asked past every check.
STATEMENTS = (
    "select * from read_csv('/etc/passwd')",
    "select * from read_csv_auto('/etc/passwd')",
    "select * from read_text('/etc/passwd')",
    "select * from read_blob('/etc/passwd')",
    "select * from read_parquet('/tmp/x.parquet')",
    "select * from read_json('/etc/passwd')",
    "select * from glob('/*')",
    "select * from '/etc/passwd.csv'",
    "select * from 'https://example.org/x.csv'",
    "select * from read_csv('https://example.org/x.csv')",
    "select * from read_parquet('s3://bucket/x')",
    "select getenv('HOME')",
    "copy surveys to '/tmp/stolen.csv'",
    "copy surveys from '/etc/passwd'",
    "copy (select 1) to '/tmp/stolen.parquet' (format parquet)",
    "export database '/tmp/stolen'",
    "import database '/tmp/stolen'",
    "attach '/tmp/other.duckdb'",
    "attach ':memory:' as other",
    "install httpfs",
    "force install httpfs",
    "load httpfs",
    "load '/tmp/evil.duckdb_extension'",
    "set memory_limit = '64GB'",
    "set threads = 64",
    "set lock_configuration = false",
    "set enable_external_access = true",
    "set allowed_directories = ['/']",
    "set global TimeZone = 'Asia/Tokyo'",
    "set temp_directory = '/tmp'",
    "reset memory_limit",
    "pragma memory_limit = '64GB'",
    "pragma enable_profiling",
    "create table t as select 1",
    "create or replace view surveys as select 1",
    "insert into facts.surveys select * from facts.surveys",
    "update kpi.edition set number = 7",
    "delete from facts.surveys",
    "drop view surveys",
    "alter table facts.surveys add column x integer",
    "create secret (type s3)",
)


QUICK_STATEMENTS = {
    "select * from read_csv('/etc/passwd')",
    "select * from read_csv('https://example.org/x.csv')",
    "select getenv('HOME')",
    "copy surveys to '/tmp/stolen.csv'",
    "attach '/tmp/other.duckdb'",
    "install httpfs",
    "set lock_configuration = false",
    "create or replace view surveys as select 1",
    "delete from facts.surveys",
    "drop view surveys",
}


def cases(every: Mapping[str, Any] | Iterable[str], quick: set[str]) -> Any:
    """A parameter for each of these cases; those that are not quick ones are slow."""
    named = every if isinstance(every, Mapping) else {text: text for text in every}
    assert quick <= named.keys()
    values = (each if isinstance(each, tuple) else (each,) for each in named.values())
    return [
        pytest.param(*value, id=ascii(name)[:60], marks=() if name in quick else pytest.mark.slow)
        for name, value in zip(named, values, strict=True)
    ]


def told(problem: Exception) -> str:
    """What a person is told, which is never a traceback and never a whole megabyte."""
    text = str(problem)
    assert text.strip()
    return text


@pytest.mark.parametrize("text", cases(VALUES, QUICK_VALUES))
def test_a_hostile_value_is_refused_when_it_is_read(text: str) -> None:
    with pytest.raises(ExpressionRefused) as refused:
        parse_value(text)

    assert len(told(refused.value)) < 25_000


@pytest.mark.parametrize("text", cases(VALUES, QUICK_VALUES))
def test_a_vocabulary_with_a_hostile_value_is_refused_with_its_place(text: str) -> None:
    whole = vocabulary_text({"m": text}, tables={"events": {"time": "at_utc"}})

    with pytest.raises(Refused) as refused:
        load_vocabulary(whole)

    assert "metrics.yaml:" in told(refused.value)


@pytest.mark.parametrize("text", cases(FILTERS, QUICK_FILTERS))
def test_a_hostile_filter_is_refused(text: str) -> None:
    memory = edition("count(*)", ("2026-01-01", "EMEA"))

    with pytest.raises(QuestionRefused) as refused:
        answer(memory, where=(text,))

    assert told(refused.value)
    assert by_period(answer(memory)) == {"2026-01-01": 1}


@pytest.mark.parametrize(
    ("given", "found"),
    [
        ("region = region", 3),
        ("1 = 1", 3),
        ("region = '''' or region <> ''", 3),
        ("region = 'a'' or ''1''=''1'", 0),
        ("region like '%_%' and not region like 'E%'", 2),
        ("region in (" + ",".join(["'EMEA'"] * 2000) + ")", 1),
        ("(" * 30 + "region = 'EMEA'" + ")" * 30, 1),
    ],
)
def test_a_filter_that_only_looks_hostile_means_what_it_says(given: str, found: int) -> None:
    rows = [("2026-01-01", region) for region in ("EMEA", "APAC", "AMER")]

    assert values(answer(edition("count(*)", *rows), "total", where=(given,))) in ([found], [None])


@pytest.mark.parametrize("word", cases(WORDS, QUICK_WORDS))
def test_a_hostile_word_in_the_facts_is_a_word_like_others(word: str) -> None:
    memory = edition("count(*)", ("2026-01-01", word), ("2026-01-01", "EMEA"), ("2026-01-02", word))
    literal = "'" + word.replace("'", "''") + "'"

    broken_down = {c.keys: c.value for c in answer(memory, by=("region",)).cells}
    assert broken_down == {(word,): 2, ("EMEA",): 1}
    assert values(answer(memory, where=(f"region = {literal}",))) == [2]
    assert values(answer(memory, where=(f"region in ('no', {literal})",))) == [2]
    assert values(answer(memory, where=(f"region <> {literal}",))) == [1]


# The tests write JSON, which escapes what is beyond U+FFFF in two halves.
@pytest.mark.parametrize(
    "word",
    cases(
        [word for word in WORDS[:-1] if max(word, default="") < "\U00010000"],
        QUICK_WORDS - {"🦆"},
    ),
)
def test_a_hostile_word_in_a_value_is_compared_as_it_stands(word: str) -> None:
    literal = "'" + word.replace("'", "''") + "'"
    text = f"count(*) from events where region = {literal}"
    memory = edition({"m": text}, ("2026-01-01", word), ("2026-01-01", "EMEA"))

    assert values(answer(memory)) == [1]


@pytest.mark.parametrize(
    "text",
    [
        'sum("x""; drop table events; --") from events',
        'sum("sum(x)") from events',
        "sum(x\u200b) from events",
    ],
)
def test_a_hostile_name_of_a_column_is_only_an_unknown_column(text: str) -> None:
    memory = edition({"m": text}, ("2026-01-01", "EMEA", None, 5))

    with pytest.raises(QuestionRefused, match=r"not found|does not have"):
        answer(memory)


@pytest.mark.parametrize(
    "word",
    ["region; drop table events", 'region" --', "region.x", "*", "1", "", "REGION", "ｒegion"],
)
def test_a_hostile_name_in_a_question_is_refused_whichever_place_it_has(word: str) -> None:
    memory = edition("count(*)", ("2026-01-01", "EMEA"))
    questions = [
        Question(("m",), by=(word,)),
        Question((word,)),
        Question(("m",), grain=word),
    ]

    for question in questions:
        with pytest.raises(QuestionRefused, match="There is no"):
            ask(memory, question)


@pytest.mark.parametrize(
    "name", ["m; drop", 'm"', "m'", "M", "m-n", "m n", "", "é", "m\u200b", "1m", "x" * 10 + "."]
)
@pytest.mark.parametrize("section", ["metrics", "dimensions", "tables", "outcomes"])
def test_a_hostile_name_in_the_vocabulary_is_refused(section: str, name: str) -> None:
    whole = vocabulary_text(
        {"m": "count(*) from events"}, tables={"events": {"time": "t"}}, dimensions=("word",)
    )
    known = {"metrics": "m", "dimensions": "word", "tables": "events", "outcomes": "reliable"}
    written = '"' + name.replace('"', '\\"') + '"'

    with pytest.raises(Refused, match=r"is not a name|' is missing"):
        load_vocabulary(whole.replace(f'"{known[section]}": {{', f"{written}: {{", 1))


@pytest.mark.parametrize(
    "key",
    [
        {"window": "99999999999 days"},
        {"window": "9" * 5000 + " days"},
        {"window": "-1 days"},
        {"window": "1 day; drop table events"},
        {"to_date": "century"},
        {"as_of": {"from": "at_utc", "till": "x"}},
        {"latest": {"per": 1}},
        {"empty": float("1e999")},
        {"margin": "error"},
        {"min_sample": -1},
        {"test": {"period": "2026-99", "equals": 1}},
        {"changed": {"yesterday": "x"}},
        {"deprecated": "nothing"},
        {"time": ""},
    ],
    ids=str,
)
def test_a_hostile_key_of_an_entry_is_refused(key: dict[str, object]) -> None:
    tables = {"events": {"time": "at_utc"}}
    whole = vocabulary_text({"m": {"value": "count(*) from events", **key}}, tables=tables)

    with pytest.raises(Refused) as refused:
        load_vocabulary(whole)

    assert told(refused.value).startswith("metrics.yaml:")


@pytest.mark.parametrize("span", ["99999 years", "99999 days", "99999 weeks", "9999 quarters"])
def test_reaching_back_beyond_all_time_finds_what_there_is(span: str) -> None:
    metrics = {
        "m": {"value": "count(*) from events", "window": span},
        "now": "count(*) from events",
        "then": f"ago(ago_once, '{span}')",
        "ago_once": f"ago(now, '{span}')",
    }
    memory = edition(metrics, ("2026-01-01",), ("2026-01-31",))

    assert values(answer(memory, "total", "2026-01-01", "2026-02-01", metrics=("m",))) == [2]
    assert values(answer(memory, "total", "2026-01-01", "2026-02-01", metrics=("then",))) == [None]


@pytest.mark.parametrize(
    ("column", "key"),
    [('at_utc"; drop table events; --', "time"), ("at_utc' or true --", "time")],
)
def test_a_hostile_column_in_an_entry_is_only_an_unknown_column(column: str, key: str) -> None:
    memory = edition({"m": {"value": "count(*) from events", key: column}}, ("2026-01-01",))

    with pytest.raises(QuestionRefused):
        answer(memory, "total", "2026-01-01", "2027-01-01")


# --- YAML -----------------------------------------------------------------------------------------

LAUGHS = "a: &a [x, x, x, x, x, x, x, x, x, x]\n" + "".join(
    f"{this}: &{this} [{', '.join([f'*{last}'] * 10)}]\n"
    for last, this in zip("abcdefgh", "bcdefghi", strict=True)
)
YAML = {
    "an anchor in itself": ("a: &a [*a]", "stands inside what it stands for", (1, 4)),
    "an anchor in its own key's mapping": ("a: &a {b: *a}", "stands inside", (1, 8)),
    "a merge of itself": ("a: &a {<<: *a}", "stands inside", (1, 8)),
    "a billion laughs": (LAUGHS, "stand for more than 10,000 values", None),
    "an alias of nothing": ("a: *b", "repeats what is marked '&b'", (1, 4)),
    "lists 10,000 deep": ("[" * DEEP, "more than 50 deep", (1, 51)),
    "closed lists 2,000 deep": ("[" * 2000 + "]" * 2000, "more than 50 deep", (1, 51)),
    "mappings 900 deep": ("\n".join(" " * i + "a:" for i in range(900)), "more than 50", (50, 50)),
    "keys 3,000 deep": ("? " * 3000, "more than 50 deep", None),
    "more than a megabyte": ("a: " + "x" * MEGABYTE, "longer than 1,000,000", (1, 1)),
    "an object": ("a: !!python/object/apply:os.system ['ls']", "is no kind of value", None),
    "a tag of its own": ("a: !evil x", "is no kind of value", (1, 4)),
    "a broken binary": ("a: !!binary '~'", "no kind of value", (1, 4)),
    "a day that is none": ("a: 2026-13-45", "cannot be read", (1, 4)),
    "a number of 6,000 digits": ("a: " + "9" * 6000, "cannot be read", (1, 4)),
    "a zero byte": ("a: \0", r"U\+0000", (1, 4)),
    "half a character": ("a: \ud800", r"U\+D800", (1, 4)),
    "a second document": ("a: 1\n---\nb: 2", "another document", (2, 1)),
    "a key twice": ("a: 1\na: 2", "a second time", (2, 1)),
    "a list for a key": ("[a, b]: c", "cannot be a key", (1, 1)),
    "a tab": ("a:\n\tb: 1", "this is a tab", (2, 1)),
    "another YAML": ("%YAML 3.0\n---\na: 1", "this is not YAML", None),
}


QUICK_YAML = {
    "an anchor in itself",
    "a billion laughs",
    "lists 10,000 deep",
    "an object",
    "a tag of its own",
    "a number of 6,000 digits",
    "a zero byte",
    "a key twice",
    "a tab",
}


@pytest.mark.parametrize(("text", "what", "place"), cases(YAML, QUICK_YAML))
def test_hostile_yaml_is_a_problem_with_its_place(
    text: str, what: str, place: tuple[int, int] | None
) -> None:
    document = read_yaml(text, "metrics.yaml")

    with pytest.raises(Refused, match=what):
        raise Refused(document.problems)
    if place is not None:
        assert (document.problems[0].place.line, document.problems[0].place.column) == place


def test_aliases_in_moderation_are_fine() -> None:
    text = "a: &a {x: 1, y: 2}\n" + "".join(f"b{i}: *a\n" for i in range(1000))

    document = read_yaml(text, "metrics.yaml")

    assert document.problems == []
    assert document.value["b999"] == {"x": 1, "y": 2}


# --- the connection of a real edition -------------------------------------------------------------


@pytest.fixture(scope="module")
def published(tmp_path_factory: pytest.TempPathFactory) -> Edition:
    home: Path = tmp_path_factory.mktemp("home")
    bring(home, [survey(1), survey(2)])
    publish(home)
    return open_edition(home)


@pytest.mark.parametrize("statement", cases(STATEMENTS, QUICK_STATEMENTS))
def test_the_connection_of_an_edition_reaches_nothing_and_changes_nothing(
    published: Edition, statement: str
) -> None:
    settings = "select name, value from duckdb_settings() order by name"
    before = published.query(settings)

    with pytest.raises((QuestionRefused, DatabaseError)):
        published.query(statement)

    assert published.query(settings) == before
    assert published.query("select count(*) from surveys") == [(2,)]


def test_a_hostile_filter_on_a_real_edition_is_data(published: Edition) -> None:
    hostile = Question(
        ("answers",),
        "total",
        where=("region = '''; drop view surveys; --'",),
        start=dt.date(2026, 1, 1),
        end=dt.date(2027, 1, 1),
    )

    assert [cell.n for cell in ask(published, hostile).cells] == [0]


@pytest.mark.parametrize("read", [parse_value, parse_condition])
def test_a_refusal_is_about_the_expression_and_not_about_the_program(
    read: Callable[[str], object],
) -> None:
    with pytest.raises(ExpressionRefused) as refused:
        read("'")

    assert "Traceback" not in str(refused.value)
    assert "sqlglot" not in str(refused.value).lower()
