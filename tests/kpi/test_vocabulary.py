"""The vocabulary is read as a whole, and refused as a whole with every mistake in its place."""

from __future__ import annotations

import dataclasses
import datetime as dt

import pytest

from kpi.periods import Calendar
from kpi.reach import AsOf, Latest, Reach, Span, ToDate, Window
from kpi.vocabulary import Lookup, Vocabulary
from kpi.vocabulary_file import load_vocabulary
from kpi.yaml_text import Refused

GOOD = """\
version: 1
calendar: {timezone: Europe/Berlin, week_starts: sunday, fiscal_year_starts: april}
currency: USD

dimensions:
  service: {label: Service, definition: What is down.}
  region: {label: Region, definition: Where the customer is billed.}
  team: {label: Team, definition: Who runs it.}

tables:
  incidents: {row: one incident, time: opened_at, by: [service, region], settles_after: 2 days}
  orders: {row: one order, time: ordered_at, by: [region, team]}

outcomes:
  reliable: {label: Reliable, definition: It works., owners: {it: Platform, business: Care}}
  grow: {label: Grow, definition: They buy., owners: {it: Delivery, business: Sales}}

metrics:
  opened:
    label: Incidents opened
    definition: How many were opened.
    also_called: tickets
    side: it
    outcome: reliable
    owners: {it: Platform, business: Care}
    value: count(*) from incidents where severity = 'sev1'
    time: resolved_at
    unit: count
    decimals: 0
    good: down
    target: 3 per week
    tolerance: 1
    empty: 0
    min_sample: 5

  # what both sides sell
  sold:
    label: Orders
    definition: How many were sold.
    side: business
    outcome: grow
    owners: {it: Delivery, business: Sales}
    value: count(*) from orders
    good: up
    internal: true
  rate:
    label: Incidents per order
    definition: How often.
    side: joint
    outcome: grow
    owners: {it: Delivery, business: Sales}
    value: 1000 * opened / sold
    good: down
  deeper:
    label: Deeper
    definition: A formula of a formula.
    side: joint
    outcome: grow
    owners: {it: Delivery, business: Sales}
    value: >-
      rate
      + rate
    good: down
"""


@pytest.fixture(scope="module")
def vocabulary() -> Vocabulary:
    return load_vocabulary(GOOD)


def problems(text: str) -> list[str]:
    """What is told of a text that is refused, without the name of the file."""
    with pytest.raises(Refused) as refused:
        load_vocabulary(text)
    return [line.removeprefix("metrics.yaml:") for line in str(refused.value).splitlines()]


def changed(old: str, new: str) -> str:
    """The good vocabulary with one piece exchanged."""
    assert GOOD.count(old) == 1, old
    return GOOD.replace(old, new)


def place(text: str, word: str) -> str:
    """Line and column, counted from 1, of the only place where a text has these words."""
    assert text.count(word) == 1, word
    before = text[: text.index(word)]
    return f"{before.count(chr(10)) + 1}:{len(before) - before.rfind(chr(10))}"


# --- what is read -------------------------------------------------------------------------------


def test_names_keep_the_order_of_the_file(vocabulary: Vocabulary) -> None:
    assert list(vocabulary.metrics) == ["opened", "sold", "rate", "deeper"]
    assert list(vocabulary.outcomes) == ["reliable", "grow"]
    assert list(vocabulary.dimensions) == ["service", "region", "team"]


def test_the_calendar_says_what_a_day_a_week_and_a_year_are(vocabulary: Vocabulary) -> None:
    assert vocabulary.calendar == Calendar("Europe/Berlin", week_starts=6, fiscal_year_starts=4)


def test_without_a_calendar_days_are_utc_and_weeks_begin_on_monday() -> None:
    text = "\n".join(line for line in GOOD.splitlines() if not line.startswith("calendar"))

    assert load_vocabulary(text).calendar == Calendar("UTC", 0, 1)


def test_a_text_is_read_once_and_another_one_anew() -> None:
    first = load_vocabulary(GOOD)
    other = load_vocabulary(changed("currency: USD", "currency: CHF"))
    again = load_vocabulary(GOOD)

    assert again is first
    assert (first.currency, other.currency) == ("USD", "CHF")


def test_every_key_of_a_metric_is_read(vocabulary: Vocabulary) -> None:
    metric = vocabulary.metrics["opened"]

    assert (metric.label, metric.side, metric.outcome) == ("Incidents opened", "it", "reliable")
    assert (metric.owners.it, metric.owners.business) == ("Platform", "Care")
    assert (metric.unit, metric.decimals, metric.good, metric.tolerance) == ("count", 0, "down", 1)
    assert (metric.empty, metric.min_sample, metric.time) == (0, 5, "resolved_at")


def test_one_other_name_may_stand_without_a_list(vocabulary: Vocabulary) -> None:
    assert vocabulary.metrics["opened"].also_called == ("tickets",)


def test_a_table_says_when_its_rows_settle(vocabulary: Vocabulary) -> None:
    assert vocabulary.tables["incidents"].settles_after == dt.timedelta(days=2)
    assert vocabulary.tables["orders"].settles_after == dt.timedelta(0)


def test_a_metric_is_counted_on_its_own_time_or_else_on_its_tables(vocabulary: Vocabulary) -> None:
    assert vocabulary.time_column(vocabulary.metrics["opened"]) == "resolved_at"
    assert vocabulary.time_column(vocabulary.metrics["sold"]) == "ordered_at"


def test_a_formula_rests_on_every_table_below_it(vocabulary: Vocabulary) -> None:
    assert vocabulary.metrics["deeper"].tables == ("incidents", "orders")


def test_a_formula_has_only_the_dimensions_that_all_its_facts_share(vocabulary: Vocabulary) -> None:
    assert vocabulary.metrics["opened"].dimensions == ("service", "region")
    assert vocabulary.metrics["deeper"].dimensions == ("region",)


def test_a_formula_names_each_input_once(vocabulary: Vocabulary) -> None:
    assert vocabulary.metrics["rate"].inputs == ("opened", "sold")
    assert vocabulary.metrics["deeper"].inputs == ("rate",)
    assert vocabulary.used_by("opened") == (vocabulary.metrics["rate"],)


def test_internal_metrics_are_not_shown(vocabulary: Vocabulary) -> None:
    assert [metric.name for metric in vocabulary.shown] == ["opened", "rate", "deeper"]


def test_an_entry_is_kept_as_it_was_written(vocabulary: Vocabulary) -> None:
    entry = vocabulary.metrics["opened"].entry

    assert entry.startswith("opened:\n  label: Incidents opened\n")
    assert entry.endswith("  empty: 0\n  min_sample: 5")


def test_the_text_is_kept_whole(vocabulary: Vocabulary) -> None:
    assert vocabulary.text == GOOD


def test_definitions_cannot_be_changed(vocabulary: Vocabulary) -> None:
    with pytest.raises(dataclasses.FrozenInstanceError):
        vocabulary.metrics["opened"].label = "Else"


# --- what is refused ----------------------------------------------------------------------------


@pytest.mark.parametrize("text", ["", "# nothing\n", "null\n"])
def test_an_empty_file_says_how_to_begin(text: str) -> None:
    assert problems(text) == ["1:1: there is nothing in this file. Begin with: version: 1."]


@pytest.mark.parametrize(
    ("old", "new", "where", "expected"),
    [
        ("version: 1", "version: 2", "2\ncal", "'version' must be 1, not '2'."),
        ("Europe/Berlin", "Europe/Berln", "Europe", "there is no time zone 'Europe/Berln'."),
        ("USD\n", "USD\nlocale: en-GP\n", "en-GP", "there is no locale 'en-GP'. Did you mean"),
        ("USD\n", "USD\nlocale: german\n", "german", "there is no locale 'german'. For example"),
        ("USD\n", "USD\nlocale: 7\n", "7\n", "'locale' must be text."),
        ("sunday", "Sunday", "Sunday", "'week_starts' must be 'monday', 'tuesday',"),
        ("  region: {label", "  n: {label", "n: {label", "'n' is a column of every answer."),
        ("  team: {", "  Team: {", "Team: {", "'Team' is not a name. Write team: lower"),
        ("[region, team]", "[region, teem]", "teem", "there is no dimension 'teem'. Did you mean"),
        ("[region, team]", "teem", "teem", "there is no dimension 'teem'. Did you mean 'team'?"),
        ("2 days", "2 months", "2 months", "'2 months' is not a duration. For example: 2 days."),
        ("time: ordered_at, ", "", "orders: {", "'time' is missing."),
        ("business: Care}}", "busines: Care}}", "busines:", "unknown key 'busines'. Did you mean"),
        ("e: reliable\n", "e: relible\n", "relible", "there is no outcome 'relible'. Did you mean"),
        ("side: it\n", "side: IT\n", "IT\n", "'side' must be 'it', 'business' or 'joint', not"),
        ("  opened:\n", "  value:\n", "value:\n", "'value' is a column of every answer."),
        ("    label: Incidents opened\n", "", "opened:\n", "'label' is missing."),
        ("from incidents", "from incident", "incident where", "there is no table 'incident'. Did"),
        ("3 per week", "3 per weak", "3 per", "there is no period 'weak'. Did you mean 'week'?"),
        ("min_sample: 5", "min_sample: -5", "-5", "'min_sample' must be greater than or equal"),
        ("min_sample: 5", "min_sampel: 5", "min_sampel", "unknown key 'min_sampel'. Did you mean"),
        ("1000 * opened", "1000 * opend", "opend ", "there is no metric 'opend'. Did you mean"),
        ("+ rate\n", "+ rats\n", "rats", "there is no metric 'rats'. Did you mean 'rate'?"),
    ],
)
def test_a_mistake_is_told_at_its_place(old: str, new: str, where: str, expected: str) -> None:
    text = changed(old, new)

    found = problems(text)

    assert any(line.startswith(f"{place(text, where)}: {expected}") for line in found), found


@pytest.mark.parametrize(
    "value",
    [
        "count(*) from incidents where summ(x) > 1",
        "'count(*) from incidents where a = ''b'' and summ(x) > 1'",
        '"count(*) from incidents where \\"a b\\" = summ(x)"',
        "|\n      count(*) from incidents\n      where summ(x) > 1",
        "|  # why\n      count(*) from incidents\n      where summ(x) > 1",
        ">-\n      count(*) from incidents\n\n      where summ(x) > 1",
        "count(*) from incidents\n      where summ(x) > 1",
    ],
)
def test_a_mistake_inside_a_value_is_placed_exactly_however_it_is_quoted(value: str) -> None:
    text = changed("count(*) from incidents where severity = 'sev1'", value)

    expected = f"{place(text, 'summ')}: there is no function 'summ'. Did you mean 'sum'?"
    assert problems(text) == [expected]


def test_a_mistake_inside_a_value_of_a_flow_mapping_is_placed_exactly() -> None:
    text = GOOD + (
        "  flow: {label: L, definition: D., side: it, outcome: grow, good: up,\n"
        "    owners: {it: A, business: B}, value: summ(x) from orders}\n"
    )

    expected = f"{place(text, 'summ')}: there is no function 'summ'. Did you mean 'sum'?"
    assert problems(text) == [expected]


@pytest.mark.parametrize(
    ("keys", "reach"),
    [
        ("window: 90 days", Window(Span(90, "day"))),
        ("window: all", Window(None)),
        ("to_date: quarter", ToDate("quarter")),
        ("as_of: {from: opened_at, to: resolved_at}", AsOf("opened_at", "resolved_at")),
        ("as_of: {from: opened_at}", AsOf("opened_at", None)),
        ("latest: region", Latest("region", True)),
        ("latest: {per: region, carry: false}", Latest("region", False)),
    ],
)
def test_a_metric_says_which_rows_a_period_takes(keys: str, reach: Reach) -> None:
    text = changed("    time: resolved_at\n", f"    {keys}\n")

    found = load_vocabulary(text)

    assert [m.reach for m in found.metrics.values() if m.min_sample == 5] == [reach]


@pytest.mark.parametrize(
    ("keys", "expected"),
    [
        ("window: a while", "'a while' is not a length of time. For example: 90 days, or all."),
        ("to_date: week", "'to_date' must be 'month', 'quarter' or 'year', not 'week'."),
        ("as_of: {to: resolved_at}", "'from' is missing."),
        ("latest: {by: region}", "'per' is missing."),
    ],
)
def test_a_reach_that_is_not_understood_is_refused(keys: str, expected: str) -> None:
    text = changed("    time: resolved_at\n", f"    {keys}\n")

    assert expected in "\n".join(problems(text))


def test_two_reaches_of_one_metric_exclude_each_other() -> None:
    keys = "    window: 90 days\n    to_date: month\n"
    text = changed("    min_sample: 5\n", f"    min_sample: 5\n{keys}")

    expected = "'to_date' and 'window' exclude each other. Keep one of them."
    assert problems(text) == [f"{place(text, 'to_date')}: {expected}"]


def test_a_table_may_look_dimensions_up_in_another_one() -> None:
    text = changed("settles_after: 2 days", "lookup: {services: {on: service, by: [team]}}")

    incidents = load_vocabulary(text).tables["incidents"]

    assert incidents.lookup == (Lookup("services", "service", ("team",)),)
    assert incidents.dimensions == ("service", "region", "team")


def test_a_table_may_have_rows_that_stand_for_whole_periods() -> None:
    text = changed("settles_after: 2 days", "grain: month")

    assert load_vocabulary(text).tables["incidents"].grain == "month"


@pytest.mark.parametrize(
    ("old", "new"),
    [
        ("tolerance: 1", "tolerance: .nan"),
        ("tolerance: 1", "tolerance: '1'"),
        ("decimals: 0", "decimals: 2.5"),
        ("decimals: 0", "decimals: 7"),
        ("internal: true", "internal: 1"),
        ("unit: count", "unit: 5"),
        ("also_called: tickets", "also_called: [5]"),
        ("empty: 0", "empty: false"),
        ("min_sample: 5", "min_sample: many"),
        ("time: resolved_at", "time: [resolved_at]"),
    ],
)
def test_a_value_of_the_wrong_kind_is_refused(old: str, new: str) -> None:
    found = problems(changed(f"    {old}\n", f"    {new}\n"))

    assert len(found) == 1
    assert f"'{new.partition(':')[0]}'" in found[0]


def test_a_formula_has_no_time_of_its_own() -> None:
    text = changed("    value: 1000 * opened / sold\n", "    value: opened / sold\n    time: x\n")

    assert problems(text) == [
        f"{place(text, 'time: x')}: 'time' belongs to a value from a fact table, not to a formula."
        " Remove it: each input is counted on its own time."
    ]


def test_a_circle_of_formulas_is_told_with_its_way() -> None:
    text = changed("1000 * opened / sold", "deeper / sold")

    found = problems(text)

    assert any("a circle of formulas: rate -> deeper -> rate." in line for line in found)


def test_a_formula_of_itself_is_a_circle() -> None:
    text = changed("1000 * opened / sold", "rate / sold")

    assert any("a circle of formulas: rate -> rate." in line for line in problems(text))


def test_every_mistake_is_told_at_once() -> None:
    text = changed("Europe/Berlin", "Berlyn")
    text = text.replace("from orders", "from ordres").replace("side: it\n", "sied: it\n")

    wrong = [place(text, word) for word in ("Berlyn", "sied", "ordres")]
    assert [line.partition(": ")[0] for line in problems(text)] == wrong


def test_who_uses_a_broken_definition_is_not_blamed_as_well() -> None:
    text = changed("label: Reliable, definition: It works.", "label: Reliable")
    text = text.replace("  service: {label: Service, ", "  service: {")

    wrong = [place(text, word) for word in ("service: {", "reliable: {")]
    assert [line.partition(": ")[0] for line in problems(text)] == wrong


@pytest.mark.parametrize("section", ["metrics", "dimensions", "tables", "outcomes"])
def test_a_section_is_a_mapping_of_names(section: str) -> None:
    head, _, tail = GOOD.partition(f"\n{section}:\n")
    rest = tail.partition("\n\n")[2] if section != "metrics" else ""

    assert any(
        f"'{section}' must be a mapping of names." in line
        for line in problems(f"{head}\n{section}: [a]\n{rest}")
    )


# --- entries that stand at the wrong depth ------------------------------------------------------

NEW = """\
  fresh:
    label: Fresh
    definition: What is new.
    side: it
    outcome: grow
    owners: {it: Platform, business: Care}
    value: count(*) from orders
    good: up
"""


def shifted(text: str, by: int) -> str:
    """The lines of a text with more or less indentation."""
    lines = text.splitlines()
    return "".join(f"{' ' * by}{line}\n" if by > 0 else f"{line[-by:]}\n" for line in lines)


def test_keys_at_the_depth_of_their_metrics_name_are_one_mistake() -> None:
    flat = "\n".join(f"  {line.strip()}" for line in NEW.splitlines())
    text = GOOD.replace("  rate:\n", f"{flat}\n  rate:\n")

    assert problems(text) == [
        f"{place(text, 'fresh:')}: 'fresh' is empty: what belongs below it stands beside it."
        " Indent the lines below fresh ('label' to 'good') by two more."
    ]


def test_keys_at_the_depth_of_any_entrys_name_are_one_mistake() -> None:
    text = changed("outcomes:\n", "outcomes:\n  new:\n  label: N\n  definition: D.\n  owners: {}\n")

    assert problems(text) == [
        f"{place(text, 'new:')}: 'new' is empty: what belongs below it stands beside it."
        " Indent the lines below new ('label' to 'owners') by two more."
    ]


@pytest.mark.parametrize("by", [-2, 2])
def test_a_whole_entry_at_the_wrong_depth_is_told_with_the_right_one(by: int) -> None:
    text = GOOD + shifted(NEW, by)

    stands = "inside 'deeper'" if by > 0 else "beside 'metrics:', not below it"
    only = " only" if by > 0 else ""
    assert problems(text) == [
        f"{place(text, 'fresh:')}: 'fresh' stands {stands}."
        f" Indent it by 2{only}, to stand under 'metrics:'."
    ]


def test_what_uses_an_entry_at_the_wrong_depth_is_not_blamed() -> None:
    table = "tickets: {row: one ticket, time: opened_at}\n"
    dimension = "shop: {label: Shop, definition: Where.}\n"
    outcome = "last: {label: Last, definition: It stays., owners: {it: A, business: B}}\n"
    text = GOOD.replace("[region, team]", "[region, shop]") + shifted(NEW, -2)
    text = text.replace(
        "count(*) from orders\n    good: up\n    internal", "fresh\n    good: up\n    internal"
    )
    text = text.replace("outcome: reliable", "outcome: last") + table + dimension + outcome
    text = text.replace("from incidents where severity = 'sev1'", "from tickets")

    wrong = [place(text, word) for word in ("fresh:", "tickets: {", "shop: {", "last: {")]
    assert [line.partition(": ")[0] for line in problems(text)] == wrong


# --- messages that say what to write --------------------------------------------------------------


@pytest.mark.parametrize(
    ("key", "expected"),
    [
        ("side: it", "It is who runs the thing measured: it, business or joint."),
        ("good: down", "It is the direction that is better: up or down."),
        (
            "value: count(*) from incidents where severity = 'sev1'",
            "It is how it is computed: AGGREGATES from TABLE [where CONDITION],"
            " or a formula of other metrics. For example: value: count(*) from orders.",
        ),
    ],
)
def test_a_key_with_nothing_behind_it_says_what_it_is(key: str, expected: str) -> None:
    name = key.partition(":")[0]
    whole = GOOD[: GOOD.index("  # what both")]
    text = whole.replace(f"    {key}\n", f"    {name}:\n")
    missing = whole.replace(f"    {key}\n", "")

    at = f"{text[: text.index(f'    {name}:')].count(chr(10)) + 1}:5"
    assert problems(text) == [f"{at}: '{name}' is empty. {expected}"]
    assert problems(missing) == [f"{place(missing, 'opened:')}: '{name}' is missing. {expected}"]


def test_a_missing_owner_is_told_with_what_it_is() -> None:
    text = changed("owners: {it: Platform, business: Care}}", "owners: {it: Platform}}")

    assert problems(text) == [
        f"{place(text, 'owners: {it: Platform}}')}: 'business' is missing."
        " It is the role on the business side that answers for it."
    ]


@pytest.mark.parametrize(
    ("word", "key"),
    [
        ("formula", "value"),
        ("expression", "value"),
        ("sql", "value"),
        ("direction", "good"),
        ("description", "definition"),
        ("name", "label"),
        ("title", "label"),
        ("owner", "owners"),
    ],
)
def test_a_word_that_people_use_for_a_key_is_understood(word: str, key: str) -> None:
    head, _, tail = GOOD.partition("  sold:\n")
    text = f"{head}  sold:\n{tail.replace(f'    {key}: ', f'    {word}: ', 1)}"

    assert problems(text) == [
        f"{place(text, f'{word}: ')}: unknown key '{word}'. Did you mean '{key}'?"
    ]


@pytest.mark.parametrize(
    ("word", "key"), [("goal", "target"), ("synonyms", "also_called"), ("aliases", "also_called")]
)
def test_a_word_for_a_key_that_may_be_left_out_is_understood(word: str, key: str) -> None:
    text = changed("    internal: true\n", f"    internal: true\n    {word}: x\n")

    assert problems(text) == [f"{place(text, word)}: unknown key '{word}'. Did you mean '{key}'?"]


def test_an_unknown_key_leads_to_the_page_with_all_keys() -> None:
    text = changed("    internal: true\n", "    zzz: true\n")

    assert problems(text) == [
        f"{place(text, 'zzz')}: unknown key 'zzz'. docs/metrics.md explains all keys."
    ]


@pytest.mark.parametrize(
    ("line", "word", "expected"),
    [
        ("window: 28", "28", "'window' must be text. For example: 90 days."),
        (
            "test: 5",
            "5\n    internal",
            "'test' must be a list. For example: [{period: 2025-03, equals: 964.2}].",
        ),
        (
            "changed: 2026-06-01",
            "2026-06-01",
            "'changed' must be a mapping. For example: {2026-06-01: rollbacks count as failures}.",
        ),
        (
            "changed: {2026-06-01: bad, too}",
            "too",
            "within braces a comma ends a text, and 'too' is no key with a value."
            ' Put the text in quotes: "bad, too".',
        ),
        (
            "test: {period: 2025-03, equal: 5}",
            "equal",
            "unknown key 'equal'. Did you mean 'equals'?",
        ),
        (
            "test: {period: 2025-Q1, equals: 1,043}",
            "043",
            "within braces a comma ends a text, and '043' is no key with a value. Write: 1043.",
        ),
        (
            "as_of: opened_at",
            "opened_at\n    int",
            "'as_of' must be a mapping. For example: {from:",
        ),
    ],
)
def test_a_value_of_another_kind_comes_with_an_example(line: str, word: str, expected: str) -> None:
    text = changed("    internal: true\n", f"    {line}\n    internal: true\n")

    (said,) = problems(text)
    assert said.startswith(f"{place(text, word)}: {expected}")


def test_owners_without_braces_come_with_an_example() -> None:
    text = GOOD.replace("owners: {it: Platform, business: Care}\n", "owners: Platform, Care\n")

    assert problems(text) == [
        f"{place(text, 'Platform, Care')}: 'owners' must be a mapping."
        " For example: {it: Platform, business: Sales}."
    ]


@pytest.mark.parametrize(
    ("old", "new", "expected"),
    [
        (
            "e: reliable\n",
            "e: Healthy\n",
            "there is no outcome 'Healthy'. There are: reliable, grow.",
        ),
        (
            "from incidents where",
            "from zzz where",
            "there is no table 'zzz'. There are: incidents, orders.",
        ),
        (
            "[region, team]",
            "[zzz]",
            "there is no dimension 'zzz'. There are: service, region, team.",
        ),
    ],
)
def test_where_no_name_is_near_those_that_there_are_are_listed(
    old: str, new: str, expected: str
) -> None:
    (said,) = problems(changed(old, new))

    assert said.endswith(f": {expected}")


def test_an_outcome_or_a_dimension_may_be_meant_by_its_label() -> None:
    text = changed("label: Grow", "label: Customers stay").replace(
        "label: Team", "label: Who runs it"
    )
    text = text.replace("outcome: grow", "outcome: Customers stay", 1)
    text = text.replace("[region, team]", "[region, Who runs it]")

    assert [line.partition(": ")[2] for line in problems(text)] == [
        "there is no dimension 'Who runs it'. Did you mean 'team'?",
        "there is no outcome 'Customers stay'. Did you mean 'grow'?",
    ]


def test_a_table_that_does_not_exist_is_told_beside_other_mistakes_of_a_value() -> None:
    text = changed("count(*) from incidents where severity", "summ(x) from incident where severity")

    assert problems(text) == [
        f"{place(text, 'summ')}: there is no function 'summ'. Did you mean 'sum'?",
        f"{place(text, 'incident where')}: there is no table 'incident'. Did you mean 'incidents'?",
    ]


@pytest.mark.parametrize(
    ("word", "name"),
    [
        ("my-one", "my_one"),
        ("MyOne", "my_one"),
        ("My one", "my_one"),
        ("NPS", "nps"),
        ("Café-visits", "cafe_visits"),
        ("p95Latency", "p95_latency"),
    ],
)
def test_a_name_is_proposed_for_what_is_none(word: str, name: str) -> None:
    text = changed("  sold:\n", f"  {word}:\n").replace("opened / sold", "opened")

    assert problems(text) == [
        f"{place(text, f'{word}:')}: '{word}' is not a name."
        f" Write {name}: lower-case letters, digits and _, beginning with a letter."
    ]


@pytest.mark.parametrize("word", ["1st", "日本", "_"])
def test_where_no_name_can_be_made_of_a_word_the_rule_is_told(word: str) -> None:
    text = changed("  sold:\n", f"  {word}:\n").replace("opened / sold", "opened")

    (said,) = problems(text)
    assert said.endswith("Use lower-case letters, digits and _, beginning with a letter.")
