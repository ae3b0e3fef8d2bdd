"""A metric's recent past as one line of SVG: routine range, target, signals, and a sentence."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from kpi.formats import Formats
from kpi.past import past
from kpi.periods import Period
from kpi.row_words import signal_words
from kpi.scorecard import Row
from pages.parts.frame import escaped

# The drawing's own units; it is stretched to its cell, and strokes are not.
_WIDTH, _HEIGHT, _EDGE = 176.0, 24.0, 3.0


@dataclass(frozen=True)
class _Scale:
    low: float
    high: float
    slots: int

    def x(self, slot: int) -> float:
        steps = max(self.slots - 1, 1)
        return round(_EDGE + (_WIDTH - 2 * _EDGE) * slot / steps, 1)

    def y(self, value: float) -> float:
        share = (value - self.low) / (self.high - self.low) if self.high > self.low else 0.5
        return round(_HEIGHT - _EDGE - share * (_HEIGHT - 2 * _EDGE), 1)


def sparkline(row: Row, periods: Sequence[Period], formats: Formats) -> str:
    """A row over these periods, the oldest first; a period without a number is a gap."""
    drawn = past(row, periods, formats.calendar)
    if drawn is None:
        return (
            '<svg class="spark" role="img" aria-label="No numbers yet" viewBox="0 0 176 24" '
            'preserveAspectRatio="none"><path class="nothing" d="M3 12H173"/></svg>'
        )
    known, targets = drawn.known, drawn.targets
    scale = _Scale(drawn.low, drawn.high, drawn.slots)
    parts = []
    for start, end, limits in drawn.ranges:
        top, bottom = scale.y(limits.upper), scale.y(limits.lower)
        left = scale.x(start) - _EDGE
        right = _WIDTH if end is None else scale.x(end) - _EDGE
        parts.append(
            f'<rect class="routine" x="{left:.1f}" y="{top}" width="{right - left:.1f}"'
            f' height="{bottom - top:.1f}"/>'
        )
    if targets:
        parts.append(f'<path class="target" d="{_line(targets, scale)}"/>')
    parts.append(f'<path class="line" d="{_line([(s, v) for s, v, _ in known], scale)}"/>')
    signals = [(s, v) for s, v, signal in known[:-1] if signal]
    if signals:
        parts.append(f'<path class="dots signal" d="{_dots(signals, scale)}"/>')
    slot, value, signal = known[-1]
    last = "last signal" if signal else "last"
    parts.append(f'<path class="{last}" d="{_dots([(slot, value)], scale)}"/>')
    return (
        f'<svg class="spark" role="img" aria-label="{escaped(sentence(row, known, formats))}" '
        f'viewBox="0 0 176 24" preserveAspectRatio="none">{"".join(parts)}</svg>'
    )


def sentence(row: Row, known: Sequence[tuple[int, float, object]], formats: Formats) -> str:
    """What the drawing shows, for those who do not see it."""
    metric = row.metric
    grain = row.period.grain
    said = f"{len(known)} {grain}s, " if len(known) > 1 else f"1 {grain}, "
    said += f"from {formats.with_unit(metric, known[0][1])} to "
    said += formats.with_unit(metric, known[-1][1])
    if row.judged.limits:
        lower, upper = row.judged.limits.lower, row.judged.limits.upper
        of = f" of each {grain}'s own rows" if row.own else ""
        said += f"; routine range{of} {formats.value(metric, lower)} to "
        said += formats.value(metric, upper)
    # The share of a few days says nothing about the whole periods that are drawn.
    if row.target is not None and row.days is None:
        at = "at least" if metric.good == "up" else "at most"
        said += f"; target {at} {formats.target_value(metric, row.target)}"
    return f"{said}; {signal_words(row)}"


def _line(points: Sequence[tuple[int, float]], scale: _Scale) -> str:
    """Straight lines between neighbours; where a period is missing the pen is lifted."""
    path = []
    before = None
    for slot, value in points:
        at = f"{scale.x(slot)} {scale.y(value)}"
        # A point on its own would have no length, and so not be seen.
        path.append(f"L{at}" if before is not None and slot == before + 1 else f"M{at}h0")
        before = slot
    return "".join(path)


def _dots(points: Sequence[tuple[int, float]], scale: _Scale) -> str:
    return "".join(f"M{scale.x(slot)} {scale.y(value)}h0" for slot, value in points)
