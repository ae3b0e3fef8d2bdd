"""What a question costs: our six metrics by month against SQL written by hand for the same answer.

Run it with `python -m benchmarks.questions [ROWS] [--peer-python PATH]`. Hand-written SQL, we, and
a peer where one is given answer in turn, round after round; what is printed are medians, and the
median of the rounds' ratios. PATH is a Python that has boring-semantic-layer and
ibis-framework[duckdb] installed.
"""

from __future__ import annotations

import argparse
import datetime as dt
import math
import statistics
import subprocess
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from benchmarks.company import SIX, TWENTY, Company, write
from kpi.answers import ask
from kpi.compiler import compile_question
from kpi.questions import Question

ROUNDS = 11
SMALL = 2_000
_COMPILED = 200
_PEER = Path(__file__).with_name("peer_boring_semantic_layer.py")
START, END = dt.date(2024, 1, 1), dt.date(2026, 1, 1)
QUESTION = Question(tuple(SIX), "month", start=START, end=END)
Rows = list[tuple[Any, ...]]
Cost = tuple[float, float]  # milliseconds: wall clock, CPU


def by_hand(timezone: str) -> str:
    """The six metrics by month as an analyst would write them, a row each month."""

    def side(table: str, moment: str, columns: str, where: str = "true") -> str:
        local = (
            moment if timezone == "UTC" else f"timezone('{timezone}', timezone('UTC', {moment}))"
        )
        bounds = [f"timestamp '{day}'" for day in (START, END)]
        if timezone != "UTC":
            bounds = [f"timezone('UTC', timezone('{timezone}', {bound}))" for bound in bounds]
        return (
            f"select cast(date_trunc('month', {local}) as date) as month, {columns} from {table}"
            f" where {moment} >= {bounds[0]} and {moment} < {bounds[1]} and {where} group by all"
        )

    hours = "date_diff('second', {}, {}) / 3600.0".format
    sides = {
        "o": side("orders", "ordered_at", "sum(amount) as revenue, count(*) as placed"),
        "i": side(
            "incidents",
            "opened_at",
            f"avg({hours('opened_at', 'resolved_at')}) as restore, count(*) as opened",
        ),
        "d": side(
            "deployments",
            "deployed_at",
            f"median({hours('committed_at', 'deployed_at')}) as lead",
            "status = 'succeeded'",
        ),
        "c": side("checks", "checked_at", "100.0 * count(*) filter (up) / count(*) as uptime"),
        "s": side(
            "surveys",
            "answered_at",
            "100.0 * (count(*) filter (score >= 9) - count(*) filter (score <= 6))"
            " / nullif(count(score), 0) as nps",
        ),
    }
    steps = ", ".join(f"{name} as ({sql})" for name, sql in sides.items())
    joined = " ".join(f"left join {name} using (month)" for name in sides)
    return (
        f"with months as (select cast(m as date) as month from range(timestamp '{START}',"
        f" timestamp '{END}', interval 1 month) each_month(m)), {steps}"
        " select month, revenue, nps, restore, uptime, lead, 1000.0 * opened / placed"
        f" from months {joined} order by month"
    )


def ours(company: Company) -> Rows:
    """The same six metrics, asked as everything asks them."""
    answer = ask(company, QUESTION)
    width = len(QUESTION.metrics)
    cells = answer.cells
    rows = (cells[at : at + width] for at in range(0, len(cells), width))
    return [(row[0].period, *(cell.value for cell in row)) for row in rows]


def refuse_differences(found: Rows, expected: Rows) -> None:
    """Ends the benchmark where two answers are not the same numbers."""
    if len(found) != len(expected):
        raise SystemExit(f"{len(found)} months where {len(expected)} are expected")
    for row, right in zip(found, expected, strict=True):
        for value, wanted in zip(row[1:], right[1:], strict=True):
            same = (value is None) == (wanted is None)
            if same and value is not None:
                same = math.isclose(float(value), float(wanted), rel_tol=1e-9)
            if row[0] != right[0] or not same:
                raise SystemExit(f"the answers differ in {right[0]}: {value} and {wanted}")


def cost(work: Callable[[], object]) -> Cost:
    """What one run costs."""
    cpu, wall = time.process_time(), time.perf_counter()
    work()
    return 1000 * (time.perf_counter() - wall), 1000 * (time.process_time() - cpu)


def compare(company: Company, timezone: str, peer: Callable[[], Cost] | None) -> None:
    """Prints what each way costs, after making sure that they say the same."""
    sql = by_hand(timezone)
    refuse_differences(ours(company), company.query(sql))
    ways: dict[str, Callable[[], Cost]] = {
        "hand-written SQL": lambda: cost(lambda: company.query(sql)),
        "ours": lambda: cost(lambda: ours(company)),
    }
    if peer is not None:
        ways["boring-semantic-layer"] = peer
    costs: dict[str, list[Cost]] = {name: [] for name in ways}
    for _ in range(ROUNDS):
        for name, way in ways.items():
            costs[name].append(way())
    floor = [cpu for _, cpu in costs["hand-written SQL"]]
    for name, found in costs.items():
        wall = statistics.median(wall for wall, _ in found)
        cpu = statistics.median(cpu for _, cpu in found)
        ratio = statistics.median(c / f for (_, c), f in zip(found, floor, strict=True))
        print(f"{timezone:14} {name:22} {wall:8.1f} ms {cpu:8.1f} ms CPU {ratio:6.2f} x by hand")


def compiling(company: Company, names: tuple[str, ...], timezone: str) -> None:
    """Prints what compiling a question costs, and asking for it again."""
    question = Question(names, "month", start=START, end=END)

    def once() -> Cost:
        company.vocabulary.compiled.clear()
        return cost(lambda: compile_question(company.vocabulary, question, company.facts))

    first = statistics.median(once()[1] for _ in range(_COMPILED))

    def again() -> None:
        for _ in range(_COMPILED):
            compile_question(company.vocabulary, question, company.facts)

    repeated = cost(again)[1] / _COMPILED
    print(
        f"{timezone:14} compiling {len(names)} metrics {first:6.2f} ms CPU,"
        f" again {1000 * repeated:.1f} µs"
    )


def twenty(path: Path) -> None:
    """Prints what twenty metrics at once cost on small facts: mostly the database's planning."""
    for timezone in ("UTC", "Europe/Berlin"):
        company = Company(path, timezone)
        for grain in ("month", "week"):
            question = Question(TWENTY, grain, start=START, end=END)
            costs = [cost(lambda c=company, q=question: ask(c, q)) for _ in range(ROUNDS)]
            wall, cpu = (statistics.median(part) for part in zip(*costs, strict=True))
            print(f"{timezone:14} twenty metrics by {grain:5} {wall:8.1f} ms {cpu:8.1f} ms CPU")


@contextmanager
def answering(python: Path, database: Path) -> Iterator[Callable[[], Cost]]:
    """The peer in a process of its own, which answers once for each line that it is sent."""
    process = subprocess.Popen(
        [python, _PEER, database], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    )
    assert process.stdin is not None and process.stdout is not None
    stdin, stdout = process.stdin, process.stdout

    def turn() -> Cost:
        stdin.write("\n")
        stdin.flush()
        line = stdout.readline()
        if not line:
            raise SystemExit("the peer has ended; its error stands above")
        wall, cpu = map(float, line.split())
        return wall, cpu

    with process:
        print("peer          ", stdout.readline().strip())
        yield turn
        stdin.close()


def main(rows: int, peer_python: Path | None = None) -> None:
    """Compares on tables of this many rows, in UTC and in a zone that changes its clocks."""
    with tempfile.TemporaryDirectory() as folder:
        large, small = Path(folder) / "large.duckdb", Path(folder) / "small.duckdb"
        write(large, rows)
        write(small, SMALL)
        print(f"Six metrics by month for 24 months, {rows:,} rows in each of five tables")
        for timezone in ("UTC", "Europe/Berlin"):
            company = Company(large, timezone)
            # The peer knows no zones: it is compared where all count the same.
            if peer_python is not None and timezone == "UTC":
                with answering(peer_python, large) as peer:
                    compare(company, timezone, peer)
            else:
                compare(company, timezone, None)
            compiling(company, tuple(SIX), timezone)
            compiling(company, TWENTY, timezone)
        print(f"Twenty metrics at once, {SMALL:,} rows in each table")
        twenty(small)


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("rows", nargs="?", type=int, default=1_000_000)
    parser.add_argument("--peer-python", type=Path)
    given = parser.parse_args()
    main(given.rows, given.peer_python)
