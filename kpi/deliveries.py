"""Remembers how each source last delivered into each table: its key, its columns, their types."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace

import duckdb

from connectors.contract import Batch, Mode, Shape, SourceError
from kpi.drift import unknown_words
from kpi.staging import KEPT_WORDS, Origin

TABLE = """
create table if not exists kpi.deliveries (
    source varchar, into_table varchar, key varchar[], raw_columns json, types json,
    started_over boolean
);
alter table kpi.deliveries add column if not exists words json;
"""


@dataclass(frozen=True)
class Delivery:
    """How a source delivers into a table."""

    key: tuple[str, ...]  # by which rows are merged; none where they are only added
    raw_columns: Mapping[str, str]
    types: Mapping[str, str]  # what the source's columns are declared as
    started_over: bool = False  # asked for since, with `kpi refresh --full`
    # Column -> words of the source that its map does not know, told once.
    words: Mapping[str, tuple[str, ...]] = field(default_factory=dict)


def before(connection: duckdb.DuckDBPyConnection, origin: Origin) -> Delivery | None:
    """The source's last delivery into this table; None before the first."""
    found = connection.execute(
        "select key, raw_columns, types, started_over, words from kpi.deliveries "
        "where source = ? and into_table = ?",
        (origin.source, origin.into),
    ).fetchall()
    if not found:
        return None
    key, raw_columns, types, started_over, words = found[0]
    told = {column: tuple(of_it) for column, of_it in json.loads(words or "{}").items()}
    return Delivery(tuple(key), json.loads(raw_columns), json.loads(types), started_over, told)


def note(connection: duckdb.DuckDBPyConnection, origin: Origin, delivery: Delivery) -> None:
    """Makes this delivery the one before the next."""
    connection.execute(
        "delete from kpi.deliveries where source = ? and into_table = ?",
        (origin.source, origin.into),
    )
    connection.execute(
        "insert into kpi.deliveries values (?, ?, ?, ?, ?, ?, ?)",
        (
            origin.source,
            origin.into,
            list(delivery.key),
            json.dumps(dict(delivery.raw_columns)),
            json.dumps(dict(delivery.types)),
            delivery.started_over,
            json.dumps(dict(delivery.words)),
        ),
    )


def learn(
    delivery: Delivery, shape: Shape, words: Mapping[str, Sequence[str]]
) -> tuple[Delivery, tuple[str, ...]]:
    """The delivery that remembers these words, and a sentence for each column with new ones.

    `words` are those of the source that a column's map does not know, by fact column.
    """
    notes, known = [], dict(delivery.words)
    declared = {column.name.lower(): column for column in shape.columns}
    for name, found in words.items():
        told = known.get(name, ())
        fresh = [word for word in found if word not in told][: KEPT_WORDS - len(told)]
        if fresh:
            known[name] = (*told, *fresh)
            notes.append(unknown_words(declared[name.lower()], fresh))
    return replace(delivery, words=known), tuple(notes)


def start_over(connection: duckdb.DuckDBPyConnection, source: str) -> None:
    """Lets the source's next delivery begin anew."""
    connection.execute("update kpi.deliveries set started_over = true where source = ?", (source,))


def merge_key(mode: Mode, key: tuple[str, ...]) -> tuple[str, ...]:
    """The key that rows are merged by: appended rows are never met again."""
    return () if mode == "append" else key


def makes_way(last: Delivery | None, batch: Batch, key: tuple[str, ...]) -> bool:
    """Whether the source's rows make way: they have another key, or would all be added again.

    Raises SourceError where that would throw rows away that do not come again.
    """
    if last is None:
        return False
    if last.started_over and batch.shape.mode == "append":
        return True
    if key == last.key:
        return False
    if last.started_over or batch.shape.mode == "replace":
        return True
    was, now = (", ".join(names) or "none" for names in (last.key, key))
    raise SourceError(
        f"The key of {batch.into} was {was} and is now {now}, so that new rows cannot be told "
        "from the old ones.",
        "Start this source over with `python -m kpi refresh SOURCE --full`.",
    )
