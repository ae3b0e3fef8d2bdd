"""Five made-up fact tables over three years, the same in every run, and a vocabulary for them."""

from __future__ import annotations

import datetime as dt
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import duckdb

from kpi.imprint import every_day
from kpi.questions import Facts
from kpi.vocabulary import Vocabulary
from kpi.vocabulary_file import load_vocabulary

FIRST = dt.date(2023, 1, 1)
LAST = dt.date(2025, 12, 31)
FRESH = dt.datetime(2026, 1, 2)
_SECONDS = ((LAST - FIRST).days + 1) * 86_400

# chance(row, n) is a number in [0, 1) that a row draws for its n-th column.
_MACROS = f"""
create temp macro chance(row, n) as
    (hash(row * 2000003 + n) % 999999937)::double / 999999937.0;
create temp macro moment(row, n) as
    timestamp '{FIRST}' + to_seconds(cast(floor(chance(row, n) * {_SECONDS}) as bigint));
create temp macro one_of(row, n, words) as
    words[1 + cast(floor(chance(row, n) * len(words)) as int)];
create temp macro numbered(row, n, word, count) as
    word || lpad(cast(cast(floor(chance(row, n) * count) as int) as varchar), 2, '0');
"""
_REGIONS = "['north', 'east', 'south', 'west']"
# With incidents that nobody has resolved, answers without a score, deployments that failed, and a
# month without any answer.
_TABLES = {
    "orders": f"""
        moment(i, 1) as ordered_at,
        cast(4 + 500 * chance(i, 2) * chance(i, 3) as decimal(18, 2)) as amount,
        one_of(i, 4, {_REGIONS}) as region, numbered(i, 5, 'product-', 50) as product""",
    "incidents": f"""
        moment(i, 11) as opened_at,
        case when chance(i, 12) >= 0.03 then moment(i, 11) + to_seconds(cast(floor(
            60 + 259200 * chance(i, 13) * chance(i, 14) * chance(i, 15)) as bigint))
        end as resolved_at,
        one_of(i, 16, ['sev1', 'sev2', 'sev3', 'sev4']) as severity,
        numbered(i, 17, 'service-', 20) as service, one_of(i, 18, {_REGIONS}) as region""",
    "deployments": """
        moment(i, 21) as committed_at,
        moment(i, 21) + to_seconds(cast(floor(
            300 + 1209600 * chance(i, 22) * chance(i, 23)) as bigint)) as deployed_at,
        numbered(i, 24, 'service-', 20) as service,
        case when chance(i, 25) < 0.05 then 'failed' else 'succeeded' end as status""",
    "checks": """
        moment(i, 31) as checked_at, numbered(i, 32, 'service-', 20) as service,
        chance(i, 33) >= 0.002 as up""",
    "surveys": f"""
        moment(i, 41) as answered_at,
        case when chance(i, 42) >= 0.01 then cast(floor(11 * sqrt(chance(i, 43))) as int)
        end as score,
        one_of(i, 44, {_REGIONS}) as region""",
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
TWENTY: tuple[str, ...] = (*SIX, *_PARTS, *_MORE)
_ALL = {**_PARTS, **SIX, **_MORE}


def vocabulary(timezone: str) -> Vocabulary:
    """Twenty metrics over the five tables, by this zone's calendar."""
    lines = [
        "version: 1",
        f"calendar: {{timezone: {timezone}}}",
        "tables:",
        *(f"  {name}: {{row: one row, time: {time}}}" for name, time in _TIMES.items()),
        "outcomes:",
        "  good: {label: Good, definition: It is good., owners: {it: Platform, business: Sales}}",
        "metrics:",
    ]
    for name, value in _ALL.items():
        lines += [
            f"  {name}:",
            f"    label: {name}",
            "    definition: A number to measure with.",
            "    side: joint",
            "    outcome: good",
            "    owners: {it: Platform, business: Sales}",
            f"    value: {value}",
            "    good: up",
        ]
    return load_vocabulary("\n".join(lines) + "\n")


def write(path: Path, rows: int) -> None:
    """Writes a new database with this many rows in each table."""
    with duckdb.connect(str(path)) as connection:
        connection.execute(_MACROS)
        for name, columns in _TABLES.items():
            drawn = f"select i as {name}_id, {columns} from range({rows}) rows(i)"
            kept = f" where {_SILENT}" if name == "surveys" else ""
            connection.execute(f"create table {name} as select * from ({drawn}){kept}")
        # The calendar's days are the same in every zone.
        connection.register("every_day", every_day(vocabulary("UTC").calendar))
        connection.execute("create schema kpi; create table kpi.days as from every_day")


class Company:
    """The tables as something to ask, as an edition is."""

    def __init__(self, path: Path, timezone: str = "UTC") -> None:
        self.vocabulary = vocabulary(timezone)
        self._connection = duckdb.connect(str(path), read_only=True)
        self._connection.execute("set TimeZone = 'UTC'")
        self.facts = {name: self._facts(name) for name in _TABLES}
        self.fresh_until = dict.fromkeys(_TABLES, FRESH)

    def query(self, sql: str, parameters: Mapping[str, Any] | None = None) -> list[tuple[Any, ...]]:
        """The rows of one statement."""
        return self._connection.cursor().execute(sql, parameters or None).fetchall()

    def _facts(self, name: str) -> Facts:
        columns = {row[0]: row[1] for row in self.query(f"describe {name}")}
        return Facts(columns, FIRST, LAST)
