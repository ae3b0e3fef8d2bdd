"""Fact tables whose rows stay in a lake: where they lie, and which of their days have changed.

Of each file (of a table of a catalogue: of all of it) the working database keeps what its rows add
up to by day, as `kpi.prints` tells it. Days that add up to something else than before were touched.
"""

from __future__ import annotations

import datetime as dt
import json
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING, Any

import pyarrow as pa

from connectors.contract import CatalogueTable, Parquet, Place, SourceError
from kpi import prints, touched
from kpi.currency import refuse_elsewhere
from kpi.parsing import literal, quoted
from kpi.questions import NotComputable
from kpi.reader import tuples

if TYPE_CHECKING:
    import duckdb

    from kpi.spark import Cluster

Query = Callable[[str], Sequence[tuple[Any, ...]]]

TABLES = """
create table if not exists kpi.lake_tables (
    fact_table varchar, source varchar, place varchar, columns varchar
);
create table if not exists kpi.lake_files (
    fact_table varchar, path varchar, address varchar, modified timestamp, size bigint
);
create table if not exists kpi.lake_days (
    fact_table varchar, file varchar, field varchar, day date, rows bigint, print hugeint
);
"""
_NEW = "new_prints"


@dataclass(frozen=True)
class LakeFile:
    """A file with facts: its path and address, when it changed (naive UTC) and its bytes."""

    path: str
    address: str
    modified: dt.datetime
    size: int


@dataclass(frozen=True)
class LakeTable:
    """A fact table in a lake: whose source it is of, where it lies, its columns by DuckDB type.

    `files` are those that count; None for a table of a catalogue.
    """

    name: str
    source: str
    place: Place
    columns: Mapping[str, str]
    files: tuple[LakeFile, ...] | None


@dataclass(frozen=True)
class Noticed:
    """By how many rows a table in a lake has become longer or shorter, and how many it has.

    `as_of` is when its newest file changed (naive UTC); None for a table of a catalogue.
    """

    more: int
    fewer: int
    rows: int
    as_of: dt.datetime | None


def read(query: Query) -> dict[str, LakeTable]:
    """Every fact table in a lake; none in an edition of an earlier version."""
    try:
        rows = query("select fact_table, source, place, columns from kpi.lake_tables")
    except NotComputable:
        return {}
    found = {}
    for table, source, place, columns in rows:
        where = _place(place)
        files = _files(query, table) if isinstance(where, Parquet) else None
        found[table] = LakeTable(table, source, where, json.loads(columns), files)
    return found


def notice(
    connection: duckdb.DuckDBPyConnection, source: str, table: str, place: Place, engine: Cluster
) -> Noticed:
    """Finds out which days of a table have changed since the last time, and notes them as touched.

    Belongs into a transaction. Reads the files that are new or changed, or a whole table of a
    catalogue. Raises SourceError where the engine fails, or where rows have landed here already.
    """
    _refuse_landed(connection, table)
    before = read(lambda sql: connection.execute(sql).fetchall()).get(table)
    _refuse_others(before, source, place)
    columns = engine.columns(place)
    refuse_elsewhere(table, columns)
    files = engine.files(place) if isinstance(place, Parquet) else None
    # Of other columns other numbers are made.
    same = before is not None and (before.columns, before.place) == (columns, place)
    known = set(before.files or ()) & set(files or ()) if before is not None and same else set()
    due = None if files is None else [file for file in files if file not in known]
    stale = _noted(connection, table) - {file.address for file in known}
    connection.register(_NEW, _prints(engine, place, columns, due))
    try:
        more = _replace(connection, table, stale, all_touched=before is None)
    finally:
        connection.unregister(_NEW)
    _write(connection, LakeTable(table, source, place, columns, files))
    as_of = max((file.modified for file in files or ()), default=None)
    return Noticed(max(more, 0), max(-more, 0), count(connection, table), as_of)


def count(connection: duckdb.DuckDBPyConnection, table: str) -> int:
    """How many rows a table in a lake has."""
    ((rows,),) = connection.execute(
        "select coalesce(sum(rows), 0) from kpi.lake_days where fact_table = ? and field = ?",
        (table, prints.ALL),
    ).fetchall()
    return int(rows)


def days(connection: duckdb.DuckDBPyConnection, table: str, column: str) -> set[dt.date]:
    """The UTC days that rows of a table in a lake have in a column."""
    rows = connection.execute(
        "select distinct day from kpi.lake_days "
        "where fact_table = ? and field = ? and day is not null",
        (table, column.lower()),
    ).fetchall()
    return {day for (day,) in rows}


def refuse_changed(query: Query, table: LakeTable, engine: Cluster) -> None:
    """Raises SourceError where what was noticed of a table is not what lies there now.

    Files that came since are left for the next time: they were not read.
    """
    if table.files is not None:
        assert isinstance(table.place, Parquet)
        same = set(table.files) <= set(engine.files(table.place))
    else:
        noted = query(
            "select file, field, day, rows, print from kpi.lake_days "
            f"where fact_table = {literal(table.name)}"
        )
        same = set(noted) == set(tuples(_prints(engine, table.place, table.columns, None)))
    if not same:
        what = f"{table.name} has changed in its lake since it was looked at."
        raise SourceError(what, "Run `python -m kpi refresh` again.")


def show(connection: duckdb.DuckDBPyConnection) -> None:
    """(Re)makes what stands here for the tables in lakes."""
    for table, sql in stand_ins(connection).items():
        connection.execute(f"create or replace view main.{quoted(table)} as {sql}")


def stand_in(table: str, columns: Mapping[str, str]) -> str:
    """What stands here for a table in a lake, as SQL: its columns, and words in place of rows."""
    what = f"{table} lies in a lake, and nothing that answers this is kept ready of it."
    # Every column rests on the error, so that no condition is found to be false without it.
    each = ", ".join(f"cast(told as {kind}) as {quoted(name)}" for name, kind in columns.items())
    row = f"(select cast(error({literal(what)}) as varchar) as told)"
    return f"select {each} from {row} where told is not null"


def stand_ins(connection: duckdb.DuckDBPyConnection) -> dict[str, str]:
    """What stands here for each table in a lake, as SQL: its columns, and words instead of rows."""
    rows = connection.execute("select fact_table, columns from kpi.lake_tables").fetchall()
    return {table: stand_in(table, json.loads(columns)) for table, columns in rows}


def refuse_in_lake(connection: duckdb.DuckDBPyConnection, table: str) -> None:
    """Raises SourceError for a table whose rows lie in a lake: none can land beside them."""
    known = connection.execute(
        "select source from kpi.lake_tables where fact_table = ?", (table.lower(),)
    ).fetchall()
    for (source,) in known:
        what = f"The rows of {table} lie in a lake ({source}): none can land beside them."
        raise SourceError(what, "Choose another name under `into`.")


def _prints(
    engine: Cluster, place: Place, columns: Mapping[str, str], files: Sequence[LakeFile] | None
) -> pa.Table:
    if files is None or files:
        return engine.prints(place, columns, files)
    names = ("file", "field", "day", "number", "print")
    kinds = (pa.string(), pa.string(), pa.date32(), pa.int64(), pa.decimal128(38, 0))
    return pa.schema(list(zip(names, kinds, strict=True))).empty_table()


def _differences(table: str, stale: str) -> str:
    """The fields and days whose rows add up to something else than before, as SQL.

    `stale` are the files that are left or gone, as literals.
    """
    return f"""
        select field, day, sum(rows) as rows from (
            select field, day, -rows as rows, -print as print from kpi.lake_days
            where fact_table = {literal(table)}
            and (file in ({stale}) or file in (select file from {_NEW}))
            union all
            select field, day, number, cast(print as hugeint) from {_NEW}
        ) group by field, day having sum(rows) <> 0 or sum(print) <> 0
    """


def _replace(
    connection: duckdb.DuckDBPyConnection, table: str, stale: Iterable[str], *, all_touched: bool
) -> int:
    """Keeps the new prints in place of the stale ones, and notes as touched what differs.

    By how many rows there are more.
    """
    addresses = ", ".join(map(literal, stale)) or "null"
    different = connection.execute(_differences(table, addresses)).fetchall()
    if all_touched:
        touched.note_all(connection, table)
    elif different:
        days = [(field, day) for field, day, _ in different if field != prints.ALL]
        touched.note_days(connection, table, days)
    connection.execute(
        f"delete from kpi.lake_days where fact_table = ? "
        f"and (file in ({addresses}) or file in (select file from {_NEW}))",
        (table,),
    )
    connection.execute(
        f"insert into kpi.lake_days select ?, file, field, day, number, cast(print as hugeint) "
        f"from {_NEW}",
        (table,),
    )
    return sum(int(rows) for field, _, rows in different if field == prints.ALL)


def _write(connection: duckdb.DuckDBPyConnection, table: LakeTable) -> None:
    for name in ("lake_tables", "lake_files"):
        connection.execute(f"delete from kpi.{name} where fact_table = ?", (table.name,))
    connection.execute(
        "insert into kpi.lake_tables values (?, ?, ?, ?)",
        (table.name, table.source, _told(table.place), json.dumps(dict(table.columns))),
    )
    files = table.files or ()
    connection.execute(
        "insert into kpi.lake_files select ?, unnest(cast(? as varchar[])), "
        "unnest(cast(? as varchar[])), unnest(cast(? as timestamp[])), unnest(cast(? as bigint[]))",
        (
            table.name,
            [file.path for file in files],
            [file.address for file in files],
            [file.modified for file in files],
            [file.size for file in files],
        ),
    )
    show(connection)


def _noted(connection: duckdb.DuckDBPyConnection, table: str) -> set[str]:
    """The files of which something is kept."""
    rows = connection.execute(
        "select distinct file from kpi.lake_days where fact_table = ?", (table,)
    ).fetchall()
    return {file for (file,) in rows}


def _refuse_others(before: LakeTable | None, source: str, place: Place) -> None:
    """A table is of one source; the source may get another name, or the table another place."""
    if before is not None and before.source != source and before.place != place:
        what = f"The rows of {before.name} lie in the lake of '{before.source}'."
        raise SourceError(what, "Choose another name under `into`, or name one source only.")


def _refuse_landed(connection: duckdb.DuckDBPyConnection, table: str) -> None:
    landed = connection.execute(
        "select distinct source from kpi.deliveries where lower(into_table) = ?", (table.lower(),)
    ).fetchall()
    if landed:
        sources = ", ".join(sorted(source for (source,) in landed))
        what = f"Rows of {table} have landed here from {sources}: they cannot lie in a lake, too."
        raise SourceError(what, "Choose another name under `into`.")


def _files(query: Query, table: str) -> tuple[LakeFile, ...]:
    rows = query(
        f"select path, address, modified, size from kpi.lake_files "
        f"where fact_table = {literal(table)} order by path"
    )
    return tuple(LakeFile(*row) for row in rows)


def _told(place: Place) -> str:
    return json.dumps({"kind": type(place).__name__, **asdict(place)})


def _place(text: str) -> Place:
    told = json.loads(text)
    kinds = {kind.__name__: kind for kind in (Parquet, CatalogueTable)}
    return kinds[told.pop("kind")](**told)
