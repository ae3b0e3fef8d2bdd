"""The last weeks look alike on whichever day the sample is written."""

from __future__ import annotations

import datetime as dt

import pytest

from kpi.judge import Status, status
from kpi.periods import DAY, period_of
from kpi.vocabulary_file import load_vocabulary
from sample.company import company
from sample.timeline import timeline
from tests.sample import exports
from tests.sample.by_hand import last_week

EXPECTED = {
    "heard_from_customers": Status.NEAR,
    "uptime": Status.NEAR,
    "customer_facing_incidents": Status.OFF_TARGET,
    "time_to_restore": Status.ON_TARGET,
    "nps": Status.OFF_TARGET,
    "contacts_per_1k_orders": Status.NEAR,
    "satisfaction": Status.TOO_FEW,
    "deploy_lead_time": Status.ON_TARGET,
    "deploys": Status.ON_TARGET,
    "change_failure_rate": Status.OFF_TARGET,
    "feature_adoption": Status.ON_TARGET,
    "checkout_conversion": Status.NEAR,
    "checkout_response": Status.ON_TARGET,
    "capacity_at_peak": Status.NO_TARGET,
    "revenue": Status.ON_TARGET,
    "orders_placed": Status.ON_TARGET,
    "it_cost_per_order": Status.NEAR,
    "cloud_spend_against_plan": Status.ON_TARGET,
    "idle_spend": Status.ON_TARGET,
}
MOMENTS = [dt.datetime(2026, 11, 16, 5) + dt.timedelta(days=53 * n, hours=5 * n) for n in range(7)]


@pytest.mark.parametrize("until", MOMENTS, ids=lambda moment: f"{moment:%a-%d-%b-%Y}")
def test_the_last_complete_week_has_the_same_statuses(until: dt.datetime) -> None:
    vocabulary = load_vocabulary((exports.PROJECT / "metrics.yaml").read_text("utf-8"))
    week = period_of(vocabulary.calendar, "week", until.date() - 7 * DAY)
    found = {}
    for name, (value, n) in last_week(company(timeline(until), seed=20), until).items():
        metric = vocabulary.metrics[name]
        found[name] = status(
            float(value),
            n,
            target=metric.target.value(vocabulary.calendar, week) if metric.target else None,
            tolerance=metric.tolerance,
            good=metric.good,
            min_sample=metric.min_sample,
        )

    assert found == EXPECTED
