"""PostgreSQL's faults as what happened, where, and what to do about it."""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass, replace

import psycopg
from psycopg.pq import DiagnosticField
from psycopg.pq.abc import PGresult

from connectors.contract import SourceError

_SILENT = "silent"


@dataclass(frozen=True)
class Fault:
    """What the server, or the lack of one, says of a statement."""

    code: str  # SQLSTATE; "" where the connection itself failed
    message: str
    hint: str = ""
    where: str = ""  # the line of the query, where the server gives a place

    @classmethod
    def of_error(cls, error: psycopg.Error, statement: str) -> Fault:
        """A fault that the driver raised."""
        told = error.diag
        message = told.message_primary or str(error).strip().split("\n")[0]
        where = _where(statement, told.statement_position)
        return cls(error.sqlstate or "", message, told.message_hint or "", where)

    @classmethod
    def of_result(cls, result: PGresult | None, statement: str) -> Fault:
        """A fault that the server sent in the place of rows; no result is a lost connection."""

        def said(field: DiagnosticField) -> str:
            told = result.error_field(field) if result else None
            return told.decode(errors="replace") if told else ""

        return cls(
            said(DiagnosticField.SQLSTATE),
            said(DiagnosticField.MESSAGE_PRIMARY) or "the connection was lost",
            said(DiagnosticField.MESSAGE_HINT),
            _where(statement, said(DiagnosticField.STATEMENT_POSITION)),
        )

    @classmethod
    def silent(cls) -> Fault:
        """The server sent nothing for as long as the source allows."""
        return cls(_SILENT, "")

    def cleaned(self, clean: Callable[[str], str]) -> Fault:
        """The same without what nobody may read."""
        return replace(
            self, message=clean(self.message), hint=clean(self.hint), where=clean(self.where)
        )


# By SQLSTATE, the longest prefix first.
_ADVICE = {
    "42601": "Correct the query.",
    "42P01": "Correct the table's name in the query, or write its schema before it.",
    "42703": "Correct the column's name in the query.",
    "42": "Correct the query.",
    "22": "Correct the query, or leave the row out that it cannot compute.",
    "25006": "Write a query that only reads.",
    "40001": "Try again; on a replica, set hot_standby_feedback or ask the primary.",
    "53": "The server is short of memory, disk or connections: try later, or index the cursor.",
    "57P03": "The server is starting or stopping: try again in a minute.",
    "57P": "The rows that landed are kept; the next refresh goes on from there.",
    "08": "The rows that landed are kept; the next refresh goes on from there.",
    "": "Correct the query in sources.yaml, or ask whoever runs the database.",
}


def refused(fault: Fault, place: str, user: str | None, timeout: float) -> SourceError:
    """The error for a statement that failed."""
    what = f"{fault.message}{fault.where}".strip()
    if fault.code == _SILENT or fault.code == "57014":
        return SourceError(
            f"{place} did not answer within {timeout:g} seconds.",
            "Index the cursor's column, ask for fewer columns, or raise `timeout:`.",
        )
    if fault.code == "42501":
        return SourceError(f"{place}: {what}.", _grant(fault.message, user))
    if fault.code == "25006" or "data-modifying" in fault.message:
        return SourceError(f"The query would write: {what}.", _ADVICE["25006"])
    if not fault.code or fault.code.startswith(("08", "57P01", "57P02")):
        return SourceError(f"{place} closed the connection: {what}.", _ADVICE["08"])
    key = max((key for key in _ADVICE if fault.code.startswith(key)), key=len)
    hint = f" {fault.hint}" if fault.hint else ""
    return SourceError(f"{place}: {what}.{hint}", _ADVICE[key])


def _grant(message: str, user: str | None) -> str:
    """The statement that lets the user read, as far as the server's message tells."""
    named = re.search(r"for (table|view|materialized view|relation|schema) (\S+)", message)
    what = f"select on {named[2] if named else '...'}"
    if named and named[1] == "schema":
        what = f"usage on schema {named[2]}"
    return f"Let its owner run `grant {what} to {user or '...'}`; more than reading is not needed."


def connection_refused(
    message: str, server: str, user: str | None, database: str | None
) -> SourceError:
    """The error for a connection that could not be made. libpq gives no code here, only words,
    and a server may say them in its own language: then they are passed on as they are."""
    said = message.strip().split("\n")[0]
    said = said.rsplit("failed: ", 1)[-1].removeprefix("FATAL:").strip()
    who = f"the user '{user}'" if user else "the user"
    known = {
        "password authentication failed": (
            f"PostgreSQL at {server} refuses the password of {who}.",
            "Correct the user or the password in the url's variable.",
        ),
        "no password supplied": (
            f"PostgreSQL at {server} wants a password for {who}.",
            "Write postgresql://user:password@host/database, the whole of it in a variable.",
        ),
        "pg_hba.conf": (
            f"PostgreSQL at {server} does not admit {who} from here: {said}.",
            "Add a line to its pg_hba.conf; if it speaks of no encryption, try ?sslmode=require.",
        ),
        "is not permitted to log in": (
            f"PostgreSQL at {server} does not let {who} log in.",
            "Use another user, or `alter role ... login`.",
        ),
        f'database "{database}" does not exist': (
            f"PostgreSQL at {server} has no database '{database}'.",
            "Correct the name behind the last / of the url.",
        ),
        f'role "{user}" does not exist': (
            f"PostgreSQL at {server} has no user '{user}'.",
            "Correct the user in the url's variable.",
        ),
        "Connection refused": (
            f"Nothing listens for PostgreSQL at {server}.",
            "Start it, or correct host and port in the url.",
        ),
        "timeout expired": (
            f"PostgreSQL at {server} does not answer.",
            "Check host, port, and whether a firewall lies between.",
        ),
        "resolve host": (
            f"There is no host of the name in the url: {server}.",
            "Correct the host in the url.",
        ),
    }
    for words, (what, advice) in known.items():
        if words in message:
            return SourceError(what, advice)
    return SourceError(
        f"PostgreSQL at {server} cannot be reached: {said}.",
        "Check the url: host, port, database, user, password, sslmode.",
    )


def _where(statement: str, position: str | None) -> str:
    """The line of the query that the server points at; its first line is the statement's second."""
    if not position or not statement:
        return ""
    at = int(position) - 1
    line = statement.count("\n", 0, at)
    shown = statement.split("\n")[line].strip()
    if not line or shown.startswith(") q"):
        return ""
    return f" (line {line} of the query: {shown[:80]})"
