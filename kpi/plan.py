"""What a question comes down to: metrics in levels, and the groups of rows they are taken from.

Rows are those of a fact table, or of what an edition keeps ready of it (see `kpi.rollups`), where
that says the same.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Mapping
from dataclasses import dataclass, field
from itertools import chain
from typing import Any

from kpi.expression import Aggregate, Condition, FactValue
from kpi.periods import Period
from kpi.questions import TOTAL, Facts, Question, asked_periods
from kpi.reach import OVERLAPPING, AsOf, Latest, Own, Reach, Span, earlier
from kpi.rollups import DAY, DailyParts, ExactAnswers, Rollup, counted, whole
from kpi.vocabulary import Metric, Table, Vocabulary


@dataclass(frozen=True)
class Node:
    """A metric as the question needs it: as it is, or as it was so much earlier."""

    metric: str
    back: tuple[Span, ...] = ()


@dataclass
class Group:
    """Rows as they are aggregated once: on one time, for one reach and shift.

    The rows are those of the fact table, or of `rollup`. Undivided daily parts of several fact
    tables stand together, and then `table` is one of them.
    """

    table: str
    time: str
    reach: Reach
    back: tuple[Span, ...]
    rollup: Rollup | None = None
    nodes: list[tuple[Node, Metric]] = field(default_factory=list)
    columns: dict[str, str] = field(default_factory=dict)  # aggregate SQL -> its column
    # What answers each metric; the descriptions differ where parts of tables stand together.
    rollups: dict[str, Rollup] = field(default_factory=dict)

    @property
    def hoisted(self) -> str | None:
        """The condition that all its metrics share, if they do."""
        shared = {fact_value(metric).condition for _, metric in self.nodes}
        return shared.pop() if len(shared) == 1 and self.rollup is None else None

    def conditions(self) -> list[str]:
        """Which rows there are keys for: those of any metric; none where all rows are of one."""
        every = {fact_value(metric).condition: metric for _, metric in self.nodes}
        if self.rollup is not None:
            found = (self.rollups[m.name].present(own) for own, m in every.items())
            return list(dict.fromkeys(found))
        return [] if None in every else [f"({own})" for own in every]

    def columns_of(self, metric: Metric) -> list[tuple[Aggregate, str, str]]:
        """A metric's aggregates, each with its column and the column of what it counts."""
        condition = None if self.hoisted else fact_value(metric).condition
        rollup = self.rollups.get(metric.name)
        found = []
        for aggregate in fact_value(metric).aggregates:
            if rollup is None:
                sql = whole(aggregate, condition), counted(aggregate, condition)
            else:
                sql = rollup.value(aggregate, condition), rollup.counted(aggregate, condition)
            found.append((aggregate, self._column(sql[0]), self._column(sql[1])))
        return found

    def _column(self, sql: str) -> str:
        return self.columns.setdefault(sql, f"a{len(self.columns)}")


class Plan:
    """A question and all that its statement is made of.

    `levels` are the asked metrics and all below them: those from facts first, each after its
    inputs. `shifts` are how long ago they are needed, `shifted` the periods of each shift.
    `known` names, for each fact table and shift, the column that is 0 where no rows are known to be
    none, and null elsewhere.
    """

    def __init__(
        self,
        vocabulary: Vocabulary,
        question: Question,
        facts: Mapping[str, Facts],
        conditions: tuple[Condition, ...],
    ) -> None:
        self.vocabulary = vocabulary
        self.question = question
        self.facts = facts
        self.conditions = conditions
        self.total = question.grain == TOTAL
        self.keys = [f"d{index}" for index in range(len(question.by))]
        self.periods = asked_periods(vocabulary.calendar, question)
        self.levels = self._levels()
        nodes = list(chain(*self.levels))
        self.names = {node: f"m{index}" for index, node in enumerate(nodes)}
        self.shifts = list(dict.fromkeys(((), *(node.back for node in nodes))))
        self.shifted = {back: self._shifted(back) for back in self.shifts}
        self.known: dict[tuple[str, tuple[Span, ...]], str] = {}
        self.groups = self._groups()
        self._group_of = {
            node: (index, group)
            for index, group in enumerate(self.groups)
            for node, _ in group.nodes
        }

    def group_of(self, node: Node) -> tuple[int, Group]:
        """The group whose rows a metric of facts is taken from, and its position."""
        return self._group_of[node]

    def told(self, table: str, back: tuple[Span, ...]) -> tuple[dt.date | None, dt.date | None]:
        """The starts of the first and the last period in which a table's facts are known."""
        facts = self.facts.get(table)
        if facts is None or facts.first_day is None or facts.fresh_day is None:
            return None, None
        first, fresh = facts.first_day, facts.fresh_day
        starts = [p.start for p in self.shifted[back] if p.end > first and p.start <= fresh]
        return (starts[0], starts[-1]) if starts else (None, None)

    def has_gaps(self, back: tuple[Span, ...]) -> bool:
        """Whether the periods of a shift leave days out between them."""
        periods = dict.fromkeys(self.shifted[back])
        low, high = min(p.start for p in periods), max(p.end for p in periods)
        return sum(period.days for period in periods) < (high - low).days

    def type_of(self, table: str, word: str) -> str:
        """The DuckDB type of a dimension, wherever it is looked up."""
        for lookup in self.vocabulary.tables[table].lookup:
            if word in lookup.by:
                found = self.facts.get(lookup.table)
                return found.columns[word] if found else "VARCHAR"
        return self.facts[table].columns[word]

    def _levels(self) -> list[list[Node]]:
        depth: dict[Node, int] = {}

        def measure(node: Node) -> int:
            if node not in depth:
                below = [measure(n) for n in inputs(self.vocabulary, node).values()]
                depth[node] = 1 + max(below) if below else 0
            return depth[node]

        for name in self.question.metrics:
            measure(Node(name))
        levels: list[list[Node]] = [[] for _ in range(max(depth.values()) + 1)]
        for node, level in depth.items():
            levels[level].append(node)
        return levels

    def _shifted(self, back: tuple[Span, ...]) -> list[Period]:
        found = []
        for period in self.periods:
            for span in back:
                before = earlier(self.vocabulary.calendar, period, span)
                assert before is not None, "check_question refuses what cannot be shifted"
                period = before
            found.append(period)
        return found

    def _groups(self) -> list[Group]:
        groups: dict[Any, Group] = {}
        for node in self.levels[0]:
            metric = self.vocabulary.metrics[node.metric]
            table, time = metric.tables[0], self.vocabulary.time_column(metric)
            reach = metric.reach
            if self.question.own_rows and isinstance(reach, OVERLAPPING):
                reach = Own()
            key: tuple[Any, ...] = (table, time, reach, node.back)
            rollup = self._rollup(metric, time, reach, node.back)
            if rollup is not None:
                own = rollup.reach(reach) if isinstance(rollup, DailyParts) else reach
                key = (rollup.name, own, node.back)
                group = groups.setdefault(key, Group(table, DAY, own, node.back, rollup))
                group.rollups[metric.name] = rollup
            else:
                group = groups.setdefault(key, Group(*key))
            group.nodes.append((node, metric))
            self.known.setdefault((table, node.back), f"k{len(self.known)}")
        for group in groups.values():
            for _, metric in group.nodes:
                group.columns_of(metric)
        return list(groups.values())

    def _rollup(
        self, metric: Metric, time: str, reach: Reach, back: tuple[Span, ...]
    ) -> Rollup | None:
        """What is kept ready that says the same as the facts; None where nothing does."""
        table = self.vocabulary.tables[metric.tables[0]]
        facts = self.facts.get(table.name)
        value, periods = fact_value(metric), self.shifted[back]
        words = self._words(table)
        for rollup in facts.rollups if facts else ():
            if rollup.time != time:
                continue
            if isinstance(rollup, ExactAnswers):
                same = rollup.reach == reach and not self.conditions
                asked = (value, self.question.grain, self.question.by, periods)
                alone = facts is not None and facts.stands_alone
                if same and rollup.answers(*asked, alone=alone):
                    return rollup
            elif rollup.level == (reach if isinstance(reach, AsOf) else None):
                covers = rollup.covers(self.vocabulary.calendar, reach, periods)
                if covers and not isinstance(reach, Latest) and rollup.answers(value, words):
                    return rollup
        return None

    def _words(self, table: Table) -> set[str]:
        """The columns of a fact table that the question divides or filters by.

        Of a word that is looked up, that is the key by which it is.
        """
        wanted = {*self.question.by, *(name.name for c in self.conditions for name in c.columns)}
        found = wanted.intersection(table.by)
        for lookup in table.lookup:
            if wanted.intersection(lookup.by):
                found.add(lookup.on)
        return found


def inputs(vocabulary: Vocabulary, node: Node) -> dict[str, Node]:
    """The nodes that fill a formula's slots; none for a metric of facts."""
    value = vocabulary.metrics[node.metric].value
    if isinstance(value, FactValue):
        return {}
    return {
        f"i{index}": Node(i.name, (*node.back, i.ago) if i.ago else node.back)
        for index, i in enumerate(value.inputs)
    }


def tables_below(vocabulary: Vocabulary, node: Node) -> tuple[tuple[str, tuple[Span, ...]], ...]:
    """The fact tables that a node rests on, each with how long ago its rows are taken."""
    below = inputs(vocabulary, node)
    if not below:
        return ((vocabulary.metrics[node.metric].tables[0], node.back),)
    return tuple(dict.fromkeys(chain(*(tables_below(vocabulary, n) for n in below.values()))))


def fact_value(metric: Metric) -> FactValue:
    """The value of a metric that is computed from rows."""
    assert isinstance(metric.value, FactValue)
    return metric.value
