"""An incident is open from its opening to its resolution, and again after each re-opening."""

from __future__ import annotations

import datetime as dt
from itertools import pairwise

from hypothesis import given
from hypothesis import strategies as st

from connectors.episodes import Episode, Turn, episodes

_HOURS = st.integers(0, 50)


def _at(hour: int) -> dt.datetime:
    return dt.datetime(2026, 3, 1) + dt.timedelta(hours=hour)


def _found(
    *turns: tuple[int, bool], is_open: bool, changed: int = 90, resolved: int | None = None
) -> list[tuple[int, int | None]]:
    """The episodes of an incident that was opened at hour 0, in hours."""
    found = episodes(
        _at(0),
        [Turn(_at(hour), is_open) for hour, is_open in turns],
        is_open=is_open,
        changed_at=_at(changed),
        resolved_at=None if resolved is None else _at(resolved),
    )
    return [(_hour(e.opened_at), e.resolved_at and _hour(e.resolved_at)) for e in found]


def _hour(at: dt.datetime) -> int:
    return round((at - _at(0)).total_seconds() / 3600)


def test_an_incident_without_a_turn_is_open_since_its_opening() -> None:
    assert _found(is_open=True) == [(0, None)]


def test_a_re_opened_incident_has_an_episode_for_each_time() -> None:
    assert _found((5, False), (8, True), (9, False), is_open=False) == [(0, 5), (8, 9)]


def test_turns_may_come_in_any_order_and_twice() -> None:
    turns = ((9, False), (5, False), (8, True), (5, False), (6, False))

    assert _found(*turns, is_open=False) == [(0, 5), (8, 9)]


def test_the_resolution_that_the_record_names_ends_what_no_turn_has_ended() -> None:
    assert _found(is_open=False, resolved=7) == [(0, 7)]


def test_a_resolved_incident_without_a_time_ended_at_its_last_change_at_the_latest() -> None:
    assert _found(is_open=False, changed=12) == [(0, 12)]


def test_a_re_opening_that_no_turn_tells_is_dated_by_the_last_change() -> None:
    assert _found((5, False), is_open=True, changed=20) == [(0, 5), (20, None)]


def test_a_resolution_before_the_opening_takes_no_time() -> None:
    assert _found(is_open=False, resolved=-3) == [(0, 0)]


@given(st.lists(st.tuples(_HOURS, st.booleans())), st.booleans())
def test_episodes_never_overlap_and_only_the_last_may_be_open(
    turns: list[tuple[int, bool]], is_open: bool
) -> None:
    found = episodes(
        _at(0), [Turn(_at(hour), each) for hour, each in turns], is_open=is_open, changed_at=_at(60)
    )

    assert [e.resolved_at is None for e in found] == [*[False] * (len(found) - 1), is_open]
    assert all(e.resolved_at is None or e.opened_at <= e.resolved_at for e in found)
    assert all(_ends_before(earlier, later) for earlier, later in pairwise(found))


def _ends_before(earlier: Episode, later: Episode) -> bool:
    return earlier.resolved_at is not None and earlier.resolved_at <= later.opened_at
