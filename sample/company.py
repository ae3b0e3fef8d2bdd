"""Writes three years of a sample company's exports, ending where the clock stands."""

from __future__ import annotations

import datetime as dt
import os
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pandas as pd

from sample import customers, delivery, demand, exports, running
from sample import incidents as trouble
from sample.story import story
from sample.timeline import HOUR, Timeline, local, timeline

# Billing delivers a file a day, and has not for four.
LATE = np.timedelta64(4, "D")
# Everything that `write` may have written before: exports of another day must not stay beside it.
_OURS = (
    "pager/incidents.parquet",
    "desk/incidents-*.csv",
    "monitoring/uptime.parquet",
    "monitoring/probes.csv",
    "ci/deployments.parquet",
    "ci/changes.parquet",
    "shop/bestellungen-*.csv",
    "ledger/payments.parquet",
    "web/visits.csv",
    "survey/nps-*.csv",
    "billing/renewals.csv",
    "ideas/ideas.csv",
    "finance/cloud-cost-*.xlsx",
    "care.db",
)


@dataclass(frozen=True)
class Company:
    """The facts behind the exports; times are naive UTC, days are local."""

    incidents: pd.DataFrame
    uptime: pd.DataFrame
    probes: pd.DataFrame
    deployments: pd.DataFrame
    changes: pd.DataFrame
    orders: pd.DataFrame
    payments: pd.DataFrame
    visits: pd.DataFrame
    contacts: pd.DataFrame
    answers: pd.DataFrame
    renewals: pd.DataFrame
    costs: pd.DataFrame


def write(folder: Path, until: dt.datetime | None = None, seed: int = 20) -> list[Path]:
    """Writes every export under `folder` and returns the files; the same call, the same bytes.

    `until` is where the facts end, cut to the whole hour; by default now, and a naive one is UTC.
    Files are dated `until`; billing's is dated four days before it, where its rows end.
    """
    moment = until or dt.datetime.now(dt.UTC)
    time = timeline(moment)
    for pattern in _OURS:
        for old in folder.glob(pattern):
            old.unlink()
    written = list(_export(company(time, seed), folder))
    stamp = (moment if moment.tzinfo else moment.replace(tzinfo=dt.UTC)).timestamp()
    for path in written:
        late = LATE / np.timedelta64(1, "s") if path.parent.name == "billing" else 0
        os.utime(path, (stamp - late, stamp - late))
    return written


def company(time: Timeline, seed: int) -> Company:
    """Every fact that was known at `until`.

    Planted, for whoever looks ("now" is `until`, weeks are counted back from the running one):

    * 38 % of failed deployments are followed by an incident of the same service within 0.2 to 4
      hours, about four times what those hours bring otherwise; `caused_by` names the deployment.
    * A severity 1 incident on the checkout costs 90 % of the orders at its opening, a severity 2
      one 65 %; the loss fades by a factor e every 3 hours and ends after 8. Nothing is made up
      later. The other services cost no orders.
    * Each severe incident moves about 2.5 contacts to the 12 to 36 hours after it, and adds 3
      contacts per 1,000 orders to its week.
    * NPS falls by 4.5 points for each severe incident a week more, 3 to 5 weeks later (noise of
      1.2 points). Those who turned away in the last 9 weeks are mostly in EMEA.
    * Severe incidents: 2 a week as ever, 5 in a bad spell 60 to 55 weeks ago, 3 to 5 in the last
      quarter, 7 or 8 in the last weeks. Each takes 9 minutes of availability in its week. Of all
      customer-facing incidents customers report about a quarter first, lately a little more.
    * Change failure rate: 9.2 %, from 4 weeks ago on 11.5, 13.5, 16 and 17 %; what is beyond the
      usual comes from the mobile app.
    * Deploy lead time: a median of 30 hours, since 9 weeks ago 21.6. Deployments: slowly more,
      and a third more in the last weeks. New-feature adoption: 24.5 %, since 5 weeks ago 31.
    * IT cost per order: 3.28 EUR, since 9 weeks ago 2.89. Test purchases: 95 of 100 within
      about 768 ms. Renewals: 7 of 100 cancelled, no change.
    * Orders: Sundays and evenings are strong, the weeks before Christmas bring 28 % more, late
      July 7 % less, January 6 % less; 12 % growth a year.
    * Holes: no survey in the calendar month 14 months ago; monitoring began 65 weeks ago and was
      blind for 5 hours 20 weeks ago; billing's last file is 4 days old; nothing has gone through
      the product board yet; 3 to 4 in 100 incidents of the desk were re-opened, some never closed.
    """
    facts = _uncut(time, seed)
    billed = local(np.array([time.until - LATE]))[0].astype("datetime64[D]")
    return Company(
        incidents=_known(facts.incidents, time.until),
        uptime=_before(facts.uptime, "hour", time.until - HOUR + 1),
        probes=_before(facts.probes, "probed_at", time.until),
        deployments=_before(facts.deployments, "finished_at", time.until),
        changes=_before(facts.changes, "deployed_at", time.until),
        orders=_before(facts.orders, "ordered_at", time.until),
        payments=_before(facts.payments, "occurred_at", time.until),
        visits=_before(facts.visits, "day", time.today),
        contacts=_before(facts.contacts, "opened_at", time.until),
        answers=_before(facts.answers, "answered_at", time.until),
        renewals=_before(facts.renewals, "due_on", billed),
        costs=_before(facts.costs, "day", time.today),
    )


def _uncut(time: Timeline, seed: int) -> Company:
    """The facts to the end of the running week: each week is planned as a whole."""

    def rng(table: str) -> np.random.Generator:
        # One generator a table: a change to one leaves the others as they were.
        return np.random.default_rng([seed, *table.encode()])

    plan = story(rng("story"), time)
    deployed = delivery.deployments(rng("deployments"), time, plan)
    opened = trouble.incidents(rng("incidents"), time, plan, deployed)
    wanted = demand.demand(rng("demand"), time, plan, opened)
    placed = demand.orders(rng("orders"), time, wanted)
    return Company(
        incidents=opened,
        uptime=trouble.uptime(rng("uptime"), time, plan, opened),
        probes=running.probes(rng("probes"), time, plan),
        deployments=deployed,
        changes=delivery.changes(rng("changes"), deployed, plan),
        orders=placed,
        payments=demand.payments(rng("payments"), time, placed),
        visits=demand.visits(rng("visits"), time, plan, wanted),
        contacts=customers.contacts(rng("contacts"), time, plan, wanted, opened),
        answers=customers.answers(rng("answers"), time, plan),
        renewals=customers.renewals(rng("renewals"), time),
        costs=running.cloud_cost(rng("cost"), time, plan, wanted),
    )


def _before(rows: pd.DataFrame, column: str, end: np.datetime64) -> pd.DataFrame:
    return rows[rows[column].to_numpy() < end].reset_index(drop=True)


def _known(opened: pd.DataFrame, until: np.datetime64) -> pd.DataFrame:
    """Incidents as they looked at `until`: what came later has not happened yet."""
    rows = _before(opened, "opened_at", until)
    first = rows["first_resolved_at"]
    # Re-opened an hour after it was first resolved; before that moment it is simply resolved.
    again = (rows["reopened"] > 0) & (first < pd.Timestamp(until - HOUR))
    rows["resolved_at"] = rows["resolved_at"].where((rows["reopened"] == 0) | again, first)
    rows["reopened"] = again.astype(int)
    for column in ("acknowledged_at", "resolved_at"):
        rows[column] = rows[column].where(rows[column] < until)
    return rows


def _export(facts: Company, folder: Path) -> Iterator[Path]:
    yield from exports.pager(facts.incidents, folder)
    yield from exports.desk(facts.incidents, folder)
    yield from exports.monitoring(facts.uptime, facts.probes, folder)
    yield from exports.ci(facts.deployments, facts.changes, folder)
    yield from exports.shop(facts.orders, folder)
    yield from exports.ledger(facts.payments, folder)
    yield from exports.web(facts.visits, folder)
    yield from exports.care(facts.contacts, folder)
    yield from exports.survey(facts.answers, folder)
    yield from exports.billing(facts.renewals, folder)
    yield from exports.ideas(folder)
    yield from exports.finance(facts.costs, folder)
