"""A row's recent past as what is to be drawn of it: values, routine ranges, targets, signals."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from kpi.judge import Limits
from kpi.periods import Calendar, Period, step
from kpi.scorecard import SHOWN, Row, Scorecard


@dataclass(frozen=True)
class Past:
    """What lies in which of `slots` periods, the oldest being slot 0.

    `known` has a slot, its value and whether that is a signal; a period without a number is a gap.
    `ranges` hold from a slot to before another, the last without an end. All lies between `low`
    and `high`.
    """

    slots: int
    known: tuple[tuple[int, float, bool], ...]
    targets: tuple[tuple[int, float], ...]
    ranges: tuple[tuple[int, int | None, Limits], ...]
    low: float
    high: float


def shown_periods(card: Scorecard, calendar: Calendar) -> tuple[Period, ...]:
    """The periods that a row's past shows, up to and with the last that is over."""
    back, last = SHOWN[card.grain], -1 if card.incomplete else 0
    first = last + 1 - back
    return tuple(step(calendar, card.period, count) for count in range(first, last + 1))


def past(row: Row, periods: Sequence[Period], calendar: Calendar) -> Past | None:
    """A row over these periods, the oldest first; None where nothing is known."""
    places = {period: slot for slot, period in enumerate(periods)}
    known = tuple(
        (places[point.period], point.value, point.signal is not None)
        for point in row.points
        if point.period in places and point.value is not None
    )
    if not known:
        return None
    # Nothing is drawn before the first number: a range or a target there would judge nothing.
    first = known[0][0]
    targets = tuple((s, goal) for s, goal in _targets(row, periods, calendar) if s >= first)
    ranges = _ranges(row, places, first)
    reach = [value for _, value, _ in known] + [value for _, value in targets]
    for _, _, limits in ranges:
        reach += [limits.lower, limits.upper]
    return Past(len(periods), known, targets, ranges, min(reach), max(reach))


def _ranges(
    row: Row, places: Mapping[Period, int], first: int
) -> tuple[tuple[int, int | None, Limits], ...]:
    """The routine ranges that hold in these slots.

    Where periods share rows the range is that of other values than the drawn ones.
    """
    if row.own:
        return ()
    found = []
    stretches = row.judged.stretches
    starts = [places.get(row.points[s.start].period, first) for s in stretches]
    for index, stretch in enumerate(stretches):
        end = starts[index + 1] if index + 1 < len(stretches) else None
        start = max(starts[index], first)
        if stretch.limits is not None and (end is None or end > start):
            found.append((start, end, stretch.limits))
    return tuple(found)


def _targets(row: Row, periods: Sequence[Period], calendar: Calendar) -> list[tuple[int, float]]:
    targets = row.metric.target
    if targets is None:
        return []
    found = ((slot, targets.value(calendar, period)) for slot, period in enumerate(periods))
    return [(slot, value) for slot, value in found if value is not None]
