"""Pulls the rows of one SELECT from PostgreSQL or SQLite, from where the last pull ended."""

from __future__ import annotations

import datetime as dt
import hashlib
import json
from collections.abc import Iterator, Mapping
from dataclasses import replace
from typing import Annotated, Any
from zoneinfo import ZoneInfo

import pyarrow as pa
from pydantic import Field, ValidationInfo, field_validator

from connectors import contract, tables
from connectors.columns import Columns, Words, Zone, columns_of, nearest, shown_row
from connectors.contract import Batch, Column, Context, Mode, Shape, SourceError
from connectors.databases.cursor import Cursor, lower_bound, state_after, upper_bound
from connectors.databases.database import Database, Demand, Selected
from connectors.databases.postgresql import PostgreSQL
from connectors.databases.query import Query, parse
from connectors.databases.sqlite import SQLite
from connectors.modes import key_of, mode_of

TABLES: tuple[str, ...] = ()  # an entry names its own

ENTRY = """\
connector: sql
url: ${DATABASE_URL}           # postgresql://user:password@host/database, or sqlite:///file.db
query: |                       # what it selects lands under the same names
  select order_id, ordered_at, amount, currency, region, updated_at
  from orders where updated_at >= :since
into: orders                   # a canonical table, or one of your own with its `key:`
key: order_id
cursor: updated_at             # grows with every change; without it all rows are read every time
every: 15 minutes
# deleted: deleted_at          # where it is set or true, the row is gone
# timezone: Europe/Berlin      # of times without a zone; UTC without this line
"""

_SYSTEMS = {"postgresql": "PostgreSQL", "postgres": "PostgreSQL", "sqlite": "SQLite"}


class Options(contract.Options):
    """What `sources.yaml` may say of a database; see docs/sql.md."""

    url: Annotated[str, Field(repr=False)]
    into: Annotated[str, Field(min_length=1)]
    cursor: str | None = None
    mode: Annotated[Mode | None, Field(validate_default=True)] = None
    key: Annotated[Words, Field(validate_default=True)] = ()
    query: str
    columns: Columns = Field(default_factory=dict)
    timezone: Zone = "UTC"
    deleted: str | None = None
    page_size: Annotated[int, Field(ge=1, le=1_000_000)] = 100_000

    @field_validator("url")
    @classmethod
    def _known_system(cls, url: str) -> str:
        scheme, found, rest = url.partition("://")
        if not found:
            raise ValueError("write postgresql://user:password@host/database or sqlite:///file.db")
        if scheme not in _SYSTEMS:
            hint = nearest(scheme, _SYSTEMS) or " There are postgresql:// and sqlite://"
            raise ValueError(f"unknown database '{scheme}://'.{hint}")
        if scheme == "sqlite" and not rest.startswith("/"):
            raise ValueError("write sqlite:///folder/file.db, with three strokes")
        return url

    @field_validator("mode")
    @classmethod
    def _mode_of_a_cursor(cls, mode: Mode | None, info: ValidationInfo) -> Mode:
        has_cursor = info.data.get("cursor") is not None
        because = "only new rows are read, and the last ones twice"
        return mode_of(mode, has_cursor=has_cursor, because=because)

    @field_validator("key")
    @classmethod
    def _key_where_rows_are_merged(
        cls, key: tuple[str, ...], info: ValidationInfo
    ) -> tuple[str, ...]:
        return key_of(key, info.data.get("into", ""), info.data.get("mode"))

    @field_validator("query")
    @classmethod
    def _query_and_cursor_agree(cls, query: str, info: ValidationInfo) -> str:
        names = parse(query).names
        cursor = info.data.get("cursor")
        if names and cursor is None:
            raise ValueError(f"':{names[0]}' needs a 'cursor': the selected column it is held to")
        if cursor is not None and "since" not in names:
            raise ValueError(
                f"with a cursor the query says where to begin: `where {cursor} >= :since`"
            )
        if info.data.get("start") is not None and cursor is None:
            raise ValueError("'start' needs a 'cursor', and `where ... >= :since` in the query")
        return query


def system(options: Options) -> str:
    """The system's name as people know it."""
    return f"SQL · {_SYSTEMS[options.url.partition('://')[0]]}"


def pull(options: Options, state: Mapping[str, Any], context: Context) -> Iterator[Batch]:
    """The rows from the kept cursor on, in its order, each batch with the state that follows.

    Without a cursor: all rows, and no state. Raises SourceError.
    """
    query = parse(options.query)
    definition = _definition(options)
    if context.full or state.get("definition") != definition:
        # Another query means other rows: what was read with the old one says nothing.
        state = {}
    with _database(options, context) as database:
        selected = database.describe(query)
        _check_names(options, selected)
        shape = _shape(options, selected)
        cursor, state = _cursor(options, database, query, state)
        demand = _demand(options, query, cursor, state, context)
        batches = database.batches(demand)
        if options.mode == "append":
            # Half of an appended delivery could not be told from a whole one.
            batches = iter([_joined(list(batches))])
        done = 0
        for rows in batches:
            kept = None
            if cursor:
                _check_cursor(cursor, rows, first=not done)
                last = _last(rows, cursor.name)
                kept = state_after(cursor, state, last, context.now, options.lookback)
                kept["definition"] = definition
            yield Batch(options.into, rows, shape, database.place, kept)
            done += rows.num_rows
            context.progress(done, None)


def check(options: Options, context: Context) -> Iterator[str]:
    """Connects, sees that it can only read, what the query selects, and the first row of it."""
    query = parse(options.query)
    with _database(options, context) as database:
        yield f"{database.place} lets us in."
        if not database.can_only_read():
            raise SourceError(f"{database.place} would let us write.", "Please report this.")
        yield "Nothing can be written there."
        selected = database.describe(query)
        types = (f"{column.name} ({column.type or 'as its values are'})" for column in selected)
        yield f"The query selects {', '.join(types)}."
        _check_names(options, selected)
        shape = _shape(options, selected)
        cursor, state = _cursor(options, database, query, {})
        demand = replace(_demand(options, query, cursor, state, context), limit=1)
        rows = next(database.batches(demand))
        if cursor:
            _check_cursor(cursor, rows, first=True)
        first = next(iter(rows.to_pylist()), None)
        if first is None:
            yield "It finds no rows yet."
        else:
            yield f"Its first row reads {shown_row(shape.columns, first)}."
    which = "all its rows" if cursor is None else f"what is new by {cursor.name}"
    key = f", by {', '.join(shape.key)}" if shape.key else ""
    yield f"A pull reads {which} into {options.into} (mode {shape.mode}{key})."


def _database(options: Options, context: Context) -> Database:
    if options.url.startswith("sqlite:"):
        return SQLite(options.url, context.home, options.timeout)
    return PostgreSQL(options.url, options.timeout, options.timezone)


def _definition(options: Options) -> str:
    """What decides which rows there are and how they look; the password is no part of it."""
    chosen = options.model_dump(
        mode="json",
        include={"query", "into", "key", "cursor", "columns", "timezone", "deleted", "start"},
    )
    return hashlib.sha256(json.dumps(chosen, sort_keys=True).encode()).hexdigest()[:16]


def _check_names(options: Options, selected: tuple[Selected, ...]) -> None:
    """Every name in the entry is selected, and none is selected twice."""
    names = [column.name for column in selected]
    folded = [name.casefold() for name in names]
    for name in names:
        if folded.count(name.casefold()) > 1:
            raise SourceError(
                f"The query selects {name!r} twice.", f"Rename one of them: `... as other_{name}`."
            )
    raw = {
        f"columns: {name}": entry.source or name
        for name, entry in options.columns.items()
        if entry.value is None
    }
    wanted = {"cursor": options.cursor, "deleted": options.deleted, **raw}
    for place, wanted_name in wanted.items():
        if wanted_name is not None and wanted_name not in names:
            hint = nearest(wanted_name, names) or f" It selects {', '.join(names)}."
            raise SourceError(
                f"`{place}` names {wanted_name!r}, which the query does not select.{hint}",
                "Select it, or correct the name.",
            )


def _shape(options: Options, selected: tuple[Selected, ...]) -> Shape:
    """Every selected column lands: as `columns` says, or else under its own name."""
    by_name = {column.name: column for column in selected}
    mapped = columns_of(options.columns, timezone=options.timezone)
    used = {column.source or column.name for column in mapped} | {options.deleted}
    names = {column.name.casefold() for column in mapped}
    own = [
        Column(name, timezone=options.timezone)
        for name in by_name
        if name not in used and name.casefold() not in names
    ]
    columns = tuple(_typed(column, options.into, by_name) for column in (*mapped, *own))
    for name in options.key:
        if name not in {column.name for column in columns}:
            hint = nearest(name, [column.name for column in columns])
            raise SourceError(
                f"The key {name!r} of {options.into} is not selected.{hint}",
                f"Select it: `... as {name}`.",
            )
    return Shape(
        columns,
        key=options.key,
        order=options.cursor,
        mode=options.mode or "replace",
        deleted=options.deleted,
    )


def _typed(column: Column, into: str, selected: Mapping[str, Selected]) -> Column:
    """The column with the database's own type, unless the entry or the fact table has one."""
    raw = selected.get(column.source or column.name)
    if raw is None or column.constant is not None:
        return column
    canonical = into in tables.TABLES and column.name in tables.TABLES[into].columns
    type_ = column.type if column.type or canonical else raw.type
    # A database writes numbers with a point, whatever the entry says of its texts.
    return replace(column, type=type_, decimal="." if raw.exact else column.decimal)


def _cursor(
    options: Options, database: Database, query: Query, state: Mapping[str, Any]
) -> tuple[Cursor | None, Mapping[str, Any]]:
    if options.cursor is None:
        return None, {}
    cursor = database.cursor(options.cursor, query, state, ZoneInfo(options.timezone))
    return cursor, state if state.get("type") == cursor.type else {}


def _demand(
    options: Options,
    query: Query,
    cursor: Cursor | None,
    state: Mapping[str, Any],
    context: Context,
) -> Demand:
    if cursor is None:
        return Demand(query, options.page_size)
    if cursor.kind == "plain" and (options.start or "until" in query.names):
        key = "`start`" if options.start else "`:until`"
        raise SourceError(
            f"{key} is a time, but the cursor {cursor.name!r} is {cursor.type}.",
            "Choose a cursor that is a time, or leave it out.",
        )
    since = lower_bound(cursor, state, options.start, options.lookback)
    until = upper_bound(cursor, context.now) if "until" in query.names else None
    return Demand(query, options.page_size, cursor, since, until)


def _joined(batches: list[pa.Table]) -> pa.Table:
    """All batches as one; a column that came as texts in one of them is texts in all."""
    fields = [
        pa.field(name, pa.string())
        if len({batch.schema.field(name).type for batch in batches}) > 1
        else batches[0].schema.field(name)
        for name in batches[0].column_names
    ]
    return pa.concat_tables([batch.cast(pa.schema(fields)) for batch in batches])


def _check_cursor(cursor: Cursor, rows: pa.Table, *, first: bool) -> None:
    if first and rows.num_rows and not rows.column(cursor.name)[0].is_valid:
        raise SourceError(
            f"The cursor {cursor.name!r} is empty in some rows: no later pull would see them.",
            f"Fill it in the query, in both places: `coalesce({cursor.name}, created_at)`.",
        )


def _last(rows: pa.Table, name: str) -> str | None:
    """The greatest cursor of a batch, lossless as a text; rows come in its order."""
    values = rows.column(name).drop_null()
    if not len(values):
        return None
    last = values[-1].as_py()
    return last.isoformat(" ") if isinstance(last, dt.datetime) else str(last)
