"""A home folder is checked as a whole: both files, and the vocabulary against the facts."""

from __future__ import annotations

import shutil
from pathlib import Path

import duckdb
import pytest

from kpi.check import check_home, vocabulary_text
from kpi.fitting import against_facts
from kpi.history import computed_before
from kpi.imprint import mismatches
from kpi.vocabulary_file import load_vocabulary
from kpi.warehouse import Warehouse
from kpi.yaml_text import Refused
from tests.kpi.homes import NOON, VOCABULARY, answer, write_home
from tests.kpi.memory import Memory, Rows
from tests.published import Home

GOOD = """\
version: 1
calendar: {timezone: Europe/Berlin}
dimensions:
  region: {label: Region, definition: Where.}
  team: {label: Team, definition: Who.}
tables:
  incidents: {row: one incident, time: opened_at, by: [region, team]}
  orders: {row: one order, time: ordered_on, by: [region]}
outcomes:
  reliable: {label: Reliable, definition: It works., owners: {it: Platform, business: Sales}}
metrics:
  restored:
    label: Restored
    definition: How long it took.
    side: it
    outcome: reliable
    owners: {it: Platform, business: Sales}
    value: median(hours_between(opened_at, resolved_at)) from incidents where severity = 'sev1'
    time: resolved_at
    good: down
  sold:
    label: Sold
    definition: How much.
    side: business
    outcome: reliable
    owners: {it: Platform, business: Sales}
    value: sum(amount) from orders
    good: up
  each:
    label: Each
    definition: How long for each.
    side: joint
    outcome: reliable
    owners: {it: Platform, business: Sales}
    value: restored / sold
    good: down
"""
ORDERS = "  orders: {row: one order, time: ordered_at}\n"
ORDERED = """\
  ordered:
    label: Ordered
    definition: How many orders.
    side: business
    outcome: liked
    owners: {it: Platform, business: Sales}
    value: count(*) from orders
    good: up
"""
COLUMNS = {
    "incidents": "opened_at TIMESTAMP, resolved_at TIMESTAMP, severity VARCHAR, region VARCHAR,"
    " team VARCHAR, _first_seen TIMESTAMP",
    "orders": "ordered_on DATE, amount DECIMAL(12,2), region VARCHAR",
}


def found(text: str = GOOD, *missing: str, **columns: str) -> list[str]:
    """What is wrong between this vocabulary and tables of these columns."""
    vocabulary = load_vocabulary(text)
    described = {n: c for n, c in (COLUMNS | columns).items() if n not in missing}
    memory = Memory(vocabulary, {name: Rows(each) for name, each in described.items()})
    types = {name: facts.columns for name, facts in memory.facts.items()}
    problems = against_facts(vocabulary, types, memory.query)
    return [str(problem).removeprefix("metrics.yaml:") for problem in sorted(problems)]


def changed(old: str, new: str) -> str:
    """The good vocabulary with one piece exchanged."""
    assert GOOD.count(old) == 1, old
    return GOOD.replace(old, new)


def place(text: str, word: str) -> str:
    """Line and column, counted from 1, of the only place where a text has these words."""
    assert text.count(word) == 1, word
    before = text[: text.index(word)]
    return f"{before.count(chr(10)) + 1}:{len(before) - before.rfind(chr(10))}"


# --- the vocabulary against the facts -----------------------------------------------------------


def test_a_vocabulary_that_fits_its_facts_has_no_problem() -> None:
    assert found() == []


def test_a_table_that_nothing_has_filled_yet_is_passed_over() -> None:
    text = changed("sum(amount)", "sum(no_such_column)")

    assert found(text, "orders") == []


@pytest.mark.parametrize(
    ("old", "new", "word", "expected"),
    [
        (
            "sum(amount)",
            "sum(amuont)",
            "amuont",
            "'orders' has no column 'amuont'. Did you mean 'amount'?",
        ),
        (
            "where severity",
            "where seveerity",
            "seveerity",
            "'incidents' has no column 'seveerity'. Did you mean 'severity'?",
        ),
        (
            "sum(amount)",
            "sum(zzz)",
            "zzz",
            "'orders' has no column 'zzz'. It has: ordered_on, amount, region.",
        ),
        (
            "    time: resolved_at",
            "    time: restored_at",
            "restored_at",
            "'incidents' has no column 'restored_at'. Did you mean 'resolved_at'?",
        ),
        (
            "    time: resolved_at",
            "    time: severity",
            "severity\n",
            "'severity' of 'incidents' is no time but VARCHAR."
            " Give it 'type: timestamp' in sources.yaml.",
        ),
    ],
)
def test_a_column_that_is_not_there_is_told_at_its_place(
    old: str, new: str, word: str, expected: str
) -> None:
    text = changed(old, new)

    assert found(text) == [f"{place(text, word)}: {expected}"]


def test_a_dimension_without_a_column_is_told_at_its_place() -> None:
    text = changed("by: [region]}", "by: [region, team]}")

    assert found(text) == [
        f"{place(text, 'team]}' + chr(10) + 'outcomes')}: 'orders' has no column 'team'."
        " It has: ordered_on, amount, region."
    ]


def test_a_broken_time_of_a_table_is_told_once_and_not_at_its_metrics() -> None:
    text = changed("time: ordered_on", "time: orderd_on")

    expected = "'orders' has no column 'orderd_on'. Did you mean 'ordered_on'?"
    assert found(text) == [f"{place(text, 'orderd_on')}: {expected}"]


def test_a_formula_is_not_blamed_for_what_it_rests_on() -> None:
    text = changed("sum(amount)", "sum(amuont)")

    assert [line.partition(": ")[0] for line in found(text)] == [place(text, "amuont")]


def test_types_that_do_not_go_together_are_told_at_the_value() -> None:
    text = changed("sum(amount)", "sum(region)")

    assert found(text) == [
        f"{place(text, 'sum(region)')}: the value of 'sold' takes sum of VARCHAR, which has none."
        " Count it (count(distinct x)), or give the column its type in sources.yaml."
    ]


@pytest.mark.parametrize(
    ("condition", "word", "expected"),
    [
        ("severity in (1, 2)", "1, 2", "'severity' is text, and 1 is a number. Write '1'."),
        ("severity = 5", "5", "'severity' is text, and 5 is a number. Write '5'."),
        (
            "opened_at > '01.10.2026'",
            "'01.10.2026'",
            "'opened_at' is a time, and 01.10.2026 is none. Write for example '2026-03-14'.",
        ),
        ("opened_at > 2026", "2026", "'opened_at' is a time, and 2026 is none."),
        ("cost = 'high'", "'high'", "'cost' is a number, and 'high' is none."),
        ("'soon' = planned", "'soon'", "'planned' is true or false, and 'soon' is neither."),
        ("severity = sev1", "sev1", "A text stands in single quotes: 'sev1'."),
        ('severity = "sev1"', '"sev1"', "A text stands in single quotes: 'sev1'."),
        ("sold > 5", "sold >", "It is a metric, and a formula of metrics names no table."),
    ],
)
def test_a_comparison_with_what_a_column_never_holds_is_told_at_its_place(
    condition: str, word: str, expected: str
) -> None:
    text = changed("severity = 'sev1'", condition)
    columns = COLUMNS["incidents"] + ", cost DOUBLE, planned BOOLEAN"

    (said, *_) = found(text, incidents=columns)
    assert said.startswith(f"{place(text, word)}: ")
    assert expected in said


def test_a_day_or_a_number_written_as_a_text_may_be_compared() -> None:
    text = changed("severity = 'sev1'", "opened_at >= '2026-03-01' and cost = '5'")

    assert found(text, incidents=COLUMNS["incidents"] + ", cost DOUBLE") == []


def test_a_value_that_its_rows_do_not_allow_is_told_before_anybody_asks_for_it(home: Path) -> None:
    published = Home(home, VOCABULARY)
    published.bring("answers", "surveys", [{**answer(1), "comment": "bad"}], at=NOON)
    published.publish(NOON)
    text = VOCABULARY.replace("count(*)", "count_if(lower(comment) in (1, 2))")
    (home / "metrics.yaml").write_text(text)

    (problem,), _ = check_home(home)

    assert f"{problem.place.line}:{problem.place.column}" == place(text, "count_if(")
    assert "cannot be computed: could not convert string 'bad'" in problem.what


@pytest.mark.parametrize(
    "aggregate",
    ["median({})", "percentile({}, 0.9)", "percentile_disc({}, 0.9)", "count(distinct {})"],
)
def test_a_row_that_cannot_be_taken_is_told_of_a_value_that_holds_all_rows(
    home: Path, aggregate: str
) -> None:
    published = Home(home, VOCABULARY)
    published.bring("answers", "surveys", [{**answer(1), "comment": "bad"}], at=NOON)
    published.publish(NOON)
    taken = aggregate.format("case when lower(comment) in (1, 2) then 1 end")
    text = VOCABULARY.replace("count(*)", taken)
    (home / "metrics.yaml").write_text(text)

    (problem,), _ = check_home(home)

    assert "cannot be computed: could not convert string 'bad'" in problem.what


def test_a_value_of_more_rows_than_there_is_memory_for_is_no_mistake(tmp_path: Path) -> None:
    text = GOOD.replace("sum(amount)", "count(distinct amount)")
    rows = "from range(3_000_000) rows(i)"
    with Warehouse(tmp_path / "warehouse.duckdb") as warehouse:
        connection = warehouse.connection
        connection.execute("drop view incidents")
        connection.execute(
            "create table incidents as select timestamp '2026-03-01' + to_seconds(i) as opened_at, "
            "opened_at + to_seconds(i % 9) as resolved_at, 'sev1' as severity, 'north' as region, "
            f"'red' as team {rows}"
        )
        connection.execute(
            "create table orders as select date '2026-03-01' as ordered_on, "
            f"cast(i as decimal(12, 2)) as amount, 'north' as region {rows}"
        )
        # As large as both tables are, and half of what the values would hold.
        connection.execute("set memory_limit = '48MB'; set temp_directory = ''")
        for held in (
            "median(epoch(opened_at)) from incidents",
            "count(distinct amount) from orders",
        ):
            with pytest.raises(duckdb.OutOfMemoryException):
                connection.execute(f"select {held}").fetchall()
        described = {
            table: connection.execute(f"describe {table}").fetchall()
            for table in ("incidents", "orders")
        }
        columns = {table: {row[0]: row[1] for row in rows} for table, rows in described.items()}

        assert mismatches(connection, load_vocabulary(text), columns) == []


def test_a_flow_needs_a_target_of_a_period_and_a_rate_must_not_have_one() -> None:
    text = changed("    value: sum(amount)", "    target: 500\n    value: sum(amount)")
    text = text.replace("    value: restored", "    target: 8 per week\n    value: restored")

    assert found(text) == [
        f"{place(text, '500')}: 'sold' adds up over time, so its target must name a period."
        " For example: 60 per week.",
        f"{place(text, '8 per week')}: 'each' does not add up over time, so its target has no"
        " period. Write the number alone.",
    ]


@pytest.mark.parametrize(
    ("value", "kind"), [("max(ordered_on)", "DATE"), ("max(region)", "VARCHAR")]
)
def test_a_value_that_is_no_number_is_told_at_the_value(value: str, kind: str) -> None:
    text = changed("sum(amount)", value)

    (said,) = found(text)
    assert said.startswith(f"{place(text, value)}: the value of 'sold' is no number but {kind}.")


def test_a_formula_that_makes_no_number_is_told_at_the_formula() -> None:
    text = changed("restored / sold", "upper(coalesce(restored, sold))")

    (said,) = found(text)
    assert said.startswith(f"{place(text, 'upper(')}: the value of 'each' ")


def test_everything_that_does_not_fit_is_told_at_once() -> None:
    text = changed("sum(amount)", "sum(amuont) + max(reegion)")
    text = text.replace("time: resolved_at", "time: restored_at")

    assert len(found(text)) == 3


@pytest.mark.parametrize("kind", ["INTEGER", "DOUBLE", "DECIMAL(18,4)", "HUGEINT", "UTINYINT"])
def test_every_kind_of_number_adds_up(kind: str) -> None:
    columns = COLUMNS["orders"].replace("DECIMAL(12,2)", kind)

    assert found(orders=columns) == []


# --- reaches, lookups and known answers ---------------------------------------------------------

LOOKED_UP = "by: [region], lookup: {services: {on: service, by: [team]}}}"
SERVICES = "service VARCHAR, team VARCHAR"
INCIDENTS = "opened_at TIMESTAMP, resolved_at TIMESTAMP, severity VARCHAR, region VARCHAR"


def with_key(line: str) -> str:
    """The good vocabulary, one more line in the metric of orders."""
    value = "value: sum(amount) from orders"
    return changed(value, f"{value}\n    {line}")


@pytest.mark.parametrize(
    ("line", "word", "expected"),
    [
        (
            "as_of: {from: ordred_on}",
            "ordred_on",
            "'orders' has no column 'ordred_on'. Did you mean 'ordered_on'?",
        ),
        (
            "as_of: {from: ordered_on, to: paid_on}",
            "paid_on",
            "'orders' has no column 'paid_on'. It has: ordered_on, amount, region.",
        ),
        (
            "as_of: {from: ordered_on, to: amount}",
            "amount}",
            "'amount' of 'orders' is no time but DECIMAL(12,2)."
            " Give it 'type: timestamp' in sources.yaml.",
        ),
        (
            "latest: regoin",
            "regoin",
            "'orders' has no column 'regoin'. Did you mean 'region'?",
        ),
        (
            "latest: {per: regoin, carry: false}",
            "regoin",
            "'orders' has no column 'regoin'. Did you mean 'region'?",
        ),
    ],
)
def test_a_column_that_a_reach_names_must_be_there(line: str, word: str, expected: str) -> None:
    text = with_key(line)

    assert found(text) == [f"{place(text, word)}: {expected}"]


def looked_up(
    incidents: str = INCIDENTS + ", service VARCHAR",
    services: str = SERVICES,
    rows: list[tuple[object, ...]] | None = None,
) -> tuple[str, list[str]]:
    """A vocabulary whose incidents take their team from services, and what is wrong with it."""
    text = changed("by: [region, team]}", LOOKED_UP)
    vocabulary = load_vocabulary(text)
    tables = {"incidents": Rows(incidents), "services": Rows(services, rows or [])}
    tables["orders"] = Rows(COLUMNS["orders"])
    memory = Memory(vocabulary, tables)
    types = {name: facts.columns for name, facts in memory.facts.items()}
    problems = against_facts(vocabulary, types, memory.query)
    return text, [str(problem).removeprefix("metrics.yaml:") for problem in problems]


def test_a_lookup_with_a_unique_key_has_no_problem() -> None:
    rows = [("shop", "red"), ("desk", "red"), (None, "blue"), (None, "green")]

    assert looked_up(rows=rows)[1] == []


def test_a_lookup_whose_key_is_not_unique_is_told_with_an_example() -> None:
    text, said = looked_up(rows=[("shop", "red"), ("desk", "red"), ("shop", "blue")])

    assert said == [
        f"{place(text, 'service, by')}: 'service' is not unique in services: 2 rows have 'shop'."
        " Look up by a column that is, or make it the key of services's source."
    ]


def test_a_lookup_needs_its_key_in_both_tables() -> None:
    text, said = looked_up(INCIDENTS, "servic VARCHAR, team VARCHAR")

    at = place(text, "service, by")
    assert sorted(said) == [
        f"{at}: 'incidents' has no column 'service'."
        " It has: opened_at, resolved_at, severity, region.",
        f"{at}: 'services' has no column 'service'. Did you mean 'servic'?",
    ]


def test_a_lookup_needs_its_words_in_the_other_table_and_not_in_its_own() -> None:
    text, said = looked_up(INCIDENTS + ", service VARCHAR, team VARCHAR", "service VARCHAR")

    at = place(text, "team]}}")
    assert said == [
        f"{at}: 'services' has no column 'team'. It has: service.",
        f"{at}: 'incidents' has a column 'team' of its own."
        " Name it under 'by' of the table instead.",
    ]


def test_a_lookup_between_a_text_and_a_number_is_told() -> None:
    text, said = looked_up(services="service INTEGER, team VARCHAR")

    assert said == [
        f"{place(text, 'service, by')}: 'service' is VARCHAR in incidents and INTEGER in services."
        " Give both the same 'type' in sources.yaml."
    ]


@pytest.mark.parametrize(
    ("test", "word", "expected"),
    [
        (
            "{period: 2026-03, where: \"regoin = 'EMEA'\", equals: 3}",
            "regoin",
            "'sold' cannot be filtered by 'regoin'. Did you mean 'region'?",
        ),
        (
            "[{period: 2026-03, equals: 3}, {period: 2026-03, where: team = 'red', equals: 3}]",
            "team = 'red'",
            "'sold' cannot be filtered by 'team'. Its dimensions: region.",
        ),
        (
            "{period: 2026-03, where: region, equals: 3}",
            "region, equals",
            "a filter must be a condition. Write one over dimensions, for example region = 'EMEA'.",
        ),
    ],
)
def test_the_filter_of_a_known_answer_is_checked_without_any_facts(
    test: str, word: str, expected: str
) -> None:
    text = with_key(f"test: {test}")

    assert found(text, "orders", "incidents") == [f"{place(text, word)}: {expected}"]


def test_a_known_answer_of_a_grain_that_the_rows_do_not_have_is_told() -> None:
    text = with_key("test: {period: 2026-03-01, equals: 3}")
    text = text.replace("by: [region]}", "by: [region], grain: month}")

    (said,) = found(text)
    assert said == (
        f"{place(text, '2026-03-01')}: 'sold' has no day: a row of orders is a month."
        " Ask by month, quarter, year, total."
    )


def test_one_misfit_among_many_is_found_wherever_it_stands() -> None:
    copies = "".join(
        GOOD[GOOD.index("  sold:") : GOOD.index("  each:")]
        .replace("sold:", f"sold_{index}:")
        .replace("amount", "region" if index in (3, 29) else "amount")
        for index in range(31)
    )
    text = changed("  each:", f"{copies}  each:")

    said = found(text)
    assert [line.split("'")[1] for line in said] == ["sold_3", "sold_29"]


# --- a home folder ------------------------------------------------------------------------------

SOURCES = "version: 1\nsources: {}\n"


@pytest.fixture
def home(tmp_path: Path) -> Path:
    (tmp_path / "metrics.yaml").write_text(GOOD)
    (tmp_path / "sources.yaml").write_text(SOURCES)
    return tmp_path


@pytest.fixture(scope="module")
def first_edition(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("home")
    published = Home(folder, VOCABULARY)
    published.bring("answers", "surveys", [answer(1)], at=NOON)
    published.publish(NOON)
    return folder


@pytest.fixture
def answered(home: Path, first_edition: Path) -> Path:
    """A home folder with an edition of one answer, whose files a test may change."""
    return shutil.copytree(first_edition, home, dirs_exist_ok=True)


def test_before_the_first_edition_only_the_files_are_checked(home: Path) -> None:
    problems, notes = check_home(home)

    assert problems == []
    assert notes == [
        "Checked 3 metrics, 1 outcome, 0 sources.",
        "Columns are not checked: there are no facts yet. Run `kpi refresh` first.",
    ]


def test_mistakes_of_both_files_are_told_together(home: Path) -> None:
    (home / "metrics.yaml").write_text(GOOD.replace("side: joint", "side: both"))
    (home / "sources.yaml").write_text("version: 1\nsuorces: {}\n")

    problems, _ = check_home(home)

    assert [problem.file for problem in problems] == [
        "metrics.yaml",
        "sources.yaml",
    ]


@pytest.mark.parametrize("file", ["metrics.yaml", "sources.yaml"])
def test_a_file_that_is_not_there_is_told(home: Path, file: str) -> None:
    (home / file).unlink()

    problems, _ = check_home(home)

    assert [str(problem) for problem in problems] == [
        f"{file}:1:1: there is no such file in {home}. Write one, or choose --home."
    ]


def test_a_file_that_is_not_utf_8_is_told(home: Path) -> None:
    (home / "metrics.yaml").write_bytes(GOOD.replace("Where", "Où").encode("latin-1"))

    problems, _ = check_home(home)

    assert str(problems[0]) == "metrics.yaml:1:1: this is not UTF-8 text. Save it as UTF-8."


def test_a_byte_order_mark_is_no_mistake(home: Path) -> None:
    (home / "metrics.yaml").write_text("\ufeff" + GOOD, encoding="utf-8")

    assert vocabulary_text(home) == GOOD
    with pytest.raises(Refused):
        vocabulary_text(home / "else")


def test_the_file_is_checked_against_the_facts_of_the_current_edition(answered: Path) -> None:
    unfilled = "tables:\n  orders: {row: one order, time: ordered_at}\n"
    text = VOCABULARY.replace("count(*)", "count(scoer)").replace("tables:\n", unfilled)
    (answered / "metrics.yaml").write_text(text)

    problems, notes = check_home(answered)

    assert [str(problem) for problem in problems] == [
        f"metrics.yaml:{place(text, 'scoer')}: 'surveys' has no column 'scoer'."
        " Did you mean 'score'?"
    ]
    assert notes[1:] == ["No source has filled orders yet; not checked."]


@pytest.mark.parametrize(
    ("into", "problems"),
    [
        ("sevices", 1),
        ("services", 0),
    ],
)
def test_a_lookup_table_that_no_source_fills_is_told(
    answered: Path, into: str, problems: int
) -> None:
    team = "\n  team: {label: Team, definition: Who runs it.}\ntables:"
    text = VOCABULARY.replace("\ntables:", team)
    lookup = "by: [region], lookup: {services: {on: region, by: [team]}}}"
    text = text.replace("by: [region]}", lookup)
    entry = {"connector": "file", "path": "teams.csv", "into": into}
    write_home(answered, {"teams": entry}, text)

    found, notes = check_home(answered)

    said = "no source fills a table 'services'. Did you mean 'sevices'?"
    at = place(text, "services")
    assert [str(problem) for problem in found] == [f"metrics.yaml:{at}: {said}"] * problems
    assert notes[1:] == ["No source has filled services yet; not checked."]


def test_mistakes_in_the_facts_and_in_the_sources_are_told_together(answered: Path) -> None:
    (answered / "metrics.yaml").write_text(VOCABULARY.replace("count(*)", "count(scoer)"))
    (answered / "sources.yaml").write_text("version: 1\nsources: {}\nsampel: true\n")

    problems, _ = check_home(answered)

    assert [problem.file for problem in problems] == ["metrics.yaml", "sources.yaml"]


@pytest.mark.parametrize(
    ("old", "new", "words"),
    [
        ("good: up", "godo: up", ("godo",)),
        ("side: business", "side: sales", ("sales",)),
        ("owners: {it: Platform, business: Sales}\n    value", "value", ("answers:",)),
        ("    value", "    window: 90 dyas\n    value", ("90 dyas",)),
        ("    value", "    target: lots\n    value", ("lots",)),
        ("row: one answer", "rwo: one answer", ("rwo",)),
        ("time: answered_at", "tiem: answered_at", ("tiem",)),
        ("by: [region]", "by: [regoin]", ("regoin",)),
        ("Europe/Berlin", "Europe/Berlyn", ("Europe/Berlyn",)),
    ],
)
def test_one_look_tells_a_mistaken_key_and_the_misspelt_column_beside_it(
    answered: Path, old: str, new: str, words: tuple[str, ...]
) -> None:
    text = VOCABULARY.replace("count(*)", "count(scoer)")
    assert text.count(old) == 1
    text = text.replace(old, new)
    (answered / "metrics.yaml").write_text(text)

    problems, _ = check_home(answered)

    expected = sorted(place(text, word) for word in (*words, "scoer"))
    assert sorted(f"{p.place.line}:{p.place.column}" for p in problems) == expected


def test_a_misspelt_function_does_not_hide_the_misspelt_column_in_it(answered: Path) -> None:
    text = VOCABULARY.replace("count(*)", "summ(scoer) / count_if(regoin = 'EMEA')")
    (answered / "metrics.yaml").write_text(text)

    problems, _ = check_home(answered)

    assert [problem.what for problem in problems] == [
        "there is no function 'summ'.",
        "'surveys' has no column 'scoer'.",
        "'surveys' has no column 'regoin'.",
    ]


def test_a_circle_is_told_once_at_the_formula_that_closes_it(home: Path) -> None:
    text = GOOD.replace("restored / sold", "1 + twice")
    twice = GOOD[GOOD.index("  each:") :].replace("each:", "twice:").replace("restored", "each")
    (home / "metrics.yaml").write_text(text + twice)

    problems, _ = check_home(home)

    assert [str(problem) for problem in problems] == [
        f"metrics.yaml:{place(text + twice, 'each / sold')}: a circle of formulas:"
        " each -> twice -> each. One of them must come from facts."
    ]


def test_what_was_published_need_not_be_computed_again_but_what_has_no_facts_yet_does(
    home: Path,
) -> None:
    published = Home(home, VOCABULARY + ORDERED)
    published.vocabulary = published.vocabulary.replace("tables:\n", f"tables:\n{ORDERS}")
    published.bring("answers", "surveys", [answer(1)], at=NOON)
    edition = published.publish(NOON)
    changed = published.vocabulary.replace("count(*) from surveys", "count(score) from surveys")

    assert computed_before(load_vocabulary(published.vocabulary), edition.query) == {"answers"}
    assert computed_before(load_vocabulary(changed), edition.query) == set()
