"""The rows that GitHub's records become, and the batches in which they land."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from typing import Any

import pyarrow as pa

from connectors import tables
from connectors.contract import Batch, Column, Shape

Row = dict[str, Any]

_ROWS_A_BATCH = 20_000
# Times stay texts, as GitHub tells them: one that cannot be read is rejected with its reason.
_COLUMNS: Mapping[str, Mapping[str, pa.DataType]] = {
    "deployments": {
        "deployment_id": pa.string(),
        "service": pa.string(),
        "version": pa.string(),
        "status": pa.string(),
        "deployed_at": pa.string(),
        "failed": pa.bool_(),
    },
    "changes": {
        "change_id": pa.string(),
        "deployment_id": pa.string(),
        "service": pa.string(),
        "author": pa.string(),
        "title": pa.string(),
        "committed_at": pa.string(),
        "merged_at": pa.string(),
        "deployed_at": pa.string(),
    },
    "incidents": {
        "incident_id": pa.string(),
        "service": pa.string(),
        "severity": pa.string(),
        "title": pa.string(),
        "status": pa.string(),
        "opened_at": pa.string(),
        "resolved_at": pa.string(),
        "reopened": pa.int64(),
    },
    "incident_episodes": {
        "incident_id": pa.string(),
        "episode": pa.int64(),
        "service": pa.string(),
        "severity": pa.string(),
        "opened_at": pa.string(),
        "resolved_at": pa.string(),
    },
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
    columns = dict(_COLUMNS[table])
    if not has_severity:
        # What nobody told is left as other sources have it.
        columns.pop("severity", None)
    schema = pa.schema({**columns, "gone": pa.bool_()})
    filled = [{"gone": False, **row} for row in rows]
    shape = Shape(tuple(map(Column, columns)), key=tables.TABLES[table].key, deleted="gone")
    return Batch(table, pa.Table.from_pylist(filled, schema=schema), shape, origin)
