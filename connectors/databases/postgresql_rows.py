"""PostgreSQL's types, and its CSV lines as typed Arrow columns."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.csv
from psycopg.pq.abc import PGresult

from connectors.contract import SourceError
from connectors.databases.cursor import Kind
from connectors.databases.database import ANY_DECIMAL, Selected

_BYTEA, _PADDED, _MOMENT, _NUMERIC = 17, 1042, 1184, 1700
_COLUMN_IN_ERROR = re.compile(r"In CSV column #(\d+):")
# No moment and no number: unknown, as an empty value is.
_UNKNOWN = ["", "NaN", "Infinity", "-Infinity", "infinity", "-infinity"]


@dataclass(frozen=True)
class Growth:
    """A type that can be a cursor: its name in a cast, and its least value as a text."""

    type: str
    first: str
    kind: Kind = "plain"


@dataclass(frozen=True)
class Field:
    """One column as the server describes it, and as Arrow will hold it."""

    name: str
    oid: int
    arrow: pa.DataType
    type: str
    cursor: Growth | None = None

    @property
    def selected(self) -> Selected:
        """What the connector needs to know of it."""
        return Selected(self.name, self.type, exact=self.oid == _NUMERIC)

    @property
    def sent(self) -> str:
        """The column as SQL. A moment is sent as UTC: in a zone's own words an offset of 1890,
        with its seconds, could not be read."""
        name = quoted(self.name)
        return f"q.{name} at time zone 'UTC' as {name}" if self.oid == _MOMENT else f"q.{name}"

    @property
    def is_text(self) -> bool:
        """Whether its values are quoted, so that an empty text differs from no value."""
        return self.oid != _NUMERIC and bool(pa.types.is_string(self.arrow))


_CLOCK, _UTC = pa.timestamp("us"), pa.timestamp("us", tz="UTC")
_TYPES: dict[int, tuple[pa.DataType, str, Growth | None]] = {
    16: (pa.bool_(), "BOOLEAN", None),
    20: (pa.int64(), "BIGINT", Growth("bigint", str(-(2**63)))),
    21: (pa.int16(), "SMALLINT", Growth("smallint", str(-(2**15)))),
    23: (pa.int32(), "INTEGER", Growth("integer", str(-(2**31)))),
    25: (pa.string(), "VARCHAR", Growth("text", "")),
    700: (pa.float64(), "DOUBLE", Growth("real", "-Infinity")),
    701: (pa.float64(), "DOUBLE", Growth("double precision", "-Infinity")),
    1042: (pa.string(), "VARCHAR", Growth("bpchar", "")),
    1043: (pa.string(), "VARCHAR", Growth("text", "")),
    1082: (pa.date32(), "DATE", Growth("date", "-infinity", "date")),
    1083: (pa.time64("us"), "TIME", None),
    1114: (_CLOCK, "TIMESTAMP", Growth("timestamp", "-infinity", "naive")),
    1184: (_UTC, "TIMESTAMP", Growth("timestamptz", "-infinity", "zoned")),
    2950: (pa.string(), "VARCHAR", Growth("uuid", "00000000-0000-0000-0000-000000000000")),
}


def quoted(name: str) -> str:
    """A name as SQL."""
    return '"' + name.replace('"', '""') + '"'


def fields(result: PGresult) -> tuple[Field, ...]:
    """The columns of a result; a domain comes as its base type, anything unknown as its text."""
    return tuple(_field(result, index) for index in range(result.nfields))


def table(lines: bytes, columns: tuple[Field, ...]) -> pa.Table:
    """CSV lines as a table; raises ArrowInvalid where they are no text.

    A value that its Arrow type cannot hold (the year 12026, 44 BC, 24:00) would fail all rows:
    then its column goes on as texts, and the landing rejects the one row with its reason.
    """
    types = {column.name: column.arrow for column in columns}
    types |= {column.name: _CLOCK for column in columns if column.oid == _MOMENT}
    while True:
        try:
            read = _read(lines, types)
            break
        except pa.ArrowInvalid as error:
            failed = _COLUMN_IN_ERROR.match(str(error))
            name = columns[int(failed[1])].name if failed else None
            if name is None or pa.types.is_string(types[name]):
                raise
            types[name] = pa.string()
    for index, column in enumerate(columns):
        read = read.set_column(index, column.name, _meant(read.column(index), column))
    return read


def _meant(values: pa.ChunkedArray, column: Field) -> pa.ChunkedArray:
    if column.oid == _BYTEA:
        return pc.utf8_slice_codeunits(values, 2)
    if column.oid == _PADDED:
        # The blanks that fill a char(10) mean nothing in PostgreSQL either.
        return pc.utf8_rtrim(values, " ")
    if column.oid == _MOMENT and pa.types.is_string(values.type):
        return pc.binary_join_element_wise(values, "+00", "")
    return values.cast(column.arrow) if column.oid == _MOMENT else values


def _read(lines: bytes, types: dict[str, pa.DataType]) -> pa.Table:
    if not lines:
        return pa.schema(list(types.items())).empty_table()
    return pyarrow.csv.read_csv(
        pa.py_buffer(lines),
        # One block, because a row must not lie across two.
        read_options=pyarrow.csv.ReadOptions(column_names=list(types), block_size=len(lines) + 1),
        parse_options=pyarrow.csv.ParseOptions(newlines_in_values=True, ignore_empty_lines=False),
        convert_options=pyarrow.csv.ConvertOptions(
            column_types=types,
            null_values=_UNKNOWN,
            true_values=["t"],
            false_values=["f"],
            strings_can_be_null=True,
            quoted_strings_can_be_null=False,
        ),
    )


def _field(result: PGresult, index: int) -> Field:
    name = (result.fname(index) or b"").decode()
    if name == "?column?":
        raise SourceError(
            f"Column {index + 1} of the query has no name.", "Give it one: `... as a_name`."
        )
    oid = result.ftype(index)
    if oid == _NUMERIC:
        arrow, type_ = _decimal(result.fmod(index))
        return Field(name, oid, arrow, type_, Growth("numeric", "-1e1000"))
    return Field(name, oid, *_TYPES.get(oid, (pa.string(), "VARCHAR", None)))


def _decimal(modifier: int) -> tuple[Any, str]:
    """The exact type of a NUMERIC by its type modifier: digits above, a signed scale below."""
    if modifier < 4:
        return pa.string(), ANY_DECIMAL
    digits = (modifier - 4) >> 16
    scale = (((modifier - 4) & 0x7FF) ^ 1024) - 1024
    # numeric(2, -3) holds thousands, numeric(3, 5) holds 0.00123.
    digits, scale = max(digits - min(scale, 0), scale), max(scale, 0)
    if digits > 38:
        return pa.string(), f"DECIMAL(38,{min(scale, 10)})"
    return pa.decimal128(digits, scale), f"DECIMAL({digits},{scale})"
