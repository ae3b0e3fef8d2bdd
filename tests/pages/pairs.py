"""A company whose incidents cost orders for some hours, and bring contacts in the same week."""

from __future__ import annotations

import datetime as dt
from pathlib import Path

import numpy as np
import pyarrow as pa

from kpi.editions import Edition
from tests.pages.company import NOON
from tests.published import Home

EVIL = "<img src=x onerror=alert(1)>"
WEEKS = 60
VOCABULARY = f"""\
version: 1
calendar: {{timezone: Europe/Berlin}}
currency: EUR
dimensions:
  severity: {{label: Severity, definition: How bad it is.}}
  service: {{label: Service, definition: What is down.}}
tables:
  incidents:
    row: one incident
    time: opened_at
    by: [service, severity]
    marks: {{from: opened_at, to: resolved_at, name: title, where: "severity = 'sev1'"}}
  orders: {{row: one order, time: ordered_at, by: []}}
  contacts: {{row: one contact, time: at, by: []}}
  visits: {{row: one day, time: day, by: []}}
  ideas: {{row: one idea, time: at, by: []}}
outcomes:
  reliable: {{label: It works, definition: Always., owners: {{it: Platform, business: Care}}}}
  grow: {{label: We sell, definition: More., owners: {{it: Platform, business: Sales}}}}
metrics:
  incidents:
    label: Incidents
    definition: How many there were.
    side: it
    outcome: reliable
    owners: {{it: Platform, business: Care}}
    value: count(*) from incidents
    unit: count
    good: down
  ideas:
    label: "Ideas {EVIL}"
    definition: Nobody delivers them.
    side: it
    outcome: reliable
    owners: {{it: Platform, business: Care}}
    value: count(*) from ideas
    good: up
  contacts:
    label: Contacts
    definition: How often customers called.
    also_called: [calls]
    side: business
    outcome: reliable
    owners: {{it: Platform, business: Care}}
    value: count(*) from contacts
    unit: count
    good: down
    target: 60 per week
  wait:
    label: Waiting time
    definition: Half waited no longer.
    side: business
    outcome: reliable
    owners: {{it: Platform, business: Care}}
    value: median(minutes) from contacts
    unit: minutes
    good: down
  orders:
    label: Orders
    definition: What was ordered.
    side: business
    outcome: grow
    owners: {{it: Platform, business: Sales}}
    value: count(*) from orders
    unit: count
    good: up
  visits:
    label: Visits
    definition: Who came.
    side: business
    outcome: grow
    owners: {{it: Platform, business: Sales}}
    value: sum(people) from visits
    unit: count
    good: up
"""


def pairs(folder: Path, now: dt.datetime = NOON) -> Edition:
    """The company's first edition, published in this folder."""
    draw = np.random.default_rng(2)
    monday = dt.datetime.combine(now.date() - dt.timedelta(now.weekday() + 7 * WEEKS), dt.time())
    hours = int((now - monday).total_seconds() // 3600)
    orders = draw.poisson(4 + 3 * np.sin(2 * np.pi * np.arange(hours) / 24))
    incidents, contacts = [], []
    for week in range(WEEKS):
        many = int(draw.integers(0, 5))
        for number in range(many):
            hour = 168 * week + 36 * number + int(draw.integers(0, 30))
            at = monday + dt.timedelta(hours=hour, minutes=5)
            service = ("Checkout", "Search")[number % 2]
            if service == "Checkout":
                orders[hour : hour + 6] = draw.binomial(orders[hour : hour + 6], 0.3)
            incidents.append(
                {
                    "incident_id": f"i{week}-{number}",
                    "opened_at": at,
                    "resolved_at": at + dt.timedelta(hours=2),
                    "service": service,
                    "severity": ("sev1", "sev2", "sev1")[number % 3],
                    "title": f"{service} fails {EVIL}",
                }
            )
        for number in range(40 + 6 * many + int(draw.integers(0, 4))):
            at = monday + dt.timedelta(hours=168 * week + int(draw.integers(0, 167)))
            contacts.append({"id": f"c{week}-{number}", "at": at, "minutes": number % 9})
    moments = [
        monday + dt.timedelta(hours=hour, minutes=i % 60)
        for hour, count in enumerate(orders)
        for i in range(count)
    ]
    days = [(monday + dt.timedelta(days=day)).date() for day in range(7 * WEEKS)]
    home = Home(folder, VOCABULARY, sample=True)
    home.bring("pager", "incidents", incidents, at=now, key=("incident_id",), as_of=now)
    home.bring("care", "contacts", contacts, at=now, key=("id",), as_of=now)
    home.bring("shop", "orders", pa.table({"ordered_at": moments}), at=now, as_of=now)
    people = [100 + number % 7 for number in range(len(days))]
    home.bring("web", "visits", pa.table({"day": days, "people": people}), at=now, as_of=now)
    home.declare("ideas", "ideas")
    return home.publish(now)
