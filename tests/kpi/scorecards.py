"""Editions of weekly values, published on one Saturday, and their scorecards."""

from __future__ import annotations

import datetime as dt
from collections.abc import Sequence
from typing import Any

from kpi.reports import SourceReport
from kpi.scorecard import Row, Scorecard, scorecard
from tests.kpi.memory import Memory, Rows, vocabulary_text

# A Saturday: the last whole week is that of 9 November.
PUBLISHED = dt.datetime(2026, 11, 21, 9)
LAST_WEEK = dt.date(2026, 11, 9)
WEEK = dt.timedelta(weeks=1)
ROUTINE = [10, 12, 11, 9] * 5


def edition(
    series: dict[str, Sequence[float | None]],
    described: dict[str, dict[str, Any]] | None = None,
    *,
    fresh: dt.datetime = PUBLISHED,
    reports: Sequence[SourceReport] = (),
    outcomes: Sequence[str] = ("reliable",),
    time_zone: str = "UTC",
    published_at: dt.datetime = PUBLISHED,
) -> Memory:
    """An edition in which each metric has these values, the last of them in the last whole week."""
    rows = []
    for name, values in series.items():
        for age, value in enumerate(reversed(values)):
            day = LAST_WEEK - age * WEEK + dt.timedelta(days=2)
            rows.append((day, name, value))
    metrics = {
        name: {
            "value": f"sum(x) from events where kind = '{name}'",
            **(described or {}).get(name, {}),
        }
        for name in series
    }
    text = vocabulary_text(
        metrics,
        tables={"events": {"time": "day"}},
        outcomes=outcomes,
        calendar={"timezone": time_zone},
    )
    # The first day of all is known of, whatever the metrics have.
    first = (dt.date(2025, 1, 1), "else", 1)
    table = Rows("day DATE, kind VARCHAR, x DOUBLE", [first, *rows])
    return Memory(
        text, {"events": table}, fresh_until=fresh, published_at=published_at, reports=reports
    )


def card(memory: Memory, grain: str = "week", now: dt.datetime = PUBLISHED) -> Scorecard:
    return scorecard(memory, grain, now=now)


def row(memory: Memory, grain: str = "week") -> Row:
    """The only row of a scorecard."""
    (found,) = card(memory, grain).rows
    return found
