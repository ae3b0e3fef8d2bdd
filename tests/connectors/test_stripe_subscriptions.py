"""Subscriptions as Stripe has them: prices, discounts, trials, and what became of them since."""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from connectors import stripe
from connectors.contract import Context, Present, SourceError
from tests.connectors.landed import Landing
from tests.connectors.stripe_peer import (
    KEY,
    StripePeer,
    coupon,
    discount,
    item,
    price,
    subscription,
    transaction,
)
from tests.peer import Server, cut_json, meanwhile

NOW = dt.datetime(2026, 6, 1, 12)
DAY = 86400
METERED = {"interval": "month", "interval_count": 1, "usage_type": "metered"}


def day(number: float) -> int:
    """Epoch seconds of so many days before NOW."""
    return int(NOW.replace(tzinfo=dt.UTC).timestamp() - number * DAY)


def written(epoch: int) -> str:
    return (dt.datetime(1970, 1, 1) + dt.timedelta(seconds=epoch)).isoformat()


@pytest.fixture
def peer(clock) -> StripePeer:
    return StripePeer(clock)


@pytest.fixture
def server(peer) -> Iterator[Server]:
    with peer.serving() as running:
        yield running


def options(server: Server, **more: Any) -> dict[str, Any]:
    return {"url": server.url, "token": KEY, "into": "subscriptions", **more}


def context(notices: list[str] | None = None) -> Context:
    told = notices if notices is not None else []
    return Context(home=Path(), now=NOW, notice=told.append)


def pulled(server: Server, notices: list[str] | None = None, **more: Any) -> list[dict[str, Any]]:
    """The raw rows of a first pull."""
    chosen = stripe.Options(connector="stripe", **options(server, **more))
    batches = stripe.pull(chosen, {}, context(notices))
    return [row for batch in batches for row in batch.rows.to_pylist()]


# --- prices -------------------------------------------------------------------------------------


def test_a_row_is_an_item_of_a_subscription(peer, server):
    peer.products.put({"id": "prod_1", "object": "product", "created": 0, "name": "Basic"})
    billed = {"city": "Wien", "country": "AT"}
    customer = {"id": "cus_7", "object": "customer", "address": billed, "discount": None}
    peer.subscriptions.put(
        subscription("1", day(400), item("1", price(9900, "year"), 3), customer=customer)
    )

    (row,) = pulled(server)

    assert row == {
        "subscription_id": "sub_1",
        "item": "si_1",
        "status": "active",
        "started_at": written(day(400)),
        "ended_at": None,
        "currency": "EUR",
        "monthly_minor": "2475.0000",
        "exponent": "2",
        "region": "AT",
        "product": "Basic",
        "customer": "cus_7",
    }


def monthly(peer: StripePeer, server: Server, *items: Any, **more: Any) -> list[str | None]:
    """What the items of one subscription come to a month."""
    peer.subscriptions.put(subscription("1", day(40), *items, **more))
    return [row["monthly_minor"] for row in pulled(server)]


def test_a_price_may_have_decimals_below_the_minor_unit(peer, server):
    assert monthly(peer, server, item("1", price("0.05"), 1000)) == ["50.0000"]


def test_a_price_may_be_that_of_a_pack(peer, server):
    packs = {"divide_by": 10, "round": "up"}

    assert monthly(peer, server, item("1", price(500, transform_quantity=packs), 25)) == [
        "1500.0000"
    ]


def test_a_quantity_of_none_is_nothing(peer, server):
    assert monthly(peer, server, item("1", price(500), 0)) == ["0.0000"]


def test_what_is_metered_comes_to_nothing_and_is_told(peer, server):
    peer.subscriptions.put(
        subscription(
            "1", day(40), item("1", price(5, recurring=METERED), None), item("2", price(9))
        )
    )
    notices: list[str] = []

    rows = pulled(server, notices)

    assert [row["monthly_minor"] for row in rows] == ["0.0000", "9.0000"]
    assert notices == ["Stripe has metered prices, which come to 0 a month here."]


def test_a_price_without_one_amount_is_unknown_and_told_once(peer, server):
    tiered = price(None, billing_scheme="tiered")
    for name in "12":
        peer.subscriptions.put(subscription(name, day(40), item(name, tiered)))
    notices: list[str] = []

    rows = pulled(server, notices)

    assert [row["monthly_minor"] for row in rows] == [None, None]
    assert len(notices) == 1
    assert "tiered" in notices[0]


def test_a_price_in_several_currencies_is_taken_in_the_one_that_is_paid(peer, server):
    pounds = {"gbp": {"unit_amount": 800, "unit_amount_decimal": "800"}}
    whole = price(1000, id="price_2", created=0, currency_options=pounds)
    peer.prices.put(whole)

    found = monthly(peer, server, item("1", {**whole, "currency_options": None}), currency="gbp")

    assert found == ["800.0000"]


def test_a_price_that_is_not_for_the_currency_paid_is_unknown(peer, server):
    assert monthly(peer, server, item("1", price(1000)), currency="usd") == [None]


def test_a_currency_without_decimals_stays_without(peer, server):
    peer.subscriptions.put(
        subscription("1", day(40), item("1", price(12000, "year", currency="jpy")), currency="jpy")
    )

    (row,) = pulled(server)

    assert (row["monthly_minor"], row["exponent"]) == ("1000.0000", "0")


def test_items_that_stripe_lists_apart_are_all_there(peer, server):
    peer.subscriptions.put(
        subscription("1", day(40), *(item(f"{n:02}", price(100)) for n in range(25)))
    )

    rows = pulled(server)

    assert [row["item"] for row in rows] == [f"si_{n:02}" for n in range(25)]


def test_a_product_that_was_deleted_is_called_by_its_id(peer, server):
    peer.subscriptions.put(subscription("1", day(40), item("1", price(100, product="prod_9"))))

    (row,) = pulled(server)

    assert row["product"] == "prod_9"


def test_each_product_is_asked_for_once(peer, server):
    for name in "123":
        peer.subscriptions.put(subscription(name, day(40), item(name, price(100))))

    pulled(server, page_size=1)

    assert sum(request.path.startswith("/v1/products") for request in server.asked) == 1


# --- discounts ----------------------------------------------------------------------------------


def taken(peer: StripePeer, *coupons: Any, end: int | None = None) -> list[Any]:
    """Discounts with these coupons, which Stripe keeps as well."""
    for each in coupons:
        peer.coupons.put(each)
    return [discount(each, end) for each in coupons]


def test_a_discount_that_lasts_is_taken_off(peer, server):
    ten = taken(peer, coupon("TEN", percent_off=10.5))

    assert monthly(peer, server, item("1", price(1000)), discounts=ten) == ["895.0000"]


def test_an_amount_goes_off_once_for_all_items(peer, server):
    off = taken(peer, coupon("OFF", amount_off=400, currency="eur"))
    items = item("1", price(3000)), item("2", price(1000))

    assert monthly(peer, server, *items, discounts=off) == ["2700.0000", "900.0000"]


def test_an_items_own_discount_goes_before_the_subscriptions(peer, server):
    off = taken(peer, coupon("OFF", amount_off=100, currency="eur"))
    half = taken(peer, coupon("HALF", percent_off=50))

    found = monthly(peer, server, item("1", price(1000), discounts=off), discounts=half)

    assert found == ["450.0000"]


def test_a_discount_of_one_invoice_only_does_not_count(peer, server):
    once = taken(peer, coupon("HELLO", "once", percent_off=50))

    assert monthly(peer, server, item("1", price(1000)), discounts=once) == ["1000.0000"]


@pytest.mark.parametrize(("end", "left"), [(day(-1), "500.0000"), (day(0), "1000.0000")])
def test_a_discount_counts_until_its_end(peer, server, end, left):
    half = taken(peer, coupon("HALF", "repeating", percent_off=50), end=end)

    assert monthly(peer, server, item("1", price(1000)), discounts=half) == [left]


def test_a_discount_that_lasted_to_the_end_of_a_subscription_stays(peer, server):
    half = taken(peer, coupon("HALF", "repeating", percent_off=50), end=day(5))
    ended = {"status": "canceled", "ended_at": day(9)}

    assert monthly(peer, server, item("1", price(1000)), discounts=half, **ended) == ["500.0000"]


def test_a_discount_is_for_its_products_only(peer, server):
    half = taken(peer, coupon("HALF", percent_off=50, applies_to={"products": ["prod_2"]}))
    items = item("1", price(1000)), item("2", price(1000, product="prod_2"))

    assert monthly(peer, server, *items, discounts=half) == ["1000.0000", "500.0000"]


def test_an_amount_in_another_currency_is_taken_as_the_coupon_says(peer, server):
    options = {"usd": {"amount_off": 300}}
    off = taken(peer, coupon("OFF", amount_off=250, currency="eur", currency_options=options))
    cost = price(1000, currency="usd")

    assert monthly(peer, server, item("1", cost), currency="usd", discounts=off) == ["700.0000"]


def test_an_amount_that_is_not_for_the_currency_paid_leaves_it_unknown(peer, server):
    off = taken(peer, coupon("OFF", amount_off=250, currency="eur"))
    cost = price(1000, currency="usd")

    assert monthly(peer, server, item("1", cost), currency="usd", discounts=off) == [None]


def with_discount(of: Any) -> dict[str, Any]:
    return {"id": "cus_1", "object": "customer", "address": None, "discount": of}


def test_a_customers_discount_counts_where_the_subscription_has_none(peer, server):
    (ten,) = taken(peer, coupon("TEN", percent_off=10))
    (half,) = taken(peer, coupon("HALF", percent_off=50))
    customer = with_discount(ten)
    peer.subscriptions.put(subscription("1", day(40), item("1", price(1000)), customer=customer))
    peer.subscriptions.put(
        subscription("2", day(41), item("2", price(1000)), customer=customer, discounts=[half])
    )

    rows = pulled(server)

    assert [row["monthly_minor"] for row in rows] == ["900.0000", "500.0000"]


def test_a_coupon_that_was_deleted_goes_on_where_it_was_taken(peer, server):
    deleted = [discount(coupon("GONE", percent_off=20))]

    assert monthly(peer, server, item("1", price(1000)), discounts=deleted) == ["800.0000"]


def test_a_discount_of_which_nothing_is_left_makes_a_price_unknown_and_is_told(peer, server):
    lost = {"discounts": [discount("GONE")]}
    peer.subscriptions.put(subscription("1", day(40), item("1", price(1000)), **lost))
    notices: list[str] = []

    (row,) = pulled(server, notices)

    assert row["monthly_minor"] is None
    assert "deleted coupons" in notices[0]


def test_older_versions_have_the_coupon_in_the_discount(peer, server):
    half = coupon("HALF", percent_off=50)
    peer.coupons.put(half)
    old = {"id": "di_1", "object": "discount", "coupon": half, "end": None}
    peer.subscriptions.put(subscription("1", day(40), item("1", price(1000)), discounts=[old]))

    (row,) = pulled(server, version="2025-08-27.basil")

    assert row["monthly_minor"] == "500.0000"
    assert "data.discounts" in server.asked[0].lists["expand[]"]


def test_each_coupon_is_asked_for_once(peer, server):
    half = taken(peer, coupon("HALF", percent_off=50))
    for name in "123":
        peer.subscriptions.put(subscription(name, day(40), item(name, price(1000)), discounts=half))

    pulled(server)

    assert sum(request.path.startswith("/v1/coupons") for request in server.asked) == 1


# --- from when to when --------------------------------------------------------------------------


def span(peer: StripePeer, server: Server, start: int, **more: Any) -> tuple[Any, ...]:
    peer.subscriptions.put(subscription("1", start, item("1", price(1000)), **more))
    (row,) = pulled(server)
    return row["started_at"], row["ended_at"], row["monthly_minor"]


def test_a_trial_comes_to_nothing_while_it_lasts(peer, server):
    trial = {"status": "trialing", "trial_start": day(5), "trial_end": day(-9)}

    assert span(peer, server, day(5), **trial) == (written(day(5)), None, "0")


def test_a_subscription_begins_when_its_trial_is_over(peer, server):
    trial = {"trial_start": day(40), "trial_end": day(26)}

    assert span(peer, server, day(40), **trial) == (written(day(26)), None, "1000.0000")


def test_a_trial_that_was_cancelled_never_came_to_anything(peer, server):
    trial = {"status": "canceled", "trial_start": day(40), "trial_end": day(26)}

    found = span(peer, server, day(40), ended_at=day(30), **trial)

    assert found == (written(day(40)), written(day(30)), "0")


def test_a_trial_given_later_does_not_take_away_what_was_paid_before(peer, server):
    trial = {"trial_start": day(40), "trial_end": day(10)}

    assert span(peer, server, day(400), **trial) == (written(day(400)), None, "1000.0000")


@pytest.mark.parametrize("status", ["incomplete", "paused"])
def test_what_was_never_paid_comes_to_nothing(peer, server, status):
    assert span(peer, server, day(1), status=status) == (written(day(1)), None, "0")


def test_a_first_payment_that_never_came_ends_a_subscription_that_came_to_nothing(peer, server):
    found = span(peer, server, day(9), status="incomplete_expired", ended_at=day(8))

    assert found == (written(day(9)), written(day(8)), "0")


@pytest.mark.parametrize("status", ["past_due", "unpaid"])
def test_a_payment_that_is_missing_does_not_end_a_subscription(peer, server, status):
    assert span(peer, server, day(90), status=status)[1:] == (None, "1000.0000")


def test_a_cancelled_subscription_keeps_what_it_came_to_until_its_end(peer, server):
    found = span(peer, server, day(90), status="canceled", canceled_at=day(20), ended_at=day(10))

    assert found == (written(day(90)), written(day(10)), "1000.0000")


def test_one_that_will_be_cancelled_goes_on(peer, server):
    found = span(peer, server, day(90), canceled_at=day(2), cancel_at_period_end=True)

    assert found[1] is None


def test_a_subscription_that_was_moved_here_began_before_it_was_made(peer, server):
    moved = item("1", price(1000), created=day(30))
    peer.subscriptions.put(subscription("1", day(900), moved, created=day(30)))

    (row,) = pulled(server)

    assert row["started_at"] == written(day(900))


def test_an_item_that_was_added_later_begins_later(peer, server):
    items = item("1", price(1000), created=day(90)), item("2", price(500), created=day(20))
    peer.subscriptions.put(subscription("1", day(90), *items))

    rows = pulled(server)

    assert [row["started_at"] for row in rows] == [written(day(90)), written(day(20))]


# --- pull after pull ----------------------------------------------------------------------------


@pytest.fixture
def landing(tmp_path) -> Landing:
    return Landing(tmp_path, stripe)


def standing(landing: Landing) -> list[tuple[Any, ...]]:
    return landing.rows(
        "select subscription_id, item, status, ended_at, monthly_minor::varchar "
        "from subscriptions order by all"
    )


def test_what_became_of_subscriptions_is_seen_at_the_next_pull(peer, server, landing):
    for name in "1234":
        peer.subscriptions.put(subscription(name, day(90), item(name, price(1000))))
    landing.pull(options(server), NOW)
    peer.subscriptions.change("sub_1", status="canceled", ended_at=day(0))
    peer.subscriptions.change("sub_2", items={"data": [item("2", price(2000))]})
    peer.subscriptions.change("sub_3", items={"data": [item("3b", price(3000))]})
    peer.subscriptions.delete("sub_4")
    peer.subscriptions.put(subscription("5", day(1), item("5", price(500))))

    landed = landing.pull(options(server), NOW + dt.timedelta(days=1))

    assert (landed.new, landed.changed, landed.deleted) == (2, 2, 2)
    assert standing(landing) == [
        ("sub_1", "si_1", "canceled", NOW, "1000.0000"),
        ("sub_2", "si_2", "active", None, "2000.0000"),
        ("sub_3", "si_3b", "active", None, "3000.0000"),
        ("sub_5", "si_5", "active", None, "500.0000"),
    ]


def test_cancelled_ones_are_asked_for_too(peer, server):
    pulled(server)

    assert server.asked[0].query["status"] == "all"


def test_many_pages_land_together(peer, server, landing, monkeypatch):
    monkeypatch.setattr("connectors.stripe_reading._ROWS_AT_ONCE", 50)
    for number in range(250):
        name = f"{number:03}"
        peer.subscriptions.put(subscription(name, day(90) + number, item(name, price(number))))
    landing.pull(options(server), NOW)
    landed = landing.pull(options(server), NOW)

    assert (landed.unchanged, landed.deleted) == (250, 0)
    assert len(standing(landing)) == 250


def test_one_that_is_deleted_while_pages_are_turned_stops_the_pull_and_nothing_is_lost(
    peer, server, landing
):
    for number in range(5):
        name = str(number)
        peer.subscriptions.put(subscription(name, day(90) + number, item(name, price(1000))))
    landing.pull(options(server, page_size=2), NOW)
    peer.count = 0
    # The second question is for products; the third begins after what is deleted before it.
    peer.faults[2] = meanwhile(lambda: peer.subscriptions.delete("sub_3"))
    with pytest.raises(SourceError) as error:
        landing.pull(options(server, page_size=2), NOW)
    stopped = len(standing(landing))
    landing.pull(options(server, page_size=2), NOW)

    assert "deleted while it was read" in error.value.advice
    assert stopped == 5
    assert [row[0] for row in standing(landing)] == ["sub_0", "sub_1", "sub_2", "sub_4"]


def test_half_of_the_subscriptions_takes_none_away(peer, server, landing):
    for number in range(150):
        name = f"{number:03}"
        peer.subscriptions.put(subscription(name, day(90), item(name, price(1000))))
    landing.pull(options(server), NOW)
    peer.count = 0
    peer.faults[3] = cut_json
    with pytest.raises(SourceError):
        landing.pull(options(server), NOW)

    assert len(standing(landing)) == 150


def test_the_ledger_goes_on_where_it_was_beside_the_subscriptions(peer, server, landing):
    both = options(server, into=["payments", "subscriptions"], start="2026-05-26")
    landing.pull(both, NOW)
    del server.asked[:]
    landing.pull(both, NOW)

    assert server.asked[0].query["created[gte]"] == str(day(0) - 3600)


def test_a_ledger_that_landed_stays_where_the_subscriptions_fail(peer, server, landing):
    peer.ledger.put(transaction("1", day(2), 100))
    peer.forbidden = {"subscriptions"}
    both = options(server, into=["payments", "subscriptions"], start="2026-05-26")
    with pytest.raises(SourceError, match="rak_subscriptions_read"):
        landing.pull(both, NOW)
    peer.forbidden = set()
    del server.asked[:]
    landing.pull(both, NOW)

    assert landing.rows("select count(*) from payments") == [(1,)]
    assert server.asked[0].query["created[gte]"] == str(day(0) - 3600)


# --- what is still there ------------------------------------------------------------------------


def presents(server: Server, **more: Any) -> list[Present]:
    chosen = stripe.Options(connector="stripe", **options(server, **more))
    return list(stripe.present(chosen, {}, context()))


def test_every_item_that_is_there_is_listed_by_its_key(peer, server):
    peer.subscriptions.put(
        subscription("1", day(90), *(item(f"{n:02}", price(100)) for n in range(12)))
    )
    peer.subscriptions.put(subscription("2", day(9), item("x", price(1)), status="canceled"))

    (present,) = presents(server)

    keys = sorted(zip(*present.keys.to_pydict().values(), strict=True))
    assert keys == [*(("sub_1", f"si_{n:02}") for n in range(12)), ("sub_2", "si_x")]
    assert (present.into, present.time) == ("subscriptions", "started_at")
    assert present.start < NOW < present.end


def test_a_ledger_is_not_compared_for_it_loses_nothing(server):
    assert presents(server, into="payments") == []
    assert server.asked == []
