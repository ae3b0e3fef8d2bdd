"""Whatever goes wrong while a list is read, it is read whole or there is an error."""

from __future__ import annotations

import datetime as dt
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any

import pytest
from hypothesis import event, example, given, settings
from hypothesis import strategies as st

from connectors.contract import SourceError
from connectors.http import Limits, Page, Session, bearer
from connectors.limits import Form
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
from tests.peer import (
    Clock,
    Fault,
    Handler,
    Peer,
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
from tests.peer_lists import Choose, Records

FORMS: list[Form] = ["epoch seconds", "seconds", "timestamp", "http date"]
RESET = {"Reset": "1900000000", "X-RateLimit-Remaining": "0"}


@dataclass(frozen=True)
class Way:
    """One way to turn pages: the peer's and ours."""

    handler: Callable[[Choose], Handler]
    read: Callable[[Session, int], Iterator[Page]]
    records: str = ""
    method: str = "GET"
    bears_deletions: bool = True


WAYS = {
    "links to page numbers": Way(
        lambda choose: peer_lists.numbered(choose, link=True),
        lambda session, size: by_link(session, "things", {"per_page": size}),
        bears_deletions=False,
    ),
    "page numbers": Way(
        lambda choose: peer_lists.numbered(choose),
        lambda session, size: by_number(session, "things", size=size),
        bears_deletions=False,
    ),
    "page numbers counted in a header": Way(
        lambda choose: peer_lists.numbered(choose, pages="X-Pages"),
        lambda session, size: by_number(session, "things", size=size, pages="X-Pages"),
        bears_deletions=False,
    ),
    "offsets": Way(
        lambda choose: peer_lists.offset(choose, wrap="list", more="more", cap=1000),
        lambda session, size: by_offset(
            session, "things", size=size, records="list", more=more_at("more"), cap=1000
        ),
        "list",
        bears_deletions=False,
    ),
    "offsets that overlap": Way(
        lambda choose: peer_lists.offset(choose, wrap="list"),
        lambda session, size: by_offset(session, "things", size=size, records="list", key="id"),
        "list",
    ),
    "links with a token": Way(
        lambda choose: peer_lists.keyset(choose, "at", "id", link=True),
        lambda session, size: by_link(session, "things", {"limit": size}),
    ),
    "a token in a header": Way(
        lambda choose: peer_lists.keyset(choose, "at", "id", header="X-Next"),
        lambda session, size: by_cursor(
            session, "things", {"limit": size}, cursor="cursor", following=in_header("X-Next")
        ),
    ),
    "a token in JSON": Way(
        lambda choose: peer_lists.keyset(
            choose, "at", "id", wrap="list", into="token", last="isLast", cursor="token"
        ),
        lambda session, size: by_cursor(
            session,
            "things",
            body={"limit": size},
            cursor="token",
            following=at("token", last_at("isLast")),
            records="list",
        ),
        "list",
        "POST",
    ),
    "the last record's id": Way(
        lambda choose: peer_lists.starting_after(choose),
        lambda session, size: by_cursor(
            session,
            "things",
            {"limit": size},
            cursor="starting_after",
            following=of_last("id", "data", more_at("has_more")),
            records="data",
        ),
        "data",
    ),
}

PASSING = {
    "500 with a reset": failing(500, RESET),
    "502": failing(502),
    "503 with a long reset": failing(503, {"Reset": "1", **RESET}),
    "503 with Retry-After": failing(503, {"Retry-After": "20"}),
    "429 with nonsense": failing(429, {"Reset": "later"}),
    "no answer": hanging_up,
    "half a body": broken_off,
}
LASTING = {
    "400": failing(400),
    "403": failing(403),
    "half of the JSON": cut_json,
    "a web page": web_page,
    "nothing": empty,
    "the page before": repeated,
    "an expired token": expired,
}
CHANGES = ["opened again", "added", "first three deleted", "another deleted"]


class Story:
    """A list that is read while things go wrong, and what must be found of it."""

    def __init__(self, way: Way, count: int, faults: dict[int, str]) -> None:
        self.records = Records(
            {"id": n, "at": n // 4, "state": "done"} for n in range(1, count + 1)
        )
        self.all_along = set(range(1, count + 1))
        self._way = way
        self._next = count + 1
        self.peer = Peer()
        self.peer.credential = ("Authorization", "Bearer t")
        handler = way.handler(lambda request: self.records.all("at", "id"))
        self.peer.route("/things", handler, way.method)
        self.peer.faults = {place: self._fault(name) for place, name in faults.items()}

    def _fault(self, name: str) -> Fault:
        if name in CHANGES:
            return meanwhile(lambda: self._change(name))
        return {**PASSING, **LASTING}[name]

    def _change(self, name: str) -> None:
        there = self.records.all("id")
        if name == "added" or not there:
            # As systems do: what is new comes last.
            self.records.put({"id": self._next, "at": self._next, "state": "open"})
            self._next += 1
        elif "deleted" in name and self._way.bears_deletions:
            third = len(there) // 3
            for gone in there[:3] if name == "first three deleted" else there[third : third + 1]:
                self.records.delete(gone["id"])
                self.all_along.discard(gone["id"])
        else:
            self.records.change(there[len(there) // 2]["id"], state="open")

    def read(self, size: int, form: Form) -> list[Any]:
        """The ids that were found; raises SourceError."""
        with (
            self.peer.serving() as server,
            Session(
                server.url,
                timeout=dt.timedelta(seconds=10),
                credential=bearer("t"),
                limits=Limits("Reset", form, "X-RateLimit-Remaining"),
            ) as session,
        ):
            pages = self._way.read(session, size)
            return [r["id"] for page in pages for r in records_of(page, self._way.records)]


@pytest.fixture(scope="module", autouse=True)
def without_waiting() -> Iterator[None]:
    """Waits take no time."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("connectors.patience.time", Clock())
        yield


def stories(faults: list[str]) -> Any:
    return {
        "way": st.sampled_from(sorted(WAYS)),
        "count": st.integers(0, 30),
        "size": st.integers(1, 7),
        "faults": st.dictionaries(st.integers(1, 14), st.sampled_from(faults), max_size=6),
    }


@pytest.mark.slow
@settings(max_examples=300)
@given(**stories([*PASSING, *LASTING, *CHANGES]))
@example(way="page numbers", count=10, size=3, faults={3: "the page before"})
@example(
    way="offsets that overlap",
    count=9,
    size=3,
    faults={2: "first three deleted", 3: "another deleted"},
)
@example(
    way="the last record's id",
    count=9,
    size=3,
    faults={2: "another deleted", 3: "first three deleted"},
)
def test_a_list_is_read_whole_or_not_at_all(way, count, size, faults):
    story = Story(WAYS[way], count, faults)
    try:
        found = story.read(size, "seconds")
    except SourceError as error:
        event("refused")
        assert faults, error
        return
    event("read")

    assert set(found) >= story.all_along


@pytest.mark.slow
@settings(max_examples=150)
@given(form=st.sampled_from(FORMS), **stories([*PASSING, "opened again", "added"]))
def test_what_passes_does_not_keep_a_list_from_being_read(form, way, count, size, faults):
    # Of three tries in silence, or five in all, one must be good.
    places = sorted(faults)
    lone = {place: faults[place] for place in places if place - 1 not in faults}
    story = Story(WAYS[way], count, lone)

    found = story.read(size, form)

    assert set(found) >= story.all_along
