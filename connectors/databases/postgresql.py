"""Reads PostgreSQL: one read-only snapshot, streamed as CSV and typed by the server's own word."""

from __future__ import annotations

import contextlib
import datetime as dt
import selectors
from collections.abc import Iterator, Mapping
from types import TracebackType
from typing import Self
from urllib.parse import urlsplit
from zoneinfo import ZoneInfo

import psycopg
import pyarrow as pa
from psycopg.pq import Escaping, ExecStatus
from psycopg.pq.abc import PGresult

from connectors.contract import SourceError
from connectors.databases import postgresql_rows as rows
from connectors.databases.cursor import Cursor
from connectors.databases.database import BATCH_BYTES, Demand, Selected
from connectors.databases.postgresql_errors import Fault, connection_refused, refused
from connectors.databases.query import Query

# Why psycopg with COPY: tried against the ADBC driver and a server-side cursor on a million rows,
# COPY as CSV into Arrow took 1.2 s of CPU, ADBC the same, the cursor four times as much. Only
# libpq tells the digits of a NUMERIC(12,2), the code of an error and its place in the query, and
# only text is exact for every type there is.

# A row is the same row whatever the server's or the role's own settings are.
_SETTINGS = {
    "DateStyle": "ISO, YMD",
    "IntervalStyle": "iso_8601",
    "bytea_output": "hex",
    "extra_float_digits": "3",
}
# What a bare null may not stand for: `:since - interval '1 day'` needs its type to be parsed.
_GUESSES = ("null", "null::timestamptz", "null::timestamp", "null::date", "null::bigint")
_UNTYPED = {"42883", "42804", "42725", "42P18", "42846"}


class PostgreSQL:
    """A PostgreSQL database, read in one REPEATABLE READ READ ONLY transaction."""

    def __init__(self, url: str, timeout: dt.timedelta, timezone: str) -> None:
        """`timezone` is that of times without a zone, also where the query makes such a time."""
        target = _target(url)
        self._url = url
        self._timeout = timeout.total_seconds()
        self._timezone = timezone
        self._secret = str(target.get("password") or "")
        self._user = target.get("user")
        host = target.get("host") or "the local socket"
        port = f":{target['port']}" if target.get("port") else ""
        self._server = f"{host}{port}"
        self._name = target.get("dbname") or target.get("user")
        self.place = f"PostgreSQL {self._name or ''} at {self._server}".replace("  ", " ")

    def __enter__(self) -> Self:
        patience = max(2, min(10, int(self._timeout)))
        try:
            self._connection = psycopg.connect(
                self._url, autocommit=True, connect_timeout=patience, client_encoding="utf8"
            )
        except psycopg.Error as error:
            raise connection_refused(
                self._clean(str(error)), self._server, self._user, self._name
            ) from None
        milliseconds = str(int(self._timeout * 1000))
        own = {"TimeZone": self._timezone, "statement_timeout": milliseconds}
        chosen = ", ".join(f"set_config('{k}', '{v}', true)" for k, v in (_SETTINGS | own).items())
        try:
            self._execute("begin isolation level repeatable read read only")
            self._execute(f"select {chosen}")
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
        """Whether the transaction is read-only, in the server's own word."""
        try:
            said = self._connection.execute("show transaction_read_only").fetchone()
        except psycopg.Error as error:
            raise self._refused(Fault.of_error(error, "")) from None
        return said == ("on",)

    def describe(self, query: Query) -> tuple[Selected, ...]:
        """The columns that the query selects; raises SourceError with the database's own word."""
        guesses = _GUESSES if query.names else ("",)
        first: Fault | None = None
        self._execute("savepoint described")
        for guess in guesses:
            statement = f"{_wrapped('*', query, guess, guess)} limit 0"
            try:
                result = self._connection.execute(statement).pgresult
            except psycopg.Error as error:
                fault = Fault.of_error(error, statement)
                first = first or fault
                if fault.code not in _UNTYPED:
                    raise self._refused(fault) from None
                self._execute("rollback to savepoint described")
                continue
            assert result is not None
            self._fields = rows.fields(result)
            return tuple(field.selected for field in self._fields)
        assert first is not None
        raise self._refused(first)

    def cursor(
        self, name: str, query: Query, state: Mapping[str, object], zone: ZoneInfo
    ) -> Cursor:
        """How this selected column grows, by its type; `describe` comes first."""
        field = next(field for field in self._fields if field.name == name)
        if field.cursor is None:
            raise SourceError(
                f"The cursor {name!r} has a type that does not grow with time.",
                "Choose a time, a date, a number that only grows, or a text that does.",
            )
        return Cursor(name, field.cursor.type, field.cursor.kind, zone)

    def batches(self, demand: Demand) -> Iterator[pa.Table]:
        """The rows in the order of the cursor, empty cursors first, as they arrive."""
        sent = False
        for lines in self._copied(self._copy_statement(demand), demand.page_size):
            if lines or not sent:
                yield self._table(lines)
            sent = True

    def _table(self, lines: bytes) -> pa.Table:
        try:
            return rows.table(lines, self._fields)
        except pa.ArrowInvalid as error:
            raise SourceError(
                f"{self.place} sent rows that cannot be read: {error}.",
                "If a text is not UTF-8, convert it in the query with convert_from().",
            ) from None

    def _copy_statement(self, demand: Demand) -> str:
        since = until = ""
        order = ""
        if demand.cursor:
            field = next(f for f in self._fields if f.name == demand.cursor.name)
            assert field.cursor is not None
            since = self._literal(demand.since or field.cursor.first, field.cursor.type)
            until = self._literal(demand.until or "", field.cursor.type)
            # Empty cursors come first, so that they are refused before anything has landed.
            order = f" order by q.{rows.quoted(field.name)} nulls first"
        quote = ", ".join(rows.quoted(field.name) for field in self._fields if field.is_text)
        options = f"format csv, force_quote ({quote})" if quote else "format csv"
        items = ", ".join(field.sent for field in self._fields)
        limit = "" if demand.limit is None else f" limit {demand.limit}"
        selected = f"{_wrapped(items, demand.query, since, until)}{order}{limit}"
        return f"copy ({selected}) to stdout ({options})"

    def _literal(self, value: str, kind: str) -> str:
        escaped = Escaping(self._connection.pgconn).escape_literal(value.encode())
        return f"{bytes(escaped).decode()}::{kind}"

    def _copied(self, statement: str, page_size: int) -> Iterator[bytes]:
        """CSV lines, a batch of rows at a time; the last batch may be empty.

        The time limit is the server's silence, not the whole stream: how long rows take to land
        is not the server's fault.
        """
        self._execute("select set_config('statement_timeout', '0', true)")
        connection = self._connection.pgconn
        lines: list[memoryview] = []
        bytes_ = 0
        try:
            with selectors.DefaultSelector() as selector:
                selector.register(connection.socket, selectors.EVENT_READ)
                result = self._asked(statement, selector)
                while result and result.status == ExecStatus.COPY_OUT:
                    # One row, as a line; this loop's every step costs a million times.
                    size, line = connection.get_copy_data(1)
                    if size > 0:
                        lines.append(line)
                        bytes_ += size
                        if len(lines) >= page_size or bytes_ >= BATCH_BYTES:
                            yield b"".join(lines)
                            lines, bytes_ = [], 0
                    elif size == 0:
                        self._listen(selector)
                    else:
                        result = connection.get_result()
        except psycopg.Error as error:
            raise self._refused(Fault.of_error(error, statement)) from None
        if result is None or result.status != ExecStatus.COMMAND_OK:
            raise self._refused(Fault.of_result(result, statement))
        yield b"".join(lines)

    def _asked(self, statement: str, selector: selectors.BaseSelector) -> PGresult | None:
        connection = self._connection.pgconn
        connection.send_query(statement.encode())
        connection.flush()
        while connection.is_busy():
            self._listen(selector)
        return connection.get_result()

    def _listen(self, selector: selectors.BaseSelector) -> None:
        if selector.select(self._timeout):
            self._connection.pgconn.consume_input()
            return
        with contextlib.suppress(psycopg.Error):
            self._connection.cancel_safe(timeout=5)
        raise self._refused(Fault.silent())

    def _execute(self, statement: str) -> None:
        try:
            self._connection.execute(statement)
        except psycopg.Error as error:
            raise self._refused(Fault.of_error(error, "")) from None

    def _refused(self, fault: Fault) -> SourceError:
        return refused(fault.cleaned(self._clean), self.place, self._user, self._timeout)

    def _clean(self, text: str) -> str:
        return text.replace(self._secret, "***") if len(self._secret) > 3 else text


def _wrapped(items: str, query: Query, since: str, until: str) -> str:
    """The query on lines of its own: an error's line is then the line in `sources.yaml`'s text,
    and a comment at its end does not swallow what follows."""
    return f"select {items} from (\n{query.filled({'since': since, 'until': until})}\n) q"


def _target(url: str) -> dict[str, str]:
    """What a connection URL says. Its own text is never shown, nor libpq's word about it:
    with an unescaped @ or / half of the password would pass for a host."""
    unreadable = SourceError(
        "The url is not a PostgreSQL address.",
        "Write postgresql://user:password@host:5432/database; in a password @ / : ? # % are "
        "written as %40 %2F %3A %3F %23 %25.",
    )
    try:
        parts = urlsplit(url)
        parsed = psycopg.conninfo.conninfo_to_dict(url)
        port_is_number = all(p.isdigit() for p in str(parsed.get("port") or "1").split(","))
    except (ValueError, psycopg.Error):
        raise unreadable from None
    if url.count("@") > parts.netloc.count("@") or parts.netloc.count("@") > 1:
        raise unreadable
    if not port_is_number:
        raise unreadable
    return {key: str(value) for key, value in parsed.items() if value is not None}
