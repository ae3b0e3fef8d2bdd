"""Takes out of a series what it would have done anyway: trend, season, changed meaning, memory.

Two series that each drift, or that each remember their last weeks, agree by chance far more often
than their number of periods suggests. What is left here of the one that may be first remembers
nothing, and then chance is as rare as it is said to be (Box and Jenkins, Time Series Analysis,
chapter on transfer functions).
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

# How many periods back a series may remember.
_LONGEST_MEMORY = 3
# How far apart neighbours still count where the memory that is left is measured.
_FARTHEST = 12


def without_slow_part(
    values: np.ndarray, periods_a_year: float, steps: Sequence[int] = ()
) -> np.ndarray:
    """The values less their level and trend, the year's course and the steps at these indexes.

    The year's course is a wave, taken out where there are two years to know it from. Unknown values
    are NaN and stay so.
    """
    at = np.arange(len(values))
    columns = [np.ones(len(values)), at / len(values)]
    columns += [(at >= step).astype(float) for step in steps]
    known = np.isfinite(values)
    if np.ptp(at[known]) >= 2 * periods_a_year - 1:
        angle = 2 * np.pi * at / periods_a_year
        columns += [np.sin(angle), np.cos(angle)]
    told = np.column_stack(columns)
    weights, *_ = np.linalg.lstsq(told[known], values[known], rcond=None)
    return np.asarray(values - told @ weights)


def memory(values: np.ndarray) -> np.ndarray:
    """The weights of the last periods that best foretell the next (autoregression, by AIC)."""
    before = np.column_stack([_earlier(values, back) for back in range(1, _LONGEST_MEMORY + 1)])
    whole = np.isfinite(values) & np.isfinite(before).all(axis=1)
    wanted, told = values[whole], before[whole]
    best, chosen = np.inf, np.empty(0)
    for order in range(_LONGEST_MEMORY + 1):
        weights, *_ = np.linalg.lstsq(told[:, :order], wanted, rcond=None)
        left = np.sum((wanted - told[:, :order] @ weights) ** 2)
        criterion = len(wanted) * np.log(max(left, 1e-300) / max(len(wanted), 1)) + 2 * order
        if criterion < best:
            best, chosen = criterion, weights
    return chosen


def without_memory(values: np.ndarray, weights: np.ndarray) -> np.ndarray:
    """What each value is beyond what these weights of the last ones foretold."""
    left = np.array(values)
    for back, weight in enumerate(weights, start=1):
        left -= weight * _earlier(values, back)
    return left


def counted_once(first: np.ndarray, second: np.ndarray) -> float:
    """How many pairs say as much as one where both series still remember; at least 1 (Bartlett)."""
    shared = sum(
        (1 - apart / len(first)) * _recalled(first, apart) * _recalled(second, apart)
        for apart in range(1, min(_FARTHEST, len(first) // 4) + 1)
    )
    return max(1.0, 1 + 2 * shared)


def _recalled(values: np.ndarray, apart: int) -> float:
    """The autocorrelation of values so far apart."""
    centred = values - np.nanmean(values)
    both = centred[:-apart] * centred[apart:]
    spread = np.nanmean(centred**2)
    return float(np.nanmean(both) / spread) if spread > 0 and np.isfinite(both).any() else 0.0


def _earlier(values: np.ndarray, back: int) -> np.ndarray:
    return np.concatenate([np.full(back, np.nan), values[: len(values) - back]])
