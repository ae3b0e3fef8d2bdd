"""Random deliveries into the warehouse end where a plain dictionary ends."""

from __future__ import annotations

import datetime as dt
import itertools
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any

import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from connectors.contract import Batch, Column, Shape, SourceError
from kpi.warehouse import Warehouse

NOON = dt.datetime(2026, 3, 10, 12)
COLUMNS = (Column("id"), Column("part", type="integer"), Column("n", type="integer"))
_tables = itertools.count()


@dataclass(frozen=True)
class Raw:
    """One raw row; `n` may be no number, the key may be missing."""

    id: str | None
    part: str
    n: str | None
    version: int
    gone: bool

    @property
    def key(self) -> tuple[str, int]:
        return (self.id or "", int(self.part))

    @property
    def readable(self) -> bool:
        return bool(self.id) and (self.gone or self.n != "x")

    @property
    def value(self) -> int | None:
        return None if self.n is None else int(self.n)


@dataclass(frozen=True)
class Delivery:
    source: str
    mode: str
    ordered: bool
    pages: tuple[tuple[Raw, ...], ...]
    fails: bool  # after its pages, before its end
    states: bool  # the last page brings a state


@dataclass
class Model:
    """What should be there: (source, key) -> (value, deleted)."""

    rows: dict[tuple[str, tuple[str, int]], tuple[int | None, bool]] = field(default_factory=dict)

    def take(self, delivery: Delivery) -> None:
        if delivery.mode == "upsert":
            for page in delivery.pages:
                self._upsert(delivery, page)
            return
        whole = tuple(raw for page in delivery.pages for raw in page)
        # Once the state came, the delivery is complete, whatever happens to its run.
        if delivery.fails and not delivery.states:
            return
        delivered = {raw.key for raw in whole if raw.id}
        for (source, key), (value, _) in list(self.rows.items()):
            if source == delivery.source and key not in delivered:
                self.rows[source, key] = (value, True)
        self._upsert(delivery, whole)

    def _upsert(self, delivery: Delivery, page: tuple[Raw, ...]) -> None:
        last: dict[tuple[str, int], Raw] = {}
        for raw in page:
            if not raw.readable:
                continue
            older = delivery.ordered and raw.key in last and last[raw.key].version > raw.version
            if not older:
                last[raw.key] = raw
        for key, raw in last.items():
            at = (delivery.source, key)
            if not raw.gone:
                self.rows[at] = (raw.value, False)
            elif at in self.rows:
                self.rows[at] = (self.rows[at][0], True)


# An empty replacement makes the table, so that there is one to compare.
EMPTY = Delivery("desk", "replace", ordered=False, pages=((),), fails=False, states=True)
raws = st.builds(
    Raw,
    id=st.sampled_from(["a", "b", "c", "d", None]),
    part=st.sampled_from(["1", "2"]),
    n=st.sampled_from(["1", "2", "3", "x", None]),
    version=st.integers(0, 3),
    gone=st.booleans(),
)
deliveries = st.builds(
    Delivery,
    source=st.sampled_from(["desk", "shop"]),
    mode=st.sampled_from(["upsert", "upsert", "replace"]),
    ordered=st.booleans(),
    pages=st.lists(st.lists(raws, max_size=6).map(tuple), min_size=1, max_size=3).map(tuple),
    fails=st.booleans(),
    states=st.booleans(),
)


@pytest.fixture(scope="module")
def warehouse(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Warehouse]:
    with Warehouse(tmp_path_factory.mktemp("model") / "warehouse.duckdb") as opened:
        yield opened


def land(warehouse: Warehouse, table: str, delivery: Delivery) -> bool:
    """Lands a delivery page by page; False where it was refused on the way."""
    run = warehouse.begin(delivery.source, NOON)
    shape = Shape(
        COLUMNS,
        key=("id", "part"),
        mode=delivery.mode,
        order="version" if delivery.ordered else None,
        deleted="gone",
    )
    refused = False
    for number, page in enumerate(delivery.pages, start=1):
        columns: dict[str, Any] = {
            "id": pa.array([raw.id for raw in page], pa.string()),
            "part": pa.array([raw.part for raw in page], pa.string()),
            "n": pa.array([raw.n for raw in page], pa.string()),
            "version": pa.array([raw.version for raw in page], pa.int64()),
            "gone": pa.array([raw.gone for raw in page], pa.bool_()),
        }
        state = {} if delivery.states and number == len(delivery.pages) else None
        try:
            warehouse.land(
                run, delivery.source, Batch(table, pa.table(columns), shape, "page", state=state)
            )
        except SourceError:
            refused = True
            break
    error = "it broke off" if delivery.fails or refused else None
    warehouse.finish(run, error=error, advice=None, finished_at=NOON, as_of=None)
    return not refused


@settings(max_examples=15)
@given(story=st.lists(deliveries, min_size=1, max_size=6))
def test_any_story_of_deliveries_ends_in_the_right_rows(
    warehouse: Warehouse, story: list[Delivery]
):
    table = f"things_{next(_tables)}"
    model = Model()
    land(warehouse, table, EMPTY)
    for delivery in story:
        if land(warehouse, table, delivery):
            model.take(delivery)

    there = warehouse.connection.execute(
        f"select _source, id, part, n, _deleted_at is not null from facts.{table}"
    ).fetchall()
    found = {(source, (id_, part)): (n, gone) for source, id_, part, n, gone in there}
    assert (len(there), found) == (len(model.rows), model.rows)
