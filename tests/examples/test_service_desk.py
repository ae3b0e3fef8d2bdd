"""The service desk's example, run as its README says."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

PROJECT = Path(__file__).parents[2]
EXAMPLE = PROJECT / "examples" / "service-desk"
METRICS = (
    "incidents_opened",
    "incidents_reopened",
    "incidents_unresolved",
    "time_to_resolve",
    "time_to_resolve_mean",
)
# INC3 was solved after 2 hours, re-opened, and solved for good after 100; INC4 is still open.
LOG = """\
number,incident_state,reopen_count,sys_mod_count,opened_at,priority,resolved_at
INC1,New,0,0,29-02-2016 01:00,3 - Moderate,?
INC1,Closed,0,2,29-02-2016 01:00,3 - Moderate,29-02-2016 03:00
INC2,Closed,0,1,01/03/2016 04:00,2 - High,01/03/2016 10:00
INC3,Closed,1,11,01/03/2016 08:00,3 - Moderate,05-03-2016 12:00
INC3,Resolved,0,9,01/03/2016 08:00,3 - Moderate,01/03/2016 10:00
INC4,Active,0,3,02-03-2016 09:00,3 - Moderate,?
"""


def run(home: Path, log: Path, *arguments: str) -> str:
    command = [sys.executable, "-m", "kpi", "--home", str(home), *arguments]
    env = {**os.environ, "SERVICE_DESK_LOG": str(log)}
    done = subprocess.run(
        command, cwd=PROJECT, env=env, capture_output=True, text=True, check=False
    )

    assert done.returncode == 0, done.stderr
    return done.stdout


def answers(folder: Path, log: Path, *more: str) -> list[dict[str, object]]:
    """What the example answers for this log, in a home of its own."""
    home = folder / "home"
    home.mkdir()
    for file in ("metrics.yaml", "sources.yaml"):
        shutil.copy(EXAMPLE / file, home)
    run(home, log, "refresh")
    return list(json.loads(run(home, log, "query", *METRICS, "--format", "json", *more)))


@pytest.fixture
def log(tmp_path: Path) -> Path:
    path = tmp_path / "log.csv"
    path.write_text(LOG)
    return path


def test_the_last_event_of_an_incident_counts(tmp_path: Path, log: Path) -> None:
    found = answers(tmp_path, log, "--grain", "total")

    assert {row["metric"]: row["value"] for row in found} == {
        "incidents_opened": 4,
        "incidents_reopened": 1,
        "incidents_unresolved": 1,
        "time_to_resolve": 6,
        "time_to_resolve_mean": 36,
    }


def test_the_numbers_break_down_by_priority(tmp_path: Path, log: Path) -> None:
    found = answers(tmp_path, log, "--grain", "total", "--by", "priority")

    opened = {r["priority"]: r["value"] for r in found if r["metric"] == "incidents_opened"}
    assert opened == {"2 - High": 1, "3 - Moderate": 3}


@pytest.mark.skipif(
    "SERVICE_DESK_LOG" not in os.environ, reason="needs the public log: see the example's README"
)
def test_the_public_log_has_the_answers_that_the_readme_prints(tmp_path: Path) -> None:
    found = answers(tmp_path, Path(os.environ["SERVICE_DESK_LOG"]), "--grain", "year")
    values = {row["metric"]: row["value"] for row in found}

    assert [round(float(str(values[name])), 4) for name in METRICS] == [
        890,
        10,
        29,
        54.4667,
        315.8668,
    ]
    readme = (EXAMPLE / "README.md").read_text("utf-8")
    for printed in ("| 890 |", "| 10 |", "| 29 |", "| 54.5 hours |", "| 315.9 hours |"):
        assert printed in readme
