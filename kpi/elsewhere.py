"""What of a statement is answered elsewhere: fetched from where the facts lie, then put into it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from kpi.compiler import Statement
from kpi.expression import quoted
from kpi.questions import Facts, NotComputable

if TYPE_CHECKING:
    import pyarrow as pa

# Arrow's types, by their names: to know these no library has to be loaded.
_KINDS = {
    "string": "VARCHAR",
    "large_string": "VARCHAR",
    "bool": "BOOLEAN",
    "int8": "TINYINT",
    "int16": "SMALLINT",
    "int32": "INTEGER",
    "int64": "BIGINT",
    "double": "DOUBLE",
    "date32[day]": "DATE",
    "timestamp[us]": "TIMESTAMP",
}


def with_answers(statement: Statement, facts: Mapping[str, Facts]) -> Statement:
    """The same statement with what others answer written into it, so that it can be run here.

    Raises NotComputable where nobody may be asked, SourceError where an engine fails.
    """
    if not statement.elsewhere:
        return statement
    parameters = dict(statement.parameters)
    steps = []
    for part in statement.elsewhere:
        reader = facts[part.table].reader
        assert reader is not None
        rows = reader.fetch(part.table, part.sql, part.parameters)
        steps.append(f"{part.name} AS ({_as_rows(rows, part.name, parameters)})")
    return Statement(f"WITH {', '.join(steps)},{statement.sql[4:]}", parameters)


def as_one(statement: Statement) -> Statement:
    """The statement as it would be if all facts lay here: for people to read."""
    if not statement.elsewhere:
        return statement
    steps = ",\n".join(f"{part.name} AS (\n{part.sql}\n)" for part in statement.elsewhere)
    parameters = dict(statement.parameters)
    for part in statement.elsewhere:
        parameters |= part.parameters
    return Statement(f"WITH {steps},\n{statement.sql[5:]}", parameters)


@dataclass(frozen=True)
class Unasked:
    """In place of an engine where none may be asked: pages wait for nobody."""

    def fetch(self, table: str, sql: str, parameters: Mapping[str, Any]) -> pa.Table:
        what = f"{table} lies in a lake, and nothing that answers this is kept ready of it."
        raise NotComputable(f"{what} `python -m kpi query` asks there.")


def _as_rows(rows: pa.Table, name: str, parameters: dict[str, Any]) -> str:
    """A table as SQL, its columns given as lists."""
    selected = []
    for index, field in enumerate(rows.schema):
        parameter = f"{name}_{index}"
        parameters[parameter] = rows.column(index).to_pylist()
        listed = f"CAST(${parameter} AS {_kind(field.type)}[])"
        selected.append(f"unnest({listed}) AS {quoted(field.name)}")
    return f"SELECT {', '.join(selected)}"


def _kind(kind: pa.DataType) -> str:
    name = str(kind)
    return _KINDS.get(name) or name.replace("decimal128", "DECIMAL")
