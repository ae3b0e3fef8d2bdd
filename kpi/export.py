"""A table that is handed over as a file, whichever program it is written for."""

from __future__ import annotations

import datetime as dt
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from kpi.editions import Edition


@dataclass(frozen=True)
class Export:
    """What is handed over: its columns, its rows, and where both come from.

    A value is a text, a number, a truth, a day, an instant (naive UTC) or None: it says itself how
    it is to be written. `name` is that of the file, without its ending; `about` is what a reader
    must know who has only the file.
    """

    title: str
    columns: tuple[str, ...]
    rows: Sequence[Sequence[Any]]
    about: tuple[tuple[str, Any], ...]
    published_at: dt.datetime


def export(
    edition: Edition,
    title: str,
    columns: Sequence[str],
    rows: Sequence[Sequence[Any]],
    *,
    shown: str = "",
    address: str = "",
) -> Export:
    """An export of this edition; `shown` is what was chosen, in words, and `address` where."""
    about = {
        "What": title,
        "Chosen": shown,
        "Edition": edition.number,
        "Published": edition.published_at,
        "Times are those of": edition.vocabulary.calendar.timezone,
        "Data": "Sample data" if edition.sample else "",
        "Address": address,
    }
    told = tuple((what, how) for what, how in about.items() if how != "")
    return Export(title, tuple(columns), rows, told, edition.published_at)
