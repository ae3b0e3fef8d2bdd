"""How fast, and in how much memory, a database's rows arrive: ours against the bare driver's.

Run it with `python -m benchmarks.sql [ROWS]`. Every way is a process of its own, three times in
turn, and hands its rows over as Arrow columns, as the landing needs them.
"""

from __future__ import annotations

import contextlib
import datetime as dt
import resource
import sqlite3
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import psycopg
import pyarrow as pa

from connectors import sql
from connectors.contract import Context
from tests.postgresql_server import running_postgresql

ROUNDS = 3
_SLICE = 20_000
_QUERY = "select order_id, ordered_at, amount, currency, region, updated_at from orders"
_CURSOR = f"{_QUERY} where updated_at >= :since"
_ORDERS = """
create table orders as select n as order_id, now() - n * interval '1 s' as ordered_at,
    (n * 1.01)::numeric(12, 2) as amount, 'EUR' as currency, 'Région ' || n % 7 as region,
    now() - n * interval '1 s' as updated_at
from generate_series(1, {rows}) n;
create index on orders (updated_at);
analyze orders;
"""
_SQLITE_ORDERS = """
create table orders (order_id integer, ordered_at timestamp, amount decimal(12, 2),
    currency text, region text, updated_at timestamp);
insert into orders with recursive n(i) as (select 1 union all select i + 1 from n where i < {rows})
    select i, datetime(1780000000 - i, 'unixepoch'), i * 1.01, 'EUR', 'Région ' || i % 7,
        datetime(1780000000 - i, 'unixepoch') from n;
create index newest on orders (updated_at);
"""


def ours(url: str) -> int:
    """A first pull by cursor, without landing."""
    entry = {"connector": "sql", "url": url, "into": "o", "key": "order_id", "query": _CURSOR}
    options = sql.Options.model_validate(entry | {"cursor": "updated_at"})
    context = Context(Path("/"), dt.datetime(2026, 1, 1))
    batches = (batch.rows for batch in sql.pull(options, {}, context))
    return sum(rows.num_rows for rows in batches if isinstance(rows, pa.Table))


def server_side_cursor(url: str) -> int:
    """The bare driver with a server-side cursor."""
    with psycopg.connect(url) as connection, connection.cursor("bare") as cursor:
        cursor.execute(f"{_QUERY} order by updated_at")
        return sum(map(_as_columns, iter(lambda: cursor.fetchmany(_SLICE), [])))


def all_at_once(url: str) -> int:
    """The bare driver, all rows in memory."""
    with psycopg.connect(url) as connection:
        return _as_columns(connection.execute(f"{_QUERY} order by updated_at").fetchall())


def bare_sqlite(url: str) -> int:
    """The standard library, a slice in memory at a time."""
    with contextlib.closing(sqlite3.connect(url.removeprefix("sqlite:///"))) as connection:
        found = connection.execute(f"{_QUERY} order by updated_at")
        return sum(map(_as_columns, iter(lambda: found.fetchmany(_SLICE), [])))


def _as_columns(rows: list[tuple[Any, ...]]) -> int:
    columns = [pa.array(values) for values in zip(*rows, strict=True)]
    return len(columns[0])


_WAYS: dict[str, tuple[Callable[[str], int], ...]] = {
    "postgresql": (ours, server_side_cursor, all_at_once),
    "sqlite": (ours, bare_sqlite),
}


def measure(way: str, url: str) -> tuple[float, float, float]:
    """Seconds, CPU seconds of the reading process, and its peak memory in MB."""
    done = subprocess.run(
        [sys.executable, "-m", "benchmarks.sql", "--way", way, url],
        cwd=Path(__file__).parents[1],
        capture_output=True,
        text=True,
        check=True,
    )
    seconds, cpu, memory = map(float, done.stdout.split())
    return seconds, cpu, memory


def compare(system: str, url: str, rows: int) -> None:
    """Prints one line for each way."""
    names = [way.__name__ for way in _WAYS[system]]
    measured: dict[str, list[tuple[float, float, float]]] = {name: [] for name in names}
    for _ in range(ROUNDS):
        for name in names:
            measured[name].append(measure(name, url))
    for name in names:
        seconds, cpu, memory = (
            statistics.median(part) for part in zip(*measured[name], strict=True)
        )
        print(
            f"{system:12} {name:20} {rows / seconds:>10,.0f} rows/s {seconds:6.2f} s "
            f"{cpu:6.2f} s CPU {memory:6.0f} MB"
        )


def main(rows: int) -> None:
    """Compares all ways on one made-up table of orders."""
    with running_postgresql() as server:
        with psycopg.connect(server.url(), autocommit=True) as connection:
            connection.execute(_ORDERS.format(rows=rows).encode())
        compare("postgresql", server.url(), rows)
    with tempfile.TemporaryDirectory() as folder:
        path = f"{folder}/shop.db"
        with contextlib.closing(sqlite3.connect(path)) as connection:
            connection.executescript(_SQLITE_ORDERS.format(rows=rows))
        compare("sqlite", f"sqlite:///{path}", rows)


def _one(way: str, url: str) -> None:
    started = time.perf_counter()
    next(w for ways in _WAYS.values() for w in ways if w.__name__ == way)(url)
    memory = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    # macOS counts bytes, Linux kilobytes.
    megabytes = memory / (1024 if sys.platform == "linux" else 1024**2)
    print(time.perf_counter() - started, time.process_time(), megabytes)


if __name__ == "__main__":
    if sys.argv[1:2] == ["--way"]:
        _one(*sys.argv[2:4])
    else:
        main(int(sys.argv[1]) if len(sys.argv) > 1 else 1_000_000)
