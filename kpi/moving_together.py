"""Which metrics of an edition move together: the same periods, each on its own rows."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import product

from kpi.answers import Cell, ask_apart
from kpi.association import Association, Series, associate
from kpi.editions import Edition
from kpi.periods import period_of, step
from kpi.questions import Question, can_be_asked
from kpi.scorecard import breaks, changes, last_period
from kpi.vocabulary import Metric, Outcome

# How many periods are looked at, three years of them, and how much later one may follow another.
LOOKED_AT = {"week": 156, "month": 36}
LONGEST_LAG = {"week": 8, "month": 3}
_ORDER = {"it": 0, "joint": 1, "business": 2}


def series(edition: Edition, names: Sequence[str], grain: str) -> dict[str, Series]:
    """The complete periods of these metrics, up to the last one that is over.

    A period shares no row with its neighbours here: those of a window or to date are taken from
    each period's own rows, or they would follow each other by construction. What cannot be asked by
    this grain, or rests on too few rows, is not known.
    """
    vocabulary, calendar = edition.vocabulary, edition.vocabulary.calendar
    last = last_period(edition, grain)
    start = step(calendar, last, 1 - LOOKED_AT[grain]).start
    known = vocabulary.metrics
    askable = tuple(n for n in names if can_be_asked(vocabulary, known[n], grain))
    found = {name: Series(name, (None,) * LOOKED_AT[grain]) for name in names}
    if not askable:
        return found
    question = Question(askable, grain, start=start, end=last.end, own_rows=True)
    answer, refused = ask_apart(edition, question)
    for name in askable:
        if name not in refused:
            metric, cells = known[name], answer.of(name)
            periods = [period_of(calendar, grain, c.period) for c in cells if c.period is not None]
            days = [day for day, _ in changes(vocabulary, metric)]
            values = tuple(_value(metric, cell) for cell in cells)
            found[name] = Series(name, values, breaks(periods, days))
    return found


def together(
    edition: Edition, one: Metric, other: Metric, grain: str, *, reverse: bool = False
) -> Association:
    """How two metrics move together; `reverse` lets the second be the earlier one."""
    found = series(edition, (one.name, other.name), grain)
    lags = (
        [-lag for lag in range(LONGEST_LAG[grain] + 1)] if reverse else lags_of(one, other, grain)
    )
    return associate(found[one.name], found[other.name], grain, lags)


def moves_with(edition: Edition, metric: Metric, grain: str) -> tuple[Association, ...]:
    """The other metrics of the same outcome, each with this one; the clearest first."""
    others = [m for m in edition.vocabulary.shown if m.outcome == metric.outcome and m != metric]
    return compared(edition, [in_order(metric, other) for other in others], grain)


def of_outcome(edition: Edition, outcome: Outcome, grain: str) -> tuple[Association, ...]:
    """Every IT metric of an outcome with every business metric of it; the clearest first."""
    shown = [m for m in edition.vocabulary.shown if m.outcome == outcome.name]
    it, business = ([m for m in shown if m.side == side] for side in ("it", "business"))
    return compared(edition, list(product(it, business)), grain)


def compared(
    edition: Edition, pairs: Sequence[tuple[Metric, Metric]], grain: str
) -> tuple[Association, ...]:
    """These pairs at once, the intervals widened for how many they are; the clearest first."""
    names = dict.fromkeys(metric.name for pair in pairs for metric in pair)
    found = series(edition, tuple(names), grain)
    known = [
        associate(
            found[one.name],
            found[other.name],
            grain,
            lags_of(one, other, grain),
            compared=len(pairs),
        )
        for one, other in pairs
    ]
    return tuple(sorted(known, key=lambda a: -abs(a.strongest.evidence) if a.strongest else 1.0))


def in_order(one: Metric, other: Metric) -> tuple[Metric, Metric]:
    """Two metrics as their association names them: what IT runs first, what business runs last."""
    return (other, one) if _ORDER[other.side] < _ORDER[one.side] else (one, other)


def lags_of(one: Metric, other: Metric, grain: str) -> list[int]:
    """How much later the second may come.

    Between IT and business, IT is the earlier. Elsewhere nobody knows which is, so that half as
    long is looked at in both directions: the same number of lags, or nearly.
    """
    longest = LONGEST_LAG[grain]
    if (one.side, other.side) == ("it", "business"):
        return list(range(longest + 1))
    return list(range(-(longest // 2), longest // 2 + 1))


def shared_facts(one: Metric, other: Metric) -> tuple[str, ...]:
    """The fact tables that both are computed from: part of what they share is then arithmetic."""
    return tuple(name for name in one.tables if name in other.tables)


def _value(metric: Metric, cell: Cell) -> float | None:
    enough = cell.n >= metric.min_sample
    return float(cell.value) if cell.complete and enough and cell.value is not None else None
