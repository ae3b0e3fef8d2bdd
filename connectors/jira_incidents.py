"""From Jira's issues and their histories to rows of incidents and of episodes."""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

import pyarrow as pa

from connectors import told_rows
from connectors.episodes import Episode, Turn, episodes
from connectors.jira_api import DONE, IN_PROGRESS, TO_DO, category_of
from connectors.jira_words import UNKNOWN, Words
from connectors.told_rows import EPISODES, INCIDENTS

# The fields that every issue is asked for.
FIELDS = (
    "summary",
    "status",
    "created",
    "updated",
    "resolutiondate",
    "statuscategorychangedate",
)
_STATUSES = {TO_DO: "open", IN_PROGRESS: "acknowledged", DONE: "resolved"}
# A number beyond this counts milliseconds: as seconds it would lie after the year 5000.
_LATEST_SECOND = 100_000_000_000
_EPOCH = dt.datetime(1970, 1, 1)


@dataclass(frozen=True, slots=True)
class Incident:
    """What we take of an issue; times as Jira gave them."""

    id: str
    title: str | None
    category: str  # of its status
    service: str | None
    severity: str | None
    created: Any
    updated: Any
    resolved: Any  # null where it is open, and also where a workflow sets no resolution
    changed: Any  # when the category of its status last changed

    @property
    def is_open(self) -> bool:
        """A category that we do not know tells nothing; what is resolved has a time then."""
        return self.category != DONE if self.category in _STATUSES else not self.resolved

    @property
    def status(self) -> str:
        """One of our words."""
        return _STATUSES.get(self.category, UNKNOWN)


def incident(issue: Mapping[str, Any], words: Words) -> Incident:
    """What we take of an issue."""
    fields = issue.get("fields") or {}
    return Incident(
        id=str(issue["id"]),
        title=fields.get("summary") or None,
        category=category_of(fields.get("status")),
        service=words.service(fields),
        severity=words.severity(fields),
        created=fields.get("created"),
        updated=fields.get("updated"),
        resolved=fields.get("resolutiondate"),
        changed=fields.get("statuscategorychangedate"),
    )


@dataclass(frozen=True, slots=True)
class History:
    """What an issue's changelog tells: when it was opened and closed, and first worked on."""

    turns: tuple[Turn, ...] = ()
    acknowledged_at: dt.datetime | None = None


class Told:
    """Reads changelogs; `categories` are those of the statuses by their ids."""

    def __init__(self, categories: Mapping[str, str]) -> None:
        self._categories = categories
        # The ids of statuses that Jira has no more, and that no resolution explains.
        self.unknown: set[str] = set()

    def history(self, changes: Iterable[Mapping[str, Any]]) -> History:
        """What the changes of one issue, the oldest first, tell of it."""
        turns: list[Turn] = []
        acknowledged: dt.datetime | None = None
        for change in changes:
            at = moment(change.get("created"))
            if at is None:
                continue
            category = self._category(change.get("items") or [])
            if category is not None:
                turns.append(Turn(at, is_open=category != DONE))
            if category == IN_PROGRESS:
                acknowledged = min(at, acknowledged or at)
        return History(tuple(turns), acknowledged)

    def _category(self, items: Iterable[Mapping[str, Any]]) -> str | None:
        """The category into which a change leads; None for one that does not tell."""
        to = {str(item.get("fieldId") or item.get("field")): item.get("to") for item in items}
        if not to.get("status"):
            return None
        category = self._categories.get(str(to["status"]))
        if category in _STATUSES:
            return category
        # A status that was deleted since: whoever closes an issue mostly says how, too.
        if "resolution" in to:
            return DONE if to["resolution"] else TO_DO
        self.unknown.add(str(to["status"]))
        return None


def stretches(incident: Incident, history: History) -> tuple[Episode, ...]:
    """When an incident was open, as its record and its history tell together.

    None where it is not known when it was created. The search lags behind the history: what
    happened after the record, and is at odds with it, is left for the next pull.
    """
    opened = moment(incident.created)
    if opened is None:
        return ()
    turns = sorted(history.turns, key=lambda turn: turn.at)
    updated = moment(incident.updated) or opened
    while turns and turns[-1].at > updated and turns[-1].is_open != incident.is_open:
        turns.pop()
    changed = moment(incident.changed)
    return episodes(
        opened,
        turns,
        is_open=incident.is_open,
        changed_at=changed or updated,
        resolved_at=moment(incident.resolved) or changed,
    )


class Rows:
    """Rows that wait to land; `numbers` has the count of episodes of all that had several."""

    def __init__(self, numbers: Mapping[str, int]) -> None:
        self.numbers = dict(numbers)
        self._incidents: list[tuple[Any, ...]] = []
        self._episodes: list[tuple[Any, ...]] = []

    def add(self, incident: Incident, history: History) -> None:
        """One incident with its episodes.

        A time that cannot be read lands as it is, so that the row is rejected for it.
        """
        found = stretches(incident, history)
        words = (incident.service, incident.severity)
        ended = _text(found[-1].resolved_at) if found else _raw(incident.resolved)
        self._incidents.append(
            (
                incident.id,
                *words,
                incident.title,
                incident.status,
                _raw(incident.created),
                _text(history.acknowledged_at),
                None if incident.is_open else ended,
                max(len(found) - 1, 0),
                False,
            )
        )
        for number, episode in enumerate(found, start=1):
            times = (_text(episode.opened_at), _text(episode.resolved_at))
            self._episodes.append((incident.id, number, *words, *times, False))
        # A history can be shorter than it seemed: where the record was ahead of it.
        before = self.numbers.pop(incident.id, 1)
        for number in range(len(found) + 1, before + 1):
            self._episodes.append((incident.id, number, None, None, None, None, True))
        if len(found) > 1:
            self.numbers[incident.id] = len(found)

    def take(self) -> dict[str, pa.Table]:
        """The rows for each table; from here on there are none."""
        taken = {
            "incidents": told_rows.table(INCIDENTS, self._incidents),
            "incident_episodes": told_rows.table(EPISODES, self._episodes),
        }
        self._incidents, self._episodes = [], []
        return taken


def moment(value: Any) -> dt.datetime | None:
    """A time as naive UTC; None for none, and for one that is none.

    Issues have texts, 2024-11-29T10:44:51.887-0800; changelogs numbers, of milliseconds or seconds.
    """
    try:
        if isinstance(value, int) and not isinstance(value, bool):
            seconds = value / 1000 if abs(value) > _LATEST_SECOND else value
            return _EPOCH + dt.timedelta(seconds=seconds)
        found = dt.datetime.fromisoformat(value)
        return found.astimezone(dt.UTC).replace(tzinfo=None) if found.tzinfo else found
    except (TypeError, ValueError, OverflowError):
        return None


def _raw(value: Any) -> str | None:
    return _text(moment(value)) or (str(value) if value else None)


def _text(time: dt.datetime | None) -> str | None:
    return time.isoformat() if time else None
