"""Understands PagerDuty's incidents and log entries: when an incident was open, in our words."""

from __future__ import annotations

import datetime as dt
import hashlib
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from connectors.contract import Named
from connectors.episodes import Episode, Turn, episodes

RESOLVED = "resolved"
# What PagerDuty calls a state, and what we call it.
_STATUSES = {"triggered": "open", "acknowledged": "acknowledged", RESOLVED: "resolved"}
UNRESOLVED = tuple(word for word in _STATUSES if word != RESOLVED)
_ACKNOWLEDGED = "acknowledge"
_CLOSING = {"resolve"}
# What can only happen to an incident that is not resolved. PagerDuty documents no kind of its own
# for a re-opening; one would be called so, and what follows it (somebody is assigned) tells it too.
_OPENING = {
    "trigger",
    "reopen",
    _ACKNOWLEDGED,
    "unacknowledge",
    "assign",
    "delegate",
    "escalate",
}

# What a record has, and a reference to one does not.
_WHOLE = {"created_at", "status", "service"}


@dataclass(frozen=True, slots=True)
class Incident:
    """What we take of an incident's record; times and words as PagerDuty gave them."""

    id: str
    service_id: str | None
    service: str | None
    severity: str | None
    title: str | None
    status: str | None
    created_at: str | None
    resolved_at: str | None
    changed_at: str | None  # when its status last changed
    acknowledged_at: str | None  # the first of those acknowledgements that still count
    merged: bool

    @property
    def opened_at(self) -> dt.datetime | None:
        """When it was created, naive UTC; None where that is not known."""
        return moment(self.created_at)

    @property
    def is_open(self) -> bool:
        """A status that we do not know tells nothing; what is resolved has a time then."""
        return self.status != RESOLVED if self.status in _STATUSES else self.resolved_at is None

    def digest(self) -> str:
        """Another one as soon as anything is different that a row shows."""
        shown = (self.service, self.severity, self.title, self.status, self.changed_at)
        return hashlib.blake2b(repr(shown).encode(), digest_size=6).hexdigest()


@dataclass(frozen=True, slots=True)
class Entry:
    """One log entry: what happened to which incident, and when (naive UTC)."""

    incident_id: str
    kind: str
    at: dt.datetime
    incident: Incident | None  # None where PagerDuty only refers to it


@dataclass(slots=True)
class Log:
    """What log entries tell of one incident."""

    turns: list[Turn] = field(default_factory=list)
    acknowledged_at: dt.datetime | None = None

    def add(self, entry: Entry) -> None:
        """Takes in an entry; they may come in any order, and twice."""
        if entry.kind in _CLOSING:
            self.turns.append(Turn(entry.at, is_open=False))
        elif entry.kind in _OPENING:
            self.turns.append(Turn(entry.at, is_open=True))
        if entry.kind == _ACKNOWLEDGED:
            self.acknowledged_at = min(entry.at, self.acknowledged_at or entry.at)


class Words:
    """Reads records, and puts our words for services and severities in the place of PagerDuty's."""

    def __init__(self, service: Named | None, severity: Named | None) -> None:
        self._service = service
        self._severity = severity
        self._service_path = service.source if service else "service"
        self._severity_path = severity.source if severity else "priority"
        # What has been met and has no meaning here, to be told once.
        self.unknown_severities: set[str] = set()
        self.unknown_statuses: set[str] = set()

    def incident(self, record: Mapping[str, Any]) -> Incident:
        """What we take of a record."""
        service = record.get("service") or {}
        acknowledgements = record.get("acknowledgements") or []
        times = [str(each["at"]) for each in acknowledgements if each.get("at")]
        reason = record.get("resolve_reason") or {}
        return Incident(
            id=record["id"],
            service_id=service.get("id"),
            service=_word(record, self._service_path),
            severity=_word(record, self._severity_path),
            title=_text(record.get("title") or record.get("summary")),
            status=_text(record.get("status")),
            created_at=_text(record.get("created_at")),
            resolved_at=_text(record.get("resolved_at")),
            changed_at=_text(record.get("last_status_change_at")),
            acknowledged_at=min(times, default=None),
            merged=reason.get("type") == "merge_resolve_reason",
        )

    def entry(self, record: Mapping[str, Any]) -> Entry | None:
        """What we take of a log entry; None for one that names no incident or no time."""
        about = record.get("incident") or {}
        at = moment(_text(record.get("created_at")))
        if not about.get("id") or at is None:
            return None
        kind = str(record.get("type")).removesuffix("_reference").removesuffix("_log_entry")
        # Else it is a mere reference, or a part, though we asked for the whole record.
        read = {path.partition(".")[0] for path in (self._service_path, self._severity_path)}
        is_whole = about.keys() >= read | _WHOLE
        whole = self.incident(about) if is_whole else None
        return Entry(about["id"], kind, at, whole)

    def service(self, word: str | None) -> str | None:
        """Our name for a service: PagerDuty's own where the map has none."""
        names = self._service.map if self._service else {}
        return names.get(word, word) if word else None

    def severity(self, word: str | None) -> str | None:
        """Our word for a severity: PagerDuty's own without a map, `unknown` for one not in it."""
        if not word or self._severity is None or not self._severity.map:
            return word or None
        if word not in self._severity.map:
            self.unknown_severities.add(word)
        return self._severity.map.get(word, "unknown")

    def status(self, word: str | None) -> str:
        """Our word for a status."""
        if word not in _STATUSES:
            self.unknown_statuses.add(str(word))
        return _STATUSES.get(str(word), "unknown")


def history(incident: Incident, log: Log) -> tuple[Episode, ...]:
    """The stretches in which an incident was open, as its record and its log tell together.

    The record says how it ends: it can be newer than the log that we have, or older. There is none
    where it is not known when the incident was opened.
    """
    opened = incident.opened_at
    if opened is None:
        return ()
    # In the second in which something ends it was open before, not after.
    turns = sorted(log.turns, key=lambda turn: (turn.at, not turn.is_open))
    changed = moment(incident.changed_at)
    resolved = None if incident.is_open else moment(incident.resolved_at) or changed
    if incident.is_open and changed is not None:
        turns = [turn for turn in turns if turn.is_open or turn.at <= changed]
    if resolved is not None:
        turns = [turn for turn in turns if turn.at <= resolved]
        while turns and not turns[-1].is_open:
            turns.pop()  # the record names the last end
    last = max([opened, *(turn.at for turn in turns)])
    return episodes(
        opened,
        turns,
        is_open=incident.is_open,
        changed_at=changed or last,
        resolved_at=resolved,
    )


def moment(text: str | None) -> dt.datetime | None:
    """A time as naive UTC, whatever its offset; None for none, and for one that is none."""
    try:
        found = dt.datetime.fromisoformat(text) if text else None
    except ValueError:
        return None
    if found is None or found.tzinfo is None:
        return found
    try:
        return found.astimezone(dt.UTC).replace(tzinfo=None)
    except OverflowError:
        return None


def _word(record: Mapping[str, Any], path: str) -> str | None:
    """What a record has at a path; of an object its name, of a list the first."""
    found: Any = record
    for step in path.split("."):
        found = _first(found)
        found = found.get(step) if isinstance(found, Mapping) else None
    found = _first(found)
    if isinstance(found, Mapping):
        found = found.get("summary") or found.get("name")
    return str(found) if isinstance(found, str | int) and found != "" else None


def _text(value: Any) -> str | None:
    return None if value is None or value == "" else str(value)


def _first(value: Any) -> Any:
    return next(iter(value), None) if isinstance(value, list) else value
