"""Turns raw rows into typed rows, and says of a row that cannot be read why, all in SQL text."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, replace

from connectors.contract import Column, Shape, SourceError
from kpi.parsing import FLOATING, WHOLE, finite, literal, parsed, text_of, unknown_word, utc
from kpi.parsing import quoted as quoted

_ALIASES = {
    "TEXT": "VARCHAR",
    "STRING": "VARCHAR",
    "INT": "INTEGER",
    "LONG": "BIGINT",
    "REAL": "FLOAT",
    "BOOL": "BOOLEAN",
    "DATETIME": "TIMESTAMP",
    "DECIMAL": "DECIMAL(18,3)",
    # Fetching a TIMESTAMP WITH TIME ZONE needs a package we do not ship; ours are naive UTC.
    "TIMESTAMPTZ": "TIMESTAMP",
    "TIMESTAMP WITH TIME ZONE": "TIMESTAMP",
    "TIMESTAMP_S": "TIMESTAMP",
    "TIMESTAMP_MS": "TIMESTAMP",
    "TIMESTAMP_NS": "TIMESTAMP",
    '"NULL"': "VARCHAR",
}
_ZONED = "TIMESTAMP WITH TIME ZONE"


@dataclass(frozen=True)
class Typed:
    """One fact column of a landing: its type, its SQL value, and what it is made of."""

    name: str
    type: str
    value: str  # over the raw columns; null where the raw text cannot be read
    text: str | None  # the raw value without missing marks; None where nothing can go wrong
    blank: bool  # whether a text of blanks alone stands for no value
    raw: str | None  # the raw column's name
    word: str | None = None  # the source's word, where the column's map does not know it


@dataclass(frozen=True)
class Plan:
    """How the rows of one delivery are read: everything as SQL over the raw columns."""

    columns: tuple[Typed, ...]
    key: tuple[str, ...]
    gone: str | None  # true where the row is gone at its source
    order: Typed | None  # the fact column that says which row is the last
    raw_order: str | None  # or the raw value as a text, where no fact column holds it

    def select(self, relation: str, items: Mapping[str, str] | None = None) -> str:
        """The typed rows of a relation of raw ones, with `_reason` where one cannot be read.

        `items` are the columns of the result (name -> SQL over the typed columns); by default
        they are the fact columns. What `extras` names is there too.
        """
        inner = [f"{column.value} as {quoted(column.name)}" for column in self.columns]
        inner += [
            f"{column.text} as {_raw(column)}" for column in self.columns if column.text is not None
        ]
        inner += [f"{sql} as {quoted(name)}" for name, (sql, _) in self.extras().items()]
        chosen = items or {column.name: quoted(column.name) for column in self.columns}
        outer = [f"{sql} as {quoted(name)}" for name, sql in chosen.items()]
        outer += [quoted(name) for name in self.extras()]
        outer.append(f"{_reason(self)} as _reason")
        return f"select {', '.join(outer)} from (select {', '.join(inner)} from {relation})"

    def extras(self) -> dict[str, tuple[str, str]]:
        """What is staged beside the fact columns and `_reason`: its SQL and its type."""
        gone = {"_gone": (self.gone, "BOOLEAN")} if self.gone is not None else {}
        order = {"_order": (self.raw_order, "VARCHAR")} if self.raw_order is not None else {}
        words = {
            word_of(column.name): (column.word, "VARCHAR")
            for column in self.columns
            if column.word is not None
        }
        return gone | order | words

    def types(self) -> dict[str, str]:
        """The fact columns and their types."""
        return {column.name: column.type for column in self.columns}

    def last_first(self) -> str:
        """The ORDER BY that puts the last of several rows with one key first."""
        if self.order is None and self.raw_order is None:
            return "rowid desc"
        by = "_order" if self.order is None else quoted(self.order.name)
        if self.order is not None and self.order.type != "VARCHAR":
            return f"{by} desc nulls last, rowid desc"
        # Sorted as texts, 10 would come before 9.
        return (
            f"try_cast({by} as decimal(38, 9)) desc nulls last, "
            f"try_cast({by} as timestamp) desc nulls last, {by} desc nulls last, rowid desc"
        )


def type_name(text: str) -> str:
    """The one spelling of a DuckDB type's name that the warehouse uses."""
    spelled = re.sub(r"\s+", " ", text.strip().upper())
    spelled = re.sub(r"^NUMERIC", "DECIMAL", spelled)
    spelled = re.sub(r"\s*([(),])\s*", r"\1", spelled)
    if spelled.startswith("ENUM("):
        return "VARCHAR"
    if whole := re.fullmatch(r"DECIMAL\((\d+)\)", spelled):
        return f"DECIMAL({whole[1]},0)"
    return _ALIASES.get(spelled, spelled)


def plan(
    into: str, shape: Shape, raw: Mapping[str, str], known: Mapping[str, str], key: tuple[str, ...]
) -> Plan:
    """Plans a landing from the raw columns (name -> type) and the fact table's known types.

    A shape without columns takes every raw column under its own name. A raw column that is not
    there is read as null, except for a key: then SourceError, as is an unknown `order`.
    """
    wanted = shape.columns or tuple(Column(name) for name in raw)
    spelling = {name.lower(): name for name in raw}
    # The database is blind to case: the table's own spelling is the one that counts.
    ours = {name.lower(): name for name in (*(column.name for column in wanted), *known)}
    columns = tuple(
        _typed(replace(column, name=ours[column.name.lower()]), raw, spelling, known)
        for column in wanted
    )
    key = tuple(ours.get(name.lower(), name) for name in key)
    by_name = {column.name: column for column in columns}
    for name in key:
        if name not in by_name or by_name[name].value == _null(by_name[name].type):
            raise SourceError(
                f"The key column {name!r} of {into} is not in the delivery.",
                "Map it under `columns:`, or name another `key:`.",
            )
    order, raw_order = _order(into, shape.order, columns, raw, spelling)
    return Plan(columns, key, _gone(shape.deleted, raw, spelling), order, raw_order)


def word_of(column: str) -> str:
    """The staged column for the words of a source that a fact column's map does not know."""
    return f"_word {column}"


def reread(column: Column, from_type: str, to_type: str) -> str:
    """SQL for a fact column that takes another type: what was landed is read once more."""
    field = quoted(column.name)
    if from_type == "VARCHAR":
        # Its words are ours already, which the map does not know.
        column = replace(column, otherwise=None)
        return parsed(text_of(field, column, to_type), column, to_type)
    return _converted(field, from_type, from_type, to_type, None)


def _null(type_: str) -> str:
    return f"cast(null as {type_})"


def _typed(
    column: Column, raw: Mapping[str, str], spelling: Mapping[str, str], known: Mapping[str, str]
) -> Typed:
    if column.constant is not None:
        kind = known.get(column.name) or type_name(column.type or "VARCHAR")
        return Typed(
            column.name, kind, f"cast({literal(column.constant)} as {kind})", None, False, None
        )
    found = spelling.get((column.source or column.name).lower())
    kind = known.get(column.name) or type_name(
        column.type or (raw[found] if found is not None else "VARCHAR")
    )
    if found is None:
        return Typed(column.name, kind, _null(kind), None, False, None)
    kept = raw[found]
    field = quoted(found)
    if kept != "VARCHAR" and (column.missing or column.values or column.formats):
        field, kept = f"cast({field} as varchar)", "VARCHAR"
    word = unknown_word(field, column, kind)
    if kept != "VARCHAR":
        value = _converted(field, type_name(kept), kept, kind, column.timezone)
        certain = value == field and kind not in FLOATING
        return Typed(column.name, kind, value, None if certain else field, False, found)
    text = text_of(field, column, kind)
    if kind == "VARCHAR":
        return Typed(column.name, kind, text, None, False, found, word)
    return Typed(column.name, kind, parsed(text, column, kind), text, True, found, word)


def _converted(field: str, kept: str, exact: str, kind: str, zone: str | None) -> str:
    """A typed raw value as a value of the column's type; null where it has none."""
    if kind == "TIMESTAMP" and exact == _ZONED:
        return finite(f"timezone('UTC', {field})")
    if kind == "TIMESTAMP" and kept in {"TIMESTAMP", "DATE"}:
        naive = field if exact == "TIMESTAMP" else f"cast({field} as timestamp)"
        return finite(utc(naive, zone))
    if kind == "DATE" and exact == _ZONED:
        return f"cast(timezone({literal(zone or 'UTC')}, {field}) as date)"
    if kind in {"TIMESTAMP", "DATE"} and kept not in {"TIMESTAMP", "DATE"}:
        return _null(kind)
    if kind in FLOATING:
        return finite(field if kept == kind else f"try_cast({field} as {kind})")
    if kept == kind:
        return field if exact == kind else f"cast({field} as {kind})"
    if kind in WHOLE and (kept in FLOATING or kept.startswith("DECIMAL")):
        return f"case when {field} = trunc({field}) then try_cast({field} as {kind}) end"
    if kind == "BOOLEAN" and kept in WHOLE:
        return f"case when {field} in (0, 1) then {field} = 1 end"
    if kind == "VARCHAR" and re.search(r"^(STRUCT|MAP|UNION)|\[\d*\]$", kept):
        return f"cast(to_json({field}) as varchar)"
    return f"try_cast({field} as {kind})"


def _order(
    into: str,
    order: str | None,
    columns: tuple[Typed, ...],
    raw: Mapping[str, str],
    spelling: Mapping[str, str],
) -> tuple[Typed | None, str | None]:
    if order is None:
        return None, None
    found = spelling.get(order.lower())
    for column in columns:
        if column.name.lower() == order.lower() or (found is not None and column.raw == found):
            return column, None
    if found is None:
        raise SourceError(
            f"`order` of {into} names {order!r}, which is not in the delivery.",
            "Name a column of the source.",
        )
    field = quoted(found)
    return None, field if raw[found] == "VARCHAR" else f"cast({field} as varchar)"


def _gone(deleted: str | None, raw: Mapping[str, str], spelling: Mapping[str, str]) -> str | None:
    found = spelling.get(deleted.lower()) if deleted else None
    if found is None:
        return None
    field = quoted(found)
    if raw[found] == "BOOLEAN":
        return f"coalesce({field}, false)"
    if raw[found] == "VARCHAR":
        return f"lower(trim(coalesce({field}, ''))) not in ('', 'false', 'f', 'no', 'n', '0')"
    if raw[found] in WHOLE:
        return f"coalesce({field}, 0) <> 0"
    return f"{field} is not null"


_NOUNS = {"TIMESTAMP": "a date", "DATE": "a date", "BOOLEAN": "yes or no"}


def _raw(column: Typed) -> str:
    return quoted(f"_raw {column.name}")


def _reason(plan: Plan) -> str:
    """The first thing wrong with a row. Of a row that is gone only the key is read."""
    parts = []
    for column in sorted(plan.columns, key=lambda column: column.name not in plan.key):
        name, keyed = quoted(column.name), column.name in plan.key
        if column.text is not None:
            live = "" if keyed or plan.gone is None else "not _gone and "
            filled = f" and trim({_raw(column)}) <> ''" if column.blank else ""
            parts.append(
                f"when {live}{name} is null and {_raw(column)} is not null{filled} "
                f"then {_complaint(column)}"
            )
        if keyed:
            missing = literal(f"{column.name} is missing, and it is the key")
            parts.append(f"when {name} is null then {missing}")
    return f"case {' '.join(parts)} end" if parts else "cast(null as varchar)"


def _complaint(column: Typed) -> str:
    shown = f"cast({_raw(column)} as varchar)"
    quote = (
        f"'“' || left({shown}, 60) || case when length({shown}) > 60 then '…' else '' end || '”'"
    )
    if column.type in WHOLE or column.type.startswith("DECIMAL"):
        noun = "a whole number" if column.type in WHOLE else "a number"
        number = f"try_cast({shown} as double)"
        large = f"isfinite({number}) and try_cast({number} as {column.type}) is null"
        return (
            f"{literal(column.name)} || case when {large} then ' is too large: ' "
            f"else {literal(f' is not {noun}: ')} end || {quote}"
        )
    noun = "a number" if column.type in FLOATING else _NOUNS.get(column.type, column.type)
    return f"{literal(f'{column.name} is not {noun}: ')} || {quote}"
