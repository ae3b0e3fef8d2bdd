"""What customers want, and what an incident on the checkout takes away: orders, money, visits."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import pandas as pd

from sample.story import CHANNELS, PRODUCTS, REGION_SHARES, REGIONS, Story
from sample.timeline import DAY, HOUR, WEEKS, Timeline

# Orders a week at `until` in a season that is neither high nor low, and the growth a year.
_ORDERS = 290
_GROWTH = 0.12
_BY_WEEKDAY = (1.02, 0.96, 0.95, 0.98, 0.94, 1.0, 1.15)
_BY_HOUR = (2, 1, 1, 1, 1, 2, 3, 5, 7, 8, 9, 9, 9, 8, 8, 8, 9, 10, 12, 14, 14, 12, 8, 4)
# The share of orders lost right after a checkout incident is opened; it fades over hours.
LOST = {"sev1": 0.9, "sev2": 0.65}
FADES_IN_HOURS = 3.0
LASTS_HOURS = 8
_PRODUCT_SHARES = (0.35, 0.25, 0.22, 0.18)
_PRODUCT_PRICES = (165, 72, 96, 118)
_CHANNEL_SHARES = (0.62, 0.38)


@dataclass(frozen=True)
class Demand:
    """What is expected of each hour, how many orders would have come, and how many did."""

    expected: np.ndarray
    wanted: np.ndarray
    placed: np.ndarray

    def by_week(self, time: Timeline, hours: np.ndarray) -> np.ndarray:
        """One of the arrays above, added up to weeks."""
        return np.bincount(time.week, weights=hours, minlength=WEEKS)


def season(day: np.ndarray) -> np.ndarray:
    """The year's course: a quiet summer, a high before Christmas, a low after it."""
    start = day.astype("datetime64[Y]").astype("datetime64[D]")
    number = (day - start).astype(int)
    quiet = 0.07 * np.exp(-(((number - 210) / 25) ** 2)) + 0.06 * np.exp(-number / 25)
    return np.asarray(1 - quiet + 0.28 * np.exp(-(((number - 338) / 14) ** 2)))


def demand(rng: np.random.Generator, time: Timeline, plan: Story, opened: pd.DataFrame) -> Demand:
    """Orders hour by hour; none in the hour that the clock shows twice, when the till is closed."""
    years = (time.day - time.today).astype(float) / 365.25
    shape = np.array(_BY_WEEKDAY)[time.weekday] * np.array(_BY_HOUR)[time.clock]
    shape = shape / (np.mean(_BY_WEEKDAY) * np.sum(_BY_HOUR) * 7)
    expected = _ORDERS * np.exp(_GROWTH * years) * season(time.day) * shape * ~time.twice
    wanted = np.zeros(len(expected), dtype=int)
    weekly = np.bincount(time.week, weights=expected, minlength=WEEKS) * plan.demand
    for week in range(WEEKS):
        begin, end = np.searchsorted(time.week, (week, week + 1))
        shares = expected[begin:end] / expected[begin:end].sum()
        wanted[begin:end] = rng.multinomial(round(weekly[week]), shares)
    lost = rng.binomial(wanted, _lost_share(time, opened))
    return Demand(expected=expected, wanted=wanted, placed=wanted - lost)


def _lost_share(time: Timeline, opened: pd.DataFrame) -> np.ndarray:
    hit = opened[(opened["service"] == "Checkout") & opened["severity"].isin(list(LOST))]
    kept = np.ones(len(time.hours))
    for at, severity in zip(hit["opened_at"].to_numpy(), hit["severity"], strict=True):
        first = int((at - time.hours[0]) // HOUR)
        past = float((at - time.hours[first]) / HOUR)
        for step in range(min(LASTS_HOURS, len(kept) - first)):
            middle = max(step + 0.5 - past, 0.25)
            share = LOST[severity] * np.exp(-middle / FADES_IN_HOURS)
            # Only the part of the first hour that lies behind the opening is touched.
            kept[first + step] *= 1 - share * (1 - past if step == 0 else 1)
    return 1 - kept


def orders(rng: np.random.Generator, time: Timeline, wanted: Demand) -> pd.DataFrame:
    """One row an order, `cents` as whole numbers, in the order of time."""
    at = np.repeat(time.hours, wanted.placed)
    count = len(at)
    at = np.sort(at + rng.integers(0, 3600, count).astype("timedelta64[s]"))
    product = rng.choice(len(PRODUCTS), size=count, p=_PRODUCT_SHARES)
    price = np.array(_PRODUCT_PRICES)[product]
    cents = (100 * price * np.exp(0.5 * rng.normal(size=count) - 0.125)).round().astype(int)
    return pd.DataFrame(
        {
            "order_id": [f"B{number:07d}" for number in range(100_001, 100_001 + count)],
            "ordered_at": at,
            "region": rng.choice(REGIONS, size=count, p=REGION_SHARES),
            "product": np.array(PRODUCTS)[product],
            "channel": rng.choice(CHANNELS, size=count, p=_CHANNEL_SHARES),
            "cents": cents,
        }
    )


def payments(rng: np.random.Generator, time: Timeline, placed: pd.DataFrame) -> pd.DataFrame:
    """The ledger: a charge an order, later refunds and disputes, a fee a day; `cents` signed."""
    seconds = rng.integers(1, 180, len(placed)).astype("timedelta64[s]")
    charges = placed.assign(kind="charge", occurred_at=placed["ordered_at"].to_numpy() + seconds)
    refunds = _later(rng, charges, "refund", share=0.04, days=(3, 20))
    refunds["cents"] = -(refunds["cents"] * rng.choice((1.0, 0.5), len(refunds))).astype(int)
    disputes = _later(rng, charges, "dispute", share=0.003, days=(20, 40))
    disputes["cents"] = -disputes["cents"]
    ledger = pd.concat([charges, refunds, disputes, _fees(time, charges)], ignore_index=True)
    ledger = ledger.sort_values("occurred_at", kind="stable", ignore_index=True)
    ledger["entry_id"] = [f"L{number:07d}" for number in range(1, len(ledger) + 1)]
    return ledger[["entry_id", "kind", "occurred_at", "cents", "region", "product"]]


def _later(
    rng: np.random.Generator, charges: pd.DataFrame, kind: str, share: float, days: tuple[int, int]
) -> pd.DataFrame:
    rows = charges[rng.random(len(charges)) < share].copy()
    wait = (rng.uniform(*days, len(rows)) * 86400).astype("timedelta64[s]")
    return rows.assign(kind=kind, occurred_at=rows["occurred_at"].to_numpy() + wait)


def _fees(time: Timeline, charges: pd.DataFrame) -> pd.DataFrame:
    """What the payment provider keeps: 1.4 % of a day's charges, booked as the day (UTC) ends."""
    day = charges["occurred_at"].to_numpy().astype("datetime64[D]")
    daily = charges["cents"].groupby(day).sum()
    return pd.DataFrame(
        {
            "kind": "fee",
            "occurred_at": daily.index.to_numpy().astype("datetime64[s]") + (DAY - HOUR // 60),
            "cents": -(daily.to_numpy() * 0.014).round().astype(int),
            "region": None,
            "product": None,
        }
    )


def visits(rng: np.random.Generator, time: Timeline, plan: Story, wanted: Demand) -> pd.DataFrame:
    """One row a day, region and channel; visitors put into the basket what they cannot order."""
    days, begins = np.unique(time.day, return_index=True)
    week = time.week[begins]
    expected = np.add.reduceat(wanted.expected, begins)
    shares = expected / np.bincount(week, weights=expected, minlength=WEEKS)[week]
    weekly = wanted.by_week(time, wanted.wanted) / plan.conversion
    cells = np.outer(REGION_SHARES, _CHANNEL_SHARES).ravel()
    basket = np.outer(weekly[week] * shares, cells)
    basket = (basket * rng.normal(1, 0.03, basket.shape)).round().astype(int)
    all_visits = (basket * rng.normal(6, 0.15, basket.shape)).round().astype(int)
    adopted = all_visits * plan.adoption[week][:, None] * rng.normal(1, 0.02, basket.shape)
    return pd.DataFrame(
        {
            "day": np.repeat(days, len(cells)),
            "region": np.tile(np.repeat(REGIONS, len(CHANNELS)), len(days)),
            "channel": np.tile(CHANNELS, len(days) * len(REGIONS)),
            "visits": all_visits.ravel(),
            "basket_visits": basket.ravel(),
            "new_feature_visits": adopted.round().astype(int).ravel(),
        }
    )
