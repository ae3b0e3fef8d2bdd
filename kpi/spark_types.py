"""What the values of a compiled statement are: integers, decimals, texts, days."""

from __future__ import annotations

import datetime as dt
import re
from collections.abc import Mapping
from typing import Any

from sqlglot import exp

# What Spark and Parquet hold just as DuckDB does. Of the others, FLOAT is added up in other steps,
# unsigned and huge integers have no like, and times with a zone are not kept in facts.
COLUMN_TYPE = re.compile(
    r"VARCHAR|BOOLEAN|TINYINT|SMALLINT|INTEGER|BIGINT|DECIMAL\(\d+,\s*\d+\)|DOUBLE|DATE|TIMESTAMP"
)
_KINDS = {
    "VARCHAR": "text",
    "BOOLEAN": "boolean",
    "TINYINT": "integer",
    "SMALLINT": "integer",
    "INTEGER": "integer",
    "BIGINT": "integer",
    "DOUBLE": "double",
    "DATE": "date",
    "TIMESTAMP": "timestamp",
}


class Types:
    """The types within one statement; `steps` are its common table expressions by name."""

    def __init__(
        self,
        steps: Mapping[str, exp.Query],
        parameters: Mapping[str, Any],
        columns: Mapping[str, Mapping[str, str]],
    ) -> None:
        """`columns` are the names and DuckDB types of the columns of each fact table."""
        self.steps = steps
        self.parameters = parameters
        self.columns = columns

    def tables_around(self, node: exp.Expr) -> list[str]:
        """The fact tables that the SELECT around a node reads."""
        select = node.find_ancestor(exp.Select)
        if select is None or select.args.get("from_") is None:
            return []
        sources = [select.args["from_"], *(select.args.get("joins") or [])]
        found = [t for source in sources for t in source.find_all(exp.Table)]
        return list(dict.fromkeys(t.name for t in found if t.db == "main"))

    def kind(self, node: exp.Expr) -> str | None:
        """What a value is: integer, decimal, double, text, ...; None where that is not told."""
        match node:
            case exp.Column():
                return self._kind_of_column(node)
            case exp.Literal():
                if node.is_string:
                    return "text"
                return (
                    "double"
                    if "e" in node.this.lower()
                    else ("decimal" if "." in node.this else "integer")
                )
            case exp.Boolean():
                return "boolean"
            case exp.Placeholder():
                value = self.parameters[node.name]
                return "date" if type(value) is dt.date else None
            case exp.Div() | exp.Avg() | exp.Median() | exp.PercentileCont() | exp.PercentileDisc():
                return "double"
            case exp.Pow() | exp.Sqrt():
                return "double"
            case exp.Count() | exp.CountIf():
                return "integer"
            case exp.Anonymous() if node.this.lower() == "epoch_us":
                return "integer"
            case exp.Cast():
                return {
                    "DATE": "date",
                    "TEXT": "text",
                    "BIGINT": "integer",
                    "INT": "integer",
                    "DOUBLE": "double",
                    "TIMESTAMPNTZ": "timestamp",
                }.get(node.to.this.value)
            case exp.Case():
                branches = [branch.args["true"] for branch in node.args["ifs"]]
                return self._wider(*branches, node.args.get("default"))
            case exp.If():
                return self._wider(node.args["true"], node.args.get("false"))
            case exp.Coalesce() | exp.Greatest() | exp.Least():
                return self._wider(node.this, *node.expressions)
            case exp.Sub() if self.kind(node.this) == self.kind(node.expression) == "date":
                return "integer"
            case exp.Add() | exp.Sub() | exp.Mul():
                return self._wider(node.this, node.expression)
            case exp.Filter() | exp.Paren() | exp.Neg() | exp.Abs() | exp.Nullif() | exp.Sum():
                return self.kind(node.this)
            case exp.Min() | exp.Max() | exp.Alias() | exp.Round():
                return self.kind(node.this)
            case exp.Upper() | exp.Lower():
                return "text"
        return None

    def _wider(self, *nodes: exp.Expr | None) -> str | None:
        given = [n for n in nodes if n is not None and not isinstance(n, exp.Null)]
        kinds = {self.kind(node) for node in given}
        if len(kinds) == 1:
            return kinds.pop()
        order = ["integer", "decimal", "double"]
        if None in kinds or not kinds <= set(order):
            return None
        return max((kind for kind in kinds if kind), key=order.index)

    def _kind_of_column(self, column: exp.Column) -> str | None:
        select = column.find_ancestor(exp.Select)
        return self._kind_within(select, column.table, column.name) if select else None

    def _kind_within(self, select: exp.Query, source: str, name: str) -> str | None:
        """What a column is of one of the sources of a SELECT, or of any where none is named."""
        beginning = select.args.get("from_")
        joined = [each.this for each in select.args.get("joins") or []]
        for each in [beginning.this, *joined] if beginning is not None else []:
            if not source or each.alias_or_name == source:
                kind = self._kind_of_source(each, name)
                if kind is not None:
                    return kind
        return None

    def _kind_of_source(self, source: exp.Expr, name: str) -> str | None:
        if isinstance(source, exp.Table) and source.db:
            if source.db != "main":
                return "date"
            kind = column_type(self.columns.get(source.name, {}), name) or ""
            return "decimal" if kind.startswith("DECIMAL") else _KINDS.get(kind)
        query = source.this if isinstance(source, exp.Subquery) else self.steps.get(source.name)
        return self._kind_in_query(query, name) if isinstance(query, exp.Query) else None

    def _kind_in_query(self, query: exp.Query, name: str) -> str | None:
        if isinstance(query, exp.Union):
            return self._kind_in_query(query.this, name)
        for selected in query.selects:
            if selected.alias_or_name == name:
                return self.kind(selected)
        for selected in query.selects:
            if selected.is_star:
                source = selected.table if isinstance(selected, exp.Column) else ""
                kind = self._kind_within(query, source, name)
                if kind is not None:
                    return kind
        return None


def column_type(columns: Mapping[str, str], name: str) -> str | None:
    """A column's type, by its name in whatever letters."""
    if name in columns:
        return columns[name]
    return next((kind for each, kind in columns.items() if each.lower() == name.lower()), None)
