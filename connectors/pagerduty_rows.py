"""From PagerDuty's incidents and what happened to them to rows of incidents and of episodes."""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterable
from typing import Any

import pyarrow as pa

from connectors import tables
from connectors.contract import Column, Shape
from connectors.pagerduty_incidents import Incident, Log, Words, history, moment

_INCIDENTS = pa.schema(
    [
        ("incident_id", pa.string()),
        ("service", pa.string()),
        ("severity", pa.string()),
        ("title", pa.string()),
        ("status", pa.string()),
        ("opened_at", pa.string()),
        ("acknowledged_at", pa.string()),
        ("resolved_at", pa.string()),
        ("reopened", pa.int32()),
        ("gone", pa.bool_()),
    ]
)
_EPISODES = pa.schema(
    [
        ("incident_id", pa.string()),
        ("episode", pa.int32()),
        ("service", pa.string()),
        ("severity", pa.string()),
        ("opened_at", pa.string()),
        ("resolved_at", pa.string()),
        ("gone", pa.bool_()),
    ]
)
_SCHEMAS = {"incidents": _INCIDENTS, "incident_episodes": _EPISODES}


def shape(into: str) -> Shape:
    """How the rows of `incidents` or `incident_episodes` land."""
    columns = tuple(Column(name) for name in _SCHEMAS[into].names if name != "gone")
    return Shape(columns, key=tables.TABLES[into].key, deleted="gone")


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
        self._incidents.append((incident_id, *[None] * (len(_INCIDENTS) - 2), True))
        for number in range(1, most_episodes + 1):
            self._no_episode(incident_id, number)
        self.count += 1

    def take(self) -> dict[str, pa.Table]:
        """The rows for each table; from here on there are none."""
        taken = {
            "incidents": table(self._incidents, _INCIDENTS),
            "incident_episodes": table(self._episodes, _EPISODES),
        }
        self._incidents, self._episodes, self.count = [], [], 0
        return taken

    def _no_episode(self, incident_id: str, number: int) -> None:
        self._episodes.append((incident_id, number, *[None] * (len(_EPISODES) - 3), True))


def _raw(text: str | None) -> str | None:
    return _text(moment(text)) or text


def _text(time: dt.datetime | None) -> str | None:
    return time.isoformat() if time else None


def table(rows: Iterable[tuple[Any, ...]], schema: pa.Schema) -> pa.Table:
    """Rows, each as a tuple, as a table."""
    columns = list(zip(*rows, strict=True)) or [()] * len(schema)
    return pa.table(
        [pa.array(c, type=f.type) for c, f in zip(columns, schema, strict=True)], schema=schema
    )
