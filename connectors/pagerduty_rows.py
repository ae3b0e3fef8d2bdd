"""From PagerDuty's incidents and what happened to them to rows of incidents and of episodes."""

from __future__ import annotations

import datetime as dt
from typing import Any

import pyarrow as pa

from connectors import told_rows
from connectors.pagerduty_incidents import Incident, Log, Words, history, moment
from connectors.told_rows import EPISODES, INCIDENTS


class Rows:
    """Rows that wait to land."""

    def __init__(self, words: Words) -> None:
        self._words = words
        self._incidents: list[tuple[Any, ...]] = []
        self._episodes: list[tuple[Any, ...]] = []
        self.count = 0

    def add(self, incident: Incident, log: Log) -> None:
        """One incident with its episodes.

        A time that cannot be read lands as it is, so that the row is rejected for it.
        """
        words = self._words
        service, severity = words.service(incident.service), words.severity(incident.severity)
        found = history(incident, log)
        acknowledged = [log.acknowledged_at, moment(incident.acknowledged_at)]
        ended = _text(found[-1].resolved_at) if found else _raw(incident.resolved_at)
        if incident.resolved_at and moment(incident.resolved_at) is None:
            ended = incident.resolved_at
        self._incidents.append(
            (
                incident.id,
                service,
                severity,
                incident.title,
                words.status(incident.status),
                _raw(incident.created_at),
                _text(min(filter(None, acknowledged), default=None)),
                None if incident.is_open else ended,
                max(len(found) - 1, 0),
                False,
            )
        )
        for number, episode in enumerate(found, start=1):
            end = ended if number == len(found) else _text(episode.resolved_at)
            opened = _text(episode.opened_at)
            self._episodes.append((incident.id, number, service, severity, opened, end, False))
        # Where a record was ahead of its log, an episode may have landed that never was.
        self._no_episode(incident.id, len(found) + 1)
        self.count += 1

    def remove(self, incident_id: str, most_episodes: int) -> None:
        """An incident that is none any more, with as many episodes as it may have had."""
        self._incidents.append((incident_id, *[None] * (len(INCIDENTS) - 1), True))
        for number in range(1, most_episodes + 1):
            self._no_episode(incident_id, number)
        self.count += 1

    def take(self) -> dict[str, pa.Table]:
        """The rows for each table; from here on there are none."""
        taken = {
            "incidents": told_rows.table(INCIDENTS, self._incidents),
            "incident_episodes": told_rows.table(EPISODES, self._episodes),
        }
        self._incidents, self._episodes, self.count = [], [], 0
        return taken

    def _no_episode(self, incident_id: str, number: int) -> None:
        self._episodes.append((incident_id, number, *[None] * (len(EPISODES) - 2), True))


def _raw(text: str | None) -> str | None:
    return _text(moment(text)) or text


def _text(time: dt.datetime | None) -> str | None:
    return time.isoformat() if time else None
