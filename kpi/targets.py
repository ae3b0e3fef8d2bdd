"""Targets: one number, a number per period for a flow, or such numbers from dates on."""

from __future__ import annotations

import datetime as dt
import math
import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from kpi.periods import DAY, GRAINS, Calendar, Period, parse_period, period_of
from kpi.written_numbers import leading_number
from kpi.yaml_text import Document, Path, closest, nearest

_AMOUNT = r"([-+]?\d[\d_]*(?:\.\d+)?)"
_FLOW = re.compile(rf"{_AMOUNT} per (\w+)")
# How people write one that is not understood: `60 a week`, `60/week`, `8%`, `8 EUR`.
_PER = re.compile(r"\s*(?:/|per|a|an|each|every)\s*(\w+)|\s+(\w+ly)", re.I)
_UNIT = re.compile(r"\s*[%€$£]|\s+(?:percent|[A-Z]{3})")
_FROM = "from "
# A period as `periods.parse_period` reads it.
_PERIOD_SCHEMA = r"(FY)?\d{4}(-Q[1-4]|-W\d{2}|-\d{2}(-\d{2})?)?"
_ONE_SCHEMA: Mapping[str, Any] = {
    "anyOf": [
        {"type": "number"},
        {"type": "string", "pattern": f"^{_AMOUNT} per ({'|'.join(GRAINS)})$"},
    ]
}
# What an editor may let pass as a target.
TARGET_SCHEMA: dict[str, Any] = {
    "anyOf": [
        *_ONE_SCHEMA["anyOf"],
        {
            "type": "object",
            "minProperties": 1,
            "propertyNames": {"pattern": f"^{_FROM}{_PERIOD_SCHEMA}$"},
            "additionalProperties": _ONE_SCHEMA,
        },
    ]
}


@dataclass(frozen=True)
class Step:
    """A target from a day on; `per` names the period of a flow, None means a level or a rate."""

    since: dt.date | None
    value: float
    per: str | None


@dataclass(frozen=True)
class Targets:
    """The steps of a target in order of time."""

    steps: tuple[Step, ...]

    def at(self, day: dt.date) -> Step | None:
        """The step in force on a day."""
        found = None
        for step in self.steps:
            if step.since is None or step.since <= day:
                found = step
        return found

    def value(self, calendar: Calendar, period: Period) -> float | None:
        """The target of one period, in the metric's unit.

        A level is held: the step in force on the period's last day. A flow is shared out by day:
        each day bears its part of the period that the target names, so a week across two quarters
        takes days from both. None where a day of the period has no target yet.
        """
        last = self.at(period.end - DAY)
        if last is None or last.per is None:
            return None if last is None else last.value
        total = 0.0
        day = period.start
        while day < period.end:
            step = self.at(day)
            if step is None or step.per is None:
                return None
            whole = period_of(calendar, step.per, day)
            upto = min(whole.end, period.end, self._next_change(day))
            total += step.value * (upto - day).days / whole.days
            day = upto
        return total

    def _next_change(self, day: dt.date) -> dt.date:
        later = [s.since for s in self.steps if s.since is not None and s.since > day]
        return min(later, default=dt.date.max)


def parse_targets(value: Any, path: Path, document: Document, calendar: Calendar) -> Targets | None:
    """Reads `99.9`, `98900 per week` or `{from 2026-07: ..., from FY2026-Q3: ...}`."""
    if not isinstance(value, Mapping):
        step = _step(None, value, path, document)
        return Targets((step,)) if step else None
    steps: list[Step] = []
    if not value:
        document.refuse(
            path, "there is no target in it.", "Write a number, or: from 2026-07: 99.9."
        )
    for key, target in value.items():
        since = _since(str(key), calendar)
        if since is None:
            what = f"'{key}' is not a date to begin at."
            fix = "Write: from 2026-07, from 2026-07-15, or: from FY2026-Q3."
            document.refuse((*path, key), what, fix, at_key=True)
            continue
        if since in [step.since for step in steps]:
            what = f"another target begins on {since} as well."
            document.refuse((*path, key), what, "Keep one of them.", at_key=True)
            continue
        step = _step(since, target, (*path, key), document)
        if step is not None:
            steps.append(step)
    if len({step.per is None for step in steps}) > 1:
        what = "some of these targets name a period and some do not."
        document.refuse(path, what, "A flow names its period in each of them.")
        return None
    return Targets(tuple(sorted(steps, key=lambda s: s.since or dt.date.min))) if steps else None


def _step(since: dt.date | None, value: Any, path: Path, document: Document) -> Step | None:
    number = isinstance(value, (int, float)) and not isinstance(value, bool)
    if number and math.isfinite(value):
        return Step(since, float(value), None)
    if value is None:
        document.refuse(path, f"'{path[-1]}' is empty.", "Write a target behind it.")
        return None
    match = _FLOW.fullmatch(value.strip()) if isinstance(value, str) else None
    if match is None:
        fix = _meant(value) or "Write a number, or for a flow: 1200000 per quarter."
        document.refuse(path, f"'{value}' is not a target.", fix)
        return None
    if match[2] not in GRAINS:
        fix = nearest(match[2], GRAINS) or f"Known: {', '.join(GRAINS)}."
        document.refuse(path, f"there is no period '{match[2]}'.", fix)
        return None
    return Step(since, float(match[1].replace("_", "")), match[2])


def _meant(value: Any) -> str:
    """How to write a target that is understood by people only, or nothing."""
    parts = leading_number(value) if isinstance(value, str) else None
    if parts is None:
        return ""
    number, rest = parts
    if not rest:
        return f"Write it without quotes: {number}." if number == value else f"Write: {number}."
    if _UNIT.fullmatch(rest):
        return f"Write it without '{rest.strip()}': {number}."
    per = _PER.fullmatch(rest)
    grain = per and closest(per[1] or per[2], GRAINS)
    return f"Write: {number} per {grain}." if grain else ""


def _since(key: str, calendar: Calendar) -> dt.date | None:
    """The first day of the period that a key names."""
    period = parse_period(calendar, key.removeprefix(_FROM)) if key.startswith(_FROM) else None
    return period.start if period else None
