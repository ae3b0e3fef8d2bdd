"""Takes what a page shows away as a file: one control in the title line, the same on every page.

A page says what it has, in the block of its title line:

    with frame.head("Sources"):
        export_menu.draw(edition, Offer("sources", lambda: sources_export(edition)))

Nothing is computed until somebody asks for a file.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from urllib.parse import urlencode, urlsplit, urlunsplit

import streamlit as st

from kpi.csv_export import csv_text
from kpi.editions import Edition
from kpi.excel_export import excel_bytes
from kpi.export import Export
from pages.parts import frame

_EXCEL = "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet"


@dataclass(frozen=True)
class Offer:
    """What can be taken away: the name of its file, without edition and ending, and its table."""

    name: str
    make: Callable[[], Export]


def draw(edition: Edition, offer: Offer, pdf: Callable[[], bytes] | None = None) -> None:
    """The menu in a title line: CSV, Excel, PDF where a page has one, and the browser's print."""
    with st.popover("Export", key="export"), st.container(key="export_menu", gap=None):
        downloads(edition, offer)
        if pdf is not None:
            _download(edition, "PDF", offer.name, "pdf", "application/pdf", pdf)
        frame.sheet("print", '<button type="button" class="item" data-print>Print</button>')


def downloads(
    edition: Edition,
    offer: Offer,
    *,
    label: str = "",
    disabled: bool = False,
    help: str | None = None,
) -> None:
    """The buttons for CSV and Excel; the label stands before the first of the two."""
    for words, ending, mime, write in (
        (f"{label}CSV", "csv", "text/csv", _csv),
        ("Excel", "xlsx", _EXCEL, _excel),
    ):
        data = partial(write, edition, offer)
        _download(edition, words, offer.name, ending, mime, data, disabled=disabled, help=help)


def below(edition: Edition, offer: Offer, counted: str) -> None:
    """The buttons of a table, under it; `counted` is how much it holds: '4 parts'."""
    with st.container(horizontal=True):
        downloads(edition, offer, label=f"Download {counted}, ")


def address() -> str:
    """Where this page stands, with all that was chosen on it."""
    here = urlsplit(st.context.url or "")
    chosen = urlencode(st.query_params.to_dict())
    return urlunsplit((here.scheme, here.netloc, here.path or "/", chosen, ""))


def _download(
    edition: Edition,
    label: str,
    name: str,
    ending: str,
    mime: str,
    data: Callable[[], str | bytes],
    *,
    disabled: bool = False,
    help: str | None = None,
) -> None:
    st.download_button(
        label,
        data=data,
        # Two editions of one table are never taken for one another.
        file_name=f"{name}-edition-{edition.number}.{ending}",
        mime=mime,
        key=f"download_{name}_{ending}",
        on_click="ignore",
        disabled=disabled,
        help=help,
        width="content",
    )


def _csv(edition: Edition, offer: Offer) -> str:
    made = offer.make()
    return csv_text(made.columns, made.rows, edition.vocabulary.calendar)


def _excel(edition: Edition, offer: Offer) -> bytes:
    return excel_bytes(offer.make(), edition.vocabulary.formats)
