"""What running the services costs, and how fast the checkout answers."""

from __future__ import annotations

import numpy as np
import pandas as pd

from sample.demand import Demand
from sample.incidents import MONITORED_WEEKS
from sample.story import SERVICES, Story, strata
from sample.timeline import WEEKS, Timeline

_COST_SHARES = (0.26, 0.2, 0.16, 0.1, 0.18, 0.1)
_COST_MONTHS = 24


def cloud_cost(
    rng: np.random.Generator, time: Timeline, plan: Story, wanted: Demand
) -> pd.DataFrame:
    """One row a service and local day of the last 24 whole months and the running one, in cents."""
    days, begins = np.unique(time.day, return_index=True)
    week = time.week[begins]
    expected = np.add.reduceat(wanted.expected, begins)
    spent = np.outer(expected * plan.cost[week], _COST_SHARES)
    spent = spent * rng.normal(1, 0.02, spent.shape)
    planned = spent / rng.uniform(0.945, 0.975, WEEKS)[week][:, None]
    idle = spent * rng.normal(0.112, 0.003, WEEKS)[week][:, None]
    rows = pd.DataFrame(
        {
            "day": np.repeat(days, len(SERVICES)),
            "service": np.tile(SERVICES, len(days)),
            "cost": (100 * spent).round().astype(int).ravel(),
            "planned": (100 * planned).round().astype(int).ravel(),
            "idle": (100 * idle).round().astype(int).ravel(),
        }
    )
    first = pd.Timestamp(time.month_before(_COST_MONTHS).astype("datetime64[D]"))
    return rows[rows["day"] >= first].reset_index(drop=True)


def probes(rng: np.random.Generator, time: Timeline, plan: Story) -> pd.DataFrame:
    """One row an hour since monitoring began: the checkout's answer in ms, and the load in %."""
    first = np.searchsorted(time.week, WEEKS - MONITORED_WEEKS)
    hours, week, clock = time.hours[first:], time.week[first:], time.clock[first:]
    counts = np.bincount(week, minlength=WEEKS)
    spread = np.concatenate([strata(rng, count) for count in counts[counts > 0]])
    # 1.645 is where 95 of 100 of a normal distribution lie below.
    response = plan.slowest[week] * np.exp(0.3 * (spread - 1.645))
    busy = 30 + 26 * np.exp(-(((clock - 19.5) / 4) ** 2))
    load = busy + rng.normal(0, 2.2, len(hours))
    lost = rng.random(len(hours)) < 0.002
    return pd.DataFrame(
        {
            "probed_at": hours,
            "response_ms": np.where(lost, np.nan, response.round(1)),
            "capacity_used": np.where(lost, np.nan, load.round(1)),
        }
    )
