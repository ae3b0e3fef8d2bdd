"""What customers say and do afterwards: contacts, survey answers, renewals."""

from __future__ import annotations

import numpy as np
import pandas as pd

from sample.demand import Demand
from sample.story import PRODUCTS, REGION_SHARES, REGIONS, Story
from sample.timeline import HOUR, WEEKS, Timeline, clear, local

_TOPICS = ("Delivery", "Payment", "Account", "Product", "Return")
_TOPIC_SHARES = (0.34, 0.16, 0.12, 0.2, 0.18)
# Contacts that each severe incident moves to the day after it.
_NEXT_DAY = 2.5
_RATED = 0.3
_PLEASED = 0.83
# Scores from 0 to 6 of those who would not recommend us.
_DETRACTORS = (0.05, 0.03, 0.05, 0.1, 0.15, 0.27, 0.35)
# Calendar months before the running one: that month nobody sent the survey out.
SILENT_MONTHS_AGO = 14


def contacts(
    rng: np.random.Generator,
    time: Timeline,
    plan: Story,
    wanted: Demand,
    opened: pd.DataFrame,
) -> pd.DataFrame:
    """One row a contact with customer care; `rating` from 1 to 5 where the customer gave one."""
    counts = (wanted.by_week(time, wanted.placed) * plan.contacts).round().astype(int)
    base = wanted.expected / wanted.by_week(time, wanted.expected)[time.week]
    weights = base * counts[time.week] + _after_incidents(time, opened)
    at = np.concatenate([time.draw(rng, w, weights, counts[w]) for w in range(WEEKS)])
    rating = np.concatenate([_ratings(rng, count) for count in counts])
    rows = pd.DataFrame(
        {
            "opened_at": at,
            "region": rng.choice(REGIONS, size=len(at), p=REGION_SHARES),
            "topic": rng.choice(_TOPICS, size=len(at), p=_TOPIC_SHARES),
            "rating": rating,
        }
    )
    rows = rows.sort_values("opened_at", kind="stable", ignore_index=True)
    rows["contact_id"] = [f"K{number:06d}" for number in range(1, len(rows) + 1)]
    return rows


def _after_incidents(time: Timeline, opened: pd.DataFrame) -> np.ndarray:
    severe = opened[opened["severity"].isin(["sev1", "sev2"])]
    first = ((severe["opened_at"].to_numpy() - time.hours[0]) // HOUR).astype(int)
    extra = np.zeros(len(time.hours) + 48)
    for hour in range(12, 36):
        np.add.at(extra, first + hour, _NEXT_DAY / 24)
    return extra[: len(time.hours)]


def _ratings(rng: np.random.Generator, count: int) -> np.ndarray:
    rated = round(_RATED * count)
    pleased = round(np.clip(rng.normal(_PLEASED, 0.05), 0, 1) * rated)
    values = np.full(count, np.nan)
    given = np.concatenate(
        [rng.integers(4, 6, pleased), rng.choice((1, 2, 3), rated - pleased, p=(0.2, 0.3, 0.5))]
    )
    values[rng.permutation(count)[:rated]] = given
    return values


def answers(rng: np.random.Generator, time: Timeline, plan: Story) -> pd.DataFrame:
    """One row an answer, `score` 0 to 10 or NaN where the question was skipped."""
    awake = np.where((time.clock >= 8) & (time.clock < 22), 1.0, 0.1)
    weeks = []
    for week in range(WEEKS):
        score = _scores(rng, plan.answers[week], plan.nps[week])
        at = clear(time.draw(rng, week, awake, len(score)))
        lately = WEEKS - 1 - week <= 9
        weeks.append(
            pd.DataFrame({"answered_at": at, "score": score, "region": _heard(rng, score, lately)})
        )
    rows = pd.concat(weeks, ignore_index=True)
    rows["segment"] = rng.choice(("Private", "Company"), size=len(rows), p=(0.7, 0.3))
    month = local(rows["answered_at"].to_numpy()).astype("datetime64[M]")
    asked = pd.Series(month != time.month_before(SILENT_MONTHS_AGO))
    rows = rows[asked].sort_values("answered_at", kind="stable", ignore_index=True)
    rows["response_id"] = [f"R-{number:06d}" for number in range(1, len(rows) + 1)]
    return rows


def _scores(rng: np.random.Generator, count: int, nps: float) -> np.ndarray:
    """Scores whose balance of promoters and detractors is as planned, to the nearest answer."""
    detractors = round(count * 0.17)
    promoters = round(count * nps / 100) + detractors
    passives = count - promoters - detractors
    score = np.concatenate(
        [
            rng.choice((9, 10), promoters).astype(float),
            rng.choice((7, 8), passives),
            rng.choice(7, detractors, p=_DETRACTORS),
            np.full(rng.integers(0, 3), np.nan),
        ]
    )
    return rng.permutation(score)


def _heard(rng: np.random.Generator, score: np.ndarray, lately: bool) -> np.ndarray:
    """Where the customers are; those who lately turned away are in EMEA more often."""
    usual = rng.choice(REGIONS, size=len(score), p=REGION_SHARES)
    turned = rng.choice(REGIONS, size=len(score), p=(0.75, 0.15, 0.1))
    return np.where((score <= 6) & lately, turned, usual)


def renewals(rng: np.random.Generator, time: Timeline) -> pd.DataFrame:
    """One row a subscription due for renewal, by local day."""
    weeks = []
    for week in range(WEEKS):
        count = rng.integers(95, 106)
        cancelled = 7 + (rng.integers(-1, 2) if WEEKS - 1 - week > 3 else 0)
        days = np.unique(time.day[time.week == week])
        renewed = rng.permutation(np.arange(count) >= cancelled)
        weeks.append(pd.DataFrame({"due_on": rng.choice(days, size=count), "renewed": renewed}))
    rows = pd.concat(weeks, ignore_index=True)
    rows = rows.sort_values("due_on", kind="stable", ignore_index=True)
    rows["region"] = rng.choice(REGIONS, size=len(rows), p=REGION_SHARES)
    rows["product"] = rng.choice(PRODUCTS, size=len(rows))
    rows["subscription_id"] = [f"S{number:06d}" for number in range(1, len(rows) + 1)]
    return rows
