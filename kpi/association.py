"""Whether two metrics move together: how strongly, how much later, and how sure that is."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import pandas as pd

from kpi.intervals import correlation_interval, evidence
from kpi.prewhitening import counted_once, memory, without_memory, without_slow_part

# Fewer pairs than this say too little about how two metrics move.
ENOUGH_PAIRS = 24
PERIODS_A_YEAR = {"week": 365.25 / 7, "month": 12.0}


@dataclass(frozen=True)
class Series:
    """A metric's values over neighbouring periods, None where nothing is known.

    `steps` are the indexes at which it began to mean something else.
    """

    metric: str
    values: tuple[float | None, ...]
    steps: tuple[int, ...] = ()

    @property
    def known(self) -> int:
        """How many periods have a value."""
        return sum(value is not None for value in self.values)

    @property
    def moves(self) -> bool:
        """Whether it ever changes."""
        return len({value for value in self.values if value is not None}) > 1


@dataclass(frozen=True)
class Lag:
    """How two metrics move where the second comes `periods` later; earlier where that is negative.

    `strength` is a rank correlation, -1 to 1, of so many `pairs` of periods. The interval holds
    for all lags looked at together, and all pairs of metrics compared.
    """

    periods: int
    strength: float
    low: float
    high: float
    pairs: int
    evidence: float

    @property
    def is_clear(self) -> bool:
        """Whether the interval leaves out that they do not move together."""
        return self.low > 0 or self.high < 0


@dataclass(frozen=True)
class Association:
    """Two metrics over the same periods: at each lag, and at the clearest one.

    `pairs` are the most periods in which both were known, `compared` how many pairs of metrics the
    intervals are widened for.
    """

    first: str
    second: str
    grain: str
    lags: tuple[Lag, ...]
    pairs: int
    compared: int = 1

    @property
    def strongest(self) -> Lag | None:
        """The lag with the most evidence; None where there is too little to look at."""
        return max(self.lags, key=lambda lag: abs(lag.evidence), default=None)

    @property
    def clear(self) -> Lag | None:
        """The lag at which they clearly move together; None where there is none."""
        strongest = self.strongest
        return strongest if strongest is not None and strongest.is_clear else None


def associate(
    first: Series, second: Series, grain: str, lags: Sequence[int], *, compared: int = 1
) -> Association:
    """How two metrics of the same periods move at these lags, `compared` pairs at once.

    Trend, season and what the earlier of the two foretells of itself are taken out of both before
    they are held against each other. A lag with too few pairs is left out. The intervals are
    Bonferroni's: 95 % for all that is looked at together.
    """
    pairs = sum(
        a is not None and b is not None for a, b in zip(first.values, second.values, strict=True)
    )
    if min(pairs, first.known, second.known) < ENOUGH_PAIRS or not (first.moves and second.moves):
        return Association(first.metric, second.metric, grain, (), pairs, compared)
    slow = [without_slow_part(_array(s), PERIODS_A_YEAR[grain], s.steps) for s in (first, second)]
    met = [
        (lag, *met, repeated)
        for earlier, chosen in ((0, [g for g in lags if g >= 0]), (1, [g for g in lags if g < 0]))
        if chosen
        for lag, met, repeated in _met(slow, earlier, chosen)
    ]
    confidence = 1 - 0.05 / max(len(met) * compared, 1)
    found = []
    for lag, strength, count, repeated in sorted(met):
        low, high = correlation_interval(strength, count / repeated, confidence)
        seen = evidence(strength, count / repeated)
        found.append(Lag(lag, strength, low, high, count, seen))
    return Association(first.metric, second.metric, grain, tuple(found), pairs, compared)


def _met(
    slow: Sequence[np.ndarray], earlier: int, lags: Sequence[int]
) -> list[tuple[int, tuple[float, int], float]]:
    """The correlation and the number of pairs at each lag at which this one is the earlier."""
    weights = memory(slow[earlier])
    first, second = (without_memory(values, weights) for values in slow)
    repeated = counted_once(first, second)
    found = []
    for lag in lags:
        one, other = _shifted(first, second, lag)
        both = np.isfinite(one) & np.isfinite(other)
        if both.sum() >= ENOUGH_PAIRS:
            strength = _rank_correlation(one[both], other[both])
            found.append((lag, (strength, int(both.sum())), repeated))
    return found


def _shifted(first: np.ndarray, second: np.ndarray, lag: int) -> tuple[np.ndarray, np.ndarray]:
    """Both over the periods in which the second comes so much later."""
    if lag < 0:
        return first[-lag:], second[:lag]
    return first[: len(first) - lag], second[lag:]


def _rank_correlation(one: np.ndarray, other: np.ndarray) -> float:
    """Spearman's: one week that leaves all others behind counts as the last rank, not more."""
    first, second = (pd.Series(values).rank().to_numpy(dtype=float) for values in (one, other))
    if np.ptp(first) == 0 or np.ptp(second) == 0:
        return 0.0
    return float(np.corrcoef(first, second)[0, 1])


def _array(series: Series) -> np.ndarray:
    return np.array([np.nan if v is None else v for v in series.values], dtype=float)
