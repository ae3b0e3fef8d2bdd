"""Whether two metrics move together: planted lags are found, chance is called clear rarely."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pytest

from kpi.association import ENOUGH_PAIRS, Association, Series, associate

LAGS = range(9)
WEEKS = 156
YEAR = 365.25 / 7
slow = pytest.mark.slow


def series(name: str, values: np.ndarray, steps: tuple[int, ...] = ()) -> Series:
    known = (None if np.isnan(value) else float(value) for value in values)
    return Series(name, tuple(known), steps)


def associated(first: np.ndarray, second: np.ndarray, **asked: int) -> Association:
    return associate(series("one", first), series("other", second), "week", LAGS, **asked)


def remembering(draw: np.random.Generator, share: float, weeks: int = WEEKS) -> np.ndarray:
    """A series of which each week keeps a share of the one before."""
    news = draw.normal(size=weeks + 100)
    values = np.zeros(weeks + 100)
    for week in range(1, weeks + 100):
        values[week] = share * values[week - 1] + news[week]
    return values[100:]


def with_trend(draw: np.random.Generator, weeks: int) -> np.ndarray:
    slope = draw.normal(0, 10)
    return remembering(draw, 0.3, weeks) + slope * np.arange(weeks) / weeks


def with_season(draw: np.random.Generator, weeks: int) -> np.ndarray:
    angle = 2 * np.pi * (np.arange(weeks) / YEAR + draw.random())
    return remembering(draw, 0.3, weeks) + 3 * np.sin(angle)


def with_step(draw: np.random.Generator, weeks: int) -> np.ndarray:
    at = draw.integers(weeks // 2, weeks - 4)
    return remembering(draw, 0.2, weeks) + 4 * (np.arange(weeks) > at)


UNRELATED: dict[str, Callable[[np.random.Generator, int], np.ndarray]] = {
    "nothing": lambda draw, weeks: remembering(draw, 0, weeks),
    "half of the last week": lambda draw, weeks: remembering(draw, 0.5, weeks),
    "most of the last week": lambda draw, weeks: remembering(draw, 0.8, weeks),
    "a wandering level": lambda draw, weeks: np.cumsum(draw.normal(size=weeks)),
    "a trend": with_trend,
    "the season": with_season,
    "a step": with_step,
    "small counts": lambda draw, weeks: draw.poisson(2, weeks).astype(float),
    "rare peaks": lambda draw, weeks: np.exp(remembering(draw, 0.5, weeks)),
}


@slow
@pytest.mark.parametrize("weeks", [52, WEEKS])
@pytest.mark.parametrize("kind", UNRELATED)
def test_two_metrics_that_have_nothing_to_do_with_each_other_are_rarely_called_clear(
    kind: str, weeks: int
) -> None:
    draw = np.random.default_rng(7)
    pairs = 300
    called = sum(
        associated(UNRELATED[kind](draw, weeks), UNRELATED[kind](draw, weeks)).clear is not None
        for _ in range(pairs)
    )

    # One in twenty is promised; what 300 draws of that may show by chance is added.
    assert called / pairs < 0.05 + 3 * np.sqrt(0.05 * 0.95 / pairs)


@pytest.mark.parametrize("lag", [0, 3, 8])
@pytest.mark.parametrize("sign", [-1, 1])
def test_a_planted_lag_is_found_with_its_direction(lag: int, sign: int) -> None:
    draw = np.random.default_rng(lag)
    found = 0
    for _ in range(20):
        first = remembering(draw, 0.5, WEEKS + lag)
        second = sign * 0.6 * first[:WEEKS] + remembering(draw, 0.5)
        clear = associated(first[lag:], second).clear
        found += clear is not None and clear.periods == lag and clear.strength * sign > 0

    assert found >= 19


@slow
def test_what_follows_over_some_weeks_is_found_within_them_and_never_with_the_wrong_sign() -> None:
    draw = np.random.default_rng(11)
    found = []
    for _ in range(100):
        first = draw.choice((1.0, 2.0, 3.0), size=WEEKS + 5, p=(0.25, 0.5, 0.25))
        felt = (first[:WEEKS] + first[1 : WEEKS + 1] + first[2 : WEEKS + 2]) / 3
        second = -4.5 * felt + draw.normal(0, 1.2, WEEKS)
        found.append(associated(first[5:], second).clear)

    clear = [lag for lag in found if lag is not None]
    assert len(clear) > 90
    assert all(3 <= lag.periods <= 5 and lag.strength < 0 for lag in clear)


@slow
def test_the_interval_holds_the_true_strength_as_often_as_it_says() -> None:
    draw = np.random.default_rng(13)
    held, runs = 0, 300
    for _ in range(runs):
        shared = draw.normal(size=(2, 104))
        second = 0.5 * shared[0] + np.sqrt(0.75) * shared[1]
        lag = associate(series("a", shared[0]), series("b", second), "week", [0]).lags[0]
        # Spearman's of two normal values that correlate by a half.
        held += lag.low < 6 / np.pi * np.arcsin(0.25) < lag.high

    assert 0.92 < held / runs <= 1


def test_a_known_change_of_meaning_is_no_association() -> None:
    draw = np.random.default_rng(17)
    stepped = draw.normal(size=(2, 60)) + 50 * (np.arange(60) >= 40)

    found = associate(
        series("one", stepped[0], (40,)), series("other", stepped[1], (40,)), "week", [0]
    )

    assert found.clear is None
    assert abs(found.lags[0].strength) < 0.3


def test_too_few_pairs_say_nothing() -> None:
    draw = np.random.default_rng(19)
    first = draw.normal(size=60)
    second = np.where(np.arange(60) < ENOUGH_PAIRS - 1, first, np.nan)

    found = associated(first, second)

    assert (found.lags, found.strongest, found.pairs) == ((), None, ENOUGH_PAIRS - 1)


def test_a_lag_with_too_few_pairs_is_left_out() -> None:
    first = np.random.default_rng(23).normal(size=ENOUGH_PAIRS + 6)

    lags = associated(first, first).lags

    assert 0 < len(lags) < len(LAGS)
    assert all(lag.pairs >= ENOUGH_PAIRS for lag in lags)


def test_a_metric_that_never_moves_says_nothing() -> None:
    assert associated(np.full(80, 3.0), np.random.default_rng(1).normal(size=80)).lags == ()


def test_unknown_weeks_are_left_out_of_pairs() -> None:
    draw = np.random.default_rng(29)
    first, second = draw.normal(size=(2, 100))
    first[10:20] = np.nan
    second[15:40] = np.nan

    found = associated(first, second)

    assert found.pairs == 70
    assert found.lags[0].pairs <= 70


def test_the_other_way_round_the_lags_change_their_sign() -> None:
    draw = np.random.default_rng(31)
    first = draw.normal(size=WEEKS + 3)
    second = first[:WEEKS] + draw.normal(0, 0.5, WEEKS)

    ahead = associate(series("a", first[3:]), series("b", second), "week", range(9)).clear
    behind = associate(series("b", second), series("a", first[3:]), "week", range(-8, 1)).clear

    assert ahead is not None and behind is not None
    assert (ahead.periods, behind.periods) == (3, -3)
    assert ahead.strength == pytest.approx(behind.strength)


def test_many_pairs_at_once_widen_the_interval() -> None:
    draw = np.random.default_rng(37)
    first, second = draw.normal(size=(2, 100))

    alone, among_many = (associated(first, second, compared=n).lags[0] for n in (1, 100))

    assert alone.strength == among_many.strength
    assert among_many.low < alone.low < alone.high < among_many.high
