"""The allow-list: everything that an analyst may write in an expression, and what is wrong else."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass

from sqlglot import exp

from kpi.yaml_text import nearest

AGGREGATES = (
    "sum",
    "count",
    "count_if",
    "avg",
    "min",
    "max",
    "median",
    "percentile",
    "percentile_disc",
)
SCALARS = (
    "abs",
    "coalesce",
    "days_between",
    "greatest",
    "hours_between",
    "least",
    "lower",
    "minutes_between",
    "nullif",
    "round",
    "upper",
)

_AGGREGATE_NODES: dict[type[exp.Expr], str] = {
    exp.Sum: "sum",
    exp.Count: "count",
    exp.CountIf: "count_if",
    exp.Avg: "avg",
    exp.Min: "min",
    exp.Max: "max",
    exp.Median: "median",
    exp.PercentileDisc: "percentile_disc",
}
BOOLEANS = (
    exp.EQ,
    exp.NEQ,
    exp.GT,
    exp.GTE,
    exp.LT,
    exp.LTE,
    exp.And,
    exp.Or,
    exp.Not,
    exp.Is,
    exp.In,
    exp.Between,
    exp.Like,
    exp.Boolean,
)
_COMPARISONS = (exp.EQ, exp.NEQ, exp.GT, exp.GTE, exp.LT, exp.LTE)
_DATE = re.compile(r"\d{4} - \d{1,2} - \d{1,2}")
_OPERATORS = (
    *BOOLEANS,
    exp.Add,
    exp.Sub,
    exp.Mul,
    exp.Div,
    exp.Neg,
    exp.Paren,
    exp.Case,
    exp.If,
    exp.Literal,
    exp.Null,
    exp.Abs,
    exp.Coalesce,
    exp.Greatest,
    exp.Least,
    exp.Lower,
    exp.Nullif,
    exp.Round,
    exp.Upper,
)
SECONDS = {"minutes_between": 60, "hours_between": 3600, "days_between": 86400}
# What people call a function elsewhere -> how it is written here.
_ELSEWHERE = {
    "average": "avg(x)",
    "mean": "avg(x)",
    "cnt": "count(*)",
    "count_distinct": "count(distinct x)",
    "countif": "count_if(condition)",
    "sum_if": "sum(x) filter (where condition)",
    "percentile_cont": "percentile(x, 0.9)",
    "quantile": "percentile(x, 0.9)",
    "quantile_cont": "percentile(x, 0.9)",
    "quantile_disc": "percentile_disc(x, 0.9)",
    "ifnull": "coalesce(x, 0)",
    "datediff": "days_between(earlier, later)",
    "date_diff": "days_between(earlier, later)",
}
_OPENED = re.compile(r"(\w+)\s*\(\s*$")
_CALL = re.compile(r"(\w+)\s*\(")
_ADVICE: dict[type[exp.Expr], tuple[str, str]] = {
    exp.Alias: ("a value has no name of its own", "Remove the words behind the expression."),
    exp.Mod: ("'%' is not part of the vocabulary", "It fails on a zero; use a condition instead."),
    exp.IntDiv: ("'//' cuts decimals off and fails on a zero", "Use '/'."),
    exp.Window: ("windows (over ...) are not part of a value", "Use an aggregate over the period."),
    exp.Subquery: ("a subquery cannot stand in a value", "Define it as a metric and use its name."),
    exp.Select: ("a subquery cannot stand in a value", "Define it as a metric and use its name."),
}


@dataclass(frozen=True)
class Mistake:
    """What is wrong in an expression, at which character of its text, and one fix."""

    offset: int
    what: str
    fix: str = ""


class ExpressionRefused(Exception):
    """An expression outside the allow-list, with every mistake in it.

    `table` and `columns` are what it names all the same, where that much is understood.
    """

    def __init__(
        self,
        mistakes: Iterable[Mistake],
        table: Name | None = None,
        columns: Iterable[Name] = (),
    ) -> None:
        self.mistakes = tuple(mistakes)
        self.table = table
        self.columns = tuple(columns)
        super().__init__(" ".join(f"{m.what}. {m.fix}".strip() for m in self.mistakes))


@dataclass(frozen=True)
class Name:
    """A name that an expression uses, and where it stands in the text."""

    name: str
    offset: int


class Mistakes:
    """The mistakes found in a text that was parsed with a few characters put before it."""

    def __init__(self, sql: str, shift: int) -> None:
        self.found: list[Mistake] = []
        self.shift = shift
        self._sql = sql

    def add(self, node: exp.Expr, what: str, fix: str = "") -> None:
        self.found.append(Mistake(self.offset(node), what, fix))

    def offset(self, node: exp.Expr) -> int:
        """Where the node begins in the text."""
        call = self._call(node)
        start = call.start() if call else _start(node)
        if start is None and node.parent is not None:
            # Not every node knows its place; what stands around it is near enough.
            return self.offset(node.parent)
        return max((start or 0) - self.shift, 0)

    def function(self, node: exp.Expr) -> str | None:
        """The name of the function that is called here, as it is written."""
        call = self._call(node)
        return call[1].lower() if call else None

    def _call(self, node: exp.Expr) -> re.Match[str] | None:
        if not isinstance(node, exp.Func):
            return None
        if "start" in node.meta:
            return _CALL.match(self._sql, node.meta["start"])
        # A function that does not know its place stands before its first argument.
        written_within = isinstance(node, (exp.Binary, exp.Cast))  # x ^ 2, x::int
        first = None if written_within else _start(node)
        return _OPENED.search(self._sql, 0, first) if first is not None else None

    def raise_if_any(self) -> None:
        if self.found:
            raise ExpressionRefused(self.found)


def _start(node: exp.Expr) -> int | None:
    return min((n.meta["start"] for n in node.walk() if "start" in n.meta), default=None)


def check_aggregate(node: exp.Expr, mistakes: Mistakes) -> list[Name]:
    columns: list[Name] = []
    if isinstance(node, exp.Filter):
        columns += check_row_expression(node.expression.this, mistakes)
        node = node.this
    kind = aggregate_name(node)
    if kind is None:
        mistakes.add(node, "'filter (where ...)' goes with an aggregate", "Put it behind one.")
        return columns
    arguments = arguments_of(node)
    wanted = 2 if kind in ("percentile", "percentile_disc") else 1
    if len(arguments) != wanted:
        example = "percentile(x, 0.9)" if wanted == 2 else f"{kind}(x)"
        mistakes.add(
            node, f"'{kind}' takes {wanted} argument{'s' * (wanted > 1)}", f"Write {example}."
        )
        return columns
    if wanted == 2 and not _is_share(arguments[1]):
        mistakes.add(node, f"the share of '{kind}' is a number from 0 to 1", "For example 0.9.")
    argument = arguments[0]
    if isinstance(argument, exp.Star):
        distinct = "distinct " * isinstance(node.this, exp.Distinct)
        if kind != "count" or distinct:
            what = f"'{kind}({distinct}*)' has no meaning"
            mistakes.add(node, what, f"Name a column: {kind}({distinct}x).")
        return columns
    if isinstance(node.this, exp.Distinct) and kind != "count":
        mistakes.add(node, f"'distinct' goes with count, not with {kind}", "Remove it.")
    if kind == "count" and isinstance(bare(argument), BOOLEANS):
        condition = argument.sql("duckdb")
        what = f"count({condition}) counts every row where the condition is known, also where false"
        mistakes.add(node, what, f"Write count_if({condition}).")
    if kind == "count_if" and not isinstance(bare(argument), (*BOOLEANS, exp.Column)):
        mistakes.add(node, "'count_if' takes a condition", "For example count_if(score >= 9).")
    return columns + list(check_row_expression(argument, mistakes))


def check_row_expression(tree: exp.Expr, mistakes: Mistakes) -> tuple[Name, ...]:
    """Checks an expression over single rows (or metrics); returns the names it uses."""
    columns: list[Name] = []

    def visit(node: exp.Expr) -> None:
        if isinstance(node, exp.Column):
            if node.table:
                mistakes.add(
                    node, f"'{node.sql()}' has a dot", "Columns are named without a table."
                )
            columns.append(Name(node.name, mistakes.offset(node)))
            return
        if aggregate_name(node):
            mistakes.add(
                node,
                f"'{aggregate_name(node)}' cannot stand here",
                "One aggregate cannot hold another, and a condition looks at single rows.",
            )
            return
        # What a function of another name is given is known all the same.
        if check_node(node, mistakes) or isinstance(node, exp.Anonymous):
            for child in node.iter_expressions():
                visit(child)

    visit(tree)
    return tuple(columns)


def check_node(node: exp.Expr, mistakes: Mistakes) -> bool:
    """Whether a node is on the allow-list; notes a mistake where it is not."""
    if isinstance(node, (exp.Identifier, exp.DataType, exp.Tuple)) and node.parent is not None:
        if isinstance(node, exp.Tuple) and not isinstance(node.parent, exp.In):
            mistakes.add(node, "a list can only stand behind 'in'")
            return False
        return True
    if isinstance(node, exp.In) and not node.expressions:
        mistakes.add(node, "'in' takes a list of values", "For example: in ('sev1', 'sev2').")
        return False
    if isinstance(node, exp.Cast):
        if isinstance(node.this, exp.Literal) and node.to.this in (
            exp.DataType.Type.DATE,
            exp.DataType.Type.TIMESTAMPNTZ,
        ):
            return True
        mistakes.add(
            node, "a cast cannot stand in a value", "Give the column its type in sources.yaml."
        )
        return False
    if isinstance(node, exp.Anonymous):
        return _check_function(node, mistakes)
    if isinstance(node, _COMPARISONS) and any(isinstance(side, exp.Null) for side in _sides(node)):
        named = next((side.sql() for side in _sides(node) if isinstance(side, exp.Column)), "x")
        is_not = " not" * isinstance(node, exp.NEQ)
        fix = f"Write {named} is{is_not} null."
        mistakes.add(node, "nothing is equal to null, not even null", fix)
        return False
    if isinstance(node, exp.Sub) and _DATE.fullmatch(node.sql()):
        day = node.sql().replace(" ", "")
        mistakes.add(node, f"{day} is a subtraction", f"A day stands in quotes: '{day}'.")
        return False
    if type(node) in _OPERATORS:
        return True
    what, fix = _ADVICE.get(type(node), (None, ""))
    if what is not None:
        mistakes.add(node, what, fix)
        return False
    name = mistakes.function(node)
    if name is not None:
        mistakes.add(node, f"there is no function '{name}'", _nearest_function(name))
    else:
        written = node.sql(dialect="duckdb").lower()
        fix = "Use arithmetic, comparisons, and, or, not, in, between, like, is, case."
        mistakes.add(node, f"'{written}' is not part of the vocabulary", fix)
    return False


def _check_function(node: exp.Anonymous, mistakes: Mistakes) -> bool:
    name = str(node.this).lower()
    if name == "ago":
        what = "'ago' looks back from a formula of metrics"
        mistakes.add(node, what, "Name a metric: ago(nps, '1 year').")
        return False
    if name not in SECONDS:
        mistakes.add(node, f"there is no function '{name}'", _nearest_function(name))
        return False
    if len(node.expressions) != 2:
        mistakes.add(node, f"'{name}' takes two times", f"Write {name}(earlier, later).")
        return False
    return True


def _nearest_function(name: str) -> str:
    known = (*AGGREGATES, *SCALARS)
    if name in _ELSEWHERE:
        return f"Write {_ELSEWHERE[name]}."
    return nearest(name, known) or f"Known functions: {', '.join(known)}."


def _sides(node: exp.Expr) -> tuple[exp.Expr, exp.Expr]:
    return bare(node.this), bare(node.expression)


@dataclass(frozen=True)
class Comparison:
    """A column that is compared with something written out: a text, or a number as it stands."""

    column: str
    value: Name
    is_text: bool
    is_equality: bool


def comparisons(tree: exp.Expr, mistakes: Mistakes) -> Iterator[Comparison]:
    """Every comparison of a column with a literal in an expression over rows."""
    for node in tree.find_all(*_COMPARISONS, exp.In, exp.Between):
        others = [bare(each) for each in node.iter_expressions()]
        columns = [each for each in others if isinstance(each, exp.Column)]
        if len(columns) != 1:
            continue
        for literal in others:
            if isinstance(literal, exp.Literal):
                value = Name(literal.this, mistakes.offset(literal))
                is_equality = isinstance(node, exp.EQ | exp.NEQ | exp.In)
                yield Comparison(columns[0].name, value, literal.is_string, is_equality)


def outermost_aggregates(tree: exp.Expr) -> Iterator[exp.Expr]:
    if isinstance(tree, exp.Filter) or aggregate_name(tree):
        yield tree
        return
    for child in tree.iter_expressions():
        yield from outermost_aggregates(child)


def check_outside_aggregates(tree: exp.Expr, mistakes: Mistakes) -> list[Name]:
    """Checks what stands around the aggregates of a value; returns columns that it names."""
    if isinstance(tree, exp.Filter) or aggregate_name(tree):
        return []
    if isinstance(tree, exp.Column):
        fix = f"For example: sum({tree.name})."
        mistakes.add(tree, f"'{tree.name}' stands outside an aggregate", fix)
        return []
    columns: list[Name] = []
    allowed = check_node(tree, mistakes)
    for child in tree.iter_expressions():
        if allowed or next(outermost_aggregates(child), None) is not None:
            columns += check_outside_aggregates(child, mistakes)
        elif isinstance(tree, exp.Anonymous):
            # An aggregate that is misspelt has columns all the same.
            columns += check_row_expression(child, mistakes)
    return columns


def aggregate_name(node: exp.Expr) -> str | None:
    if isinstance(node, exp.Anonymous) and str(node.this).lower() == "percentile":
        return "percentile"
    # Greatest and Least are other classes; Max and Min with one argument are the aggregates.
    return _AGGREGATE_NODES.get(type(node))


def arguments_of(node: exp.Expr) -> list[exp.Expr]:
    if isinstance(node.this, exp.Distinct):
        return list(node.this.expressions)
    return list(node.iter_expressions())


def _is_share(node: exp.Expr) -> bool:
    return isinstance(node, exp.Literal) and not node.is_string and 0 <= float(node.this) <= 1


def is_plain_table(node: exp.Expr) -> bool:
    if not isinstance(node, exp.Table) or not isinstance(node.this, exp.Identifier):
        return False
    # The text of a file name or an address is parsed as a name, too.
    if not re.fullmatch(r"\w+", node.name):
        return False
    return not any(value for key, value in node.args.items() if key != "this")


def bare(node: exp.Expr) -> exp.Expr:
    while isinstance(node, exp.Paren):
        node = node.this
    return node
