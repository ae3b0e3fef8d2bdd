"""The relations that the sample company was given are found, and no others."""

from __future__ import annotations

import shutil
from itertools import combinations, product

import pytest

from kpi.association import Association
from kpi.editions import Edition, open_edition
from kpi.event_study import Cost, cost
from kpi.events import instants
from kpi.hourly import hourly
from kpi.moving_together import compared, in_order, of_outcome
from kpi.refresh import refresh
from sample.company import write
from tests.sample import exports
from tests.sample.conftest import UNTIL

SEVERE = ("sev1", "sev2")
# Severe incidents are down time and contacts in the same week, and cost goodwill weeks later; so
# whatever follows from the same incidents moves together too. Orders are paid for, and divide cost.
PLANTED = {
    ("uptime", "customer_facing_incidents"),
    ("customer_facing_incidents", "contacts_per_1k_orders"),
    ("customer_facing_incidents", "nps"),
    ("uptime", "contacts_per_1k_orders"),
    ("uptime", "nps"),
    ("nps", "contacts_per_1k_orders"),
    ("revenue", "orders_placed"),
    ("it_cost_per_order", "orders_placed"),
    ("it_cost_per_order", "revenue"),
    ("checkout_conversion", "orders_placed"),
}


@pytest.fixture(scope="module")
def edition(tmp_path_factory: pytest.TempPathFactory) -> Edition:
    """The sample, refreshed and published at the moment it was written."""
    home = tmp_path_factory.mktemp("published")
    for file in ("metrics.yaml", "sources.yaml"):
        shutil.copy(exports.PROJECT / file, home)
    write(home / "data" / "sample", UNTIL)
    assert refresh(home, now=lambda: UNTIL).exit_code == 0
    return open_edition(home)


def clear(found: tuple[Association, ...]) -> dict[tuple[str, str], Association]:
    return {(one.first, one.second): one for one in found if one.clear}


def test_in_every_outcome_only_planted_pairs_of_it_and_business_are_clear(edition: Edition) -> None:
    found = {}
    for outcome in edition.vocabulary.outcomes.values():
        found |= clear(of_outcome(edition, outcome, "week"))

    assert set(found) <= PLANTED
    assert set(found) >= {
        ("customer_facing_incidents", "contacts_per_1k_orders"),
        ("customer_facing_incidents", "nps"),
        ("uptime", "contacts_per_1k_orders"),
    }


def test_goodwill_is_lost_three_to_five_weeks_after_severe_incidents(edition: Edition) -> None:
    outcome = edition.vocabulary.outcomes["reliable"]

    lag = clear(of_outcome(edition, outcome, "week"))["customer_facing_incidents", "nps"].clear

    assert lag is not None
    assert 3 <= lag.periods <= 5
    assert lag.strength < 0


@pytest.mark.parametrize(
    ("grain", "surely"), [("week", {("customer_facing_incidents", "nps")}), ("month", set())]
)
def test_among_all_pairs_of_it_and_business_only_planted_ones_are_clear(
    edition: Edition, grain: str, surely: set[tuple[str, str]]
) -> None:
    shown = edition.vocabulary.shown
    it, business = ([m for m in shown if m.side == side] for side in ("it", "business"))

    found = clear(compared(edition, list(product(it, business)), grain))

    assert surely <= set(found) <= PLANTED


@pytest.mark.parametrize("grain", ["week", "month"])
def test_among_all_pairs_at_all_only_planted_ones_are_clear(edition: Edition, grain: str) -> None:
    pairs = [in_order(*pair) for pair in combinations(edition.vocabulary.shown, 2)]

    found = clear(compared(edition, pairs, grain))

    assert set(found) <= PLANTED
    assert ("revenue", "orders_placed") in found


def around(edition: Edition, metric: str, **where: tuple[str, ...]) -> Cost:
    hours = hourly(edition, edition.vocabulary.metrics[metric], beside=("incidents",))
    return cost(hours, instants(edition, "incidents", where))


@pytest.mark.parametrize("metric", ["orders_placed", "revenue"])
def test_severe_incidents_on_the_checkout_cost_orders_and_money(
    edition: Edition, metric: str
) -> None:
    found = around(edition, metric, severity=SEVERE, service=("Checkout",))

    assert found.events > 60
    assert found.total is not None and found.control is not None
    assert found.total.is_clear and found.total.mean < 0
    assert not found.control.is_clear


@pytest.mark.parametrize("service", ["Search", "Catalogue", "Login", "Mobile app"])
def test_severe_incidents_on_other_services_cost_no_orders(edition: Edition, service: str) -> None:
    found = around(edition, "orders_placed", severity=SEVERE, service=(service,))

    assert found.total is not None
    assert not found.total.is_clear


def test_orders_lost_are_those_that_the_story_takes_away(edition: Edition) -> None:
    found = around(edition, "orders_placed", severity=SEVERE, service=("Checkout",))

    # Nearly all in the first hours, and none any more after eight.
    shares = [effect.mean / found.usual for effect in found.hours[found.around.before :]]
    assert shares[1] < -0.4
    assert all(abs(share) < 0.3 for share in shares[10:])


def test_service_is_down_in_the_hours_of_severe_incidents(edition: Edition) -> None:
    found = around(edition, "uptime", severity=SEVERE)

    assert found.total is not None
    assert found.total.is_clear and found.total.mean < 0
