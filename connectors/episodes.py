"""From what happened to an incident to the stretches of time in which it was open."""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterable
from dataclasses import dataclass


@dataclass(frozen=True)
class Turn:
    """A moment (naive UTC) from which on an incident was open, or was not."""

    at: dt.datetime
    is_open: bool


@dataclass(frozen=True)
class Episode:
    """One stretch in which an incident was open; `resolved_at` is None while it still is."""

    opened_at: dt.datetime
    resolved_at: dt.datetime | None


def episodes(
    opened_at: dt.datetime,
    turns: Iterable[Turn],
    *,
    is_open: bool,
    changed_at: dt.datetime,
    resolved_at: dt.datetime | None = None,
) -> tuple[Episode, ...]:
    """Every stretch in which an incident was open, in order of time; at least one.

    It is open from `opened_at` on. `is_open` is what its record says now, `resolved_at` the last
    resolution that the record names, `changed_at` its last change; all naive UTC. Where turns and
    record disagree the record is right, for histories are cut off and arrive late: what is resolved
    without a time was so at its last change at the latest, and would else count as open for ever.
    """
    found: list[Episode] = []
    begun: dt.datetime | None = opened_at
    for turn in sorted(turns, key=lambda turn: turn.at):
        if turn.is_open and begun is None:
            begun = turn.at
        elif not turn.is_open and begun is not None:
            found.append(Episode(begun, max(turn.at, begun)))
            begun = None
    if begun is None and is_open:
        begun = max(changed_at, found[-1].resolved_at or changed_at)
    if begun is not None:
        ended = None if is_open else max(resolved_at or changed_at, begun)
        found.append(Episode(begun, ended))
    return tuple(found)
