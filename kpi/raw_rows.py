"""The raw rows of one batch as the database sees them, and where the rejected ones stand."""

from __future__ import annotations

import contextlib
import os
from abc import ABC, abstractmethod
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import duckdb
import pyarrow as pa

from connectors.contract import Batch, Scan, SourceError
from kpi.parsing import literal, quoted

# The longest text of a rejected row that is kept, in characters.
SHOWN = 2000
# A connector may say with this raw column on which line of its origin a row stands.
LINE = "_line"


@dataclass(frozen=True)
class Reject:
    """A row that could not be read; `line` counts from 1, where the source has lines."""

    origin: str
    line: int | None
    reason: str
    row_text: str


class RawRows(ABC):
    """Something to select from (`sql`) with its columns (name -> type); close it after use."""

    sql: str
    columns: dict[str, str]
    # Rows that could not even be split into fields, and the first of them.
    faults: int = 0
    faulty: tuple[Reject, ...] = ()

    def __init__(self, connection: duckdb.DuckDBPyConnection, batch: Batch) -> None:
        self.connection = connection
        self.batch = batch

    def describe(self) -> None:
        """Finds out the columns."""
        described = self.connection.execute(f"describe select * from {self.sql}").fetchall()
        self.columns = {row[0]: row[1] for row in described if row[0] != LINE}

    def retry(self, error: duckdb.Error) -> bool:
        """Whether the rows are to be read once more after an error, now in another way."""
        return False

    def delivered(self, before: Mapping[str, str]) -> Mapping[str, str]:
        """What the rows have, to compare with what those of the delivery before had (`before`)."""
        return self.columns

    def check_unchanged(self) -> None:  # noqa: B027 (only a file can change)
        """Raises SourceError where a file changed while it was read."""

    @abstractmethod
    def rejects(self, refused: Mapping[int, str]) -> list[Reject]:
        """The rows that were refused, with their places: row number from 0 -> reason."""

    def close(self) -> None:  # noqa: B027 (only a table is registered)
        """Lets go of everything registered for these rows."""

    def read_again(self, relation: str, place: str, refused: Mapping[int, str]) -> list[Any]:
        """(number, *place, the row as JSON) of the refused rows of a relation."""
        packed = ", ".join(f"{quoted(name)} := {quoted(name)}" for name in self.columns)
        return self.connection.execute(
            f"select n, * exclude (n, r), to_json(r) from (select row_number() over () - 1 as n, "
            f"{place}, struct_pack({packed}) as r from {relation}) "
            f"where n in ({', '.join(str(int(n)) for n in refused) or 'null'})"
        ).fetchall()


class TableRows(RawRows):
    """Rows that a connector gives as an Arrow table or a stream of one."""

    def __init__(self, connection: duckdb.DuckDBPyConnection, batch: Batch) -> None:
        super().__init__(connection, batch)
        self._given = batch.rows
        if isinstance(self._given, pa.Table):
            connection.register("raw_rows", self._given)
            self.sql = "raw_rows"
        else:
            # A stream runs once, and a rejected row has to be read again.
            copy_stream(connection, self._given)
            self.sql = "temp.main.raw_copy"
        self.describe()
        described = connection.execute(f"describe select * from {self.sql}").fetchall()
        self._has_lines = any(row[0] == LINE for row in described)

    def rejects(self, refused: Mapping[int, str]) -> list[Reject]:
        line = quoted(LINE) if self._has_lines else "cast(null as bigint)"
        return [
            Reject(self.batch.origin, found, refused[n], text[:SHOWN])
            for n, found, text in self.read_again(self.sql, line, refused)
        ]

    def close(self) -> None:
        if isinstance(self._given, pa.Table):
            self.connection.unregister("raw_rows")
        self.connection.execute("drop table if exists temp.main.raw_copy")


class FileRows(RawRows):
    """Rows that the database reads from files by itself."""

    def __init__(self, connection: duckdb.DuckDBPyConnection, batch: Batch, scan: Scan) -> None:
        super().__init__(connection, batch)
        self.scan = scan
        self._stamps = {path: _stamp(path) for path in scan.paths}

    def check_unchanged(self) -> None:
        for path, before in self._stamps.items():
            if _stamp(path) != before:
                raise SourceError(
                    f"{Path(path).name} changed while it was read.",
                    "It is read again at the next refresh. Let the program that writes it "
                    "rename a finished file into place.",
                )

    def origin(self, path: str) -> str:
        """What a report calls a file."""
        return self.batch.origin if len(self.scan.paths) == 1 else Path(path).name

    def call(self, more: Mapping[str, Any]) -> str:
        """The table function with its arguments, and more of them, as SQL."""
        arguments = {**self.scan.arguments, **more}
        listed = [_value(self.scan.paths), *(f"{n} = {_value(v)}" for n, v in arguments.items())]
        return f"{self.scan.function}({', '.join(listed)})"


class ParquetRows(FileRows):
    """Rows of Parquet files."""

    def __init__(self, connection: duckdb.DuckDBPyConnection, batch: Batch, scan: Scan) -> None:
        super().__init__(connection, batch, scan)
        self.sql = self.call({})
        self.describe()

    def rejects(self, refused: Mapping[int, str]) -> list[Reject]:
        again = self.call({"filename": True, "file_row_number": True})
        return [
            Reject(self.origin(path), line + 1, refused[n], text[:SHOWN])
            for n, path, line, text in self.read_again(again, "filename, file_row_number", refused)
        ]


def copy_stream(connection: duckdb.DuckDBPyConnection, stream: pa.RecordBatchReader) -> None:
    """Puts the rows of a stream into `temp.main.raw_copy`; raises what the stream raises."""
    broken: list[Exception] = []

    def batches() -> Iterator[pa.RecordBatch]:
        try:
            yield from stream
        except Exception as error:
            # The database would tell of it in words of its own.
            broken.append(error)
            raise

    guarded = pa.RecordBatchReader.from_batches(stream.schema, batches())
    connection.register("raw_stream", guarded)
    try:
        connection.execute("create or replace temp table raw_copy as from raw_stream")
    except duckdb.Error:
        if broken:
            raise broken[0] from None
        raise
    finally:
        connection.unregister("raw_stream")


@contextlib.contextmanager
def told_whole() -> Iterator[None]:
    """An error of the database as such, also where its message cannot be read.

    It quotes the rows there and cuts them to a length, perhaps within a character; Python then
    complains of the message (`UnicodeDecodeError`) and of nothing else.
    """
    try:
        yield
    except UnicodeDecodeError as error:
        said = error.object.decode(errors="replace")
        is_input = said.startswith("Invalid Input Error")
        raise (duckdb.InvalidInputException if is_input else duckdb.DataError)(said) from None


def refuse_unreadable(batch: Batch, error: duckdb.Error) -> None:
    """Raises SourceError where an error is about the rows, and not, say, about a full disk."""
    paths = batch.rows.paths if isinstance(batch.rows, Scan) else ()
    of_a_file = isinstance(error, duckdb.IOException) and any(path in str(error) for path in paths)
    if of_a_file or isinstance(error, duckdb.DataError | duckdb.InvalidInputException):
        raise SourceError(
            f"{batch.origin} cannot be read: {str(error).strip().splitlines()[0]}",
            "Check that it is whole and of the kind its name says.",
        ) from error


def _value(value: object) -> str:
    if isinstance(value, bool):
        return str(value).lower()
    if isinstance(value, int | float):
        return str(value)
    if isinstance(value, Mapping):
        return "{" + ", ".join(f"{literal(k)}: {_value(v)}" for k, v in value.items()) + "}"
    if isinstance(value, list | tuple):
        return "[" + ", ".join(_value(item) for item in value) + "]"
    return literal(value)


def _stamp(path: str) -> tuple[int, int, int] | None:
    try:
        found = os.stat(path)
    except FileNotFoundError:
        return None
    return found.st_size, found.st_mtime_ns, found.st_ino
