"""Whether the vocabulary fits the fact tables: columns, types, keys, known answers."""

from __future__ import annotations

import datetime as dt
import re
from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import cached_property
from typing import Any

from kpi import yaml_text
from kpi.allowlist import Comparison, ExpressionRefused, Name
from kpi.compiler import Statement, compile_question
from kpi.elsewhere import Unasked
from kpi.expression import FactValue, parse_condition, quoted
from kpi.periods import FIRST_DAY, LAST_DAY
from kpi.questions import TOTAL, Facts, Question, QuestionRefused, check_question
from kpi.reach import AsOf, Latest
from kpi.reports import read_in_lakes
from kpi.spark_sql import spark_sql
from kpi.vocabulary import Lookup, Marked, Metric, Table, Vocabulary
from kpi.yaml_text import Place, Problem, nearest

Columns = Mapping[str, Mapping[str, str]]
Query = Callable[[str, Mapping[str, Any]], Sequence[tuple[Any, ...]]]
_TIMES = ("DATE", "TIMESTAMP")
# How many values are described in one statement.
_AT_ONCE = 20
_TRUTHS = ("true", "false", "t", "f", "yes", "no", "y", "n", "1", "0")
_TAKEN = re.compile(r"name and argument types '(\w+)\((.*?)\)'")
_ERROR = re.compile(r"\b\w+ Error: ")
_COMPARED = re.compile(r"(=|<>|\blike|\bin\s*\([^)]*)\s*$", re.IGNORECASE)
_NUMBER = re.compile(r"U?(TINY|SMALL|BIG|HUGE)?INT(EGER)?|DECIMAL.*|FLOAT|DOUBLE|BOOLEAN")


def against_facts(
    vocabulary: Vocabulary, columns: Columns, query: Query, proven: Collection[str] = ()
) -> list[Problem]:
    """Everything in the vocabulary that these fact tables cannot give.

    `columns` holds the DuckDB type of every column by table; a table that is not there yet is
    passed over. `query` gives the rows of a statement and raises QuestionRefused for one that
    cannot run. Every row is taken once by each metric, but for the `proven` ones.
    """
    return _Fitting(vocabulary, columns, query, proven).problems()


def alone(vocabulary: Vocabulary) -> list[Problem]:
    """What does not fit together in the vocabulary itself, whatever the facts are."""
    return [*_known_answer_problems(vocabulary), *_target_problems(vocabulary)]


def _known_answer_problems(vocabulary: Vocabulary) -> list[Problem]:
    """Every `test` entry that asks what its metric cannot answer."""
    return [
        problem
        for metric in vocabulary.metrics.values()
        for index in range(len(metric.tests))
        for problem in _test_problems(vocabulary, metric, index)
    ]


def _target_problems(vocabulary: Vocabulary) -> list[Problem]:
    """Every target that names a period for a level or a rate, or none for a flow."""
    problems = []
    for metric in vocabulary.metrics.values():
        named = {step.per for step in metric.target.steps} if metric.target else set()
        if vocabulary.is_flow(metric) and None in named:
            what = f"'{metric.name}' adds up over time, so its target must name a period."
            fix = "For example: 60 per week."
        elif not vocabulary.is_flow(metric) and named - {None}:
            what = f"'{metric.name}' does not add up over time, so its target has no period."
            fix = "Write the number alone."
        else:
            continue
        place = vocabulary.document.place(("metrics", metric.name, "target"))
        problems.append(Problem(vocabulary.document.name, place, what, fix))
    return problems


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
    proven: Collection[str] = ()
    found: list[Problem] = field(default_factory=list)
    broken: set[str] = field(default_factory=set)

    @cached_property
    def facts(self) -> Mapping[str, Facts]:
        """Tables whose types are known, and nothing else of them."""
        return {name: Facts(columns, None, None) for name, columns in self.columns.items()}

    @cached_property
    def in_lakes(self) -> set[str]:
        """The fact tables whose rows lie in lakes."""
        return read_in_lakes(lambda sql: list(self.query(sql, {})))

    @cached_property
    def elsewhere(self) -> Mapping[str, Facts]:
        """The same tables, so that what lies in lakes is asked apart."""
        return {
            name: replace(facts, reader=Unasked()) if name in self.in_lakes else facts
            for name, facts in self.facts.items()
        }

    @cached_property
    def in_passing(self) -> Vocabulary:
        """The same metrics, computed without holding rows: however many there are."""
        return replace(
            self.vocabulary,
            metrics={m.name: _in_passing(m) for m in self.vocabulary.metrics.values()},
        )

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
            unproven = [m for m in sound if m.name not in {*self.proven, *self.broken}]
            in_lakes = [metric for metric in unproven if self.in_lakes & {*metric.tables}]
            self._translated(in_lakes)
            self._computed([metric for metric in unproven if metric not in in_lakes])
        return [*self.found, *alone(self.vocabulary)]

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
        if table.marks is not None:
            self._marks(table.name, table.marks, (*path, "marks"))

    def _marks(self, table: str, marks: Marked, path: yaml_text.Path) -> None:
        if table in self.in_lakes:
            what = f"'{table}' lies in a lake, so its rows cannot be marked in charts."
            self._note(self.vocabulary.document.place(path), what, "Mark rows that have landed.")
        self._time(table, marks.start, (*path, "from"))
        self._time(table, marks.end, (*path, "to"))
        self._column(table, marks.name, self.vocabulary.document.place((*path, "name")))
        for column in marks.condition.columns if marks.condition else ():
            where = self.vocabulary.document.place_in((*path, "where"), column.offset)
            self._column(table, column.name, where)

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
        if lookup.table in self.in_lakes:
            what = f"'{lookup.table}' lies in a lake, so nothing can be looked up in it."
            self._note(on, what, f"Land {lookup.table}: words are looked up where pages read.")
            return
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
            self._column(table, column.name, place, self._meant(metric, column))
        for compared in metric.value.comparisons:
            self._comparison(metric, self.columns[table], compared)
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
                    self._misfit(metric, *_in_words(str(refused)))

    def _translated(self, metrics: Sequence[Metric]) -> None:
        """What only the engine of a lake can tell: whether it computes exactly this."""
        for metric in metrics:
            try:
                statement = _statement(self.vocabulary, [metric], self.elsewhere)
                for part in statement.elsewhere:
                    spark_sql(Statement(part.sql, part.parameters), self.columns)
            except QuestionRefused as refused:
                what = f"cannot be computed where its facts lie. {refused}"
                self._misfit(metric, what, "Write it another way, or land the facts.")

    def _computed(self, metrics: Sequence[Metric]) -> None:
        """What only the rows can tell: whether every one of them can be taken."""
        for start in range(0, len(metrics), _AT_ONCE):
            some = metrics[start : start + _AT_ONCE]
            if self._run(some) is None:
                continue
            for metric in some:
                if refused := self._run([metric]):
                    self._misfit(metric, *_in_words(str(refused)))

    def _run(self, metrics: Sequence[Metric]) -> QuestionRefused | None:
        """Why these cannot be computed together over all rows."""
        statement = _statement(self.in_passing, metrics, self.facts)
        try:
            self.query(statement.sql, statement.parameters)
        except QuestionRefused as refused:
            return refused
        return None

    def _refused(self, metrics: Sequence[Metric]) -> QuestionRefused | None:
        """Why these cannot be computed together; a value that is no number is noted."""
        statement = _statement(self.vocabulary, metrics, self.facts)
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

    def _column(self, table: str, name: str, place: Place, fix: str = "") -> bool:
        """Whether a table has a column; where it has not, that is noted."""
        columns = self.columns[table]
        if name in columns:
            return True
        self._note(place, f"'{table}' has no column '{name}'.", fix or _fix(name, columns))
        return False

    def _meant(self, metric: Metric, column: Name) -> str:
        """What somebody meant who named in a value what is no column; nothing where unknown."""
        if column.name in self.vocabulary.metrics:
            return "It is a metric, and a formula of metrics names no table."
        before, after = metric.text[: column.offset], metric.text[column.offset :]
        if after.startswith('"') or (
            _COMPARED.search(before) and not nearest(column.name, self.columns[metric.tables[0]])
        ):
            return f"A text stands in single quotes: '{column.name}'."
        return ""

    def _comparison(self, metric: Metric, columns: Mapping[str, str], compared: Comparison) -> None:
        """Whether what a column is compared with is of its kind at all."""
        kind = columns.get(compared.column)
        misfit = _compared_with(compared, kind) if kind is not None else None
        if misfit is not None:
            path = ("metrics", metric.name, "value")
            place = self.vocabulary.document.place_in(path, compared.value.offset)
            self._note(place, *misfit)

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


def _compared_with(compared: Comparison, kind: str) -> tuple[str, str] | None:
    """What is wrong with comparing a column of this type so, and how it is meant; else None."""
    column, text = compared.column, compared.value.name
    if kind == "VARCHAR" and not compared.is_text:
        return f"'{column}' is text, and {text} is a number.", f"Write '{text}'."
    if kind in _TIMES and not (compared.is_text and _is_time(text)):
        return f"'{column}' is a time, and {text} is none.", "Write for example '2026-03-14'."
    if kind == "BOOLEAN" and compared.is_text and text.lower() not in _TRUTHS:
        return f"'{column}' is true or false, and '{text}' is neither.", f"Write {column} alone."
    if _NUMBER.fullmatch(kind) and kind != "BOOLEAN" and compared.is_text:
        try:
            float(text)
        except ValueError:
            return f"'{column}' is a number, and '{text}' is none.", "Compare it with a number."
    return None


def _is_time(text: str) -> bool:
    try:
        dt.datetime.fromisoformat(text)
    except ValueError:
        return False
    return True


def _in_words(refusal: str) -> tuple[str, str]:
    """What the database says of a value, without its own advice, which has no place here."""
    if taken := _TAKEN.search(refusal):
        function, kinds = taken[1].lower(), taken[2]
        what = f"takes {function} of {kinds}, which has none."
        return what, "Count it (count(distinct x)), or give the column its type in sources.yaml."
    said = _ERROR.split(refusal)[-1].split(". ")[0].split(" - ")[0].rstrip(".")
    what = f"cannot be computed: {said[:1].lower()}{said[1:]}."
    return what, "Change the value, or the column's type in sources.yaml."


def _fix(word: str, columns: Mapping[str, str]) -> str:
    own = [name for name in columns if not name.startswith("_")]
    return nearest(word, own) or f"It has: {', '.join(own)}."


def _statement(
    vocabulary: Vocabulary, metrics: Sequence[Metric], facts: Mapping[str, Facts]
) -> Statement:
    """These metrics over all rows, whenever they happened."""
    question = Question(tuple(m.name for m in metrics), TOTAL, start=FIRST_DAY, end=LAST_DAY)
    return compile_question(vocabulary, question, facts)


def _in_passing(metric: Metric) -> Metric:
    if not isinstance(metric.value, FactValue):
        return metric
    aggregates = tuple(aggregate.in_passing for aggregate in metric.value.aggregates)
    return replace(metric, value=replace(metric.value, aggregates=aggregates))
