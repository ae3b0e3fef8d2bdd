"""Says in SQL how a text becomes a typed value, and null where it is none."""

from __future__ import annotations

import functools
import re

from connectors.contract import Column

WHOLE = {
    "TINYINT", "SMALLINT", "INTEGER", "BIGINT", "HUGEINT",
    "UTINYINT", "USMALLINT", "UINTEGER", "UBIGINT", "UHUGEINT",
}  # fmt: skip
FLOATING = {"FLOAT", "DOUBLE"}

# A cast to TIMESTAMP drops an offset, and any garbage, behind the time without a word: only these
# formats, which nothing may follow, are read without a zone.
_ISO = "['%Y-%m-%d %H:%M:%S', '%Y-%m-%dT%H:%M:%S']"
_ISO_LENGTH = len("2026-03-10 12:00:00")
_OFFSET = r":[0-9]{2}.*([+-][0-9]{2}(:?[0-9]{2})?|[A-Za-z_/]+)$"
_WHOLE_TEXT = r"\s*[+-]?[0-9]+(\.0*)?\s*"


def quoted(name: str) -> str:
    """A name as SQL."""
    return '"' + name.replace('"', '""') + '"'


def literal(value: object) -> str:
    """A value as SQL text: formats and marks must be constants for the database to plan with."""
    return "'" + str(value).replace("'", "''") + "'"


def text_of(field: str, column: Column, kind: str) -> str:
    """The raw text, null where it is empty or a mark for a missing value, in our words."""
    bare = _bare(field, column, kind)
    if not column.values:
        return bare
    words = " ".join(
        f"when {literal(theirs)} then {literal(ours)}" for theirs, ours in column.values.items()
    )
    other = bare
    if column.otherwise is not None:
        other = f"case when {bare} is not null then {literal(column.otherwise)} end"
    return f"case {bare} {words} else {other} end"


def unknown_word(field: str, column: Column, kind: str) -> str | None:
    """The raw text where the column's map does not know it; None where nobody asks."""
    if not column.values or column.otherwise is None:
        return None
    bare = _bare(field, column, kind)
    known = ", ".join(literal(word) for word in (*column.values, column.otherwise))
    return f"case when {bare} not in ({known}) then {bare} end"


def _bare(field: str, column: Column, kind: str) -> str:
    """The raw text, null where it says nothing."""
    if column.missing:
        marks = ", ".join(literal(mark) for mark in ("", *column.missing))
        return f"case when trim({field}) not in ({marks}) then {field} end"
    # An empty text is no number and no date anyway.
    return f"nullif({field}, '')" if kind == "VARCHAR" or column.values else field


def parsed(text: str, column: Column, kind: str) -> str:
    """A text as a value of another type; null where it is none."""
    if kind == "TIMESTAMP":
        return _moment(text, column)
    if kind == "DATE":
        return _day(text, column)
    if kind in WHOLE:
        return _whole(text, column.decimal, kind)
    if kind in FLOATING:
        return finite(_number(text, column.decimal, kind))
    if kind.startswith("DECIMAL"):
        return _number(text, column.decimal, kind)
    return f"try_cast({text} as {kind})"


def _or(quick: str, slow: str) -> str:
    # Not coalesce: the database works its second argument out for every row.
    return f"case when {quick} is not null then {quick} else {slow} end"


def finite(value: str) -> str:
    """A real number or a time, null where it is infinite or not a number."""
    return f"case when isfinite({value}) then {value} end"


def _number(text: str, decimal: str, kind: str) -> str:
    """A number with its decimals. A mark in the wrong place is refused, not dropped:
    9.5 in a column with decimal commas is a mistake, not ninety-five."""
    if decimal == ",":
        grouped = r"\s*[+-]?[0-9]{1,3}(\.[0-9]{3})+(,[0-9]+)?\s*"
        return (
            f"case when not contains({text}, '.') "
            f"then try_cast(replace({text}, ',', '.') as {kind}) "
            f"when regexp_full_match({text}, {literal(grouped)}) "
            f"then try_cast(replace(replace({text}, '.', ''), ',', '.') as {kind}) end"
        )
    # 1,234 may be a thousand or one and a bit; 1,234.50 and 1,234,567 can only be one thing.
    grouped = r"\s*[+-]?[0-9]{1,3}((,[0-9]{3})+\.[0-9]+|(,[0-9]{3}){2,})\s*"
    return _or(
        f"try_cast({text} as {kind})",
        f"case when regexp_full_match({text}, {literal(grouped)}) "
        f"then try_cast(replace({text}, ',', '') as {kind}) end",
    )


def _whole(text: str, decimal: str, kind: str) -> str:
    """A whole number: the database would round a text with decimals, and read 0x10 and 1_0."""
    direct = f"try_cast({text} as {kind})"
    exact = _number(text, decimal, "decimal(38, 9)")
    return (
        f"case when cast({direct} as varchar) = {text} then {direct} "
        f"when regexp_full_match({text}, {literal(_WHOLE_TEXT)}) and {literal(decimal)} = '.' "
        f"then {direct} "
        f"when not contains({text}, '_') and {exact} = trunc({exact}) "
        f"then try_cast({exact} as {kind}) end"
    )


# Formats that are no strptime patterns -> microseconds of their unit.
_EPOCHS = {"epoch seconds": 1_000_000, "epoch milliseconds": 1_000}


def _moment(text: str, column: Column) -> str:
    """A text as naive UTC: an offset in the text is honoured, a naive time is in the zone.

    In the hour that a zone skips in spring the clock is taken as not yet put forward (02:30 in
    Berlin is 01:30 UTC); in the hour that comes twice in autumn the second one is meant
    (02:30 is 01:30 UTC). Both are the database's own rule, so that a file and a query agree.
    """
    if column.formats:
        written = [form for form in column.formats if form not in _EPOCHS]
        naive = [form for form in written if not re.search("%[zZ]", form)]
        aware = [form for form in written if form not in naive]
        tried = [_since_epoch(text, _EPOCHS[form]) for form in column.formats if form in _EPOCHS]
        tried += [f"timezone('UTC', {_strptime(text, literal(form))})" for form in aware]
        if naive:
            listed = ", ".join(literal(form) for form in naive)
            tried.insert(0, utc(_strptime(text, f"[{listed}]"), column.timezone))
        return functools.reduce(lambda slow, quick: _or(quick, slow), reversed(tried))
    zoned = f"try_cast(trim({text}) as timestamptz)"
    slow = told = f"timezone('UTC', {zoned})"
    if column.timezone and column.timezone != "UTC":
        # The cast to a time with zone checks the whole text; read as UTC it is the naive time.
        slow = (
            f"case when regexp_matches(trim({text}), {literal(_OFFSET)}) then {told} "
            f"else {utc(told, column.timezone)} end"
        )
    # Longer ones have a fraction or an offset; finding out by a format takes ten times as long.
    naive_iso = f"case when strlen({text}) <= {_ISO_LENGTH} then {_strptime(text, _ISO)} end"
    return _or(
        utc(naive_iso, column.timezone),
        f"case when isfinite({zoned}) and regexp_matches({text}, '[0-9]') then {slow} end",
    )


def _since_epoch(text: str, micros: int) -> str:
    """A number of units since 1970 as a time; `micros` is how many microseconds a unit has."""
    number = f"try_cast({text} as decimal(24, 6))"
    return f"make_timestamp(try_cast({number} * {micros} as bigint))"


def _strptime(text: str, formats: str) -> str:
    """A text as a time, whatever zone. To the database "infinity" and "epoch" are 1900."""
    value = f"try_strptime({text}, {formats})"
    return (
        f"case when {value} <> timestamp '1900-01-01' then {value} "
        f"when regexp_matches({text}, '[0-9]') then {value} end"
    )


def _day(text: str, column: Column) -> str:
    if column.formats:
        listed = ", ".join(literal(form) for form in column.formats)
        return f"cast({_strptime(text, f'[{listed}]')} as date)"
    day = f"try_cast({text} as date)"
    # A time behind the date is allowed, garbage is not, nor a word such as "epoch".
    return (
        f"case when not regexp_matches({text}, '[0-9]') then null "
        f"when length(trim({text})) <= 10 then {finite(day)} "
        f"when isfinite(try_cast(trim({text}) as timestamptz)) "
        f"then try_cast(left(trim({text}), 10) as date) end"
    )


def utc(naive: str, zone: str | None) -> str:
    """A naive time of a zone as naive UTC."""
    if not zone or zone == "UTC":
        return naive
    return f"timezone('UTC', timezone({literal(zone)}, {naive}))"
