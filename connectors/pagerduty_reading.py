"""Reads of PagerDuty what is new, what has changed, and what is unresolved, so that it can land."""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from connectors import http, pagerduty_maintenance, paging, told_rows
from connectors.contract import Batch, Context
from connectors.pagerduty_api import Api, is_out_of_reach
from connectors.pagerduty_incidents import UNRESOLVED, Incident, Log, Words, history
from connectors.pagerduty_rows import Rows

# So many unresolved incidents are remembered: about 30 bytes each, in every edition.
_MOST_OPEN = 5_000
# An incident of which no log is left has had no more episodes than this.
_MOST_EPISODES = 50
# So many rows wait until they land, each of which may have taken a question of its own.
_ROWS_AT_ONCE = 500


@dataclass(frozen=True)
class Plan:
    """What a pull is asked for: `services` are names or ids, none means all.

    `asked` is what decides, beside PagerDuty itself, which rows there are and what they say.
    """

    origin: str
    services: tuple[str, ...]
    start: dt.datetime  # the creation of the first incident that counts
    lookback: dt.timedelta
    asked: Mapping[str, Any]


class Reading:
    """One pull: what it knows, what it has met, and what waits to land."""

    def __init__(
        self, api: Api, words: Words, plan: Plan, state: Mapping[str, Any], context: Context
    ) -> None:
        self._api, self._words, self._plan, self._context = api, words, plan, context
        self._services = api.scope(plan.services)
        self._now = whole_second(context.now)
        self._open: dict[str, str] = {}
        self._announced: tuple[str, ...] = ()
        self._has_windows = bool(state) and bool(state["has_windows"])
        # After a change of options everything is read once more, from where it began, and what
        # belongs no longer is removed. Cut off, it goes on where it was.
        self._swept_from: dt.datetime | None = None
        self._begin = plan.start
        if state and state["asked"] != plan.asked:
            self._begin = self._swept_from = min(plan.start, _floor(state))
        elif state:
            self._begin = max(_time(state["until"]) - plan.lookback, _floor(state))
            self._swept_from = _time(state["swept_from"]) if state["swept_from"] else None
            self._open = dict(state["open"])
        if state:
            self._announced = tuple(state["announced"])
        self._until = self._begin
        self._rows = Rows(words)
        self._landed = 0
        # The incidents whose own log was read, up to now.
        self._told: set[str] = set()

    def windows(self) -> Iterator[Batch]:
        """What was created or has changed since the last pull, the oldest first."""
        services = None if self._swept_from else self._services
        for start, stop, created in self._api.incidents(self._begin, self._now, services=services):
            met: dict[str, Incident | None] = {incident.id: incident for incident in created}
            logs: dict[str, Log] = {}
            for entry in self._api.log(start, stop):
                logs.setdefault(entry.incident_id, Log()).add(entry)
                # What is read later is newer, but a mere reference tells nothing.
                met[entry.incident_id] = entry.incident or met.get(entry.incident_id)
            for incident_id, record in met.items():
                if incident_id in self._told:
                    continue
                incident = record or self._api.incident(incident_id)
                if incident is None:
                    self._remove(incident_id, _MOST_EPISODES)
                else:
                    opened = incident.opened_at
                    is_whole = opened is None or opened >= start
                    self._meet(incident, logs.get(incident_id, Log()) if is_whole else None)
            self._until = self._api.session.by_its_clock(stop)
            yield from self._land()

    def unresolved(self) -> Iterator[Batch]:
        """What has changed in the incidents that we hold as unresolved, and no log entry tells."""
        listed: dict[str, Incident] = {}
        for _, _, found in self._api.incidents(
            self._plan.start, self._now, services=self._services, statuses=UNRESOLVED
        ):
            listed.update((incident.id, incident) for incident in found)
        are_too_many = len(listed) > _MOST_OPEN
        if are_too_many:
            self._context.notice(
                f"{len(listed):,} incidents are unresolved in PagerDuty, of which {_MOST_OPEN:,} "
                "are watched: in the others a new priority or service is seen when their status "
                "changes."
            )
        for incident in listed.values():
            known = self._open.get(incident.id)
            if known != incident.digest() and not (known is None and are_too_many):
                self._meet(incident, None)
                yield from self._land(_ROWS_AT_ONCE)
        hidden = 0
        for incident_id in [each for each in self._open if each not in listed]:
            hidden += not self._ask_again(incident_id)
            yield from self._land(_ROWS_AT_ONCE)
        if hidden:
            self._context.notice(
                "PagerDuty does not show this token any more what became of unresolved incidents "
                f"({hidden:,}): they stay as they were."
            )
        self._swept_from = None
        yield from self._land()

    def maintenance(self) -> Iterator[Batch]:
        """All maintenance windows; none, with a notice, where the token may not see them."""
        try:
            found = pagerduty_maintenance.windows(
                self._api.maintenance_windows(self._services),
                self._words,
                services=self._services,
                start=self._plan.start,
                now=self._now,
                announced=self._announced,
            )
        except (http.Rejected, paging.Capped) as error:
            if not is_out_of_reach(error):
                raise
            self._context.notice(f"Maintenance windows stay as they were. {error}")
            return
        # Where there were none, an empty table would only say so again.
        if not found.rows.num_rows and not self._has_windows:
            return
        self._announced, self._has_windows = found.announced, found.rows.num_rows > 0
        yield Batch(
            into=pagerduty_maintenance.TABLE,
            rows=found.rows,
            shape=pagerduty_maintenance.SHAPE,
            origin=f"{self._plan.origin} maintenance_windows",
            state=self._state(),
        )

    def _ask_again(self, incident_id: str) -> bool:
        """Whether we may see one that we hold as unresolved, and PagerDuty does not."""
        try:
            incident = self._api.incident(incident_id)
        except http.Rejected as error:
            # Whoever was only assigned to an incident may lose sight of it with its resolution.
            if error.status != 403:
                raise
            return False
        if incident is None:
            self._remove(incident_id, _MOST_EPISODES)
        elif self._open[incident_id] != incident.digest():
            self._meet(incident, None)
        return True

    def _meet(self, incident: Incident, log: Log | None) -> None:
        """An incident as it is now, and what happened to it; None asks for its own log."""
        opened = incident.opened_at
        belongs = (self._services is None or incident.service_id in self._services) and (
            opened is None or opened >= self._plan.start
        )
        if incident.merged or not belongs:
            if incident.merged or self._swept_from or incident.id in self._open:
                most = _MOST_EPISODES if log is None else len(history(incident, log)) + 1
                self._remove(incident.id, most)
            return
        if log is None:
            log = self._api.incident_log(incident.id)
            self._told.add(incident.id)
        self._rows.add(incident, log)
        self._open.pop(incident.id, None)
        if incident.is_open:
            self._open[incident.id] = incident.digest()

    def _remove(self, incident_id: str, most_episodes: int) -> None:
        self._rows.remove(incident_id, most_episodes)
        self._open.pop(incident_id, None)

    def _land(self, at_least: int = 0) -> Iterator[Batch]:
        """What waits, and the state that follows from it; nothing before so many rows wait."""
        if self._rows.count < at_least:
            return
        self._landed += self._rows.count
        self._context.progress(self._landed, None)
        taken = self._rows.take()
        for table, rows in taken.items():
            yield Batch(
                into=table,
                rows=rows,
                shape=told_rows.shape(table, rows),
                origin=f"{self._plan.origin} incidents",
                state=self._state() if table == list(taken)[-1] else None,
            )

    def _state(self) -> dict[str, Any]:
        # Of too many the oldest are left out: they are the least likely to change.
        watched = list(self._open.items())[-_MOST_OPEN:]
        return {
            "asked": self._plan.asked,
            "start": self._plan.start.isoformat(),
            "until": self._until.isoformat(),
            "swept_from": self._swept_from.isoformat() if self._swept_from else None,
            "open": dict(watched),
            "announced": list(self._announced),
            "has_windows": self._has_windows,
        }


def _floor(state: Mapping[str, Any]) -> dt.datetime:
    """From where on there are rows."""
    return _time(state["swept_from"] or state["start"])


def _time(text: str) -> dt.datetime:
    return dt.datetime.fromisoformat(text)


def whole_second(time: dt.datetime) -> dt.datetime:
    """PagerDuty's times have whole seconds."""
    return time.replace(microsecond=0)
