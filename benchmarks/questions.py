"""What a question costs: our six metrics by month, beside SQL written by hand and other layers.

Run it with `python -m benchmarks.questions [ROWS]... [--zones ZONE...] [--rounds N] [--scattered]`.
For every number of rows a company is drawn, landed and published; the first two are kept in
`benchmarks/data`. Its rows are in the order of time, or scattered over it, so that the database
cannot pass over any. Everybody answers in a process of its own, round after round in turn, once it
is sure that all say the same; what is printed are medians, and the median of the rounds' ratios to
the hand-written SQL. `python -m benchmarks.report` makes a page of the figures.
"""

from __future__ import annotations

import argparse
import math
import statistics
import sys
from collections.abc import Mapping, Sequence
from contextlib import ExitStack
from pathlib import Path
from typing import Any

from benchmarks.answering import Answering, Cost, Refused, Row, answering
from benchmarks.company import SIX_AND_PARTS, vocabulary_text
from benchmarks.company_home import analysts, published, section
from benchmarks.figures import keep
from benchmarks.peers import REQUIREMENTS, NotInstalled, python_of

ROUNDS = 9
ZONES = ("UTC", "Europe/Berlin")
BY_HAND, OURS = "hand-written SQL", "ours"


def differences(found: list[Row], expected: list[Row]) -> str | None:
    """What the first difference of two answers is; None where they are the same numbers."""
    if len(found) != len(expected):
        return f"{len(found)} months where {len(expected)} are expected"
    for row, right in zip(found, expected, strict=True):
        for value, wanted in zip(row, right, strict=True):
            numbers = isinstance(value, float) and isinstance(wanted, float)
            if not (numbers and math.isclose(value, wanted, rel_tol=1e-9)) and value != wanted:
                return f"{value} where {wanted} is expected in {right[0]}"
    return None


def started(
    stack: ExitStack, home: Path, database: Path, zone: str
) -> tuple[dict[str, Answering], dict[str, str]]:
    """Everybody who answers, the hand-written SQL first; and why the others do not."""
    by_hand = answering(sys.executable, "benchmarks.by_hand", database, zone)
    ways = {BY_HAND: stack.enter_context(by_hand)}
    left_out: dict[str, str] = {}
    for name in (OURS, *REQUIREMENTS):
        try:
            if name == OURS:
                way = answering(sys.executable, "benchmarks.ours", home)
            else:
                module = f"benchmarks.peer_{name.lower().replace('-', '_')}"
                way = answering(python_of(name), module, database, zone)
            answered = stack.enter_context(way)
            if different := differences(answered.rows, ways[BY_HAND].rows):
                raise Refused(f"it answers otherwise: {different}")
            ways[name] = answered
        except (Refused, NotInstalled) as reason:
            left_out[name] = str(reason)
            print(f"{zone:14} {name:22} left out: {reason}", flush=True)
    return ways, left_out


def compare(rows: int, zone: str, rounds: int, *, scattered: bool = False) -> None:
    """Prints and keeps what each way costs."""
    database = analysts(rows, scattered=scattered)
    vocabulary = vocabulary_text(zone, SIX_AND_PARTS)
    with ExitStack() as stack:
        home = stack.enter_context(published(rows, vocabulary, scattered=scattered))
        ways, left_out = started(stack, home, database, zone)
        turns = [{name: way.once() for name, way in ways.items()} for _ in range(rounds)]
        found = {name: medians(turns, name) for name in ways}
        for name, figures in found.items():
            figures["versions"] = ways[name].versions
            print(
                f"{zone:14} {name:22} {figures['wall']:8.1f} ms {figures['cpu']:8.1f} ms CPU"
                f" {figures['ratio']:6.2f} x by hand {figures['peak']:6.0f} MB",
                flush=True,
            )
    told = {"zone": zone, "rows": rows, "ways": found, "left_out": left_out}
    keep(section("questions", scattered), f"{zone} {rows}", told)


def medians(turns: Sequence[Mapping[str, Cost]], name: str) -> dict[str, Any]:
    """The medians of one way, and of its rounds' ratios of CPU and of time to the first way's."""
    first = next(iter(turns[0]))
    return {
        "wall": statistics.median(turn[name].wall for turn in turns),
        "cpu": statistics.median(turn[name].cpu for turn in turns),
        "peak": max(turn[name].peak for turn in turns),
        "ratio": statistics.median(turn[name].cpu / turn[first].cpu for turn in turns),
        "wall_ratio": statistics.median(turn[name].wall / turn[first].wall for turn in turns),
    }


def main(sizes: list[int], zones: list[str], rounds: int, scattered: bool) -> None:
    """Compares at each size, in each zone."""
    order = "scattered over time" if scattered else "in the order of time"
    for rows in sizes:
        print(f"Six metrics by month for 24 months, {rows:,} rows {order} in each of five tables")
        for zone in zones:
            compare(rows, zone, rounds, scattered=scattered)


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("rows", nargs="*", type=float, default=[1e5, 1e6, 1e7])
    parser.add_argument("--zones", nargs="+", default=ZONES)
    parser.add_argument("--rounds", type=int, default=ROUNDS)
    parser.add_argument("--scattered", action="store_true")
    given = parser.parse_args()
    main(list(map(int, given.rows)), given.zones, given.rounds, given.scattered)
