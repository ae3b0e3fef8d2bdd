"""Writes an edition whose large tables are not copied: their segments stand beside its file."""

from __future__ import annotations

import contextlib
import shutil
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from kpi.daily_parts import is_private
from kpi.database_files import new_database
from kpi.fact_tables import view_sql
from kpi.files import flush, parts_folder, segment_file
from kpi.lake_tables import stand_ins
from kpi.parsing import literal, quoted
from kpi.segments import Segment, rows_sql

if TYPE_CHECKING:
    import duckdb

_SCHEMAS = ("kpi", "facts", "rollups")
_EDITION = "edition"


def put_parts(
    connection: duckdb.DuckDBPyConnection,
    segments_folder: Path,
    large: Mapping[str, Sequence[Segment]],
    target: Path,
) -> None:
    """A whole edition under its final name, or nothing under that name.

    `large` are the segments of the tables that are not copied.
    """
    parts = parts_folder(target)
    names = [segment.name for every in large.values() for segment in every]
    try:
        _link(segments_folder, names, parts)
        with (
            _attached(connection, segments_folder, names),
            new_database(connection, target, _EDITION),
        ):
            _copy_tables(connection, large)
            _make_views(connection, large)
    except BaseException:
        shutil.rmtree(parts, ignore_errors=True)
        raise


def _link(segments_folder: Path, names: Sequence[str], parts: Path) -> None:
    """The same files under a second name, which live as long as either does."""
    parts.mkdir()
    for name in names:
        file = segment_file(segments_folder, name)
        linked = parts / file.name
        try:
            linked.hardlink_to(file)
        except OSError:
            # A file system without links, or with a bound on them.
            shutil.copyfile(file, linked)
            flush(linked)
    flush(parts)


@contextlib.contextmanager
def _attached(
    connection: duckdb.DuckDBPyConnection, folder: Path, names: Sequence[str]
) -> Iterator[None]:
    done: list[str] = []
    try:
        for name in names:
            file = literal(str(segment_file(folder, name)))
            connection.execute(f"attach {file} as {quoted(name)} (read_only)")
            done.append(name)
        yield
    finally:
        for name in done:
            connection.execute(f"detach {quoted(name)}")


def _copy_tables(connection: duckdb.DuckDBPyConnection, large: Mapping[str, object]) -> None:
    """Copies every table that readers read, but for the large ones."""
    rows = connection.execute(
        "select schema_name, table_name from duckdb_tables() "
        "where database_name = current_database() and not temporary order by all"
    ).fetchall()
    for schema in _SCHEMAS:
        connection.execute(f"create schema if not exists {_EDITION}.{schema}")
    for schema, table in rows:
        private = schema == "rollups" and is_private(table)
        if schema not in _SCHEMAS or private or (schema == "facts" and table in large):
            continue
        name = f"{quoted(schema)}.{quoted(table)}"
        connection.execute(f"create table {_EDITION}.{name} as from {name}")


def _make_views(
    connection: duckdb.DuckDBPyConnection, large: Mapping[str, Sequence[Segment]]
) -> None:
    """What metrics read: of a large table the rows of its segments."""
    views = connection.execute(
        "select view_name from duckdb_views() where database_name = current_database() "
        "and schema_name = 'main' and not internal and not temporary order by all"
    ).fetchall()
    in_lakes = stand_ins(connection)
    for (table,) in views:
        rows = f"facts.{quoted(table)} where _deleted_at is null"
        if table in large:
            rows = rows_sql(large[table])
        sql = in_lakes.get(table) or view_sql(connection, table, rows)
        connection.execute(f"create view {_EDITION}.main.{quoted(table)} as {sql}")
