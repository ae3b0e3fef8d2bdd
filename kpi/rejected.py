"""What an edition tells of rows that could not be read, and of deliveries that changed shape."""

from __future__ import annotations

import datetime as dt
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Protocol

# How far back the pages look; the count beside a source is of the same days.
RECENT = dt.timedelta(days=7)
DRIFT_RECENT = dt.timedelta(days=30)


class Published(Protocol):
    """What this needs of an edition."""

    published_at: dt.datetime

    def query(self, sql: str, parameters: Mapping[str, Any]) -> list[tuple[Any, ...]]:
        """The rows of a statement."""


@dataclass(frozen=True)
class RejectedRow:
    """One row that did not land: where it stood, why, and how it came."""

    into: str
    origin: str
    line: int | None
    reason: str
    text: str


@dataclass(frozen=True)
class Rejection:
    """What one source's latest run with rejected rows left out.

    `rows` are those that were kept to look at, the first of `rejected`; `delivered` is how many
    the run brought in all. `at` is naive UTC.
    """

    source: str
    at: dt.datetime
    rejected: int
    delivered: int
    rows: tuple[RejectedRow, ...]


@dataclass(frozen=True)
class Drift:
    """A delivery that came in another shape than the one before; `at` is naive UTC."""

    source: str
    into: str
    at: dt.datetime
    what: str


def rejections(edition: Published) -> tuple[Rejection, ...]:
    """The latest rejections of the seven days before the edition, by source."""
    since = edition.published_at - RECENT
    runs = edition.query(_RUNS, {"since": since})
    rows: dict[int, list[RejectedRow]] = {}
    for run, *row in edition.query(_ROWS, {"runs": [run for run, *_ in runs]}):
        rows.setdefault(run, []).append(RejectedRow(*row))
    return tuple(
        Rejection(source, at, rejected, delivered, tuple(rows.get(run, ())))
        for run, source, at, rejected, delivered in runs
    )


def drifts(edition: Published) -> tuple[Drift, ...]:
    """What changed shape in the thirty days before the edition, the latest first."""
    since = edition.published_at - DRIFT_RECENT
    return tuple(Drift(*row) for row in edition.query(_DRIFTS, {"since": since}))


_RUNS = """
select
    run, source, started_at, rejected_rows,
    new_rows + changed_rows + unchanged_rows + rejected_rows
from kpi.runs
where rejected_rows > 0 and started_at > $since
qualify row_number() over (partition by source order by run desc) = 1
order by source
"""

_ROWS = """
select run, into_table, coalesce(origin, ''), line, reason, coalesce(row_text, '')
from kpi.rejects
where run in (select unnest($runs::integer[]))
order by run, into_table, origin, line, reason
"""

_DRIFTS = """
select d.source, d.into_table, r.started_at, d.what
from kpi.drift d join kpi.runs r on r.run = d.run
where r.started_at > $since
order by r.run desc, d.into_table, d.what
limit 200
"""
