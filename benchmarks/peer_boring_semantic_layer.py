"""The same six metrics by boring-semantic-layer.

`benchmarks.questions` runs it in an environment of its own:
`python -m benchmarks.peer_boring_semantic_layer DATABASE ZONE`. It has no metrics across tables, so
the five answers are joined, and the last metric divided, with pandas.
"""

from __future__ import annotations

import sys
import tempfile
from functools import reduce
from pathlib import Path
from typing import Any

import ibis  # type: ignore[import-not-found,unused-ignore]
from boring_semantic_layer import (  # type: ignore[import-not-found,unused-ignore]
    from_yaml,
)

from benchmarks.answering import refuse, serve

_MEASURES = {
    "orders": ("ordered_at", {"revenue": "_.amount.sum()", "placed": "_.count()"}),
    "incidents": (
        "opened_at",
        {
            "restore": "((_.resolved_at.epoch_seconds() - _.opened_at.epoch_seconds())"
            " / 3600.0).mean()",
            "opened": "_.count()",
        },
    ),
    "deployments": (
        "deployed_at",
        {
            "lead": "((_.deployed_at.epoch_seconds() - _.committed_at.epoch_seconds())"
            " / 3600.0).median()"
        },
    ),
    "checks": ("checked_at", {"uptime": "100.0 * _.up.sum() / _.count()"}),
    "surveys": (
        "answered_at",
        {"nps": "100.0 * ((_.score >= 9).sum() - (_.score <= 6).sum()) / _.score.count()"},
    ),
}
_RANGE = {"start": "2024-01-01T00:00:00", "end": "2025-12-31T23:59:59"}


def model_text() -> str:
    """The peer's own YAML for the five tables."""
    lines = []
    for table, (moment, measures) in _MEASURES.items():
        lines += [f"{table}:", f"  table: {table}"]
        if table == "deployments":
            lines.append("  filter: _.status == 'succeeded'")
        lines += [
            "  dimensions:",
            f"    at: {{expr: _.{moment}, is_time_dimension: true,"
            " smallest_time_grain: TIME_GRAIN_SECOND}",
            "  measures:",
            *(f'    {name}: "{value}"' for name, value in measures.items()),
        ]
    return "\n".join(lines) + "\n"


def answer(models: Any) -> list[Any]:
    """A row each month."""
    frames = [
        models[table]
        .query(
            dimensions=["at"],
            measures=list(measures),
            time_grain="TIME_GRAIN_MONTH",
            time_range=_RANGE,
        )
        .execute()
        for table, (_, measures) in _MEASURES.items()
    ]
    joined = reduce(lambda left, right: left.merge(right, on="at", how="outer"), frames)
    joined["per_1k"] = 1000.0 * joined.opened / joined.placed
    columns = ["at", "revenue", "nps", "restore", "uptime", "lead", "per_1k"]
    return list(joined.sort_values("at")[columns].itertuples(index=False))


def main(database: str, zone: str) -> None:
    """Answers as often as it is asked, by the calendar of UTC."""
    if zone != "UTC":
        refuse("it cannot be asked by another zone's calendar")
        return
    connection = ibis.duckdb.connect(database, read_only=True)
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "model.yml"
        path.write_text(model_text())
        models = from_yaml(str(path), tables={name: connection.table(name) for name in _MEASURES})
    serve(lambda: answer(models), "boring-semantic-layer", "ibis-framework", "duckdb")


if __name__ == "__main__":
    main(*sys.argv[1:])
