"""The same six metrics by Sidemantic.

`benchmarks.questions` runs it in an environment of its own:
`python -m benchmarks.peer_sidemantic DATABASE ZONE`. A question reaches as far as its joins do, and
these tables have none: the five answers are joined, and the last metric divided, in Python.
"""

from __future__ import annotations

import datetime as dt
import sys
import tempfile
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

from sidemantic import SemanticLayer  # type: ignore[import-not-found,unused-ignore]

from benchmarks.answering import serve

_HOURS = "date_diff('second', {}, {}) / 3600.0".format
_PROMOTED = "case when score >= 9 then 100 when score <= 6 then -100 when score is not null then 0"
# Table -> its key, its time, and its measures as the keys of an entry; the last of them are asked.
_MODELS: dict[str, tuple[str, str, dict[str, str], tuple[str, ...]]] = {
    "orders": (
        "order_id",
        "ordered_at",
        {"revenue": "agg: sum, sql: amount", "placed": "agg: count"},
        ("revenue", "placed"),
    ),
    "incidents": (
        "incident_id",
        "opened_at",
        {
            "restore": f'agg: avg, sql: "{_HOURS("opened_at", "resolved_at")}"',
            "opened": "agg: count",
        },
        ("restore", "opened"),
    ),
    "deployments": (
        "deployment_id",
        "deployed_at",
        {
            "lead": f'agg: median, sql: "{_HOURS("committed_at", "deployed_at")}",'
            " filters: [\"{model}.status = 'succeeded'\"]"
        },
        ("lead",),
    ),
    "checks": (
        "check_id",
        "checked_at",
        {
            "good": 'agg: sum, sql: "case when up then 100 else 0 end"',
            "checked": "agg: count",
            "uptime": "type: ratio, numerator: checks.good, denominator: checks.checked",
        },
        ("uptime",),
    ),
    "surveys": (
        "response_id",
        "answered_at",
        {
            "promoted": f'agg: sum, sql: "{_PROMOTED} end"',
            "answered": "agg: count, sql: score",
            "nps": "type: ratio, numerator: surveys.promoted, denominator: surveys.answered",
        },
        ("nps",),
    ),
}
_ASKED = ("revenue", "nps", "restore", "uptime", "lead")


def model_text() -> str:
    """The peer's own YAML for the five tables."""
    lines = ["models:"]
    for table, (key, moment, measures, _) in _MODELS.items():
        lines += [
            f"  - name: {table}",
            f"    table: {table}",
            f"    primary_key: {key}",
            f"    default_time_dimension: {moment}",
            "    dimensions:",
            f"      - {{name: {moment}, type: time, sql: {moment}, granularity: second}}",
            "    metrics:",
            *(f"      - {{name: {name}, {keys}}}" for name, keys in measures.items()),
        ]
    return "\n".join(lines) + "\n"


def answer(layer: Any, zone: str) -> list[tuple[Any, ...]]:
    """A row each month."""
    # Its filters compare what is stored, which is UTC.
    start, end = (
        dt.datetime(year, 1, 1, tzinfo=ZoneInfo(zone)).astimezone(dt.UTC) for year in (2024, 2026)
    )
    months: dict[Any, dict[str, Any]] = {}
    for table, (_, moment, _, asked) in _MODELS.items():
        result = layer.query(
            metrics=[f"{table}.{name}" for name in asked],
            dimensions=[f"{table}.{moment}__month"],
            filters=[
                f"{table}.{moment} >= '{start:%F %T}'",
                f"{table}.{moment} < '{end:%F %T}'",
            ],
            timezone=None if zone == "UTC" else zone,
        )
        for month, *numbers in result.fetchall():
            months.setdefault(month, {}).update(zip(asked, numbers, strict=True))
    return [
        (month, *(found.get(name) for name in _ASKED), 1000 * found["opened"] / found["placed"])
        for month, found in sorted(months.items())
    ]


def main(database: str, zone: str) -> None:
    """Answers as often as it is asked."""
    where = Path(database).resolve()
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "model.yml"
        path.write_text(model_text())
        layer = SemanticLayer.from_yaml(str(path), connection=f"duckdb://{where}?read_only=true")
    serve(lambda: answer(layer, zone), "sidemantic", "duckdb")


if __name__ == "__main__":
    main(*sys.argv[1:])
