"""Counts the rows of fact tables by source, and finds their first and last days.

What it finds is remembered in the working database, and looked for again only where rows changed:
to look at all of them takes longer than all else that a publication does for a few.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Callable, Iterable, Sequence
from typing import TYPE_CHECKING, Any

from kpi import lake_tables
from kpi.keeper import local_days
from kpi.parsing import literal, quoted
from kpi.period_rows import extent
from kpi.periods import Calendar

if TYPE_CHECKING:
    import duckdb

    from kpi.touched import Touched

# (table, source) -> rows, deleted ones left out
Counted = dict[tuple[str, str], int]
Ask = Callable[[str], Sequence[tuple[Any, ...]]]
Days = tuple[dt.date | None, dt.date | None]

TABLES = """
create table if not exists kpi.counted (fact_table varchar, source varchar, rows bigint);
create table if not exists kpi.extents (
    fact_table varchar, field varchar, calendar varchar, first_day date, last_day date
);
"""


def count_rows(
    connection: duckdb.DuckDBPyConnection, tables: Iterable[str], touched: Touched
) -> Counted:
    """How many rows each source has in each of these tables."""
    wanted = list(tables)
    rows = connection.execute("select fact_table, source, rows from kpi.counted").fetchall()
    known = {table for table, _, _ in rows}
    stale = [table for table in wanted if table not in known or touched.any(table)]
    found = {(t, s): n for t, s, n in rows if t in wanted and t not in stale and s is not None}
    in_lakes = connection.execute("select fact_table, source from kpi.lake_tables").fetchall()
    for table, source in in_lakes:
        found[table, source] = lake_tables.count(connection, table)
    stale = [table for table in stale if table not in dict(in_lakes)]
    if not stale:
        return found
    before = {table: [s for t, s, _ in rows if t == table and s is not None] for table in stale}
    fresh = [row for table in stale for row in _counted(connection, table, before[table])]
    connection.execute("delete from kpi.counted where list_contains(?, fact_table)", (stale,))
    # A table without a row is known too.
    empty = [(table, None, 0) for table in stale if table not in {t for t, _, _ in fresh}]
    connection.executemany("insert into kpi.counted values (?, ?, ?)", [*fresh, *empty])
    return found | {(table, source): n for table, source, n in fresh}


def _counted(
    connection: duckdb.DuckDBPyConnection, table: str, sources: Sequence[str]
) -> list[tuple[str, str, int]]:
    """Every source of a table with the number of its rows; these sources had some before.

    One after another they are counted from what the database knows of its blocks, where to tell
    the rows of all apart it reads each row; that is left to when there is another source.
    """
    rows = f"from main.{quoted(table)}"
    each = [f"(select count(*) {rows})"]
    each += [f"(select count(*) {rows} where _source = {literal(s)})" for s in sources]
    ((total, *counts),) = connection.execute(f"select {', '.join(each)}").fetchall()
    if total == sum(counts):
        return [(table, s, n) for s, n in zip(sources, counts, strict=True) if n]
    grouped = connection.execute(f"select _source, count(*) {rows} group by _source")
    return [(table, source, n) for source, n in grouped.fetchall()]


def days(
    connection: duckdb.DuckDBPyConnection,
    calendar: Calendar,
    touched: Touched,
    table: str,
    time: str,
    ask: Ask,
    *,
    on_days: bool,
) -> Days:
    """The first and the last local day of a time of a table, within the calendar.

    `ask` gives the rows of a statement over the table, `on_days`: the time is a local day already,
    rather than an instant in UTC.
    """
    about = (table, time, calendar.timezone)
    known = connection.execute(
        "select first_day, last_day from kpi.extents "
        "where fact_table = ? and field = ? and calendar = ?",
        about,
    ).fetchall()
    if known and not touched.any(table):
        return known[0]
    found = None
    if known and not touched.all(table):
        found = _moved(ask, calendar, touched, (table, time), known[0], on_days=on_days)
    if found is None:
        ((first, last),) = ask(extent(table, time))
        found = _local_day(calendar, first), _local_day(calendar, last)
    connection.execute(
        "delete from kpi.extents where fact_table = ? and field = ? and calendar = ?", about
    )
    connection.execute("insert into kpi.extents values (?, ?, ?, ?, ?)", (*about, *found))
    return found


def _moved(
    ask: Ask,
    calendar: Calendar,
    touched: Touched,
    field: tuple[str, str],
    known: Days,
    *,
    on_days: bool,
) -> Days | None:
    """Both days where only rows behind the first one were touched; None where all must be read."""
    first, last = known
    if first is None or last is None:
        return None
    moved = local_days(calendar, touched.days(*field), on_days=on_days)
    if moved and min(moved) <= first:
        return None
    if not moved or max(moved) < last:
        return known
    since = f"date '{last}'" if on_days else f"timestamp {literal(calendar.midnight(last))}"
    behind = f"{extent(*field)} and {quoted(field[1])} >= {since}"
    ((_, latest),) = ask(behind)
    return None if latest is None else (first, _local_day(calendar, latest))


def _local_day(calendar: Calendar, moment: dt.datetime | dt.date | None) -> dt.date | None:
    # A DATE is a local day already; a TIMESTAMP is an instant in UTC.
    return calendar.local_day(moment) if isinstance(moment, dt.datetime) else moment
