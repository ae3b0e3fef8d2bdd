"""Keeps the fact tables' columns and the views that metrics read."""

from __future__ import annotations

from collections.abc import Iterable, Mapping

import duckdb

from connectors.contract import Column, SourceError
from connectors.tables import TABLES
from kpi import touched
from kpi.landing import reread, type_name
from kpi.parsing import literal, quoted
from kpi.transaction import transaction

# Filled in by the warehouse in every row, behind the table's own columns.
SYSTEM = {
    "_source": "VARCHAR",
    "_first_seen": "TIMESTAMP",
    "_last_seen": "TIMESTAMP",
    "_deleted_at": "TIMESTAMP",
    "_run": "INTEGER",
}
# A delivery that becomes a whole table waits beside it until it is complete.
INCOMING = "_incoming"


def name_of(table: str) -> str:
    """A fact table's full name as SQL."""
    return f"facts.{quoted(table)}"


def create_sql(
    name: str,
    columns: Mapping[str, str],
    key: Iterable[str],
    extras: Mapping[str, str] | None = None,
    *,
    make: str = "create table",
) -> str:
    """Makes a table of these columns, the warehouse's own and some extras; `name` is SQL.

    The database tries every way to store a column before it chooses one. Of two kinds of columns
    the choice is known, and knowing it saves a quarter of a first landing.
    """
    alike = {name for name, kind in SYSTEM.items() if kind != "VARCHAR"}
    unlike = {name for name in key if columns.get(name) == "VARCHAR"}
    ways = dict.fromkeys(alike, " using compression rle")
    ways |= dict.fromkeys(unlike, " using compression zstd")
    everything = {**columns, **SYSTEM, **(extras or {})}
    listed = ", ".join(
        f"{quoted(column)} {kind}{ways.get(column, '')}" for column, kind in everything.items()
    )
    return f"{make} {name} ({listed})"


def create_canonical(connection: duckdb.DuckDBPyConnection) -> None:
    """Makes every canonical table with every canonical column, whether or not a source has it."""
    for table, declared in TABLES.items():
        name = name_of(table)
        missing = "create table if not exists"
        connection.execute(create_sql(name, declared.columns, declared.key, make=missing))
        for addition in _additions(columns_of(connection, table), table, declared.columns):
            connection.execute(addition)
        show(connection, table)


def columns_of(connection: duckdb.DuckDBPyConnection, table: str) -> dict[str, str]:
    """The table's own columns with their types, in order; empty where there is no such table."""
    # Not looked up in duckdb_tables(): the first look there makes every view of the database's own,
    # which takes twenty times as long.
    try:
        rows = connection.execute(f"describe {name_of(table)}").fetchall()
    except duckdb.CatalogException:
        return {}
    return {row[0]: row[1] for row in rows if row[0] not in SYSTEM}


def names(connection: duckdb.DuckDBPyConnection) -> list[str]:
    """Every fact table: the canonical ones, those delivered into, those that lie in a lake."""
    # The database does not tell Orders from orders; a vocabulary writes it small.
    brought = connection.execute(
        "select lower(into_table), max(into_table) from kpi.deliveries group by all "
        "union select fact_table, fact_table from kpi.lake_tables"
    ).fetchall()
    return sorted({**dict(brought), **{table: table for table in TABLES}}.values())


def known_types(connection: duckdb.DuckDBPyConnection, table: str) -> dict[str, str]:
    """The types that a delivery has to meet: the canonical ones and those already there."""
    canonical = TABLES[table].columns if table in TABLES else {}
    return {**columns_of(connection, table), **canonical}


def extend(
    connection: duckdb.DuckDBPyConnection,
    table: str,
    columns: Mapping[str, str],
    key: Iterable[str],
) -> None:
    """Adds the columns that the table lacks; makes the table, and its view, if needed."""
    there = columns_of(connection, table)
    if additions := _additions(there, table, columns):
        make = create_sql(name_of(table), columns, key)
        _change(connection, table, additions if there else [make])


def _additions(there: Iterable[str], table: str, columns: Mapping[str, str]) -> list[str]:
    folded = {name.lower() for name in there}
    return [
        f"alter table {name_of(table)} add column {quoted(name)} {kind}"
        for name, kind in columns.items()
        if name.lower() not in folded
    ]


def _change(connection: duckdb.DuckDBPyConnection, table: str, changes: Iterable[str]) -> None:
    """Changes a table together with its view, which otherwise nobody could read any more."""
    with transaction(connection):
        for change in changes:
            connection.execute(change)
        show(connection, table)


def show(connection: duckdb.DuckDBPyConnection, table: str) -> None:
    """(Re)makes the view without deleted rows. A view keeps the columns it was made with."""
    rows = f"{name_of(table)} where _deleted_at is null"
    connection.execute(
        f"create or replace view main.{quoted(table)} as {view_sql(connection, table, rows)}"
    )


def view_sql(connection: duckdb.DuckDBPyConnection, table: str, rows: str) -> str:
    """What metrics read of a fact table, of these rows of it (what stands after FROM)."""
    own = ", ".join(quoted(name) for name in columns_of(connection, table))
    kept = ", ".join(quoted(name) for name in SYSTEM if name != "_source")
    return f"select {own}, _source, {_identity(connection, table)} as _id, {kept} from {rows}"


def _identity(connection: duckdb.DuckDBPyConnection, table: str) -> str:
    """A row's id at its source, made from the key: stored, it would cost as much as the key."""
    keys = connection.execute(
        "select source, key from kpi.deliveries where into_table = ? order by source", (table,)
    ).fetchall()
    cases = " ".join(
        f"when {literal(source)} then concat_ws('/', {', '.join(quoted(name) for name in key)})"
        for source, key in keys
        if key
    )
    return f"case _source {cases} end" if cases else "cast(null as varchar)"


def check_names(table: str, columns: Iterable[str]) -> None:
    """Refuses names that the warehouse keeps for itself."""
    for name in (table, *columns):
        if not name.strip() or name.startswith("_"):
            raise SourceError(
                f"{name!r} cannot name a table or a column: names beginning with _ are ours.",
                "Choose another name under `into` or `columns`.",
            )


def retype(
    connection: duckdb.DuckDBPyConnection,
    table: str,
    columns: Iterable[Column],
    before: Mapping[str, str],
) -> list[str]:
    """Gives columns of one's own the type that their source declares since its last delivery.

    Returns a note for each. `before` are the types it declared then. Raises SourceError where a
    value that has landed is none of the new type; it would be lost.
    """
    canonical = TABLES[table].columns if table in TABLES else {}
    there = columns_of(connection, table)
    notes, changes = [], []
    for column in columns:
        kind, now = type_name(column.type or "VARCHAR"), there.get(column.name)
        declared = column.type is not None and before.get(column.name, kind) != kind
        if now is None or column.name in canonical or not declared or now == kind:
            continue
        field, value = quoted(column.name), reread(column, now, kind)
        ((lost,),) = connection.execute(
            f"select count(*) from {name_of(table)} where {field} is not null and {value} is null "
            f"and trim(cast({field} as varchar)) <> ''"
        ).fetchall()
        if lost:
            raise SourceError(
                f"{lost:,} values of {column.name} in {table} are not {kind}, as it is declared "
                "now.",
                f"Leave its type at {now}, or read this source into a table of another name.",
            )
        changes.append(
            f"alter table {name_of(table)} alter {field} set data type {kind} using {value}"
        )
        notes.append(f"column {column.name!r} of {table} is {kind} now, it was {now}")
    if changes:
        touched.note_all(connection, table)
        _change(connection, table, changes)
    return notes
