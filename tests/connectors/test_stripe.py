"""The ledger as Stripe keeps it: fees, refunds, disputes, currencies, and what goes wrong."""

from __future__ import annotations

import datetime as dt
import itertools
import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from pydantic import ValidationError

from connectors import stripe
from connectors.contract import Context, SourceError
from kpi import yaml_text
from tests.connectors.landed import Landing
from tests.connectors.stripe_peer import (
    KEY,
    StripePeer,
    charge,
    item,
    price,
    refusal,
    subscription,
    transaction,
)
from tests.peer import (
    Server,
    broken_off,
    cut_json,
    data,
    expired,
    failing,
    hanging_up,
    meanwhile,
    repeated,
    serving,
    web_page,
)

NOW = dt.datetime(2026, 6, 1, 12)
DAY = 86400


def day(number: float) -> int:
    """Epoch seconds of so many days before NOW."""
    return int(NOW.replace(tzinfo=dt.UTC).timestamp() - number * DAY)


def time(epoch: int) -> dt.datetime:
    return dt.datetime(1970, 1, 1) + dt.timedelta(seconds=epoch)


@pytest.fixture
def peer(clock) -> StripePeer:
    return StripePeer(clock)


@pytest.fixture
def server(peer) -> Iterator[Server]:
    with peer.serving() as running:
        yield running


@pytest.fixture
def landing(tmp_path) -> Landing:
    return Landing(tmp_path, stripe)


def options(server: Server, **more: Any) -> dict[str, Any]:
    return {"url": server.url, "token": KEY, "into": "payments", "start": "2026-05-26", **more}


def entries(landing: Landing) -> list[tuple[Any, ...]]:
    return landing.rows(
        "select entry_id, kind, occurred_at, amount_minor, currency, exponent from payments "
        "order by all"
    )


def pulled(server: Server, notices: list[str] | None = None, **more: Any) -> list[dict[str, Any]]:
    """The raw rows of a first pull."""
    chosen = stripe.Options(connector="stripe", **options(server, **more))
    notice = (notices if notices is not None else []).append
    batches = stripe.pull(chosen, {}, Context(home=Path(), now=NOW, notice=notice))
    return [row for batch in batches for row in batch.rows.to_pylist()]


# --- what an entry says -------------------------------------------------------------------------


def test_a_charge_and_its_fee_are_two_entries_that_add_up_to_the_net(peer, server, landing):
    peer.ledger.put(transaction("1", day(2), 2500, fee=98))

    landing.pull(options(server), NOW)

    assert entries(landing) == [
        ("txn_1", "charge", time(day(2)), 2500, "EUR", 2),
        ("txn_1/fee", "fee", time(day(2)), -98, "EUR", 2),
    ]


def test_an_entry_without_a_fee_has_none_of_its_own(peer, server):
    peer.ledger.put(transaction("1", day(2), -2500, category="refund"))

    (row,) = pulled(server)

    assert (row["entry_id"], row["kind"], row["amount_minor"]) == ("txn_1", "refund", "-2500")


def test_a_fee_that_comes_back_counts_for_us(peer, server):
    peer.ledger.put(transaction("1", day(2), -2500, fee=-98, category="refund"))

    _, fee = pulled(server)

    assert (fee["kind"], fee["amount_minor"]) == ("fee", "98")


def test_every_word_of_stripes_for_what_an_entry_is_has_a_kind(peer, server):
    kinds = {
        "charge": "charge",
        "charge_failure": "charge",
        "partial_capture_reversal": "charge",
        "refund": "refund",
        "refund_failure": "refund",
        "dispute": "dispute",
        "dispute_reversal": "dispute",
        "fee": "fee",
        "network_cost": "fee",
        "payout": "payout",
        "payout_reversal": "payout",
        "topup": "payout",
        "other_adjustment": "adjustment",
        "platform_earning": "adjustment",
        "transfer": "adjustment",
        "tax": "adjustment",
    }
    for word in kinds:
        peer.ledger.put(transaction(word, day(2), -1, category=word))
    notices: list[str] = []

    rows = pulled(server, notices)

    assert {row["entry_id"].removeprefix("txn_"): row["kind"] for row in rows} == kinds
    assert notices == []


def test_a_new_word_of_stripes_is_kept_as_unknown_and_told_once(peer, server):
    for number in range(3):
        peer.ledger.put(transaction(str(number), day(2), -1, category="gift"))
    notices: list[str] = []

    rows = pulled(server, notices)

    assert [row["kind"] for row in rows] == ["unknown"] * 3
    assert notices == ["Stripe has the reporting category 'gift', which counts as unknown."]


def test_what_counts_as_which_kind_can_be_declared(peer, server):
    peer.ledger.put(transaction("2", day(2), 100, category="platform_earning"))
    peer.ledger.put(transaction("1", day(2), -70, category="transfer"))
    kind = {"from": "reporting_category", "map": {"platform_earning": "charge"}}

    rows = pulled(server, kind=kind)

    assert [row["kind"] for row in rows] == ["charge", "adjustment"]


def test_amounts_have_the_decimals_of_stripes_own_table(peer, server):
    decimals = {"JPY": 0, "KRW": 0, "MGA": 0, "KWD": 3, "BHD": 3, "ISK": 2, "UGX": 2, "HUF": 2}
    for code in decimals:
        peer.ledger.put(transaction(code, day(2), 5000, fee=10, currency=code.lower()))

    rows = pulled(server)

    assert len(rows) == 2 * len(decimals)
    assert {row["currency"]: int(row["exponent"]) for row in rows} == decimals


def test_other_decimals_can_be_declared(peer, server):
    peer.ledger.put(transaction("1", day(2), 5000, currency="ugx"))

    (row,) = pulled(server, exponents={"ugx": 0})

    assert (row["amount_minor"], row["exponent"]) == ("5000", "0")


def test_an_amount_is_left_to_the_warehouse_to_convert(peer, server):
    peer.ledger.put(transaction("1", day(2), 5000))

    (row,) = pulled(server)

    assert "amount" not in row


def test_a_refund_and_a_dispute_belong_where_their_charge_was_billed(peer, server):
    billed = charge("1", "AT", "cus_1")
    fields = {
        "charge": billed,
        "refund": {"id": "re_1", "object": "refund", "charge": billed},
        "dispute": {"id": "dp_1", "object": "dispute", "charge": billed},
        "payout": {"id": "po_1", "object": "payout"},
        "fee": None,
    }
    for word, source in fields.items():
        peer.ledger.put(transaction(word, day(2), 1, category=word, source=source))

    rows = pulled(server)

    assert {row["entry_id"]: (row["region"], row["customer"]) for row in rows} == {
        "txn_charge": ("AT", "cus_1"),
        "txn_refund": ("AT", "cus_1"),
        "txn_dispute": ("AT", "cus_1"),
        "txn_payout": (None, None),
        "txn_fee": (None, None),
    }


def test_a_fee_belongs_where_its_charge_was_billed(peer, server):
    peer.ledger.put(transaction("1", day(2), 100, fee=3, source=charge("1", "AT", "cus_1")))
    peer.ledger.put(transaction("2", day(2), 100, fee=3, source=charge("2")))

    rows = pulled(server)

    assert [row["region"] for row in rows] == [None, None, "AT", "AT"]


@pytest.mark.parametrize(
    ("field", "value"), [("amount", "12 euros"), ("created", "soon"), ("id", None)]
)
def test_a_record_that_cannot_be_read_is_rejected_and_the_others_land(landing, field, value):
    good, bad = transaction("good", day(2), 1), transaction("bad", day(2), 1)
    page = {"object": "list", "data": [{**bad, field: value}, good], "has_more": False}
    with serving(lambda request: data(page)) as server:
        landed = landing.pull(options(server), NOW)

    assert (landed.new, landed.rejected) == (1, 1)
    assert [row[0] for row in entries(landing)] == ["txn_good"]


def test_a_fee_of_an_entry_without_an_id_has_none_either():
    bad = {**transaction("1", day(2), 1, fee=1), "id": None}
    page = {"object": "list", "data": [bad, transaction("2", day(2), 1)], "has_more": False}
    with serving(lambda request: data(page)) as server:
        rows = pulled(server)

    assert [row["entry_id"] for row in rows] == [None, None, "txn_2"]


# --- pull after pull ----------------------------------------------------------------------------


def test_a_ledger_of_many_pages_is_read_whole(peer, server, landing):
    for number in range(250):
        # Ten at a time have the same second.
        peer.ledger.put(transaction(f"{number:03}", day(3) + number // 10, number, fee=1))

    landing.pull(options(server), NOW)

    assert landing.rows("select count(*), sum(amount_minor) from payments") == [
        (500, sum(range(250)) - 250)
    ]


def test_a_page_may_be_smaller(peer, server):
    for number in range(7):
        peer.ledger.put(transaction(str(number), day(2), number))

    rows = pulled(server, page_size=2)

    assert len(rows) == 7
    assert {request.query["limit"] for request in server.asked} == {"2"}


def test_a_first_pull_begins_a_year_back(peer, server):
    peer.ledger.put(transaction("old", day(366), 1))
    peer.ledger.put(transaction("young", day(364), 2))

    rows = pulled(server, start=None)

    assert [row["entry_id"] for row in rows] == ["txn_young"]


def test_the_next_pull_asks_again_for_the_last_hour_only(peer, server, landing):
    peer.ledger.put(transaction("1", day(2), 1))
    landing.pull(options(server), NOW)
    del server.asked[:]
    peer.ledger.put(transaction("2", day(0) - 1800, 2))
    landed = landing.pull(options(server), NOW + dt.timedelta(minutes=15))

    assert (landed.new, landed.unchanged) == (1, 0)
    assert server.asked[0].query["created[gte]"] == str(day(0) - 3600)
    assert server.asked[0].query["created[lt]"] == str(day(0) + 900)


def test_a_clock_of_ours_that_is_ahead_loses_nothing(peer, server, landing, clock):
    ahead = dt.timedelta(hours=5)
    clock.now = float(day(0))
    landing.pull(options(server), NOW + ahead)
    peer.ledger.put(transaction("1", day(0) + 60, 1))
    clock.now += 900
    landing.pull(options(server), NOW + ahead + dt.timedelta(minutes=15))

    assert [row[0] for row in entries(landing)] == ["txn_1"]


def test_a_quiet_time_is_not_asked_for_again(server, landing):
    landing.pull(options(server), NOW)
    del server.asked[:]
    landing.pull(options(server), NOW + dt.timedelta(days=1))

    assert server.asked[0].query["created[gte]"] == str(day(0) - 3600)


def test_no_pull_looks_back_before_its_start(server, landing):
    landing.pull(options(server, lookback="30 days"), NOW)
    del server.asked[:]
    landing.pull(options(server, lookback="30 days"), NOW)

    assert server.asked[0].query["created[gte]"] == str(day(6.5))


def test_the_state_never_goes_back_while_weeks_are_read_again(peer, server):
    for number in range(30):
        peer.ledger.put(transaction(f"{number:02}", day(30 - number), 1))
    asked = options(server, start="2026-05-01", lookback="20 days")
    chosen = stripe.Options(connector="stripe", **asked)
    context = Context(home=Path(), now=NOW)
    *_, last = stripe.pull(chosen, {}, context)

    again = list(stripe.pull(chosen, last.state, context))

    assert len(again) > 1
    assert {batch.state["until"] for batch in again} == {last.state["until"]}


def test_what_was_entered_in_the_very_second_of_a_pull_comes_with_the_next(peer, server, landing):
    peer.ledger.put(transaction("1", day(0), 1))
    landing.pull(options(server), NOW)
    before = entries(landing)
    landing.pull(options(server), NOW + dt.timedelta(seconds=1))

    assert before == []
    assert [row[0] for row in entries(landing)] == ["txn_1"]


def test_entries_that_come_while_the_ledger_is_read_are_neither_lost_nor_doubled(
    peer, server, landing
):
    for number in range(250):
        peer.ledger.put(transaction(f"{number:03}", day(1) + number, 1))
    peer.faults[2] = meanwhile(lambda: peer.ledger.put(transaction("new", day(0) - 60, 1)))

    landing.pull(options(server), NOW)
    landing.pull(options(server), NOW + dt.timedelta(hours=1))

    assert landing.rows("select count(*), count(distinct entry_id) from payments") == [(251, 251)]


def test_a_history_is_read_week_by_week_from_its_beginning(peer, server):
    for number in range(30):
        peer.ledger.put(transaction(f"{number:02}", day(30 - number), 1))

    rows = pulled(server, start="2026-05-01")

    begins = [int(request.query["created[gte]"]) for request in server.asked]
    assert begins == sorted(begins)
    assert {later - sooner for sooner, later in itertools.pairwise(begins)} == {7 * DAY}
    assert len(rows) == 30


def test_what_had_landed_stays_when_a_key_is_withdrawn_and_the_next_pull_goes_on(
    peer, server, landing
):
    for number in range(30):
        peer.ledger.put(transaction(f"{number:02}", day(30 - number), 1))
    peer.faults[3] = expired
    with pytest.raises(SourceError, match="takes `token` no longer"):
        landing.pull(options(server, start="2026-05-01"), NOW)
    landed_before = len(entries(landing))
    peer.credential = ("Authorization", f"Bearer {KEY}")
    del server.asked[:]
    landing.pull(options(server, start="2026-05-01"), NOW)

    assert 0 < landed_before < 30
    assert len(entries(landing)) == 30
    assert int(server.asked[0].query["created[gte]"]) > day(30)


@pytest.mark.parametrize("fault", [broken_off, hanging_up, failing(503), failing(500)])
def test_what_passes_is_waited_for(peer, server, fault):
    peer.ledger.put(transaction("1", day(2), 1))
    peer.faults[1] = fault

    rows = pulled(server)

    assert len(rows) == 1


def test_stripes_limit_names_no_time_and_is_waited_out_longer_each_time(peer, server, clock):
    peer.ledger.put(transaction("1", day(2), 1))
    for number in range(1, 5):
        peer.faults[number] = failing(429, {"Stripe-Rate-Limited-Reason": "global-rate"})

    rows = pulled(server)

    assert len(rows) == 1
    assert len(clock.waits) == 4
    assert clock.waits == sorted(clock.waits)
    assert sum(clock.waits) < 60


@pytest.mark.parametrize("fault", [cut_json, web_page, repeated])
def test_half_a_ledger_is_an_error_and_not_a_smaller_one(peer, server, landing, fault):
    for number in range(150):
        peer.ledger.put(transaction(f"{number:03}", day(2), 1))
    peer.faults[2] = fault
    with pytest.raises(SourceError):
        landing.pull(options(server), NOW)
    state = landing.state

    landing.pull(options(server), NOW)

    assert state == {}
    assert len(entries(landing)) == 150


# --- another question ---------------------------------------------------------------------------


@pytest.mark.parametrize(
    "more",
    [{"exponents": {"EUR": 3}}, {"kind": {"from": "type", "map": {"charge": "sale"}}}],
)
def test_other_words_or_decimals_reach_every_entry(peer, server, landing, more):
    peer.ledger.put(transaction("1", day(6), 100))
    landing.pull(options(server), NOW)

    landed = landing.pull(options(server, **more), NOW)

    assert landed.changed == 1


def test_an_earlier_start_brings_what_was_before(peer, server, landing):
    peer.ledger.put(transaction("1", day(20), 100))
    landing.pull(options(server), NOW)
    landing.pull(options(server, start="2026-05-01"), NOW)

    assert len(entries(landing)) == 1


@pytest.mark.parametrize(
    "more", [{"account": "acct_1"}, {"token": "rk_test_51abc"}], ids=["account", "mode"]
)
def test_another_account_does_not_stand_among_the_entries_of_the_one_before(
    peer, server, landing, more
):
    peer.ledger.put(transaction("1", day(2), 100))
    landing.pull(options(server), NOW)
    peer.credential = None
    peer.ledger.delete("txn_1")
    peer.ledger.put(transaction("2", day(2), 200))

    landing.pull(options(server, **more), NOW)

    assert [row[0] for row in entries(landing)] == ["txn_2"]


@pytest.mark.parametrize(
    ("into", "asked"), [("payments", 1), ("payments", 3), ("subscriptions", 1)]
)
def test_a_pull_that_is_cut_off_takes_nothing_of_the_account_before_away(
    peer, server, landing, into, asked
):
    both = options(server, into=["payments", "subscriptions"], start="2026-04-01")
    peer.ledger.put(transaction("1", day(40), 100))
    peer.subscriptions.put(subscription("1", day(40), item("1", price(100))))
    landing.pull(both, NOW)
    subscribed = "select subscription_id from subscriptions"
    before = entries(landing), landing.rows(subscribed)
    peer.ledger.delete("txn_1")
    peer.ledger.put(transaction("2", day(40), 200))
    peer.subscriptions.delete("sub_1")
    peer.faults[peer.count + asked] = failing(400)
    other = {**both, "account": "acct_1", "into": into}
    with pytest.raises(SourceError):
        landing.pull(other, NOW)
    cut = entries(landing), landing.rows(subscribed)
    landing.pull(other, NOW)

    assert cut == before
    assert [row[0] for row in entries(landing)] == (["txn_2"] if into == "payments" else [])
    assert landing.rows(subscribed) == []


def test_a_table_that_is_no_longer_asked_for_is_emptied(peer, server, landing):
    peer.ledger.put(transaction("1", day(2), 100))
    landing.pull(options(server, into=["payments", "subscriptions"]), NOW)
    landing.pull(options(server, into="subscriptions"), NOW)
    emptied = entries(landing)
    landing.pull(options(server, into=["payments", "subscriptions"]), NOW)

    assert emptied == []
    assert len(entries(landing)) == 1


def test_starting_over_brings_the_same(peer, server, landing):
    peer.ledger.put(transaction("1", day(2), 100))
    landing.pull(options(server), NOW)

    landed = landing.pull(options(server), NOW, full=True)

    assert (landed.new, landed.unchanged, landed.deleted) == (0, 1, 0)


def test_a_state_survives_being_written_down(peer, server, landing):
    landing.pull(options(server), NOW)

    assert json.loads(json.dumps(landing.state)) == landing.state
    assert KEY not in json.dumps(landing.state)


# --- asking -------------------------------------------------------------------------------------


def test_the_version_is_pinned_and_the_account_named(peer, server):
    pulled(server, account="acct_1")
    pulled(server, version="2025-08-27.basil")

    first, last = server.asked[0].headers, server.asked[-1].headers
    assert (first["Stripe-Version"], first["Stripe-Account"]) == ("2026-08-26.dahlia", "acct_1")
    assert last["Stripe-Version"] == "2025-08-27.basil"
    assert "Stripe-Account" not in last


def test_a_missing_permission_is_named(peer, server):
    peer.forbidden = {"balance_transactions"}
    with pytest.raises(SourceError) as error:
        pulled(server)

    assert "rak_balance_transactions_read" in error.value.what
    assert "Read for Balance transaction sources" in error.value.advice
    assert KEY not in str(error.value)


def test_an_account_that_the_key_may_not_look_into_is_named(server):
    with pytest.raises(SourceError, match="acct_2") as error:
        pulled(server, account="acct_2")

    assert error.value.advice == "Check `account`: only a platform's own key may look into it."


def test_a_wrong_version_is_told():
    refused = refusal(400, "Invalid Stripe API version: 2026-01-01")
    with serving(lambda request: refused) as server, pytest.raises(SourceError) as error:
        pulled(server, version="2026-01-01")

    assert "Invalid Stripe API version" in error.value.what
    assert error.value.advice == "Check `version` and `account`."


@pytest.mark.parametrize(
    "more",
    [
        {"account": "1"},
        {"version": "latest"},
        {"exponents": {"EURO": 2}},
        {"exponents": {"EUR": 5}},
        {"into": []},
        {"into": "invoices"},
        {"page_size": 101},
        {"tokens": "x"},
    ],
)
def test_options_that_make_no_sense_are_refused(more):
    with pytest.raises(ValidationError):
        stripe.Options(connector="stripe", **{"token": KEY, **more})


# --- check --------------------------------------------------------------------------------------


def checked(server: Server, **more: Any) -> list[str]:
    chosen = stripe.Options(connector="stripe", **options(server, **more))
    return list(stripe.check(chosen, Context(home=Path(), now=NOW)))


def test_a_check_shows_the_newest_entry_without_naming_anybody(peer, server):
    billed = charge("1", "AT", "cus_1")
    peer.ledger.put(transaction("1", day(2), 2550, fee=1, source=billed))

    said = checked(server)

    assert said == [
        f"Reached {server.url}; it takes `token`, a restricted key, for live data.",
        "Can be read: balance transactions, charges, refunds, disputes, payouts.",
        "The newest entry: charge, 25.50 EUR, 2026-05-30T12:00:00 UTC.",
        "A pull reads the ledger since 2026-05-26 into payments.",
    ]


def test_a_check_shows_the_newest_subscription(peer, server):
    peer.subscriptions.put(subscription("1", day(2), item("1", price(30000, "year"))))

    said = checked(server, into="subscriptions")

    assert said == [
        f"Reached {server.url}; it takes `token`, a restricted key, for live data.",
        "Can be read: subscriptions, customers, products, prices, coupons.",
        "The newest subscription: active since 2026-05-30T12:00:00 UTC, 25.00 EUR a month.",
        "A pull reads all subscriptions, those that ended too, into subscriptions.",
    ]


def test_a_check_of_an_empty_account_shows_no_record(peer, server):
    said = checked(server, into=["payments", "subscriptions"])

    assert not any("newest" in sentence for sentence in said)


@pytest.mark.parametrize(
    "path",
    [
        *("balance_transactions", "charges", "refunds", "disputes", "payouts"),
        *("subscriptions", "customers", "products", "prices", "coupons"),
    ],
)
def test_a_check_proves_each_permission(peer, server, path):
    peer.forbidden = {path}
    with pytest.raises(SourceError, match=f"rak_{path}_read"):
        checked(server, into=["payments", "subscriptions"])


def test_the_entry_that_is_written_can_be_read():
    written = yaml_text.read_yaml(stripe.ENTRY, "sources.yaml").value
    chosen = stripe.Options(**{**written, "token": KEY})

    assert chosen.every == dt.timedelta(hours=1)
    assert chosen.into == stripe.TABLES
