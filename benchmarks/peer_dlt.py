"""The same incidents pulled and merged by dlt's REST source: prints what it cost and brought.

`benchmarks.paging` runs this with a Python that has `dlt[duckdb]` and pyarrow; it imports nothing
of this project. Parquet between its steps is several times as fast as what it does by default.
"""

from __future__ import annotations

import resource
import sys
import time
from typing import Any

import dlt  # type: ignore[import-not-found,unused-ignore]
import duckdb
from dlt.sources.rest_api import (  # type: ignore[import-not-found,unused-ignore]
    rest_api_source,
)


def pull(url: str, page_size: int) -> None:
    """Pulls everything."""
    config: Any = {
        "client": {
            "base_url": url,
            "paginator": {"type": "cursor", "cursor_path": "next", "cursor_param": "cursor"},
        },
        "resource_defaults": {"primary_key": "id", "write_disposition": "merge"},
        "resources": [
            {
                "name": "incidents",
                "endpoint": {
                    "path": "incidents",
                    "params": {"limit": page_size},
                    "data_selector": "incidents",
                },
            }
        ],
    }
    pipeline = dlt.pipeline(
        "incidents",
        pipelines_dir="pipelines",
        destination=dlt.destinations.duckdb("incidents.duckdb"),
        dataset_name="facts",
    )
    pipeline.run(rest_api_source(config), loader_file_format="parquet")


def main(url: str, page_size: int) -> None:
    """Prints seconds, CPU seconds of this process and its children, peak memory in MB, and rows."""
    wall, cpu = time.perf_counter(), _used()
    pull(url, page_size)
    seconds, used = time.perf_counter() - wall, _used() - cpu
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    with duckdb.connect("incidents.duckdb", read_only=True) as connection:
        ((rows, resolved),) = connection.execute(
            "select count(distinct id), count(resolved_at) from facts.incidents"
        ).fetchall()
    # macOS counts bytes, Linux kilobytes.
    print(seconds, used, peak / (1024 if sys.platform == "linux" else 1024**2), rows, resolved)


def _used() -> float:
    mine, children = map(resource.getrusage, (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN))
    return mine.ru_utime + mine.ru_stime + children.ru_utime + children.ru_stime


if __name__ == "__main__":
    main(sys.argv[1], int(sys.argv[2]))
