"""What a metric is made of: a sum, or a ratio of two sums, of parts that add up over members.

Every part is a metric of its own, so that the compiler answers it as it answers any other.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace

import sqlglot
from sqlglot import exp

from kpi.expression import Aggregate, FactValue, Formula, Input, MetricValue
from kpi.reach import Span
from kpi.vocabulary import Metric, Vocabulary

# Under this name a sum keeps what is the same for all members.
_ALWAYS = ""
_ONE_SLOT = '"\x01{0}\x01"'
_NO_SUM = {
    "count": "what is counted once in all may count under several members",
    "min": "the lowest of all is not the sum of the lowest of each member",
    "max": "the highest of all is not the sum of the highest of each member",
    "median": "the median of all does not follow from the medians of its members",
}
_OTHER_SHAPE = "its formula is neither a sum nor one sum divided by another"


class NoParts(Exception):
    """Why a metric has no parts that add up to it."""


@dataclass(frozen=True)
class Summands:
    """Sums by the names of their parts, each with its factor; undivided where `below` is None.

    `metrics` are the definitions of the parts.
    """

    above: Mapping[str, float]
    below: Mapping[str, float] | None
    metrics: Mapping[str, Metric]


def summands(vocabulary: Vocabulary, metric: Metric) -> Summands:
    """What the metric is made of; raises NoParts with the reason where it is of nothing such."""
    found: dict[str, Metric] = {}
    shape = _shape_of(vocabulary, metric, (), found)
    if _ALWAYS in shape.above or not shape.above:
        raise NoParts(_OTHER_SHAPE)
    if shape.below is None and metric.empty:
        raise NoParts("a period without a value counts as a number of its own")
    return Summands(shape.above, shape.below, found)


@dataclass(frozen=True)
class _Shape:
    """A sum, or two of which one is divided by the other."""

    above: Mapping[str, float] = field(default_factory=dict)
    below: Mapping[str, float] | None = None

    @property
    def number(self) -> float | None:
        """What it is where it is the same for all members."""
        same = self.below is None and not set(self.above) - {_ALWAYS}
        return self.above.get(_ALWAYS, 0.0) if same else None

    def times(self, factor: float) -> _Shape:
        return replace(self, above={name: factor * each for name, each in self.above.items()})

    def plus(self, other: _Shape) -> _Shape:
        if self.below != other.below:
            one, divided = (self, other) if self.below is None else (other, self)
            if one.number is None or divided.below is None:
                raise NoParts(_OTHER_SHAPE)
            # A number beside a ratio is as much of its denominator.
            return divided.plus(_Shape(divided.below, divided.below).times(one.number))
        names = dict.fromkeys((*self.above, *other.above))
        total = {name: self.above.get(name, 0.0) + other.above.get(name, 0.0) for name in names}
        return _Shape(total, self.below)

    def over(self, other: _Shape) -> _Shape:
        if other.number:
            return self.times(1 / other.number)
        plain = self.below is None and other.below is None
        if not plain or _ALWAYS in {**self.above, **other.above} or other.number is not None:
            raise NoParts(_OTHER_SHAPE)
        return _Shape(self.above, other.above)


def _shape_of(
    vocabulary: Vocabulary, metric: Metric, back: tuple[Span, ...], found: dict[str, Metric]
) -> _Shape:
    if isinstance(metric.value, FactValue):
        slots = {
            f"a{index}": _of_aggregate(metric, metric.value, aggregate, index, back, found)
            for index, aggregate in enumerate(metric.value.aggregates)
        }
    else:
        slots = {}
        for index, one in enumerate(metric.value.inputs):
            below = vocabulary.metrics[one.name]
            if below.empty:
                raise NoParts(f"an empty {one.name} counts as a number of its own")
            ago = (*back, one.ago) if one.ago else back
            slots[f"i{index}"] = _shape_of(vocabulary, below, ago, found)
    tree = sqlglot.parse_one(metric.value.formula.text, dialect="duckdb")
    return _shape(tree, slots)


def _shape(tree: exp.Expr, slots: Mapping[str, _Shape]) -> _Shape:
    if isinstance(tree, exp.Paren | exp.Nullif):
        return _shape(tree.this, slots)
    if isinstance(tree, exp.Column):
        return slots[tree.name.strip("\x01")]
    if isinstance(tree, exp.Literal) and not tree.is_string:
        return _Shape({_ALWAYS: float(tree.this)})
    if isinstance(tree, exp.Neg):
        return _shape(tree.this, slots).times(-1)
    if isinstance(tree, exp.Add | exp.Sub | exp.Mul | exp.Div):
        left, right = _shape(tree.this, slots), _shape(tree.expression, slots)
        if isinstance(tree, exp.Add):
            return left.plus(right)
        if isinstance(tree, exp.Sub):
            return left.plus(right.times(-1))
        if isinstance(tree, exp.Div):
            return left.over(right)
        for one, other in ((left, right), (right, left)):
            if one.number is not None:
                return other.times(one.number)
    raise NoParts(_OTHER_SHAPE)


def _of_aggregate(
    metric: Metric,
    value: FactValue,
    aggregate: Aggregate,
    index: int,
    back: tuple[Span, ...],
    found: dict[str, Metric],
) -> _Shape:
    def part(kind: str, each: Aggregate) -> dict[str, float]:
        # No metric of a vocabulary has such a name.
        name = f"{metric.name} {index} {kind}"
        alone = replace(value, aggregates=(each,), formula=_slot("a0"))
        told = replace(metric, name=name, value=alone, empty=None, margin=None)
        found[name] = told
        for span in back:
            earlier = MetricValue((Input(told.name, 0, span),), _slot("i0"))
            told = replace(told, name=f"{told.name} {span} ago", value=earlier)
            found[told.name] = told
        return {told.name: 1.0}

    if aggregate.adds_up:
        return _Shape(part(aggregate.kind, aggregate))
    if aggregate.kind == "avg":
        counted = aggregate.counted
        total = Aggregate("sum", f"sum({counted})", counted, aggregate.condition)
        count = Aggregate("count", f"count({counted})", counted, aggregate.condition)
        return _Shape(part("sum", total), part("count", count))
    raise NoParts(
        _NO_SUM.get(
            aggregate.kind,
            "the percentile of all does not follow from the percentiles of its members",
        )
    )


def _slot(name: str) -> Formula:
    return Formula(_ONE_SLOT.format(name), linear=True)
