"""The canonical fact tables: one meaning, whichever system the rows come from."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass


@dataclass(frozen=True)
class FactTable:
    """Columns with their DuckDB types; times are naive UTC, money is exact.

    `part_of` names the table whose rows these are parts of: they name such a row by the columns of
    its key, and where it is gone its parts are too.
    """

    row: str
    columns: Mapping[str, str]
    key: tuple[str, ...]
    part_of: str | None = None


TABLES: dict[str, FactTable] = {
    "incidents": FactTable(
        row="one incident, with its last resolution",
        columns={
            "incident_id": "VARCHAR",
            "service": "VARCHAR",
            "severity": "VARCHAR",
            "region": "VARCHAR",
            "title": "VARCHAR",
            "status": "VARCHAR",
            "opened_at": "TIMESTAMP",
            "acknowledged_at": "TIMESTAMP",
            "resolved_at": "TIMESTAMP",
            "reopened": "INTEGER",
            "customer_facing": "BOOLEAN",
            "heard_from": "VARCHAR",
            "caused_by": "VARCHAR",
        },
        key=("incident_id",),
    ),
    "incident_episodes": FactTable(
        row="one stretch in which an incident was open: from opened or re-opened to resolved",
        columns={
            "incident_id": "VARCHAR",
            "episode": "INTEGER",
            "service": "VARCHAR",
            "severity": "VARCHAR",
            "region": "VARCHAR",
            "opened_at": "TIMESTAMP",
            "resolved_at": "TIMESTAMP",
        },
        key=("incident_id", "episode"),
        part_of="incidents",
    ),
    "deployments": FactTable(
        row="one production deployment; deployed_at: when it ended, with a success or without",
        columns={
            "deployment_id": "VARCHAR",
            "service": "VARCHAR",
            "version": "VARCHAR",
            "status": "VARCHAR",
            "deployed_at": "TIMESTAMP",
            "failed": "BOOLEAN",
        },
        key=("deployment_id",),
    ),
    "changes": FactTable(
        row="one change that was deployed or released",
        columns={
            "change_id": "VARCHAR",
            "deployment_id": "VARCHAR",
            "service": "VARCHAR",
            "author": "VARCHAR",
            "title": "VARCHAR",
            "committed_at": "TIMESTAMP",
            "merged_at": "TIMESTAMP",
            "deployed_at": "TIMESTAMP",
        },
        key=("change_id", "service"),
        part_of="deployments",
    ),
    "uptime": FactTable(
        row="one service for one hour; the four kinds of seconds add up to the hour",
        columns={
            "service": "VARCHAR",
            "hour": "TIMESTAMP",
            "up_seconds": "DOUBLE",
            "down_seconds": "DOUBLE",
            "maintenance_seconds": "DOUBLE",
            "unknown_seconds": "DOUBLE",
        },
        key=("service", "hour"),
    ),
    "maintenance_windows": FactTable(
        row="one service in one maintenance window; announced: known before it began",
        columns={
            "window_id": "VARCHAR",
            "service": "VARCHAR",
            "begins_at": "TIMESTAMP",
            "ends_at": "TIMESTAMP",
            "announced": "BOOLEAN",
        },
        key=("window_id", "service"),
    ),
    "payments": FactTable(
        row="one ledger entry",
        columns={
            "entry_id": "VARCHAR",
            "kind": "VARCHAR",
            "occurred_at": "TIMESTAMP",
            "amount": "DECIMAL(18,2)",
            "currency": "VARCHAR",
            "amount_minor": "BIGINT",
            "exponent": "SMALLINT",
            "region": "VARCHAR",
            "product": "VARCHAR",
            "customer": "VARCHAR",
        },
        key=("entry_id",),
    ),
    "subscriptions": FactTable(
        row="one subscription at one price, from its start to its end",
        columns={
            "subscription_id": "VARCHAR",
            "item": "VARCHAR",
            "status": "VARCHAR",
            "started_at": "TIMESTAMP",
            "ended_at": "TIMESTAMP",
            "monthly": "DECIMAL(18,2)",
            "currency": "VARCHAR",
            "monthly_minor": "DECIMAL(18,4)",
            "exponent": "SMALLINT",
            "region": "VARCHAR",
            "product": "VARCHAR",
            "customer": "VARCHAR",
        },
        key=("subscription_id", "item"),
    ),
    "fx_rates": FactTable(
        row="how many units of a currency one unit of the base currency was worth on a day",
        columns={
            "day": "DATE",
            "base": "VARCHAR",
            "currency": "VARCHAR",
            "rate": "DECIMAL(18,8)",
        },
        key=("day", "base", "currency"),
    ),
    "surveys": FactTable(
        row="one answer",
        columns={
            "response_id": "VARCHAR",
            "answered_at": "TIMESTAMP",
            "score": "SMALLINT",
            "region": "VARCHAR",
            "segment": "VARCHAR",
            "comment": "VARCHAR",
        },
        key=("response_id",),
    ),
    # GitLab counts and measures in its own way, which is not ours: the two are never mixed.
    "gitlab_dora": FactTable(
        row="one of GitLab's own DORA figures of one project for one day",
        columns={
            "day": "DATE",
            "project": "VARCHAR",
            "figure": "VARCHAR",
            "reported": "DOUBLE",
        },
        key=("day", "project", "figure"),
    ),
}
