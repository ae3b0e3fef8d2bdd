"""A company with branches: dimensions, a share, a formula, a helper, and hostile texts."""

from __future__ import annotations

import datetime as dt
from pathlib import Path

from kpi.editions import Edition
from tests.pages.company import DAY, NOON, WEEK, weeks, wobble
from tests.published import Home

EVIL = "<img src=x onerror=alert(1)>"

VOCABULARY = f"""\
version: 1
calendar: {{timezone: Europe/Berlin}}
currency: EUR
dimensions:
  branch: {{label: "Branch {EVIL}", definition: Where it was bought.}}
  channel: {{label: Channel, definition: How it was bought.}}
tables:
  sales: {{row: one sale, time: sold_at, by: [branch, channel], settles_after: 1 day}}
  visits: {{row: one branch for one day, time: day, by: [branch]}}
  wishes: {{row: one wish, time: wished_at, by: []}}
outcomes:
  grow:
    label: Customers buy more
    definition: What we all live on
    owners: {{it: Shop systems, business: Sales}}
  calm: {{label: Nobody waits, definition: Calm, owners: {{it: Platform, business: Floor}}}}
metrics:
  takings:
    label: Takings
    definition: What customers paid.
    also_called: [turnover, "{EVIL}"]
    side: business
    outcome: grow
    owners: {{it: Shop systems, business: Sales}}
    value: sum(amount) from sales where kind in ('sale', 'gift')
    empty: 0
    unit: EUR
    good: up
    target: {{from 2025-01: 100 per week, from 2026-01: 130 per week}}
  returned:
    label: Share returned
    definition: How many of the sales came back.
    also_called: [RMA]
    side: joint
    outcome: grow
    owners: {{it: Platform, business: Floor}}
    value: 100 * count_if(returned) / count(returned) from sales
    unit: "%"
    decimals: 1
    good: down
    target: 20
    tolerance: 1
    min_sample: 3
  sales:
    label: Sales counted
    definition: How often something was sold.
    side: it
    outcome: grow
    owners: {{it: Shop systems, business: Sales}}
    value: count(*) from sales
    unit: count
    good: up
    internal: true
  footfall:
    label: "Footfall {EVIL}"
    definition: "Who came in {EVIL}"
    side: business
    outcome: grow
    owners: {{it: "{EVIL}", business: Floor}}
    value: sum(people) from visits
    unit: "{EVIL}"
    good: up
  per_visit:
    label: Sales per visitor
    definition: Sales divided by visitors.
    side: joint
    outcome: grow
    owners: {{it: Shop systems, business: Sales}}
    value: sales / footfall
    decimals: 2
    good: up
  wishes:
    label: Wishes
    definition: What customers asked for.
    side: it
    outcome: calm
    owners: {{it: Platform, business: Floor}}
    value: avg(urgency) from wishes
    good: down
"""
# What the branches are called; one does not know its name.
BRANCHES = ("North", "South", None, EVIL)


def sales(now: dt.datetime) -> list[dict[str, object]]:
    """Eight sales a week and a few more or less; in the last one far more come back."""
    rows: list[dict[str, object]] = []
    for back, at in weeks(now, 40):
        for number in range(8 + wobble(back)):
            rows.append(
                {
                    "sale_id": f"s{back:02}-{number:02}",
                    "sold_at": at + number * dt.timedelta(hours=3),
                    "branch": BRANCHES[number % 4],
                    "channel": "counter" if number % 3 else "phone",
                    "kind": "gift" if number == 5 else "sale",
                    "amount": 16 + number % 2,
                    "returned": number < 6 if back == 0 else number == 0,
                    "note": EVIL if number == 1 else "a" * 50,
                }
            )
    # The week that has just begun.
    rows.append(rows[-1] | {"sale_id": "new", "sold_at": now - DAY})
    return rows


def branches(folder: Path, now: dt.datetime = NOON) -> Edition:
    """The company's first edition, published in this folder."""
    home = Home(folder, VOCABULARY)
    home.declare("tills", "sales", every=DAY, system="SQL · PostgreSQL")
    home.bring("tills", "sales", sales(now), at=now, key=("sale_id",))
    home.declare("doors", "visits", every=DAY)
    counts = [
        {"day": (at - dt.timedelta(hours=back)).date(), "branch": branch, "people": 40 + back}
        for back, at in weeks(now, 40)
        for branch in ("North", "South")
    ]
    home.bring("doors", "visits", counts, at=now - WEEK, key=("day", "branch"))
    home.declare("box", "wishes")
    return home.publish(now)
