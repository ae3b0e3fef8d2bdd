"""Rows of a canonical fact table as a system told them: texts, and whether they are gone there."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any

import pyarrow as pa

from connectors import tables
from connectors.contract import Column, Shape

# The last value of a row: whether the system has it no more.
GONE = "gone"
INCIDENTS = (
    "incident_id",
    "service",
    "severity",
    "title",
    "status",
    "opened_at",
    "acknowledged_at",
    "resolved_at",
    "reopened",
)
EPISODES = ("incident_id", "episode", "service", "severity", "opened_at", "resolved_at")
DEPLOYMENTS = ("deployment_id", "service", "version", "status", "deployed_at", "failed")
CHANGES = (
    "change_id",
    "deployment_id",
    "service",
    "author",
    "title",
    "committed_at",
    "merged_at",
    "deployed_at",
)


def shape(into: str, rows: pa.Table) -> Shape:
    """How such rows land; columns that a system does not tell are left as others have them."""
    columns = tuple(Column(name) for name in rows.column_names if name != GONE)
    return Shape(columns, key=tables.TABLES[into].key, deleted=GONE)


def table(columns: Sequence[str], rows: Iterable[Sequence[Any]]) -> pa.Table:
    """Rows, each with a value for every column and whether it is gone.

    Values stay texts: one that cannot be read is rejected with its reason, and not before it lands.
    """
    told = list(zip(*rows, strict=True)) or [()] * (len(columns) + 1)
    texts = [[None if value is None else str(value) for value in each] for each in told[:-1]]
    return pa.table(
        [*(pa.array(each, pa.string()) for each in texts), pa.array(told[-1], pa.bool_())],
        names=[*columns, GONE],
    )
