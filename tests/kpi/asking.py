"""Short ways to fill one table of events and to ask about it."""

from __future__ import annotations

import datetime as dt
from typing import Any

from kpi.answers import Answer, Cell, ask
from kpi.questions import Question
from tests.kpi.memory import Memory, Rows, vocabulary_text

EVENTS = (
    "at_utc TIMESTAMP, region VARCHAR, team VARCHAR, x INTEGER, money DECIMAL(12,2), ok BOOLEAN"
)
TABLES = {"events": {"time": "at_utc", "by": ["region", "team"]}}
WORDS = ("region", "team")


def day(text: str) -> dt.date:
    return dt.date.fromisoformat(text)


def moment(text: str) -> dt.datetime:
    return dt.datetime.fromisoformat(text)


def edition(
    metrics: dict[str, Any] | str,
    *rows: tuple[Any, ...],
    fresh: str = "2026-12-31",
    calendar: dict[str, str] | None = None,
    **table: Any,
) -> Memory:
    """An edition of one table of events; a row may leave its last columns out."""
    if isinstance(metrics, str):
        metrics = {"m": f"{metrics} from events"}
    tables = {"events": {**TABLES["events"], **table}}
    text = vocabulary_text(metrics, tables=tables, dimensions=WORDS, calendar=calendar)
    filled = [(*row, *(None,) * (6 - len(row))) for row in rows]
    return Memory(text, {"events": Rows(EVENTS, filled)}, fresh_until=moment(fresh))


def answer(
    memory: Memory,
    grain: str = "month",
    start: str | None = None,
    end: str | None = None,
    *,
    metrics: tuple[str, ...] = ("m",),
    by: tuple[str, ...] = (),
    where: tuple[str, ...] = (),
) -> Answer:
    first, last = (day(text) if text else None for text in (start, end))
    return ask(memory, Question(metrics, grain, by, where, first, last))


def values(found: Answer) -> list[Any]:
    return [cell.value for cell in found.cells]


def by_period(found: Answer) -> dict[str, Any]:
    return {str(cell.period): cell.value for cell in found.cells}


def only(found: Answer) -> Cell:
    (cell,) = found.cells
    return cell
