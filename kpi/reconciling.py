"""Compares a source's rows with what its system still has: marks what is gone, restores the rest.

An incremental pull never hears of a row that was deleted. So everything is listed and compared
first, and marked in one go afterwards: half a list would take rows away that are still there.
"""

from __future__ import annotations

import datetime as dt
import itertools
from collections.abc import Iterable
from dataclasses import dataclass, field, replace

import duckdb

from connectors.contract import Column, Present, SourceError
from connectors.tables import TABLES
from kpi import deliveries
from kpi.fact_tables import columns_of, name_of
from kpi.merging import mark_deleted, mark_restored
from kpi.parsing import literal, parsed, quoted, text_of
from kpi.staging import Origin, names

# A credential that lost a permission looks like a system that lost its rows.
_PLAUSIBLE_SHARE = 0.1
_PLAUSIBLE_ROWS = 20
_numbers = itertools.count(1)


_Window = tuple[dt.datetime, dt.datetime]


@dataclass(frozen=True)
class Differences:
    """What a comparison came to, in rows."""

    compared: int = 0  # ours that are not deleted, in the listed stretches of time
    vanished: int = 0  # of these, the ones that the system has no more
    restored: int = 0  # ours that were deleted and that the system has again
    lacking: int = 0  # the system's that are not here


@dataclass
class _Listed:
    """All keys that a system listed for one table, and for which stretches of its time column."""

    origin: Origin
    key: tuple[str, ...]
    keys: str  # the temporary table that holds them
    is_known: bool  # whether the source ever delivered into this table
    windows: dict[str, list[_Window]] = field(default_factory=dict)


class Reconciling:
    """One comparison of one source: `take` everything, then `mark`; `drop` it afterwards."""

    def __init__(self, connection: duckdb.DuckDBPyConnection) -> None:
        self._connection = connection
        self._listed: dict[str, _Listed] = {}

    def take(self, origin: Origin, present: Present) -> None:
        """Takes in what the system has in one stretch of time; raises SourceError."""
        listed = self._listed.get(origin.into) or self._begin(origin, present)
        self._listed[origin.into] = listed
        listed.windows.setdefault(present.time, []).append((present.start, present.end))
        kinds = columns_of(self._connection, origin.into)
        values = [_key_value(name, kinds.get(name, "VARCHAR")) for name in listed.key]
        self._connection.register("listed_keys", present.keys)
        try:
            self._connection.execute(
                f"insert into {listed.keys} select {', '.join(values)} from listed_keys"
            )
        finally:
            self._connection.unregister("listed_keys")

    def differences(self) -> Differences:
        """How the rows differ from all that was listed; raises SourceError for unreadable keys."""
        found = [self._compared(listed) for listed in self._listed.values()]
        return Differences(*(sum(part) for part in zip(*found, strict=True))) if found else _NONE

    def mark(self) -> None:
        """Marks the vanished rows as deleted and the restored ones as there, in the caller's
        transaction."""
        for listed in self._listed.values():
            if not listed.is_known:
                continue
            origin = listed.origin
            self._mark_parts(listed)
            mark_deleted(self._connection, origin, f"select rowid from ({_vanished(listed)})")
            mark_restored(self._connection, origin, f"select rowid from ({_restored(listed)})")

    def _mark_parts(self, listed: _Listed) -> None:
        """What is part of a row goes with it, and comes back if it went with it.

        Called before the rows themselves are marked, which then are no longer found.
        """
        origin, fact = listed.origin, name_of(listed.origin.into)
        for table, declared in TABLES.items():
            if declared.part_of != origin.into:
                continue
            part = name_of(table)
            whole = " and ".join(f"p.{quoted(name)} = f.{quoted(name)}" for name in listed.key)
            of = f"from {part} p join {fact} f on {whole} and p._source = f._source"
            of_part = replace(origin, into=table)
            mark_deleted(
                self._connection,
                of_part,
                f"select p.rowid {of} where p._deleted_at is null "
                f"and f.rowid in ({_vanished(listed)})",
            )
            mark_restored(
                self._connection,
                of_part,
                f"select p.rowid {of} where p._deleted_at = f._deleted_at "
                f"and f.rowid in ({_restored(listed)})",
            )

    def drop(self) -> None:
        """Lets go of the listed keys."""
        for listed in self._listed.values():
            self._connection.execute(f"drop table if exists {listed.keys}")

    def _begin(self, origin: Origin, present: Present) -> _Listed:
        last = deliveries.before(self._connection, origin)
        given = tuple(present.keys.column_names)
        if last is not None and sorted(last.key) != sorted(given):
            raise SourceError(
                f"The system lists {origin.into} by {', '.join(given)}, but its rows are told "
                f"apart by {', '.join(last.key) or 'nothing'}.",
                "Leave `key` and `mode` of this source as they are by default.",
            )
        kinds = columns_of(self._connection, origin.into)
        columns = ", ".join(f"{quoted(name)} {kinds.get(name, 'VARCHAR')}" for name in given)
        table = f"temp.main.listed_{next(_numbers)}"
        self._connection.execute(f"create temp table {table} ({columns})")
        return _Listed(origin, given, table, last is not None)

    def _compared(self, listed: _Listed) -> tuple[int, int, int, int]:
        nothing = " or ".join(f"{quoted(name)} is null" for name in listed.key)
        if unreadable := self._count(f"from {listed.keys} where {nothing}"):
            raise SourceError(
                f"{unreadable:,} of the keys that the system lists for {listed.origin.into} "
                "cannot be read.",
                "This looks like a mistake in the connector: please report it.",
            )
        distinct = f"from (select distinct {names(listed.key)} from {listed.keys}) l"
        if not listed.is_known:
            return (0, 0, 0, self._count(distinct))
        ours = f"from {name_of(listed.origin.into)} f where {_own(listed)}"
        return (
            self._count(f"{ours} and f._deleted_at is null and ({_in_windows(listed)})"),
            self._count(f"from ({_vanished(listed)})"),
            self._count(f"from ({_restored(listed)})"),
            self._count(f"{distinct} where not exists ({_same(listed, f'select 1 {ours}')})"),
        )

    def _count(self, rest: str) -> int:
        ((rows,),) = self._connection.execute(f"select count(*) {rest}").fetchall()
        return int(rows)


_NONE = Differences()


def refuse_implausible(found: Differences, source: str) -> None:
    """Raises SourceError where so many rows would vanish that something else must be wrong."""
    much = found.vanished > _PLAUSIBLE_ROWS
    if much and found.vanished > _PLAUSIBLE_SHARE * found.compared:
        raise SourceError(
            f"{found.vanished:,} of the {found.compared:,} rows compared are not listed by the "
            "system any more, which is too many to believe; none was marked as deleted.",
            "Check that the credential may still see everything that this source asks for. Where "
            f"they are gone indeed: `python -m kpi refresh {source} --reconcile-anyway`.",
        )


def _key_value(name: str, kind: str) -> str:
    """A listed key's text as a value of the fact table, read as a landing reads it."""
    column = Column(name)
    text = text_of(f"cast({quoted(name)} as varchar)", column, kind)
    return text if kind == "VARCHAR" else parsed(text, column, kind)


def _vanished(listed: _Listed) -> str:
    """The rows of ours that the system does not list, though it would."""
    keys = _same(listed, f"select 1 from {listed.keys} l where true")
    return (
        f"select f.rowid from {name_of(listed.origin.into)} f where {_own(listed)} "
        f"and f._deleted_at is null and ({_in_windows(listed)}) and not exists ({keys})"
    )


def _restored(listed: _Listed) -> str:
    """The rows of ours that were deleted and are listed again, whatever their time."""
    keys = _same(listed, f"select 1 from {listed.keys} l where true")
    return (
        f"select f.rowid from {name_of(listed.origin.into)} f where {_own(listed)} "
        f"and f._deleted_at is not null and exists ({keys})"
    )


def _own(listed: _Listed) -> str:
    return f"f._source = {literal(listed.origin.source)}"


def _same(listed: _Listed, select: str) -> str:
    same = (f"l.{quoted(name)} = f.{quoted(name)}" for name in listed.key)
    return f"{select} and {' and '.join(same)}"


def _in_windows(listed: _Listed) -> str:
    return " or ".join(
        f"(f.{quoted(time)} >= timestamp {literal(start)} "
        f"and f.{quoted(time)} < timestamp {literal(end)})"
        for time, windows in listed.windows.items()
        for start, end in _joined(windows)
    )


def _joined(windows: Iterable[_Window]) -> list[_Window]:
    """Stretches of time, those that touch each other as one."""
    joined: list[_Window] = []
    for start, end in sorted(windows):
        if joined and start <= joined[-1][1]:
            joined[-1] = (joined[-1][0], max(end, joined[-1][1]))
        else:
            joined.append((start, end))
    return joined
