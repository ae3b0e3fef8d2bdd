"""A small company whose scorecard shows every state that a row can be in."""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterator
from pathlib import Path

from kpi.editions import Edition
from tests.published import Home

# A Tuesday; the last complete week is the tenth, 2 to 8 March.
NOON = dt.datetime(2026, 3, 10, 12)
DAY = dt.timedelta(days=1)
WEEK = dt.timedelta(weeks=1)
WEEKS = 30

VOCABULARY = """\
version: 1
calendar: {timezone: Europe/Berlin}
currency: EUR
tables:
  detections: {row: one incident, time: at}
  availability: {row: one week, time: at}
  outages: {row: one incident, time: at}
  load: {row: one week, time: at}
  answers: {row: one answer, time: at}
  churn: {row: one week, time: at}
  ideas: {row: one idea, time: at}
  bills: {row: one bill, time: at}
outcomes:
  reliable:
    label: Customers can rely on us
    definition: Availability, and how it feels
    owners: {it: Platform, business: Customer care}
  worth:
    label: Every euro works
    definition: Cost against value
    owners: {it: Platform, business: Finance}
metrics:
  detected:
    label: Heard from customers first
    definition: Share of incidents that customers noticed first.
    side: joint
    outcome: reliable
    owners: {it: Platform, business: Customer care}
    value: avg(x) from detections
    unit: "%"
    decimals: 0
    good: down
    target: 25
    tolerance: 7
  uptime:
    label: Service availability
    definition: Share of time in which customers could reach us.
    side: it
    outcome: reliable
    owners: {it: Platform, business: Sales}
    value: avg(x) from availability
    unit: "%"
    decimals: 2
    good: up
    target: 99.9
  incidents:
    label: Customer-facing incidents
    definition: How many incidents customers could notice.
    side: it
    outcome: reliable
    owners: {it: Platform, business: Customer care}
    value: count(*) from outages
    unit: count
    good: down
    target: 3 per week
  nps:
    label: Net promoter score
    definition: Who would recommend us, less who would not.
    side: business
    outcome: reliable
    owners: {it: Service desk, business: Customer care}
    value: avg(x) from answers
    unit: points
    good: up
    target: 45
    min_sample: 30
  churn:
    label: Customer churn
    definition: Who left.
    side: business
    outcome: reliable
    owners: {it: Service desk, business: Sales}
    value: avg(x) from churn
    unit: "%"
    decimals: 2
    good: down
    target: 1.8
  idea:
    label: Idea to first use
    definition: From the idea to the first customer.
    side: business
    outcome: reliable
    owners: {it: Delivery, business: Product}
    value: avg(x) from ideas
    unit: days
    good: down
    target: 45
  load:
    label: Capacity in use at peak
    definition: The busiest hour.
    side: it
    outcome: worth
    owners: {it: Platform, business: Finance}
    value: avg(x) from load
    unit: "%"
    decimals: 0
    good: down
  bills:
    label: Cloud spend
    definition: What the cloud costs.
    side: it
    outcome: worth
    owners: {it: Platform, business: Finance}
    value: avg(x) from bills
    unit: EUR
    good: down
    target: 900
"""

# Small movements without a pattern, so that a range is routine and no run of eight arises.
_WOBBLE = (0, 2, -1, 1, -2, 1, -1, 2, -2, 0, 1, -1)


def weeks(now: dt.datetime, count: int = WEEKS) -> Iterator[tuple[int, dt.datetime]]:
    """Wednesdays of the weeks before this one, the oldest first, numbered back from the last."""
    monday = dt.datetime.combine(now.date() - now.weekday() * DAY, dt.time())
    for back in range(count, 0, -1):
        yield back - 1, monday - back * WEEK + 2 * DAY


def wobble(back: int) -> int:
    """A small routine movement."""
    return _WOBBLE[back % len(_WOBBLE)]


def fill(home: Home, now: dt.datetime) -> None:
    """Brings what every source of the company has to tell at this moment."""
    levels = {
        "detections": lambda back: 29 + wobble(back) * 0.5,
        "availability": lambda back: 99.95 + wobble(back) * 0.01,
        "load": lambda back: 65.0 + wobble(back),
        "churn": lambda back: 1.7 + wobble(back) * 0.01,
        "bills": lambda back: 880.0 + wobble(back),
    }
    for table, level in levels.items():
        rows = [{"id": str(back), "at": at, "x": level(back)} for back, at in weeks(now)]
        told = now
        if table == "churn":
            # This source went quiet before the last week was over.
            told, rows = now - 5 * DAY, rows[:-1]
        home.declare(table, table, every=DAY)
        home.bring(table, table, rows, at=now, key=("id",), as_of=told)
    home.fail("bills", "401 from the cloud", "Renew the token.", at=now + dt.timedelta(minutes=1))

    home.bring(
        "outages",
        "outages",
        [
            {"id": f"{back}-{number}", "at": at}
            for back, at in weeks(now)
            for number in range(9 if back == 0 else 2 + back % 2)
        ],
        at=now,
        key=("id",),
        as_of=now,
    )
    home.bring(
        "answers",
        "answers",
        [
            {"id": f"{back}-{number}", "at": at, "x": 46.0 + wobble(back)}
            for back, at in weeks(now)
            for number in range(18)
        ],
        at=now,
        key=("id",),
        as_of=now,
    )
    home.declare("ideas", "ideas")


def company(folder: Path, now: dt.datetime = NOON) -> Edition:
    """The company's first edition, published in this folder."""
    home = Home(folder, VOCABULARY, sample=True)
    fill(home, now)
    return home.publish(now)
