"""A declared JSON interface is read whole, from its cursor on, or not at all."""

from __future__ import annotations

import datetime as dt
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from connectors import rest
from connectors.contract import Context, SourceError
from tests import peer_lists
from tests.connectors.landed import Landing
from tests.peer import Allowance, Clock, Handler, Peer, Server, cut_json, data, expired, repeated
from tests.peer_lists import Records

NOW = dt.datetime(2026, 3, 10, 12)
COLUMNS = {
    "order_id": "id",
    "ordered_at": {"from": "created", "type": "timestamp", "format": "epoch seconds"},
    "amount": {"from": "price.amount", "type": "decimal(18,2)"},
    "region": "customer.region",
    "status": {"from": "status", "values": {"PAID": "paid"}},
}


def order(number: int, **fields: Any) -> dict[str, Any]:
    """An order as the shop tells it."""
    at = dt.datetime(2026, 3, 1, tzinfo=dt.UTC) + dt.timedelta(hours=number)
    return {
        "id": f"o{number:03}",
        "created": int(at.timestamp()),
        "changed": at.isoformat(),
        "price": {"amount": f"{number}.10", "currency": "EUR"},
        "customer": {"region": "EMEA" if number % 2 else None},
        "status": "PAID",
        **fields,
    }


@pytest.fixture
def orders() -> Records:
    return Records([order(number) for number in range(25)])


@pytest.fixture
def landing(tmp_path: Path) -> Landing:
    return Landing(tmp_path, rest)


@pytest.fixture
def peer(clock: Clock) -> Peer:
    return Peer(clock)


@pytest.fixture
def server(peer: Peer) -> Iterator[Server]:
    with peer.serving() as running:
        yield running


def entry(server: Server, **keys: Any) -> dict[str, Any]:
    """What sources.yaml says of the shop."""
    return {
        "url": f"{server.url}/v2",
        "path": "orders",
        "into": "orders",
        "key": "order_id",
        "records": "data",
        "page_size": 10,
        "columns": COLUMNS,
        **keys,
    }


def landed(landing: Landing) -> list[str]:
    return [id_ for (id_,) in landing.rows("select order_id from orders order by 1")]


def since(orders: Records) -> Callable[[Any], list[dict[str, Any]]]:
    """The orders that changed at a moment or later, as the shop answers."""

    def found(request: Any) -> list[dict[str, Any]]:
        after = request.query.get("since", "").removesuffix("Z")
        return orders.all("changed", "id", where=lambda r: r["changed"][:19] >= after)

    return found


# --- pages ----------------------------------------------------------------------------------------


def by_link(orders: Records) -> Handler:
    return peer_lists.numbered(lambda request: orders.all("id"), wrap="data", link=True)


def by_page(orders: Records) -> Handler:
    return peer_lists.numbered(lambda request: orders.all("id"), wrap="data")


def by_offset(orders: Records) -> Handler:
    return peer_lists.offset(lambda request: orders.all("id"), wrap="data", more="more")


def by_last_record(orders: Records) -> Handler:
    return peer_lists.starting_after(lambda request: orders.all("id"), wrap="data")


@pytest.mark.parametrize(
    ("handler", "paging"),
    [
        (by_link, {"by": "link", "limit": "per_page"}),
        (by_page, {"by": "page"}),
        (by_offset, {"by": "offset", "more": "more"}),
        (
            by_last_record,
            {
                "by": "cursor",
                "parameter": "starting_after",
                "last": "id",
                "more": "has_more",
                "limit": "limit",
            },
        ),
    ],
)
def test_every_way_to_turn_pages_brings_every_record_once(
    peer: Peer,
    server: Server,
    orders: Records,
    landing: Landing,
    handler: Callable[[Records], Handler],
    paging: dict[str, Any],
) -> None:
    peer.route("/v2/orders", handler(orders))

    counts = landing.pull(entry(server, paging=paging), NOW)

    assert landed(landing) == [f"o{number:03}" for number in range(25)]
    assert (counts.new, counts.rejected) == (25, 0)
    assert len(server.asked) >= 3


def test_fields_deep_in_a_record_are_typed_and_null_stays_unknown(
    peer: Peer, server: Server, orders: Records, landing: Landing
) -> None:
    peer.route("/v2/orders", by_page(orders))

    landing.pull(entry(server, paging={"by": "page"}), NOW)

    found = landing.rows(
        "select ordered_at::varchar, amount::varchar, region, status from orders "
        "where order_id in ('o001', 'o002') order by order_id"
    )
    assert found == [
        ("2026-03-01 01:00:00", "1.10", "EMEA", "paid"),
        ("2026-03-01 02:00:00", "2.10", None, "paid"),
    ]


def test_an_answer_that_names_a_next_page_is_not_taken_for_all_there_is(
    peer: Peer, server: Server, orders: Records, landing: Landing
) -> None:
    peer.route("/v2/orders", by_link(orders))

    with pytest.raises(SourceError, match="names a next page"):
        landing.pull(entry(server, params={"per_page": 10}), NOW)
    assert landing.state == {}


def test_a_cap_that_is_hit_is_an_error_and_not_all_there_is(
    peer: Peer, server: Server, orders: Records, landing: Landing
) -> None:
    peer.route("/v2/orders", lambda request: data({"data": orders.all("id")[:20]}))

    with pytest.raises(SourceError, match="as many as one answer shows"):
        landing.pull(entry(server, paging={"by": "none", "cap": 20}), NOW)


@pytest.mark.parametrize("fault", [cut_json, repeated])
def test_a_page_that_is_broken_or_comes_twice_leaves_what_was_there(
    peer: Peer, server: Server, orders: Records, landing: Landing, fault: Any
) -> None:
    peer.route("/v2/orders", by_page(orders))
    landing.pull(entry(server, paging={"by": "page"}), NOW)
    before = landed(landing)
    orders.delete("o003")
    peer.faults[peer.count + 2] = fault

    with pytest.raises(SourceError):
        landing.pull(entry(server, paging={"by": "page"}), NOW)
    assert landed(landing) == before


def test_an_answer_without_its_list_is_an_error(
    peer: Peer, server: Server, landing: Landing
) -> None:
    peer.route("/v2/orders", lambda request: data({"error": "try later"}))

    with pytest.raises(SourceError, match="without a list at `data`"):
        landing.pull(entry(server), NOW)


# --- what changed ---------------------------------------------------------------------------------


def test_without_a_cursor_what_is_gone_at_the_source_is_gone_here(
    peer: Peer, server: Server, orders: Records, landing: Landing
) -> None:
    peer.route("/v2/orders", by_page(orders))
    landing.pull(entry(server, paging={"by": "page"}), NOW)
    orders.delete("o003")

    landing.pull(entry(server, paging={"by": "page"}), NOW)

    assert "o003" not in landed(landing)


CURSOR = {"parameter": "since", "field": "changed"}


def test_with_a_cursor_only_what_changed_is_asked_for_and_ties_are_not_lost(
    peer: Peer, server: Server, orders: Records, landing: Landing
) -> None:
    peer.route("/v2/orders", peer_lists.numbered(since(orders), wrap="data"))
    declared = entry(server, paging={"by": "page"}, cursor=CURSOR, lookback="10 minutes")
    landing.pull(declared, NOW)
    last = orders.all("changed")[-1]["changed"]
    orders.put(order(99, changed=last))
    orders.change("o001", status="REFUNDED", changed=last)

    counts = landing.pull(declared, NOW + dt.timedelta(hours=1))

    assert server.asked[-1].query["since"] == "2026-03-01T23:50:00Z"
    assert (counts.new, counts.changed) == (1, 1)
    assert landing.rows("select status from orders where order_id = 'o001'") == [("REFUNDED",)]


def test_a_record_from_the_future_does_not_move_the_cursor_there(
    peer: Peer, server: Server, orders: Records, landing: Landing
) -> None:
    peer.route("/v2/orders", peer_lists.numbered(since(orders), wrap="data"))
    orders.change("o001", changed="2031-01-01T00:00:00+00:00")

    landing.pull(entry(server, paging={"by": "page"}, cursor=CURSOR), NOW)

    assert landing.state["until"] == NOW.isoformat()


def test_a_clock_of_ours_that_is_ahead_loses_nothing(
    peer: Peer, server: Server, orders: Records, landing: Landing, clock: Clock
) -> None:
    peer.route("/v2/orders", peer_lists.numbered(since(orders), wrap="data"))
    declared = entry(server, paging={"by": "page"}, cursor=CURSOR)
    clock.now = NOW.replace(tzinfo=dt.UTC).timestamp()
    ahead = dt.timedelta(hours=5)
    orders.change("o001", changed=f"{NOW + ahead:%Y-%m-%dT%H:%M:%S}+00:00")

    landing.pull(declared, NOW + ahead)

    assert landing.state["until"] == NOW.isoformat()


def test_a_token_that_expires_in_the_middle_keeps_the_cursor_where_it_was(
    peer: Peer, server: Server, orders: Records, landing: Landing
) -> None:
    peer.route("/v2/orders", peer_lists.numbered(since(orders), wrap="data"))
    peer.credential = ("Authorization", "Bearer s3cret-token")
    declared = entry(server, paging={"by": "page"}, cursor=CURSOR, token="s3cret-token")
    peer.faults[2] = expired

    with pytest.raises(SourceError) as error:
        landing.pull(declared, NOW)
    assert "s3cret" not in str(error.value)
    assert landing.state == {}

    peer.credential = None
    peer.faults.clear()
    landing.pull(declared, NOW)

    assert len(landed(landing)) == 25


def test_other_columns_read_everything_anew(
    peer: Peer, server: Server, orders: Records, landing: Landing
) -> None:
    peer.route("/v2/orders", peer_lists.numbered(since(orders), wrap="data"))
    landing.pull(entry(server, paging={"by": "page"}, cursor=CURSOR), NOW)
    more = {**COLUMNS, "currency": "price.currency"}

    landing.pull(entry(server, paging={"by": "page"}, cursor=CURSOR, columns=more), NOW)

    assert landing.rows("select distinct currency from orders") == [("EUR",)]


def test_a_record_without_the_cursors_field_is_told(
    peer: Peer, server: Server, orders: Records, landing: Landing
) -> None:
    peer.route("/v2/orders", peer_lists.numbered(since(orders), wrap="data"))

    with pytest.raises(SourceError, match="by which we know what is new"):
        landing.pull(
            entry(server, paging={"by": "page"}, cursor={**CURSOR, "field": "updated"}), NOW
        )


def test_a_limit_is_waited_for_as_the_interface_says(
    peer: Peer, server: Server, orders: Records, landing: Landing, clock: Clock
) -> None:
    peer.route("/v2/orders", by_page(orders))
    peer.allowance = Allowance(2, 60, "timestamp", reset="X-Reset")
    rate = {"reset": "X-Reset", "form": "timestamp", "remaining": "X-RateLimit-Remaining"}

    landing.pull(entry(server, paging={"by": "page"}, rate=rate), NOW)

    assert len(landed(landing)) == 25
    assert any(59 <= wait <= 61 for wait in clock.waits)


@pytest.mark.parametrize(
    ("keys", "header", "value"),
    [
        ({}, "Authorization", "Bearer t0ken"),
        ({"auth": {"header": "X-Api-Key"}}, "X-Api-Key", "t0ken"),
        (
            {"auth": {"header": "Authorization", "prefix": "Token "}},
            "Authorization",
            "Token t0ken",
        ),
        ({"user": "me"}, "Authorization", "Basic bWU6dDBrZW4="),
    ],
)
def test_the_token_is_sent_in_the_declared_way(
    peer: Peer,
    server: Server,
    orders: Records,
    landing: Landing,
    keys: dict[str, Any],
    header: str,
    value: str,
) -> None:
    peer.route("/v2/orders", by_page(orders))
    peer.credential = (header, value)

    landing.pull(entry(server, paging={"by": "page"}, token="t0ken", **keys), NOW)

    assert len(landed(landing)) == 25


# --- mistakes in the entry, and the check ---------------------------------------------------------


@pytest.mark.parametrize(
    ("keys", "expected"),
    [
        ({"cursor": CURSOR, "mode": "replace"}, "with a cursor only what changed is read"),
        ({"cursor": CURSOR, "key": []}, "name the column"),
        ({"key": "order"}, "the key 'order' is none of them. Did you mean 'order_id'?"),
        ({"paging": {"by": "cursor"}}, "needs its 'parameter' and one of"),
        ({"paging": {"by": "link", "more": "a", "end": "b"}}, "say the same"),
    ],
)
def test_an_entry_that_cannot_be_meant_is_refused(keys: dict[str, Any], expected: str) -> None:
    said = {"connector": "rest", **entry(Server("https://shop.example", []), **keys)}

    with pytest.raises(ValueError, match=expected.replace("?", r"\?")):
        rest.Options.model_validate(said)


def checked(server: Server, folder: Path, **keys: Any) -> list[str]:
    options = rest.Options.model_validate({"connector": "rest", **entry(server, **keys)})
    return list(rest.check(options, Context(folder, NOW)))


def test_a_check_reads_one_page_and_says_what_a_pull_would_do(
    peer: Peer, server: Server, orders: Records, tmp_path: Path
) -> None:
    peer.route("/v2/orders", by_page(orders))

    said = checked(server, tmp_path, paging={"by": "page"})

    assert said[1:] == [
        "The first answer has 10 records.",
        "Its first record has all 5 fields that `columns` names.",
        "A pull reads everything and replaces all rows of orders.",
    ]
    assert len(server.asked) == 1


def test_a_check_names_the_field_that_a_record_lacks_and_the_nearest(
    peer: Peer, server: Server, orders: Records, tmp_path: Path
) -> None:
    peer.route("/v2/orders", by_page(orders))
    wrong = {**COLUMNS, "region": "customer.regoin"}

    with pytest.raises(SourceError, match=r"Did you mean 'customer\.region'"):
        checked(server, tmp_path, paging={"by": "page"}, columns=wrong)
