"""Turns the text of a value into checked SQL.

Nothing that a person wrote is ever executed as text. It is parsed, every node of its tree is held
against the allow-list, and SQL is generated anew from the tree with every name quoted.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, replace
from functools import lru_cache
from typing import Any

import sqlglot
from sqlglot import exp
from sqlglot.errors import ParseError, TokenError

from kpi.allowlist import (
    BOOLEANS,
    SECONDS,
    Comparison,
    ExpressionRefused,
    Mistake,
    Mistakes,
    Name,
    aggregate_name,
    arguments_of,
    bare,
    check_aggregate,
    check_node,
    check_outside_aggregates,
    check_row_expression,
    comparisons,
    is_plain_table,
    outermost_aggregates,
)
from kpi.reach import Span, parse_span

# Control characters, and halves of characters, which no database takes.
_UNPRINTABLE = re.compile("[\x00-\x08\x0b\x0c\x0e-\x1f\ud800-\udfff]")

# Rows are read under this alias, so that no output name can shadow a column.
ROW = "t"

_SELECT = re.compile(r"\s*select\b", re.IGNORECASE)
_LONGEST = 20_000
_DEEPEST = 100
_MOST_PARTS = 200
_SLOT = re.compile('"\x01(\\w+)\x01"')
_TEXT = re.compile("'\x01(\\w+)\x01'")


def quoted(name: str) -> str:
    """A name as DuckDB reads it whatever its letters."""
    return '"' + name.replace('"', '""') + '"'


def number(value: float) -> str:
    """A number as SQL. Beside decimals the database would round a fraction to their places."""
    return repr(value) if value.is_integer() else f"CAST({value!r} AS DOUBLE)"


@dataclass(frozen=True)
class Aggregate:
    """One aggregate over the rows of a fact table, as SQL without its filter.

    `counted` is what its n counts: the argument, or `*`. A `count` of no rows is 0, any other
    aggregate of no rows is unknown.
    """

    kind: str
    sql: str
    counted: str
    condition: str | None

    @property
    def is_count(self) -> bool:
        return self.kind in ("count", "count_if")

    @property
    def adds_up(self) -> bool:
        """Whether its values for two sets of rows are together the value for all of them."""
        return self.kind in ("sum", "count", "count_if") and "(DISTINCT " not in self.sql

    @property
    def in_passing(self) -> Aggregate:
        """Another aggregate of the same type that fails over the same rows, yet holds none of them.

        A median holds all that it is taken of, and to count what is distinct holds each.
        """
        if self.kind in ("median", "percentile", "percentile_disc"):
            return replace(self, kind="max", sql=f"max({_exact(self.counted)})")
        if "(DISTINCT " in self.sql:
            return replace(self, sql=f"approx_count_distinct({self.counted})")
        return self


@dataclass(frozen=True)
class Formula:
    """Arithmetic over slots: the aggregates of one table, or other metrics.

    A linear one adds and subtracts its slots, each perhaps times a number: where they add up over
    time, so does it. `ratio` are the two linear ones whose quotient it is, where it is one.
    """

    text: str
    linear: bool = False
    ratio: tuple[Formula, Formula] | None = None

    @property
    def is_one_slot(self) -> bool:
        """Whether it is the value of its only slot as it stands."""
        return not _SLOT.sub("", self.text).strip("() ")

    def sql(self, slots: Mapping[str, str]) -> str:
        """The formula with every slot filled."""
        return _SLOT.sub(lambda match: slots[match[1]], self.text)


@dataclass(frozen=True)
class FactValue:
    """A value computed from the rows of one fact table; slots are the aggregates' positions."""

    table: Name
    aggregates: tuple[Aggregate, ...]
    formula: Formula
    condition: str | None
    columns: tuple[Name, ...]
    comparisons: tuple[Comparison, ...] = ()


@dataclass(frozen=True)
class Input:
    """A metric that a formula names, where it stands, and how long ago it is meant."""

    name: str
    offset: int
    ago: Span | None = None


@dataclass(frozen=True)
class MetricValue:
    """A value computed from other metrics; slots are the inputs' positions."""

    inputs: tuple[Input, ...]
    formula: Formula


@dataclass(frozen=True)
class Condition:
    """A question's filter: SQL with its texts as parameters, and the dimensions it uses."""

    sql: str
    parameters: Mapping[str, str]
    columns: tuple[Name, ...]
    comparisons: tuple[Comparison, ...]


# The same expressions are read again and again: by an edition, by the file, at each save.
@lru_cache(maxsize=1024)
def parse_value(text: str) -> FactValue | MetricValue:
    """Reads `AGGREGATES from TABLE [where CONDITION]`, or a formula of metrics."""
    with _not_too_deep():
        return _value(text)


def _value(text: str) -> FactValue | MetricValue:
    prefix = "select "
    if _SELECT.match(text):
        what = "a value begins with its aggregates, not with 'select'"
        raise ExpressionRefused([Mistake(0, what, "Leave out 'select'.")])
    select = _parse(prefix + text, len(prefix))
    mistakes = Mistakes(prefix + text, len(prefix))
    if not isinstance(select, exp.Select):
        raise ExpressionRefused([Mistake(0, "a value is one expression", _HOW)])
    extra = [
        k
        for k, v in select.args.items()
        if v and k not in ("expressions", "from_", "where", "kind")
    ]
    if extra:
        word = extra[0].rstrip("_").replace("laterals", "lateral")
        mistakes.add(select, f"'{word}' cannot stand in a value", _HOW)
        raise ExpressionRefused(mistakes.found)
    if not select.expressions:
        raise ExpressionRefused([Mistake(0, "a value is one expression", _HOW)])
    if len(select.expressions) != 1:
        mistakes.add(
            select,
            "a value is one expression",
            "Make each of them a metric of its own.",
        )
        raise ExpressionRefused(mistakes.found)
    projection = select.expressions[0]
    if select.args.get("from_") is None:
        if select.args.get("where") is not None:
            mistakes.add(projection, "'where' needs 'from TABLE' before it", _HOW)
            raise ExpressionRefused(mistakes.found)
        return _metric_value(projection, mistakes)
    return _fact_value(select, projection, mistakes)


def columns_alone(table: Name, columns: tuple[Name, ...]) -> FactValue:
    """What is left of a value that is not understood: the columns that it names in a table."""
    rows = Aggregate("count", "count(*)", "*", None)
    return FactValue(table, (rows,), Formula(_sql(_slot("a0"))), None, columns)


def parse_condition(text: str, prefix: str = "w") -> Condition:
    """Reads a question's filter over dimensions, for example `region = 'EMEA'`."""
    with _not_too_deep():
        return _condition(text, prefix)


def _condition(text: str, prefix: str) -> Condition:
    opening = "select 1 where "
    select = _parse(opening + text, len(opening))
    mistakes = Mistakes(opening + text, len(opening))
    extra = [k for k, v in select.args.items() if v and k not in ("expressions", "where", "kind")]
    if not isinstance(select, exp.Select) or extra:
        raise ExpressionRefused([Mistake(0, "a filter is one condition", _WHERE)])
    condition = select.args["where"].this
    if not isinstance(bare(condition), BOOLEANS):
        mistakes.add(condition, "a filter must be a condition", _WHERE)
    columns = check_row_expression(condition, mistakes)
    mistakes.raise_if_any()
    compared = tuple(comparisons(condition, mistakes))
    parameters: dict[str, str] = {}
    for literal in condition.find_all(exp.Literal):
        if literal.is_string and not isinstance(literal.parent, exp.Cast):
            name = f"{prefix}{len(parameters)}"
            parameters[name] = literal.this
            # Marked where it stands: replacing nodes one by one takes minutes in a long list.
            literal.set("this", f"\x01{name}\x01")
    sql = _TEXT.sub(r"$\1", _sql(_row_sql(condition)))
    return Condition(sql, parameters, columns, compared)


_HOW = "Write AGGREGATES from TABLE [where CONDITION], or a formula of metrics."
_WHERE = "Write one over dimensions, for example region = 'EMEA'."


@contextmanager
def _not_too_deep() -> Iterator[None]:
    # Parsing, checking and writing a tree all walk it by recursion.
    try:
        yield
    except RecursionError as error:
        raise ExpressionRefused([Mistake(0, "nested too deeply", "Split it up.")]) from error


def _not_too_many(parts: int) -> None:
    if parts > _MOST_PARTS:
        what = f"a value of {parts} parts, which are more than {_MOST_PARTS}"
        raise ExpressionRefused([Mistake(0, what, "Make several metrics of it.")])


def _parse(sql: str, shift: int) -> exp.Expr:
    if len(sql) > _LONGEST:
        raise ExpressionRefused([Mistake(0, f"longer than {_LONGEST} characters", "Shorten it.")])
    unprintable = next((match.start() for match in _UNPRINTABLE.finditer(sql)), None)
    if unprintable is not None:
        raise ExpressionRefused([Mistake(unprintable - shift, "an unprintable character")])
    # Each level costs the parser much time.
    depth = deepest = 0
    for character in sql:
        depth += (character == "(") - (character == ")")
        deepest = max(deepest, depth)
    if deepest > _DEEPEST or sql.count("[") > _DEEPEST:
        raise ExpressionRefused([Mistake(0, f"nested deeper than {_DEEPEST}", "Split it up.")])
    try:
        trees = sqlglot.parse(sql, dialect="duckdb")
    except ParseError as error:
        raise ExpressionRefused([_not_understood(sql, shift, error.errors[0])]) from error
    except TokenError as error:
        raise ExpressionRefused([Mistake(0, "a quote is not closed", "Close it.")]) from error
    if len(trees) != 1 or trees[0] is None:
        raise ExpressionRefused([Mistake(0, "one expression is expected", "Remove the ';'.")])
    tree = trees[0]
    # Not all that is written in a comment is kept in the tree.
    perhaps = "--" in sql or "/*" in sql
    if perhaps and any(token.comments for token in sqlglot.tokenize(sql, dialect="duckdb")):
        raise ExpressionRefused(
            [
                Mistake(
                    0,
                    "a comment cannot stand in an expression",
                    "Put it behind a YAML '#'.",
                )
            ]
        )
    return tree


def _not_understood(sql: str, shift: int, error: Mapping[str, Any]) -> Mistake:
    before, word, after = (error[k] for k in ("start_context", "highlight", "end_context"))
    # The parser tells the line and column of the word's end; its surroundings tell the beginning.
    offset = max(sql.find(before + word + after) + len(before) - shift, 0)
    fix = "Check commas, brackets and quotes."
    if after.strip() or not error["description"].startswith("Required"):
        return Mistake(offset, f"not understood near '{word}'", fix)
    return Mistake(offset, f"incomplete after '{word}'" if offset else "incomplete", fix)


def _metric_value(projection: exp.Expr, mistakes: Mistakes) -> MetricValue:
    inner = projection.find(exp.Subquery, exp.Select)
    if inner is not None:
        check_node(inner, mistakes)
        raise ExpressionRefused(mistakes.found)
    aggregate = next((n for n in projection.walk() if aggregate_name(n)), None)
    if aggregate is not None:
        what = f"'{aggregate_name(aggregate)}' needs the fact table it is taken from"
        mistakes.add(aggregate, what, "Add: from TABLE.")
        raise ExpressionRefused(mistakes.found)
    holder = exp.Paren(this=projection.copy())
    named: dict[int, tuple[exp.Expr, Input]] = {}
    for node in list(holder.find_all(exp.Anonymous)):
        looked_back = _ago(node, mistakes) if str(node.this).lower() == "ago" else None
        if looked_back is not None:
            named[looked_back.offset] = (node, looked_back)
    for column in list(holder.find_all(exp.Column)):
        offset = mistakes.offset(column)
        named.setdefault(offset, (column, Input(column.name, offset)))
    _not_too_many(len(named))
    # In the order of the text, which a tree does not keep.
    inputs = [named[offset][1] for offset in sorted(named)]
    for index, offset in enumerate(sorted(named)):
        named[offset][0].replace(_slot(f"i{index}"))
    mistakes.raise_if_any()
    check_row_expression(holder.this, mistakes)
    mistakes.raise_if_any()
    for function in holder.find_all(exp.Anonymous):
        what = f"'{function.this.lower()}' takes times, and a metric is a number"
        mistakes.add(function, what, f"For example: avg({function.this.lower()}(a, b)) from TABLE.")
    mistakes.raise_if_any()
    if not inputs:
        mistakes.add(projection, "a value that is always the same is not a metric", _HOW)
        raise ExpressionRefused(mistakes.found)
    return MetricValue(tuple(inputs), _formula(_safe_division(holder.this)))


def _ago(node: exp.Anonymous, mistakes: Mistakes) -> Input | None:
    arguments = node.expressions
    named = len(arguments) == 2 and isinstance(arguments[0], exp.Column) and not arguments[0].table
    if not named or not (isinstance(arguments[1], exp.Literal) and arguments[1].is_string):
        mistakes.add(
            node,
            "'ago' takes a metric and a length of time",
            "Write ago(nps, '1 year').",
        )
        return None
    span = parse_span(arguments[1].this)
    if span is None:
        what = f"'{arguments[1].this}' is not a length of time"
        mistakes.add(arguments[1], what, "For example '1 year', '4 weeks' or '2 quarters'.")
        return None
    return Input(arguments[0].name, mistakes.offset(arguments[0]), span)


def _fact_value(select: exp.Select, projection: exp.Expr, mistakes: Mistakes) -> FactValue:
    table = select.args["from_"].this
    if not is_plain_table(table):
        mistakes.add(
            table,
            "after 'from' stands the name of one fact table",
            "For example: from incidents.",
        )
        raise ExpressionRefused(mistakes.found)
    where = select.args.get("where")
    columns: list[Name] = []
    found: list[Aggregate] = []
    holder = exp.Paren(this=projection.copy())
    for node in outermost_aggregates(projection):
        columns += check_aggregate(node, mistakes)
    columns += check_outside_aggregates(projection, mistakes)
    if where is not None:
        before = len(mistakes.found)
        columns += check_row_expression(where.this, mistakes)
        understood = len(mistakes.found) == before
        if understood and not isinstance(bare(where.this), (*BOOLEANS, exp.Column)):
            mistakes.add(where.this, "'where' needs a condition", "For example: where x > 0.")
    start = table.this.meta.get("start", 0)
    named = Name(table.name, max(start - mistakes.shift, 0))
    if mistakes.found:
        raise ExpressionRefused(mistakes.found, named, columns)
    compared = [*comparisons(projection, mistakes)]
    compared += comparisons(where.this, mistakes) if where is not None else ()
    aggregates = list(outermost_aggregates(holder.this))
    _not_too_many(len(aggregates))
    for index, node in enumerate(aggregates):
        found.append(_aggregate(node))
        node.replace(_slot(f"a{index}"))
    if not found:
        mistakes.add(
            projection,
            "a value from a fact table needs an aggregate",
            "For example: count(*).",
        )
        raise ExpressionRefused(mistakes.found)
    condition = _sql(_row_sql(where.this.copy())) if where is not None else None
    return FactValue(
        table=named,
        aggregates=tuple(found),
        formula=_formula(_spelt_out(holder.this)),
        condition=condition,
        columns=tuple(columns),
        comparisons=tuple(compared),
    )


def _aggregate(node: exp.Expr) -> Aggregate:
    condition = None
    if isinstance(node, exp.Filter):
        condition = _sql(_row_sql(node.expression.this.copy()))
        node = node.this
    kind = aggregate_name(node)
    assert kind is not None
    arguments = arguments_of(node)
    distinct = isinstance(node.this, exp.Distinct)
    if kind == "count" and isinstance(arguments[0], exp.Star):
        return Aggregate(kind, "count(*)", "*", condition)
    value = _sql(_row_sql(arguments[0].copy()))
    exact = _exact(value)
    share = arguments[1].sql() if len(arguments) > 1 else ""
    sql = {
        "median": f"median({exact})",
        "percentile": f"quantile_cont({exact}, {share})",
        "percentile_disc": f"quantile_disc({exact}, {share})",
        "count": f"count(DISTINCT {value})" if distinct else f"count({value})",
    }.get(kind, f"{kind}({value})")
    return Aggregate(kind, sql, value, condition)


def _exact(value: str) -> str:
    # DuckDB cuts decimals off when it takes the quantile of a DECIMAL.
    return f"CAST({value} AS DOUBLE)"


def _row_sql(tree: exp.Expr) -> exp.Expr:
    """The tree as DuckDB runs it on rows: columns are those of the row's alias."""
    holder = exp.Paren(this=tree)
    for column in list(holder.find_all(exp.Column)):
        column.set("this", exp.to_identifier(column.name, quoted=True))
        column.set("table", exp.to_identifier(ROW, quoted=True))
    return _spelt_out(holder.this)


def _spelt_out(tree: exp.Expr) -> exp.Expr:
    """The tree in functions that DuckDB knows."""
    holder = exp.Paren(this=tree)
    for node in list(holder.find_all(exp.Anonymous)):
        seconds = SECONDS[str(node.this).lower()]
        earlier, later = (
            exp.func("epoch_us", e.copy(), dialect="duckdb") for e in node.expressions
        )
        # Microseconds, so that a second begun does not count as a second passed.
        micros = exp.Paren(this=exp.Sub(this=later, expression=earlier))
        node.replace(
            exp.Paren(
                this=exp.Div(
                    this=micros,
                    expression=exp.Literal.number(f"{seconds * 1_000_000}.0"),
                )
            )
        )
    return _safe_division(holder.this)


def _safe_division(tree: exp.Expr) -> exp.Expr:
    """A division by zero is unknown; DuckDB would call it infinite."""
    for node in tree.find_all(exp.Div):
        divisor = node.expression
        if not isinstance(divisor, exp.Literal) or float(divisor.this) == 0:
            zero = exp.Literal.number(0)
            node.set("expression", exp.Nullif(this=divisor.copy(), expression=zero))
    return tree


def _formula(tree: exp.Expr) -> Formula:
    parts = _divided(tree)
    if parts is None or not all(_is_linear(part) for part in parts):
        return Formula(_sql(tree), _is_linear(tree))
    above, below = (Formula(_sql(part), linear=True) for part in parts)
    return Formula(_sql(tree), _is_linear(tree), (above, below))


def _divided(tree: exp.Expr) -> tuple[exp.Expr, exp.Expr] | None:
    """What is divided by what, a number before or behind it included; None for no division."""
    tree = bare(tree)
    if isinstance(tree, exp.Mul):
        for factor, other in ((tree.this, tree.expression), (tree.expression, tree.this)):
            parts = _divided(other) if isinstance(bare(factor), exp.Literal) else None
            if parts is not None:
                above = exp.Mul(this=factor.copy(), expression=exp.Paren(this=parts[0].copy()))
                return above, parts[1]
    # A division by anything but a number is safe by now: its divisor is `nullif(divisor, 0)`.
    if isinstance(tree, exp.Div) and isinstance(tree.expression, exp.Nullif):
        return tree.this, tree.expression.this
    return None


def _is_linear(tree: exp.Expr) -> bool:
    if isinstance(tree, exp.Paren | exp.Neg):
        return _is_linear(tree.this)
    if isinstance(tree, exp.Add | exp.Sub):
        return _is_linear(tree.this) and _is_linear(tree.expression)
    if isinstance(tree, exp.Mul):
        sides = (bare(tree.this), bare(tree.expression))
        numbers = [isinstance(side, exp.Literal) for side in sides]
        return any(numbers) and not all(numbers) and _is_linear(sides[numbers.index(False)])
    if isinstance(tree, exp.Div):
        return isinstance(bare(tree.expression), exp.Literal) and _is_linear(tree.this)
    return isinstance(tree, exp.Column)


def _slot(name: str) -> exp.Expr:
    return exp.Paren(this=exp.column(f"\x01{name}\x01", quoted=True))


def _sql(tree: exp.Expr) -> str:
    return tree.sql(dialect="duckdb", identify=True)
