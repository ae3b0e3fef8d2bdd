"""Reads SQLite: one read-only view of a file, each value typed by what its column declares."""

from __future__ import annotations

import datetime as dt
import sqlite3
import time
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from types import TracebackType
from typing import Any, Self
from urllib.parse import quote, unquote
from zoneinfo import ZoneInfo

import pyarrow as pa

from connectors.contract import SourceError
from connectors.databases import sqlite_rows as rows
from connectors.databases.cursor import Cursor, Kind, is_written_time
from connectors.databases.database import BATCH_BYTES, Demand, Selected
from connectors.databases.query import Query

# Why the standard library and not the ADBC driver: that one takes a column's type from its first
# rows, and fails at the first value of another type, which SQLite allows in every column.

_SLICE = 5_000
_STEPS_BETWEEN_LOOKS_AT_THE_CLOCK = 100_000
# The least and greatest of what a cursor may hold. Every number is less than any text.
_FIRST_TEXT, _LAST_TEXT = "0000-01-01 00:00:00", "9999-12-31 23:59:59"
_FIRST_NUMBER, _LAST_NUMBER = -(2**63), 2**63 - 1
_NUMBERS: dict[str, Callable[[str], int | float]] = {"integer": int, "real": float}


class SQLite:
    """A SQLite file, opened read-only; another process may go on writing to it."""

    def __init__(self, url: str, home: Path, timeout: dt.timedelta) -> None:
        self._path = home / unquote(url.removeprefix("sqlite:///"))
        self._timeout = timeout.total_seconds()
        self._deadline = 0.0
        self.place = f"SQLite {self._path.name}"

    def __enter__(self) -> Self:
        if not self._path.is_file():
            raise SourceError(
                f"There is no file {self._path}.",
                "Write sqlite:///folder/file.db (below the home folder) or sqlite:////folder/"
                "file.db (four strokes, from the root).",
            )
        address = f"file:{quote(str(self._path.absolute()))}?mode=ro"
        self._connection = sqlite3.connect(
            address, uri=True, timeout=self._timeout, isolation_level=None, check_same_thread=False
        )
        self._connection.set_progress_handler(self._is_late, _STEPS_BETWEEN_LOOKS_AT_THE_CLOCK)
        try:
            self._run("select count(*) from sqlite_master")
        except BaseException:
            self._connection.close()
            raise
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._connection.close()

    def can_only_read(self) -> bool:
        """Whether SQLite refuses to make a table here; if it did not, that is taken back."""
        self._run("begin")
        try:
            self._connection.execute("create table main.kpi_must_not_write (n integer)")
        except sqlite3.OperationalError as error:
            if error.sqlite_errorcode & 0xFF == sqlite3.SQLITE_READONLY:
                return True
            raise self._refused(error) from None
        finally:
            self._connection.execute("rollback")
        return False

    def describe(self, query: Query) -> tuple[Selected, ...]:
        """The columns that the query selects, with the types that their tables declare."""
        # Only a view tells a result's declared types; this one lives in this connection's memory.
        self._run("pragma temp_store = memory")
        text = query.filled({"since": "null", "until": "null"})
        self._run(f"create temp view described as\n{text}")
        found = self._run("select name, type from pragma_table_info('described')").fetchall()
        self._run("drop view temp.described")
        self._run("pragma query_only = on")
        self._run("begin")
        self._columns = tuple(rows.column(name, declared) for name, declared in found)
        return tuple(column.selected for column in self._columns)

    def cursor(self, name: str, query: Query, state: Mapping[str, Any], zone: ZoneInfo) -> Cursor:
        """How this selected column grows, by a value of it: a column may declare what it likes."""
        if state.get("cursor") == name and state.get("value") is not None:
            return Cursor(name, state["type"], _kind(state["type"]), zone, state["value"])
        column = rows.quoted(name)
        sql = f"select {column} from ({_wrapped(query)}) where {column} is not null limit 1"
        for since, until in ((_FIRST_TEXT, _LAST_TEXT), (_FIRST_NUMBER, _LAST_NUMBER)):
            found = self._run(sql, since, until).fetchone()
            if found is not None:
                type_ = _type(name, found[0])
                return Cursor(name, type_, _kind(type_), zone, str(found[0]))
        # An empty table: whatever comes first will tell.
        return Cursor(name, "time", "written", zone)

    def batches(self, demand: Demand) -> Iterator[pa.Table]:
        """The rows in the order of the cursor, empty cursors first, as they are read."""
        cursor = demand.cursor
        order = f" order by {rows.quoted(cursor.name)}" if cursor else ""
        since = _bound(cursor.type, demand.since) if cursor else None
        limit = "" if demand.limit is None else f" limit {demand.limit}"
        found = self._run(f"{_wrapped(demand.query)}{order}{limit}", since, demand.until)
        size = min(_SLICE, demand.page_size)
        pieces: list[pa.Table] = []
        sent = 0
        while values := self._fetch(found, size):
            piece = rows.table(values, self._columns)
            # A slice with a value of another type than its column's is a batch of its own.
            other = bool(pieces) and piece.schema != pieces[0].schema
            full = sum(p.num_rows for p in pieces) + size > demand.page_size
            if other or full or sum(p.nbytes for p in pieces) >= BATCH_BYTES:
                yield pa.concat_tables(pieces)
                sent, pieces = sent + 1, []
            pieces.append(piece)
        if pieces or not sent:
            yield pa.concat_tables(pieces or [rows.table([], self._columns)])

    def _run(self, sql: str, since: object = None, until: object = None) -> sqlite3.Cursor:
        self._deadline = time.monotonic() + self._timeout
        try:
            return self._connection.execute(sql, {"since": since, "until": until})
        except sqlite3.Error as error:
            raise self._refused(error) from None

    def _fetch(self, found: sqlite3.Cursor, size: int) -> list[tuple[Any, ...]]:
        self._deadline = time.monotonic() + self._timeout
        try:
            return found.fetchmany(size)
        except sqlite3.Error as error:
            raise self._refused(error) from None

    def _is_late(self) -> bool:
        return time.monotonic() > self._deadline

    def _refused(self, error: sqlite3.Error) -> SourceError:
        said = f"{self.place}: {error}."
        # The lower eight bits are the kind of fault, the others its details.
        code = getattr(error, "sqlite_errorcode", sqlite3.SQLITE_ERROR) & 0xFF
        known = {
            sqlite3.SQLITE_NOTADB: (
                f"{self._path} is not a SQLite database.",
                "Name the database file itself; an encrypted one cannot be read.",
            ),
            sqlite3.SQLITE_CORRUPT: (said, "Check the file with `pragma integrity_check`."),
            sqlite3.SQLITE_CANTOPEN: (
                f"{self._path} cannot be opened.",
                "Give its folder and file to whoever runs the refresh: a database in WAL mode "
                "needs its -wal and -shm files beside it.",
            ),
            sqlite3.SQLITE_BUSY: (
                f"{said} It was locked for {self._timeout:g} seconds.",
                "Raise `timeout:`, or let its owner set `pragma journal_mode = wal`.",
            ),
            sqlite3.SQLITE_INTERRUPT: (
                f"{self.place} did not answer within {self._timeout:g} seconds.",
                "Index the cursor's column, ask for fewer columns, or raise `timeout:`.",
            ),
            sqlite3.SQLITE_READONLY: (
                f"The query would write: {said}",
                "Write a query that only reads.",
            ),
        }
        return SourceError(*known.get(code, (said, "Correct the query in sources.yaml.")))


def _wrapped(query: Query) -> str:
    """The query on lines of its own, so that a comment at its end does not swallow what follows."""
    return f"select * from (\n{query.filled({'since': ':since', 'until': ':until'})}\n)"


def _type(name: str, value: object) -> str:
    if isinstance(value, str):
        return "time" if is_written_time(value) else "text"
    if isinstance(value, int | float):
        return "integer" if isinstance(value, int) else "real"
    raise SourceError(
        f"The cursor {name!r} holds bytes.", "Choose a time, a number that only grows, or a text."
    )


def _kind(type_: str) -> Kind:
    return "written" if type_ == "time" else "plain"


def _bound(type_: str, since: str | None) -> str | int | float:
    number = _NUMBERS.get(type_)
    if number is None:
        return _FIRST_TEXT if since is None else since
    return _FIRST_NUMBER if since is None else number(since)
