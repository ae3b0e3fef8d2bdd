"""Where a pull begins: the kept state as a lower bound, what landed as the next state."""

from __future__ import annotations

import datetime as dt
import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Literal
from zoneinfo import ZoneInfo

# zoned: a moment; naive: what a zone's clock shows; date: a day; written: a date or time as a
# text in its own spelling; plain: a number or text that grows, which no duration is taken from.
Kind = Literal["zoned", "naive", "date", "written", "plain"]

_WRITTEN = re.compile(
    r"\d{4}-\d\d-\d\d(?:(?P<mark>[ T])\d\d:\d\d(?P<seconds>:\d\d(?:\.\d+)?)?"
    r"(?P<offset>Z|[+-]\d\d(?::?\d\d)?)?)?"
)
_FIRST = dt.datetime(1, 1, 2, tzinfo=dt.UTC)
_LAST = dt.datetime(9999, 12, 30, tzinfo=dt.UTC)
_AUTUMN_NIGHT = dt.timedelta(hours=3)
_MARKS = 20


@dataclass(frozen=True)
class Cursor:
    """The selected column that grows with every change, and the clock it is read by."""

    name: str
    type: str  # as its database calls it; the state of another type says nothing
    kind: Kind
    zone: ZoneInfo
    sample: str = ""  # one written time, for its spelling


def is_written_time(text: str) -> bool:
    """Whether a text is an ISO 8601 date or time, so that its order is the order of time."""
    return _WRITTEN.fullmatch(text) is not None


def lower_bound(
    cursor: Cursor, state: Mapping[str, Any], start: dt.date | None, lookback: dt.timedelta
) -> str | None:
    """The text to select from, inclusive; None stands for everything."""
    value = state.get("value")
    if value is None:
        return None if start is None else _beginning(cursor, start)
    if cursor.kind == "plain":
        return _as_it_stood(state, lookback)
    moment = _moment(cursor, value)
    if moment - _FIRST <= lookback:
        return None
    return _text(cursor, moment - lookback, value, bound=True)


def upper_bound(cursor: Cursor, now: dt.datetime) -> str:
    """The start of the pull (naive UTC) in the words of the cursor's column."""
    return _text(cursor, now.replace(tzinfo=dt.UTC), cursor.sample)


def state_after(
    cursor: Cursor,
    state: Mapping[str, Any],
    last: str | None,
    now: dt.datetime,
    lookback: dt.timedelta,
) -> dict[str, Any]:
    """The state once all rows up to `last` have landed; `state` is what the pull began with.

    A time after the start of the pull is kept as that start: one row from 2099 must not hide
    whatever changes before 2099.
    """
    kept = {"cursor": cursor.name, "type": cursor.type, "pulled_at": now.isoformat()}
    values = [value for value in (last, state.get("value")) if value is not None]
    if cursor.kind == "plain":
        return {**kept, "value": next(iter(values), None), "earlier": _marks(state, now, lookback)}
    if not values:
        return {**kept, "value": None}
    # The look-back reads rows again that are older than what is kept already.
    greatest = max(values, key=lambda value: _moment(cursor, value))
    started = now.replace(tzinfo=dt.UTC)
    if _moment(cursor, greatest) > started:
        greatest = _text(cursor, started, greatest)
    return {**kept, "value": greatest}


def _moment(cursor: Cursor, value: str) -> dt.datetime:
    """A kept time; one beyond the calendar's ends is moved to its first or last day."""
    try:
        moment = dt.datetime.fromisoformat(value)
    except ValueError:
        return _FIRST if value.endswith("BC") else _LAST
    if moment.tzinfo is None:
        moment = moment.replace(tzinfo=cursor.zone)
    if not _FIRST.year < moment.year < _LAST.year:
        return _FIRST if moment.year <= _FIRST.year else _LAST
    return moment.astimezone(dt.UTC)


def _text(cursor: Cursor, moment: dt.datetime, like: str, *, bound: bool = False) -> str:
    if cursor.kind == "zoned":
        return moment.astimezone(dt.UTC).isoformat(" ")
    if cursor.kind == "written":
        return _spelled(cursor, moment, like, bound=bound)
    clock = _clock(moment, cursor.zone, bound=bound)
    return clock.date().isoformat() if cursor.kind == "date" else clock.isoformat(" ")


def _spelled(cursor: Cursor, moment: dt.datetime, like: str, *, bound: bool) -> str:
    """A moment in the spelling of another one, because the database compares them as texts."""
    spelling = _WRITTEN.fullmatch(like)
    offset = spelling["offset"] if spelling else None
    if offset:
        clock = moment.astimezone(dt.datetime.fromisoformat(like).tzinfo)
    else:
        clock = _clock(moment, cursor.zone, bound=bound)
    if spelling is None or not spelling["mark"]:
        return clock.date().isoformat()
    time = clock.strftime("%H:%M:%S" if spelling["seconds"] else "%H:%M")
    # Without fraction and offset a bound is a prefix: no greater than any spelling of its second.
    end = "" if bound else offset or ""
    return f"{clock.date().isoformat()}{spelling['mark']}{time}{end}"


def _clock(moment: dt.datetime, zone: ZoneInfo, *, bound: bool) -> dt.datetime:
    """What the zone's clock shows; as a bound, the least that it shows from then on.

    On a night in autumn the clock is put back, and what changes after that carries a smaller
    time than what was read before.
    """
    shown = moment.astimezone(zone).replace(tzinfo=None)
    if not bound:
        return shown
    put_back = (moment + _AUTUMN_NIGHT).astimezone(zone).replace(tzinfo=None) - _AUTUMN_NIGHT
    return min(shown, put_back)


def _beginning(cursor: Cursor, start: dt.date) -> str:
    if cursor.kind in ("date", "written"):
        return start.isoformat()
    midnight = dt.datetime.combine(start, dt.time(), tzinfo=cursor.zone)
    return _text(cursor, midnight, "")


def _as_it_stood(state: Mapping[str, Any], lookback: dt.timedelta) -> str | None:
    """The cursor as it stood the look-back before the last pull; None where that is not known.

    A number says nothing about time. But a row that the last pull could not see, because its
    transaction was open for no longer than the look-back, had its number after that moment.
    """
    limit = dt.datetime.fromisoformat(state["pulled_at"]) - lookback
    marks = [*state.get("earlier", ()), (state["pulled_at"], state["value"])]
    known = [value for at, value in marks if dt.datetime.fromisoformat(at) <= limit]
    return known[-1] if known else None


def _marks(
    state: Mapping[str, Any], now: dt.datetime, lookback: dt.timedelta
) -> list[tuple[str, str | None]]:
    """When the cursor stood where: as few marks as the next pull needs, the oldest first."""
    marks = [(at, value) for at, value in state.get("earlier", ())]
    if state.get("value") is not None:
        at = dt.datetime.fromisoformat(state["pulled_at"])
        # Leaving a mark out only makes a later bound earlier.
        if not marks or at - dt.datetime.fromisoformat(marks[-1][0]) >= lookback / _MARKS:
            marks.append((state["pulled_at"], state["value"]))
    old = [mark for mark in marks if dt.datetime.fromisoformat(mark[0]) <= now - lookback]
    return marks[max(len(old) - 1, 0) :]
