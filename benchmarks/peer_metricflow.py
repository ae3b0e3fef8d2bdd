"""The same six metrics by MetricFlow, through dbt.

`benchmarks.questions` runs it in an environment of its own:
`python -m benchmarks.peer_metricflow DATABASE ZONE`. Its models are views beside the database,
which stays as it is; it answers all six metrics with one statement.
"""

from __future__ import annotations

import datetime as dt
import json
import os
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import Any

from benchmarks.answering import refuse, serve

_HOURS = "date_diff('second', {}, {}) / 3600.0".format
_PROMOTED = "case when score >= 9 then 100 when score <= 6 then -100 when score is not null then 0"
# Table -> its key, its time, its other dimensions, and its measures: how they aggregate what.
_MODELS: dict[str, tuple[str, str, tuple[str, ...], dict[str, tuple[str, str]]]] = {
    "orders": (
        "order_id",
        "ordered_at",
        (),
        {"revenue": ("sum", "amount"), "placed": ("sum", "1")},
    ),
    "incidents": (
        "incident_id",
        "opened_at",
        (),
        {
            "restore": ("average", _HOURS("opened_at", "resolved_at")),
            "opened": ("sum", "1"),
        },
    ),
    "deployments": (
        "deployment_id",
        "deployed_at",
        ("status",),
        {"lead": ("median", _HOURS("committed_at", "deployed_at"))},
    ),
    "checks": (
        "check_id",
        "checked_at",
        (),
        {"good": ("sum", "case when up then 100 else 0 end"), "checked": ("sum", "1")},
    ),
    "surveys": (
        "response_id",
        "answered_at",
        (),
        {"promoted": ("sum", f"{_PROMOTED} end"), "answered": ("count", "score")},
    ),
}
_RATIOS = {"uptime": ("good", "checked"), "nps": ("promoted", "answered")}
_ASKED = ("revenue", "nps", "restore", "uptime", "lead", "per_1k")


def semantics() -> dict[str, Any]:
    """The peer's own definitions of the five tables and of all metrics; JSON is YAML."""
    models, metrics = [], []
    for table, (key, moment, dimensions, measures) in _MODELS.items():
        grain = {"time_granularity": "day"}
        times = [{"name": moment, "type": "time", "type_params": grain}]
        models.append(
            {
                "name": table,
                "model": f"ref('{table}')",
                "defaults": {"agg_time_dimension": moment},
                "entities": [{"name": key.removesuffix("_id"), "type": "primary", "expr": key}],
                "dimensions": times + [{"name": n, "type": "categorical"} for n in dimensions],
                "measures": [
                    {"name": name, "agg": agg, "expr": expr}
                    for name, (agg, expr) in measures.items()
                ],
            }
        )
        metrics += [_metric(name, "simple", {"measure": name}) for name in measures]
    (lead,) = (metric for metric in metrics if metric["name"] == "lead")
    lead["filter"] = "{{ Dimension('deployment__status') }} = 'succeeded'"
    for name, (above, below) in _RATIOS.items():
        metrics.append(_metric(name, "ratio", {"numerator": above, "denominator": below}))
    parts = {
        "expr": "1000.0 * opened / placed",
        "metrics": [{"name": "opened"}, {"name": "placed"}],
    }
    metrics.append(_metric("per_1k", "derived", parts))
    spine = {
        "name": "days",
        "time_spine": {"standard_granularity_column": "day"},
        "columns": [{"name": "day", "granularity": "day"}],
    }
    return {"models": [spine], "semantic_models": models, "metrics": metrics}


def _metric(name: str, kind: str, parameters: dict[str, Any]) -> dict[str, Any]:
    return {"name": name, "label": name, "type": kind, "type_params": parameters}


def project(folder: Path, database: str) -> None:
    """Writes the peer's project, and lets dbt make its views."""
    models = folder / "models"
    models.mkdir()
    for table in _MODELS:
        (models / f"{table}.sql").write_text(f"select * from company.main.{table}")
    (models / "days.sql").write_text(
        "{{ config(materialized='table') }} select cast(d as date) as day"
        " from range(timestamp '2022-01-01', timestamp '2027-01-01', interval 1 day) r(d)"
    )
    (models / "semantics.yml").write_text(json.dumps(semantics()))
    (folder / "dbt_project.yml").write_text(
        json.dumps(
            {
                "name": "company",
                "version": "1.0",
                "profile": "company",
                "flags": {"send_anonymous_usage_stats": False},
            }
        )
    )
    attached = {"path": str(Path(database).resolve()), "alias": "company", "read_only": True}
    output = {
        "type": "duckdb",
        "path": str(folder / "views.duckdb"),
        "threads": os.cpu_count(),
        "attach": [attached],
    }
    profile = {"company": {"target": "here", "outputs": {"here": output}}}
    (folder / "profiles.yml").write_text(json.dumps(profile))
    dbt = str(Path(sys.executable).with_name("dbt"))
    # Both default to the folder that it is run in.
    subprocess.run([dbt, "--quiet", "run"], cwd=folder, check=True, stdout=sys.stderr)


def main(database: str, zone: str) -> None:
    """Answers as often as it is asked, by the calendar of UTC."""
    if zone != "UTC":
        refuse("it cannot be asked by another zone's calendar")
        return
    with tempfile.TemporaryDirectory() as made:
        folder = Path(made)
        project(folder, database)
        os.chdir(folder)
        # They look at the folder they are imported in.
        from dbt_metricflow.cli.cli_configuration import (  # type: ignore[import-not-found,unused-ignore]
            CLIConfiguration,
        )
        from metricflow.engine.metricflow_engine import (  # type: ignore[import-not-found,unused-ignore]
            MetricFlowQueryRequest,
        )

        configuration = CLIConfiguration()
        configuration.setup(folder, folder, configure_file_logging=False)
        engine = configuration.mf

        def answer() -> list[tuple[Any, ...]]:
            request = MetricFlowQueryRequest.create(
                metric_names=list(_ASKED),
                group_by_names=["metric_time__month"],
                time_constraint_start=dt.datetime(2024, 1, 1),
                time_constraint_end=dt.datetime(2025, 12, 31),
                order_by_names=["metric_time__month"],
            )
            return [tuple(row) for row in engine.query(request).result_df.rows]

        serve(answer, "dbt-metricflow", "metricflow", "dbt-core", "duckdb")


if __name__ == "__main__":
    main(*sys.argv[1:])
