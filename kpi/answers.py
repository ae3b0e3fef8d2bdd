"""Asks an edition and answers with numbers: each with its period, n and completeness."""

from __future__ import annotations

import datetime as dt
import decimal
import math
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any, Protocol

from kpi.compiler import Statement, compile_question
from kpi.elsewhere import as_one, with_answers
from kpi.period_rows import extent
from kpi.periods import DAY, FIRST_DAY, LAST_DAY, Period, period_of
from kpi.plan import Node, tables_below
from kpi.questions import (
    TOTAL,
    Facts,
    NotComputable,
    Question,
    QuestionRefused,
    check_question,
)
from kpi.reach import Span, earlier
from kpi.reports import extent_in_lake
from kpi.vocabulary import Metric, Vocabulary

if TYPE_CHECKING:
    import pandas as pd


class Readable(Protocol):
    """What an answer needs of an edition."""

    @property
    def vocabulary(self) -> Vocabulary:
        """The definitions to answer with."""

    @property
    def facts(self) -> Mapping[str, Facts]:
        """The fact tables that have columns in this edition."""

    @property
    def fresh_until(self) -> Mapping[str, dt.datetime]:
        """The naive UTC instant up to which a fact table's sources have told."""

    def query(self, sql: str, parameters: Mapping[str, Any]) -> list[tuple[Any, ...]]:
        """The rows of a statement; raises NotComputable for one that the rows do not allow."""


@dataclass(frozen=True)
class Cell:
    """One number: unrounded, or None where it is unknown.

    `n` is how many rows it rests on, `complete` whether its period is over, settled and wholly
    within what its sources have told.
    """

    metric: str
    period: dt.date | None
    keys: tuple[Any, ...]
    value: float | int | None
    n: int
    complete: bool
    margin: float | None = None


@dataclass(frozen=True)
class Answer:
    """The cells of a question, by period, then key, then metric as asked.

    Where a metric had to be left out, by metric first.
    """

    question: Question
    cells: tuple[Cell, ...]

    def of(self, metric: str) -> tuple[Cell, ...]:
        """The cells of one metric."""
        return tuple(cell for cell in self.cells if cell.metric == metric)

    def frame(self) -> pd.DataFrame:
        """A row per cell: metric, period, each dimension, value, n, complete."""
        # A pull answers nothing, and pandas would cost it 50 MB and a quarter of a second.
        import pandas as pd

        rows = [(c.metric, c.period, *c.keys, c.value, c.n, c.complete) for c in self.cells]
        columns = ["metric", "period", *self.question.by, "value", "n", "complete"]
        frame = pd.DataFrame(rows, columns=columns)
        return frame.astype({"value": "Float64", "n": "int64", "complete": "bool"})


def ask(edition: Readable, question: Question) -> Answer:
    """Answers a question with one statement; raises QuestionRefused."""
    if question.start is None or question.end is None:
        check_question(edition.vocabulary, question)
    question = ranged(edition, question)
    if question.start is None:
        return Answer(question, ())
    compiled = compile_question(edition.vocabulary, question, edition.facts)
    compiled = with_answers(compiled, edition.facts)
    rows = edition.query(compiled.sql, compiled.parameters)
    metrics = [edition.vocabulary.metrics[name] for name in question.metrics]
    return Answer(question, tuple(_cells(edition, question, metrics, rows)))


def ask_apart(edition: Readable, question: Question) -> tuple[Answer, Mapping[str, NotComputable]]:
    """Answers a question, and where a metric cannot be computed the rest of it.

    The answer has no cells of such a metric; why it has none is told by its name. Raises
    QuestionRefused for what cannot be asked at all.
    """
    try:
        return ask(edition, question), {}
    except NotComputable:
        cells: list[Cell] = []
        refused: dict[str, NotComputable] = {}
        for name in question.metrics:
            try:
                cells += ask(edition, replace(question, metrics=(name,))).cells
            except NotComputable as error:
                refused[name] = error
        return Answer(question, tuple(cells)), refused


def statement(edition: Readable, question: Question) -> Statement:
    """The statement that would answer a question, as one; raises QuestionRefused."""
    check_question(edition.vocabulary, question)
    question = ranged(edition, question)
    if question.start is None:
        raise QuestionRefused(
            "There are no rows yet, and so no range. Name one with --from and --to."
        )
    return as_one(compile_question(edition.vocabulary, question, edition.facts))


def ranged(edition: Readable, question: Question) -> Question:
    """The question with both ends: an open one reaches as far as there are rows.

    Without any row and without a start there is no range, and the question comes back open.
    """
    start, end = question.start, question.end
    if start is None or end is None:
        first, last = _extent(edition, question)
        if first is None or last is None:
            return question
        start = start or min(first, end - DAY if end else first)
        end = end or max(last + DAY, start + DAY)
    if start < FIRST_DAY or end > LAST_DAY:
        what = f"The calendar reaches from {FIRST_DAY} to {LAST_DAY}."
        raise QuestionRefused(f"{what} Ask for a range within it.")
    return replace(question, start=start, end=end)


def complete(edition: Readable, metric: Metric, period: Period) -> bool:
    """Whether a period is over and settled, and lies wholly in what all its sources have told.

    So must the earlier periods at which the metric looks back: what is set against a part of a
    month is not complete.
    """
    for name, back in tables_below(edition.vocabulary, Node(metric.name)):
        taken = _earlier(edition.vocabulary, period, back)
        if taken is None:
            continue
        facts = edition.facts.get(name)
        if facts is None or facts.first_day is None or taken.start < facts.first_day:
            return False
    return told(edition, metric, period)


def _earlier(vocabulary: Vocabulary, period: Period, back: tuple[Span, ...]) -> Period | None:
    taken: Period | None = period
    for span in back:
        taken = earlier(vocabulary.calendar, taken, span) if taken else None
    return taken


def told(edition: Readable, metric: Metric, period: Period) -> bool:
    """Whether all its sources have told of the end of a period, and the rows there have settled."""
    end = edition.vocabulary.calendar.midnight(period.end)
    for name in metric.tables:
        fresh = edition.fresh_until.get(name)
        if fresh is None or end + edition.vocabulary.tables[name].settles_after > fresh:
            return False
    return True


def _cells(
    edition: Readable,
    question: Question,
    metrics: list[Metric],
    rows: list[tuple[Any, ...]],
) -> Iterator[Cell]:
    dated = question.grain != TOTAL
    width = len(question.by)
    # What rests on the same facts is complete together: most of the metrics asked at once.
    bases = [tables_below(edition.vocabulary, Node(metric.name)) for metric in metrics]
    one_of_each = dict(zip(bases, metrics, strict=True))
    whole: dict[dt.date | None, list[bool]] = {}
    for row in rows:
        day = row[0] if dated else None
        if day not in whole:
            period = _period(edition, question, day)
            found = {basis: complete(edition, m, period) for basis, m in one_of_each.items()}
            whole[day] = [found[basis] for basis in bases]
        keys = tuple(row[dated : dated + width])
        numbers = iter(row[dated + width :])
        for metric, is_whole in zip(metrics, whole[day], strict=True):
            value, n = _number(metric, next(numbers)), next(numbers)
            margin = _number(metric, next(numbers)) if metric.margin else None
            yield Cell(metric.name, day, keys, value, n, is_whole, margin)


def _period(edition: Readable, question: Question, day: dt.date | None) -> Period:
    """The period of a row: the one that begins on this day, or the whole range."""
    if day is not None:
        return period_of(edition.vocabulary.calendar, question.grain, day)
    assert question.start is not None and question.end is not None
    return Period(TOTAL, question.start, question.end)


def _number(metric: Metric, value: Any) -> float | int | None:
    if value is None or isinstance(value, bool):
        return None if value is None else int(value)
    if isinstance(value, int):
        return value
    if not isinstance(value, (float, decimal.Decimal)):
        raise QuestionRefused(f"The value of '{metric.name}' is not a number but '{value}'.")
    # Whatever a formula makes of extreme inputs: what is not a number is not known.
    number = float(value)
    return number if math.isfinite(number) else None


def _extent(edition: Readable, question: Question) -> tuple[dt.date | None, dt.date | None]:
    """The first and last local day with a row, over the times that the metrics are counted on."""
    vocabulary = edition.vocabulary
    times = set()
    for metric in _tables_below(vocabulary, question.metrics):
        table = metric.tables[0]
        if table in edition.facts:
            times.add((table, vocabulary.time_column(metric)))
    found: list[dt.date] = []
    for table, time in sorted(times):
        if edition.facts[table].reader is None:
            ends: Sequence[tuple[Any, ...]] = edition.query(extent(table, time), {})
        else:
            ends = extent_in_lake(edition.query, vocabulary.calendar, table, time)
        for value in (value for row in ends for value in row):
            if isinstance(value, dt.datetime):
                found.append(vocabulary.calendar.local_day(value))
            elif value is not None:
                found.append(value)
    return (min(found), max(found)) if found else (None, None)


def _tables_below(vocabulary: Vocabulary, names: tuple[str, ...]) -> list[Metric]:
    found: dict[str, Metric] = {}
    waiting = list(names)
    while waiting:
        metric = vocabulary.metrics[waiting.pop()]
        if metric.inputs:
            waiting += [name for name in metric.inputs if name not in found]
        found[metric.name] = metric
    return [metric for metric in found.values() if not metric.inputs]
