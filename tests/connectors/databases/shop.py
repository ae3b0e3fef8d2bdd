"""A shop's database for tests: PostgreSQL or SQLite, the same table, and a refresh's view of it."""

from __future__ import annotations

import datetime as dt
import sqlite3
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import psycopg
import pyarrow as pa

from connectors import sql
from connectors.contract import Batch, Context
from kpi.warehouse import Warehouse

NOON = dt.datetime(2026, 11, 21, 12)
QUERY = "select id, note, updated_at from orders where updated_at >= :since"


@dataclass
class Shop:
    """A database with a way to change it from outside."""

    url: str
    home: Path

    def run(self, *statements: str) -> None:
        """Runs statements, each committed at once."""
        if self.url.startswith("sqlite:"):
            connection = sqlite3.connect(self.home / "shop.db", isolation_level=None)
            for statement in statements:
                connection.execute(statement)
            connection.close()
            return
        with psycopg.connect(self.url, autocommit=True) as connection:
            for statement in statements:
                connection.execute(statement)

    def options(self, **changed: Any) -> sql.Options:
        """The entry of a source that reads `orders`, with other or more keys."""
        entry = {
            "connector": "sql",
            "url": self.url,
            "into": "purchases",
            "key": "id",
            "cursor": "updated_at",
            "query": QUERY,
        }
        wanted = {key: value for key, value in (entry | changed).items() if value is not None}
        return sql.Options.model_validate(wanted)

    def batches(
        self, state: Mapping[str, Any] | None = None, now: dt.datetime = NOON, **changed: Any
    ) -> Iterator[Batch]:
        """What one pull brings."""
        return sql.pull(self.options(**changed), state or {}, Context(self.home, now))

    def rows(
        self, state: Mapping[str, Any] | None = None, now: dt.datetime = NOON, **changed: Any
    ) -> list[dict[str, Any]]:
        """The raw rows that one pull brings."""
        tables = [batch.rows for batch in self.batches(state, now, **changed)]
        return [row for table in tables if isinstance(table, pa.Table) for row in table.to_pylist()]

    def pulled(
        self, state: Mapping[str, Any] | None = None, now: dt.datetime = NOON, **changed: Any
    ) -> tuple[list[Any], dict[str, Any]]:
        """The ids that one pull brings, and the state it leaves."""
        ids: list[Any] = []
        for batch in self.batches(state, now, **changed):
            assert isinstance(batch.rows, pa.Table)
            ids += batch.rows.column("id").to_pylist()
            state = batch.state
        return ids, dict(state or {})


@dataclass
class Refresh:
    """A warehouse that takes in what pulls of one shop bring."""

    shop: Shop
    warehouse: Warehouse
    options: dict[str, Any] = field(default_factory=dict)

    def run(self, now: dt.datetime = NOON) -> None:
        """One pull; every batch lands before the next is asked for."""
        number = self.warehouse.begin("shop", now)
        for batch in self.shop.batches(self.warehouse.state("shop"), now, **self.options):
            self.warehouse.land(number, "shop", batch)
        self.warehouse.finish(number, error=None, advice=None, finished_at=now, as_of=None)

    def facts(self, selected: str = "id", table: str = "purchases") -> list[Any]:
        """What metrics would read, in the order of the first column."""
        found = self.warehouse.connection.execute(
            f'select {selected} from main."{table}" order by 1'
        ).fetchall()
        return [row[0] if len(row) == 1 else row for row in found]
