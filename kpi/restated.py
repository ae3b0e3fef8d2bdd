"""What editions changed of numbers that were published before: from what to what, when and why."""

from __future__ import annotations

import datetime as dt
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Literal

Cause = Literal["data", "definition"]
# A published number: its metric, its grain and the first day of its period.
Key = tuple[str, str, dt.date]
Query = Callable[[str], list[tuple[Any, ...]]]


@dataclass(frozen=True)
class Restated:
    """A published number that a later edition changed; None stands for unknown.

    `edition` is the one that brought the new number, `at` (naive UTC) when it was published. The
    cause is `definition` where the metric, one below it, its tables or the calendar had changed.
    """

    old: float | None
    new: float | None
    edition: int
    at: dt.datetime
    cause: Cause


def read_log(query: Query) -> tuple[tuple[Key, Restated], ...]:
    """Everything that was ever restated, the newest first."""
    return tuple(
        ((metric, grain, period), Restated(*rest)) for metric, grain, period, *rest in query(_LOG)
    )


_LOG = """
select metric, grain, period, old, new, edition, restated_at, cause from kpi.restated
order by restated_at desc, edition desc, metric, grain, period desc
"""
