"""Writes what an edition says of itself: number, definitions, periods, sources and tables."""

from __future__ import annotations

import datetime as dt
import hashlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache
from typing import TYPE_CHECKING, Any

import duckdb
import pyarrow as pa

from kpi import census, currency, fact_tables
from kpi.census import Counted
from kpi.editions import DatabaseError
from kpi.fitting import against_facts
from kpi.history import computed_before
from kpi.parsing import quoted
from kpi.periods import GRAINS, Calendar, days
from kpi.questions import NotComputable
from kpi.reader import tuples
from kpi.touched import Touched
from kpi.transaction import transaction
from kpi.vocabulary import Vocabulary
from kpi.yaml_text import Problem

if TYPE_CHECKING:
    from kpi.engines import LakeReader

# By table, name and type of each column, in order.
Columns = Mapping[str, Mapping[str, str]]
# Counted up when the tables below change, so that the next refresh publishes anew.
_LAYOUT = 6


_SOURCES = """kpi.sources (
    position integer, source varchar, connector varchar, system varchar, into_tables varchar[],
    every_seconds bigint, rows_total bigint
)"""
# Before the first edition too, somebody asks what the sources were called in the last one.
TABLE = f"create table if not exists {_SOURCES};"


@dataclass(frozen=True)
class Declaration:
    """What the screens show of one entry of `sources.yaml`; no secret is part of it."""

    source: str
    connector: str
    system: str
    into: tuple[str, ...]
    every: dt.timedelta | None


@dataclass(frozen=True)
class Declarations:
    """Every declared source, in the order of the file."""

    sample: bool
    sources: tuple[Declaration, ...]

    def fingerprint(self) -> str:
        """A text that differs when a screen would."""
        return hashlib.sha256(f"{_LAYOUT} {self!r}".encode()).hexdigest()


@dataclass(frozen=True)
class Imprint:
    """What the edition that is being made says of itself."""

    number: int
    published_at: dt.datetime
    version: int
    vocabulary: Vocabulary
    declarations: Declarations
    columns: Columns


def write(
    connection: duckdb.DuckDBPyConnection,
    new: Imprint,
    touched: Touched,
    reader: LakeReader | None = None,
) -> None:
    """Writes an edition's own tables into the working database, all or none of them.

    `reader` reads the fact tables that lie in lakes; raises SourceError where that fails.
    """
    declarations, columns = new.declarations, new.columns
    with transaction(connection):
        _write_edition(
            connection,
            (new.number, new.published_at, new.version, new.vocabulary.text, declarations.sample),
        )
        _write_days(connection, new.vocabulary.calendar)
        counted = census.count_rows(connection, columns, touched)
        _write_sources(connection, declarations, counted)
        _write_tables(connection, new, counted, touched, reader)
        _write_columns(connection, columns)


@lru_cache(maxsize=4)
def every_day(calendar: Calendar) -> pa.Table:
    """Every day with the first day of its week, month, quarter and year: `kpi.days`."""
    names = ("day", *GRAINS[1:])
    columns = zip(*days(calendar), strict=True)
    return pa.table(
        {name: pa.array(c, pa.date32()) for name, c in zip(names, columns, strict=True)}
    )


def last_good_starts(connection: duckdb.DuckDBPyConnection) -> dict[str, dt.datetime]:
    """When (naive UTC) the last good run of each source began."""
    rows = connection.execute(
        "select source, max(started_at) from kpi.runs where outcome = 'good' group by source"
    )
    return dict(rows.fetchall())


def undeclared(
    connection: duckdb.DuckDBPyConnection, declarations: Declarations
) -> tuple[str, ...]:
    """The sources that brought rows once and are declared no more: their rows still count."""
    rows = connection.execute(
        "select source from kpi.runs group by source having sum(new_rows) > 0 order by source"
    ).fetchall()
    declared = {declaration.source for declaration in declarations.sources}
    return tuple(source for (source,) in rows if source not in declared)


def known_systems(connection: duckdb.DuckDBPyConnection) -> dict[str, str]:
    """What the systems of the sources were called in the last edition."""
    return dict(connection.execute("select source, system from kpi.sources").fetchall())


def columns_of_facts(connection: duckdb.DuckDBPyConnection) -> Columns:
    """Name and type of every column that metrics can read, by fact table."""
    found: dict[str, dict[str, str]] = {}
    for table in fact_tables.names(connection):
        described = connection.execute(f"describe main.{quoted(table)}").fetchall()
        found[table] = {row[0]: row[1] for row in described}
    return found


def mismatches(
    connection: duckdb.DuckDBPyConnection, vocabulary: Vocabulary, columns: Columns
) -> list[Problem]:
    """What the vocabulary asks of fact tables that they do not have."""

    def query(sql: str, parameters: Mapping[str, Any]) -> list[tuple[Any, ...]]:
        try:
            return connection.execute(sql, parameters or None).fetchall()
        except duckdb.OutOfMemoryException:
            raise  # which says nothing of what is asked
        except DatabaseError as error:
            raise NotComputable(str(error).partition("\n")[0]) from error

    proven = computed_before(vocabulary, query)
    return against_facts(vocabulary, columns, query, proven)


def _write_edition(connection: duckdb.DuckDBPyConnection, row: tuple[object, ...]) -> None:
    connection.execute(
        "create or replace table kpi.edition (number integer, published_at timestamp, "
        "version bigint, vocabulary_text varchar, sample boolean)"
    )
    connection.execute("insert into kpi.edition values (?, ?, ?, ?, ?)", row)


def _write_days(connection: duckdb.DuckDBPyConnection, calendar: Calendar) -> None:
    """The calendar is large and rarely changes: it is written only when it did."""
    connection.execute("create table if not exists kpi.calendar (calendar varchar)")
    written = connection.execute("select calendar from kpi.calendar").fetchall()
    described = f"{_LAYOUT} {calendar!r}"
    if written == [(described,)]:
        return
    connection.register("days_to_write", every_day(calendar))
    connection.execute("create or replace table kpi.days as from days_to_write")
    connection.unregister("days_to_write")
    connection.execute("delete from kpi.calendar")
    connection.execute("insert into kpi.calendar values (?)", (described,))


def _write_sources(
    connection: duckdb.DuckDBPyConnection, declarations: Declarations, counted: Counted
) -> None:
    connection.execute(f"create or replace table {_SOURCES}")
    rows: list[tuple[object, ...]] = []
    for position, declared in enumerate(declarations.sources):
        brought = {table: n for (table, source), n in counted.items() if source == declared.source}
        # A connector that fills whatever tables its answers call for declares none.
        into = declared.into or tuple(sorted(brought))
        every = None if declared.every is None else int(declared.every.total_seconds())
        rows.append(
            (
                position,
                declared.source,
                declared.connector,
                declared.system,
                list(into),
                every,
                sum(brought.values()),
            )
        )
    _insert(connection, "kpi.sources", rows)


def _write_tables(
    connection: duckdb.DuckDBPyConnection,
    new: Imprint,
    counted: Counted,
    touched: Touched,
    reader: LakeReader | None,
) -> None:
    vocabulary, columns = new.vocabulary, new.columns
    connection.execute(
        "create or replace table kpi.tables (name varchar, first_day date, last_day date, "
        "fresh_until timestamp, rows bigint, sources varchar[])"
    )
    brought_at = dict(
        connection.execute(
            "select source, arg_max(coalesce(as_of, started_at), run) from kpi.runs "
            "where outcome = 'good' group by source"
        ).fetchall()
    )
    declared = {d.source: d.into for d in new.declarations.sources}
    rows: list[tuple[object, ...]] = []
    for table in dict.fromkeys((*vocabulary.tables, *columns)):
        holders = {source for name, source in counted if name == table}
        sources = [s for s, into in declared.items() if table in into or s in holders]
        # Without one of its sources a table may lack anything: nothing in it is known to be whole.
        told = [brought_at.get(source) for source in sources]
        known = [moment for moment in told if moment is not None]
        own = columns.get(table, {})
        in_lake = reader is not None and table in reader.tables
        if not in_lake and (unknown := currency.unknown_from(connection, table, own)):
            known.append(unknown)
            told.append(unknown)
        fresh_until = min(known) if known and len(known) == len(told) else None
        ask = _asked(connection, reader, table)
        reached = {
            time: census.days(
                *(connection, vocabulary.calendar, touched, table, time, ask),
                on_days=own[time] == "DATE",
            )
            for time in _times(vocabulary, table, own, all_of_them=in_lake)
        }
        default = vocabulary.tables[table].time if table in vocabulary.tables else ""
        first, last = reached.get(default, (None, None))
        total = sum(n for (name, _), n in counted.items() if name == table)
        rows.append((table, first, last, fresh_until, total, sources))
    _insert(connection, "kpi.tables", rows)


def _asked(
    connection: duckdb.DuckDBPyConnection, reader: LakeReader | None, table: str
) -> census.Ask:
    """What gives the rows of a statement over a fact table, wherever it lies."""
    if reader is not None and table in reader.tables:
        return lambda sql: tuples(reader.fetch(table, sql, {}))
    return lambda sql: connection.execute(sql).fetchall()


def _write_columns(connection: duckdb.DuckDBPyConnection, columns: Columns) -> None:
    """What every reader would have to look up in the catalog, which takes longer than all else."""
    rows = [(table, *column) for table, kinds in columns.items() for column in kinds.items()]
    names = ("table_name", "column_name", "data_type")
    parts = zip(*rows, strict=True)
    connection.register(
        "columns_to_write",
        pa.table({name: pa.array(p, pa.string()) for name, p in zip(names, parts, strict=True)}),
    )
    connection.execute("create or replace table kpi.columns as from columns_to_write")
    connection.unregister("columns_to_write")


def _insert(
    connection: duckdb.DuckDBPyConnection, table: str, rows: Sequence[tuple[object, ...]]
) -> None:
    if not rows:
        return
    places = ", ".join(f"({', '.join('?' for _ in row)})" for row in rows)
    connection.execute(
        f"insert into {table} values {places}", [value for row in rows for value in row]
    )


def _times(
    vocabulary: Vocabulary, table: str, columns: Mapping[str, str], *, all_of_them: bool
) -> list[str]:
    """The times of a table of which is kept how far they reach, the default one first.

    A page can look the others up, but for those of a lake, which nobody asks for it.
    """
    declared = vocabulary.tables.get(table)
    if declared is None:
        return []
    wanted = [declared.time]
    if all_of_them:
        counted_on = [
            m for m in vocabulary.metrics.values() if not m.inputs and m.tables == (table,)
        ]
        wanted += [vocabulary.time_column(metric) for metric in counted_on]
    return [t for t in dict.fromkeys(wanted) if columns.get(t) in ("DATE", "TIMESTAMP")]
