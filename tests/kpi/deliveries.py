"""Deliveries of one table of events by two sources: some by hand, many at random; how they land."""

from __future__ import annotations

import datetime as dt
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import pyarrow as pa
from hypothesis import strategies as st

from connectors.contract import Batch, Column, Present, Shape
from kpi.imprint import Declaration, Declarations
from kpi.warehouse import Warehouse
from tests.kpi.memory import vocabulary_text

NOON = dt.datetime(2026, 4, 10, 12)
SOURCES = ("desk", "shop")
COLUMNS = (
    Column("id"),
    Column("opened", type="timestamp"),
    Column("closed", type="timestamp"),
    Column("region"),
    Column("n", type="integer"),
)


@dataclass(frozen=True)
class Raw:
    """One row as a system tells it; days are counted from 1 March 2026."""

    id: str
    opened: int | None
    closed: int | None
    region: str | None
    n: int | None
    gone: bool


@dataclass(frozen=True)
class Step:
    """What one refresh brings: rows, or only what the system still has."""

    source: str
    mode: str  # upsert, replace, append or reconcile
    rows: tuple[Raw, ...]


raws = st.builds(
    Raw,
    id=st.sampled_from("abcdef"),
    opened=st.one_of(st.integers(0, 40), st.none()),
    closed=st.one_of(st.integers(0, 60), st.none(), st.none()),
    region=st.sampled_from(["north", "south", None]),
    n=st.one_of(st.integers(-3, 9), st.none()),
    gone=st.booleans().map(bool),
)
steps = st.builds(
    Step,
    source=st.sampled_from(SOURCES),
    mode=st.sampled_from(["upsert", "upsert", "upsert", "replace", "reconcile"]),
    rows=st.lists(raws, max_size=5).map(tuple),
)
# Something that is there at first, so that the table has columns.
FIRST = Step("desk", "upsert", (Raw("a", 1, 9, "north", 2, gone=False),))


def day(number: int, count: int = 1) -> Step:
    """So many events of one day."""
    rows = (Raw(f"{number}-{i}", number, None, "north", i, gone=False) for i in range(count))
    return Step("desk", "upsert", tuple(rows))


def moment(day: int | None) -> dt.datetime | None:
    """Half past eleven in the evening, UTC: the next day in Berlin."""
    if day is None:
        return None
    return dt.datetime(2026, 3, 1, 23, 30) + dt.timedelta(days=day)


def bring(warehouse: Warehouse, table: str, step: Step) -> None:
    """Lands what a step brings, as a refresh does."""
    run = warehouse.begin(step.source, NOON)
    ids = list(dict.fromkeys(raw.id for raw in step.rows))
    if step.mode == "reconcile":
        keys = pa.table({"id": pa.array(ids, pa.string())})
        present = Present(table, "opened", dt.datetime(2026, 3, 1), dt.datetime(2026, 3, 25), keys)
        warehouse.reconcile(run, step.source, [present], anyway=True)
    else:
        columns = {
            "id": pa.array([raw.id for raw in step.rows], pa.string()),
            "opened": pa.array([moment(raw.opened) for raw in step.rows], pa.timestamp("us")),
            "closed": pa.array([moment(raw.closed) for raw in step.rows], pa.timestamp("us")),
            "region": pa.array([raw.region for raw in step.rows], pa.string()),
            "n": pa.array([raw.n for raw in step.rows], pa.int32()),
            "gone": pa.array([raw.gone for raw in step.rows], pa.bool_()),
        }
        shape = Shape(COLUMNS, key=("id",), mode=step.mode, deleted="gone")
        warehouse.land(run, step.source, Batch(table, pa.table(columns), shape, "test", state={}))
    warehouse.finish(run, error=None, advice=None, finished_at=NOON, as_of=None)


def definitions(table: str) -> str:
    """One metric of each kind."""
    metrics: Mapping[str, Any] = {
        "count_of_all": f"count(*) from {table}",
        "total": f"sum(n) from {table} where region = 'north'",
        "mean": f"avg(n) from {table}",
        "lowest": f"min(n) from {table}",
        "middle": f"median(n) from {table}",
        "different": f"count(distinct region) from {table}",
        "open": {"value": f"count(*) from {table}", "as_of": {"from": "opened", "to": "closed"}},
        "open_n": {"value": f"avg(n) from {table}", "as_of": {"from": "opened", "to": "closed"}},
        "oldest": {"value": f"max(n) from {table}", "as_of": {"from": "opened", "to": "closed"}},
        "month": {"value": f"sum(n) from {table}", "window": "1 month"},
        "closed": {"value": f"count(*) from {table}", "time": "closed"},
    }
    tables = {table: {"time": "opened", "by": ["region"]}}
    calendar = {"timezone": "Europe/Berlin"}
    return vocabulary_text(metrics, tables=tables, dimensions=["region"], calendar=calendar)


def declared(table: str) -> Declarations:
    """Both sources, each of which brings this table."""
    return Declarations(
        False, tuple(Declaration(name, "file", "File", (table,), None) for name in SOURCES)
    )
