"""What happened meanwhile: rows that the vocabulary marks on the charts of metrics they bear on."""

from __future__ import annotations

import datetime as dt
from dataclasses import dataclass
from typing import Any

from kpi.answers import Readable
from kpi.expression import ROW, FactValue, quoted
from kpi.rows import equals
from kpi.vocabulary import Marked, Metric, Table, Vocabulary

# As many as can be read beside a chart: those that lasted longest.
MOST = 5


@dataclass(frozen=True)
class Mark:
    """One row that is marked, in naive UTC; without an end it goes on."""

    name: str
    begin: dt.datetime | dt.date
    end: dt.datetime | dt.date | None

    @property
    def lasted(self) -> dt.timedelta | None:
        return None if self.end is None else self.end - self.begin


@dataclass(frozen=True)
class Marks:
    """The marks that are shown, in order of time, and how many more there are."""

    shown: tuple[Mark, ...] = ()
    more: int = 0


def marks(edition: Readable, metric: Metric, start: dt.date, end: dt.date) -> Marks:
    """What began within these days and bears on the metric."""
    found: list[Mark] = []
    total = 0
    for table in edition.vocabulary.tables.values():
        if table.marks is None or not _has_its_columns(edition, table, table.marks):
            continue
        wheres = bearing(edition.vocabulary, metric, table)
        if wheres is not None:
            of_table, count = _read(edition, table, table.marks, wheres, start, end)
            found += of_table
            total += count
    longest = sorted(found, key=lambda mark: mark.lasted or dt.timedelta.max, reverse=True)[:MOST]
    return Marks(tuple(sorted(longest, key=lambda mark: str(mark.begin))), total - len(longest))


def marked(
    edition: Readable, start: dt.date, end: dt.date
) -> tuple[tuple[Mark, ...], tuple[str, ...]]:
    """All marks that began within these days, in order of time, and the tables they are from."""
    found: list[Mark] = []
    names = []
    for table in edition.vocabulary.tables.values():
        if table.marks is not None and _has_its_columns(edition, table, table.marks):
            of_table, _ = _read(edition, table, table.marks, (), start, end, most=None)
            found += of_table
            names += [table.name] if of_table else []
    return tuple(sorted(found, key=lambda mark: str(mark.begin))), tuple(names)


def bearing(vocabulary: Vocabulary, metric: Metric, table: Table) -> tuple[str, ...] | None:
    """Which rows of a marked table bear on a metric, as conditions; None where none do.

    Those of the member to which the metric is confined; else all, where a metric of the same
    outcome is computed from the table.
    """
    confined = tuple(
        f"{ROW}.{equals(word, member)}"
        for word, member in _members(metric).items()
        if word in table.by
    )
    if confined:
        return confined
    same = (m for m in vocabulary.shown if m.outcome == metric.outcome)
    return () if any(table.name in m.tables for m in same) else None


def _members(metric: Metric) -> dict[str, str]:
    """The dimensions of which a metric takes only one member: all of its rows must be of it."""
    value = metric.value
    if not isinstance(value, FactValue) or not value.condition or "(" in value.condition:
        return {}
    if " OR " in value.condition:
        return {}
    every = value.condition.split(" AND ")
    return {
        one.column: one.value.name
        for one in value.comparisons
        if one.column in metric.dimensions
        and f'"{ROW}".{equals(one.column, one.value.name)}' in every
    }


def _has_its_columns(edition: Readable, table: Table, marked: Marked) -> bool:
    facts = edition.facts.get(table.name)
    needed = {marked.start, marked.end, marked.name}
    needed |= {column.name for column in marked.condition.columns} if marked.condition else set()
    return facts is not None and needed <= set(facts.columns)


def _read(
    edition: Readable,
    table: Table,
    marked: Marked,
    wheres: tuple[str, ...],
    start: dt.date,
    end: dt.date,
    *,
    most: int | None = MOST,
) -> tuple[list[Mark], int]:
    begin, until, name = (
        f"{ROW}.{quoted(column)}" for column in (marked.start, marked.end, marked.name)
    )
    dated = edition.facts[table.name].columns[marked.start] == "DATE"
    midnight = edition.vocabulary.calendar.midnight
    parameters: dict[str, Any] = {
        "low": start if dated else midnight(start),
        "high": end if dated else midnight(end),
        "most": most,
    }
    conditions = [f"{begin} >= $low", f"{begin} < $high", *wheres]
    if marked.condition is not None:
        conditions.append(f"({marked.condition.sql})")
        parameters |= marked.condition.parameters
    rows = edition.query(
        f"SELECT {name}, {begin}, {until}, count(*) OVER () "
        f"FROM main.{quoted(table.name)} AS {ROW} WHERE {' AND '.join(conditions)} "
        f"ORDER BY ({until} IS NULL) DESC, date_diff('second', {begin}, {until}) DESC, {begin} "
        "LIMIT $most",
        parameters,
    )
    found = [Mark(str(row[0]) if row[0] is not None else table.row, row[1], row[2]) for row in rows]
    return found, rows[0][3] if rows else 0
