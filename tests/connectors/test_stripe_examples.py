"""Stripe's own example objects, where they are at hand: what we play and read is shaped alike."""

from __future__ import annotations

import datetime as dt
import json
import os
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import pytest

from connectors import stripe
from connectors.contract import Context
from tests.connectors import stripe_peer
from tests.connectors.stripe_peer import KEY, StripePeer

# `openapi/fixtures3.json` of the repository stripe/openapi.
_BESIDE = Path(__file__).parents[3] / "shared" / "data" / "stripe" / "fixtures3.json"
EXAMPLES = Path(os.environ.get("STRIPE_EXAMPLES", _BESIDE))

pytestmark = pytest.mark.skipif(
    not EXAMPLES.exists(),
    reason="needs Stripe's examples: name fixtures3.json of stripe/openapi in STRIPE_EXAMPLES",
)


@pytest.fixture(scope="module")
def examples() -> dict[str, Any]:
    found: dict[str, Any] = json.loads(EXAMPLES.read_text("utf-8"))["resources"]
    return found


def lacking(played: Any, example: Any, place: str = "") -> Iterator[str]:
    """The fields of a record we play that the example does not have."""
    if isinstance(played, Mapping) and isinstance(example, Mapping):
        for name, value in played.items():
            if name in example:
                yield from lacking(value, example[name], f"{place}.{name}")
            else:
                yield f"{place}.{name}"


PRICE = stripe_peer.price(1)
COUPON = stripe_peer.coupon("x")


@pytest.mark.parametrize(
    ("played", "name"),
    [
        (stripe_peer.transaction("1", 0, 1), "balance_transaction"),
        (stripe_peer.charge("1", "AT"), "charge"),
        (stripe_peer.subscription("1", 0), "subscription"),
        (stripe_peer.item("1", PRICE), "subscription_item"),
        (PRICE, "price"),
        (COUPON, "coupon"),
        (stripe_peer.discount("x"), "discount"),
        ({"id": "prod_1", "object": "product", "name": "P"}, "product"),
        ({"object": "customer", "address": None, "discount": None}, "customer"),
        ({"object": "refund", "charge": "ch_1"}, "refund"),
        ({"object": "dispute", "charge": "ch_1"}, "dispute"),
    ],
)
def test_no_record_that_is_played_has_a_field_that_stripe_does_not_know(examples, played, name):
    assert list(lacking(played, examples[name])) == []


@pytest.fixture
def rows(examples, clock) -> dict[str, list[dict[str, Any]]]:
    """What a pull makes of the examples, by table."""
    peer = StripePeer(clock)
    source = {**examples["charge"], "customer": "cus_1"}
    peer.ledger.put({**examples["balance_transaction"], "source": source, "fee": 30})
    # The example of a customer has a discount of which its coupon is left out.
    customer = {**examples["customer"], "discount": None}
    subscription = {**examples["subscription"], "customer": customer}
    items = subscription["items"]["data"]
    # The examples' numbers are random: as many in a pack as there are.
    items[0]["quantity"] = items[0]["price"]["transform_quantity"]["divide_by"]
    peer.subscriptions.put(subscription)
    product = {**examples["product"], "id": items[0]["price"]["product"]}
    peer.products.put(product)
    now = dt.datetime(2009, 2, 14)  # the examples are all of the second 1234567890
    found: dict[str, list[dict[str, Any]]] = {}
    with peer.serving() as server:
        asked = {"connector": "stripe", "url": server.url, "token": KEY, "start": "2009-02-13"}
        for batch in stripe.pull(stripe.Options(**asked), {}, Context(home=Path(), now=now)):
            found.setdefault(batch.into, []).extend(batch.rows.to_pylist())
    return found


def test_an_entry_of_stripes_is_read(rows):
    entry, fee = rows["payments"]

    assert (entry["kind"], entry["amount_minor"], entry["currency"]) == ("charge", "100", "USD")
    assert (entry["occurred_at"], entry["customer"]) == ("2009-02-13T23:31:30", "cus_1")
    assert (fee["kind"], fee["amount_minor"]) == ("fee", "-30")


def test_a_subscription_of_stripes_is_read(rows, examples):
    (row,) = rows["subscriptions"]

    assert (row["status"], row["monthly_minor"], row["currency"]) == ("active", "2000.0000", "USD")
    assert row["started_at"] is not None
    assert row["product"] == examples["product"]["name"]
