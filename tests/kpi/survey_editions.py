"""Home folders whose editions hold the answers to a survey, as runs of its source brought them."""

from __future__ import annotations

import datetime as dt
from pathlib import Path
from typing import Any

import pyarrow as pa

from connectors.contract import Batch, Column, Shape
from kpi import editions, publishing
from kpi.imprint import Declaration, Declarations
from kpi.warehouse import Warehouse
from tests.kpi.homes import NOON, VOCABULARY
from tests.working_database import working_database

HOUR = dt.timedelta(hours=1)
ANSWERS = Declaration("answers", "file", "File", ("surveys",), HOUR)
DECLARED = Declarations(False, (ANSWERS,))


def warehouse_of(home: Path) -> Path:
    return home / "data" / "warehouse.duckdb"


def bring(
    home: Path,
    rows: list[dict[str, Any]],
    *,
    source: str = "answers",
    at: dt.datetime = NOON,
    as_of: dt.datetime | None = None,
    error: str | None = None,
) -> None:
    """One run of one source that lands these rows."""
    path = warehouse_of(home)
    with Warehouse(path if path.exists() else working_database(path)) as warehouse:
        run = warehouse.begin(source, at)
        if rows:
            columns = {name: [row[name] for row in rows] for name in rows[0]}
            shape = Shape(tuple(Column(name) for name in columns), key=("response_id",))
            warehouse.land(run, source, Batch("surveys", pa.table(columns), shape, "test"))
        advice = "Mend it." if error else None
        warehouse.finish(run, error=error, advice=advice, finished_at=at, as_of=as_of)


def publish(
    home: Path,
    text: str = VOCABULARY,
    declared: Declarations = DECLARED,
    now: dt.datetime = NOON,
) -> editions.Pointer:
    return publishing.publish(home, warehouse_of(home), text, declared, now)
