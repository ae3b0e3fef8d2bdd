"""Finds in a page its records, and what it says of the next one."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from connectors.addresses import shown_address
from connectors.answers import Page
from connectors.contract import SourceError

# Where the next page begins, as a page tells it; None after the last one.
Following = Callable[[Page], Any]
# Whether a page is followed by another.
More = Callable[[Page], bool]


def records_of(page: Page, records: str = "") -> list[Any]:
    """The records of a page; raises SourceError where the answer has no such list."""
    found = value_at(page.value, records)
    if isinstance(found, list):
        return found
    place = f" at `{records}`" if records else ""
    raise SourceError(
        f"{shown_address(page.url)} answers without a list{place}: {page.excerpt}",
        "Check what this source asks for.",
    )


def value_at(value: Any, path: str) -> Any:
    """What is at a path in an answer or a record; None where there is nothing."""
    for step in filter(None, path.split(".")):
        value = value.get(step) if isinstance(value, dict) else None
    return value


def at(path: str, more: More | None = None) -> Following:
    """What each page names at a path: a token, a cursor, an address; nothing on the last page."""

    def following(page: Page) -> Any:
        return _promised(page, value_at(page.value, path), more)

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
        return _promised(page, named(page, found[-1], key) if found else None, more)

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


def named(page: Page, record: Any, key: str) -> str | int:
    """What a record of a page has at a path: its id; raises SourceError where it has none."""
    found = value_at(record, key)
    if isinstance(found, (str, int)):
        return found
    raise SourceError(
        f"A record at {shown_address(page.url)} has no `{key}`, by which pages are turned.",
        "Name a key that every record has.",
    )


def _flag(page: Page, path: str) -> bool:
    found = value_at(page.value, path)
    if isinstance(found, bool):
        return found
    raise SourceError(
        f"{shown_address(page.url)} does not say at `{path}` whether it is the last page: "
        f"{page.excerpt}",
        "Check what this source asks for.",
    )


def _promised(page: Page, found: Any, more: More | None) -> Any:
    """Where the next page begins; raises SourceError where one is promised and not named."""
    if more is None:
        return found or None
    if not more(page):
        return None
    if not found:
        raise SourceError(
            f"{shown_address(page.url)} promises another page and does not name it.",
            "The next refresh asks again; if it stays, look into the system's own log.",
        )
    return found
