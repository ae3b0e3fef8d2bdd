"""How long a file takes to land and be published, against bare DuckDB reading the same file.

    python -m benchmarks.landing [--rows 1000000] [--rounds 7] [--memory]

Both sides alternate in one process and what counts is the median of the pairs' ratios, so that
whatever else the machine does meets both alike. `--memory` measures peaks in child processes.
"""

from __future__ import annotations

import argparse
import datetime as dt
import os
import resource
import shutil
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

import duckdb

from connectors import file
from connectors.contract import Context
from kpi.warehouse import Warehouse

NOW = dt.datetime(2026, 11, 21, 10)
COLUMNS = {
    "response_id": "response_id",
    "answered_at": {"from": "answered_at", "type": "timestamp"},
    "score": {"from": "score", "type": "smallint"},
    "region": "region",
    "amount": {"from": "amount", "type": "decimal(18,2)"},
    "comment": "comment",
}
# A Parquet export has types of its own; `texts` is one whose times are texts.
AS_TEXTS = (
    "select 'R-' || i as response_id, "
    "strftime(timestamp '2024-01-01' + to_seconds(i * 60), '%Y-%m-%d %H:%M:%S') as answered_at, "
    "(hash(i) % 11)::integer as score, ['EMEA', 'AMER', 'APAC'][1 + (hash(i * 7) % 3)::int] "
    "as region, round((hash(i * 13) % 100000) / 100.0, 2) as amount, "
    "'comment ' || (hash(i) % 1000) as comment from range({first}, {last}) t(i)"
)
TYPED = "select * replace (answered_at::timestamp as answered_at) from ({texts})"


def write(folder: Path, name: str, first: int, last: int) -> Path:
    """A file of answers; the kind follows from the name."""
    path = folder / name
    texts = AS_TEXTS.format(first=first, last=last)
    query = TYPED.format(texts=texts) if name.startswith("typed") else texts
    with duckdb.connect() as connection:
        connection.execute(f"copy ({query}) to '{path}'")
    return path


def bare(path: Path, folder: Path) -> None:
    """What DuckDB needs at least: read the file, write the table."""
    database = folder / "bare.duckdb"
    database.unlink(missing_ok=True)
    with duckdb.connect(str(database)) as connection:
        connection.execute(f"create table t as from '{path}'")
        connection.execute("checkpoint")


def pull(path: Path, database: Path, mode: str = "upsert") -> None:
    """One run of a file source, from the look at the file to the closed database."""
    options = file.Options.model_validate(
        {
            "connector": "file",
            "path": str(path),
            "into": "answers",
            "key": "response_id",
            "mode": mode,
            "columns": COLUMNS,
        }
    )
    with Warehouse(database) as warehouse:
        run = warehouse.begin("answers", NOW)
        context = Context(path.parent, NOW)
        for batch in file.pull(options, warehouse.state("answers"), context):
            warehouse.land(run, "answers", batch)
        warehouse.finish(run, error=None, advice=None, finished_at=NOW, as_of=None)
        warehouse.checkpoint_and_close()


def publish(database: Path) -> None:
    """The part of publishing that grows with the rows: the copy and its way to the disk."""
    copy = database.with_suffix(".edition")
    shutil.copyfile(database, copy)
    with copy.open("rb+") as written:
        os.fsync(written.fileno())


def land(path: Path, folder: Path, empty: Path) -> None:
    """Ours: land into an empty working database, and publish."""
    database = folder / "warehouse.duckdb"
    shutil.copyfile(empty, database)
    pull(path, database)
    publish(database)


def seconds(deed: Callable[..., object], *given: object) -> float:
    """Wall time."""
    begin = time.perf_counter()
    deed(*given)
    return time.perf_counter() - begin


def compare(folder: Path, rows: int, rounds: int) -> None:
    """The first landing of a whole file."""
    empty = folder / "empty.duckdb"
    with Warehouse(empty) as warehouse:
        warehouse.checkpoint_and_close()
    print(f"{rows:,} rows land and are published, median of {rounds} pairs")
    print(f"{'file':16} {'MB':>6} {'bare s':>8} {'ours s':>8} {'ratio':>7}")
    for name in ("answers.csv", "texts.parquet", "typed.parquet"):
        path = write(folder, name, 0, rows)
        bare(path, folder)
        land(path, folder, empty)
        pairs = [
            (seconds(bare, path, folder), seconds(land, path, folder, empty)) for _ in range(rounds)
        ]
        ratio = statistics.median(ours / theirs for theirs, ours in pairs)
        theirs, ours = (statistics.median(side) for side in zip(*pairs, strict=True))
        size = path.stat().st_size / 1e6
        print(f"{name:16} {size:6.1f} {theirs:8.3f} {ours:8.3f} {ratio:7.2f}")


def merge(folder: Path, rows: int, rounds: int) -> None:
    """A delivery on top of rows that are there: new, changed and unchanged ones."""
    database, before = folder / "merged.duckdb", folder / "before.duckdb"
    pull(write(folder, "answers.csv", 0, rows), before)
    few = max(rows // 100, 1)
    small = write(folder, "small.csv", rows - few // 2, rows + few // 2)
    large = write(folder, "large.csv", 1, rows + 1)
    cases = (
        (f"{few:,} upserted", small, "upsert"),
        (f"{rows:,} upserted", large, "upsert"),
        (f"{rows:,} replaced", large, "replace"),
    )
    print(f"\n{rows:,} rows are there, median of {rounds}")
    for name, path, mode in cases:
        times = []
        for _ in range(rounds):
            shutil.copyfile(before, database)
            times.append(seconds(pull, path, database, mode))
        print(f"{name:24} {statistics.median(times):8.3f} s")


def peaks(folder: Path, rows: int) -> None:
    """Peak memory of a whole run, each in a process of its own."""
    print(f"\n{'file':16} {'rows':>12} {'peak MB':>8}")
    for name in ("answers.csv", "typed.parquet"):
        for count in (rows, 10 * rows):
            path = write(folder, name, 0, count)
            database = folder / "peak.duckdb"
            database.unlink(missing_ok=True)
            command = [sys.executable, "-m", "benchmarks.landing", "--child", str(path)]
            command.append(str(database))
            told = subprocess.run(command, check=True, capture_output=True, text=True).stdout
            print(f"{name:16} {count:12,} {int(told) / 1024:8.0f}")


def child(path: Path, database: Path) -> None:
    """Lands one file and prints this process's peak memory in KB."""
    pull(path, database)
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    # Linux counts in KB, macOS in bytes.
    print(peak // 1024 if sys.platform == "darwin" else peak)


def main() -> None:
    """Reads the command line and prints the tables."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--rows", type=int, default=1_000_000)
    parser.add_argument("--rounds", type=int, default=7)
    parser.add_argument("--memory", action="store_true")
    parser.add_argument("--child", nargs=2, type=Path, help=argparse.SUPPRESS)
    given = parser.parse_args()
    if given.child:
        child(*given.child)
        return
    with tempfile.TemporaryDirectory(prefix="kpi-landing-") as made:
        folder = Path(made)
        if given.memory:
            peaks(folder, given.rows)
        else:
            compare(folder, given.rows, given.rounds)
            merge(folder, given.rows, given.rounds)


if __name__ == "__main__":
    main()
