"""What editions changed of definitions that were published before: which entry, which key, when."""

from __future__ import annotations

import datetime as dt
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

Query = Callable[[str], list[tuple[Any, ...]]]


@dataclass(frozen=True)
class Redefined:
    """One key of one entry that an edition changed, as it was written before and after.

    Without a `key` it is the whole entry, which came (`old` is None) or went (`new` is None). The
    `section` is that of metrics.yaml; a section without names, as `calendar`, has no `name`.
    """

    edition: int
    at: dt.datetime  # naive UTC, when the edition was published
    section: str
    name: str
    key: str | None
    old: str | None
    new: str | None


@dataclass(frozen=True)
class Changes:
    """Everything that one edition changed, and how many published numbers it restated so."""

    edition: int
    at: dt.datetime
    entries: Mapping[tuple[str, str], tuple[Redefined, ...]]
    restated: Mapping[str, Mapping[str, int]]  # by metric and grain


def read_changes(query: Query) -> tuple[Changes, ...]:
    """What every edition changed of the definitions, the newest first."""
    editions: dict[tuple[int, dt.datetime], dict[tuple[str, str], list[Redefined]]] = {}
    for row in query(_LOG):
        one = Redefined(*row)
        entries = editions.setdefault((one.edition, one.at), {})
        entries.setdefault((one.section, one.name), []).append(one)
    restated: dict[int, dict[str, dict[str, int]]] = {}
    for edition, metric, grain, count in query(_RESTATED):
        restated.setdefault(edition, {}).setdefault(metric, {})[grain] = count
    return tuple(
        Changes(
            edition,
            at,
            {entry: tuple(changed) for entry, changed in entries.items()},
            restated.get(edition, {}),
        )
        for (edition, at), entries in editions.items()
    )


_LOG = """
select edition, changed_at, section, name, key, old, new from kpi.redefined
order by edition desc, position
"""
_RESTATED = """
select edition, metric, grain, count(*) from kpi.restated where cause = 'definition'
group by all order by edition, metric, grain desc
"""
