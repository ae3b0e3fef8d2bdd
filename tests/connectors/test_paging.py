"""Lists are read to their end whichever way their pages are turned, or not at all."""

from __future__ import annotations

import datetime as dt
from collections.abc import Callable, Iterator
from typing import Any

import pytest

from connectors.http import Page, Session
from connectors.paging import (
    at,
    by_cursor,
    by_link,
    by_number,
    by_offset,
    in_header,
    last_at,
    more_at,
    of_last,
    records_of,
)
from tests import peer_lists
from tests.peer import Handler, Peer
from tests.peer_lists import Records

TIMEOUT = dt.timedelta(seconds=10)
Read = Callable[[Session], Iterator[Page]]


def some(count: int = 23) -> Records:
    """Records of which several have the same time of change."""
    return Records({"id": n, "changed": n // 7} for n in range(1, count + 1))


def peer_of(handler: Handler, method: str = "GET") -> Peer:
    peer = Peer()
    peer.route("/api/things", handler, method)
    return peer


def read(peer: Peer, way: Read, records: str = "") -> list[Any]:
    """The ids of all records that come, in the order in which they come."""
    with peer.serving() as server, Session(f"{server.url}/api", timeout=TIMEOUT) as session:
        return [record["id"] for page in way(session) for record in records_of(page, records)]


def ids(records: Records) -> list[Any]:
    return [record["id"] for record in records.all("id")]


# Each system's way to turn pages, and ours to follow it.
WAYS: dict[str, tuple[Callable[[Records], Handler], str, Read, str]] = {
    "a Link header to page numbers": (
        lambda records: peer_lists.numbered(lambda _: records.all("id"), link=True),
        "GET",
        lambda session: by_link(session, "things", {"per_page": 5}),
        "",
    ),
    "a Link header with a token": (
        lambda records: peer_lists.keyset(lambda _: records.all("id"), "id", link=True),
        "GET",
        lambda session: by_link(session, "things", {"limit": 5}),
        "",
    ),
    "page numbers to an empty page": (
        lambda records: peer_lists.numbered(lambda _: records.all("id")),
        "GET",
        lambda session: by_number(session, "things", size=5),
        "",
    ),
    "page numbers with their number in a header": (
        lambda records: peer_lists.numbered(lambda _: records.all("id"), pages="X-Total-Pages"),
        "GET",
        lambda session: by_number(session, "things", size=5, pages="x-total-pages"),
        "",
    ),
    "offset and limit with a flag": (
        lambda records: peer_lists.offset(
            lambda _: records.all("id"), wrap="incidents", more="more", cap=10_000
        ),
        "GET",
        lambda session: by_offset(
            session, "things", size=5, records="incidents", more=more_at("more"), cap=10_000
        ),
        "incidents",
    ),
    "offset and limit under other names": (
        lambda records: peer_lists.offset(
            lambda _: records.all("id"), start="startAt", limit="maxResults", wrap="values"
        ),
        "GET",
        lambda session: by_offset(
            session, "things", size=5, records="values", offset="startAt", limit="maxResults"
        ),
        "values",
    ),
    "a token in the answer, sent back in a question in JSON": (
        lambda records: peer_lists.keyset(
            lambda _: records.all("id"),
            "changed",
            "id",
            cursor="nextPageToken",
            limit="maxResults",
            wrap="issues",
            into="nextPageToken",
            last="isLast",
        ),
        "POST",
        lambda session: by_cursor(
            session,
            "things",
            body={"jql": "order by updated", "maxResults": 5},
            cursor="nextPageToken",
            following=at("nextPageToken", last_at("isLast")),
            records="issues",
        ),
        "issues",
    ),
    "a token in a header": (
        lambda records: peer_lists.keyset(lambda _: records.all("id"), "id", header="X-Next"),
        "GET",
        lambda session: by_cursor(
            session, "things", {"limit": 5}, cursor="cursor", following=in_header("x-next")
        ),
        "",
    ),
    "the id of the last record": (
        lambda records: peer_lists.starting_after(lambda _: records.all("id")),
        "GET",
        lambda session: by_cursor(
            session,
            "things",
            {"limit": 5},
            cursor="starting_after",
            following=of_last("id", "data", more_at("has_more")),
            records="data",
        ),
        "data",
    ),
}


@pytest.mark.parametrize("count", [0, 1, 5, 23, 25])
@pytest.mark.parametrize("way", WAYS)
def test_a_list_is_read_whole_and_each_record_once(way, count):
    handler, method, reading, place = WAYS[way]
    records = some(count)

    found = read(peer_of(handler(records), method), reading, place)

    assert sorted(found) == ids(records)
