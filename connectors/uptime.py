"""From samples that say up or down to seconds up, down, in maintenance and unknown, by hour."""

from __future__ import annotations

import datetime as dt
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Literal

import numpy as np
import numpy.typing as npt
import pyarrow as pa

HOUR = 3600
# A monitor that is silent for so long is taken for gone, and so is Prometheus's own series.
LONGEST_STEP = 300
# A sample that comes a little late is not lost: the next one is due after so many steps.
LATE = 1.5

# So long a silent service still has hours, all of them unknown; then it counts as gone.
_SILENCE = 7 * 24 * HOUR
_USUAL_STEP = 60
_UP, _DOWN, _MAINTENANCE, _UNKNOWN = range(4)
_KINDS = ("up_seconds", "down_seconds", "maintenance_seconds", "unknown_seconds")

Integers = npt.NDArray[np.int64]
Booleans = npt.NDArray[np.bool_]


@dataclass(frozen=True)
class Samples:
    """What one probe saw: times in milliseconds since 1970, ascending, and whether it was a 1."""

    times: Integers
    is_one: Booleans


@dataclass(frozen=True)
class Spans:
    """How long each sample speaks, in seconds since 1970, and whether it was a 1."""

    begin: Integers
    end: Integers
    is_one: Booleans


@dataclass(frozen=True)
class Measured:
    """One service: seconds up, down, in maintenance and unknown, a row for each stretch of time.

    `first` and `last` are its earliest and latest sample, in seconds since 1970; None without any.
    """

    seconds: Integers
    first: int | None
    last: int | None
    samples: int


def spans(samples: Samples, declared: dt.timedelta | None) -> Spans:
    """A sample speaks until the next one; where that one was lost, for one step.

    Without a declared step it is found: the distance that nine in ten samples keep at least, and
    no more than five minutes.
    """
    gaps = np.diff(samples.times)
    if declared is not None:
        step = int(declared.total_seconds() * 1000)
    elif len(gaps):
        # A median would be twice the step where every second sample is lost.
        usual = int(np.quantile(gaps, 0.1, method="lower"))
        step = min(usual, LONGEST_STEP * 1000)
    else:
        step = _USUAL_STEP * 1000
    held = np.append(np.where(gaps <= step * LATE, gaps, step), step)
    # Whole seconds, so that the four kinds add up exactly; neighbours share their rounded edge.
    begin, end = (samples.times + 500) // 1000, (samples.times + held + 500) // 1000
    return Spans(begin, end, samples.is_one)


def measured(
    probes: list[Samples],
    announced: list[Spans],
    edges: Integers,
    *,
    step: dt.timedelta | None = None,
    combine: Literal["all", "any"] = "all",
) -> Measured:
    """What some probes know of one service between each two edges (seconds since 1970).

    Announced maintenance comes before everything. Of several probes only those that have a sample
    are heard: with "all" one that says down makes it down, with "any" one that says up makes it up.
    """
    said = [
        (each.begin[chosen], each.end[chosen], kind)
        for each in (spans(samples, step) for samples in probes)
        for kind, chosen in ((_UP, each.is_one), (_DOWN, ~each.is_one))
    ]
    said += [(each.begin[each.is_one], each.end[each.is_one], _MAINTENANCE) for each in announced]
    first, second = (_DOWN, _UP) if combine == "all" else (_UP, _DOWN)
    return Measured(
        seconds=_tally(said, edges, (_MAINTENANCE, first, second)),
        first=min((int(each.times[0]) // 1000 for each in probes), default=None),
        last=max((int(each.times[-1]) // 1000 for each in probes), default=None),
        samples=sum(len(each.times) for each in probes),
    )


def _tally(
    said: list[tuple[Integers, Integers, int]], edges: Integers, order: tuple[int, ...]
) -> Integers:
    """Seconds of each kind between each two edges: every moment is of the first kind said of it."""
    points = np.concatenate([edges, *(side for begin, end, _ in said for side in (begin, end))])
    change = np.zeros((len(points), len(order)), dtype=np.int64)
    place = len(edges)
    for begin, _, kind in said:
        middle, after = place + len(begin), place + 2 * len(begin)
        change[place:middle, kind] = 1
        change[middle:after, kind] = -1
        place = after
    points = points.clip(edges[0], edges[-1])
    ascending = np.argsort(points, kind="stable")
    points = points[ascending]
    heard = np.cumsum(change[ascending], axis=0)[:-1] > 0
    kinds = np.select([heard[:, kind] for kind in order], order, default=_UNKNOWN)
    stretch = np.searchsorted(edges[1:-1], points[:-1], side="right")
    width = len(_KINDS)
    seconds = np.bincount(
        stretch * width + kinds, weights=np.diff(points), minlength=width * (len(edges) - 1)
    )
    return seconds.astype(np.int64).reshape(-1, width)


class Census:
    """Which services have which hours: from their first sample until a week of silence.

    `known` are the services met before, with their last sample (seconds since 1970), and `until`
    is where their hours ended; `full` says that hours may be there although none is known.
    """

    def __init__(self, known: Mapping[str, int], until: int | None, full: bool) -> None:
        self._last = dict(known)
        self._known = set(known)
        self._until = until
        self._full = full
        self._since: dict[str, int] = {}

    @property
    def met(self) -> tuple[str, ...]:
        """The services met so far."""
        return tuple(self._last)

    @property
    def began(self) -> int | None:
        """The first hour that any service has had since; None before any was met."""
        return min(self._since.values(), default=None)

    def expects(self, service: str, one: Measured, hours: Integers) -> Booleans:
        """For each of these hours, whether this service has a row."""
        if one.first is not None and one.last is not None:
            self._meet(service, one.first, one.last)
        here = np.zeros(len(hours), dtype=np.bool_)
        if service in self._since:
            here |= hours >= self._since[service]
        if service in self._known and self._until is not None:
            here |= hours >= self._until
        return here & (hours < self._last[service] + _SILENCE)

    def present(self, now: int) -> dict[str, int]:
        """The services that are not gone by then, with their last sample."""
        return {name: last for name, last in self._last.items() if last + _SILENCE > now}

    def _meet(self, service: str, first: int, last: int) -> None:
        if first - self._last.get(service, first) > _SILENCE:
            self._known.discard(service)
            self._since.pop(service, None)
        if service not in self._since:
            hour = first // HOUR * HOUR
            # Of an hour read again a part may have aged out; the one we hold is whole.
            again = service in self._known or self._full
            torn = again and first - hour > LATE * LONGEST_STEP
            self._since[service] = hour + HOUR if torn else hour
        self._last[service] = max(last, self._last.get(service, last))


class Rows:
    """Rows of the fact table `uptime`, gathered; `gone` marks those that are to be deleted."""

    def __init__(self) -> None:
        self.count = 0
        self._services: list[str] = []
        self._hours: list[Integers] = [np.zeros(0, dtype=np.int64)]
        self._seconds: list[Integers] = [np.zeros((0, len(_KINDS)), dtype=np.int64)]
        self._gone: list[Booleans] = [np.zeros(0, dtype=np.bool_)]

    def add(self, service: str, hours: Integers, seconds: Integers) -> None:
        """A service's hours, each with its four kinds of seconds."""
        self._append(service, hours, seconds, gone=False)

    def delete(self, service: str, hours: Integers) -> None:
        """Hours that a service is not to have any more."""
        self._append(service, hours, np.zeros((len(hours), len(_KINDS)), np.int64), gone=True)

    def table(self) -> pa.Table:
        """All of them."""
        seconds = np.concatenate(self._seconds).astype(np.float64)
        columns = {
            "service": pa.array(self._services, pa.string()),
            "hour": pa.array(np.concatenate(self._hours) * 1_000_000, pa.timestamp("us")),
        }
        columns |= {kind: pa.array(seconds[:, place]) for place, kind in enumerate(_KINDS)}
        return pa.table(columns | {"gone": pa.array(np.concatenate(self._gone))})

    def _append(self, service: str, hours: Integers, seconds: Integers, *, gone: bool) -> None:
        self.count += len(hours)
        self._services += [service] * len(hours)
        self._hours.append(hours)
        self._seconds.append(seconds)
        self._gone.append(np.full(len(hours), gone))
