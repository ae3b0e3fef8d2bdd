"""Charges, refunds and subscriptions that a server keeps, read through a front like Stripe's."""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterator
from typing import Any

import pytest

from connectors import stripe
from tests.connectors.landed import Landing
from tests.connectors.stripe_peer import StripePeer
from tests.localstripe_server import LocalStripe, localstripe
from tests.peer import Answer, Request, Server

pytestmark = pytest.mark.servers

GOOD_CARD, DECLINED_LATER = "4242424242424242", "4000000000000341"


class Front(StripePeer):
    """What localstripe lacks of Stripe: a ledger by time, charges within refunds, prices.

    It looks at localstripe anew before every answer.
    """

    def __init__(self, behind: LocalStripe) -> None:
        super().__init__()
        self.credential = ("Authorization", f"Bearer {behind.key}")
        self._behind = behind

    def good(self, request: Request) -> Answer:
        charges = {each["id"]: each for each in self._behind.all("charges")}
        for entry in self._behind.all("balance_transactions", **{"expand[]": "data.source"}):
            source = entry["source"]
            source["charge"] = charges.get(source.get("charge"))
            self.ledger.put(entry)
        for product in self._behind.all("products"):
            self.products.put(product)
        for subscription in self._behind.all("subscriptions", status="all"):
            items = [_priced(item) for item in subscription["items"]["data"]]
            (currency,) = {item["price"]["currency"] for item in items}
            customer = self._behind.ask(f"customers/{subscription['customer']}")
            self.subscriptions.put(
                {
                    **subscription,
                    "currency": currency,
                    "customer": customer,
                    "discounts": [],
                    "items": {"data": items},
                }
            )
        return super().good(request)


def _priced(item: dict[str, Any]) -> dict[str, Any]:
    """An item with a price in the place of its plan, as Stripe has had it since 2020."""
    plan = item["plan"]
    recurring = {name: plan[name] for name in ("interval", "interval_count", "usage_type")}
    amount = plan["amount"] if plan["billing_scheme"] == "per_unit" else None
    return {
        **item,
        "discounts": [],
        "price": {
            "id": plan["id"],
            "currency": plan["currency"],
            "product": plan["product"],
            "recurring": recurring,
            "transform_quantity": None,
            "unit_amount": amount,
            "unit_amount_decimal": None if amount is None else str(amount),
        },
    }


@pytest.fixture
def behind(tmp_path) -> Iterator[LocalStripe]:
    with localstripe(tmp_path) as running:
        yield running


@pytest.fixture
def server(behind) -> Iterator[Server]:
    with Front(behind).serving() as running:
        yield running


@pytest.fixture
def landing(tmp_path) -> Landing:
    return Landing(tmp_path, stripe)


def now() -> dt.datetime:
    """A moment after all that has been done."""
    return dt.datetime.now(dt.UTC).replace(tzinfo=None) + dt.timedelta(seconds=2)


def pull(landing: Landing, server: Server) -> None:
    landing.pull({"url": server.url, "token": LocalStripe.key, "page_size": 10}, now())


def card(behind: LocalStripe, number: str = GOOD_CARD) -> str:
    fields = {"card[exp_month]": 12, "card[exp_year]": 2040, "card[cvc]": "123"}
    made = behind.make("payment_methods", type="card", **{"card[number]": number, **fields})
    return str(made["id"])


def customer(behind: LocalStripe) -> str:
    pays = card(behind)
    made = behind.make("customers", payment_method=pays, **{"address[country]": "AT"})
    default = {"invoice_settings[default_payment_method]": pays}
    behind.make(f"customers/{made['id']}", **default)
    return str(made["id"])


def test_charges_and_refunds_add_up_in_each_currency(behind, server, landing):
    payer = customer(behind)
    euros = behind.make("charges", amount=2500, currency="eur", customer=payer)
    behind.make("charges", amount=5000, currency="jpy", source=card(behind))
    held = behind.make("charges", amount=900, currency="eur", source=card(behind), capture="false")
    behind.make(f"charges/{held['id']}/capture", amount=600)
    behind.make("charges", amount=77, currency="eur", source=card(behind), capture="false")
    refused = behind.refuse(
        "charges", amount=4000, currency="eur", source=card(behind, DECLINED_LATER)
    )
    behind.make("refunds", charge=euros["id"], amount=400)

    pull(landing, server)

    found = landing.rows(
        "select currency, exponent, kind, sum(amount_minor), count(*) from payments "
        "group by all order by all"
    )
    assert refused == 402
    assert found == [
        ("EUR", 2, "charge", 2500 + 900, 2),
        ("EUR", 2, "refund", -300 - 400, 2),
        ("JPY", 0, "charge", 5000, 1),
    ]


def test_a_refund_belongs_to_the_customer_of_its_charge(behind, server, landing):
    payer = customer(behind)
    made = behind.make("charges", amount=2500, currency="eur", customer=payer)
    behind.make("refunds", charge=made["id"])

    pull(landing, server)

    assert landing.rows("select kind, customer from payments order by kind") == [
        ("charge", payer),
        ("refund", payer),
    ]


def test_each_pull_brings_what_is_new_once(behind, server, landing):
    payer = customer(behind)
    for amount in range(100, 125):
        behind.make("charges", amount=amount, currency="eur", customer=payer)
    pull(landing, server)
    first = landing.rows("select count(*), sum(amount_minor) from payments")
    behind.make("charges", amount=1, currency="eur", customer=payer)
    pull(landing, server)

    assert first == [(25, sum(range(100, 125)))]
    assert landing.rows("select count(*), sum(amount_minor) from payments") == [
        (26, sum(range(100, 125)) + 1)
    ]


def plan(behind: LocalStripe, **fields: Any) -> str:
    named = {"product[name]": "Basic", "currency": "eur", "interval": "month"}
    return str(behind.make("plans", **{**named, **fields})["id"])


def subscribed(behind: LocalStripe, of: str, quantity: int = 1) -> dict[str, Any]:
    fields = {"items[0][plan]": of, "items[0][quantity]": quantity}
    made: dict[str, Any] = behind.make("subscriptions", customer=customer(behind), **fields)
    return made


def test_subscriptions_come_with_their_price_a_month_their_product_and_their_end(
    behind, server, landing
):
    subscribed(behind, plan(behind, amount=12000, interval="year"), 3)
    subscribed(behind, plan(behind, amount=5, usage_type="metered"))
    tier = {"tiers[0][up_to]": "inf", "tiers[0][unit_amount]": 7, "tiers[0][flat_amount]": 0}
    subscribed(behind, plan(behind, billing_scheme="tiered", tiers_mode="volume", **tier))
    ended = subscribed(behind, plan(behind, amount=900, interval_count=3))
    behind.delete(f"subscriptions/{ended['id']}")

    pull(landing, server)

    found = landing.rows(
        "select status, monthly_minor::varchar, ended_at is not null, product, region "
        "from subscriptions order by monthly_minor nulls last"
    )
    assert found == [
        ("active", "0.0000", False, "Basic", "AT"),
        ("canceled", "300.0000", True, "Basic", "AT"),
        ("active", "3000.0000", False, "Basic", "AT"),
        ("active", None, False, "Basic", "AT"),
    ]


def test_another_plan_is_another_item_and_the_one_before_is_gone(behind, server, landing):
    made = subscribed(behind, plan(behind, amount=1000))
    pull(landing, server)
    other = {"items[0][plan]": plan(behind, amount=2500), "items[0][quantity]": 1}
    behind.make(f"subscriptions/{made['id']}", **other)
    pull(landing, server)

    found = landing.rows("select subscription_id, monthly_minor::integer from subscriptions")
    assert found == [(made["id"], 2500)]
