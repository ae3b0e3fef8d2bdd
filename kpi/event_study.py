"""What events did to a metric: the hours around them against the same hours of other weeks."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np

from kpi.hourly import Hourly, Step
from kpi.intervals import half_width

# Fewer events than this say too little about what one does.
ENOUGH_EVENTS = 10


@dataclass(frozen=True)
class Around:
    """How many hours (or days) around an event are looked at.

    `first` are those after it that its cost is added up over; `week` is how many make a week, and
    `weeks` how many weeks before and after an event's own are usual, where at least `usual` of
    them on either side hold no other event.
    """

    before: int
    after: int
    first: int
    week: int
    weeks: int = 6
    usual: int = 2


AROUND: Mapping[Step, Around] = {
    "hour": Around(before=12, after=24, first=8, week=168),
    "day": Around(before=3, after=7, first=3, week=7),
}


@dataclass(frozen=True)
class Effect:
    """How far the metric was from what is usual, with its 95 % interval."""

    mean: float
    low: float
    high: float

    @property
    def is_clear(self) -> bool:
        """Whether the interval leaves out that there is none."""
        return self.low > 0 or self.high < 0


@dataclass(frozen=True)
class Cost:
    """What events did to a metric, from some hours (or days) before them on.

    `hours` are the effects of each, from `-around.before` on. `total` is added up over the first
    ones after an event where the metric is a sum; of a ratio it is how far it was off over all of
    them together. `control` is the same of the hours before, over their mean. `usual` is what the
    first ones otherwise bring. Without enough events there are no effects. `left_out` counts the
    other events by why they could not be used.
    """

    step: Step
    around: Around
    events: int
    left_out: Mapping[str, int]
    hours: tuple[Effect, ...] = ()
    total: Effect | None = None
    control: Effect | None = None
    usual: float = math.nan
    is_sum: bool = True

    @property
    def offsets(self) -> tuple[int, ...]:
        """How many hours (or days) after an event each effect is."""
        return tuple(range(-self.around.before, self.around.after + 1))


TOO_NEAR = "another event was too near"
EDGE = "too near to where the numbers begin or end"
NOT_USUAL = "too few weeks without another event to compare with"
UNKNOWN = "an hour around it is unknown"


def cost(hourly: Hourly, instants: np.ndarray, *, compared: int = 1) -> Cost:
    """What these events, as naive UTC instants, did to a metric.

    An event is used where no other one lies so near that its hours could be the other's, and where
    there are usual weeks on both sides. Every event counts once: intervals come from leaving out
    one at a time (the jackknife, which for a sum is the interval of a mean). They are widened for
    how many costs are `compared` with each other.
    """
    around = AROUND[hourly.step]
    # An event of one hour and another of the same hour are each too near to the other.
    at = np.sort(hourly.indexes(instants))
    used, left_out = _apart(at, around, len(hourly.above))
    found = _measured(hourly, at, used, around)
    enough, known = found.usual_weeks, found.known
    left_out[NOT_USUAL] = int(np.sum(~enough))
    left_out[UNKNOWN] = int(np.sum(enough & ~known))
    found = found.of(enough & known)
    left_out = {why: count for why, count in left_out.items() if count}
    is_sum = hourly.below is None
    if found.count < ENOUGH_EVENTS:
        return Cost(hourly.step, around, found.count, left_out, is_sum=is_sum)
    begin = around.before
    first = slice(begin, begin + around.first)
    usual = np.sum(found.usual_above[:, first]) / np.sum(found.usual_below[:, first])
    confidence = 1 - 0.05 / compared
    return Cost(
        hourly.step,
        around,
        found.count,
        left_out,
        tuple(found.effect(slice(i, i + 1), confidence) for i in range(begin + around.after + 1)),
        found.effect(first, confidence, times=around.first if is_sum else 1),
        found.effect(slice(0, begin), confidence),
        float(usual),
        is_sum,
    )


@dataclass(frozen=True)
class _Measured:
    """A row an event, a column an hour: what was, and what is usual there."""

    above: np.ndarray
    below: np.ndarray
    usual_above: np.ndarray
    usual_below: np.ndarray
    usual_weeks: np.ndarray
    known: np.ndarray

    @property
    def count(self) -> int:
        return len(self.above)

    def of(self, chosen: np.ndarray) -> _Measured:
        """The same of these events alone."""
        return _Measured(*(values[chosen] for values in vars(self).values()))

    def effect(self, hours: slice, confidence: float, times: int = 1) -> Effect:
        """How far the mean of these hours is off, with its interval; `times` as much of it."""
        parts = (self.above, self.below, self.usual_above, self.usual_below)
        sums = [part[:, hours].sum(axis=1) for part in parts]
        with np.errstate(invalid="ignore", divide="ignore"):
            off = _off(*(each.sum() for each in sums))
            # The same without each event in turn.
            without = _off(*(each.sum() - each for each in sums))
        spread = math.sqrt((self.count - 1) / self.count * np.sum((without - without.mean()) ** 2))
        reach = half_width(spread, self.count, confidence)
        return Effect(*(float(times * value) for value in (off, off - reach, off + reach)))


def _off(above: Any, below: Any, usual_above: Any, usual_below: Any) -> Any:
    return above / below - usual_above / usual_below


def _apart(at: np.ndarray, around: Around, count: int) -> tuple[np.ndarray, dict[str, int]]:
    """The events that stand alone and within the numbers, and how many others there are."""
    before = np.diff(at, prepend=-math.inf) > around.before + around.first
    after = np.diff(at, append=math.inf) > around.after
    alone = before & after
    within = (at >= around.before) & (at + around.after < count)
    left_out = {TOO_NEAR: int(np.sum(~alone)), EDGE: int(np.sum(alone & ~within))}
    return at[alone & within], left_out


def _measured(hourly: Hourly, at: np.ndarray, used: np.ndarray, around: Around) -> _Measured:
    hours = used[:, None] + np.arange(-around.before, around.after + 1)
    touched = np.zeros(len(hourly.above), dtype=bool)
    for index in at:
        touched[index : index + around.after + 1] = True
    above, below = _values(hourly)
    usual = [_usual(hourly, values, hours, touched, around) for values in (above, below)]
    known = np.isfinite(above[hours]).all(axis=1) & np.isfinite(below[hours]).all(axis=1)
    return _Measured(
        above[hours],
        below[hours],
        usual[0],
        usual[1],
        np.isfinite(usual[0]).all(axis=1) & np.isfinite(usual[1]).all(axis=1),
        known,
    )


def _values(hourly: Hourly) -> tuple[np.ndarray, np.ndarray]:
    """What is added up, and what it is divided by: 1 for a sum, so that it becomes a mean.

    An hour in which one part of a ratio is unknown says nothing about it, and adds nothing.
    """
    if hourly.below is None:
        return hourly.above, np.ones(len(hourly.above))
    known = np.isfinite(hourly.above) & np.isfinite(hourly.below)
    return np.where(known, hourly.above, 0.0), np.where(known, hourly.below, 0.0)


def _usual(
    hourly: Hourly, values: np.ndarray, hours: np.ndarray, touched: np.ndarray, around: Around
) -> np.ndarray:
    """What the same hours of the week bring in the weeks around, NaN where too few are usual.

    It lies on the line between the mean of the weeks before and that of the weeks after, at the
    event's own week: where metrics grow, neither side alone would be fair.
    """
    means, distances = [], []
    for side in (-1, 1):
        weeks = range(1, around.weeks + 1)
        told = np.array(
            [
                _same_hours(hourly, values, hours, touched, side * week * around.week)
                for week in weeks
            ]
        )
        known = np.isfinite(told)
        counted = known.sum(axis=0)
        enough = np.where(counted >= around.usual, counted, np.nan)
        means.append(np.nansum(told, axis=0) / enough)
        distances.append(np.tensordot(np.array(weeks), known, axes=1) / enough)
    before, after = distances
    return np.asarray((means[0] * after + means[1] * before) / (before + after))


def _same_hours(
    hourly: Hourly, values: np.ndarray, hours: np.ndarray, touched: np.ndarray, later: int
) -> np.ndarray:
    """The values at which clocks show the same so many hours later, NaN where none can be taken."""
    last = len(values) - 1
    guess = np.clip(hours + later, 0, last)
    one = hourly.clock[1] - hourly.clock[0] if last else np.timedelta64(1, "h")
    wanted = hourly.clock[hours] + later * one
    # Where clocks were changed in between, as many hours further on.
    there = guess + ((wanted - hourly.clock[guess]) // one).astype(int)
    there = np.clip(there, 0, last)
    # An hour that clocks skipped is nowhere; beyond the numbers is nothing.
    usable = (hourly.clock[there] == wanted) & ~touched[there]
    return np.where(usable, values[there], np.nan)
