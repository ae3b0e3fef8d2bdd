"""Checks a home folder again at every save, and shows the numbers of the entries being edited."""

from __future__ import annotations

import datetime as dt
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, NoReturn

from kpi.answers import ask, complete
from kpi.check import VOCABULARY, check_home, current_edition, read_vocabulary
from kpi.editions import Edition, pointer_file
from kpi.known_answers import check_known_answers
from kpi.period_rows import extent
from kpi.periods import Period, period_of, step
from kpi.questions import Facts, Question, QuestionRefused, can_be_asked
from kpi.sources import FILE as SOURCES
from kpi.vocabulary import Metric, Vocabulary
from kpi.yaml_text import Refused

_SHOWN = ("week", "month")
# Where rows stand for longer periods than those.
_ELSE = ("quarter", "year")
# How far back the last complete period is looked for.
_STEPS = 60


def watch(home: Path, say: Callable[[str], None], wait: Callable[[], None]) -> NoReturn:
    """Says what is wrong with the files, or that they are good, now and after each save.

    An entry edited since the last good look is shown with its value in the last complete week and
    month, by the file's own definition. Goes on until `wait` raises.
    """
    seen = None
    entries: Mapping[str, str] | None = None
    before = _saved(home)
    while True:
        now = _saved(home)
        # An editor may empty a file before it writes it: only what stays is looked at.
        if now != seen and now == before:
            seen = now
            vocabulary = _look(home, say)
            if vocabulary is not None:
                found = {name: metric.entry for name, metric in vocabulary.metrics.items()}
                if entries is not None:
                    edited = [name for name, entry in found.items() if entries.get(name) != entry]
                    _show(home, vocabulary, edited, say)
                entries = found
        before = now
        wait()


def _saved(home: Path) -> tuple[bytes | None, ...]:
    """What the files hold, and which edition they are checked against."""
    paths = (home / VOCABULARY, home / SOURCES, pointer_file(home))
    return tuple(_bytes(path) for path in paths)


def _bytes(path: Path) -> bytes | None:
    try:
        return path.read_bytes()
    except FileNotFoundError:
        return None


def _look(home: Path, say: Callable[[str], None]) -> Vocabulary | None:
    """Says what a check finds, known answers included; the vocabulary where it has no mistake."""
    problems, notes = check_home(home)
    for line in (*notes, *map(str, problems)):
        say(line)
    if not problems:
        said, asked = check_known_answers(home)
        for line in (*asked, *map(str, said)):
            say(line)
        if not said:
            say("good")
    if any(problem.file == VOCABULARY for problem in problems):
        return None
    try:
        return read_vocabulary(home)
    except Refused:
        # Saved again in the meantime: the next look tells.
        return None


def _show(home: Path, vocabulary: Vocabulary, names: list[str], say: Callable[[str], None]) -> None:
    edition = current_edition(home)
    if edition is None or not names:
        return
    if vocabulary.calendar != edition.vocabulary.calendar:
        say("No values: the calendar has changed. Run `kpi refresh --no-pull` first.")
        return
    draft = _Draft(vocabulary, edition)
    for name in names:
        try:
            for line in _values(draft, vocabulary.metrics[name]):
                say(line)
        except QuestionRefused as refused:
            say(f"{name}: {refused}")


@dataclass
class _Draft:
    """An edition's facts, to be asked with definitions that are not published yet."""

    vocabulary: Vocabulary
    edition: Edition

    @property
    def facts(self) -> Mapping[str, Facts]:
        """The edition's own, but for tables that are counted on another time now."""
        return {name: self._facts(name, facts) for name, facts in self.edition.facts.items()}

    @property
    def fresh_until(self) -> Mapping[str, dt.datetime]:
        """As in the edition."""
        return self.edition.fresh_until

    def query(self, sql: str, parameters: Mapping[str, Any]) -> list[tuple[Any, ...]]:
        """As the edition answers."""
        return self.edition.query(sql, parameters)

    def _facts(self, name: str, facts: Facts) -> Facts:
        own, published = (v.tables.get(name) for v in (self.vocabulary, self.edition.vocabulary))
        if own is None or (published is not None and own.time == published.time):
            return facts
        ((first, _),) = self.query(extent(name, own.time), {})
        if isinstance(first, dt.datetime):
            first = self.vocabulary.calendar.local_day(first)
        return replace(facts, first_day=first)


def _values(draft: _Draft, metric: Metric) -> Iterator[str]:
    grains = [g for g in _SHOWN if can_be_asked(draft.vocabulary, metric, g)]
    grains = grains or [g for g in _ELSE if can_be_asked(draft.vocabulary, metric, g)][:1]
    for grain in grains:
        period = _last_complete(draft, metric, grain)
        if period is None:
            yield f"{metric.name}: there is no complete {grain} yet."
            continue
        question = Question((metric.name,), grain, start=period.start, end=period.end)
        (cell,) = ask(draft, question).cells
        formats = draft.vocabulary.formats
        value, counted = formats.with_unit(metric, cell.value), formats.count(cell.n)
        named = f"{formats.period(period)} ({formats.days(period)})"
        yield f"{metric.name}: {value} in {named}, n {counted}"


def _last_complete(draft: _Draft, metric: Metric, grain: str) -> Period | None:
    told = [draft.fresh_until[name] for name in metric.tables if name in draft.fresh_until]
    if not told:
        return None
    calendar = draft.vocabulary.calendar
    period = period_of(calendar, grain, calendar.local_day(min(told)))
    for _ in range(_STEPS):
        if complete(draft, metric, period):
            return period
        period = step(calendar, period, -1)
    return None
