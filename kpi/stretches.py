"""Stretches of days, half open: made of days, joined, taken from each other."""

from __future__ import annotations

import datetime as dt
import itertools
from collections.abc import Iterable, Sequence

from kpi.periods import DAY

Stretch = tuple[dt.date, dt.date]


def of_days(days: Iterable[dt.date]) -> list[Stretch]:
    """The stretches that single days make up."""
    return joined((day, day + DAY) for day in days)


def joined(stretches: Iterable[Stretch]) -> list[Stretch]:
    """The same days in as few stretches as possible, in their order."""
    found: list[Stretch] = []
    for first, end in sorted(stretches):
        if found and first <= found[-1][1]:
            found[-1] = (found[-1][0], max(found[-1][1], end))
        else:
            found.append((first, end))
    return found


def at_most(stretches: Iterable[Stretch], many: int) -> list[Stretch]:
    """So many stretches that hold these, with the smallest gaps between them filled."""
    found = joined(stretches)
    while len(found) > many:
        gaps = [later[0] - earlier[1] for earlier, later in itertools.pairwise(found)]
        at = gaps.index(min(gaps))
        found[at : at + 2] = [(found[at][0], found[at + 1][1])]
    return found


def without(stretches: Sequence[Stretch], others: Iterable[Stretch]) -> list[Stretch]:
    """What is left of these where others are taken away."""
    left = joined(stretches)
    for first, end in joined(others):
        cut: list[Stretch] = []
        for low, high in left:
            cut += [(low, min(high, first)), (max(low, end), high)]
        left = [(low, high) for low, high in cut if low < high]
    return left
