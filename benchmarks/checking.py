"""What a check of a large vocabulary costs: reading it, and fitting it to the facts.

Run it with `python -m benchmarks.checking [METRICS]`. Every check is a process of its own; the
figures are its CPU after start-up, once everything is imported.
"""

from __future__ import annotations

import datetime as dt
import decimal
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import pyarrow as pa

from kpi.check import check_home
from tests.published import Home

ROUNDS = 3
TABLES = 8
_NOON = dt.datetime(2026, 3, 10, 12)
# Of five metrics four come from facts and one is a formula of two before it.
_VALUES = (
    "count(*) from {table}",
    "sum(amount) from {table} where region = 'EMEA'",
    "100 * count_if(score >= 9) / count(score) from {table}",
    "median(hours_between(happened_at, ended_at)) from {table} where kind in ('a', 'b')",
    "100 * {before} / {between}",
)


def text(metrics: int) -> str:
    """A vocabulary with this many metrics, each as long as people write them."""
    lines = [
        "version: 1",
        "calendar: {timezone: Europe/Berlin}",
        "dimensions:",
        "  region: {label: Region, definition: Where the customer is billed.}",
        "tables:",
    ]
    for table in range(TABLES):
        lines.append(f"  events{table}: {{row: one event, time: happened_at, by: [region]}}")
    lines += [
        "outcomes:",
        "  good: {label: Good, definition: It is good., owners: {it: Platform, business: Sales}}",
        "metrics:",
    ]
    for number in range(metrics):
        value = _VALUES[number % len(_VALUES)].format(
            table=f"events{number % TABLES}",
            before=f"metric_{number - 4}",
            between=f"metric_{number - 3}",
        )
        lines += [
            f"  metric_{number}:",
            f"    label: Metric {number}",
            f"    definition: What metric {number} means, in a sentence of the usual length.",
            f"    also_called: [number {number}, figure {number}]",
            "    side: joint",
            "    outcome: good",
            "    owners: {it: Platform, business: Sales}",
            f"    value: {value}",
            "    unit: count",
            "    decimals: 1",
            "    good: up",
            f"    target: {number}{' per week' * (number % 5 < 2)}",
            "    tolerance: 1",
        ]
    return "\n".join(lines) + "\n"


def fill(home: Path, metrics: int) -> None:
    """A home with an edition: its tables hold one row each, a check reads no more."""
    published = Home(home, text(metrics))
    row = {
        "happened_at": _NOON,
        "ended_at": _NOON,
        "region": "EMEA",
        "kind": "a",
        "amount": decimal.Decimal("9.50"),
        "score": 9,
    }
    for table in range(TABLES):
        published.bring(f"source{table}", f"events{table}", pa.Table.from_pylist([row]), at=_NOON)
    published.publish(_NOON)
    (home / "sources.yaml").write_text("version: 1\nsources: {}\n")


def check(home: Path, what: str) -> None:
    """Prints what one check costs, in a process of its own."""
    found = [
        subprocess.run(
            [sys.executable, "-m", "benchmarks.checking", "--once", home],
            cwd=Path(__file__).parents[1],
            capture_output=True,
            text=True,
            check=True,
        ).stdout.split()
        for _ in range(ROUNDS)
    ]
    seconds = statistics.median(float(each[0]) for each in found)
    print(f"{what:32} {seconds:6.2f} s CPU, {found[0][1]} mistakes")


def main(metrics: int = 200) -> None:
    """Prints the cost of a check: of what is published, of an edit, of an edit with mistakes."""
    print(f"A check of {metrics} metrics over {TABLES} tables, after start-up")
    with tempfile.TemporaryDirectory() as folder:
        home = Path(folder)
        fill(home, metrics)
        check(home, "as it is published")
        edited = text(metrics).replace("Metric 7\n", "The seventh metric\n")
        (home / "metrics.yaml").write_text(edited)
        check(home, "edited")
        for number in (11, 61, 111):
            entry = edited.index(f"  metric_{number}:")
            head, tail = edited[:entry], edited[entry:]
            edited = head + tail.replace("sum(amount)", "sum(region)", 1)
        (home / "metrics.yaml").write_text(edited)
        check(home, "edited, three values do not fit")


def _once(home: Path) -> None:
    # From here on: what start-up costs lies behind.
    start = time.process_time()
    problems, _ = check_home(home)
    print(time.process_time() - start, len(problems))


if __name__ == "__main__":
    if sys.argv[1:2] == ["--once"]:
        _once(Path(sys.argv[2]))
    else:
        main(int(sys.argv[1]) if len(sys.argv) > 1 else 200)
