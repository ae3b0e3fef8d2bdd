"""Finds in Jira's issues the fields that an operator names, and says what they hold."""

from __future__ import annotations

import difflib
import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from connectors.contract import Named, SourceError

UNKNOWN = "unknown"
SEVERITY = "priority.name"
SERVICE = "components[0].name"

_STEP = re.compile(r"\.([^.\[\]]+)|\[(\d+)\]")
# What an option, a component or a priority is called.
_NAMES = ("value", "name")


@dataclass(frozen=True)
class Place:
    """Where a word is in an issue: in the first of these fields that has it, and there a path."""

    fields: tuple[str, ...]
    steps: tuple[str | int, ...]

    def word(self, fields: Mapping[str, Any]) -> str | None:
        """What is there: of a list the first, of an object its name; None for nothing."""
        words = (_text(_followed(fields.get(field), self.steps)) for field in self.fields)
        return next((word for word in words if word is not None), None)


class Words:
    """What an issue says about severity and service, in our words; raises SourceError for a field
    that Jira does not have."""

    def __init__(
        self, severity: Named | None, service: Named | None, known: Sequence[Mapping[str, Any]]
    ) -> None:
        self._severities = severity.map if severity else {}
        self._services = service.map if service else {}
        self._severity = place(severity.source if severity else SEVERITY, known, "severity")
        self._service = place(service.source if service else SERVICE, known, "service")
        # Severities that were met and have no meaning here, to be told once.
        self.unknown: set[str] = set()

    @property
    def fields(self) -> list[str]:
        """The ids of the fields in which the words are."""
        return list(dict.fromkeys((*self._severity.fields, *self._service.fields)))

    def severity(self, fields: Mapping[str, Any]) -> str | None:
        """Jira's own word without a map; `unknown` for a word that a map does not have."""
        word = self._severity.word(fields)
        if word is None or not self._severities:
            return word
        if word not in self._severities:
            self.unknown.add(word)
        return self._severities.get(word, UNKNOWN)

    def service(self, fields: Mapping[str, Any]) -> str | None:
        """Our name for a service; Jira's own where the map has none."""
        word = self._service.word(fields)
        return self._services.get(word, word) if word is not None else None


def place(path: str, known: Sequence[Mapping[str, Any]], key: str) -> Place:
    """Where `path` leads: a field's id or name, and what is in it: `Severity.value`.

    `known` are Jira's fields, `key` is the one in `sources.yaml`. Raises SourceError.
    """
    # Names hold dots and brackets too, so the longest name that there is counts.
    ends = [len(path), *reversed([found.start() for found in re.finditer(r"[.\[]", path)])]
    for end in ends:
        fields = _named(path[:end].strip(), known, key)
        if fields:
            return Place(fields, _steps(path, end, key))
    names = [str(name) for field in known for name in _names(field)]
    raise SourceError(
        f"Jira has no field for `{key}: {{from: {path}}}`, or does not show it to this account.",
        _nearest(re.split(r"[.\[]", path)[0], names)
        or "Write a field's name as an issue shows it, or its id, customfield_10050.",
    )


def _named(name: str, known: Iterable[Mapping[str, Any]], key: str) -> tuple[str, ...]:
    """The ids of the fields with this id or name; none for an unknown one."""
    found = [field for field in known if field.get("id") == name]
    if not found:
        written = name.casefold()
        found = [
            field for field in known if written in {str(each).casefold() for each in _names(field)}
        ]
    # A project may have a field of its own under a name that others use too: an issue has one.
    if sum(not field.get("scope") for field in found) > 1:
        ids = ", ".join(sorted(str(field["id"]) for field in found))
        raise SourceError(
            f"Jira has several fields '{name}'.", f"Name one by its id in `{key}`: {ids}."
        )
    return tuple(sorted(str(field["id"]) for field in found))


def _names(field: Mapping[str, Any]) -> list[Any]:
    """All names of a field: some are shown in the account's language."""
    return [field[name] for name in ("id", "name", "untranslatedName") if field.get(name)]


def _steps(path: str, start: int, key: str) -> tuple[str | int, ...]:
    steps: list[str | int] = []
    while start < len(path):
        match = _STEP.match(path, start)
        if match is None:
            raise SourceError(
                f"`{key}: {{from: {path}}}` cannot be followed from '{path[start:]}' on.",
                "Write it like components[0].name.",
            )
        steps.append(match[1].strip() if match[1] else int(match[2]))
        start = match.end()
    return tuple(steps)


def _followed(value: Any, steps: Iterable[str | int]) -> Any:
    for step in steps:
        if isinstance(step, int):
            value = value[step] if isinstance(value, list) and step < len(value) else None
        else:
            value = _first(value)
            value = value.get(step) if isinstance(value, Mapping) else None
    return value


def _text(value: Any) -> str | None:
    value = _first(value)
    if isinstance(value, Mapping):
        value = next((value[name] for name in _NAMES if value.get(name)), None)
    if isinstance(value, bool) or not isinstance(value, str | int | float):
        return str(value).lower() if isinstance(value, bool) else None
    return str(value).strip() or None


def _first(value: Any) -> Any:
    return next(iter(value), None) if isinstance(value, list) else value


def _nearest(name: str, known: Sequence[str]) -> str | None:
    """The known name that was probably meant, as a question; of two alike the later one."""
    written = {each.casefold(): each for each in known}
    close = difflib.get_close_matches(name.casefold(), written, n=1)
    return f"Did you mean '{written[close[0]]}'?" if close else None


def unknown_project(name: str, known: Iterable[Mapping[str, Any]]) -> str | None:
    """What to do about a project that is not among the `known` ones; None where it is one."""
    names = [str(each[part]) for each in known for part in ("key", "name", "id") if each.get(part)]
    if name.casefold() in {each.casefold() for each in names}:
        return None
    return _nearest(name, names) or (
        "Check its key, and that the account may browse it (the permission Browse projects)."
    )
