"""Five made-up fact tables over three years, the same in every run, and a vocabulary for them."""

from __future__ import annotations

import datetime as dt
import hashlib
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path

import duckdb
import pyarrow as pa

FIRST = dt.date(2023, 1, 1)
LAST = dt.date(2025, 12, 31)
DAYS = (LAST - FIRST).days + 1
# As many rows are drawn at once.
_CHUNK = 5_000_000

# chance(row, n) is a number in [0, 1) that a row draws for its n-th column.
_MACROS = f"""
create temp macro chance(row, n) as
    (hash(row * 2000003 + n) % 999999937)::double / 999999937.0;
create temp macro moment(row, n) as timestamp '{FIRST}'
    + to_seconds(cast(floor({{when}} * {DAYS * 86_400}) as bigint));
create temp macro one_of(row, n, words) as
    words[1 + cast(floor(chance(row, n) * len(words)) as int)];
create temp macro numbered(row, n, word, count) as
    word || lpad(cast(cast(floor(chance(row, n) * count) as int) as varchar), 2, '0');
"""
# How far into the three years a row happens. Rows come in the order of time, as systems tell them,
# and those behind the last row of all happen on the days after the last; or they are scattered.
_IN_ORDER, _SCATTERED = "(row + chance(row, n)) / {rows}", "chance(row, n)"
_REGIONS = "['north', 'east', 'south', 'west']"
# With incidents that nobody has resolved, answers without a score, deployments that failed, and a
# month without any answer.
_TABLES = {
    "orders": f"""
        i as order_id, moment(i, 1) as ordered_at,
        cast(4 + 500 * chance(i, 2) * chance(i, 3) as decimal(18, 2)) as amount,
        one_of(i, 4, {_REGIONS}) as region, numbered(i, 5, 'product-', 50) as product""",
    "incidents": f"""
        'incident-' || i as incident_id, moment(i, 11) as opened_at,
        case when chance(i, 12) >= 0.03 then moment(i, 11) + to_seconds(cast(floor(
            60 + 259200 * chance(i, 13) * chance(i, 14) * chance(i, 15)) as bigint))
        end as resolved_at,
        one_of(i, 16, ['sev1', 'sev2', 'sev3', 'sev4']) as severity,
        numbered(i, 17, 'service-', 20) as service, one_of(i, 18, {_REGIONS}) as region""",
    "deployments": """
        'deployment-' || i as deployment_id, moment(i, 21) as committed_at,
        moment(i, 21) + to_seconds(cast(floor(
            300 + 1209600 * chance(i, 22) * chance(i, 23)) as bigint)) as deployed_at,
        numbered(i, 24, 'service-', 20) as service,
        case when chance(i, 25) < 0.05 then 'failed' else 'succeeded' end as status""",
    "checks": """
        i as check_id, moment(i, 31) as checked_at, numbered(i, 32, 'service-', 20) as service,
        chance(i, 33) >= 0.002 as up""",
    "surveys": f"""
        'response-' || i as response_id, moment(i, 41) as answered_at,
        case when chance(i, 42) >= 0.01 then cast(floor(11 * sqrt(chance(i, 43))) as smallint)
        end as score,
        one_of(i, 44, {_REGIONS}) as region""",
}
TABLES = tuple(_TABLES)
KEYS = {
    "orders": "order_id",
    "incidents": "incident_id",
    "deployments": "deployment_id",
    "checks": "check_id",
    "surveys": "response_id",
}
_TIMES = {
    "orders": "ordered_at",
    "incidents": "opened_at",
    "deployments": "deployed_at",
    "checks": "checked_at",
    "surveys": "answered_at",
}
_SILENT = "answered_at < '2024-07-01' or answered_at >= '2024-08-01'"

SIX: Mapping[str, str] = {
    "revenue": "sum(amount) from orders",
    "nps": "100 * (count_if(score >= 9) - count_if(score <= 6)) / count(score) from surveys",
    "time_to_restore": "avg(hours_between(opened_at, resolved_at)) from incidents",
    "uptime": "100 * count_if(up) / count(*) from checks",
    "lead_time": "median(hours_between(committed_at, deployed_at)) from deployments"
    " where status = 'succeeded'",
    "incidents_per_1k_orders": "1000 * incidents_opened / orders_placed",
}
_PARTS = {
    "incidents_opened": "count(*) from incidents",
    "orders_placed": "count(*) from orders",
}
_MORE = {
    "order_value": "avg(amount) from orders",
    "largest_order": "max(amount) from orders",
    "products_sold": "count(distinct product) from orders",
    "revenue_north": "sum(amount) from orders where region = 'north'",
    "severe_incidents": "count(*) from incidents where severity in ('sev1', 'sev2')",
    "unresolved": "count(*) from incidents where resolved_at is null",
    "services_hit": "count(distinct service) from incidents",
    "deployments_done": "count(*) from deployments where status = 'succeeded'",
    "failed_share": "100 * count_if(status = 'failed') / count(*) from deployments",
    "answers": "count(score) from surveys",
    "score": "avg(score) from surveys",
    "revenue_per_incident": "revenue / incidents_opened",
}
SIX_AND_PARTS: tuple[str, ...] = (*_PARTS, *SIX)
TWENTY: tuple[str, ...] = (*SIX, *_PARTS, *_MORE)
_ALL = {**_PARTS, **SIX, **_MORE}


def vocabulary_text(timezone: str = "UTC", metrics: Iterable[str] = TWENTY) -> str:
    """These metrics over the five tables, by this zone's calendar, as in `metrics.yaml`."""
    lines = [
        "version: 1",
        f"calendar: {{timezone: {timezone}}}",
        "tables:",
        *(f"  {name}: {{row: one row, time: {time}}}" for name, time in _TIMES.items()),
        "outcomes:",
        "  good: {label: Good, definition: It is good., owners: {it: Platform, business: Sales}}",
        "metrics:",
    ]
    for name in metrics:
        lines += [
            f"  {name}:",
            f"    label: {name}",
            "    definition: A number to measure with.",
            "    side: joint",
            "    outcome: good",
            "    owners: {it: Platform, business: Sales}",
            f"    value: {_ALL[name]}",
            "    good: up",
        ]
    return "\n".join(lines) + "\n"


def fingerprint() -> str:
    """A text that differs where other rows are drawn."""
    drawing = f"{_MACROS} {_IN_ORDER} {_SCATTERED} {_TABLES} {_SILENT}"
    return hashlib.sha256(drawing.encode()).hexdigest()[:8]


def write(path: Path, rows: int, *, scattered: bool = False) -> None:
    """Writes a new database with this many rows in each table, as an analyst would have it.

    `scattered` rows lie in no order of time, so that none can be passed over unread.
    """
    when = _SCATTERED if scattered else _IN_ORDER.format(rows=rows)
    with _drawing(when, str(path)) as connection:
        for table in TABLES:
            for first in range(0, rows, _CHUNK):
                drawn = _drawn(table, first, min(first + _CHUNK, rows))
                how = f"insert into {table}" if first else f"create table {table} as"
                connection.execute(f"{how} {drawn}")
        connection.execute("checkpoint")


def drawn(table: str, rows: int, first: int, last: int) -> pa.Table:
    """The rows from `first` to before `last` of a table that has so many rows in three years."""
    with _drawing(_IN_ORDER.format(rows=rows), ":memory:") as connection:
        return connection.sql(_drawn(table, first, last)).to_arrow_table()


@contextmanager
def _drawing(when: str, path: str) -> Iterator[duckdb.DuckDBPyConnection]:
    with duckdb.connect(path) as connection:
        connection.execute(_MACROS.format(when=when))
        yield connection


def _drawn(table: str, first: int, last: int) -> str:
    where = f" where {_SILENT}" if table == "surveys" else ""
    return f"select {_TABLES[table]} from range({first}, {last}) rows(i){where}"
