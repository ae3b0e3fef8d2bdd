"""Reads lists that come page by page to their end: whole, or with an error, never a silent part.

`records` is the path of the list in each answer (`data.items`; empty where the answer is the list
itself). What turns the pages goes into `body` where a question has one, there also by a path
(`variables.after`), else into `params`. All raise SourceError for an answer without its list, for a
page that comes twice, and for more than `most` pages.
"""

from __future__ import annotations

import copy
import hashlib
from collections.abc import Callable, Iterator, Mapping
from typing import Any
from urllib.parse import urljoin

from connectors.contract import SourceError
from connectors.http import Page, Session, shown_address

_MOST = 10_000

# Where the next page begins, as a page tells it; None after the last one.
Following = Callable[[Page], Any]
# Whether a page is followed by another.
More = Callable[[Page], bool]


class Capped(SourceError):
    """A system shows only so many records of one question, and this one has more."""


def by_link(
    session: Session,
    path: str,
    params: Mapping[str, Any] | None = None,
    *,
    records: str = "",
    following: Following = lambda page: page.next,
    most: int = _MOST,
) -> Iterator[Page]:
    """Pages that name the address of the next one: in the Link header, or where `following` looks.

    A short or an empty page does not end them, for some systems leave out what we may not see.
    """
    guard = _Guard(records, most)
    page = session.page(path, params)
    while True:
        guard.check(page)
        yield page
        link = following(page)
        if link is None:
            return
        page = session.page(guard.turned(page, urljoin(page.url, str(link))))


def by_cursor(
    session: Session,
    path: str,
    params: Mapping[str, Any] | None = None,
    *,
    cursor: str,
    following: Following,
    records: str = "",
    body: Mapping[str, Any] | None = None,
    most: int = _MOST,
) -> Iterator[Page]:
    """Pages that tell where the next one begins, which is sent back as `cursor`.

    `following` finds it: `at`, `in_header` or `of_last`. A short or an empty page does not end
    them.
    """
    guard = _Guard(records, most)
    page = _ask(session, path, params, body, {})
    while True:
        guard.check(page)
        yield page
        found = following(page)
        if found is None:
            return
        page = _ask(session, path, params, body, {cursor: guard.turned(page, found)})


def by_number(
    session: Session,
    path: str,
    params: Mapping[str, Any] | None = None,
    *,
    size: int,
    records: str = "",
    number: str = "page",
    limit: str = "per_page",
    first: int = 1,
    more: More | None = None,
    pages: str | None = None,
    body: Mapping[str, Any] | None = None,
    most: int = _MOST,
) -> Iterator[Page]:
    """Pages that are asked for by their number, with `size` records each.

    They end where `more` says so, with the number that the header `pages` gives, or else with an
    empty page: a short one may come from a system that gives fewer than we ask for. Where a record
    can move to an earlier page meanwhile (one before it is deleted, or changed in a list by time of
    change) another slips through: ask for the newest first.
    """
    guard = _Guard(records, most)
    turn = first
    while True:
        page = _ask(session, path, params, body, {number: turn, limit: size})
        count = guard.check(page)
        yield page
        turn += 1
        last = page.headers.get(pages, "").strip() if pages else ""
        if last.isdecimal():
            is_over = turn >= first + int(last)
        else:
            is_over = not more(page) if more else count == 0
        if is_over:
            return


def by_offset(
    session: Session,
    path: str,
    params: Mapping[str, Any] | None = None,
    *,
    size: int,
    records: str = "",
    offset: str = "offset",
    limit: str = "limit",
    more: More | None = None,
    cap: int | None = None,
    key: str | None = None,
    body: Mapping[str, Any] | None = None,
    most: int = _MOST,
) -> Iterator[Page]:
    """Pages that are asked for by how many records come before them, with `size` records each.

    They end where `more` says so, or else with an empty page. `cap` is how far offset and limit may
    reach together; raises Capped where there may be more. With `key`, the path of a record's id,
    each page begins with the last record of the one before it. Where that is no longer in its
    place, the reading steps back, so that a deleted record hides no other: for lists in an order
    that does not change.
    """
    guard = _Guard(records, most)
    size = max(size, 2) if key else size
    start, read = 0, set[Any]()
    while True:
        room = size if cap is None else min(size, cap - start)
        if room <= (1 if read else 0):
            raise Capped(
                f"{path} has more than the {cap:,} records that one question may show.",
                "Ask for less at once.",
            )
        page = _ask(session, path, params, body, {offset: start, limit: room})
        found = records_of(page, records)
        names = [_named(page, record, key) for record in found] if key else []
        if start and read and (not names or names[0] not in read):
            guard.count(page)
            start = max(0, start - size + 1)
            continue
        if len(names) == 1 and names[0] in read:
            return  # nothing but what the page before ended with
        guard.check(page)
        yield page
        if not (more(page) if more else found):
            return
        read.update(names)
        # By what came, not by what was asked for: a system may give fewer than we ask for.
        start += (len(found) or room) - (1 if names else 0)


def records_of(page: Page, records: str = "") -> list[Any]:
    """The records of a page; raises SourceError where the answer has no such list."""
    found = _at(page.value, records)
    if isinstance(found, list):
        return found
    place = f" at `{records}`" if records else ""
    raise SourceError(
        f"{shown_address(page.url)} answers without a list{place}: {page.excerpt}",
        "Check what this source asks for.",
    )


def at(path: str, more: More | None = None) -> Following:
    """What each page names at a path: a token, a cursor, an address; nothing on the last page."""

    def following(page: Page) -> Any:
        return _promised(page, _at(page.value, path), more)

    return following


def in_header(name: str) -> Following:
    """What each page names in a header; the last page has it empty or not at all."""
    return lambda page: page.headers.get(name, "").strip() or None


def of_last(key: str, records: str = "", more: More | None = None) -> Following:
    """What the last record of each page has at a path, such as its id.

    Ends where `more` says so, or else with an empty page.
    """

    def following(page: Page) -> Any:
        found = records_of(page, records)
        return _promised(page, _named(page, found[-1], key) if found else None, more)

    return following


def more_at(path: str) -> More:
    """A flag that is true where more pages follow, such as `has_more`."""
    return lambda page: _flag(page, path)


def last_at(path: str) -> More:
    """A flag that is true on the last page, such as `isLast`."""
    return lambda page: not _flag(page, path)


def full(size: int, records: str = "") -> More:
    """A page shorter than asked for is the last: only for a system that always gives so many."""
    return lambda page: len(records_of(page, records)) >= size


class _Guard:
    """What has been read of one list, so that nothing is read in a circle."""

    def __init__(self, records: str, most: int) -> None:
        self._records = records
        self._most = most
        self._asked = 0
        self._bodies: set[bytes] = set()
        self._before: list[Any] = []
        self._turns: set[str] = set()

    def check(self, page: Page) -> int:
        """How many records the page has; raises SourceError for a page that came before."""
        found = records_of(page, self._records)
        digest = hashlib.blake2b(page.content, digest_size=16).digest()
        if found and (digest in self._bodies or found == self._before):
            raise SourceError(
                f"{shown_address(page.url)} gave the same page twice.",
                "It does not know this way of turning pages, or the list moved while it was read.",
            )
        self._bodies.add(digest)
        self._before = found
        self.count(page)
        return len(found)

    def count(self, page: Page) -> None:
        """One page more; raises SourceError for too many."""
        self._asked += 1
        if self._asked > self._most:
            raise SourceError(
                f"{shown_address(page.url)} has more than {self._most:,} pages.",
                "Ask for less at once, for example from a later `start`.",
            )

    def turned(self, page: Page, to: Any) -> Any:
        """Where the next page begins; raises SourceError for a place where we were before."""
        if str(to) in self._turns:
            raise SourceError(
                f"{shown_address(page.url)} leads from page to page in a circle.",
                "The next refresh asks again; if it stays, look into the system's own log.",
            )
        self._turns.add(str(to))
        return to


def _ask(
    session: Session,
    path: str,
    params: Mapping[str, Any] | None,
    body: Mapping[str, Any] | None,
    turn: Mapping[str, Any],
) -> Page:
    if body is None:
        return session.page(path, {**(params or {}), **turn})
    whole: Any = copy.deepcopy(dict(body))
    for name, value in turn.items():
        *way, last = name.split(".")
        place = whole
        for step in way:
            place = place.setdefault(step, {})
        place[last] = value
    return session.page(path, params, body=whole)


def _promised(page: Page, found: Any, more: More | None) -> Any:
    """Where the next page begins; raises SourceError where one is promised and not named."""
    if more is None:
        return None if found == "" else found
    if not more(page):
        return None
    if found in (None, ""):
        raise SourceError(
            f"{shown_address(page.url)} promises another page and does not name it.",
            "The next refresh asks again; if it stays, look into the system's own log.",
        )
    return found


def _named(page: Page, record: Any, key: str) -> Any:
    found = _at(record, key)
    if isinstance(found, (str, int)):
        return found
    raise SourceError(
        f"A record at {shown_address(page.url)} has no `{key}`, by which pages are turned.",
        "Name a key that every record has.",
    )


def _flag(page: Page, path: str) -> bool:
    found = _at(page.value, path)
    if isinstance(found, bool):
        return found
    raise SourceError(
        f"{shown_address(page.url)} does not say at `{path}` whether it is the last page: "
        f"{page.excerpt}",
        "Check what this source asks for.",
    )


def _at(value: Any, path: str) -> Any:
    """What is at a path in an answer or a record; None where there is nothing."""
    for step in filter(None, path.split(".")):
        value = value.get(step) if isinstance(value, dict) else None
    return value
