"""What a question comes down to: metrics in levels, and the groups of rows they are taken from."""

from __future__ import annotations

import datetime as dt
from collections.abc import Mapping
from dataclasses import dataclass, field
from itertools import chain
from typing import Any

from kpi.expression import Aggregate, Condition, FactValue
from kpi.periods import Period
from kpi.questions import TOTAL, Facts, Question, asked_periods
from kpi.reach import OVERLAPPING, Own, Reach, Span, earlier
from kpi.vocabulary import Metric, Vocabulary


@dataclass(frozen=True)
class Node:
    """A metric as the question needs it: as it is, or as it was so much earlier."""

    metric: str
    back: tuple[Span, ...] = ()


@dataclass
class Group:
    """A fact table as it is aggregated once: on one time, for one reach and shift."""

    table: str
    time: str
    reach: Reach
    back: tuple[Span, ...]
    nodes: list[tuple[Node, Metric]] = field(default_factory=list)
    columns: dict[str, str] = field(default_factory=dict)  # aggregate SQL -> its column

    @property
    def hoisted(self) -> str | None:
        """The condition that all its metrics share, if they do."""
        shared = {fact_value(metric).condition for _, metric in self.nodes}
        return shared.pop() if len(shared) == 1 else None

    def columns_of(self, metric: Metric) -> list[tuple[Aggregate, str, str]]:
        """A metric's aggregates, each with its column and the column of what it counts."""
        condition = None if self.hoisted else fact_value(metric).condition
        return [
            (
                aggregate,
                self._column(_filtered(aggregate.sql, condition, aggregate.condition)),
                self._column(
                    _filtered(f"count({aggregate.counted})", condition, aggregate.condition)
                ),
            )
            for aggregate in fact_value(metric).aggregates
        ]

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
            key = (table, time, reach, node.back)
            groups.setdefault(key, Group(*key)).nodes.append((node, metric))
            self.known.setdefault((table, node.back), f"k{len(self.known)}")
        for group in groups.values():
            for _, metric in group.nodes:
                group.columns_of(metric)
        return list(groups.values())


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


def _filtered(sql: str, *conditions: str | None) -> str:
    given = [condition for condition in conditions if condition]
    if len(given) > 1:
        given = [f"({condition})" for condition in given]
    return f"{sql} FILTER (WHERE {' AND '.join(given)})" if given else sql
