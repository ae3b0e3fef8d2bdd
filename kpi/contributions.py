"""What each member of a dimension adds to the change of a metric between two periods.

A sum changes by the changes of its members. A ratio changes because its members changed their
share of the denominator (the mix) and because each of them got another ratio (the rate); with the
means of both periods as weights nothing is left over:

    mix  = change of the share * (mean ratio of the member - mean ratio of all)
    rate = mean share * change of the member's ratio

A member that is not there in one of the periods has the ratio of the other: all it adds is mix.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

# How far parts may be from their whole, measured by their own size: what binary fractions leave.
_HAIR = 1e-9


@dataclass(frozen=True)
class Standing:
    """A member in one period: its own value, and what it adds to the sums of the metric.

    The value is None where it is unknown. What it adds to a sum is then nothing, as the sum of all
    takes it. `below` is None for a metric that is no ratio.
    """

    value: float | None
    above: float
    below: float | None = None


@dataclass(frozen=True)
class Contribution:
    """What one member adds to a change; for a ratio `mix` and `rate` are the parts of it.

    Shares are those of the denominator, or of the sum where nothing is divided.
    """

    key: Any
    before: float | None
    after: float | None
    amount: float
    share_before: float
    share_after: float
    mix: float | None = None
    rate: float | None = None

    @property
    def share(self) -> float:
        """Its size, as the mean of both periods."""
        return (self.share_before + self.share_after) / 2


def contributions(
    before: Mapping[Any, Standing], after: Mapping[Any, Standing]
) -> tuple[Contribution, ...]:
    """Every member that is there in one of the periods, the largest contribution first.

    Raises ZeroDivisionError where the denominator of all is zero in one of them.
    """
    keys = list(dict.fromkeys((*before, *after)))
    divided = any(s.below is not None for s in (*before.values(), *after.values()))
    absent = Standing(None, 0.0, 0.0 if divided else None)
    pairs = {key: (before.get(key, absent), after.get(key, absent)) for key in keys}
    split = _ratios if divided else _sums
    return tuple(sorted(split(pairs), key=lambda c: (-abs(c.amount), str(c.key))))


def adds_up(parts: Sequence[Contribution], amount: float) -> bool:
    """Whether the parts are together this change."""
    scale = max([abs(amount), *(abs(part.amount) for part in parts), 1e-300])
    return math.isclose(
        math.fsum(part.amount for part in parts), amount, rel_tol=0, abs_tol=_HAIR * scale
    )


def concentration(parts: Sequence[Contribution]) -> float:
    """How much a dimension says about a change, from 0 to 1.

    Two things are multiplied: how little its members work against each other (the change as a
    share of all movement), and how far the movement is from where the size of the members alone
    would put it (half the sum of the differences between share of the movement and size).
    """
    moved = math.fsum(abs(part.amount) for part in parts)
    size = math.fsum(abs(part.share) for part in parts)
    if not moved or not size:
        return 0.0
    apart = sum(abs(abs(p.amount) / moved - abs(p.share) / size) for p in parts) / 2
    return apart * abs(math.fsum(part.amount for part in parts)) / moved


def rounded(amounts: Sequence[float], total: float, places: int) -> list[float]:
    """These amounts with so many decimals, so that as printed they add up to the printed total.

    Each is rounded down; the steps that are then missing go to those that lost the most (the
    method of the largest remainder).
    """
    scale = 10**places
    exact = [amount * scale for amount in amounts]
    steps = [math.floor(each) for each in exact]
    missing = round(round(total, places) * scale) - sum(steps)
    lost = sorted(range(len(exact)), key=lambda index: steps[index] - exact[index])
    whole, more = divmod(missing, len(exact)) if exact else (0, 0)
    for place, index in enumerate(lost):
        steps[index] += whole + (place < more)
    return [step / scale for step in steps]


_Pairs = Mapping[Any, tuple[Standing, Standing]]


def _sums(pairs: _Pairs) -> list[Contribution]:
    sizes = [math.fsum(abs(pair[i].above) for pair in pairs.values()) for i in (0, 1)]
    return [
        Contribution(
            key,
            before.value,
            after.value,
            after.above - before.above,
            before.above / (sizes[0] or 1.0),
            after.above / (sizes[1] or 1.0),
        )
        for key, (before, after) in pairs.items()
    ]


def _ratios(pairs: _Pairs) -> list[Contribution]:
    above = [math.fsum(pair[i].above for pair in pairs.values()) for i in (0, 1)]
    below = [math.fsum(pair[i].below or 0.0 for pair in pairs.values()) for i in (0, 1)]
    mean = (above[0] / below[0] + above[1] / below[1]) / 2
    found = []
    for key, (before, after) in pairs.items():
        both = ((before, below[0]), (after, below[1]))
        share_before, share_after = ((each.below or 0.0) / whole for each, whole in both)
        added_before, added_after = (each.above / whole for each, whole in both)
        moved, added = share_after - share_before, added_after - added_before
        # What has no denominator in either period has no share: all it adds is rate.
        own = _mean_ratio(before, after, mean)
        mix, rate = moved * (own - mean), added - moved * own
        amount = added - moved * mean
        found.append(
            Contribution(
                key, before.value, after.value, amount, share_before, share_after, mix, rate
            )
        )
    return found


def _mean_ratio(before: Standing, after: Standing, otherwise: float) -> float:
    """The mean of its two ratios, or the one that it has."""
    known = [each.above / each.below for each in (before, after) if each.below]
    return sum(known) / len(known) if known else otherwise
