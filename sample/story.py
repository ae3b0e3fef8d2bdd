"""What happens in the sample company, week by week: the plan that every export follows."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from sample.timeline import WEEKS, Timeline

SERVICES = ("Checkout", "Search", "Catalogue", "Login", "Mobile app", "Back office")
REGIONS = ("EMEA", "Americas", "APAC")
REGION_SHARES = (0.5, 0.3, 0.2)
PRODUCTS = ("Furniture", "Lighting", "Garden", "Kitchen")
CHANNELS = ("Web shop", "Mobile app")

# Severe incidents a week, from the running week backwards, then as ever; the bad spell of last
# year is far enough back to be an older story, near enough to be within the monitored weeks.
_SEVERE = (7, 8, 7, 4, 4, 5, 4, 4, 3, 3, 3, 4, 3, 3)
_BAD_SPELL = {55: 4, 56: 5, 57: 5, 58: 6, 59: 5, 60: 5}


@dataclass(frozen=True)
class Story:
    """One entry a week, the oldest first; shares are between 0 and 1.

    `severe` and `minor` count customer-facing incidents (severity 1 and 2, and 3), `internal`
    the other ones. `down` is minutes that customers could not use a service, `restore` the median
    minutes to restore, `lead` the median hours from commit to production, `cost` euros for each
    expected order, `slowest` the milliseconds within which 95 of 100 test purchases are answered.
    """

    deploys: np.ndarray
    failing: np.ndarray
    lead: np.ndarray
    severe: np.ndarray
    minor: np.ndarray
    internal: np.ndarray
    down: np.ndarray
    restore: np.ndarray
    nps: np.ndarray
    answers: np.ndarray
    demand: np.ndarray
    conversion: np.ndarray
    adoption: np.ndarray
    contacts: np.ndarray
    cost: np.ndarray
    slowest: np.ndarray


def story(rng: np.random.Generator, time: Timeline) -> Story:
    """The plan, told backwards from the running week so that its end is the same on any day."""
    progress = np.linspace(0, 1, WEEKS)
    severe = _severe(rng)
    minor = _recent(rng.integers(5, 8, WEEKS), (7, 6, 8))
    return Story(
        deploys=_recent(rng.normal(60 + 14 * progress, 2.5), (97, 98, 97)).round().astype(int),
        failing=_recent(rng.normal(0.092, 0.008, WEEKS), (0.17, 0.17, 0.16, 0.135, 0.115)),
        lead=_recent(rng.normal(30, 0.9, WEEKS), rng.normal(21.6, 0.5, 10)),
        severe=severe,
        minor=minor,
        internal=rng.integers(7, 13, WEEKS),
        down=10 + 9 * severe + rng.normal(0, 2, WEEKS),
        restore=_recent(rng.normal(53, 4, WEEKS), rng.normal(52, 1, 4)),
        nps=_nps(rng, severe),
        answers=rng.integers(64, 77, WEEKS),
        demand=rng.normal(1, 0.02, WEEKS),
        conversion=rng.normal(0.0333, 0.0003, WEEKS),
        adoption=_recent(rng.normal(0.245, 0.006, WEEKS), rng.normal(0.312, 0.003, 6)),
        contacts=0.168 + 0.003 * severe + rng.normal(0, 0.003, WEEKS),
        cost=_recent(rng.normal(3.28, 0.03, WEEKS), rng.normal(2.89, 0.02, 10)),
        slowest=rng.normal(768, 8, WEEKS),
    )


def strata(rng: np.random.Generator, count: int) -> np.ndarray:
    """`count` draws of a standard normal, one from each equal part of it, in random order.

    Plain draws would let a median of few rows wander so far that the story is lost in it.
    """
    points = (rng.permutation(count) + rng.uniform(0.3, 0.7, count)) / max(count, 1)
    return _quantile(points)


def _quantile(share: np.ndarray) -> np.ndarray:
    grid = np.linspace(-5, 5, 4001)
    density = np.exp(-grid * grid / 2)
    below = np.cumsum(density) / density.sum()
    return np.asarray(np.interp(share, below, grid))


def _recent(usual: np.ndarray, recent: Sequence[float] | np.ndarray) -> np.ndarray:
    """The usual weeks with the last ones replaced; `recent` runs backwards from the running one."""
    replaced = np.array(usual)
    replaced[WEEKS - len(recent) :] = np.asarray(recent)[::-1]
    return replaced


def _severe(rng: np.random.Generator) -> np.ndarray:
    severe = rng.choice((1, 2, 3), size=WEEKS, p=(0.25, 0.5, 0.25))
    for ago, count in _BAD_SPELL.items():
        severe[WEEKS - 1 - ago] = count
    return _recent(severe, _SEVERE)


def _nps(rng: np.random.Generator, severe: np.ndarray) -> np.ndarray:
    """4.5 points fewer for each severe incident a week more, three to five weeks before."""
    padded = np.concatenate([np.full(5, 2), severe])
    felt = (padded[:WEEKS] + padded[1 : WEEKS + 1] + padded[2 : WEEKS + 2]) / 3
    return np.asarray(47 - 4.5 * (felt - 2) + rng.normal(0, 1.2, WEEKS))
