"""From ServiceNow's records to rows of incidents and of episodes."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

import pyarrow as pa
from pydantic import BaseModel, ConfigDict, model_validator

from connectors import told_rows
from connectors.contract import Named
from connectors.episodes import episodes
from connectors.servicenow_api import Record, changed_at, moment, text
from connectors.told_rows import EPISODES, INCIDENTS

UNKNOWN = "unknown"
# What a table must have, so that it can be read.
NEEDED = ("sys_id", "sys_updated_on", "opened_at", "state")
# The fields that every record is asked for; not every table has the others.
FIELDS = (*NEEDED, "active", "short_description", "resolved_at", "closed_at", "reopen_count")

# The numbers as an instance comes with them; 4 and 5 are those of older releases.
_STATES: Mapping[str, tuple[str, ...]] = {
    "open": ("1",),
    "acknowledged": ("2", "3", "4", "5"),
    "resolved": ("6", "7"),
    "cancelled": ("8",),
}
# References that are usual in an incident: a record has only their ids.
_REFERENCES = {
    "assignment_group",
    "business_service",
    "cmdb_ci",
    "company",
    "location",
    "service_offering",
}
_ID = re.compile(r"[0-9a-f]{32}")
# In the place of a time that a row cannot be without.
_NEVER = "empty"

# Who acknowledged one, and when, is not in its record.
_INCIDENTS = tuple(name for name in INCIDENTS if name != "acknowledged_at")
_COLUMNS = {"incidents": _INCIDENTS, "incident_episodes": EPISODES}


class States(BaseModel):
    """Which numbers of the field `state` mean what; a number that is written counts there alone."""

    model_config = ConfigDict(extra="forbid", frozen=True, coerce_numbers_to_str=True)

    open: tuple[str, ...] = _STATES["open"]
    acknowledged: tuple[str, ...] = _STATES["acknowledged"]
    resolved: tuple[str, ...] = _STATES["resolved"]
    cancelled: tuple[str, ...] = _STATES["cancelled"]

    @model_validator(mode="before")
    @classmethod
    def _filled(cls, data: Any) -> Any:
        if not isinstance(data, Mapping):
            return data
        chosen = {name: each if isinstance(each, list) else [each] for name, each in data.items()}
        written = [str(number) for numbers in chosen.values() for number in numbers]
        for number in written:
            if written.count(number) > 1:
                raise ValueError(f"the state {number} is written twice: it can mean one thing")
        usual = {
            name: [number for number in numbers if number not in written]
            for name, numbers in _STATES.items()
        }
        return {**usual, **chosen}

    def meaning(self, number: str | None) -> str | None:
        """`open`, `acknowledged`, `resolved` or `cancelled`; None for a number that is in none."""
        return next((name for name in _STATES if number in getattr(self, name)), None)

    def is_cancelled(self, record: Record) -> bool:
        """Whether a record is no incident after all."""
        return self.meaning(text(record.get("state"))) == "cancelled"


class Words:
    """What a record says of severity, service and state, in our words."""

    def __init__(self, severity: Named, service: Named, states: States) -> None:
        self._severity = severity
        self._service = service
        self._severity_field = _field(severity.source)
        self._service_field = _field(service.source)
        self._states = states
        # What was met and means nothing here, or could not be seen: to be told once.
        self.unknown_severities: set[str] = set()
        self.unknown_states: set[str] = set()
        self.references: set[str] = set()
        self.hidden: set[str] = set()

    @property
    def named(self) -> tuple[str, str]:
        """The fields in which the words are."""
        return self._severity_field, self._service_field

    @property
    def bases(self) -> tuple[str, ...]:
        """The fields of the table itself on the way to the words."""
        return tuple(field.partition(".")[0] for field in self.named)

    @property
    def fields(self) -> tuple[str, ...]:
        """What a record must be asked for."""
        return (*self.bases, *self.named)

    def severity(self, record: Record) -> str | None:
        """ServiceNow's own word without a map; `unknown` for a word that a map does not have."""
        word = self._word(record, self._severity_field)
        if word is None or not self._severity.map:
            return word
        if word not in self._severity.map:
            self.unknown_severities.add(word)
        return self._severity.map.get(word, UNKNOWN)

    def service(self, record: Record) -> str | None:
        """Our name for a service; ServiceNow's own where the map has none."""
        word = self._word(record, self._service_field)
        return self._service.map.get(word, word) if word else None

    def status(self, record: Record) -> str:
        """One of our words, or `cancelled`."""
        number = text(record.get("state"))
        found = self._states.meaning(number)
        if found is None:
            self.unknown_states.add(number or "empty")
        return found or UNKNOWN

    def shown(self, record: Record) -> str:
        """A record in words, without its title, which may name somebody."""
        severity, service = self.severity(record), self.service(record)
        parts = [
            self.status(record),
            f"severity {severity}" if severity else "without a severity",
            f"on {service or 'no service'}",
            f"opened {text(record.get('opened_at')) or 'at no time'}",
        ]
        return f"{record['sys_id']}, {', '.join(parts)}"

    def _word(self, record: Record, field: str) -> str | None:
        word = text(record.get(field))
        base = field.partition(".")[0]
        if word is None and base != field and text(record.get(base)):
            self.hidden.add(field)
        if word is not None and _ID.fullmatch(word):
            self.references.add(field)
        return word


class Rows:
    """Rows that wait to land."""

    def __init__(self, words: Words) -> None:
        self._words = words
        self._rows: dict[str, list[tuple[Any, ...]]] = {"incidents": [], "incident_episodes": []}

    def add(self, record: Record) -> None:
        """One record, as an incident with one episode.

        A time that cannot be read lands as it is, so that the row is rejected for it.
        """
        words = self._words
        id_, status = text(record.get("sys_id")), words.status(record)
        service, severity = words.service(record), words.severity(record)
        opened, resolved = _times(record, status)
        gone = status == "cancelled"
        title, reopened = text(record.get("short_description")), text(record.get("reopen_count"))
        self._rows["incidents"].append(
            (id_, service, severity, title, status, opened, resolved, reopened, gone)
        )
        self._rows["incident_episodes"].append(
            (id_, "1", service, severity, opened, resolved, gone)
        )

    def tables(self) -> dict[str, pa.Table]:
        """The rows for each table."""
        return {name: told_rows.table(_COLUMNS[name], rows) for name, rows in self._rows.items()}


def is_open(record: Record, status: str) -> bool:
    """Of a state that means nothing here the flag `active` tells, or else a resolution."""
    if status != UNKNOWN:
        return status in ("open", "acknowledged")
    active = text(record.get("active"))
    if active is not None:
        return active.lower() == "true"
    return not (text(record.get("resolved_at")) or text(record.get("closed_at")))


def _times(record: Record, status: str) -> tuple[str, str | None]:
    """When it was opened, and resolved: both as texts, as they are where they cannot be read.

    A resolution stays in the record of one that was opened again, unless a business rule takes it
    away, and one that was closed at once has none.
    """
    told = text(record.get("opened_at"))
    opened = moment(told)
    if is_open(record, status):
        return (opened.isoformat() if opened else told or _NEVER), None
    ends = [text(record.get(field)) for field in ("resolved_at", "closed_at")]
    end = next(filter(None, ends), None)
    resolved = moment(end) if end else changed_at(record)
    if opened is None or resolved is None:
        return (opened.isoformat() if opened else told or _NEVER), end
    (episode,) = episodes(
        opened, (), is_open=False, changed_at=changed_at(record), resolved_at=resolved
    )
    assert episode.resolved_at is not None
    return opened.isoformat(), episode.resolved_at.isoformat()


def _field(source: str) -> str:
    """The field to ask for: of a reference the name of what it refers to."""
    return f"{source}.name" if source.rpartition(".")[2] in _REFERENCES else source
