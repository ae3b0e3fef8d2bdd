"""The vocabulary's metrics once more, computed from the sample's facts by plain pandas."""

from __future__ import annotations

import datetime as dt

import pandas as pd

from sample.company import Company
from sample.timeline import local
from tests.sample.exports import BERLIN

# Value, and the rows that made it.
Numbers = dict[str, tuple[float, int]]


class Week:
    """The facts of one week of Berlin, Monday to Sunday."""

    def __init__(self, facts: Company, monday: dt.date) -> None:
        self.facts = facts
        self.first = pd.Timestamp(monday)

    def rows(self, table: str, time: str, weeks: int = 1) -> pd.DataFrame:
        """The rows of a table whose time, or local day, lies in the week or so many up to it."""
        rows: pd.DataFrame = getattr(self.facts, table)
        times = rows[time].to_numpy()
        shown = pd.Series(times if time in ("day", "due_on") else local(times), index=rows.index)
        end = self.first + pd.Timedelta(days=7)
        return rows[(shown >= end - pd.Timedelta(days=7 * weeks)) & (shown < end)]


def last_week(facts: Company, until: dt.datetime) -> Numbers:
    """Every metric of the last complete week, but for renewals, which may not be in yet."""
    today = until.replace(tzinfo=dt.UTC).astimezone(BERLIN).date()
    week = Week(facts, today - dt.timedelta(days=today.weekday() + 7))
    return {**reliable(week), **fast(week), **grow(week), **worth(week)}


def reliable(week: Week) -> Numbers:
    opened, restored = week.rows("incidents", "opened_at"), week.rows("incidents", "resolved_at")
    facing = opened[opened["customer_facing"]]
    severe = int(facing["severity"].isin(["sev1", "sev2"]).sum())
    restored = restored[restored["severity"].isin(["sev1", "sev2"])]
    minutes = (restored["resolved_at"] - restored["opened_at"]) / pd.Timedelta(minutes=1)
    hours = week.rows("uptime", "hour")
    up, down = hours["up_seconds"].sum(), hours["down_seconds"].sum()
    score = week.rows("answers", "answered_at", weeks=4)["score"].dropna()
    contacts, placed = week.rows("contacts", "opened_at"), len(week.rows("orders", "ordered_at"))
    rating = contacts["rating"].dropna()
    by_customers = facing["heard_from"] == "customers"
    return {
        "heard_from_customers": (100 * by_customers.mean(), len(facing)),
        "uptime": (100 * up / (up + down), len(hours)),
        "customer_facing_incidents": (severe, severe),
        "time_to_restore": (minutes.median(), len(minutes)),
        "nps": (100 * ((score >= 9).mean() - (score <= 6).mean()), len(score)),
        "contacts_per_1k_orders": (1000 * len(contacts) / placed, len(contacts)),
        "satisfaction": (100 * (rating >= 4).mean(), len(rating)),
    }


def fast(week: Week) -> Numbers:
    changes, visits = week.rows("changes", "deployed_at"), week.rows("visits", "day")
    hours = (changes["deployed_at"] - changes["committed_at"]) / pd.Timedelta(hours=1)
    failed = week.rows("deployments", "finished_at")["failed"].astype(bool)
    adopted = visits["new_feature_visits"].sum() / visits["visits"].sum()
    return {
        "deploy_lead_time": (hours.median(), len(hours)),
        "deploys": (int((~failed).sum()), int((~failed).sum())),
        "change_failure_rate": (100 * failed.mean(), len(failed)),
        "feature_adoption": (100 * adopted, len(visits)),
    }


def grow(week: Week) -> Numbers:
    placed, visits = len(week.rows("orders", "ordered_at")), week.rows("visits", "day")
    probes = week.rows("probes", "probed_at").dropna()
    ledger = week.rows("payments", "occurred_at")
    moved = ledger[ledger["kind"].isin(["charge", "refund", "dispute"])]
    return {
        "checkout_conversion": (100 * placed / visits["basket_visits"].sum(), len(visits)),
        "checkout_response": (probes["response_ms"].quantile(0.95), len(probes)),
        "capacity_at_peak": (probes["capacity_used"].max(), len(probes)),
        "revenue": (moved["cents"].sum() / 100, len(moved)),
        "orders_placed": (placed, placed),
    }


def worth(week: Week) -> Numbers:
    costs, placed = week.rows("costs", "day"), len(week.rows("orders", "ordered_at"))
    cost, planned, idle = (costs[kind].sum() for kind in ("cost", "planned", "idle"))
    return {
        "it_cost_per_order": (cost / 100 / placed, len(costs)),
        "cloud_spend_against_plan": (100 * cost / planned, len(costs)),
        "idle_spend": (100 * idle / cost, len(costs)),
    }
