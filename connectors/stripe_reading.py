"""Reads a Stripe account in batches that land: its ledger week by week, its subscriptions anew."""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

import pyarrow as pa

from connectors import stripe_ledger, stripe_subscriptions, tables
from connectors.contract import Batch, Column, Mode, Shape
from connectors.stripe_api import Api
from connectors.stripe_ledger import Ledger
from connectors.stripe_subscriptions import Subscriptions

# What has landed of a long history stays when a pull is cut off.
_WINDOW = 7 * 86400
_ROWS_AT_ONCE = 20_000
_EPOCH = dt.datetime(1970, 1, 1)
_COLUMNS = {
    "payments": stripe_ledger.COLUMNS,
    "subscriptions": stripe_subscriptions.COLUMNS,
}


@dataclass(frozen=True)
class Plan:
    """One pull: of the ledger what was entered from `begin` up to, not including, `end`.

    Both are epoch seconds, as is `until`, up to which the ledger was read before. `memory` is the
    state that goes with the rows but for `until`; the tables in `left` are ours no longer, those in
    `former` have rows of another account.
    """

    origin: str
    begin: int
    end: int
    until: int | None
    memory: Mapping[str, Any]
    left: tuple[str, ...] = ()
    former: tuple[str, ...] = ()

    def state(self, until: int | None) -> dict[str, Any]:
        """What to remember once the ledger has landed up to there."""
        return {**self.memory, "until": until}


def emptied(plan: Plan) -> Iterator[Batch]:
    """Takes away what belongs to a table that is not asked for any more."""
    for table in plan.left:
        yield _batch(plan, table, [], plan.state(plan.until), "replace")


def in_place(plan: Plan, batches: Iterable[Batch]) -> Iterator[Batch]:
    """Puts what was read in the place of another account's rows: all together, once it is whole.

    A key or an account that is written wrongly takes nothing away so.
    """
    state: Mapping[str, Any] | None = None
    for batch in batches:
        state = batch.state or state
        yield replace(batch, state=None, shape=replace(batch.shape, mode="replace"))
    for table in plan.former:
        yield _batch(plan, table, [], state if table == plan.former[-1] else None, "replace")


def payments(api: Api, ledger: Ledger, plan: Plan) -> Iterator[Batch]:
    """The ledger's entries week by week, each week with the state that follows from it."""
    begin, until = plan.begin, plan.until
    if begin >= plan.end:
        yield _batch(plan, "payments", [], plan.state(until))
    while begin < plan.end:
        stop = min(begin + _WINDOW, plan.end)
        rows: list[tuple[str | None, ...]] = []
        for page in api.ledger(begin, stop):
            rows += (row for record in page for row in ledger.rows(record))
            if len(rows) >= _ROWS_AT_ONCE:
                yield _batch(plan, "payments", rows, None)
                rows = []
        reached = api.by_its_clock(stop)
        until = max(until or reached, reached)
        if rows or stop == plan.end:
            yield _batch(plan, "payments", rows, plan.state(until))
        begin = stop


def subscriptions(
    api: Api, reading: Subscriptions, plan: Plan, state: Mapping[str, Any]
) -> Iterator[Batch]:
    """All subscriptions, which land together: an item that is not among them is gone."""
    rows: list[tuple[str | None, ...]] = []
    for page in api.subscriptions():
        rows += reading.rows(page)
        if len(rows) >= _ROWS_AT_ONCE:
            yield _batch(plan, "subscriptions", rows, None, "replace")
            rows = []
    yield _batch(plan, "subscriptions", rows, state, "replace")


def table_of(columns: Sequence[str], rows: Sequence[Sequence[str | None]]) -> pa.Table:
    """Rows of texts as a table."""
    found = zip(*rows, strict=True) if rows else ([] for _ in columns)
    return pa.table([pa.array(column, pa.string()) for column in found], names=list(columns))


def seconds(time: dt.datetime) -> int:
    """A naive UTC time as whole epoch seconds."""
    return int((time - _EPOCH).total_seconds() // 1)


def _batch(
    plan: Plan,
    into: str,
    rows: Sequence[tuple[str | None, ...]],
    state: Mapping[str, Any] | None,
    mode: Mode = "upsert",
) -> Batch:
    columns = _COLUMNS[into]
    return Batch(
        into=into,
        rows=table_of(columns, rows),
        shape=Shape(tuple(map(Column, columns)), key=tables.TABLES[into].key, mode=mode),
        origin=plan.origin,
        state=state,
    )
