"""Judges numbers by rule: status against a target, change, and signal against routine variation."""

from __future__ import annotations

from collections import deque
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from enum import StrEnum
from itertools import pairwise
from statistics import fmean
from typing import Literal

Good = Literal["up", "down"]

# Fewer points than this say too little about what is routine.
ENOUGH = 12
# 2.66 is 3 / d2 with d2 = 1.128, the bias of the mean moving range of two normal values
# (Wheeler, Understanding Variation, 1993).
_TO_LIMIT = 2.66
_RUN = 8
_NEAR, _LAST = 3, 4


class Status(StrEnum):
    """How a number stands to its target."""

    ON_TARGET = "on target"
    NEAR = "near"
    OFF_TARGET = "off target"
    NO_TARGET = "no target"
    NO_DATA = "no data"
    TOO_FEW = "too few"


class Verdict(StrEnum):
    """Whether a movement is in the good direction."""

    BETTER = "better"
    WORSE = "worse"
    SAME = "same"


@dataclass(frozen=True)
class Change:
    """The difference to an earlier period, in the metric's unit."""

    amount: float
    verdict: Verdict


@dataclass(frozen=True)
class Limits:
    """The routine range: the average and the natural process limits around it."""

    average: float
    lower: float
    upper: float
    points: int


@dataclass(frozen=True)
class Signal:
    """A change beyond routine variation: which rule saw it, on which side, for how many points."""

    rule: Literal["outside", "run", "near"]
    side: Literal["above", "below"]
    points: int
    verdict: Verdict

    def words(self, grain: str) -> str:
        """In a few words: 'above its range', '8 weeks below average'."""
        if self.rule == "outside":
            running = f", {self.points} {grain}s running" if self.points > 1 else ""
            return f"{self.side} its range{running}"
        if self.rule == "run":
            return f"{self.points} {grain}s {self.side} average"
        edge = "upper" if self.side == "above" else "lower"
        return f"3 of 4 {grain}s near its {edge} limit"


@dataclass(frozen=True)
class Stretch:
    """Neighbouring points that mean the same: the index of the first, and their routine range."""

    start: int
    limits: Limits | None


@dataclass(frozen=True)
class Judged:
    """A series judged: for each point the signal there, and the stretches it falls into."""

    signals: tuple[Signal | None, ...]
    stretches: tuple[Stretch, ...]

    @property
    def limits(self) -> Limits | None:
        """The routine range of the last stretch, in which the latest point lies."""
        return self.stretches[-1].limits

    @property
    def latest(self) -> Signal | None:
        """The signal at the last point."""
        return self.signals[-1] if self.signals else None


def status(
    value: float | None,
    n: int,
    *,
    target: float | None,
    tolerance: float,
    good: Good,
    min_sample: int = 0,
) -> Status:
    """The status of a number; all in the metric's unit."""
    if value is None:
        return Status.NO_DATA
    if n < min_sample:
        return Status.TOO_FEW
    if target is None:
        return Status.NO_TARGET
    missing = target - value if good == "up" else value - target
    # A hair's breadth for what binary fractions cannot say: 99.9 - 0.05 is not 99.85.
    hair = 1e-9 * max(abs(target), abs(value), tolerance)
    if missing <= hair:
        return Status.ON_TARGET
    return Status.NEAR if missing <= tolerance + hair else Status.OFF_TARGET


def change(
    value: float | None, before: float | None, good: Good, decimals: int | None = None
) -> Change | None:
    """The change since an earlier value; None where one of them is unknown.

    Below the metric's decimals nothing is called better or worse.
    """
    if value is None or before is None:
        return None
    amount = value - before
    if decimals is not None and round(amount, decimals) == 0:
        return Change(amount, Verdict.SAME)
    return Change(amount, _verdict(amount, good))


def judge(values: Sequence[float | None], good: Good, breaks: Sequence[int] = ()) -> Judged:
    """Limits and signals of a series of complete periods in order of time (an XmR chart).

    Limits are average ± 2.66 times the mean moving range. A point is a signal when it lies outside
    them, when it is at least the eighth on one side of the average in a row, or when three of the
    last four points, itself among them, lie nearer to a limit than to the average on one side
    (Wheeler's detection rules). Unknown points are left out and interrupt nothing.

    `breaks` are the indexes at which a new stretch begins, because the metric means something else
    from there on. Each stretch has its own limits, and no rule looks across a break.
    """
    starts = [0, *sorted({index for index in breaks if 0 < index < len(values)})]
    signals: list[Signal | None] = []
    stretches = []
    for start, end in pairwise([*starts, len(values)]):
        limits, found = _judge_stretch(values[start:end], good)
        stretches.append(Stretch(start, limits))
        signals += found
    return Judged(tuple(signals), tuple(stretches))


def _judge_stretch(
    values: Sequence[float | None], good: Good
) -> tuple[Limits | None, list[Signal | None]]:
    known = [value for value in values if value is not None]
    if len(known) < ENOUGH:
        return None, [None] * len(values)
    limits = _limits(known)
    found = _signals(known, limits, good)
    return limits, [None if value is None else next(found) for value in values]


def _limits(values: Sequence[float]) -> Limits:
    average = fmean(values)
    moving = fmean(abs(b - a) for a, b in pairwise(values))
    reach = _TO_LIMIT * moving
    return Limits(average, average - reach, average + reach, len(values))


def _signals(values: Sequence[float], limits: Limits, good: Good) -> Iterator[Signal | None]:
    reach = limits.upper - limits.average
    before = run = outside = 0
    near: deque[int] = deque(maxlen=_LAST)
    for value in values:
        offset = value - limits.average
        # What rounding leaves of a series that never moves lies on neither side.
        hair = 1e-12 * max(abs(value), abs(limits.average))
        sign = 0 if abs(offset) <= hair else 1 if offset > 0 else -1
        if sign != before:
            run = outside = 0
        run += 1
        outside = outside + 1 if abs(offset) > reach else 0
        near.append(sign if abs(offset) > reach / 2 else 0)
        before = sign
        if sign == 0:
            yield None
            continue
        side: Literal["above", "below"] = "above" if sign > 0 else "below"
        verdict = _verdict(sign, good)
        if outside:
            yield Signal("outside", side, outside, verdict)
        elif run >= _RUN:
            yield Signal("run", side, run, verdict)
        elif near[-1] and near.count(sign) >= _NEAR:
            yield Signal("near", side, near.count(sign), verdict)
        else:
            yield None


def _verdict(amount: float, good: Good) -> Verdict:
    if amount == 0:
        return Verdict.SAME
    return Verdict.BETTER if (amount > 0) == (good == "up") else Verdict.WORSE
