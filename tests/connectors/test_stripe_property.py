"""Whatever happens at Stripe and on the way to it, after a good pull the facts are Stripe's own."""

from __future__ import annotations

import datetime as dt
import itertools
import tempfile
from collections.abc import Iterator
from decimal import ROUND_HALF_EVEN, Decimal
from pathlib import Path
from typing import Any

import pytest
from hypothesis import event, given, settings
from hypothesis import strategies as st

from connectors import stripe
from connectors.contract import SourceError
from tests.connectors.landed import Landing
from tests.connectors.stripe_peer import (
    KEY,
    StripePeer,
    charge,
    coupon,
    discount,
    item,
    price,
    subscription,
    transaction,
)
from tests.peer import (
    Clock,
    Fault,
    broken_off,
    cut_json,
    empty,
    expired,
    failing,
    hanging_up,
    meanwhile,
    repeated,
    web_page,
)

START = dt.datetime(2026, 6, 1)
EPOCH = dt.datetime(1970, 1, 1)
GONE_WRONG: dict[str, Fault] = {
    "400": failing(400),
    "429": failing(429, {"Stripe-Rate-Limited-Reason": "endpoint-rate"}),
    "503": failing(503),
    "half an answer": broken_off,
    "half of the JSON": cut_json,
    "nothing": empty,
    "no answer": hanging_up,
    "the answer before": repeated,
    "a web page": web_page,
    "an expired key": expired,
}
CHANGES = ["entered", "refunded", "subscribed", "cancelled", "another price", "an item less"]
PRICES = [(1000, "month"), (9900, "year"), (333, "week"), (7, "day")]


@pytest.fixture(scope="module", autouse=True)
def without_waiting() -> Iterator[None]:
    """Waits take no time."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("connectors.patience.time", Clock())
        yield


class Account:
    """A Stripe account in which things go on, and what must be found of it."""

    def __init__(self) -> None:
        self.peer = StripePeer()
        self.now = START
        self._numbers = itertools.count(1)
        self._half = coupon("HALF", percent_off=50)
        self.peer.coupons.put(self._half)
        self.peer.products.put({"id": "prod_1", "object": "product", "created": 0, "name": "P"})

    def change(self, what: str) -> None:
        """Something that happens now."""
        number = next(self._numbers)
        at = int((self.now - EPOCH).total_seconds()) - number % 3
        there = self.peer.subscriptions.all("id")
        one = there[number % len(there)] if there else None
        if what in ("entered", "refunded"):
            sign = 1 if what == "entered" else -1
            category = "charge" if what == "entered" else "refund"
            billed = charge(str(number), "AT" if number % 2 else None, "cus_1")
            entry = transaction(
                f"{number:04}", at, sign * number * 10, number % 4, category, source=billed
            )
            self.peer.ledger.put(entry)
        elif what == "subscribed" or one is None:
            unit, interval = PRICES[number % len(PRICES)]
            items = [
                item(f"{number}_{n}", price(unit, interval), number % 5) for n in range(number % 3)
            ]
            taken = [discount(self._half)] if number % 2 else []
            self.peer.subscriptions.put(subscription(f"{number:04}", at, *items, discounts=taken))
        elif what == "cancelled":
            self.peer.subscriptions.change(one["id"], status="canceled", ended_at=at)
        elif one["items"]["data"]:
            first, *rest = one["items"]["data"]
            changed = [] if what == "an item less" else [{**first, "price": price(number)}]
            self.peer.subscriptions.change(one["id"], items={"data": [*changed, *rest]})

    def entries(self) -> list[tuple[Any, ...]]:
        """What the ledger says, plainly."""
        found = []
        for each in self.peer.ledger.all("id"):
            billed = each["source"]["billing_details"]["address"]["country"]
            at = EPOCH + dt.timedelta(seconds=each["created"])
            found.append((each["id"], each["reporting_category"], at, each["amount"], billed))
            if each["fee"]:
                found.append((f"{each['id']}/fee", "fee", at, -each["fee"], billed))
        return sorted(found, key=lambda row: row[0])

    def items(self) -> list[tuple[Any, ...]]:
        """What the subscriptions say, plainly."""
        return sorted(
            (each["id"], one["id"], each["status"], each["ended_at"], _monthly(each, one))
            for each in self.peer.subscriptions.all("id")
            for one in each["items"]["data"]
        )


def _monthly(subscription: dict[str, Any], one: dict[str, Any]) -> Decimal:
    a_year = {"day": 365, "week": 52, "month": 12, "year": 1}
    periods = a_year[one["price"]["recurring"]["interval"]]
    cost = Decimal(one["price"]["unit_amount"] * one["quantity"] * periods)
    cost /= 2 if subscription["discounts"] else 1
    return (cost / 12).quantize(Decimal("0.0001"), ROUND_HALF_EVEN)


@pytest.mark.slow
@settings(max_examples=30)
@given(
    before=st.lists(st.sampled_from(CHANGES), max_size=25),
    pulls=st.lists(
        st.tuples(
            st.integers(1, 7),
            st.dictionaries(
                st.integers(1, 12), st.sampled_from([*GONE_WRONG, *CHANGES]), max_size=4
            ),
            st.lists(st.sampled_from(CHANGES), max_size=6),
            st.integers(0, 5 * 86400),
        ),
        max_size=3,
    ),
)
def test_after_a_good_pull_the_facts_are_those_of_stripe(before, pulls):
    account = Account()
    for what in before:
        account.change(what)
    with tempfile.TemporaryDirectory() as folder, account.peer.serving() as server:
        landing = Landing(Path(folder), stripe)
        asked = {"url": server.url, "token": KEY, "start": "2026-05-30"}
        for size, wrong, after, seconds in pulls:
            account.now += dt.timedelta(seconds=seconds + 3)
            account.peer.count = 0
            account.peer.credential = ("Authorization", f"Bearer {KEY}")
            account.peer.faults = {place: fault(account, name) for place, name in wrong.items()}
            try:
                landing.pull({**asked, "page_size": size}, account.now)
            except SourceError:
                event("a pull failed")
            for what in after:
                account.change(what)
        account.peer.faults = {}
        account.peer.credential = ("Authorization", f"Bearer {KEY}")
        account.now += dt.timedelta(seconds=3)
        landing.pull(asked, account.now)
        entries = landing.rows(
            "select entry_id, kind, occurred_at, amount_minor, region from payments order by 1"
        )
        items = landing.rows(
            "select subscription_id, item, status, epoch(ended_at)::bigint, monthly_minor "
            "from subscriptions order by all"
        )

    assert entries == account.entries()
    assert items == account.items()


def fault(account: Account, name: str) -> Fault:
    return meanwhile(lambda: account.change(name)) if name in CHANGES else GONE_WRONG[name]
