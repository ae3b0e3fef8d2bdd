"""Why a metric changed: what each member of a dimension added, asked of an edition."""

from __future__ import annotations

import datetime as dt
from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any

from kpi.answers import Readable, ask
from kpi.comparisons import Pair
from kpi.contributions import Contribution, Standing, adds_up, concentration, contributions
from kpi.questions import Facts
from kpi.summands import NoParts, Summands, summands
from kpi.vocabulary import Metric, Vocabulary


@dataclass(frozen=True)
class Explained:
    """A change and its parts by one dimension; together they are the change."""

    dimension: str
    before: float
    after: float
    parts: tuple[Contribution, ...]

    @property
    def amount(self) -> float:
        return self.after - self.before

    @property
    def is_ratio(self) -> bool:
        return any(part.rate is not None for part in self.parts)


@dataclass(frozen=True)
class _WithParts:
    """An edition whose vocabulary also knows the parts of a metric."""

    edition: Readable
    vocabulary: Vocabulary

    @property
    def facts(self) -> Mapping[str, Facts]:
        return self.edition.facts

    @property
    def fresh_until(self) -> Mapping[str, dt.datetime]:
        return self.edition.fresh_until

    def query(self, sql: str, parameters: Mapping[str, Any]) -> list[tuple[Any, ...]]:
        return self.edition.query(sql, parameters)


def explain(edition: Readable, metric: Metric, pair: Pair) -> tuple[Explained, ...]:
    """The change from one of two periods to the other by each dimension of the metric.

    The one that says most comes first (see `concentration`). Raises NoParts with the reason where
    the change has no parts that add up to it, QuestionRefused where it cannot be asked.
    """
    made_of = summands(edition.vocabulary, metric)
    before, after = (
        ask(edition, question).cells[0].value for question in pair.questions(metric.name)
    )
    if before is None or after is None:
        raise NoParts("its value is unknown in one of the two periods")
    words = {**edition.vocabulary.metrics, **made_of.metrics}
    wider = _WithParts(edition, replace(edition.vocabulary, metrics=words))
    found = []
    for dimension in metric.dimensions:
        standings = _standings(wider, metric, made_of, pair, dimension)
        try:
            parts = contributions(*standings)
        except ZeroDivisionError:
            raise NoParts("what it is divided by is zero in one of the two periods") from None
        if not adds_up(parts, after - before):
            raise NoParts("its members do not add up to it in these periods")
        found.append(Explained(dimension, before, after, parts))
    return tuple(sorted(found, key=lambda each: -concentration(each.parts)))


def _standings(
    edition: Readable, metric: Metric, made_of: Summands, pair: Pair, dimension: str
) -> tuple[dict[Any, Standing], dict[Any, Standing]]:
    """Every member in the earlier period and in the later.

    One that has rows in only one of them is in the other what the metric is without any row: a
    count is 0 there, and all else is left out as unknown.
    """
    names = tuple(dict.fromkeys((metric.name, *made_of.above, *(made_of.below or ()))))
    questions = pair.questions(*names, by=(dimension,))
    both = []
    for question in questions:
        values: dict[Any, dict[str, float | None]] = {}
        for cell in ask(edition, question).cells:
            values.setdefault(cell.keys[0], {})[cell.metric] = cell.value
        both.append({key: _standing(metric, made_of, each) for key, each in values.items()})
    before, after = both
    for there, others, question in ((before, after, questions[0]), (after, before, questions[1])):
        if others.keys() - there.keys():
            no_row = replace(
                question, by=(), where=(f"{dimension} is null and {dimension} is not null",)
            )
            told = {cell.metric: cell.value for cell in ask(edition, no_row).cells}
            if told[metric.name] is not None:
                nothing = _standing(metric, made_of, told)
                there.update(dict.fromkeys(others.keys() - there.keys(), nothing))
    return before, after


def _standing(metric: Metric, made_of: Summands, values: Mapping[str, float | None]) -> Standing:
    return Standing(
        values[metric.name],
        _sum(made_of.above, values),
        None if made_of.below is None else _sum(made_of.below, values),
    )


def _sum(factors: Mapping[str, float], values: Mapping[str, float | None]) -> float:
    """A member's part of a sum; what is unknown is not in the sum of all either."""
    return sum(factor * (values[name] or 0.0) for name, factor in factors.items())
