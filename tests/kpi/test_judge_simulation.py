"""On a metric that does not change, signals are as rare as the rules promise.

What they promise for a chart of 52 points that are independent of each other and normal, with
limits estimated from the same points: the latest one is flagged in 1.05 % of the charts. Of all
charts 0.35 % have it outside the limits (0.27 % if the limits were known), 0.53 % as the eighth or
later on one side (0.78 %, two of 2 to the power of 8, if the average were known), and 0.20 % as one
of three in four nearer a limit. With gamma noise of shape 2 it is 3.2 %, with counts of 4 on
average 1.8 %. These figures are from a million charts each, flagged by `flagged` below, which is
written with arrays and shares nothing with `kpi.judge`.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

from kpi.judge import judge

CHARTS, WEEKS, WINDOW = 2_000, 52, 90
PROMISED = 0.0105

Noise = Callable[[np.random.Generator, tuple[int, int]], np.ndarray]
NOISES: dict[str, Noise] = {
    "normal": lambda draw, size: draw.normal(100, 15, size),
    "skewed": lambda draw, size: draw.gamma(2, 30, size),
    "counts": lambda draw, size: draw.poisson(4, size).astype(float),
}


def slow(*values: object) -> Any:
    """What is asked of thousands of charts more."""
    return pytest.param(*values, marks=pytest.mark.slow)


def flagged(charts: np.ndarray) -> np.ndarray:
    """Whether the latest point of each chart is a signal, by the rules as Wheeler writes them."""
    average = charts.mean(axis=1, keepdims=True)
    sigma = np.abs(np.diff(charts, axis=1)).mean(axis=1, keepdims=True) / 1.128
    away = (charts - average) / sigma
    outside = np.abs(away[:, -1]) > 3
    run = (away[:, -8:] > 0).all(axis=1) | (away[:, -8:] < 0).all(axis=1)
    high, low = away[:, -4:] > 1.5, away[:, -4:] < -1.5
    near = (high.sum(axis=1) >= 3) & high[:, -1] | (low.sum(axis=1) >= 3) & low[:, -1]
    found: np.ndarray = outside | run | near
    return found


def share_flagged(charts: np.ndarray) -> float:
    """In how many of the charts our judgement flags the latest point."""
    return float(np.mean([judge(chart, "up").latest is not None for chart in charts.tolist()]))


def band(share: float, charts: int) -> float:
    """How far a share of so many charts strays: four standard errors, one time in 16,000."""
    return 4 * float(np.sqrt(share * (1 - share) / charts))


def readings(seed: int) -> tuple[np.ndarray, np.ndarray]:
    """An unchanged metric read weekly: each week's own average, and that of its last 90 days."""
    draw = np.random.default_rng(seed)
    days = draw.normal(45, 20, (CHARTS, WINDOW + 7 * WEEKS))
    own = days[:, WINDOW:].reshape(CHARTS, WEEKS, 7).mean(axis=2)
    summed = np.concatenate([np.zeros((CHARTS, 1)), days.cumsum(axis=1)], axis=1)
    ends = WINDOW + 7 * np.arange(1, WEEKS + 1)
    windowed = (summed[:, ends] - summed[:, ends - WINDOW]) / WINDOW
    return own, windowed


def test_the_promise_for_normal_noise_is_what_the_rules_give_by_themselves() -> None:
    draw = np.random.default_rng(1)
    charts = NOISES["normal"](draw, (60_000, WEEKS))

    assert flagged(charts).mean() == pytest.approx(PROMISED, abs=band(PROMISED, 60_000))


@pytest.mark.parametrize("noise", ["normal", slow("skewed"), slow("counts")])
def test_the_latest_point_of_an_unchanged_metric_is_flagged_as_often_as_promised(
    noise: str,
) -> None:
    charts = NOISES[noise](np.random.default_rng(2), (CHARTS, WEEKS))
    many = NOISES[noise](np.random.default_rng(3), (60_000, WEEKS))
    promised = float(flagged(many).mean())

    assert share_flagged(charts) == pytest.approx(promised, abs=band(promised, CHARTS))


@pytest.mark.parametrize(
    ("noise", "most"), [("normal", 0.02), slow("skewed", 0.045), slow("counts", 0.03)]
)
def test_false_alarms_are_rare_whatever_the_noise(noise: str, most: float) -> None:
    charts = NOISES[noise](np.random.default_rng(4), (CHARTS, WEEKS))

    assert 0 < share_flagged(charts) < most


@pytest.mark.slow
def test_a_windowed_metric_is_flagged_no_more_often_on_each_weeks_own_rows() -> None:
    own, _ = readings(seed=5)

    assert share_flagged(own) <= PROMISED + band(PROMISED, CHARTS)


@pytest.mark.slow
def test_judged_on_its_windowed_values_most_unchanged_charts_would_be_flagged() -> None:
    on_own, on_windowed = map(share_flagged, readings(seed=5))

    assert on_windowed > 0.5
    assert on_windowed > 20 * on_own
