"""What can be asked, of which facts, and why a question is refused."""

from __future__ import annotations

import datetime as dt
from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from kpi.allowlist import ExpressionRefused
from kpi.expression import Condition, parse_condition
from kpi.periods import COARSER, DAY, FIRST_DAY, GRAINS, Calendar, Period, covering, period_of
from kpi.reach import earlier
from kpi.rollups import Rollup
from kpi.vocabulary import Metric, Vocabulary
from kpi.yaml_text import nearest

if TYPE_CHECKING:
    from kpi.reader import Reader

TOTAL = "total"


class QuestionRefused(Exception):
    """A question that the vocabulary cannot answer, and why."""


class NotComputable(QuestionRefused):
    """A question that the rows as they are do not allow, such as a text where a number is taken."""


@dataclass(frozen=True)
class Question:
    """Which metrics, by which grain and dimensions, of which rows, over [start, end) local days.

    A range widens to whole periods of the grain, except for a total. With `own_rows` a `window` or
    a `to_date` is left aside: each period then takes only the rows that are its own.
    """

    metrics: tuple[str, ...]
    grain: str = "month"
    by: tuple[str, ...] = ()
    where: tuple[str, ...] = ()
    start: dt.date | None = None
    end: dt.date | None = None
    own_rows: bool = False


@dataclass(frozen=True)
class Facts:
    """What the compiler must know of one fact table of an edition.

    `columns` are names and DuckDB types; `first_day` is the first local day of its default time,
    `fresh_day` the last local day of which the sources can have told: between them nothing is
    known to be nothing. `rollups` are what is kept ready of it. Where its rows lie in a lake,
    `reader` fetches what a statement over them gives; where nobody is asked for it, what is kept
    `stands_alone`: of periods after all that was told nothing is known, then.
    """

    columns: Mapping[str, str]
    first_day: dt.date | None
    fresh_day: dt.date | None
    rollups: tuple[Rollup, ...] = ()
    reader: Reader | None = None
    stands_alone: bool = False


def alone(facts: Mapping[str, Facts]) -> dict[str, Facts]:
    """The same facts with nothing kept ready of them, so that rows are read."""
    return {name: replace(each, rollups=()) for name, each in facts.items()}


def check_question(vocabulary: Vocabulary, question: Question) -> tuple[Condition, ...]:
    """The question's parsed conditions; raises QuestionRefused with everything wrong with it."""
    wrong: list[str] = []
    if not question.metrics:
        wrong.append("No metric is asked for.")
    if question.grain not in (*GRAINS, TOTAL):
        known = (*GRAINS, TOTAL)
        fix = nearest(question.grain, known) or f"Known: {', '.join(known)}."
        wrong.append(f"There is no grain '{question.grain}'. {fix}")
    if question.start and question.end and question.start >= question.end:
        what = f"The range ends ({question.end}) before it has begun ({question.start})"
        wrong.append(f"{what}: the end is the day after the last, at least {question.start + DAY}.")
    metrics = []
    for name in question.metrics:
        if name in vocabulary.metrics:
            metrics.append(vocabulary.metrics[name])
        else:
            wrong.append(f"There is no metric '{name}'. {_metric_meant(vocabulary, name)}")
    for metric in metrics:
        wrong += _grain_refusals(vocabulary, metric, question.grain)
    for word in question.by:
        wrong += _refusals(vocabulary, metrics, word, "broken down by")
    conditions: list[Condition] = []
    for text in question.where:
        try:
            condition = parse_condition(text, prefix=f"w{len(conditions)}_")
        except ExpressionRefused as refused:
            wrong.append(f"The filter {text!r} is refused: {refused}")
            continue
        conditions.append(condition)
        for column in dict.fromkeys(name.name for name in condition.columns):
            wrong += _refusals(vocabulary, metrics, column, "filtered by")
    if wrong:
        raise QuestionRefused("\n".join(wrong))
    return tuple(conditions)


def can_be_asked(vocabulary: Vocabulary, metric: Metric, grain: str) -> bool:
    """Whether a metric has numbers at this grain: no row stands for longer, nothing is looked back
    at that is no whole number of its periods."""
    return not _grain_refusals(vocabulary, metric, grain)


def _grain_refusals(vocabulary: Vocabulary, metric: Metric, grain: str) -> list[str]:
    """Why a metric cannot be had at this grain: its rows are coarser, or it looks back unevenly."""
    if grain not in GRAINS:
        return []
    wrong = []
    for name in metric.tables:
        own = vocabulary.tables[name].grain
        if own is not None and grain not in COARSER[own]:
            allowed = ", ".join((*COARSER[own], TOTAL))
            wrong.append(
                f"'{metric.name}' has no {grain}: a row of {name} is a {own}. Ask by {allowed}."
            )
    sample = period_of(vocabulary.calendar, grain, FIRST_DAY)
    for span in vocabulary.spans_below(metric):
        if earlier(vocabulary.calendar, sample, span) is None:
            wrong.append(
                f"'{metric.name}' looks back {span}, which is no whole number of {grain}s. "
                "Ask for another grain."
            )
    return wrong


def _refusals(vocabulary: Vocabulary, metrics: list[Metric], word: str, how: str) -> list[str]:
    if word not in vocabulary.dimensions:
        if "," in word:
            each = " ".join(f"--by {part.strip()}" for part in word.split(","))
            return [f"There is no dimension '{word}'. Write each alone: {each}."]
        fix = nearest(word, vocabulary.dimensions) or (
            f"Dimensions: {', '.join(vocabulary.dimensions) or 'none are declared'}."
        )
        return [f"There is no dimension '{word}'. {fix}"]
    return [
        f"'{metric.name}' cannot be {how} '{word}': {_lacking(vocabulary, metric, word)}. "
        f"It can be by {', '.join(metric.dimensions) or 'nothing'}."
        for metric in metrics
        if word not in metric.dimensions
    ]


def _lacking(vocabulary: Vocabulary, metric: Metric, word: str) -> str:
    """Which of the facts below a metric have no such dimension."""
    lacking = [name for name in metric.tables if word not in vocabulary.tables[name].dimensions]
    return f"{' and '.join(lacking)} {'has' if len(lacking) == 1 else 'have'} no {word}"


def _metric_meant(vocabulary: Vocabulary, word: str) -> str:
    """The metric that somebody meant, by its name or another that it is called by."""
    called = {
        other: metric.name
        for metric in reversed(tuple(vocabulary.metrics.values()))
        for other in (*metric.also_called, metric.label, metric.name)
    }
    folded = {other.casefold(): name for other, name in called.items()}
    if word.casefold() in folded:
        return f"Did you mean '{folded[word.casefold()]}'?"
    return nearest(word, vocabulary.metrics) or "`python -m kpi metrics` lists what there is."


def asked_periods(calendar: Calendar, question: Question) -> list[Period]:
    """The periods of a question with a start and an end: whole ones, or the range as one."""
    assert question.start is not None and question.end is not None
    if question.grain == TOTAL:
        return [Period(TOTAL, question.start, question.end)]
    periods = covering(calendar, question.grain, question.start, question.end)
    if question.grain != "day":
        return list(periods)
    # Where a zone changed sides of the date line a day was left out: nothing is in it.
    return [p for p in periods if calendar.midnight(p.start) < calendar.midnight(p.end)]
