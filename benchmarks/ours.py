"""The six metrics by month, asked of the current edition of a home as everything asks them.

`benchmarks.questions` runs it: `python -m benchmarks.ours HOME`.
"""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Any

from benchmarks.answering import refuse, serve
from benchmarks.by_hand import END, START
from benchmarks.company import SIX
from kpi.answers import Readable, ask
from kpi.editions import open_edition
from kpi.questions import Question, QuestionRefused

QUESTION = Question(tuple(SIX), "month", start=START, end=END)


def ours(edition: Readable) -> list[tuple[Any, ...]]:
    """A row each month."""
    cells = ask(edition, QUESTION).cells
    width = len(QUESTION.metrics)
    rows = (cells[at : at + width] for at in range(0, len(cells), width))
    return [(row[0].period, *(cell.value for cell in row)) for row in rows]


def main(home: str) -> None:
    """Answers as often as it is asked, or says why it refuses to."""
    edition = open_edition(Path(home))
    try:
        serve(lambda: ours(edition), "duckdb")
    except QuestionRefused as refused:
        refuse(str(refused))


if __name__ == "__main__":
    main(*sys.argv[1:])
