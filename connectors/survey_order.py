"""Reads a list in the order of change so that nothing slips through while it is read."""

from __future__ import annotations

import datetime as dt
from collections.abc import Callable, Iterable, Iterator

from connectors.contract import SourceError
from connectors.survey_answers import Record

# Whether a system counts the moment from which we ask is not always documented.
_EDGE = dt.timedelta(seconds=1)

# The records that were changed at or after a moment, the first changed first: of these the page
# with this number, and whether another follows it.
Ask = Callable[[dt.datetime, int], tuple[list[Record], bool]]


def by_change(
    ask: Ask, changed: Callable[[Record], dt.datetime | None], begin: dt.datetime, system: str
) -> Iterator[tuple[list[Record], dt.datetime]]:
    """Pages of what was changed since `begin`, each with the moment up to which all is read.

    Each page begins where the one before it ends, by time and not by number: a record that is
    deleted or changed meanwhile moves no other one. Only within one second, in which there may be
    more than a page has, is it by number. Records at an edge come twice. Raises SourceError for a
    system that gives them in another order or from another time, for then some would never come.
    """
    since, number = begin, 1
    while True:
        found, is_followed = ask(since - _EDGE, number)
        times = [time for time in map(changed, found) if time is not None]
        if times != sorted(times):
            raise SourceError(
                f"{system} gives its answers in another order than that of their changes.",
                "Check that `url` leads to its own API; a part of them would be missed.",
            )
        if times and times[0] < since - _EDGE:
            raise strayed(system)
        last = max(times, default=since)
        yield found, max(last, since)
        if not is_followed:
            return
        since, number = (last, 1) if last > since else (since, number + 1)


def within(
    times: Iterable[dt.datetime | None], begin: dt.datetime, end: dt.datetime, system: str
) -> None:
    """Raises SourceError where one of these times is not of the stretch that was asked for."""
    if any(time < begin - _EDGE or time > end + _EDGE for time in times if time is not None):
        raise strayed(system)


def strayed(system: str) -> SourceError:
    """For answers that are not those that were asked for."""
    return SourceError(
        f"{system} gives answers from another time than was asked for.",
        "The next refresh asks again; if it stays, something between may answer in its place.",
    )
