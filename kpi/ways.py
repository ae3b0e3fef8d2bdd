"""Which way a question is answered: from parts by day, answers kept, the facts, or a lake."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace
from typing import Literal

from kpi.answers import Readable, ranged
from kpi.plan import Node, Plan, inputs
from kpi.questions import Question, QuestionRefused, check_question
from kpi.rollups import DailyParts

_WORDS = {
    "parts": "added up from parts that are kept by day",
    "answer": "computed when the edition was published",
    "facts": "read from the facts",
    "lake": "asked of the facts in their lake",
}


@dataclass(frozen=True)
class Way:
    """How the facts below an asked metric are read.

    `of` is the metric of facts that is computed from `table`: the asked one, or one of those that
    its formula names. All ways are exact.
    """

    metric: str
    of: str
    table: str
    way: Literal["parts", "answer", "facts", "lake"]

    def __str__(self) -> str:
        return _WORDS[self.way]


def ways(edition: Readable, question: Question) -> tuple[Way, ...]:
    """The way of each fact table below each asked metric; raises QuestionRefused."""
    conditions = check_question(edition.vocabulary, question)
    question = ranged(edition, question)
    if question.start is None:
        raise QuestionRefused("There are no rows yet, and so there is nothing to read.")
    plan = Plan(edition.vocabulary, question, edition.facts, conditions)
    found = []
    for name in question.metrics:
        for node in dict.fromkeys(_below(plan, Node(name))):
            metric = edition.vocabulary.metrics[node.metric]
            facts = edition.facts.get(metric.tables[0])
            elsewhere = facts is not None and facts.reader is not None
            way = Way(name, node.metric, metric.tables[0], "lake" if elsewhere else "facts")
            rollup = plan.group_of(node)[1].rollup
            if rollup is not None:
                way = replace(way, way="parts" if isinstance(rollup, DailyParts) else "answer")
            found.append(way)
    return tuple(dict.fromkeys(found))


def _below(plan: Plan, node: Node) -> Iterator[Node]:
    """The metrics of facts below one, at whatever time each is taken."""
    below = inputs(plan.vocabulary, node)
    if not below:
        yield node
    for each in below.values():
        yield from _below(plan, each)
