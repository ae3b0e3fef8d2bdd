"""What happened at a moment: incidents and deployments of an edition, by their own words."""

from __future__ import annotations

import datetime as dt
from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np

from kpi.answers import Readable
from kpi.expression import quoted

# The canonical tables whose rows are events that may have done something to a metric.
TABLES = ("incidents", "deployments")
_WORDS = 20  # of a dimension, that a filter offers
_NAMES = ("title", "service")  # what an event is called by, the first that there is


@dataclass(frozen=True)
class Event:
    """One event: when it began and, where that is known, ended (naive UTC), and its name."""

    at: dt.datetime
    ends: dt.datetime | None
    name: str


def event_tables(edition: Readable) -> tuple[str, ...]:
    """The tables of events that have rows with a time of day."""
    declared = edition.vocabulary.tables
    return tuple(
        name
        for name in TABLES
        if name in declared
        and name in edition.facts
        and edition.facts[name].columns.get(declared[name].time, "").startswith("TIMESTAMP")
    )


def words(edition: Readable, table: str, dimension: str) -> tuple[str, ...]:
    """The values of a dimension that occur in a table, in the order of the alphabet.

    That is the order of severities too, wherever they are numbered.
    """
    column = quoted(dimension)
    sql = (
        f"SELECT DISTINCT CAST({column} AS VARCHAR) FROM main.{quoted(table)} "
        f"WHERE {column} IS NOT NULL ORDER BY 1 LIMIT {_WORDS}"
    )
    return tuple(row[0] for row in edition.query(sql, {}))


def events(
    edition: Readable, table: str, where: Mapping[str, tuple[str, ...]]
) -> tuple[Event, ...]:
    """The events whose dimensions have one of these values, the earliest first."""
    columns = edition.facts[table].columns
    time = quoted(edition.vocabulary.tables[table].time)
    ends = quoted("resolved_at") if "resolved_at" in columns else "NULL"
    name = next((quoted(name) for name in _NAMES if name in columns), "NULL")
    wheres, parameters = [f"{time} IS NOT NULL"], {}
    for index, (dimension, chosen) in enumerate(where.items()):
        wheres.append(f"list_contains($w{index}, CAST({quoted(dimension)} AS VARCHAR))")
        parameters[f"w{index}"] = list(chosen)
    sql = (
        f"SELECT {time}, {ends}, {name} FROM main.{quoted(table)} "
        f"WHERE {' AND '.join(wheres)} ORDER BY 1, 3"
    )
    return tuple(
        Event(at, over, called or "") for at, over, called in edition.query(sql, parameters)
    )


def instants(found: tuple[Event, ...]) -> np.ndarray:
    """When the events began."""
    return np.array([event.at for event in found], "datetime64[s]")
