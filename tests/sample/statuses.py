"""How the metrics of the sample company stand in its last complete week, whenever it is written."""

from __future__ import annotations

from kpi.judge import Status

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
