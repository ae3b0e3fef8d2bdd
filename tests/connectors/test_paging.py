"""Lists are read to their end whichever way their pages are turned, or not at all."""

from __future__ import annotations

import datetime as dt
import json
from collections.abc import Callable, Iterator
from typing import Any

import pytest

from connectors.contract import SourceError
from connectors.http import Page, Session
from connectors.paging import (
    Capped,
    at,
    by_cursor,
    by_link,
    by_number,
    by_offset,
    full,
    in_header,
    last_at,
    more_at,
    of_last,
    records_of,
)
from tests import peer_lists
from tests.peer import Answer, Handler, Peer, Request, data, meanwhile, repeated
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


# --- what ends a list and what does not ---------------------------------------------------------


def pages_of(*pages: Any, again: bool = False) -> Peer:
    """A peer that gives these answers to `?at=0`, `?at=1` and so on, each with a link to the next.

    `again` makes the last one link to the first.
    """

    def handler(request: Request) -> Answer:
        place = int(request.query.get("at", "0"))
        following = place + 1 if place + 1 < len(pages) else 0 if again else None
        link = {} if following is None else peer_lists.next_link(request, {"at": following})
        return data(pages[place], headers=link)

    return peer_of(handler)


def named(*numbers: int) -> list[dict[str, int]]:
    return [{"id": number} for number in numbers]


def test_neither_a_short_nor_an_empty_page_ends_a_chain_of_links():
    peer = pages_of(named(1, 2), named(3), [], [], named(4, 5))

    assert read(peer, lambda session: by_link(session, "things")) == [1, 2, 3, 4, 5]


def test_a_link_may_stand_in_the_answer_and_be_relative():
    def handler(request: Request) -> Answer:
        if request.query.get("page") == "2":
            return data({"data": named(3), "links": {"next": None}})
        return data({"data": named(1, 2), "links": {"next": "/api/things?page=2"}})

    found = read(
        peer_of(handler),
        lambda session: by_link(session, "things", records="data", following=at("links.next")),
        "data",
    )

    assert found == [1, 2, 3]


@pytest.mark.parametrize("turn", ["page", "offset"])
def test_a_system_that_gives_fewer_than_asked_for_is_still_read_to_its_end(turn):
    records = some(230)
    if turn == "page":
        handler = peer_lists.numbered(lambda _: records.all("id"), most=50)
        found = read(peer_of(handler), lambda session: by_number(session, "things", size=1000))
    else:
        handler = peer_lists.offset(lambda _: records.all("id"), most=50)
        found = read(peer_of(handler), lambda session: by_offset(session, "things", size=1000))

    assert found == ids(records)


def test_a_short_page_ends_a_list_where_the_system_is_known_to_fill_them():
    handler = peer_lists.numbered(lambda _: some(7).all("id"))
    peer = peer_of(handler)

    found = read(peer, lambda session: by_number(session, "things", size=5, more=full(5)))

    assert found == [1, 2, 3, 4, 5, 6, 7]
    assert peer.count == 2


def test_page_numbers_may_begin_with_zero():
    def handler(request: Request) -> Answer:
        start = int(request.query["page"]) * 2
        return data(named(1, 2, 3)[start : start + 2])

    assert read(peer_of(handler), lambda s: by_number(s, "things", size=2, first=0)) == [1, 2, 3]


def test_a_cursor_may_lie_deep_within_a_question_in_json_which_stays_as_it_was():
    question = {"query": "{...}", "variables": {"first": 2}}

    def handler(request: Request) -> Answer:
        after = request.json["variables"].get("after", 0)
        nodes = named(1, 2, 3)[after : after + 2]
        info = {"endCursor": after + 2, "hasNextPage": after == 0}
        return data({"data": {"things": {"nodes": nodes, "pageInfo": info}}})

    def way(session: Session) -> Iterator[Page]:
        info = "data.things.pageInfo"
        return by_cursor(
            session,
            "things",
            body=question,
            cursor="variables.after",
            following=at(f"{info}.endCursor", more_at(f"{info}.hasNextPage")),
            records="data.things.nodes",
        )

    assert read(peer_of(handler, "POST"), way, "data.things.nodes") == [1, 2, 3]
    assert question == {"query": "{...}", "variables": {"first": 2}}


def test_what_the_next_question_is_may_be_made_from_the_last_record():
    records = some(23)

    def handler(request: Request) -> Answer:
        changed, number = map(int, request.query["query"].split(","))
        rest = [
            r for r in records.all("changed", "id") if (r["changed"], r["id"]) > (changed, number)
        ]
        return data({"result": rest[:5]})

    def after_the_last(page: Page) -> str | None:
        found = records_of(page, "result")
        return f"{found[-1]['changed']},{found[-1]['id']}" if found else None

    def way(session: Session) -> Iterator[Page]:
        return by_cursor(
            session,
            "things",
            {"query": "0,0"},
            cursor="query",
            following=after_the_last,
            records="result",
        )

    assert read(peer_of(handler), way, "result") == ids(records)


# --- what is an error and no end ----------------------------------------------------------------


def refusal(peer: Peer, way: Read, kind: type[SourceError] = SourceError) -> str:
    with pytest.raises(kind) as caught:
        read(peer, way, records="things")
    return str(caught.value)


def same(request: Request) -> Answer:
    return data({"things": named(1, 2), "more": True, "next": "abc"})


@pytest.mark.parametrize(
    "way",
    [
        lambda session: by_number(session, "things", size=2, records="things"),
        lambda session: by_offset(session, "things", size=2, records="things"),
        lambda session: by_offset(session, "things", size=2, records="things", key="id"),
        lambda session: by_cursor(
            session, "things", cursor="next", following=at("next"), records="things"
        ),
    ],
)
def test_a_system_that_does_not_turn_its_pages_is_an_error(way):
    assert "gave the same page twice" in refusal(peer_of(same), way)


def test_a_page_with_another_envelope_and_the_same_records_is_the_same_page():
    peer = Peer()
    peer.route("/api/things", lambda _: data({"things": named(1, 2), "request": peer.count}))

    said = refusal(peer, lambda session: by_number(session, "things", size=2, records="things"))

    assert "gave the same page twice" in said


def test_a_page_that_comes_again_later_is_an_error():
    peer = peer_of(peer_lists.numbered(lambda _: some().all("id"), wrap="things"))
    first: list[Answer] = []
    peer.faults = {1: kept(first), 3: lambda peer, request: first[0]}

    said = refusal(peer, lambda session: by_number(session, "things", size=5, records="things"))

    assert "gave the same page twice" in said


def kept(answers: list[Answer]) -> Any:
    def keep(peer: Peer, request: Request) -> Answer:
        answers.append(peer.good(request))
        return answers[-1]

    return keep


def test_a_page_that_comes_twice_in_a_row_is_an_error():
    peer = peer_of(peer_lists.numbered(lambda _: some().all("id"), wrap="things"))
    peer.faults = {3: repeated}

    said = refusal(peer, lambda session: by_number(session, "things", size=5, records="things"))

    assert "gave the same page twice" in said


@pytest.mark.parametrize("pages", [[named(1), named(2), named(3)], [[], [], []]])
def test_links_that_lead_in_a_circle_are_an_error(pages):
    peer = pages_of(*({"things": page} for page in pages), again=True)

    said = refusal(peer, lambda session: by_link(session, "things", records="things"))

    assert "leads from page to page in a circle" in said or "gave the same page twice" in said


def test_a_cursor_that_comes_again_is_an_error():
    peer = Peer()
    peer.route("/api/things", lambda _: data({"things": named(peer.count), "next": "abc"}))

    said = refusal(
        peer,
        lambda session: by_cursor(
            session, "things", cursor="next", following=at("next"), records="things"
        ),
    )

    assert "leads from page to page in a circle" in said


def test_more_pages_than_allowed_are_an_error():
    handler = peer_lists.numbered(lambda _: some(23).all("id"), wrap="things")

    said = refusal(
        peer_of(handler),
        lambda session: by_number(session, "things", size=5, records="things", most=4),
    )

    assert "has more than 4 pages" in said


@pytest.mark.parametrize("answer", [{"error": "no such team"}, {"things": None}, [], "things", 7])
def test_an_answer_without_its_list_is_an_error_that_shows_what_came_instead(answer):
    said = refusal(
        peer_of(lambda _: data(answer)),
        lambda session: by_link(session, "things", records="things"),
    )

    assert "answers without a list at `things`" in said
    assert json.dumps(answer) in said


@pytest.mark.parametrize("flag", [None, "true", 1])
@pytest.mark.parametrize("more", [more_at("more"), last_at("more")])
def test_a_flag_that_is_not_there_or_no_flag_is_an_error(flag, more):
    said = refusal(
        peer_of(lambda _: data({"things": named(1), "more": flag})),
        lambda session: by_offset(session, "things", size=5, records="things", more=more),
    )

    assert "does not say at `more` whether it is the last page" in said


@pytest.mark.parametrize(
    "following", [at("token", last_at("isLast")), of_last("id", "things", last_at("isLast"))]
)
def test_a_next_page_that_is_promised_and_not_named_is_an_error(following):
    said = refusal(
        peer_of(lambda _: data({"things": [], "isLast": False})),
        lambda session: by_cursor(
            session, "things", cursor="token", following=following, records="things"
        ),
    )

    assert "promises another page and does not name it" in said


def test_a_last_record_without_its_id_is_an_error():
    said = refusal(
        peer_of(lambda _: data({"things": [{"id": None}]})),
        lambda session: by_cursor(
            session, "things", cursor="after", following=of_last("id", "things"), records="things"
        ),
    )

    assert "has no `id`, by which pages are turned" in said


def test_a_link_to_another_host_is_not_followed():
    def handler(request: Request) -> Answer:
        return data({"things": named(1)}, headers={"Link": '<http://127.0.0.2/x>; rel="next"'})

    said = refusal(peer_of(handler), lambda session: by_link(session, "things", records="things"))

    assert "where our credential does not go" in said


# --- caps ---------------------------------------------------------------------------------------


def capped(count: int, **arguments: Any) -> Read:
    return lambda session: by_offset(
        session, "things", size=5, records="things", cap=20, **arguments
    )


def of_offsets(count: int) -> Peer:
    records = some(count)
    handler = peer_lists.offset(lambda _: records.all("id"), wrap="things", more="more", cap=20)
    return peer_of(handler)


@pytest.mark.parametrize("count", [19, 20])
def test_a_list_that_ends_at_a_cap_is_whole_where_the_system_says_so(count):
    found = read(of_offsets(count), capped(count, more=more_at("more")), "things")

    assert len(found) == count


@pytest.mark.parametrize(
    ("count", "arguments"),
    [
        (21, {"more": more_at("more")}),
        (21, {}),
        (20, {}),
        (21, {"key": "id"}),
        (20, {"key": "id"}),
        (21, {"key": "id", "more": more_at("more")}),
    ],
)
def test_a_cap_that_is_hit_is_an_error_and_no_question_goes_beyond_it(count, arguments):
    peer = of_offsets(count)

    said = refusal(peer, capped(count, **arguments), Capped)

    assert "has more than the 20 records that one question shows" in said


def test_the_last_question_below_a_cap_is_as_small_as_it_must_be():
    records = some(9)
    handler = peer_lists.offset(lambda _: records.all("id"), wrap="things", more="more", cap=10)

    found = read(
        peer_of(handler),
        lambda session: by_offset(
            session, "things", size=4, records="things", more=more_at("more"), cap=10
        ),
        "things",
    )

    assert found == ids(records)


def first_twenty(request: Request) -> list[dict[str, Any]]:
    return some(23).all("id")[:20]


@pytest.mark.parametrize(
    ("handler", "way"),
    [
        (
            peer_lists.numbered(first_twenty, wrap="things", link=True),
            lambda session: by_link(session, "things", {"per_page": 5}, records="things", cap=20),
        ),
        (
            peer_lists.numbered(first_twenty, wrap="things"),
            lambda session: by_number(session, "things", size=5, records="things", cap=20),
        ),
        (
            peer_lists.keyset(first_twenty, "id", wrap="things", into="next"),
            lambda session: by_cursor(
                session,
                "things",
                {"limit": 5},
                cursor="cursor",
                following=at("next"),
                records="things",
                cap=20,
            ),
        ),
    ],
)
def test_a_system_that_stops_at_a_cap_without_a_word_is_an_error(handler, way):
    assert "more than the 20 records" in refusal(peer_of(handler), way, Capped)


# --- lists that change while they are read ------------------------------------------------------


@pytest.mark.parametrize("gone", [[1], [5], [4, 5], [1, 2, 3, 4, 5], [1, 9], [9], [6, 7, 8, 9]])
@pytest.mark.parametrize("more", [None, more_at("more")])
def test_with_a_key_a_deleted_record_hides_no_other_between_two_offsets(gone, more):
    records = some(23)
    handler = peer_lists.offset(lambda _: records.all("id"), wrap="things", more="more")
    peer = peer_of(handler)
    peer.faults = {2: meanwhile(lambda: [records.delete(number) for number in gone])}

    found = read(
        peer,
        lambda session: by_offset(session, "things", size=5, records="things", key="id", more=more),
        "things",
    )

    assert set(found) >= set(ids(records))


def test_with_a_key_records_that_move_to_the_end_hide_no_other():
    records = Records({"id": n, "changed": n} for n in range(1, 8))
    handler = peer_lists.offset(lambda _: records.all("changed"), wrap="things")
    peer = peer_of(handler)

    def move() -> None:
        records.change(1, changed=8)
        records.change(2, changed=9)

    peer.faults = {2: meanwhile(move)}

    found = read(
        peer,
        lambda session: by_offset(session, "things", size=5, records="things", key="id"),
        "things",
    )

    assert set(found) == set(ids(records))


def test_with_a_key_a_promise_of_more_without_a_new_record_is_an_error():
    def handler(request: Request) -> Answer:
        first = int(request.query["offset"])
        return data({"things": named(1, 2, 3)[first : first + 2][:2], "more": True})

    peer = peer_of(handler)
    said = refusal(
        peer,
        lambda session: by_offset(
            session, "things", size=3, records="things", key="id", more=more_at("more")
        ),
    )

    assert "gave the same page twice" in said


@pytest.mark.parametrize("count", [0, 1, 2, 4, 5, 9, 23])
@pytest.mark.parametrize("size", [1, 2, 5, 100])
def test_with_a_key_a_list_is_read_whole(count, size):
    records = some(count)
    handler = peer_lists.offset(lambda _: records.all("id"))

    found = read(
        peer_of(handler), lambda session: by_offset(session, "things", size=size, key="id")
    )

    assert sorted(set(found)) == ids(records)


def test_records_that_share_a_time_are_all_read_though_one_changes_between_two_pages():
    records = Records({"id": n, "changed": 7} for n in range(1, 24))
    handler = peer_lists.keyset(
        lambda _: records.all("id"), "changed", "id", into="next", wrap="things"
    )
    peer = peer_of(handler)
    peer.faults = {3: meanwhile(lambda: records.change(2, changed=8, state="opened again"))}

    found = read(
        peer,
        lambda session: by_cursor(
            session,
            "things",
            {"limit": 5},
            cursor="cursor",
            following=at("next"),
            records="things",
        ),
        "things",
    )

    assert sorted(found) == sorted([*ids(records), 2])  # the changed one comes once more
