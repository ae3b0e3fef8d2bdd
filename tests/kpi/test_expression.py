"""What an analyst may write becomes checked SQL; everything else is refused with the reason."""

from __future__ import annotations

import re

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from kpi.allowlist import AGGREGATES, SCALARS, ExpressionRefused
from kpi.expression import FactValue, MetricValue, parse_condition, parse_value


def facts(text: str) -> FactValue:
    """A text that is a value of a fact table."""
    value = parse_value(text)
    assert isinstance(value, FactValue)
    return value


def formula(text: str) -> MetricValue:
    """A text that is a formula of metrics."""
    value = parse_value(text)
    assert isinstance(value, MetricValue)
    return value


def refused(text: str) -> list[tuple[str, str]]:
    """Where in the text each mistake stands, and what it is with its fix."""
    with pytest.raises(ExpressionRefused) as error:
        parse_value(text)
    return [(text[m.offset :], f"{m.what}. {m.fix}") for m in error.value.mistakes]


def named(sql: str) -> str:
    """A formula with a word in each slot."""
    return re.sub(r'\("\x01(\w+)\x01"\)', r"<\1>", sql)


# --- values of a fact table ---------------------------------------------------------------------


@pytest.mark.parametrize(
    ("text", "sql", "counted"),
    [
        ("count(*) from t", "count(*)", "*"),
        ("COUNT(*) FROM t", "count(*)", "*"),
        ("count(x) from t", 'count("t"."x")', '"t"."x"'),
        ("count(distinct x) from t", 'count(DISTINCT "t"."x")', '"t"."x"'),
        ("count_if(x > 1) from t", 'count_if("t"."x" > 1)', '"t"."x" > 1'),
        ("sum(x) from t", 'sum("t"."x")', '"t"."x"'),
        ("avg(x) from t", 'avg("t"."x")', '"t"."x"'),
        ("min(x) from t", 'min("t"."x")', '"t"."x"'),
        ("max(x) from t", 'max("t"."x")', '"t"."x"'),
        ("median(x) from t", 'median(CAST("t"."x" AS DOUBLE))', '"t"."x"'),
        (
            "percentile(x, 0.9) from t",
            'quantile_cont(CAST("t"."x" AS DOUBLE), 0.9)',
            '"t"."x"',
        ),
        (
            "percentile_disc(x, 0.9) from t",
            'quantile_disc(CAST("t"."x" AS DOUBLE), 0.9)',
            '"t"."x"',
        ),
        ("sum(x / y) from t", 'sum("t"."x" / NULLIF("t"."y", 0))', '"t"."x" / NULLIF("t"."y", 0)'),
    ],
)
def test_each_aggregate_becomes_one_of_the_database(text: str, sql: str, counted: str) -> None:
    value = facts(text)

    assert [(a.sql, a.counted, a.condition) for a in value.aggregates] == [(sql, counted, None)]


def test_a_filter_stays_apart_from_its_aggregate() -> None:
    (aggregate,) = facts("sum(x) filter (where kind = 'a' and y > 0) from t").aggregates

    assert aggregate.sql == 'sum("t"."x")'
    assert aggregate.condition == '"t"."kind" = \'a\' AND "t"."y" > 0'


def test_what_stands_around_aggregates_is_a_formula_over_them() -> None:
    value = facts("100 * (count_if(x >= 9) - count_if(x <= 6)) / count(x) from t")

    assert named(value.formula.text) == "100 * (<a0> - <a1>) / NULLIF(<a2>, 0)"


def test_a_formula_is_filled_with_what_its_slots_stand_for() -> None:
    value = facts("sum(x) / sum(y) from t")

    assert value.formula.sql({"a0": "p", "a1": "q"}) == "(p) / NULLIF((q), 0)"


def test_a_condition_is_one_tree_whatever_stands_beside_it() -> None:
    assert facts("count(*) from t where a = 1 or b").condition == '"t"."a" = 1 OR "t"."b"'


def test_a_fact_value_knows_where_its_table_and_columns_stand() -> None:
    text = "sum(x) filter (where y) / count(z) from t where w > x"
    value = facts(text)

    assert (value.table.name, text[value.table.offset :]) == ("t", "t where w > x")
    assert all(text[c.offset :].startswith(c.name) for c in value.columns)
    assert {c.name for c in value.columns} == {"x", "y", "z", "w"}


@pytest.mark.parametrize(
    ("text", "sql"),
    [
        ("x / y", '"t"."x" / NULLIF("t"."y", 0)'),
        ("x / 2", '"t"."x" / 2'),
        ("x / 0", '"t"."x" / NULLIF(0, 0)'),
        ("x / 0.0", '"t"."x" / NULLIF(0.0, 0)'),
        ("x / nullif(y, 5)", '"t"."x" / NULLIF(NULLIF("t"."y", 5), 0)'),
        ("x / (y / z)", '"t"."x" / NULLIF(("t"."y" / NULLIF("t"."z", 0)), 0)'),
    ],
)
def test_no_division_meets_a_zero(text: str, sql: str) -> None:
    assert facts(f"sum({text}) from t").aggregates[0].counted == sql


@pytest.mark.parametrize(("unit", "seconds"), [("minutes", 60), ("hours", 3600), ("days", 86_400)])
def test_time_between_is_a_fraction_of_its_unit(unit: str, seconds: int) -> None:
    (aggregate,) = facts(f"avg({unit}_between(a, b)) from t").aggregates

    assert aggregate.counted == f'((EPOCH_US("t"."b") - EPOCH_US("t"."a")) / {seconds}000000.0)'


def test_time_between_two_aggregates_is_spelt_out_as_well() -> None:
    value = facts("hours_between(min(a), max(b)) from t")

    assert named(value.formula.text) == "((EPOCH_US(<a1>) - EPOCH_US(<a0>)) / 3600000000.0)"


@pytest.mark.parametrize(
    "condition",
    [
        "a",
        "not a",
        "a = 'x' and b <> 2 or c >= 1.5",
        "a in ('x', 'y')",
        "a not in ('x')",
        "a between 1 and 2",
        "a like 'x%'",
        "a not like 'x%'",
        "a is null",
        "a is not null",
        "a is true",
        "case when a then 1 else 2 end = 1",
        "coalesce(a, 0) > 1",
        "lower(a) = 'x' and upper(b) = 'Y'",
        "abs(a) > round(b, 2)",
        "greatest(a, b) < least(c, 1)",
        "nullif(a, 0) = 1",
        "a >= date '2026-01-01'",
        "a >= timestamp '2026-01-01 10:00:00'",
        "hours_between(a, b) > 4",
        "-a < +b",
    ],
)
def test_rows_can_be_chosen_by_every_listed_condition(condition: str) -> None:
    assert facts(f"count(*) from t where {condition}").condition


# --- formulas of metrics ------------------------------------------------------------------------


def test_a_formula_names_its_metrics_in_their_order() -> None:
    text = "1000 * b / (a + b)"
    value = formula(text)

    assert [(n.name, text[n.offset]) for n in value.inputs] == [
        ("b", "b"),
        ("a", "a"),
        ("b", "b"),
    ]
    assert named(value.formula.text) == "1000 * <i0> / NULLIF((<i1> + <i2>), 0)"


def test_a_formula_may_be_another_metric_alone() -> None:
    assert named(formula("a").formula.text) == "<i0>"


@pytest.mark.parametrize(
    "text",
    [
        "coalesce(a, 0) + b",
        "case when a > b then a else b end",
        "round(a / b, 2)",
        "greatest(a, b) - least(a, b)",
    ],
)
def test_formulas_have_the_listed_scalars(text: str) -> None:
    assert {name.name for name in formula(text).inputs} == {"a", "b"}


# --- what is refused ----------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("text", "where", "expected"),
    [
        # counting conditions
        ("count(x > 1) from t", "count", "count(x > 1) counts every row where"),
        ("count(x > 1) from t", "count", "Write count_if(x > 1)."),
        ("count((not x)) from t", "count", "Write count_if((NOT x))."),
        ("count(x in (1)) from t", "count", "counts every row"),
        ("count_if(x + 1) from t", "count_if", "'count_if' takes a condition."),
        ("count_if(*) from t", "count_if", "'count_if(*)' has no meaning."),
        # shapes of aggregates
        ("sum(*) from t", "sum", "'sum(*)' has no meaning. Name a column: sum(x)."),
        ("count(distinct *) from t", "count", "'count(distinct *)' has no meaning."),
        ("sum(distinct x) from t", "sum", "'distinct' goes with count, not with sum."),
        ("count(distinct x, y) from t", "count", "'count' takes 1 argument. Write count(x)."),
        ("count(x, y) from t", "count", "'count' takes 1 argument."),
        ("percentile(x) from t", "percentile", "Write percentile(x, 0.9)."),
        ("percentile(x, 90) from t", "percentile", "is a number from 0 to 1. For example 0.9."),
        ("percentile(x, y) from t", "percentile", "is a number from 0 to 1."),
        ("sum(sum(x)) from t", "sum(x)", "'sum' cannot stand here. One aggregate cannot hold"),
        ("abs(x) filter (where y) from t", "abs", "'filter (where ...)' goes with an aggregate"),
        ("count(*) from t where count(*) > 1", "count(*) > 1", "'count' cannot stand here."),
        ("sum(x) filter (where max(y) > 1) from t", "max", "'max' cannot stand here."),
        # what is not aggregated
        ("x from t", "x", "'x' stands outside an aggregate. For example: sum(x)."),
        ("sum(x) + y from t", "y", "'y' stands outside an aggregate."),
        ("1 from t", "1", "a value from a fact table needs an aggregate. For example: count(*)."),
        ("count(*)", "count", "'count' needs the fact table it is taken from. Add: from TABLE."),
        ("a where b > 1", "a", "'where' needs 'from TABLE' before it."),
        ("5", "5", "a value that is always the same is not a metric."),
        ("sum(x) from t where y + 1", "y", "'where' needs a condition."),
        # outside one fact table
        ("count(*) from t, u", "count", "cannot stand in a value."),
        ("count(*) from t join u on true", "count", "cannot stand in a value."),
        ("count(*) from other.t", "other", "after 'from' stands the name of one fact table."),
        ("count(*) from t as x", "t", "after 'from' stands the name of one fact table."),
        ("count(*) from read_csv('x.csv')", "read_csv", "stands the name of one fact table."),
        ("count(*) from t tablesample 10%", "t", "stands the name of one fact table."),
        ("sum((select 1)) from t", "1", "a subquery cannot stand in a value."),
        ("count(*) from t where x in (select 1)", "x", "'in' takes a list of values."),
        ("count(*) from (select 1)", "", "after 'from' stands the name of one fact table."),
        ("count(*) from t union select 1", "count", "a value is one expression."),
        ("count(*) from t; drop table t", "count", "one expression is expected. Remove the ';'."),
        # other clauses
        ("count(*) from t group by x", "count", "'group' cannot stand in a value."),
        ("count(*) from t limit 1", "count", "'limit' cannot stand in a value."),
        ("count(*), sum(x) from t", "count", "Make each of them a metric of its own."),
        ("from t", "from", "a value is one expression. Write AGGREGATES from TABLE"),
        ("count(*) as n from t", "count", "a value has no name of its own."),
        ("sum(x) over () from t", "sum", "windows (over ...) are not part of a value."),
        # operators and functions that are not listed
        ("sum(x % 2) from t", "x % 2", "'%' is not part of the vocabulary."),
        ("sum(x // 2) from t", "x // 2", "'//' cuts decimals off and fails on a zero. Use '/'."),
        ("count(*) from t where x ilike 'a'", "x ilike", "'x ilike 'a'' is not part of the"),
        ("count(*) from t where x || y = 'a'", "x ||", "'x || y' is not part of the vocabulary."),
        ("count(*) from t where x > current_date", "x >", "'current_date' is not part of the"),
        ("count(*) from t where x = $y", "x =", "'$y' is not part of the vocabulary."),
        ("sum(x::int) from t", "x::int", "a cast cannot stand in a value. Give the column its"),
        ("count(*) from t where x = '1'::int", "'1'", "a cast cannot stand in a value."),
        ("count(*) from t where x::date > y", "x::date", "a cast cannot stand in a value."),
        ("count(*) from t where x = (1, 2)", "", "a list can only stand behind 'in'."),
        ("count(*) from t where t.x > 1", "t.x", "'t.x' has a dot. Columns are named without a"),
        ("count(*) from t where x > now()", "now", "there is no function 'now'. Known functions:"),
        ("count(*) from t where random() > 0", "random", "there is no function 'random'."),
        ("count(*) from t where getenv('HOME') = x", "getenv", "there is no function 'getenv'."),
        ("summ(x) from t", "summ", "there is no function 'summ'. Did you mean 'sum'?"),
        ("avg(hour_between(a, b)) from t", "hour_between", "Did you mean 'hours_between'?"),
        ("avg(hours_between(a)) from t", "hours_", "'hours_between' takes two times. Write"),
        ("stddev(x) from t", "stddev", "there is no function 'stddev'."),
        ("list(x) from t", "list", "there is no function 'list'. Did you mean 'least'?"),
        ("quantile(x, 0.9) from t", "quantile", "there is no function 'quantile'."),
        ("sum(x) + string_agg(y, ',') from t", "string_agg", "there is no function 'string_agg'."),
        ("max(x, y) from t", "max", "'max' takes 1 argument. Write max(x)."),
        ("sum(x ^ 2) from t", "x ^ 2", "'power(x, 2)' is not part of the vocabulary."),
        ("ago(a, 'a year')", "'a year'", "'a year' is not a length of time. For example"),
        ("ago(a + b, '1 year')", "ago", "'ago' takes a metric and a length of time. Write"),
        ("sum(ago(x, '1 year')) from t", "ago", "'ago' looks back from a formula of metrics."),
        ("hours_between(a, b)", "hours_", "'hours_between' takes times, and a metric is a number."),
        # texts that are no expression
        ("sum(x from t", "from t", "not understood near 'from'."),
        ("sum(x)) from t", ") from", "not understood near ')'."),
        ("sum(x) from t where y = 1 and", "and", "incomplete after 'and'."),
        ("count(*) from t where " + "x = 1 and " * 30 + "(y = ) or z", ") or z", "near ')'."),
        ("sum(x) from t where y = 'a", "sum", "a quote is not closed."),
        ("sum(x) from t -- all", "sum", "a comment cannot stand in an expression."),
        ("sum(x) /* all */ from t", "sum", "a comment cannot stand in an expression."),
        ("sum(x) from t where y = '\x02'", "\x02", "an unprintable character."),
        ("sum(" * 101 + "x" + ")" * 101, "sum", "nested deeper than 100. Split it up."),
        ("sum(x) from t where y = 1" + " or y = 1" * 2500, "sum", "longer than 20000 characters."),
    ],
)
def test_what_is_not_listed_is_refused_where_it_stands(
    text: str, where: str, expected: str
) -> None:
    found = refused(text)

    assert [said for rest, said in found if rest.startswith(where) and expected in said], found


@pytest.mark.parametrize(
    "text",
    [
        "summ(x) from t",
        "count(*) from t where x ilike 'a'",
        "count(*) from t where exists (select 1)",
        "quantile(x, 0.9) from t",
    ],
)
def test_one_mistake_is_told_once(text: str) -> None:
    assert len(refused(text)) == 1


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("mean(x) from t", "Write avg(x)."),
        ("count_distinct(x) from t", "Write count(distinct x)."),
        ("quantile_cont(x, 0.9) from t", "Write percentile(x, 0.9)."),
        ("count(*) from t where x = null", "Write x is null."),
        ("count(*) from t where null <> x", "Write x is not null."),
        ("count(*) from t where x >= 2026-03-01", "A day stands in quotes: '2026-03-01'."),
        ("select count(*) from t", "Leave out 'select'."),
        ("a / (select count(*) from t)", "Define it as a metric and use its name."),
    ],
)
def test_what_people_write_elsewhere_is_told_as_it_is_written_here(
    text: str, expected: str
) -> None:
    (found,) = refused(text)

    assert found[1].endswith(expected)


@pytest.mark.parametrize(
    ("text", "linear"),
    [
        ("sum(x) from t", True),
        ("sum(x) - 2 * (count(*) + sum(y) / 60) from t", True),
        ("-sum(x) from t", True),
        ("sum(x) / count(*) from t", False),
        ("sum(x) * count(*) from t", False),
        ("sum(x) + 1 from t", False),
        ("coalesce(sum(x), 0) from t", False),
        ("a - b", True),
        ("100 * a / b", False),
    ],
)
def test_a_linear_formula_only_adds_its_parts(text: str, linear: bool) -> None:
    assert parse_value(text).formula.linear is linear


def test_several_mistakes_are_told_at_once() -> None:
    found = refused("summ(x) from t where y = foo(z) and sum(w) > 1")

    assert [rest.split("(")[0] for rest, _ in found] == ["summ", "foo", "sum"]


def test_every_listed_function_is_accepted() -> None:
    taken = {
        "count_if": "x > 1",
        "percentile": "x, 0.5",
        "percentile_disc": "x, 0.5",
        "nullif": "x, 0",
        "coalesce": "x, 0",
        "greatest": "x, 0",
        "least": "x, 0",
        "days_between": "x, y",
        "hours_between": "x, y",
        "minutes_between": "x, y",
    }

    for name in AGGREGATES:
        assert facts(f"{name}({taken.get(name, 'x')}) from t").aggregates
    for name in SCALARS:
        assert facts(f"max({name}({taken.get(name, 'x')})) from t").aggregates


PIECES = re.findall(
    r"\S+",
    """
    count sum avg median percentile count_if min greatest coalesce case when then else end a b
    from t where filter over select and or not in between like is null true ( ) (* ) * + - / % //
    , . ; ' '' " -- /* */ :: = <> < > 1 0.5 'x' $1 ? [ ] { } || ^ cast as int date '2026-01-01'
    union values lateral unnest distinct interval exists read_csv('x') é \x00
    """,
)


@given(st.lists(st.sampled_from(PIECES), max_size=14).map(" ".join))
@example("")
@example("(")
@example("select")
@example("count(*) from t where")
def test_any_text_is_either_read_or_refused(text: str) -> None:
    try:
        value = parse_value(text)
    except ExpressionRefused as error:
        assert error.mistakes
        assert all(0 <= mistake.offset <= len(text) for mistake in error.mistakes)
        return

    assert isinstance(value, (FactValue, MetricValue))


# --- filters of a question ----------------------------------------------------------------------


def test_the_texts_of_a_filter_become_parameters() -> None:
    condition = parse_condition("region = 'EM''EA' or team in ('a', 'b') and n > 5", prefix="w0_")

    assert condition.sql == ('"t"."region" = $w0_0 OR "t"."team" IN ($w0_1, $w0_2) AND "t"."n" > 5')
    assert dict(condition.parameters) == {"w0_0": "EM'EA", "w0_1": "a", "w0_2": "b"}
    assert [name.name for name in condition.columns] == ["region", "team", "n"]


def test_a_date_of_a_filter_stays_a_date() -> None:
    condition = parse_condition("due >= date '2026-01-01'")

    assert condition.sql == '"t"."due" >= CAST(\'2026-01-01\' AS DATE)'
    assert not condition.parameters


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("", "incomplete"),
        ("region", "a filter must be a condition"),
        ("lower(region)", "a filter must be a condition"),
        ("region = 'a' group by region", "a filter is one condition"),
        ("region = 'a' union select 1", "a filter is one condition"),
        ("region = 'a'; drop table t", "one expression is expected"),
        ("region = 'a' -- or", "a comment cannot stand in an expression"),
        ("region in (select 1)", "'in' takes a list of values"),
        ("count(*) > 1", "'count' cannot stand here"),
        ("t.region = 'a'", "'t.region' has a dot"),
        ("region = 'a", "a quote is not closed"),
        ("region = 'a') or (true", "not understood near ')'"),
    ],
)
def test_a_filter_that_is_no_condition_is_refused(text: str, expected: str) -> None:
    with pytest.raises(ExpressionRefused) as error:
        parse_condition(text)

    assert expected in str(error.value)
