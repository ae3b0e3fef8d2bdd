"""Known answers: numbers that somebody has checked by hand, asked again at every publication."""

from __future__ import annotations

import datetime as dt
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from kpi import yaml_text
from kpi.answers import Readable, ask
from kpi.check import current_edition, read_vocabulary
from kpi.periods import period_of
from kpi.questions import Facts, Question, QuestionRefused
from kpi.vocabulary import KnownAnswer, Metric, Vocabulary
from kpi.yaml_text import Place


@dataclass(frozen=True)
class Failure:
    """A known answer that does not hold: what was expected, and what came or why nothing did.

    `period` is as the file writes it, `came` is unrounded, `places` are the decimals that count.
    """

    metric: str
    period: str
    where: str | None
    expected: float
    came: float | None
    places: int
    reason: str
    file: str
    place: Place

    def __str__(self) -> str:
        filtered = f" where {self.where}" if self.where else ""
        said = f"'{self.metric}' in {self.period}{filtered} must be {self._shown(self.expected)}"
        but = f"but is {self._shown(self.came)}." if self.came is not None else self.reason
        return f"{self.file}:{self.place.line}:{self.place.column}: {said}, {but}"

    def _shown(self, number: float) -> str:
        return f"{round(number, self.places):,.{self.places}f}"


def failures(edition: Readable, vocabulary: Vocabulary) -> list[Failure]:
    """Every `test:` of the vocabulary that the edition's facts do not confirm, in file order."""
    read = _Read(vocabulary, edition.facts, edition.fresh_until, edition.query)
    found = []
    for metric in vocabulary.metrics.values():
        for index, answer in enumerate(metric.tests):
            failure = _failure(read, metric, answer, index)
            if failure is not None:
                found.append(failure)
    return found


def check_known_answers(home: Path) -> tuple[list[Failure], list[str]]:
    """The known answers of a folder's metrics.yaml, asked of its current edition, and a few words.

    Raises Refused where the file has mistakes.
    """
    vocabulary = read_vocabulary(home)
    count = sum(len(metric.tests) for metric in vocabulary.metrics.values())
    if not count:
        return [], []
    edition = current_edition(home)
    many = f"{count} known answer{'s' * (count > 1)}"
    if edition is None:
        return [], [f"Not asked yet: {many}."]
    if edition.vocabulary.calendar != vocabulary.calendar:
        # The edition's weeks and quarters are those of its own calendar.
        return [], [f"Not asked: {many}. The next refresh asks them by the changed calendar."]
    return failures(edition, vocabulary), [f"Asked edition {edition.number} for {many}."]


@dataclass
class _Read:
    """The facts of an edition under the definitions of a file."""

    vocabulary: Vocabulary
    facts: Mapping[str, Facts]
    fresh_until: Mapping[str, dt.datetime]
    query: Callable[[str, Mapping[str, Any]], list[tuple[Any, ...]]]


def _failure(read: _Read, metric: Metric, answer: KnownAnswer, index: int) -> Failure | None:
    places = max(answer.places, metric.decimals or 0)
    came, reason = _asked(read, metric, answer)
    if came is not None and round(came, places) == round(answer.equals, places):
        return None
    document = read.vocabulary.document
    path, entry = _entry(document.value, metric.name, index)
    return Failure(
        metric.name,
        str(entry["period"]),
        answer.where,
        answer.equals,
        came,
        places,
        reason,
        document.name,
        document.place((*path, "equals")),
    )


def _asked(read: _Read, metric: Metric, answer: KnownAnswer) -> tuple[float | None, str]:
    """The number that comes, or why none does."""
    untold = [name for name in metric.tables if name not in read.fresh_until]
    period = period_of(read.vocabulary.calendar, answer.grain, answer.start)
    where = (answer.where,) if answer.where else ()
    question = Question((metric.name,), period.grain, (), where, period.start, period.end)
    try:
        cells: Sequence[Any] = ask(read, question).cells
    except QuestionRefused as refused:
        return None, f"but cannot be asked: {refused}"
    value = cells[0].value if cells else None
    if untold and not value:
        return None, f"but no source has told of {', '.join(untold)} yet."
    return value, "but is unknown."


def _entry(
    root: Mapping[str, Any], metric: str, index: int
) -> tuple[yaml_text.Path, Mapping[str, Any]]:
    """The path and the text of one test; a single one need not be a list."""
    path: yaml_text.Path = ("metrics", metric, "test")
    tests = root["metrics"][metric]["test"]
    return ((*path, index), tests[index]) if isinstance(tests, list) else (path, tests)
