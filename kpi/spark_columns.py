"""The types of columns as DuckDB and Spark call them, and which hold each other's values."""

from __future__ import annotations

import re

# DuckDB's types as Spark reads them from Parquet.
_TYPES = {
    "VARCHAR": "string",
    "BOOLEAN": "boolean",
    "TINYINT": "tinyint",
    "SMALLINT": "smallint",
    "INTEGER": "int",
    "BIGINT": "bigint",
    "DOUBLE": "double",
    "DATE": "date",
    "TIMESTAMP": "timestamp_ntz",
}
_INTEGERS = ("tinyint", "smallint", "int", "bigint")


def spark_type(kind: str) -> str | None:
    """A DuckDB type as Spark calls it; None for one that it has not."""
    decimal = re.fullmatch(r"DECIMAL\((\d+),\s*(\d+)\)", kind)
    return f"decimal({decimal[1]},{decimal[2]})" if decimal else _TYPES.get(kind)


def duckdb_type(kind: str) -> str | None:
    """The DuckDB type that holds every value of a type of Spark's; None where none does."""
    decimal = re.fullmatch(r"decimal\((\d+),(\d+)\)", kind)
    if decimal:
        return f"DECIMAL({decimal[1]},{decimal[2]})"
    # A moment in any zone is kept as UTC; what was single has no digit more as double.
    other = {"float": "DOUBLE", "timestamp": "TIMESTAMP"}
    return other.get(kind) or next(
        (ours for ours, theirs in _TYPES.items() if theirs == kind), None
    )


def widens(found: str, wanted: str | None) -> bool:
    """Whether a cast from one type of Spark's to another changes no value, in a session of UTC."""
    if found in _INTEGERS and wanted in _INTEGERS:
        return _INTEGERS.index(found) <= _INTEGERS.index(wanted)
    return (found, wanted) in (("float", "double"), ("timestamp", "timestamp_ntz"))
