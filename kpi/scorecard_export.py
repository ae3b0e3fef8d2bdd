"""The scorecard as an export: a row for each metric that is shown, its numbers unrounded."""

from __future__ import annotations

import datetime as dt
from collections.abc import Callable
from typing import Any

from kpi.editions import Edition
from kpi.export import Export, export
from kpi.formats import Formats
from kpi.row_words import period_head, signal_words
from kpi.scorecard import Band, Row, Scorecard
from kpi.vocabulary import Metric

Keep = Callable[[Row], bool]

COLUMNS = (
    "outcome",
    "side",
    "metric",
    "label",
    "owner_business",
    "owner_it",
    "grain",
    "period",
    "days",
    "value",
    "margin",
    "unit",
    "target",
    "status",
    "change",
    "verdict",
    "signal",
    "freshness",
    "fresh_until",
    "n",
    "complete",
    "restated",
    "restated_from",
    "restated_in",
    "edition",
)


def scorecard_export(
    edition: Edition, card: Scorecard, keep: Keep, *, shown: str = "", address: str = ""
) -> Export:
    """The rows of a scorecard that `keep` leaves, in the order of its bands.

    A row's `period` is the first day of the one that its number belongs to; where that is not over,
    `days` are as many of its days as the number, its target and its change are of. `restated` is
    the cause where another number was published before: `restated_from`, until edition
    `restated_in`.
    """
    rows = [_row(edition, band, row) for band in card.bands for row in band.rows if keep(row)]
    return export(
        edition,
        f"Scorecard {period_words(card, edition.vocabulary.formats)}",
        COLUMNS,
        rows,
        shown=shown,
        address=address,
    )


def period_words(card: Scorecard, formats: Formats) -> str:
    """'Week 47, 16–22 Nov 2026', 'Week 48 so far, 23–29 Nov 2026, incomplete'."""
    words = f"{period_head(card, formats)}, {formats.days(card.period)}"
    return f"{words}, incomplete" if card.incomplete else words


def fresh_until(edition: Edition, metric: Metric) -> dt.datetime | None:
    """Up to when (naive UTC) all sources below a metric have told; None where one never has."""
    told = [edition.fresh_until.get(table) for table in metric.tables]
    known = [at for at in told if at is not None]
    return min(known) if known and len(known) == len(told) else None


def _row(edition: Edition, band: Band, row: Row) -> tuple[Any, ...]:
    metric, change, restated = row.metric, row.change, row.restated
    return (
        band.outcome.label,
        metric.side,
        metric.name,
        metric.label,
        metric.owners.business,
        metric.owners.it,
        row.period.grain,
        row.period.start,
        row.days,
        row.value,
        row.margin,
        metric.unit,
        row.target,
        row.status.value,
        change.amount if change else None,
        change.verdict.value if change else None,
        signal_words(row),
        row.freshness.word if row.freshness else "no source",
        fresh_until(edition, metric),
        row.n,
        any(point.period == row.period for point in row.points),
        restated.cause if restated else None,
        restated.old if restated else None,
        restated.edition if restated else None,
        edition.number,
    )
