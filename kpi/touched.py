"""Remembers on which days rows changed since rollups were last brought up to date."""

from __future__ import annotations

import datetime as dt
from typing import TYPE_CHECKING

from kpi.parsing import literal, quoted

if TYPE_CHECKING:
    from collections.abc import Mapping

    import duckdb

# In place of a column: any row has changed, or all rows have, on whatever days.
_ANY, _ALL = "", "*"
# Days outside the calendar are not told apart; how systems write "never" would be no day at all.
_EARLIEST, _LATEST = dt.date(1969, 12, 30), dt.date(2100, 1, 1)

TABLE = """
create table if not exists kpi.touched (fact_table varchar, field varchar, day date);
"""


def note_rows(
    connection: duckdb.DuckDBPyConnection, table: str, columns: Mapping[str, str], rows: str
) -> None:
    """Notes the UTC days of some rows, in each of these columns that is a time.

    `rows` is what stands after FROM. Belongs into the transaction that changes the rows; what is
    changed of a row is noted twice, as it was and as it is.
    """
    days = [f"select {literal(_ANY)} as field, cast(null as date) as day from {rows} limit 1"]
    days += [
        f"select {literal(name.lower())}, greatest(least(cast({quoted(name)} as date), "
        f"date '{_LATEST}'), date '{_EARLIEST}') from {rows} "
        f"where {quoted(name)} is not null group by all"
        for name, kind in columns.items()
        if kind in ("TIMESTAMP", "DATE")
    ]
    every = " union all ".join(f"({each})" for each in days)
    connection.execute(
        f"insert into kpi.touched select {literal(table.lower())} as fact_table, * from ({every}) "
        "except select * from kpi.touched"
    )


def note_all(connection: duckdb.DuckDBPyConnection, table: str) -> None:
    """Notes that any row of a table may have changed."""
    connection.execute("insert into kpi.touched values (?, ?, null)", (table.lower(), _ALL))


class Touched:
    """What was noted since `forget`."""

    def __init__(self, connection: duckdb.DuckDBPyConnection) -> None:
        self._days: dict[tuple[str, str], set[dt.date]] = {}
        rows = connection.execute("select distinct fact_table, field, day from kpi.touched")
        for table, field, day in rows.fetchall():
            days = self._days.setdefault((table, field), set())
            if day is not None:
                days.add(day)

    def any(self, table: str) -> bool:
        """Whether any row of a table has changed."""
        return any(noted == table.lower() for noted, _ in self._days)

    def all(self, table: str) -> bool:
        """Whether all rows of a table may have changed."""
        return (table.lower(), _ALL) in self._days

    def days(self, table: str, column: str) -> set[dt.date]:
        """The days that changed rows have or had in a column: of a TIMESTAMP those of UTC."""
        return self._days.get((table.lower(), column.lower()), set())


def forget(connection: duckdb.DuckDBPyConnection) -> None:
    """Drops what was noted, once everything is up to date."""
    connection.execute("delete from kpi.touched")
