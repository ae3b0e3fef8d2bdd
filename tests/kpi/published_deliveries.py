"""Home folders whose editions hold one table of events, as it was delivered step by step."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from kpi.publishing import publish_open
from kpi.warehouse import Warehouse
from tests.kpi.deliveries import NOON, Step, bring, declared, definitions
from tests.working_database import working_database

TABLE = "events"
ROWS = f"select * exclude (_last_seen) from {TABLE} order by all"
# Every table is a large one.
LARGE = 1


def warehouse_of(home: Path) -> Path:
    return home / "data" / "warehouse.duckdb"


def publish(home: Path, *brought: Step, large: int = LARGE) -> list[tuple[Any, ...]]:
    """Lands some deliveries and publishes; returns the rows as the working database has them."""
    if not warehouse_of(home).exists():
        working_database(warehouse_of(home))
    with Warehouse(warehouse_of(home)) as warehouse:
        for step in brought:
            bring(warehouse, TABLE, step)
        rows = warehouse.connection.execute(ROWS).fetchall()
        publish_open(home, warehouse, definitions(TABLE), declared(TABLE), NOON, large=large)
    return rows
