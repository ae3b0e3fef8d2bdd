"""The rows that GitHub's records become, and the batches in which they land."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from typing import Any

from connectors import told_rows
from connectors.contract import Batch
from connectors.told_rows import CHANGES, DEPLOYMENTS, EPISODES, INCIDENTS

Row = dict[str, Any]

_ROWS_A_BATCH = 20_000
_COLUMNS = {
    "deployments": DEPLOYMENTS,
    "changes": CHANGES,
    # When somebody first looked at an incident GitHub does not tell.
    "incidents": tuple(name for name in INCIDENTS if name != "acknowledged_at"),
    "incident_episodes": EPISODES,
}


@dataclass(frozen=True)
class Step:
    """Rows that were read together, and what is known once they have landed."""

    rows: Mapping[str, list[Row]]
    memory: Mapping[str, Any]


def batches(
    step: Step, origin: str, state: Mapping[str, Any], *, has_severity: bool
) -> Iterator[Batch]:
    """The rows of a step, table by table; the state comes with the last, be it an empty one."""
    found = [
        _batch(table, rows[begin : begin + _ROWS_A_BATCH], origin, has_severity)
        for table, rows in step.rows.items()
        for begin in range(0, len(rows), _ROWS_A_BATCH)
    ]
    found = found or [_batch(next(iter(step.rows)), [], origin, has_severity)]
    yield from found[:-1]
    yield replace(found[-1], state=state)


def _batch(table: str, rows: list[Row], origin: str, has_severity: bool) -> Batch:
    # What nobody told is left as other sources have it.
    columns = [name for name in _COLUMNS[table] if has_severity or name != "severity"]
    told = ((*map(row.get, columns), row.get(told_rows.GONE, False)) for row in rows)
    there = told_rows.table(columns, told)
    return Batch(table, there, told_rows.shape(table, there), origin)
