"""What survey systems have in common: questions with a scale, answers, and the rows they become."""

from __future__ import annotations

import contextlib
import datetime as dt
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any, Protocol

import pyarrow as pa

from connectors import http, tables
from connectors.columns import nearest
from connectors.contract import Column, Named, Shape, SourceError

TABLE = "surveys"
Record = Mapping[str, Any]
Scale = tuple[int, int]
State = Mapping[str, Any]


@dataclass(frozen=True)
class Choice:
    """Which questions count: each by its id, its ref or its exact title; None is the usual one."""

    score: str | None
    comment: str | None  # None: no comments at all
    scale: Scale  # the lowest and the highest score


@dataclass(frozen=True)
class Question:
    """One question of a survey.

    `scale` is what its answers run over, None where it has no scale of whole numbers. `is_usual`
    says that a survey asks for its score so, `is_nps` that it can be nothing else. `steps` names
    the steps of a scale in words.
    """

    id: str
    title: str
    ref: str | None = None
    scale: Scale | None = None
    is_usual: bool = False
    is_nps: bool = False
    steps: str = ""

    def is_called(self, name: str) -> bool:
        """Whether this is its id, its ref or its title."""
        return name.strip() in (self.id, self.ref, self.title.strip())


@dataclass(frozen=True, slots=True)
class Answer:
    """What we take of one answer; `record` is where its region and its segment are."""

    id: str | None
    answered_at: str | None
    score: Any
    comment: str | None
    record: Record

    @property
    def moment(self) -> dt.datetime | None:
        """When it was given, naive UTC; None where that cannot be read."""
        return moment(self.answered_at)


@dataclass(frozen=True)
class Step:
    """Some answers; `done` is the survey's state once they and all before them have landed.

    None where more belongs to them.
    """

    answers: Iterable[Answer]
    done: State | None


class Survey(Protocol):
    """One survey of one system."""

    address: str  # where its answers are, for the report of a rejected row
    title: str
    question: Question
    # What, beside the options, decides what its answers mean.
    meaning: Any

    def steps(
        self, known: State, start: dt.datetime, now: dt.datetime, lookback: dt.timedelta
    ) -> Iterator[Step]:
        """The answers that are new or changed since `known`, or all since `start`."""

    def listed(self, start: dt.datetime, now: dt.datetime) -> Iterator[Answer]:
        """All answers of this stretch of time that the system still has; some may come twice."""

    def sample(self) -> Answer | None:
        """One of the last answers; None where there is none."""


def score_question(questions: list[Question], choice: Choice, where: str) -> Question:
    """The question that holds the score; raises SourceError where there is none, or no one."""
    if choice.score is not None:
        question = named(questions, choice.score, "score", where)
        if question.scale not in (None, choice.scale):
            raise _unfit(question, choice.scale, where)
        return question
    usual = [each for each in questions if each.is_usual]
    fit = [each for each in usual if each.scale == choice.scale]
    for found in ([each for each in fit if each.is_nps], fit):
        if len(found) == 1:
            return found[0]
    if len(usual) == 1:
        raise _unfit(usual[0], choice.scale, where)
    low, high = choice.scale
    if not usual:
        raise SourceError(
            f"{where} asks no question that is answered from {low} to {high}.",
            f"Name the question with `score`. It asks: {_listing(questions)}.",
        )
    raise SourceError(
        f"{where} asks {len(fit) or 'no'} questions that are answered from {low} to {high}.",
        f"Name one with `score`. It asks: {_listing(usual)}.",
    )


def named(questions: list[Question], name: str, key: str, where: str) -> Question:
    """The question with this id, ref or title, which `key` names; raises SourceError."""
    found = [each for each in questions if each.is_called(name)]
    if len(found) == 1:
        return found[0]
    if found:
        raise SourceError(
            f"{where} asks '{name}' {len(found)} times.",
            f"Name one in `{key}` by its id: {', '.join(each.id for each in found)}.",
        )
    near = nearest(name, (word for q in questions for word in (q.title, q.ref, q.id) if word))
    raise SourceError(
        f"`{key}` names '{name}', and {where} asks no such question.",
        near.strip() or f"It asks: {_listing(questions)}.",
    )


def unknown_survey(name: str, key: str, known: Mapping[str, str], where: str) -> SourceError:
    """For an id that a system does not know; `known` are the titles of its surveys by their ids."""
    near = nearest(name, known).strip()
    shown = ", ".join(f"{each} ({title})" for each, title in list(known.items())[:20])
    return SourceError(
        f"`{key}` names {name}, and {where} shows this token no such survey.",
        near or (f"It shows: {shown}." if shown else "It shows none at all."),
    )


def at(record: Any, path: str) -> Any:
    """What a record has at a path such as `hidden.country`; a name may itself hold dots."""
    if not isinstance(record, Mapping):
        return None
    if path in record:
        return record[path]
    for place in (index for index, letter in enumerate(path) if letter == "."):
        found = at(record.get(path[:place]), path[place + 1 :])
        if found is not None:
            return found
    return None


def text(value: Any) -> str | None:
    """A value as a text; None for nothing, and for an empty one."""
    if isinstance(value, bool):
        return str(value).lower()
    return None if value is None or value == "" else str(value)


def moment(text: str | None) -> dt.datetime | None:
    """A time as naive UTC, whatever its offset; None for none, and for one that is none."""
    try:
        found = dt.datetime.fromisoformat(text) if text else None
        if found is None or found.tzinfo is None:
            return found
        return found.astimezone(dt.UTC).replace(tzinfo=None)
    except (ValueError, OverflowError):
        return None


@contextlib.contextmanager
def permitted(advice: Mapping[int, str]) -> Iterator[None]:
    """Says of a refusal what to do about it, where `advice` knows that by its status."""
    try:
        yield
    except http.Rejected as error:
        if error.status not in advice:
            raise
        raise http.Rejected(error.status, error.said, error.what, advice[error.status]) from None


class Rows:
    """Rows that wait to land, and what was strange about them."""

    def __init__(self, choice: Choice, names: Mapping[str, Named]) -> None:
        """`names` says of region and of segment where they are, if they are asked for."""
        self._choice = choice
        self._names = names
        self._columns = ["response_id", "answered_at", "score", *names]
        if choice.comment is not None:
            self._columns.append("comment")
        self._rows: dict[Any, tuple[str | None, ...]] = {}
        self.read = 0
        self.outside = 0  # scores beyond the scale
        self.met: set[str] = set()  # those of `names` that some record had

    @property
    def count(self) -> int:
        """How many wait."""
        return len(self._rows)

    @property
    def shape(self) -> Shape:
        """How they land."""
        columns = tuple(
            Column(name, values=self._names[name].map) if name in self._names else Column(name)
            for name in self._columns
        )
        return Shape(columns, key=tables.TABLES[TABLE].key)

    def add(self, answer: Answer) -> None:
        """One answer: of two with one id the later counts.

        What cannot be read lands as it is, so that the row is rejected for it.
        """
        when = answer.moment
        row = {
            "response_id": answer.id,
            "answered_at": when.isoformat() if when else answer.answered_at,
            "score": self._score(answer.score),
            "comment": answer.comment,
        }
        for name, named_in in self._names.items():
            row[name] = text(at(answer.record, named_in.source))
            if row[name] is not None:
                self.met.add(name)
        self.read += 1
        # Without an id there is no telling which are the same: each is rejected on its own.
        key = answer.id or (self.read,)
        self._rows.pop(key, None)
        self._rows[key] = tuple(row[name] for name in self._columns)

    def take(self) -> pa.Table:
        """The rows; from here on there are none."""
        columns = list(zip(*self._rows.values(), strict=True)) or [()] * len(self._columns)
        self._rows = {}
        return pa.table(
            {
                name: pa.array(values, type=pa.string())
                for name, values in zip(self._columns, columns, strict=True)
            }
        )

    def _score(self, value: Any) -> str | None:
        written = text(value)
        try:
            number = float(written) if written is not None else None
        except ValueError:
            return written
        if number is None:
            return None
        if not number.is_integer():
            # Rounded it would be another score.
            return f"{written} is no step of the scale"
        low, high = self._choice.scale
        if not low <= number <= high:
            self.outside += 1
            return None
        return str(int(number))


def _unfit(question: Question, scale: Scale, where: str) -> SourceError:
    low, high = scale
    return SourceError(
        f"'{question.title}' in {where} is answered with {question.steps}, not from {low} to "
        f"{high}.",
        "Name another question with `score`; a score on another scale is no NPS.",
    )


def _listing(questions: Iterable[Question]) -> str:
    shown = [f"'{each.title}' ({each.id})" for each in questions]
    return ", ".join(shown[:20]) or "nothing"
