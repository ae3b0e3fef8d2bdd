"""The six metrics by month as an analyst would write them in SQL: what every layer is held against.

`benchmarks.questions` runs it: `python -m benchmarks.by_hand DATABASE ZONE`.
"""

from __future__ import annotations

import datetime as dt
import sys

import duckdb

from benchmarks.answering import serve

START, END = dt.date(2024, 1, 1), dt.date(2026, 1, 1)


def by_hand(timezone: str = "UTC") -> str:
    """The statement: a row each month, also for a month without rows."""

    def side(table: str, moment: str, columns: str, where: str = "true") -> str:
        local = (
            moment if timezone == "UTC" else f"timezone('{timezone}', timezone('UTC', {moment}))"
        )
        bounds = [f"timestamp '{day}'" for day in (START, END)]
        if timezone != "UTC":
            bounds = [f"timezone('UTC', timezone('{timezone}', {bound}))" for bound in bounds]
        return (
            f"select cast(date_trunc('month', {local}) as date) as month, {columns} from {table}"
            f" where {moment} >= {bounds[0]} and {moment} < {bounds[1]} and {where} group by all"
        )

    hours = "date_diff('second', {}, {}) / 3600.0".format
    sides = {
        "o": side("orders", "ordered_at", "sum(amount) as revenue, count(*) as placed"),
        "i": side(
            "incidents",
            "opened_at",
            f"avg({hours('opened_at', 'resolved_at')}) as restore, count(*) as opened",
        ),
        "d": side(
            "deployments",
            "deployed_at",
            f"median({hours('committed_at', 'deployed_at')}) as lead",
            "status = 'succeeded'",
        ),
        "c": side("checks", "checked_at", "100.0 * count(*) filter (up) / count(*) as uptime"),
        "s": side(
            "surveys",
            "answered_at",
            "100.0 * (count(*) filter (score >= 9) - count(*) filter (score <= 6))"
            " / nullif(count(score), 0) as nps",
        ),
    }
    steps = ", ".join(f"{name} as ({sql})" for name, sql in sides.items())
    joined = " ".join(f"left join {name} using (month)" for name in sides)
    return (
        f"with months as (select cast(m as date) as month from range(timestamp '{START}',"
        f" timestamp '{END}', interval 1 month) each_month(m)), {steps}"
        " select month, revenue, nps, restore, uptime, lead, 1000.0 * opened / placed"
        f" from months {joined} order by month"
    )


def main(database: str, timezone: str) -> None:
    """Answers as often as it is asked."""
    connection = duckdb.connect(database, read_only=True)
    connection.execute("set TimeZone = 'UTC'")
    sql = by_hand(timezone)
    serve(lambda: connection.execute(sql).fetchall(), "duckdb")


if __name__ == "__main__":
    main(*sys.argv[1:])
