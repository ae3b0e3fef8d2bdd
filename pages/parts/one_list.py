"""The scorecard as one list: a row per metric in ten columns, to scan or to paste into a mail."""

from __future__ import annotations

from collections.abc import Sequence

from kpi.formats import Formats
from kpi.past import shown_periods
from kpi.periods import Period
from kpi.row_words import before_head, period_head
from kpi.scorecard import Band, Row, Scorecard
from pages.parts import marks, rows
from pages.parts.sparkline import sparkline


def one_list(card: Scorecard, formats: Formats, keep: rows.Keep) -> str:
    """All metrics in a table; rows that `keep` refuses are left out."""
    periods = shown_periods(card, formats.calendar)
    bodies = "".join(_body(band, periods, formats, keep) for band in card.bands)
    heads = (
        ("", "Status"),
        ("", "Metric"),
        ("", "Side"),
        ("", "Owners: business · IT"),
        ("right", period_head(card, formats)),
        ("right", "Target"),
        ("right", before_head(card, formats)),
        ("", rows.past_head(card)),
        ("", "Signal"),
        ("right", "Freshness"),
    )
    head = "".join(f'<th scope="col" class="{kind}">{words}</th>' for kind, words in heads)
    return (
        '<div class="box" tabindex="0" role="region" aria-label="One list"><table class="list">'
        f'<caption class="sr">All metrics, one row each</caption><thead><tr>{head}</tr></thead>'
        f"{bodies}</table></div>"
    )


def _body(band: Band, periods: Sequence[Period], formats: Formats, keep: rows.Keep) -> str:
    kept = [row for row in band.rows if keep(row)]
    if not kept:
        return ""
    lines = "".join(_line(row, periods, formats) for row in kept)
    gaps = "".join(
        f'<tr class="missing"><td></td><td colspan="9">{rows.gap(band.outcome, side)}</td></tr>'
        for side, there in (("it", band.it), ("business", band.business))
        if not there and (band.it or band.business)
    )
    return (
        f'<tbody><tr><th scope="rowgroup" colspan="10"><div class="outcome">'
        f"{rows.outcome_head(band)}</div></th></tr>{lines}{gaps}</tbody>"
    )


def _line(row: Row, periods: Sequence[Period], formats: Formats) -> str:
    side = rows.SIDES[row.metric.side]
    value = rows.earlier(row, periods[-1], formats) + rows.number(row, formats)
    tag = "tag joint" if row.metric.side == "joint" else "tag"
    return (
        f'<tr><td class="nowrap"><span class="with">{marks.status_mark(row.status)}'
        f"{marks.row_status(row, formats)}</span></td>"
        f'<th scope="row">{rows.name(row)}</th><td><span class="{tag}">{side}</span></td>'
        f'<td class="muted small cut">{rows.owners(row)}</td>'
        f'<td class="right nowrap">{value}</td>'
        f'<td class="right nowrap muted">{formats.target(row.metric, row.target)}</td>'
        f'<td class="right nowrap"><span class="with">{marks.change_arrow(row, formats)}'
        f'<span class="sub verdict">{marks.change_word(row)}</span></span></td>'
        f'<td class="past">{sparkline(row, periods, formats)}</td>'
        f'<td class="nowrap small">{marks.signal(row)}</td>'
        f'<td class="right nowrap small">{marks.age(row.freshness)}</td></tr>'
    )
