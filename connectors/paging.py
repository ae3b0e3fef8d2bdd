"""Reads lists that come page by page to their end: whole, or with an error, never a silent part.

`records` is the path of the list in each answer (`data.items`; empty where the answer is the list
itself). What turns the pages goes into `body` where a question has one, there also by a path
(`variables.after`), else into `params`. All raise SourceError for an answer without its list, for a
page that comes twice, and for more than `most` pages; Capped for as many records as `cap`, which is
how many a system shows of one question before it stops without a word.
"""

from __future__ import annotations

import copy
import hashlib
from collections.abc import Iterator, Mapping
from typing import Any
from urllib.parse import urljoin

from connectors.contract import SourceError
from connectors.http import Page, Session, shown_address
from connectors.pointers import (
    Following,
    More,
    at,
    full,
    in_header,
    last_at,
    more_at,
    named,
    of_last,
    records_of,
)

__all__ = [
    "Capped",
    "at",
    "by_cursor",
    "by_link",
    "by_number",
    "by_offset",
    "full",
    "in_header",
    "last_at",
    "more_at",
    "of_last",
    "records_of",
]

_MOST = 10_000


class Capped(SourceError):
    """A system shows only so many records of one question, and this one has more."""


def by_link(
    session: Session,
    path: str,
    params: Mapping[str, Any] | None = None,
    *,
    records: str = "",
    following: Following = lambda page: page.next,
    cap: int | None = None,
    most: int = _MOST,
) -> Iterator[Page]:
    """Pages that name the address of the next one: in the Link header, or where `following` looks.

    A short or an empty page does not end them, for some systems leave out what we may not see.
    """
    guard = _Guard(records, most, cap)
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
    cap: int | None = None,
    most: int = _MOST,
) -> Iterator[Page]:
    """Pages that tell where the next one begins, which is sent back as `cursor`.

    `following` finds it: `at`, `in_header` or `of_last`. A short or an empty page does not end
    them.
    """
    guard = _Guard(records, most, cap)
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
    cap: int | None = None,
    most: int = _MOST,
) -> Iterator[Page]:
    """Pages that are asked for by their number, with `size` records each.

    They end where `more` says so, with the number that the header `pages` gives, or else with an
    empty page: a short one may come from a system that gives fewer than we ask for. Where a record
    can move to an earlier page meanwhile (one before it is deleted, or changed in a list by time of
    change) another slips through: ask for the newest first.
    """
    guard = _Guard(records, most, cap)
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
    reach together; where `more` says that nothing is beyond it, it is not hit. With `key`, the path
    of a record's id, each page begins with the last record of the one before it. Where that is no
    longer in its place, the reading steps back, so that a deleted record hides no other: for lists
    in an order that does not change.
    """
    guard = _Guard(records, most)
    size = max(size, 2) if key else size
    start, read = 0, set[Any]()
    while True:
        room = size if cap is None else min(size, cap - start)
        page = _ask(session, path, params, body, {offset: start, limit: room})
        found = records_of(page, records)
        names = [named(page, record, key) for record in found] if key else []
        if start and read and (not names or names[0] not in read):
            guard.count(page)
            start = max(0, start - size + 1)
            continue
        if len(names) == 1 and names[0] in read and not (more and more(page)):
            return  # nothing but what the page before ended with
        guard.check(page)
        yield page
        if not (more(page) if more else found):
            return
        read.update(names)
        # By what came, not by what was asked for: a system may give fewer than we ask for.
        overlap = 1 if names else 0
        start += (len(found) or room) - overlap
        if cap is not None and cap - start <= overlap:
            raise _capped(page, cap)


class _Guard:
    """What has been read of one list, so that nothing is read in a circle."""

    def __init__(self, records: str, most: int, cap: int | None = None) -> None:
        self._records = records
        self._most = most
        self._cap = cap
        self._pages = 0
        self._read = 0
        self._bodies: set[bytes] = set()
        self._before: list[Any] = []
        self._turns: set[str] = set()

    def check(self, page: Page) -> int:
        """How many records it has; raises SourceError where it is one too many or came before."""
        found = records_of(page, self._records)
        digest = hashlib.blake2b(page.content, digest_size=16).digest()
        if found and (digest in self._bodies or found == self._before):
            raise SourceError(
                f"{shown_address(page.url)} gave the same page twice.",
                "It does not know this way of turning pages, or the list moved while it was read.",
            )
        self._bodies.add(digest)
        self._before = found
        self._read += len(found)
        if self._cap is not None and self._read >= self._cap:
            raise _capped(page, self._cap)
        self.count(page)
        return len(found)

    def count(self, page: Page) -> None:
        """One page more; raises SourceError for too many."""
        self._pages += 1
        if self._pages > self._most:
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


def _capped(page: Page, cap: int | None) -> Capped:
    return Capped(
        f"{shown_address(page.url)} has more than the {cap:,} records that one question shows.",
        "Ask for less at once, for example for a shorter stretch of time.",
    )
