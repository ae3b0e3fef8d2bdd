"""What every test run has in common."""

from __future__ import annotations

import gc
import os
from collections.abc import Iterator
from pathlib import Path

import pytest
from hypothesis import HealthCheck, Phase, settings

# Explaining a failing example takes minutes where each run asks a database.
PHASES = [phase for phase in Phase if phase is not Phase.explain]
# A busy machine is no mistake of the code.
CALM = [HealthCheck.too_slow]

# In CI the same examples every time, so that a red run is red for everybody; elsewhere new ones.
settings.register_profile(
    "ci", derandomize=True, deadline=None, phases=PHASES, suppress_health_check=CALM
)
settings.register_profile("laptop", deadline=None, phases=PHASES, suppress_health_check=CALM)
settings.load_profile("ci" if os.environ.get("CI") else "laptop")

# What builds the sample company, opens pages or tries many random examples.
SLOW = (
    "sample",
    "examples",
    "pages",
    "kpi/test_merge_model.py",
    "kpi/test_answers_property.py",
    "kpi/test_rollups_property.py",
    "kpi/test_segments.py",
    "kpi/test_rollups_landing_property.py",
    "kpi/test_contributions_property.py",
    "kpi/test_timetable_property.py",
    "kpi/test_json_rows_property.py",
    "benchmarks/test_publishing.py",
)
# The connectors whose tests play a whole system over HTTP.
PLAYED = ("github", "gitlab", "jira", "pagerduty", "servicenow", "stripe", "survey")
HERE = Path(__file__).parent


def pytest_ignore_collect(collection_path: Path, config: pytest.Config) -> bool | None:
    """Who wants no slow test need not wait until those files are imported."""
    unwanted = config.option.markexpr.split(" and ")[0] == "not slow"
    return True if unwanted and is_slow(collection_path) else None


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Marks the slow tests, so that the fast ones can come first."""
    for item in items:
        if is_slow(item.path):
            item.add_marker(pytest.mark.slow)


def pytest_collection_finish() -> None:
    """All that was imported stays to the end: looking for garbage in it takes a tenth of a run."""
    gc.freeze()


def pytest_sessionfinish() -> None:
    gc.unfreeze()


def is_slow(path: Path) -> bool:
    folder, kind = path.parent.name, path.stem.split("_")[1:2]
    plays = folder in PLAYED or (folder == "connectors" and kind in ([name] for name in PLAYED))
    return plays or any(path.is_relative_to(HERE / name) for name in SLOW)


@pytest.fixture(scope="session")
def spark_address(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """The Spark Connect address of a cluster that all tests share.

    KPI_SPARK names another one, which must see the same files.
    """
    from tests.spark_cluster import spark_cluster

    if "KPI_SPARK" in os.environ:
        yield os.environ["KPI_SPARK"]
        return
    with spark_cluster(tmp_path_factory.mktemp("spark")) as address:
        yield address
