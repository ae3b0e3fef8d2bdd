"""What every test run has in common."""

from __future__ import annotations

import os
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

# The folders and files that build the sample company, open pages or try many random examples.
SLOW = (
    "sample",
    "examples",
    "pages",
    "kpi/test_merge_model.py",
    "kpi/test_answers_property.py",
    "kpi/test_timetable_property.py",
)
HERE = Path(__file__).parent


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Marks the slow tests, so that the fast ones can come first."""
    slow = [HERE / name for name in SLOW]
    for item in items:
        if any(item.path.is_relative_to(place) for place in slow):
            item.add_marker(pytest.mark.slow)
