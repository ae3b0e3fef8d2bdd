"""Deployments and the changes in them."""

from __future__ import annotations

import numpy as np
import pandas as pd

from sample.story import SERVICES, Story, strata
from sample.timeline import WEEKS, Timeline

_SHARES = (0.22, 0.18, 0.18, 0.12, 0.2, 0.1)
_USUAL_FAILING = 0.092


def deployments(rng: np.random.Generator, time: Timeline, plan: Story) -> pd.DataFrame:
    """One row a deployment: `run, service, version, conclusion, failed, finished_at, week`."""
    office = ((time.clock >= 9) & (time.clock < 17)) * np.where(time.weekday < 5, 1.0, 0.03)
    weeks = []
    for week in range(WEEKS):
        count = plan.deploys[week]
        service = rng.choice(SERVICES, size=count, p=_SHARES)
        finished = np.sort(time.draw(rng, week, office, count))
        failed = _failed(rng, service, plan.failing[week])
        weeks.append(
            pd.DataFrame(
                {"service": service, "finished_at": finished, "failed": failed, "week": week}
            )
        )
    rows = pd.concat(weeks, ignore_index=True)
    numbers = np.arange(1, len(rows) + 1)
    rows["run"] = [f"run-{number:06d}" for number in numbers]
    rows["version"] = [f"{1 + n // 5000}.{n // 100 % 50}.{n % 100}" for n in numbers]
    backed_out = rng.random(len(rows)) < 0.6
    rows["conclusion"] = np.where(
        rows["failed"], np.where(backed_out, "rolled_back", "failure"), "success"
    )
    return rows


def _failed(rng: np.random.Generator, service: np.ndarray, share: float) -> np.ndarray:
    """Which deployments fail; what is beyond the usual share fails in the mobile app first."""
    count = len(service)
    wanted = round(count * share)
    usual = min(wanted, round(count * _USUAL_FAILING) + 2)
    failed = np.zeros(count, dtype=bool)
    failed[rng.choice(count, size=usual, replace=False)] = True
    mobile = np.flatnonzero((service == "Mobile app") & ~failed)
    failed[rng.permutation(mobile)[: wanted - usual]] = True
    missing = wanted - failed.sum()
    failed[rng.permutation(np.flatnonzero(~failed))[:missing]] = True
    return failed


def changes(rng: np.random.Generator, deployed: pd.DataFrame, plan: Story) -> pd.DataFrame:
    """One row a change, in the columns of the canonical table; nobody's name is in it."""
    rows = deployed.loc[deployed.index.repeat(1 + rng.poisson(0.6, len(deployed)))]
    rows = rows.reset_index(drop=True)
    counts = np.bincount(rows["week"], minlength=WEEKS)
    spread = np.concatenate([strata(rng, count) for count in counts])
    hours = plan.lead[rows["week"]] * np.exp(0.8 * spread)
    lead = (hours * 3600).astype("timedelta64[s]")
    merged = (hours * 3600 * rng.uniform(0.3, 0.9, len(rows))).astype("timedelta64[s]")
    finished = rows["finished_at"].to_numpy()
    return pd.DataFrame(
        {
            "change_id": [f"c{number:06d}" for number in range(1, len(rows) + 1)],
            "deployment_id": rows["run"],
            "service": rows["service"],
            "committed_at": finished - lead,
            "merged_at": finished - lead + merged,
            "deployed_at": finished,
        }
    )
