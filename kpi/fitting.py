"""Whether the vocabulary fits the fact tables: columns, types, keys, known answers."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any

from kpi import yaml_text
from kpi.allowlist import ExpressionRefused, Name
from kpi.compiler import (
    TOTAL,
    Facts,
    Question,
    QuestionRefused,
    check_question,
    compile_question,
    quoted,
)
from kpi.expression import FactValue, parse_condition
from kpi.periods import FIRST_DAY, LAST_DAY
from kpi.reach import AsOf, Latest
from kpi.vocabulary import Lookup, Metric, Table, Vocabulary
from kpi.yaml_text import Place, Problem, nearest

Columns = Mapping[str, Mapping[str, str]]
Query = Callable[[str, Mapping[str, Any]], Sequence[tuple[Any, ...]]]
_TIMES = ("DATE", "TIMESTAMP")
# How many values are described in one statement.
_AT_ONCE = 20
_NUMBER = re.compile(r"U?(TINY|SMALL|BIG|HUGE)?INT(EGER)?|DECIMAL.*|FLOAT|DOUBLE|BOOLEAN")


def against_facts(vocabulary: Vocabulary, columns: Columns, query: Query) -> list[Problem]:
    """Everything in the vocabulary that these fact tables cannot give.

    `columns` holds the DuckDB type of every column by table; a table that is not there yet is
    passed over. `query` gives the rows of a statement and raises QuestionRefused where the types
    in it do not fit.
    """
    return _Fitting(vocabulary, columns, query).problems()


def known_answer_problems(vocabulary: Vocabulary) -> list[Problem]:
    """Every `test` entry that asks what its metric cannot answer."""
    return [
        problem
        for metric in vocabulary.metrics.values()
        for index in range(len(metric.tests))
        for problem in _test_problems(vocabulary, metric, index)
    ]


def _test_problems(vocabulary: Vocabulary, metric: Metric, index: int) -> list[Problem]:
    document = vocabulary.document
    path: yaml_text.Path = ("metrics", metric.name, "test")
    # One known answer may stand there without a list around it.
    if isinstance(document.value["metrics"][metric.name]["test"], list):
        path = (*path, index)
    known = metric.tests[index]
    problems = []
    if known.where is not None:
        where = (*path, "where")
        try:
            used = parse_condition(known.where).columns
        except ExpressionRefused as refused:
            for mistake in refused.mistakes:
                place = document.place_in(where, mistake.offset)
                problems.append(Problem(document.name, place, mistake.what + ".", mistake.fix))
        else:
            for name in _unknown(used, metric.dimensions):
                what = f"'{metric.name}' cannot be filtered by '{name.name}'."
                own = ", ".join(metric.dimensions) or "none"
                fix = nearest(name.name, metric.dimensions) or f"Its dimensions: {own}."
                place = document.place_in(where, name.offset)
                problems.append(Problem(document.name, place, what, fix))
    try:
        check_question(vocabulary, Question((metric.name,), known.grain))
    except QuestionRefused as refused:
        place = document.place((*path, "period"))
        problems.append(Problem(document.name, place, str(refused)))
    return problems


@dataclass
class _Fitting:
    """One pass over a vocabulary and its facts that notes problems and goes on."""

    vocabulary: Vocabulary
    columns: Columns
    query: Query
    found: list[Problem] = field(default_factory=list)
    broken: set[str] = field(default_factory=set)

    @cached_property
    def facts(self) -> Mapping[str, Facts]:
        """Tables whose types are known, and nothing else of them."""
        return {name: Facts(columns, None, None) for name, columns in self.columns.items()}

    def problems(self) -> list[Problem]:
        """Everything that does not fit."""
        for table in self.vocabulary.tables.values():
            if table.name in self.columns:
                self._table(table)
        below = {name: _below(self.vocabulary, name) for name in self.vocabulary.metrics}
        # What a formula stands on comes before it: a mistake is told where it is, and only there.
        for level in _levels(self.vocabulary):
            sound = []
            for metric in level:
                there = all(table in self.columns for table in metric.tables)
                if there and not self.broken & below[metric.name] and self._metric(metric):
                    sound.append(metric)
            self._types(sound)
        return [*self.found, *known_answer_problems(self.vocabulary)]

    def _note(self, place: Place, what: str, fix: str) -> None:
        self.found.append(Problem(self.vocabulary.document.name, place, what, fix))

    # --- tables ---

    def _table(self, table: Table) -> None:
        path: yaml_text.Path = ("tables", table.name)
        if table.time:
            self._time(table.name, table.time, (*path, "time"))
        for index, word in enumerate(table.by):
            # A word that is declared nowhere is told as such.
            if word in self.vocabulary.dimensions:
                self._column(table.name, word, self.vocabulary.document.place((*path, "by", index)))
        for lookup in table.lookup:
            if lookup.table in self.columns:
                self._lookup(table, lookup, (*path, "lookup", lookup.table))

    def _lookup(self, table: Table, lookup: Lookup, path: yaml_text.Path) -> None:
        own, others = self.columns[table.name], self.columns[lookup.table]
        for index, word in enumerate(lookup.by):
            if word not in self.vocabulary.dimensions:
                continue
            place = self.vocabulary.document.place((*path, "by", index))
            self._column(lookup.table, word, place)
            if word in own:
                what = f"'{table.name}' has a column '{word}' of its own."
                self._note(place, what, "Name it under 'by' of the table instead.")
        on = self.vocabulary.document.place((*path, "on"))
        here = self._column(table.name, lookup.on, on)
        there = self._column(lookup.table, lookup.on, on)
        if not (here and there):
            return
        kinds = (own[lookup.on], others[lookup.on])
        if kinds[0] != kinds[1] and "VARCHAR" in kinds:
            what = f"'{lookup.on}' is {kinds[0]} in {table.name} and {kinds[1]} in {lookup.table}."
            self._note(on, what, "Give both the same 'type' in sources.yaml.")
            return
        self._unique(lookup, on)

    def _unique(self, lookup: Lookup, place: Place) -> None:
        key = quoted(lookup.on)
        twice = self.query(
            f"SELECT {key}, count(*) FROM main.{quoted(lookup.table)} WHERE {key} IS NOT NULL"
            f" GROUP BY {key} HAVING count(*) > 1 ORDER BY count(*) DESC, {key} LIMIT 1",
            {},
        )
        for value, count in twice:
            what = f"'{lookup.on}' is not unique in {lookup.table}: {count} rows have '{value}'."
            fix = f"Look up by a column that is, or make it the key of {lookup.table}'s source."
            self._note(place, what, fix)

    # --- metrics ---

    def _metric(self, metric: Metric) -> bool:
        """Whether a metric has all the columns that it names; what is missing is noted."""
        if not isinstance(metric.value, FactValue):
            return True
        before = len(self.found)
        document = self.vocabulary.document
        path: yaml_text.Path = ("metrics", metric.name)
        table = metric.tables[0]
        for column in _unknown(metric.value.columns, self.columns[table]):
            place = document.place_in((*path, "value"), column.offset)
            self._column(table, column.name, place)
        match metric.reach:
            case AsOf(start, end):
                self._time(table, start, (*path, "as_of", "from"))
                if end is not None:
                    self._time(table, end, (*path, "as_of", "to"))
            case Latest(per, _):
                # Written short, the column stands behind `latest` itself: the nearest place.
                self._column(table, per, document.place((*path, "latest", "per")))
        if metric.time is not None:
            self._time(table, metric.time, (*path, "time"))
        time = self.vocabulary.time_column(metric)
        if len(self.found) > before or self.columns[table].get(time) not in _TIMES:
            self.broken.add(metric.name)
        return metric.name not in self.broken

    def _types(self, metrics: Sequence[Metric]) -> None:
        """What only the database can tell: whether the types of a value go together.

        Asked of many at once, which costs a third of asking one by one; where the answer is no,
        each of them is asked.
        """
        for start in range(0, len(metrics), _AT_ONCE):
            some = metrics[start : start + _AT_ONCE]
            if self._refused(some) is None:
                continue
            for metric in some:
                if refused := self._refused([metric]):
                    what = f"does not fit the types of its columns: {refused}"
                    self._misfit(metric, what, "Change the value or the type in sources.yaml.")

    def _refused(self, metrics: Sequence[Metric]) -> QuestionRefused | None:
        """Why these cannot be computed together; a value that is no number is noted."""
        question = Question(tuple(m.name for m in metrics), TOTAL, start=FIRST_DAY, end=LAST_DAY)
        statement = compile_question(self.vocabulary, question, self.facts)
        try:
            described = self.query(f"DESCRIBE {statement.sql}", statement.parameters)
        except QuestionRefused as refused:
            return refused
        kinds = {row[0]: row[1] for row in described}
        for metric in metrics:
            if not _NUMBER.fullmatch(kinds[metric.name]):
                self._misfit(
                    metric,
                    f"is no number but {kinds[metric.name]}.",
                    "Take a number from it, for example count(distinct x) or hours_between(a, b).",
                )
        return None

    def _misfit(self, metric: Metric, what: str, fix: str) -> None:
        place = self.vocabulary.document.place(("metrics", metric.name, "value"))
        self._note(place, f"the value of '{metric.name}' {what}", fix)
        self.broken.add(metric.name)

    # --- columns ---

    def _column(self, table: str, name: str, place: Place) -> bool:
        """Whether a table has a column; where it has not, that is noted."""
        columns = self.columns[table]
        if name in columns:
            return True
        self._note(place, f"'{table}' has no column '{name}'.", _fix(name, columns))
        return False

    def _time(self, table: str, name: str, path: yaml_text.Path) -> None:
        place = self.vocabulary.document.place(path)
        kind = self.columns[table].get(name)
        if self._column(table, name, place) and kind not in _TIMES:
            what = f"'{name}' of '{table}' is no time but {kind}."
            self._note(place, what, "Give it 'type: timestamp' in sources.yaml.")


def _levels(vocabulary: Vocabulary) -> list[list[Metric]]:
    """Every metric, those from facts first, each formula after what it rests on."""
    depth: dict[str, int] = {}

    def measure(name: str) -> int:
        if name not in depth:
            inputs = vocabulary.metrics[name].inputs
            depth[name] = 1 + max(map(measure, inputs)) if inputs else 0
        return depth[name]

    levels: list[list[Metric]] = []
    for name, metric in vocabulary.metrics.items():
        while len(levels) <= measure(name):
            levels.append([])
        levels[measure(name)].append(metric)
    return levels


def _below(vocabulary: Vocabulary, name: str) -> set[str]:
    """Every metric that this one's formula rests on, at any depth."""
    inputs = vocabulary.metrics[name].inputs
    return {*inputs}.union(*(_below(vocabulary, each) for each in inputs))


def _unknown(names: Iterable[Name], known: Iterable[str]) -> list[Name]:
    return [name for name in names if name.name not in known]


def _fix(word: str, columns: Mapping[str, str]) -> str:
    own = [name for name in columns if not name.startswith("_")]
    return nearest(word, own) or f"It has: {', '.join(own)}."
