"""From PagerDuty's maintenance windows to rows: which service, and from when to when."""

from __future__ import annotations

import datetime as dt
from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass
from typing import Any

import pyarrow as pa

from connectors import tables, told_rows
from connectors.contract import Column, Shape
from connectors.pagerduty_incidents import Words, moment

TABLE = "maintenance_windows"
# So many windows are remembered as announced; every pull reads all of them.
_MOST = 5_000

_COLUMNS = ("window_id", "service", "begins_at", "ends_at", "announced")

# All windows are read each time, so one that is no longer there has been called off.
SHAPE = Shape(
    tuple(map(Column, _COLUMNS)),
    key=tables.TABLES[TABLE].key,
    mode="replace",
)


@dataclass(frozen=True)
class Windows:
    """The rows of all windows, and the ids of those that were seen before they began."""

    rows: pa.Table
    announced: tuple[str, ...]


def windows(
    records: Iterable[Mapping[str, Any]],
    words: Words,
    *,
    services: Collection[str] | None,
    start: dt.datetime,
    now: dt.datetime,
    announced: Collection[str],
) -> Windows:
    """One row for each service in a window, from those that end after `start`.

    PagerDuty does not tell when a window was entered: announced is true for one that was seen
    before it began (now, or earlier: `announced`), and else not known. `services` are ids.
    """
    rows: dict[tuple[str, str], tuple[Any, ...]] = {}
    seen: dict[str, dt.datetime] = {}
    for record in records:
        begins, ends = record.get("start_time"), record.get("end_time")
        begins_at, ends_at = moment(begins), moment(ends)
        if ends_at is not None and ends_at <= start:
            continue
        is_announced = record["id"] in announced or (begins_at is not None and begins_at > now)
        if is_announced:
            seen[record["id"]] = begins_at or now
        for service in record.get("services") or []:
            name = words.service(service.get("summary"))
            if name is None or (services is not None and service.get("id") not in services):
                continue
            begun, ended = (time.isoformat() if time else None for time in (begins_at, ends_at))
            rows[record["id"], name] = (
                record["id"],
                name,
                begun or begins,
                ended or ends,
                is_announced or None,
                False,
            )
    latest = sorted(seen, key=lambda window: seen[window])[-_MOST:]
    return Windows(told_rows.table(_COLUMNS, rows.values()), tuple(latest))
