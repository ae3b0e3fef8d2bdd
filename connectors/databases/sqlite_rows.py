"""SQLite's declared types, and its values, which need not keep to them, as Arrow columns."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import pyarrow as pa

from connectors.databases.database import ANY_DECIMAL, Selected

_DECIMAL = re.compile(r"(?:DECIMAL|NUMERIC)\s*\(\s*(\d+)\s*(?:,\s*(\d+)\s*)?\)")
# By a word in the declared type, the first that fits; SQLite itself goes by words like these.
_DECLARED: tuple[tuple[str, str, pa.DataType], ...] = (
    ("DATETIME", "TIMESTAMP", pa.string()),
    ("TIMESTAMP", "TIMESTAMP", pa.string()),
    ("DATE", "DATE", pa.string()),
    ("BOOL", "BOOLEAN", pa.int64()),
    ("DECIMAL", ANY_DECIMAL, pa.string()),
    ("NUMERIC", ANY_DECIMAL, pa.string()),
    ("INT", "BIGINT", pa.int64()),
    ("CHAR", "VARCHAR", pa.string()),
    ("CLOB", "VARCHAR", pa.string()),
    ("TEXT", "VARCHAR", pa.string()),
    ("REAL", "DOUBLE", pa.float64()),
    ("FLOA", "DOUBLE", pa.float64()),
    ("DOUB", "DOUBLE", pa.float64()),
)


@dataclass(frozen=True)
class Column:
    """One column of the result; without a type (an expression has none) its values decide."""

    name: str
    type: str | None = None
    arrow: pa.DataType | None = None

    @property
    def selected(self) -> Selected:
        """What the connector needs to know of it."""
        exact = self.type is not None and self.type.startswith("DECIMAL")
        return Selected(self.name, self.type, exact=exact)


def quoted(name: str) -> str:
    """A name as SQL."""
    return '"' + name.replace('"', '""') + '"'


def column(name: str, declared: str) -> Column:
    """A column by the type that its table declares."""
    words = declared.upper()
    digits = _DECIMAL.search(words)
    if digits and 1 <= int(digits[1]) <= 38 and int(digits[2] or 0) <= int(digits[1]):
        return Column(name, f"DECIMAL({int(digits[1])},{int(digits[2] or 0)})", pa.string())
    for word, type_, arrow in _DECLARED:
        if word in words:
            return Column(name, type_, arrow)
    return Column(name)


def table(values: Sequence[tuple[Any, ...]], columns: tuple[Column, ...]) -> pa.Table:
    """Rows as Arrow columns. Where a value is not of its column's type the whole column becomes
    texts: the landing reads those one by one, and rejects the row that it cannot read."""
    by_column = zip(*values, strict=True) if values else ((),) * len(columns)
    arrays = [_array(list(v), c) for v, c in zip(by_column, columns, strict=True)]
    return pa.table(arrays, names=[column.name for column in columns])


def _array(values: list[Any], column: Column) -> pa.Array:
    if column.arrow is not None and pa.types.is_string(column.arrow):
        return _texts(values)
    if column.arrow is None and any(isinstance(value, bytes) for value in values):
        return _texts(values)
    try:
        array = pa.array(values, column.arrow)
    except (pa.ArrowInvalid, pa.ArrowTypeError, OverflowError):
        return _texts(values)
    return array.cast(pa.string()) if pa.types.is_null(array.type) else array


def _texts(values: list[Any]) -> pa.Array:
    return pa.array([_text(value) for value in values], pa.string())


def _text(value: Any) -> str | None:
    if value is None or isinstance(value, str):
        return value
    return value.hex() if isinstance(value, bytes) else repr(value)
