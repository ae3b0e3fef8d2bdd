"""Makes the tables of a working database, and remembers what it made them from."""

from __future__ import annotations

import hashlib

import duckdb

from connectors.tables import TABLES
from kpi import (
    census,
    currency,
    deliveries,
    fact_tables,
    history,
    imprint,
    lake_tables,
    redefining,
    rollups,
    run_book,
    segments,
    touched,
)
from kpi.transaction import transaction

_REMEMBERED = """
create schema if not exists kpi;
create table if not exists kpi.layout (made_from varchar);
"""
_SCHEMA = f"""
create schema if not exists facts;
{run_book.TABLES}
{deliveries.TABLE}
{history.TABLES}
{redefining.TABLES}
{imprint.TABLE}
{rollups.TABLE}
{segments.TABLE}
{touched.TABLE}
{census.TABLES}
{currency.TABLE}
{lake_tables.TABLES}
create table if not exists kpi.version (version bigint);
insert into kpi.version select 0 where not exists (from kpi.version);
"""


def lay_out(connection: duckdb.DuckDBPyConnection) -> None:
    """Makes what is lacking, all or nothing; looks at no table where nothing can be lacking.

    To look at every table takes longer than to open the database.
    """
    told = f"{_SCHEMA} {fact_tables.SYSTEM} {TABLES}"
    made_from = hashlib.sha256(told.encode()).hexdigest()
    connection.execute(_REMEMBERED)
    if connection.execute("from kpi.layout").fetchall() == [(made_from,)]:
        return
    with transaction(connection):
        connection.execute(_SCHEMA)
        fact_tables.create_canonical(connection)
        lake_tables.show(connection)
        connection.execute("delete from kpi.layout")
        connection.execute("insert into kpi.layout values (?)", (made_from,))
