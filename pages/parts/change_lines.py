"""What is said of a change: the lines of its table, and the sentence that stands above them."""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from kpi.contributions import Contribution, rounded
from kpi.explanation import Explained
from kpi.formats import Formats, decimals
from kpi.vocabulary import Metric
from pages.parts.addresses import key_name

# A member that moved less than this part of all movement is one of the others, and so is what
# comes after so many.
_LEAST, _MOST = 0.03, 10
# The sentence names so many reasons, each at least this part of the change.
_REASONS, _WORTH_NAMING = 3, 0.1


@dataclass(frozen=True)
class Shown:
    """A line of the table: a member, or others together; amounts as they are printed.

    `bars` are the unrounded lengths of its bars: mix and rate, or the amount alone.
    """

    part: Contribution | None
    count: int
    amount: float
    mix: float
    rate: float
    bars: tuple[float, ...]
    share_before: float
    share_after: float

    def name(self, formats: Formats) -> str:
        """What it is called: the member, or how many others it is made of."""
        return key_name(self.part.key) if self.part else f"{formats.count(self.count)} others"


def shown(metric: Metric, one: Explained) -> tuple[Shown, ...]:
    """The lines of the table; their printed amounts add up to the printed change."""
    moved = math.fsum(abs(part.amount) for part in one.parts)
    named = [part for part in one.parts[:_MOST] if moved and abs(part.amount) >= _LEAST * moved]
    others = one.parts[len(named) :]
    if len(others) == 1:
        named, others = list(one.parts), ()
    groups: list[Sequence[Contribution]] = [[part] for part in named]
    groups += [others] if others else []
    places = decimals(metric)
    amounts = rounded([math.fsum(p.amount for p in group) for group in groups], one.amount, places)
    lines = []
    for group, amount in zip(groups, amounts, strict=True):
        exact = (math.fsum(p.mix or 0.0 for p in group), math.fsum(p.rate or 0.0 for p in group))
        mix, rate = rounded(exact, amount, places) if one.is_ratio else (0.0, amount)
        bars = exact if one.is_ratio else (math.fsum(p.amount for p in group),)
        lines.append(
            Shown(
                group[0] if group is not others else None,
                len(group),
                amount,
                mix,
                rate,
                bars,
                math.fsum(p.share_before for p in group),
                math.fsum(p.share_after for p in group),
            )
        )
    return tuple(lines)


def sentence(formats: Formats, metric: Metric, one: Explained, lines: Sequence[Shown]) -> str:
    """'Down 3.2 points: 2.5 because Checkout got worse, 0.7 from all others.'"""
    places = decimals(metric)
    total = round(one.amount, places)
    reasons = sorted(_reasons(formats, metric, one, lines), key=lambda r: -abs(r[0]))
    if total == 0:
        pulled = ", ".join(
            f"{formats.number(amount, places, sign=True)} because {why}"
            for amount, why in reasons[:2]
        )
        return f"No change as printed: {pulled}." if pulled else "No change as printed."
    along = [
        (amount, why)
        for amount, why in reasons
        if amount * total > 0 and abs(amount) >= _WORTH_NAMING * abs(total)
    ][:_REASONS]
    said = [f"{formats.number(abs(amount), places)} because {why}" for amount, why in along]
    rest = round(total - math.fsum(amount for amount, _ in along), places)
    if rest:
        less = "less " if rest * total < 0 else ""
        everything = "everything else together" if along else "many small parts"
        said.append(f"{less}{formats.number(abs(rest), places)} from {everything}")
    points = "point" if abs(total) == 1 else "points"
    unit = points if metric.unit in ("%", "points") else formats.unit(metric)
    amount = f"{formats.number(abs(total), places)} {unit}".strip()
    return f"{'Up' if total > 0 else 'Down'} {amount}: {', '.join(said)}."


def _reasons(
    formats: Formats, metric: Metric, one: Explained, lines: Sequence[Shown]
) -> Iterator[tuple[float, str]]:
    for line in lines:
        if line.part is None:
            continue
        name = line.name(formats)
        if not one.is_ratio:
            there = "rose" if line.amount > 0 else "fell"
            yield line.amount, f"{name} {there}"
            continue
        if line.mix:
            yield line.mix, f"{name} {_weight(line)}"
        if line.rate:
            better = (line.rate > 0) == (metric.good == "up")
            yield line.rate, f"{name} got {'better' if better else 'worse'}"


def _weight(line: Shown) -> str:
    if not line.share_before:
        return "is new"
    if not line.share_after:
        return "is gone"
    return f"makes up {'more' if line.share_after > line.share_before else 'less'} of it"
