"""What compiling a question costs, and what the database's planning does: on few facts.

Run it with `python -m benchmarks.compiling`.
"""

from __future__ import annotations

import statistics
from collections.abc import Callable
from typing import Any

from benchmarks.by_hand import END, START
from benchmarks.company import SIX, TWENTY, vocabulary_text
from benchmarks.company_home import published
from benchmarks.figures import Spent, middle, spending
from kpi.answers import ask
from kpi.compiler import compile_question
from kpi.editions import Edition, open_edition
from kpi.questions import Question

ROWS = 2_000
ZONES = ("UTC", "Europe/Berlin")
_ASKED = 11
_COMPILED = 200


def cost(work: Callable[..., object], *given: Any) -> Spent:
    """What one run costs."""
    with spending() as spent:
        work(*given)
    return spent


def compiling(edition: Edition, metrics: tuple[str, ...], zone: str) -> None:
    """Prints what compiling a question costs, and asking for it again."""
    question = Question(metrics, "month", start=START, end=END)

    def compiled() -> object:
        return compile_question(edition.vocabulary, question, edition.facts)

    def first() -> Spent:
        edition.vocabulary.compiled.clear()
        return cost(compiled)

    once = 1000 * statistics.median(first().cpu for _ in range(_COMPILED))
    again = 1e6 * cost(lambda: [compiled() for _ in range(_COMPILED)]).cpu / _COMPILED
    print(
        f"{zone:14} compiling {len(metrics)} metrics {once:6.2f} ms CPU, again {again:.1f} µs",
        flush=True,
    )


def twenty(edition: Edition, grain: str, zone: str) -> None:
    """Prints what twenty metrics at once cost on few facts: mostly the database's planning."""
    question = Question(TWENTY, grain, start=START, end=END)
    spent = middle([cost(ask, edition, question) for _ in range(_ASKED)])
    print(
        f"{zone:14} twenty metrics by {grain:5} {1000 * spent.wall:8.1f} ms"
        f" {1000 * spent.cpu:8.1f} ms CPU",
        flush=True,
    )


def main() -> None:
    """Prints all of it, in a zone that changes its clocks too."""
    print(f"{ROWS:,} rows in each of five tables")
    for zone in ZONES:
        with published(ROWS, vocabulary_text(zone, TWENTY)) as home:
            edition = open_edition(home)
            for metrics in (tuple(SIX), TWENTY):
                compiling(edition, metrics, zone)
            for grain in ("month", "week"):
                twenty(edition, grain, zone)


if __name__ == "__main__":
    main()
