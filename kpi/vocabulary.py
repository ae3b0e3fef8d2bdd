"""The shared vocabulary: `metrics.yaml`, checked as a whole, as frozen definitions."""

from __future__ import annotations

import datetime as dt
import re
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from decimal import Decimal
from functools import cached_property, lru_cache
from typing import Annotated, Any, Literal
from zoneinfo import available_timezones

from pydantic import (
    BaseModel,
    BeforeValidator,
    ConfigDict,
    Field,
    GetJsonSchemaHandler,
    WithJsonSchema,
)
from pydantic_core import CoreSchema

from kpi.allowlist import ExpressionRefused
from kpi.expression import (
    FactValue,
    MetricValue,
    parse_value,
)
from kpi.periods import GRAINS, Calendar, parse_period
from kpi.reach import SPAN, AsOf, Latest, Own, Reach, Span, ToDate, Window, parse_span
from kpi.targets import TARGET_SCHEMA, Targets, parse_targets
from kpi.yaml_text import (
    Document,
    Path,
    Problem,
    Refused,
    check_model,
    nearest,
    read_yaml,
)

Side = Literal["it", "business", "joint"]
WEEKDAYS = (
    "monday",
    "tuesday",
    "wednesday",
    "thursday",
    "friday",
    "saturday",
    "sunday",
)
MONTH_NAMES = (
    "january",
    "february",
    "march",
    "april",
    "may",
    "june",
    "july",
    "august",
    "september",
    "october",
    "november",
    "december",
)
# Columns of every answer: a dimension or metric of this name would be taken for one of them.
RESERVED = ("metric", "period", "value", "n", "complete")
NAME = re.compile(r"[a-z][a-z0-9_]*")
_SETTLES = re.compile(r"(\d+) (hour|day)s?")


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

    def used_by(self, name: str) -> tuple[Metric, ...]:
        """The metrics whose formula names this one."""
        return tuple(m for m in self.metrics.values() if name in m.inputs)


# --- what the file may say -------------------------------------------------------------------


def _texts(value: object) -> object:
    return [value] if isinstance(value, str) else value


class _Strict(BaseModel):
    model_config = ConfigDict(extra="forbid", strict=True)


@dataclass(frozen=True)
class _OrShort:
    """Lets the editor's schema allow the short way to write a value, as its validator does."""

    text: bool = False  # a plain text; else one item without the list around it

    def __get_pydantic_json_schema__(
        self, core: CoreSchema, handler: GetJsonSchemaHandler
    ) -> dict[str, Any]:
        whole = handler(core)
        short = {"type": "string", "minLength": 1} if self.text else whole["items"]
        return {"anyOf": [short, whole]}


def _written(pattern: re.Pattern[str], *others: str) -> WithJsonSchema:
    """A text that an editor can check by a pattern, or one of these words."""
    return WithJsonSchema({"type": "string", "pattern": anchored(pattern.pattern, *others)})


def anchored(*patterns: str) -> str:
    """A pattern for the whole of a text that is one of these."""
    return f"^({'|'.join(patterns)})$"


_Text = Annotated[str, Field(min_length=1)]
_Texts = Annotated[list[_Text], BeforeValidator(_texts), _OrShort()]
_Number = Annotated[float, Field(allow_inf_nan=False)]


class _OwnersEntry(_Strict):
    it: _Text = Field(description="The role on the IT side that answers for it.")
    business: _Text = Field(description="The role on the business side that answers for it.")


class _CalendarEntry(_Strict):
    timezone: _Text = Field("UTC", description="Whose midnight begins a day: Europe/Berlin.")
    week_starts: Literal[WEEKDAYS] = Field(  # type: ignore[valid-type]
        "monday", description="The first day of a week."
    )
    fiscal_year_starts: Literal[MONTH_NAMES] = Field(  # type: ignore[valid-type]
        "january", description="The first month of a year; quarters follow it."
    )


class _DimensionEntry(_Strict):
    label: _Text = Field(description="What screens call it.")
    definition: _Text = Field(description="What it means, in a sentence.")


class _LookupEntry(_Strict):
    on: _Text = Field(description="The column in both tables; unique in the other one.")
    by: _Texts = Field(description="The dimensions that stand in the other table.")


class _TableEntry(_Strict):
    row: _Text = Field(description="What one row is: one incident.")
    time: _Text = Field(description="The column on which its metrics are counted.")
    by: _Texts = Field([], description="The dimensions that it has as columns.")
    settles_after: Annotated[_Text, _written(_SETTLES)] | None = Field(
        None, description="How long after its end a period may still change: 2 days."
    )
    grain: Literal[GRAINS] | None = Field(  # type: ignore[valid-type]
        None, description="Where a row stands for a whole period: which. Finer is refused."
    )
    lookup: dict[str, _LookupEntry] = Field(
        {}, description="Other tables to take dimensions from, many to one."
    )


class _OutcomeEntry(_Strict):
    label: _Text = Field(description="What screens call it.")
    definition: _Text = Field(description="What both sides want, in a sentence.")
    owners: _OwnersEntry = Field(description="The two roles that answer for it together.")


class _AsOfEntry(_Strict):
    from_: _Text = Field(alias="from", description="The time from which a row is open.")
    to: _Text | None = Field(None, description="The time at which it closes; none: it never does.")


class _LatestEntry(_Strict):
    per: _Text = Field(description="The column that says whose rows they are.")
    carry: bool = Field(True, description="Whether an older row holds on; false: this period's.")


class _TestEntry(_Strict):
    period: Annotated[str | int | dt.date, WithJsonSchema({"type": ["string", "integer"]})] = Field(
        description="2025-03, 2025-Q1, 2025-W12, 2025-03-14 or 2025."
    )
    equals: _Number = Field(description="The number that it must be, to as many places.")
    where: _Text | None = Field(None, description="A condition over dimensions: region = 'EMEA'.")


def _latest(value: object) -> object:
    return {"per": value} if isinstance(value, str) else value


def _tests(value: object) -> object:
    return [value] if isinstance(value, Mapping) else value


class _MetricEntry(_Strict):
    label: _Text = Field(description="What screens call it.")
    definition: _Text = Field(description="What it measures and what is left out, in a sentence.")
    side: Side = Field(description="Who runs the thing measured.")
    outcome: _Text = Field(description="The outcome that it serves.")
    owners: _OwnersEntry = Field(description="The two roles that answer for it together.")
    value: _Text = Field(
        description="AGGREGATES from TABLE [where CONDITION], or a formula of other metrics."
    )
    good: Literal["up", "down"] = Field(description="The direction that is better.")
    also_called: _Texts = Field([], description="Other names, to find it by.")
    unit: str = Field("", description="%, EUR, hours, minutes, days, points, count, or any text.")
    decimals: Annotated[int, Field(ge=0, le=6)] | None = Field(
        None, description="How many decimals are shown."
    )
    target: Annotated[Any, WithJsonSchema(TARGET_SCHEMA)] = Field(
        None,
        description="A number, a flow (1200000 per quarter), or such by date (from 2026-07: 99.9).",
    )
    tolerance: Annotated[_Number, Field(ge=0)] = Field(
        0.0, description="How far off the target still counts as near, in the metric's unit."
    )
    empty: _Number | None = Field(
        None, description="What a period without rows is; without it: unknown, a count 0."
    )
    min_sample: Annotated[int, Field(ge=0)] = Field(
        0, description="Fewer rows than this are shown as too few."
    )
    time: _Text | None = Field(None, description="The column to count on, not the table's own.")
    internal: bool = Field(False, description="Only a part of other metrics: no screen lists it.")
    window: Annotated[_Text, _written(SPAN, "all")] | None = Field(
        None, description="The length of time that ends with a period: 90 days, or all."
    )
    to_date: Literal["month", "quarter", "year"] | None = Field(
        None, description="From the start of the month, quarter or year to the period's end."
    )
    as_of: _AsOfEntry | None = Field(
        None, description="A level: the rows that are open when the period ends."
    )
    latest: Annotated[_LatestEntry, BeforeValidator(_latest), _OrShort(text=True)] | None = Field(
        None, description="A level: the last row of each of these: user_id."
    )
    margin: Literal["nps", "share"] | None = Field(
        None, description="The margin of error to show beside the value."
    )
    changed: Annotated[
        dict[str, _Text],
        WithJsonSchema(
            {
                "type": "object",
                "propertyNames": {"pattern": anchored(r"\d{4}-\d{2}-\d{2}")},
                "additionalProperties": {"type": "string", "minLength": 1},
            }
        ),
    ] = Field({}, description="Days on which its meaning changed, and how: marks on its charts.")
    deprecated: _Text | None = Field(None, description="The metric to use instead.")
    test: Annotated[list[_TestEntry], BeforeValidator(_tests), _OrShort()] = Field(
        [], description="Numbers that somebody knows: checked whenever an edition is published."
    )


class _FileEntry(_Strict):
    version: Literal[1] = Field(description="The version of this grammar.")
    calendar: Any = Field(None, description="What a day, a week and a year are, for every metric.")
    currency: _Text = Field("EUR", description="The currency that amounts are reported in.")
    dimensions: Any = Field(None, description="Every word to break metrics down by.")
    tables: Any = Field(None, description="The fact tables, their time and their dimensions.")
    outcomes: Any = Field(None, description="What both sides want; each groups metrics.")
    metrics: Any = Field(None, description="The numbers, each defined once.")


# What the file and its sections are made of: the loader's types, and so the editor's schema.
FILE: type[BaseModel] = _FileEntry
CALENDAR: type[BaseModel] = _CalendarEntry
SECTIONS: Mapping[str, type[BaseModel]] = {
    "dimensions": _DimensionEntry,
    "tables": _TableEntry,
    "outcomes": _OutcomeEntry,
    "metrics": _MetricEntry,
}

_REACHES = ("window", "to_date", "as_of", "latest")
_MARGIN_OF = {"nps": ("count_if", "count_if", "count"), "share": ("count_if", "count")}
_MARGIN_FIX = {
    "nps": "It goes with 100 * (count_if(...) - count_if(...)) / count(...).",
    "share": "It goes with 100 * count_if(...) / count(...).",
}


# --- reading it ------------------------------------------------------------------------------


def load_vocabulary(text: str, name: str = "metrics.yaml") -> Vocabulary:
    """The checked vocabulary; raises Refused with every mistake of the text at once."""
    document = read_yaml(text, name)
    vocabulary = _Reader(document).read() if document.value is not None else None
    if vocabulary is None and not document.problems:
        document.refuse((), "there is nothing in this file.", "Begin with: version: 1.")
    if document.problems or vocabulary is None:
        raise Refused(document.problems)
    return vocabulary


class _Reader:
    """One pass over a document that notes problems in it and goes on."""

    def __init__(self, document: Document) -> None:
        self.document = document
        self.calendar = Calendar()
        self.dimensions: dict[str, Dimension] = {}
        self.tables: dict[str, Table] = {}
        self.outcomes: dict[str, Outcome] = {}
        self.metrics: dict[str, Metric] = {}

    def read(self) -> Vocabulary | None:
        root = self.document.value
        if check_model(self.document, _FileEntry, root) is None and not isinstance(root, Mapping):
            return None
        self.calendar = self._calendar(root)
        for key, entry, path in self._entries(root, "dimensions", _DimensionEntry):
            # A broken entry keeps its name, so that its users are not reported as well.
            label, definition = (entry.label, entry.definition) if entry else ("", "")
            self.dimensions[key] = Dimension(key, label, definition)
            self._refuse_reserved(key, path)
        for key, entry, path in self._entries(root, "tables", _TableEntry):
            self._table(key, entry or _TableEntry.model_validate({"row": "-", "time": "-"}), path)
        for key, entry, _ in self._entries(root, "outcomes", _OutcomeEntry):
            nobody = Owners("", "")
            self.outcomes[key] = (
                Outcome(key, entry.label, entry.definition, _owners(entry.owners))
                if entry
                else Outcome(key, "", "", nobody)
            )
        self._metrics(root.get("metrics"))
        self._resolve()
        currency = root.get("currency", "EUR")
        return Vocabulary(
            self.calendar,
            currency,
            self.dimensions,
            self.tables,
            self.outcomes,
            self.metrics,
            self.document,
        )

    def _entries(self, root: Mapping[str, Any], section: str, model: type[Any]) -> Any:
        """Each well-formed entry of a section with its name and path."""
        entries = root.get(section)
        if entries is None:
            return
        if not isinstance(entries, Mapping):
            self.document.refuse((section,), f"'{section}' must be a mapping of names.")
            return
        for key, value in entries.items():
            path: Path = (section, key)
            if not NAME.fullmatch(key):
                what = f"'{key}' is not a name."
                fix = "Use lower-case letters, digits and _, beginning with a letter."
                self.document.refuse(path, what, fix, at_key=True)
            yield key, check_model(self.document, model, value, path), path

    def _calendar(self, root: Mapping[str, Any]) -> Calendar:
        if root.get("calendar") is None:
            return Calendar()
        entry = check_model(self.document, _CalendarEntry, root["calendar"], ("calendar",))
        if entry is None:
            return Calendar()
        if entry.timezone not in _time_zones():
            what = f"there is no time zone '{entry.timezone}'."
            fix = nearest(entry.timezone, _time_zones()) or "For example Europe/Berlin."
            self.document.refuse(("calendar", "timezone"), what, fix)
            return Calendar()
        return Calendar(
            entry.timezone,
            WEEKDAYS.index(entry.week_starts),
            MONTH_NAMES.index(entry.fiscal_year_starts) + 1,
        )

    def _table(self, key: str, entry: _TableEntry, path: Path) -> None:
        for index, word in enumerate(entry.by):
            if word not in self.dimensions:
                what = f"there is no dimension '{word}'."
                fix = nearest(word, self.dimensions) or "Declare it under 'dimensions'."
                self.document.refuse(self._item((*path, "by"), index), what, fix)
        settles = dt.timedelta(0)
        if entry.settles_after is not None:
            match = _SETTLES.fullmatch(entry.settles_after)
            if match:
                unit = dt.timedelta(hours=1) if match[2] == "hour" else dt.timedelta(days=1)
                settles = int(match[1]) * unit
            else:
                what = f"'{entry.settles_after}' is not a duration."
                self.document.refuse((*path, "settles_after"), what, "For example: 2 days.")
        lookups = []
        for table, lookup in entry.lookup.items():
            for index, word in enumerate(lookup.by):
                where = self._item((*path, "lookup", table, "by"), index)
                if word not in self.dimensions:
                    fix = nearest(word, self.dimensions) or "Declare it under 'dimensions'."
                    self.document.refuse(where, f"there is no dimension '{word}'.", fix)
                elif word in entry.by:
                    what = f"'{word}' is a dimension of '{key}' itself."
                    self.document.refuse(where, what, "Take it from one of the two.")
            lookups.append(Lookup(table, lookup.on, tuple(lookup.by)))
        self.tables[key] = Table(
            key,
            entry.row,
            entry.time,
            tuple(entry.by),
            settles,
            entry.grain,
            tuple(lookups),
        )

    def _metrics(self, entries: object) -> None:
        known = tuple(entries) if isinstance(entries, Mapping) else ()
        for key, entry, path in self._entries({"metrics": entries}, "metrics", _MetricEntry):
            self._refuse_reserved(key, path)
            raw = entries[key] if isinstance(entries, Mapping) else None
            if not isinstance(raw, Mapping):
                continue
            # Looked at in the raw entry, so that another mistake in it does not hide these.
            outcome = raw.get("outcome")
            if isinstance(outcome, str) and outcome not in self.outcomes:
                what = f"there is no outcome '{outcome}'."
                fix = nearest(outcome, self.outcomes) or "Declare it under 'outcomes'."
                self.document.refuse((*path, "outcome"), what, fix)
            value = self._value(raw.get("value"), path, known)
            target = None
            if raw.get("target") is not None:
                target = parse_targets(raw["target"], (*path, "target"), self.document)
            if isinstance(value, MetricValue) and raw.get("time") is not None:
                what = "'time' belongs to a value from a fact table, not to a formula."
                fix = "Remove it: each input is counted on its own time."
                self.document.refuse((*path, "time"), what, fix, at_key=True)
            if value is not None and entry is not None:
                self.metrics[key] = self._metric(key, entry, value, target)
                self._check_details(path, entry, self.metrics[key], known)

    def _metric(
        self,
        key: str,
        entry: _MetricEntry,
        value: FactValue | MetricValue,
        target: Targets | None,
    ) -> Metric:
        return Metric(
            name=key,
            label=entry.label,
            definition=entry.definition,
            side=entry.side,
            outcome=entry.outcome,
            owners=_owners(entry.owners),
            good=entry.good,
            text=entry.value,
            value=value,
            also_called=tuple(entry.also_called),
            unit=entry.unit,
            decimals=entry.decimals,
            target=target,
            tolerance=entry.tolerance,
            empty=entry.empty,
            min_sample=entry.min_sample,
            time=entry.time,
            internal=entry.internal,
            reach=self._reach(("metrics", key), entry),
            margin=entry.margin,
            changed=self._changes(("metrics", key, "changed"), entry.changed),
            deprecated=entry.deprecated,
            tests=self._tests(("metrics", key, "test"), entry.test),
            entry=self.document.lines(("metrics", key)),
        )

    def _reach(self, path: Path, entry: _MetricEntry) -> Reach:
        """Which rows a period takes; the keys that say so exclude each other."""
        if entry.window is not None:
            span = parse_span(entry.window)
            if span is None and entry.window != "all":
                what = f"'{entry.window}' is not a length of time."
                self.document.refuse((*path, "window"), what, "For example: 90 days, or all.")
            return Window(span)
        if entry.to_date is not None:
            return ToDate(entry.to_date)
        if entry.as_of is not None:
            return AsOf(entry.as_of.from_, entry.as_of.to)
        if entry.latest is not None:
            return Latest(entry.latest.per, entry.latest.carry)
        return Own()

    def _changes(self, path: Path, changed: Mapping[str, str]) -> tuple[tuple[dt.date, str], ...]:
        found = []
        for key, what in changed.items():
            try:
                found.append((dt.date.fromisoformat(key), what))
            except ValueError:
                self.document.refuse(
                    (*path, key),
                    f"'{key}' is not a day.",
                    "Write: {2026-06-01: what changed}.",
                    at_key=True,
                )
        return tuple(sorted(found))

    def _tests(self, path: Path, entries: list[_TestEntry]) -> tuple[KnownAnswer, ...]:
        found = []
        for index, entry in enumerate(entries):
            period = parse_period(self.calendar, str(entry.period))
            if period is None:
                where = self._item(path, index)
                what = f"'{entry.period}' is not a period."
                fix = "For example 2025-03, 2025-Q1, 2025-W12, 2025-03-14 or 2025."
                self.document.refuse((*where, "period"), what, fix)
            else:
                written = format(Decimal(repr(entry.equals)).normalize(), "f")
                places = len(written.partition(".")[2])
                answer = KnownAnswer(period.grain, period.start, entry.where, entry.equals, places)
                found.append(answer)
        return tuple(found)

    def _check_details(
        self, path: Path, entry: _MetricEntry, metric: Metric, known: tuple[str, ...]
    ) -> None:
        """What the keys of one entry must have to do with each other."""
        reaches = [key for key in _REACHES if getattr(entry, key) is not None]
        for key in reaches[1:]:
            what = f"'{key}' and '{reaches[0]}' exclude each other."
            self.document.refuse((*path, key), what, "Keep one of them.", at_key=True)
        if isinstance(metric.value, MetricValue):
            for key in (*reaches, *(["margin"] if entry.margin else [])):
                what = f"'{key}' belongs to a value from a fact table, not to a formula."
                fix = "Put it into the metrics that the formula names."
                self.document.refuse((*path, key), what, fix, at_key=True)
        elif entry.margin is not None:
            kinds = tuple(aggregate.kind for aggregate in metric.value.aggregates)
            if kinds != _MARGIN_OF[entry.margin]:
                what = f"the margin '{entry.margin}' does not suit this value."
                self.document.refuse((*path, "margin"), what, _MARGIN_FIX[entry.margin])
        if entry.as_of is not None and entry.time is not None:
            what = "'time' has no meaning beside 'as_of', which names its times itself."
            self.document.refuse((*path, "time"), what, "Remove it.", at_key=True)
        if entry.deprecated is not None and entry.deprecated not in known:
            what = f"there is no metric '{entry.deprecated}'."
            fix = nearest(entry.deprecated, known) or "Name the metric to use instead."
            self.document.refuse((*path, "deprecated"), what, fix)

    def _value(
        self, text: object, path: Path, known: tuple[str, ...]
    ) -> FactValue | MetricValue | None:
        where = (*path, "value")
        if not isinstance(text, str) or not text:
            return None
        try:
            value = parse_value(text)
        except ExpressionRefused as refused:
            for mistake in refused.mistakes:
                self._refuse_at(where, mistake.offset, mistake.what + ".", mistake.fix)
            return None
        if isinstance(value, FactValue):
            table = value.table
            if table.name not in self.tables:
                fix = nearest(table.name, self.tables) or "Declare it under 'tables'."
                self._refuse_at(where, table.offset, f"there is no table '{table.name}'.", fix)
                return None
            return value
        unknown = [name for name in value.inputs if name.name not in known]
        for name in unknown:
            fix = nearest(name.name, known) or "A column needs an aggregate and 'from TABLE'."
            self._refuse_at(where, name.offset, f"there is no metric '{name.name}'.", fix)
        return None if unknown else value

    def _resolve(self) -> None:
        """Follows every formula down to its facts: circles, tables and shared dimensions."""
        # None stands for a circle or what rests on one: each is told once.
        done: dict[str, Metric | None] = {}
        for name in list(self.metrics):
            self._follow(name, (), done)
        self.metrics = {name: metric for name in self.metrics if (metric := done.get(name))}

    def _follow(
        self, name: str, trail: tuple[str, ...], done: dict[str, Metric | None]
    ) -> Metric | None:
        if name in done:
            return done[name]
        if name in trail:
            circle = " -> ".join((*trail[trail.index(name) :], name))
            self.document.refuse(
                ("metrics", trail[-1], "value"),
                f"a circle of formulas: {circle}.",
                "One of them must come from facts.",
            )
            return None
        metric = self.metrics.get(name)
        if metric is None:
            return None
        if isinstance(metric.value, FactValue):
            table = self.tables[metric.value.table.name]
            done[name] = replace(metric, tables=(table.name,), dimensions=table.dimensions)
            return done[name]
        inputs = [self._follow(i, (*trail, name), done) for i in metric.inputs]
        found = [i for i in inputs if i is not None]
        if len(found) < len(inputs):
            done[name] = None
            return None
        tables = tuple(dict.fromkeys(t for i in found for t in i.tables))
        shared = tuple(d for d in found[0].dimensions if all(d in i.dimensions for i in found))
        done[name] = replace(metric, tables=tables, dimensions=shared)
        return done[name]

    def _refuse_reserved(self, key: str, path: Path) -> None:
        if key in RESERVED:
            what = f"'{key}' is a column of every answer."
            self.document.refuse(path, what, "Choose another name.", at_key=True)

    def _item(self, path: Path, index: int) -> Path:
        # `by: service` stands for a list of one.
        entry: Any = self.document.value
        for key in path:
            entry = entry[key]
        return (*path, index) if isinstance(entry, list) else path

    def _refuse_at(self, path: Path, offset: int, what: str, fix: str) -> None:
        place = self.document.place_in(path, offset)
        self.document.problems.append(Problem(self.document.name, place, what, fix))


@lru_cache(maxsize=1)
def _time_zones() -> tuple[str, ...]:
    # Looking for them reads a few hundred files.
    return tuple(sorted(available_timezones()))


def _owners(entry: _OwnersEntry) -> Owners:
    return Owners(entry.it, entry.business)
