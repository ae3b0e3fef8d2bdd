"""Intervals around what was measured: of a correlation, and of a mean of few things."""

from __future__ import annotations

import math

# `scipy.stats` would take a second to import; these two are what its distributions are made of.
from scipy.special import ndtri, stdtrit

# What ranks instead of values add to the variance of a correlation (Fieller, Hartley and Pearson,
# Biometrika 44, 1957).
_OF_RANKS = 1.06


def evidence(correlation: float, pairs: float) -> float:
    """How many standard errors a rank correlation lies from 0, on Fisher's scale."""
    return math.atanh(_within(correlation)) / _standard_error(pairs)


def correlation_interval(
    correlation: float, pairs: float, confidence: float
) -> tuple[float, float]:
    """The interval of a rank correlation of so many independent pairs, by Fisher's z."""
    middle = math.atanh(_within(correlation))
    reach = float(ndtri((1 + confidence) / 2)) * _standard_error(pairs)
    return math.tanh(middle - reach), math.tanh(middle + reach)


def half_width(standard_error: float, count: int, confidence: float) -> float:
    """Half the width of the interval of a mean of `count` independent things, by Student's t."""
    return float(stdtrit(count - 1, (1 + confidence) / 2)) * standard_error


def _standard_error(pairs: float) -> float:
    return math.sqrt(_OF_RANKS / max(pairs - 3, 1))


def _within(correlation: float) -> float:
    # Ranks that agree throughout have no finite place on Fisher's scale.
    return min(max(correlation, -0.9999), 0.9999)
