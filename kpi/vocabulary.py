"""The shared vocabulary: every metric with its outcome, tables and words, as frozen definitions."""

from __future__ import annotations

import datetime as dt
from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any, Literal

from kpi.expression import Condition, FactValue, MetricValue
from kpi.formats import Formats
from kpi.periods import Calendar
from kpi.reach import AsOf, Own, Reach, Span
from kpi.targets import Targets
from kpi.yaml_text import Document

Side = Literal["it", "business", "joint"]


@dataclass(frozen=True)
class Owners:
    """The two roles that answer for an outcome or a metric together."""

    it: str
    business: str


@dataclass(frozen=True)
class Dimension:
    """A shared word to break a metric down by."""

    name: str
    label: str
    definition: str


@dataclass(frozen=True)
class Lookup:
    """Dimensions that stand in another table, found there by a key that is unique in it."""

    table: str
    on: str
    by: tuple[str, ...]


@dataclass(frozen=True)
class Marked:
    """Which rows of a table are marked on charts: the columns of begin, end and name."""

    start: str
    end: str
    name: str
    condition: Condition | None = None


@dataclass(frozen=True)
class Table:
    """A fact table as metrics see it: what a row is, its default time, its dimensions.

    `grain` is set where a row stands for a whole period: finer ones cannot be asked for.
    """

    name: str
    row: str
    time: str
    by: tuple[str, ...]
    settles_after: dt.timedelta
    grain: str | None = None
    lookup: tuple[Lookup, ...] = ()
    marks: Marked | None = None

    @property
    def dimensions(self) -> tuple[str, ...]:
        """The words that its rows can be broken down by."""
        return (*self.by, *(word for lookup in self.lookup for word in lookup.by))


@dataclass(frozen=True)
class Outcome:
    """What both sides want; it groups metrics."""

    name: str
    label: str
    definition: str
    owners: Owners


@dataclass(frozen=True)
class KnownAnswer:
    """A number that somebody knows: what the metric must be for a period and a filter."""

    grain: str
    start: dt.date
    where: str | None
    equals: float
    places: int


@dataclass(frozen=True)
class Metric:
    """A named number with one definition, an owner on each side, a unit and a direction."""

    name: str
    label: str
    definition: str
    side: Side
    outcome: str
    owners: Owners
    good: Literal["up", "down"]
    text: str
    value: FactValue | MetricValue
    also_called: tuple[str, ...] = ()
    unit: str = ""
    decimals: int | None = None
    target: Targets | None = None
    tolerance: float = 0.0
    empty: float | None = None
    min_sample: int = 0
    time: str | None = None
    internal: bool = False
    reach: Reach = field(default_factory=Own)
    margin: Literal["nps", "share"] | None = None
    changed: tuple[tuple[dt.date, str], ...] = ()
    deprecated: str | None = None
    tests: tuple[KnownAnswer, ...] = ()
    entry: str = ""
    # What follows from the value: every fact table below it, and the dimensions all of them share.
    tables: tuple[str, ...] = ()
    dimensions: tuple[str, ...] = ()

    @property
    def inputs(self) -> tuple[str, ...]:
        """The metrics that the formula names."""
        if isinstance(self.value, MetricValue):
            return tuple(dict.fromkeys(name.name for name in self.value.inputs))
        return ()


@dataclass(frozen=True)
class Vocabulary:
    """Everything that `metrics.yaml` says, in the order of the file."""

    calendar: Calendar
    currency: str
    locale: str
    dimensions: Mapping[str, Dimension]
    tables: Mapping[str, Table]
    outcomes: Mapping[str, Outcome]
    metrics: Mapping[str, Metric]
    document: Document = field(repr=False, compare=False)

    @property
    def text(self) -> str:
        """The file as it was read."""
        return self.document.text

    @cached_property
    def formats(self) -> Formats:
        """How numbers, days and periods are written for people."""
        return Formats(self.calendar, self.locale)

    @cached_property
    def shown(self) -> tuple[Metric, ...]:
        """The metrics that the scorecard lists: neither helpers nor deprecated ones."""
        return tuple(m for m in self.metrics.values() if not m.internal and not m.deprecated)

    @cached_property
    def compiled(self) -> dict[Any, Any]:
        """What the compiler has made of these definitions before, by question."""
        return {}

    def time_column(self, metric: Metric) -> str:
        """The column on which a metric of facts is counted."""
        assert isinstance(metric.value, FactValue)
        if isinstance(metric.reach, AsOf):
            return metric.reach.start
        return metric.time or self.tables[metric.value.table.name].time

    def spans_below(self, metric: Metric) -> tuple[Span, ...]:
        """Every length of time that a metric or one below it looks back with `ago`."""
        if isinstance(metric.value, FactValue):
            return ()
        own = [i.ago for i in metric.value.inputs if i.ago]
        below = [s for name in metric.inputs for s in self.spans_below(self.metrics[name])]
        return tuple(dict.fromkeys((*own, *below)))

    def is_flow(self, metric: Metric) -> bool:
        """Whether the number of a period is the sum of those of its days."""
        if not metric.value.formula.linear:
            return False
        if isinstance(metric.value, FactValue):
            own = isinstance(metric.reach, Own)
            return own and all(aggregate.adds_up for aggregate in metric.value.aggregates)
        return all(self.is_flow(self.metrics[name]) for name in metric.inputs)

    def used_by(self, name: str) -> tuple[Metric, ...]:
        """The metrics whose formula names this one."""
        return tuple(m for m in self.metrics.values() if name in m.inputs)
