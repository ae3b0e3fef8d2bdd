"""Reads one entry under `metrics:` and notes what its keys have wrong, alone and together."""

from __future__ import annotations

import datetime as dt
from collections.abc import Collection, Mapping
from dataclasses import dataclass
from decimal import Decimal, InvalidOperation
from typing import Any

from kpi.allowlist import ExpressionRefused, Name
from kpi.expression import FactValue, MetricValue, columns_alone, parse_value
from kpi.grammar import MetricEntry, OwnersEntry, TestEntry
from kpi.periods import Calendar, parse_period
from kpi.reach import AsOf, Latest, Own, Reach, ToDate, Window, parse_span
from kpi.targets import Targets, parse_targets
from kpi.vocabulary import KnownAnswer, Metric, Outcome, Owners, Table
from kpi.yaml_text import Document, Path, Problem, choice, nearest

_REACHES = ("window", "to_date", "as_of", "latest")
_MARGIN_OF = {"nps": ("count_if", "count_if", "count"), "share": ("count_if", "count")}
_MARGIN_FIX = {
    "nps": "It goes with 100 * (count_if(...) - count_if(...)) / count(...).",
    "share": "It goes with 100 * count_if(...) / count(...).",
}


@dataclass(frozen=True)
class MetricReader:
    """What an entry is checked against.

    `known` are the names of all metrics in the file, `elsewhere` those of entries that stand where
    they do not belong.
    """

    document: Document
    calendar: Calendar
    tables: Mapping[str, Table]
    outcomes: Mapping[str, Outcome]
    known: tuple[str, ...]
    elsewhere: Collection[str] = ()

    def read(self, key: str, entry: MetricEntry, path: Path) -> Metric | None:
        """The metric of a checked entry; None where nothing of its value is understood."""
        raw = self.document.at(path)
        given = raw if isinstance(raw, Mapping) else {}
        self._outcome(given, path)
        value, whole = self._value(given.get("value"), path)
        target = self._target(entry, path)
        reach = self._reach(entry, path)
        changed = self._changes(entry.changed, (*path, "changed"))
        tests = self._tests(entry.test, (*path, "test"))
        self._together(entry, path)
        if value is None:
            return None
        if whole:
            self._with_value(entry, value, path)
        return Metric(
            name=key,
            label=entry.label,
            definition=entry.definition,
            side=entry.side,
            outcome=entry.outcome,
            owners=owners(entry.owners),
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
            reach=reach,
            margin=entry.margin,
            changed=changed,
            deprecated=entry.deprecated,
            tests=tests,
            entry=self.document.lines(path),
        )

    def _outcome(self, given: Mapping[str, Any], path: Path) -> None:
        outcome = given.get("outcome")
        there = (*self.outcomes, *self.elsewhere)
        if isinstance(outcome, str) and outcome and outcome not in there:
            labels = {name: each.label for name, each in self.outcomes.items()}
            fix = choice(outcome, labels) or "Declare it under 'outcomes'."
            self.document.refuse((*path, "outcome"), f"there is no outcome '{outcome}'.", fix)

    def _value(self, text: object, path: Path) -> tuple[FactValue | MetricValue | None, bool]:
        """The value, and whether all of it is understood."""
        where = (*path, "value")
        if not isinstance(text, str) or not text:
            return None, False
        try:
            value = parse_value(text)
        except ExpressionRefused as refused:
            for mistake in refused.mistakes:
                self._refuse_at(where, mistake.offset, mistake.what + ".", mistake.fix)
            if refused.table is None or not self._is_table(refused.table, where):
                return None, False
            return columns_alone(refused.table, refused.columns), False
        if isinstance(value, FactValue):
            there = self._is_table(value.table, where)
            return (value, True) if there else (None, False)
        unknown = [i for i in value.inputs if i.name not in (*self.known, *self.elsewhere)]
        for name in unknown:
            fix = nearest(name.name, self.known) or "A column needs an aggregate and 'from TABLE'."
            self._refuse_at(where, name.offset, f"there is no metric '{name.name}'.", fix)
        return (None, False) if unknown else (value, True)

    def _is_table(self, table: Name, path: Path) -> bool:
        """Whether there is such a table; where there is none, that is noted."""
        if table.name not in self.tables and table.name not in self.elsewhere:
            rows = {name: each.row for name, each in self.tables.items()}
            fix = choice(table.name, rows) or "Declare it under 'tables'."
            self._refuse_at(path, table.offset, f"there is no table '{table.name}'.", fix)
        return table.name in self.tables

    def _target(self, entry: MetricEntry, path: Path) -> Targets | None:
        if entry.target is None:
            return None
        return parse_targets(entry.target, (*path, "target"), self.document, self.calendar)

    def _reach(self, entry: MetricEntry, path: Path) -> Reach:
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

    def _changes(self, changed: Mapping[str, str], path: Path) -> tuple[tuple[dt.date, str], ...]:
        found = []
        for key, what in changed.items():
            try:
                found.append((dt.date.fromisoformat(key), what))
            except ValueError:
                fix = "Write: {2026-06-01: what changed}."
                self.document.refuse((*path, key), f"'{key}' is not a day.", fix, at_key=True)
        return tuple(sorted(found))

    def _tests(self, entries: list[TestEntry], path: Path) -> tuple[KnownAnswer, ...]:
        """The known answers, each at the place in the file that its position says, or none."""
        found = []
        for index, entry in enumerate(entries):
            where = self.document.item(path, index)
            period = parse_period(self.calendar, str(entry.period))
            if period is None:
                what = f"'{entry.period}' is not a period."
                fix = "For example 2025-03, 2025-Q1, 2025-W12, 2025-03-14 or 2025."
                self.document.refuse((*where, "period"), what, fix)
            else:
                places = _places(self.document.written((*where, "equals")))
                answer = KnownAnswer(period.grain, period.start, entry.where, entry.equals, places)
                found.append(answer)
        return tuple(found) if len(found) == len(entries) else ()

    def _together(self, entry: MetricEntry, path: Path) -> None:
        """What the keys of an entry must have to do with each other, whatever its value is."""
        reaches = _reaches(entry)
        for key in reaches[1:]:
            what = f"'{key}' and '{reaches[0]}' exclude each other."
            self.document.refuse((*path, key), what, "Keep one of them.", at_key=True)
        if entry.as_of is not None and entry.time is not None:
            what = "'time' has no meaning beside 'as_of', which names its times itself."
            self.document.refuse((*path, "time"), what, "Remove it.", at_key=True)
        there = (*self.known, *self.elsewhere)
        if entry.deprecated is not None and entry.deprecated not in there:
            what = f"there is no metric '{entry.deprecated}'."
            fix = nearest(entry.deprecated, self.known) or "Name the metric to use instead."
            self.document.refuse((*path, "deprecated"), what, fix)

    def _with_value(self, entry: MetricEntry, value: FactValue | MetricValue, path: Path) -> None:
        """Which keys the value allows."""
        if isinstance(value, MetricValue):
            what = "'{}' belongs to a value from a fact table, not to a formula."
            fix = "Put it into the metrics that the formula names."
            for key in (*_reaches(entry), *(["margin"] if entry.margin else [])):
                self.document.refuse((*path, key), what.format(key), fix, at_key=True)
            if entry.time is not None:
                fix = "Remove it: each input is counted on its own time."
                self.document.refuse((*path, "time"), what.format("time"), fix, at_key=True)
        elif entry.margin is not None:
            kinds = tuple(aggregate.kind for aggregate in value.aggregates)
            if kinds != _MARGIN_OF[entry.margin]:
                what = f"the margin '{entry.margin}' does not suit this value."
                self.document.refuse((*path, "margin"), what, _MARGIN_FIX[entry.margin])

    def _refuse_at(self, path: Path, offset: int, what: str, fix: str) -> None:
        place = self.document.place_in(path, offset)
        self.document.problems.append(Problem(self.document.name, place, what, fix))


def owners(entry: OwnersEntry) -> Owners:
    """The two roles as the file names them."""
    return Owners(entry.it, entry.business)


def _places(number: str) -> int:
    """How many decimals a number was written with: 2 for 4.90."""
    try:
        exponent = Decimal(number.replace("_", "")).as_tuple().exponent
    except InvalidOperation:
        # Hexadecimal and octal numbers have none.
        return 0
    return max(-exponent, 0) if isinstance(exponent, int) else 0


def _reaches(entry: MetricEntry) -> list[str]:
    return [key for key in _REACHES if getattr(entry, key) is not None]
