"""One PostgreSQL for all tests of this folder, emptied before each of them."""

from __future__ import annotations

import sqlite3
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from kpi.warehouse import Warehouse
from tests.connectors.databases.shop import Refresh, Shop
from tests.postgresql_server import PostgreSQLServer, running_postgresql
from tests.working_database import working_database


@pytest.fixture(scope="session")
def server() -> Iterator[PostgreSQLServer]:
    with running_postgresql(["host all clerk 127.0.0.1/32 scram-sha-256"]) as running:
        yield running


@pytest.fixture
def postgresql(server: PostgreSQLServer, tmp_path: Path) -> Shop:
    server.empty()
    shop = Shop(server.url(), tmp_path)
    shop.run("create table orders (id integer, note text, updated_at timestamptz)")
    return shop


@pytest.fixture
def sqlite(tmp_path: Path) -> Shop:
    connection = sqlite3.connect(tmp_path / "shop.db")
    connection.execute("pragma journal_mode = wal")
    connection.execute("create table orders (id integer, note text, updated_at timestamp)")
    connection.close()
    return Shop("sqlite:///shop.db", tmp_path)


@pytest.fixture
def refresh_of(tmp_path: Path) -> Iterator[Callable[..., Refresh]]:
    with Warehouse(working_database(tmp_path / "warehouse.duckdb")) as warehouse:

        def make(shop: Shop, **options: Any) -> Refresh:
            return Refresh(shop, warehouse, options)

        yield make
