"""When incidents and deployments of an edition began, chosen by their own words."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np

from kpi.answers import Readable
from kpi.expression import quoted

# The canonical tables whose rows are events that may have done something to a metric.
TABLES = ("incidents", "deployments")
_WORDS = 20  # of a dimension, that a filter offers


def event_tables(edition: Readable) -> tuple[str, ...]:
    """The tables of events that have rows with a time of day."""
    declared = edition.vocabulary.tables
    return tuple(
        name
        for name in TABLES
        if name in declared
        and name in edition.facts
        and edition.facts[name].reader is None
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


def instants(edition: Readable, table: str, where: Mapping[str, tuple[str, ...]]) -> np.ndarray:
    """When the events began whose dimensions have one of these values, as naive UTC."""
    time = quoted(edition.vocabulary.tables[table].time)
    wheres, parameters = [f"{time} IS NOT NULL"], {}
    for index, (dimension, chosen) in enumerate(where.items()):
        wheres.append(f"list_contains($w{index}, CAST({quoted(dimension)} AS VARCHAR))")
        parameters[f"w{index}"] = list(chosen)
    sql = f"SELECT {time} FROM main.{quoted(table)} WHERE {' AND '.join(wheres)} ORDER BY 1"
    return np.array([at for (at,) in edition.query(sql, parameters)], "datetime64[s]")
