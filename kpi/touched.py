"""Remembers on which days rows changed since rollups were last brought up to date."""

from __future__ import annotations

import datetime as dt
from typing import TYPE_CHECKING

from kpi.parsing import literal, quoted

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    import duckdb

# In place of a column: any row has changed, or all rows have, on whatever days.
_ANY, _ALL = "", "*"
# Days outside the calendar are not told apart; how systems write "never" would be no day at all.
EARLIEST, LATEST = dt.date(1969, 12, 30), dt.date(2100, 1, 1)

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
    for name, kind in columns.items():
        if kind in ("TIMESTAMP", "DATE"):
            field = quoted(name)
            # Of several values `least` and `greatest` leave out those that are not known.
            day = f"greatest(least(cast({field} as date), date '{LATEST}'), date '{EARLIEST}')"
            days.append(
                f"select {literal(name.lower())}, case when {field} is not null then {day} end "
                f"from {rows} group by all"
            )
    every = " union all ".join(f"({each})" for each in days)
    connection.execute(
        f"insert into kpi.touched select {literal(table.lower())} as fact_table, * from ({every}) "
        "except select * from kpi.touched"
    )


def note_days(
    connection: duckdb.DuckDBPyConnection, table: str, days: Iterable[tuple[str, dt.date | None]]
) -> None:
    """Notes that rows of a table have changed on these UTC days, each of a column in small letters.

    Rows without a time have None.
    """
    fields, noted = zip((_ANY, None), *days, strict=True)
    connection.execute(
        "insert into kpi.touched select ?, unnest(cast(? as varchar[])), unnest(cast(? as date[]))",
        (table.lower(), list(fields), list(noted)),
    )


def note_all(connection: duckdb.DuckDBPyConnection, table: str) -> None:
    """Notes that any row of a table may have changed."""
    connection.execute("insert into kpi.touched values (?, ?, null)", (table.lower(), _ALL))


class Touched:
    """What was noted since `forget`."""

    def __init__(self, connection: duckdb.DuckDBPyConnection) -> None:
        self._days: dict[tuple[str, str], set[dt.date]] = {}
        self._without: set[tuple[str, str]] = set()
        rows = connection.execute("select distinct fact_table, field, day from kpi.touched")
        for table, field, day in rows.fetchall():
            days = self._days.setdefault((table, field), set())
            if day is not None:
                days.add(day)
            elif field not in (_ANY, _ALL):
                self._without.add((table, field))

    def any(self, table: str) -> bool:
        """Whether any row of a table has changed."""
        return any(noted == table.lower() for noted, _ in self._days)

    def all(self, table: str) -> bool:
        """Whether all rows of a table may have changed."""
        return (table.lower(), _ALL) in self._days

    def days(self, table: str, column: str) -> set[dt.date]:
        """The days that changed rows have or had in a column: of a TIMESTAMP those of UTC."""
        return self._days.get((table.lower(), column.lower()), set())

    def without_day(self, table: str, column: str) -> bool:
        """Whether a changed row has, or had, no time in a column."""
        return (table.lower(), column.lower()) in self._without


def forget(connection: duckdb.DuckDBPyConnection) -> None:
    """Drops what was noted, once everything is up to date."""
    connection.execute("delete from kpi.touched")
