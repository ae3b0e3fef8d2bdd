"""What there is to ask for: metrics with their names, fact tables with their columns."""

from __future__ import annotations

from typing import Any

from kpi.editions import Edition
from kpi.vocabulary import Vocabulary

METRICS = ("metric", "label", "side", "outcome", "unit", "by", "also called")
TABLES = ("table", "column", "type", "rows", "sources")


def metrics(vocabulary: Vocabulary, words: list[str]) -> list[dict[str, Any]]:
    """A row for each metric; with `words` only those of which a name has one of them in it."""
    rows = []
    for metric in vocabulary.metrics.values():
        names = " ".join((metric.name, metric.label, *metric.also_called)).casefold()
        if words and not any(word.casefold() in names for word in words):
            continue
        listed = (
            metric.name,
            metric.label,
            metric.side,
            metric.outcome,
            vocabulary.formats.unit(metric) or None,
            ", ".join(metric.dimensions) or None,
            ", ".join(metric.also_called) or None,
        )
        rows.append(dict(zip(METRICS, listed, strict=True)))
    return rows


def tables(edition: Edition, names: list[str]) -> list[dict[str, Any]]:
    """A row for each column of each fact table, or of the named ones."""
    return [
        dict(zip(TABLES, (name, column, kind, report.rows, ", ".join(report.sources)), strict=True))
        for name, report in sorted(edition.tables.items())
        if not names or name in names
        for column, kind in edition.columns.get(name, {}).items()
        if not column.startswith("_")
    ]
