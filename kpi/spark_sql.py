"""Writes a compiled statement as Spark SQL that gives the same numbers, or refuses in words.

SQLGlot reads the statement and writes the new one, but of its own translations none is trusted:
some change numbers silently. Every node of a statement either means the same in both engines
(`_ALIKE`), or has a rule here, or is refused; the tests hold every one against DuckDB.

The rules rest on the session's `SETTINGS`.
"""

from __future__ import annotations

import datetime as dt
import itertools
import re
from collections.abc import Callable, Mapping, Sequence
from decimal import Decimal
from typing import Any, TypeVar

import sqlglot
from sqlglot import exp

from kpi.compiler import Statement
from kpi.questions import NotComputable
from kpi.spark_literals import literal
from kpi.spark_types import COLUMN_TYPE, Types, column_type

# What the translated text takes for granted of the session that runs it.
SETTINGS = {
    # Facts are naive UTC; a conversion must not move them.
    "spark.sql.session.timeZone": "UTC",
    "spark.sql.timestampType": "TIMESTAMP_NTZ",
    # An overflow or a text that is no number is an error, as in DuckDB, and not a null.
    "spark.sql.ansi.enabled": "true",
    "spark.sql.ansi.enforceReservedKeywords": "false",
    # What has too many digits is an error; by default decimal places would be cut off.
    "spark.sql.decimalOperations.allowPrecisionLoss": "false",
    "spark.sql.caseSensitive": "false",
    "spark.sql.groupByOrdinal": "true",
    "spark.sql.parser.escapedStringLiterals": "false",
    "spark.sql.legacy.percentileDiscCalculation": "false",
}

_FACTS = "facts_"
DAYS = "kpi_days"


class EngineRefused(NotComputable):
    """A question that another engine cannot answer with exactly the same number, and why."""


def view_name(table: str) -> str:
    """The view under which a statement finds a fact table; no name of a step is like it."""
    return f"{_FACTS}{table}"


def spark_sql(statement: Statement, columns: Mapping[str, Mapping[str, str]]) -> str:
    """The statement as one text of Spark SQL, its parameters written into it.

    `columns` are the names and DuckDB types of the columns of each fact table. Fact tables are read
    from their `view_name`, the calendar's days from `DAYS`. Raises EngineRefused.
    """
    tree = sqlglot.parse_one(statement.sql, dialect="duckdb")
    assert isinstance(tree, exp.Query)
    return _Translation(tree, statement.parameters, columns).sql()


# --- what means the same -------------------------------------------------------------------------

_ALIKE: tuple[type[exp.Expr], ...] = (
    # the frame of a statement
    exp.Select,
    exp.With,
    exp.CTE,
    exp.TableAlias,
    exp.From,
    exp.Join,
    exp.Where,
    exp.Group,
    exp.GroupingSets,
    exp.Grouping,
    exp.Tuple,
    exp.Order,
    exp.Ordered,
    exp.Subquery,
    exp.Distinct,
    exp.Alias,
    exp.Identifier,
    exp.Star,
    # logic; `<=>` is IS NOT DISTINCT FROM
    exp.And,
    exp.Or,
    exp.Not,
    exp.Paren,
    exp.EQ,
    exp.NEQ,
    exp.GT,
    exp.LT,
    exp.LTE,
    exp.Is,
    exp.In,
    exp.Between,
    exp.NullSafeEQ,
    exp.Boolean,
    exp.Null,
    # arithmetic: both keep decimals exact and refuse what overflows
    exp.Mul,
    exp.Neg,
    exp.Abs,
    exp.Pow,
    exp.Sqrt,
    exp.Nullif,
    exp.Case,
    exp.If,
    # aggregates; `day` is taken of a DATE only
    exp.Count,
    exp.CountIf,
    exp.ApproxDistinct,
    exp.Min,
    exp.Max,
    exp.Day,
)
# Functions whose names and meanings are the same, though SQLGlot would write some otherwise: here
# `greatest` and `least` leave nulls out in both engines.
_SAME_NAME: dict[type[exp.Expr], str] = {
    exp.Coalesce: "coalesce",
    exp.Greatest: "greatest",
    exp.Least: "least",
}
_CASTS = {"DATE": "DATE", "TEXT": "STRING", "BIGINT": "BIGINT", "INT": "INT", "DOUBLE": "DOUBLE"}
_DAY = re.compile(r"\d{4}-\d{1,2}-\d{1,2}")
# A time that names its offset from UTC, which Spark would leave out when it reads the text.
_ZONED = re.compile(r"\s*\d+-\d+-\d+[T ]\s*\d+:.*([+-]\s*\d+(:?\d+)*|Z|z|[A-Za-z]+)\s*")
_LARGEST = 2**63
# Letters that are changed here before Spark changes the others.
_LETTERS = {"upper": ("ß", "ẞ"), "lower": ("Σİ", "σi")}
# Letters that Spark changes in another way than DuckDB; newer alphabets only Spark knows.
RARE = (
    "[\u0149\u019b\u01f0\u0264\u0390\u03b0\u0587\u1c80-\u1c8f\u1e96-\u1e9a\u1f50-\u1fff"
    "\ua7cb-\ua7dc\ufb00-\ufb17\U00010d50-\U00010d85\U00016ea0-\U00016ed3]"
)

_Node = TypeVar("_Node", bound=exp.Expr)


def _raw(text: str) -> exp.Expr:
    return exp.Var(this=text)


def _call(name: str, *arguments: exp.Expr) -> exp.Expr:
    return exp.Anonymous(this=name, expressions=list(arguments))


def _cast(node: exp.Expr, to: str) -> exp.Expr:
    # Spelt out here, for SQLGlot would write a function of its own instead of some casts.
    return _call("CAST", exp.Alias(this=node, alias=exp.Var(this=to)))


class _Translation:
    """One statement on its way from DuckDB's tree to Spark's."""

    def __init__(
        self,
        tree: exp.Query,
        parameters: Mapping[str, Any],
        columns: Mapping[str, Mapping[str, str]],
    ) -> None:
        self.tree = tree
        self.parameters = parameters
        self.columns = columns
        self.steps: dict[str, exp.Query] = {cte.alias: cte.this for cte in tree.find_all(exp.CTE)}
        self.types = Types(self.steps, parameters, columns)

    def sql(self) -> str:
        self._check_columns()
        self._check_keys()
        return self._of(self.tree).sql(dialect="spark", identify=True)

    # --- refusals ---------------------------------------------------------------------------

    def _refuse(self, what: str, node: exp.Expr | None = None) -> EngineRefused:
        """A refusal that names the tables around a node and the asked metrics."""
        within = node.find_ancestor(exp.CTE) if node is not None else None
        place = within or self.tree
        tables = list(dict.fromkeys(t.name for t in place.find_all(exp.Table) if t.db == "main"))
        aliases = [each.alias for each in self.tree.selects if isinstance(each, exp.Alias)]
        metrics = [name for name in aliases if f"{name} n" in aliases]
        words = [f"Spark cannot {what}"]
        for noun, named in (("metric", metrics), ("table", tables)):
            if named:
                words.append(f"{noun}{'s' * (len(named) > 1)} {', '.join(named)}")
        return EngineRefused(f"{words[0]}: {', '.join(words[1:])}." if words[1:] else words[0])

    def _check_columns(self) -> None:
        for column in self.tree.find_all(exp.Column):
            for table in self.types.tables_around(column):
                kind = column_type(self.columns.get(table, {}), column.name)
                if kind is not None and not COLUMN_TYPE.fullmatch(kind):
                    what = f"take the column '{column.name}', which is a {kind}, as it is"
                    raise self._refuse(what, column)

    def _check_keys(self) -> None:
        """A dimension must be of one type in all tables: Spark reads a text beside a number as one,
        so that '05' and 5 would become one key."""
        keys = self.steps.get("keys")
        for index in range(len(keys.selects) if keys is not None else 0):
            kinds = set()
            for name, step in self.steps.items():
                for selected in step.selects if re.fullmatch(r"f\d+", name) else ():
                    if selected.alias == f"d{index}":
                        kinds.add(self.types.kind(selected))
            if len(kinds) > 1:
                what = (
                    f"break down by dimension {index + 1}, which is of several types in its tables"
                )
                raise self._refuse(what)

    # --- rewriting ----------------------------------------------------------------------------

    def _of(self, node: exp.Expr) -> exp.Expr:
        """The node as Spark reads it; raises EngineRefused where it would read it differently."""
        rule = _RULES.get(type(node))
        if rule is not None:
            return rule(self, node)
        if type(node) not in _ALIKE:
            raise self._refuse(f"be told '{node.sql(dialect='duckdb')[:80]}'", node)
        return self._inside(node)

    def _inside(self, node: _Node) -> _Node:
        """The same node, with what is in it as Spark reads it."""
        # Read beforehand, for rules look around themselves in the tree as it was.
        rewritten = type(node)(
            **{
                key: [self._of(each) if isinstance(each, exp.Expr) else each for each in value]
                if isinstance(value, list)
                else self._of(value)
                if isinstance(value, exp.Expr)
                else value
                for key, value in node.args.items()
            }
        )
        return rewritten

    def _column(self, node: exp.Column) -> exp.Expr:
        return node.copy()

    def _same_name(self, node: exp.Expr) -> exp.Expr:
        arguments = [node.this, *node.expressions]
        if any(
            isinstance(each, exp.Literal) and each.is_string and each.this == "infinity"
            for each in arguments
        ):
            raise self._refuse("be told of an infinite time here", node)
        return _call(_SAME_NAME[type(node)], *map(self._of, arguments))

    def _placeholder(self, node: exp.Placeholder) -> exp.Expr:
        return _raw(self._written(self.parameters[node.name], node))

    def _written(self, value: Any, node: exp.Expr) -> str:
        if isinstance(value, str) and _ZONED.fullmatch(value):
            raise self._refuse(f"compare with '{value}', which names its offset from UTC", node)
        return literal(value)

    def _of_literal(self, node: exp.Literal) -> exp.Expr:
        if node.is_string:
            return _raw(self._written(node.this, node))
        if re.fullmatch(r"\d+", node.this) and int(node.this) >= _LARGEST:
            raise self._refuse(f"count up to {node.this}", node)
        return _raw(node.this)

    def _table(self, node: exp.Table) -> exp.Expr:
        if node.db == "main":
            name = view_name(node.name)
        elif node.db == "kpi" and node.name == "days":
            name = DAYS
        elif not node.db:
            name = node.name
        else:
            raise self._refuse(f"read {node.db}.{node.name}", node)
        table = exp.Table(this=exp.to_identifier(name, quoted=True))
        if node.args.get("alias"):
            table.set("alias", self._of(node.args["alias"]))
        return table

    def _select(self, node: exp.Select) -> exp.Expr:
        lists = [each for each in node.selects if isinstance(each.unalias(), exp.Explode)]
        if not lists:
            return self._inside(node)
        if len(lists) < len(node.selects) or node.args.get("from_") or node.args.get("where"):
            raise self._refuse("unfold a list beside something else", node)
        # Spark unfolds one list at a time: these, side by side, are the rows of a small table.
        names = [each.alias for each in lists]
        values = [self.parameters[each.unalias().this.name] for each in lists]
        rows = [f"({', '.join(map(literal, row))})" for row in itertools.zip_longest(*values)]
        if not rows:
            raise self._refuse("unfold an empty list", node)
        quoted = ", ".join(f"`{name}`" for name in names)
        return _raw(f"SELECT * FROM VALUES {', '.join(rows)} AS u({quoted})")

    def _union(self, node: exp.Union) -> exp.Expr:
        if node.args.get("distinct") is not False:
            raise self._refuse("set rows beside each other but once", node)
        return self._inside(node)

    def _contains(self, node: exp.ArrayContains) -> exp.Expr:
        values: Sequence[Any] = self.parameters[node.this.name]
        return exp.In(
            this=self._of(node.expression), expressions=[_raw(literal(v)) for v in values]
        )

    def _function(self, node: exp.Anonymous) -> exp.Expr:
        name, arguments = str(node.this).lower(), node.expressions
        if name == "epoch_us" and len(arguments) == 1:
            # A time without a zone counts as UTC, which is the session's.
            return _call("unix_micros", _cast(self._of(arguments[0]), "TIMESTAMP_LTZ"))
        if name == "hash":
            # Nothing but an estimate of how many there are is made from it.
            return _call("xxhash64", *map(self._of, arguments))
        if name == "error" and len(arguments) == 1:
            return _call("raise_error", self._of(arguments[0]))
        if name == "timezone" and len(arguments) == 2:
            zone, moment = arguments
            if _calls(moment, "timezone") and moment.expressions[0].this == "UTC":
                naive = moment.expressions[1]
                return _call("convert_timezone", _raw("'UTC'"), self._of(zone), self._of(naive))
        raise self._refuse(f"be told '{node.sql(dialect='duckdb')[:80]}'", node)

    def _moment(self, node: exp.UnixToTime) -> exp.Expr:
        if str(node.args.get("scale")) != "6":
            raise self._refuse("count a time in this unit", node)
        return _cast(_call("timestamp_micros", self._of(node.this)), "TIMESTAMP_NTZ")

    def _of_cast(self, node: exp.Cast) -> exp.Expr:
        kind = node.to.this.value
        if isinstance(node.this, exp.Literal) and node.this.is_string:
            return _raw(self._written_time(node, kind))
        if kind == "TEXT" and not isinstance(node.this, exp.Null):
            raise self._refuse("write a value as a text", node)
        if kind not in _CASTS or type(node) is not exp.Cast:
            raise self._refuse(f"make a value a {kind}", node)
        return _cast(self._of(node.this), _CASTS[kind])

    def _written_time(self, node: exp.Cast, kind: str) -> str:
        text = node.this.this.strip()
        try:
            if kind == "DATE" and _DAY.fullmatch(text):
                return literal(dt.date(*map(int, text.split("-"))))
            moment = dt.datetime.fromisoformat(text)
        except ValueError as error:
            raise self._refuse(f"read the time '{text}'", node) from error
        if kind != "TIMESTAMPNTZ" or moment.tzinfo is not None:
            raise self._refuse(f"read the time '{text}'", node)
        return literal(moment)

    def _difference(self, node: exp.Sub) -> exp.Expr:
        if self.types.kind(node.this) == self.types.kind(node.expression) == "date":
            # Spark would make it an interval.
            return _call("datediff", self._of(node.this), self._of(node.expression))
        return self._inside(node)

    def _division(self, node: exp.Div) -> exp.Expr:
        # Spark would divide decimals as decimals, and round.
        above, below = self._of(node.this), self._of(node.expression)
        return exp.Div(this=_cast(above, "DOUBLE"), expression=_cast(below, "DOUBLE"))

    def _whole_division(self, node: exp.IntDiv) -> exp.Expr:
        if self.types.kind(node.this) != "integer" or self.types.kind(node.expression) != "integer":
            raise self._refuse("cut decimals off as DuckDB does", node)
        return _raw(f"{_sql(self._of(node.this))} DIV {_sql(self._of(node.expression))}")

    def _like(self, node: exp.Like) -> exp.Expr:
        # A backslash is a character like others in DuckDB, and escapes the next one in Spark.
        pattern = _call("replace", self._of(node.expression), _raw(r"'\\'"), _raw(r"'\\\\'"))
        like = exp.Like(this=self._of(node.this), expression=pattern)
        return exp.Not(this=like) if node.args.get("negate") else like

    def _at_least(self, node: exp.GTE) -> exp.Expr:
        left = node.this
        if isinstance(left, exp.Coalesce) and len(left.expressions) == 1:
            (other,) = left.expressions
            if isinstance(other, exp.Literal) and other.is_string and other.this == "infinity":
                # Spark knows no infinite time: what never ends is at least any time.
                never = exp.Is(this=self._of(left.this), expression=exp.Null())
                later = exp.GTE(this=self._of(left.this), expression=self._of(node.expression))
                return exp.Paren(this=exp.Or(this=never, expression=later))
        return self._inside(node)

    def _letters(self, node: exp.Upper | exp.Lower) -> exp.Expr:
        """Capitals or small letters one by one, as DuckDB changes them.

        Spark makes two letters of some, looks at what stands around a sigma, and knows alphabets
        that DuckDB does not. Where such a letter comes, the statement fails and says so.
        """
        name = "upper" if isinstance(node, exp.Upper) else "lower"
        before, after = _LETTERS[name]
        written = _sql(self._of(node.this))
        failed = literal(f"Spark cannot write a text in {name} case of which letters are rare.")
        return _raw(
            f"{name}(CASE WHEN {written} RLIKE {literal(RARE)} THEN raise_error({failed}) "
            f"ELSE translate({written}, {literal(before)}, {literal(after)}) END)"
        )

    def _round(self, node: exp.Round) -> exp.Expr:
        number, given = _sql(self._of(node.this)), node.args.get("decimals")
        kind = self.types.kind(node.this)
        if kind not in ("integer", "decimal", "double"):
            raise self._refuse("round what may be a decimal or a float", node)
        written = "0" if given is None else re.sub(r"[() ]", "", given.sql())
        if not re.fullmatch(r"-?\d{1,2}", written):
            raise self._refuse(f"round to '{written}' places", node)
        places = int(written)
        if kind != "double" or places == 0:
            return _raw(f"round({number}, {places})")
        # DuckDB moves the point of a float, rounds, and moves it back: 2.675 becomes 2.67. Spark
        # rounds what a float is written like, 2.68.
        power = f"CAST('1e{abs(places)}' AS DOUBLE)"
        there, back, beyond = ("*", "/", number) if places > 0 else ("/", "*", "CAST(0 AS DOUBLE)")
        rounded = f"round({number} {there} {power}, 0) {back} {power}"
        finite = f"abs({rounded}) < CAST('Infinity' AS DOUBLE)"
        return _raw(
            f"CASE WHEN {number} IS NULL THEN NULL WHEN {finite} THEN {rounded} ELSE {beyond} END"
        )

    # --- aggregates -----------------------------------------------------------------------------

    def _filtered(self, node: exp.Filter) -> exp.Expr:
        return self._aggregate(node.this, node.expression)

    def _plain(self, node: exp.Expr) -> exp.Expr:
        return self._aggregate(node, None)

    def _aggregate(self, node: exp.Expr, where: exp.Expr | None) -> exp.Expr:
        def of(aggregate: exp.Expr) -> exp.Expr:
            if where is None:
                return aggregate
            return exp.Filter(this=aggregate, expression=self._inside(where))

        match node:
            case exp.Avg():
                # Of decimals Spark's own average is a decimal, rounded.
                argument = self._of(node.this)
                total = of(exp.Sum(this=argument))
                number = of(exp.Count(this=argument.copy()))
                zero = exp.Literal.number(0)
                return exp.Paren(
                    this=exp.Div(
                        this=_cast(total, "DOUBLE"),
                        expression=exp.Nullif(this=_cast(number, "DOUBLE"), expression=zero),
                    )
                )
            case exp.Median():
                return of(_call("percentile", self._of(node.this), _raw("0.5")))
            case exp.PercentileCont():
                share = self._share(node.expression)
                return of(_call("percentile", self._of(node.this), _raw(share)))
            case exp.PercentileDisc():
                return self._percentile_disc(node, of)
            case exp.Sum() if self.types.kind(node.this) == "boolean":
                return of(exp.Sum(this=_cast(self._of(node.this), "INT")))
            case exp.Sum() | exp.Count() | exp.CountIf() | exp.Min() | exp.Max():
                return of(self._inside(node))
        raise self._refuse(f"aggregate by '{node.sql(dialect='duckdb')[:80]}'", node)

    def _share(self, node: exp.Expr) -> str:
        if not isinstance(node, exp.Literal) or node.is_string:
            raise self._refuse("take a percentile of a share that is no number", node)
        return f"{Decimal(node.this):f}"

    def _percentile_disc(
        self, node: exp.PercentileDisc, of: Callable[[exp.Expr], exp.Expr]
    ) -> exp.Expr:
        """The value at the rank that the share makes, counted in decimals: 0.07 of 100 is 7.

        Spark's own counts in floats, where it is a little more than 7, and takes the eighth.
        """
        value = self._of(node.this)
        sorted_ = _call("array_sort", of(_call("collect_list", value)))
        number = _sql(of(exp.Count(this=value.copy())))
        rank = f"CAST(ceil({number} * {self._share(node.expression)}) AS INT)"
        return _call("get", sorted_, _raw(f"greatest({rank}, 1) - 1"))

    def _window(self, node: exp.Window) -> exp.Expr:
        """The next moment after a row's own in its partition: the one window that is written.

        Spark has no frame of groups. From the last row to the first, what is at least a microsecond
        later is the same rows, and taken in one pass.
        """
        spec, order = node.args.get("spec"), node.args.get("order")
        asked = node.sql(dialect="duckdb").upper()
        frame = "GROUPS BETWEEN 1 FOLLOWING AND UNBOUNDED FOLLOWING"
        moment = node.this.this if isinstance(node.this, exp.Min) else None
        alike = order is not None and [o.this for o in order.expressions] == [moment]
        if spec is None or not alike or frame not in asked or moment is None:
            raise self._refuse("look at other rows like this", node)
        partition = ", ".join(_sql(self._of(each)) for each in node.args["partition_by"])
        at = _sql(self._of(moment))
        return _raw(
            f"min({at}) OVER (PARTITION BY {partition} "
            f"ORDER BY unix_micros(CAST({at} AS TIMESTAMP_LTZ)) DESC "
            f"RANGE BETWEEN UNBOUNDED PRECEDING AND 1 PRECEDING)"
        )


def _sql(node: exp.Expr) -> str:
    return node.sql(dialect="spark", identify=True)


def _calls(node: exp.Expr, name: str) -> bool:
    return isinstance(node, exp.Anonymous) and str(node.this).lower() == name


_RULES: dict[type[exp.Expr], Callable[[_Translation, Any], exp.Expr]] = {
    exp.Column: _Translation._column,
    exp.Coalesce: _Translation._same_name,
    exp.Greatest: _Translation._same_name,
    exp.Least: _Translation._same_name,
    exp.Placeholder: _Translation._placeholder,
    exp.Literal: _Translation._of_literal,
    exp.Table: _Translation._table,
    exp.Select: _Translation._select,
    exp.Union: _Translation._union,
    exp.ArrayContains: _Translation._contains,
    exp.Anonymous: _Translation._function,
    exp.UnixToTime: _Translation._moment,
    exp.Cast: _Translation._of_cast,
    exp.Add: _Translation._inside,
    exp.Sub: _Translation._difference,
    exp.Div: _Translation._division,
    exp.IntDiv: _Translation._whole_division,
    exp.Like: _Translation._like,
    exp.GTE: _Translation._at_least,
    exp.Upper: _Translation._letters,
    exp.Lower: _Translation._letters,
    exp.Round: _Translation._round,
    exp.Filter: _Translation._filtered,
    exp.Sum: _Translation._plain,
    exp.Avg: _Translation._plain,
    exp.Median: _Translation._plain,
    exp.PercentileCont: _Translation._plain,
    exp.PercentileDisc: _Translation._plain,
    exp.Window: _Translation._window,
}
