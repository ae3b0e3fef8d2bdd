"""Whenever a landing process is killed, whole batches are there, and the state that fits them."""

from __future__ import annotations

import random
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from kpi.warehouse import Warehouse

ROOT = Path(__file__).parents[2]
KILLS = 6
ROWS = 3000
# Every batch brings rows of its own and changes the first row; the first one becomes the table.
CHILD = """
import datetime as dt, sys
from pathlib import Path
import pyarrow as pa
from connectors.contract import Batch, Shape
from kpi.warehouse import Warehouse

path, rows = Path(sys.argv[1]), int(sys.argv[2])
now = dt.datetime(2026, 3, 10, 12)
with Warehouse(path) as warehouse:
    done = warehouse.state("desk").get("batches", 0)
    print("ready", flush=True)
    while True:
        run = warehouse.begin("desk", now)
        ids = [0, *range(done * rows + 1, (done + 1) * rows + 1)]
        table = pa.table({"id": ids, "batch": [done + 1] * len(ids), "text": ["x" * 50] * len(ids)})
        batch = Batch("things", table, Shape((), key=("id",)), "here", state={"batches": done + 1})
        warehouse.land(run, "desk", batch)
        warehouse.finish(run, error=None, advice=None, finished_at=now, as_of=None)
        done += 1
"""

# A large file into an empty table is written beside it and then takes its place.
LARGE = 400_000
FIRST = """
import datetime as dt, sys, time
from pathlib import Path
from connectors.contract import Batch, Scan, Shape
from kpi.warehouse import Warehouse

path, file = Path(sys.argv[1]), sys.argv[2]
arguments = {
    "columns": {"id": "VARCHAR", "n": "VARCHAR"}, "header": True, "auto_detect": False, "delim": ","
}
with Warehouse(path) as warehouse:
    run = warehouse.begin("desk", dt.datetime(2026, 3, 10, 12))
    if sys.argv[3] == "before":
        print("ready", flush=True)
    batch = Batch("things", Scan("read_csv", (file,), arguments), Shape((), key=("id",)), "here",
                  state={"landed": True})
    warehouse.land(run, "desk", batch)
    print("ready", flush=True)
    time.sleep(60)
"""


def kill_after(seconds: float, *command: str) -> None:
    """Starts a landing process and kills it so long after it says that it is ready."""
    with subprocess.Popen(
        [sys.executable, "-c", *command], cwd=ROOT, stdout=subprocess.PIPE
    ) as child:
        assert child.stdout is not None
        assert child.stdout.readline() == b"ready\n"
        time.sleep(seconds)
        child.send_signal(signal.SIGKILL)


@pytest.mark.servers
def test_a_killed_landing_leaves_whole_batches_and_their_state(tmp_path: Path):
    path = tmp_path / "warehouse.duckdb"
    moments = random.Random(7)
    seen = []
    for _ in range(KILLS):
        kill_after(moments.uniform(0.0, 1.0), CHILD, str(path), str(ROWS))
        with Warehouse(path) as warehouse:
            batches = warehouse.state("desk").get("batches", 0)
            there = (
                warehouse.connection.execute(
                    "select count(*), count(distinct id), max(batch), max(id), "
                    "max(batch) filter (where id = 0) from main.things"
                ).fetchall()
                if batches
                else [(0, 0, None, None, None)]
            )
            running = [r for r in warehouse.reports() if r.outcome == "running"]
        rows = batches * ROWS + 1 if batches else 0
        newest = batches or None
        seen.append(
            (there, running) == ([(rows, rows, newest, batches * ROWS or None, newest)], [])
        )

    assert seen == [True] * KILLS


def large_file(folder: Path) -> Path:
    path = folder / "things.csv"
    path.write_text("id,n\n" + "".join(f"k{n},{n}\n" for n in range(LARGE)))
    return path


def found(path: Path) -> tuple[int, dict[str, object]]:
    """The rows and the state that a new process finds."""
    with Warehouse(path) as warehouse:
        state = warehouse.state("desk")
        tables = warehouse.connection.execute(
            "select table_name from duckdb_tables() where schema_name = 'facts'"
        ).fetchall()
        rows = (
            warehouse.connection.execute("select count(*) from main.things").fetchall()[0][0]
            if ("things",) in tables
            else 0
        )

    assert ("_incoming",) not in tables
    return rows, state


@pytest.mark.servers
def test_a_first_large_file_is_there_wholly_or_not_at_all(tmp_path: Path):
    file, moments = large_file(tmp_path), random.Random(11)
    left = []
    for number in range(KILLS):
        path = tmp_path / f"warehouse-{number}.duckdb"
        kill_after(moments.uniform(0.0, 0.6), FIRST, str(path), str(file), "before")
        left.append(found(path))

    assert all(one in [(0, {}), (LARGE, {"landed": True})] for one in left)


@pytest.mark.servers
def test_what_was_told_as_landed_is_there_after_a_kill(tmp_path: Path):
    path = tmp_path / "warehouse.duckdb"
    kill_after(0, FIRST, str(path), str(large_file(tmp_path)), "after")

    assert found(path) == (LARGE, {"landed": True})
