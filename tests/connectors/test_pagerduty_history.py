"""A record and a log tell together when an incident was open; the record has the last word."""

from __future__ import annotations

import datetime as dt
from typing import Any

import pytest

from connectors.contract import Named
from connectors.pagerduty_incidents import Log, Words, history, moment

_START = dt.datetime(2026, 3, 1)


def _at(hour: float) -> str:
    return f"{_START + dt.timedelta(hours=hour):%Y-%m-%dT%H:%M:%SZ}"


def _hour(time: dt.datetime) -> float:
    return (time - _START).total_seconds() / 3600


def _found(
    *entries: tuple[str, float],
    status: str = "resolved",
    resolved: float | None = None,
    changed: float | None = None,
) -> list[tuple[float, float | None]]:
    """The episodes, in hours, of an incident that was created at hour 0."""
    words, log = Words(None, None), Log()
    for kind, hour in entries:
        about = {"type": f"{kind}_log_entry", "created_at": _at(hour), "incident": {"id": "P1"}}
        entry = words.entry(about)
        assert entry is not None
        log.add(entry)
    record = {
        "id": "P1",
        "status": status,
        "created_at": _at(0),
        "resolved_at": None if resolved is None else _at(resolved),
        "last_status_change_at": None if changed is None else _at(changed),
    }
    found = history(words.incident(record), log)
    return [(_hour(e.opened_at), e.resolved_at and _hour(e.resolved_at)) for e in found]


def test_a_log_of_one_resolution_tells_of_one_episode() -> None:
    entries = [("trigger", 0), ("acknowledge", 1), ("resolve", 5)]

    assert _found(*entries, resolved=5, changed=5) == [(0, 5)]


def test_without_a_log_the_record_tells() -> None:
    assert _found(resolved=5, changed=5) == [(0, 5)]
    assert _found(status="acknowledged", changed=2) == [(0, None)]


def test_a_resolution_without_a_time_was_at_the_last_change_of_status() -> None:
    assert _found(changed=5) == [(0, 5)]


@pytest.mark.parametrize("kind", ["reopen", "trigger", "assign", "acknowledge", "escalate"])
def test_whatever_only_happens_to_an_open_incident_tells_of_a_re_opening(kind: str) -> None:
    entries = [("trigger", 0), ("resolve", 5), (kind, 8), ("resolve", 9)]

    assert _found(*entries, resolved=9, changed=9) == [(0, 5), (8, 9)]


def test_notes_and_messages_after_a_resolution_open_nothing() -> None:
    entries = [("trigger", 0), ("resolve", 5), ("annotate", 6), ("notify", 7)]

    assert _found(*entries, resolved=5, changed=5) == [(0, 5)]


def test_what_happens_in_the_second_of_a_resolution_happened_before_it() -> None:
    entries = [("resolve", 5), ("acknowledge", 5), ("trigger", 0)]

    assert _found(*entries, resolved=5, changed=5) == [(0, 5)]


def test_entries_in_any_order_and_twice_tell_the_same() -> None:
    entries = [("resolve", 9), ("reopen", 8), ("resolve", 9), ("resolve", 5), ("trigger", 0)]

    assert _found(*entries, resolved=9, changed=9) == [(0, 5), (8, 9)]


def test_a_second_resolution_without_a_re_opening_ends_the_one_episode_there_is() -> None:
    entries = [("trigger", 0), ("resolve", 5), ("resolve", 9)]

    assert _found(*entries, resolved=9, changed=9) == [(0, 9)]


def test_a_record_that_is_newer_than_the_log_tells_how_it_went_on() -> None:
    assert _found(("trigger", 0), resolved=7, changed=7) == [(0, 7)]
    entries = [("trigger", 0), ("resolve", 5)]
    assert _found(*entries, status="triggered", changed=8) == [(0, 5), (8, None)]


def test_a_log_that_is_newer_than_the_record_is_not_believed() -> None:
    entries = [("trigger", 0), ("acknowledge", 2), ("resolve", 5)]
    assert _found(*entries, status="acknowledged", changed=2) == [(0, None)]
    entries = [("trigger", 0), ("resolve", 5), ("reopen", 8)]
    assert _found(*entries, resolved=5, changed=5) == [(0, 5)]


def test_a_status_that_is_not_known_is_open_until_a_time_says_otherwise() -> None:
    assert _found(status="suspended", changed=3) == [(0, None)]
    assert _found(status="archived", resolved=4, changed=4) == [(0, 4)]


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("2026-03-01T02:00:00Z", dt.datetime(2026, 3, 1, 2)),
        ("2026-02-28T21:00:00-05:00", dt.datetime(2026, 3, 1, 2)),
        ("2026-03-01T03:30-07", dt.datetime(2026, 3, 1, 10, 30)),
        ("2026-03-01T02:00:00", dt.datetime(2026, 3, 1, 2)),
        ("2026-03-01", dt.datetime(2026, 3, 1)),
        ("0001-01-01T00:00:00+10:00", None),
        ("soon", None),
        ("", None),
        (None, None),
    ],
)
def test_every_form_of_a_time_is_read_as_utc(text: str | None, expected: Any) -> None:
    assert moment(text) == expected


@pytest.mark.parametrize(
    ("path", "expected"),
    [
        ("priority", "P1"),
        ("priority.summary", "P1"),
        ("urgency", "low"),
        ("teams", "Ops"),
        ("teams.id", "T1"),
        ("priority.nothing", None),
        ("escalation_policy", None),
        ("odd", None),
    ],
)
def test_a_word_is_found_at_its_path_whatever_is_there(path: str, expected: str | None) -> None:
    words = Words(None, Named.model_validate({"from": path}))
    record = {
        "id": "P1",
        "priority": {"id": "PR1", "summary": "P1"},
        "urgency": "low",
        "teams": [{"id": "T1", "summary": "Ops"}, {"id": "T2", "summary": "Web"}],
        "escalation_policy": None,
        "odd": [],
    }

    assert words.incident(record).severity == expected


def test_what_is_no_text_is_read_as_one() -> None:
    found = Words(None, None).incident({"id": "P1", "created_at": 1772323200, "title": 7})

    assert (found.created_at, found.opened_at, found.title) == ("1772323200", None, "7")


def test_records_may_lack_everything_but_their_id() -> None:
    found = Words(None, None).incident({"id": "P1", "acknowledgements": [{"at": None}]})

    assert (found.id, found.service, found.severity, found.merged) == ("P1", None, None, False)
