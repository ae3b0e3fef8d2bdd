"""The same six metrics by boring-semantic-layer, once for each line on stdin.

`benchmarks.questions` runs this with a Python that has boring-semantic-layer and
ibis-framework[duckdb]; it imports nothing of this project. It has no metrics across tables, so the
five answers are joined, and the last metric divided, with pandas.
"""

from __future__ import annotations

import importlib.metadata
import sys
import tempfile
import time
from functools import reduce
from pathlib import Path
from typing import Any

import ibis  # type: ignore[import-not-found,unused-ignore]
from boring_semantic_layer import (  # type: ignore[import-not-found,unused-ignore]
    from_yaml,
)

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


def answer(models: Any) -> Any:
    """The six metrics by month as a data frame."""
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
    joined["incidents_per_1k_orders"] = 1000.0 * joined.opened / joined.placed
    return joined.sort_values("at")


def main(database: str) -> None:
    """Says what is measured, then answers line by line: milliseconds by the clock and of CPU."""
    connection = ibis.duckdb.connect(database, read_only=True)
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "model.yml"
        path.write_text(model_text())
        models = from_yaml(str(path), tables={name: connection.table(name) for name in _MEASURES})
    months = len(answer(models))
    names = ("boring-semantic-layer", "ibis-framework", "duckdb")
    versions = ", ".join(f"{name} {importlib.metadata.version(name)}" for name in names)
    print(f"{versions}; {months} months", flush=True)
    for _ in sys.stdin:
        cpu, wall = time.process_time(), time.perf_counter()
        answer(models)
        wall, cpu = time.perf_counter() - wall, time.process_time() - cpu
        print(1000 * wall, 1000 * cpu, flush=True)


if __name__ == "__main__":
    main(sys.argv[1])
