"""Rows that could not be read and deliveries that changed their shape, with what to do."""

from __future__ import annotations

import datetime as dt
from collections.abc import Sequence

import streamlit as st

from kpi.editions import Edition
from kpi.export import Export, export
from kpi.formats import Formats
from kpi.rejected import Drift, RejectedRow, Rejection
from pages.parts import export_menu, frame
from pages.parts.export_menu import Offer
from pages.parts.frame import escaped
from pages.parts.spans import moment

_SHOWN = 20
_COLUMNS = ("file", "line", "table", "reason", "row")


def show_rejections(edition: Edition, found: Sequence[Rejection], now: dt.datetime) -> None:
    """A table for every source that had rows rejected, each with its download."""
    formats = edition.vocabulary.formats
    if not found:
        frame.sheet(
            "rejected",
            '<h2 class="section after">Rejected rows</h2>'
            '<p class="muted">None in the last seven days: every row that came is in.</p>',
        )
    for rejection in found:
        with st.container(
            horizontal=True, vertical_alignment="bottom", key=f"rejected_{rejection.source}"
        ):
            frame.sheet(f"rejected_head_{rejection.source}", _head(rejection, formats, now))
            kept = formats.several(len(rejection.rows), "row")
            export_menu.downloads(edition, _offer(edition, rejection), label=f"Download {kept}, ")
        frame.sheet(f"rejected_{rejection.source}", _table(formats, rejection))


def _offer(edition: Edition, rejection: Rejection) -> Offer:
    title, address = f"Rejected rows of {rejection.source}", export_menu.address()

    def make() -> Export:
        rows = [(r.origin, r.line, r.into, r.reason, r.text) for r in rejection.rows]
        return export(edition, title, _COLUMNS, rows, address=address)

    day = edition.vocabulary.calendar.local_day(rejection.at)
    return Offer(f"rejected-{rejection.source}-{day}", make)


def drift_list(found: Sequence[Drift], formats: Formats, now: dt.datetime) -> str:
    """What came in another shape than before, the latest first."""
    head = '<h2 class="section after">Changed shape <span class="muted small">30 days</span></h2>'
    if not found:
        return (
            f'{head}<p class="muted">Every delivery came with the columns and types '
            "of the one before.</p>"
        )
    lines = "".join(
        f'<tr><td class="nowrap muted">{moment(formats, drift.at, now)}</td>'
        f"<td><b>{escaped(drift.source)}</b> into {escaped(drift.into)}</td>"
        f"<td>{escaped(drift.what)}</td></tr>"
        for drift in found
    )
    return (
        f'{head}<div class="box" tabindex="0" role="region" aria-label="Changed shape">'
        f'<table class="rejected"><thead><tr><th scope="col">When</th><th scope="col">Source</th>'
        f'<th scope="col">What changed</th></tr></thead><tbody>{lines}</tbody></table></div>'
    )


def _head(rejection: Rejection, formats: Formats, now: dt.datetime) -> str:
    count, kept = formats.count, len(rejection.rows)
    first = f", the first {count(kept)} of them kept" if kept < rejection.rejected else ""
    rest = rejection.delivered - rejection.rejected
    return (
        f'<h2 class="rejected-head after">Rejected rows: '
        f'{escaped(rejection.source)} <span class="muted small">'
        f"{count(rejection.rejected)} of {count(rejection.delivered)} rows on "
        f"{moment(formats, rejection.at, now)}{first} · the other {count(rest)} are in · "
        "correct them where they come from, and they are read again at the next run</span></h2>"
    )


def _table(formats: Formats, rejection: Rejection) -> str:
    lines = "".join(_line(formats, row) for row in rejection.rows[:_SHOWN])
    rest = len(rejection.rows) - _SHOWN
    more = (
        f'<p class="muted small">{formats.count(rest)} more are in the download.</p>'
        if rest > 0
        else ""
    )
    return (
        f'<div class="box" tabindex="0" role="region" aria-label="Rejected rows of '
        f'{escaped(rejection.source)}"><table class="rejected"><thead><tr>'
        f'<th scope="col">File, line</th><th scope="col">Reason</th>'
        f'<th scope="col">The row, as it came</th></tr></thead><tbody>{lines}</tbody></table></div>'
        f"{more}"
    )


def _line(formats: Formats, row: RejectedRow) -> str:
    at = f", {formats.count(row.line)}" if row.line is not None else ""
    return (
        f'<tr><td class="place">{escaped(row.origin)}{at}</td>'
        f'<td class="reason">{escaped(row.reason)}</td>'
        f'<td class="raw">{escaped(row.text)}</td></tr>'
    )
