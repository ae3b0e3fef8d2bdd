"""What an editor may know of `metrics.yaml`: a JSON Schema made from the loader's own types."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

from pydantic import BaseModel

from kpi.grammar import NAME, RESERVED, SECTIONS, CalendarEntry, FileEntry, anchored

_DEFINED = "definitions"
_TITLE = "The shared vocabulary: every number that both sides use, defined once"


def schema_text() -> str:
    """The text of `metrics.schema.json`."""
    return json.dumps(schema(), ensure_ascii=False, indent=2) + "\n"


def schema() -> dict[str, Any]:
    """The schema, in draft 7, which editors understand best.

    An empty value, which the loader takes for an absent one, is underlined: in an editor it is a
    key that somebody has just begun.
    """
    defined: dict[str, Any] = {}
    root = _described(FileEntry, defined)
    properties = root["properties"]
    # Beside a reference draft 7 reads nothing else, and so would lose the description.
    properties["calendar"]["allOf"] = [_reference(CalendarEntry, defined)]
    for section, model in SECTIONS.items():
        names: dict[str, Any] = {"pattern": anchored(NAME.pattern)}
        if section in ("dimensions", "metrics"):
            names["not"] = {"enum": list(RESERVED)}
        properties[section] |= {
            "type": "object",
            "propertyNames": names,
            "additionalProperties": _reference(model, defined),
        }
    head = {"$schema": "http://json-schema.org/draft-07/schema#", "title": _TITLE}
    return {**head, **root, _DEFINED: dict(sorted(defined.items()))}


def _reference(model: type[BaseModel], defined: dict[str, Any]) -> dict[str, Any]:
    name = _plain_name(model.__name__)
    defined[name] = _described(model, defined)
    return {"$ref": f"#/{_DEFINED}/{name}"}


def _described(model: type[BaseModel], defined: dict[str, Any]) -> dict[str, Any]:
    raw = model.model_json_schema(ref_template="{model}")
    for name, described in raw.pop("$defs", {}).items():
        defined[_plain_name(name)] = _tidied(described)
    tidied: dict[str, Any] = _tidied(raw)
    return tidied


def _tidied(node: Any) -> Any:
    """Without what pydantic adds for itself: titles from names, and that nothing is allowed."""
    if isinstance(node, list):
        return [_tidied(item) for item in node]
    if not isinstance(node, Mapping):
        return node
    tidied = {
        key: _tidied(value)
        for key, value in node.items()
        if not (key == "title" and isinstance(value, str))
        and not (key == "default" and value in (None, "", [], {}))
    }
    given = [each for each in tidied.pop("anyOf", []) if each != {"type": "null"}]
    if len(given) == 1:
        tidied = {**given[0], **tidied}
    elif given:
        tidied["anyOf"] = given
    if "$ref" not in tidied:
        return tidied
    reference = tidied.pop("$ref").rpartition("/")[2]
    pointer = {"$ref": f"#/{_DEFINED}/{_plain_name(reference)}"}
    return {**tidied, "allOf": [pointer]} if tidied else pointer


def _plain_name(name: str) -> str:
    return name.removesuffix("Entry").lower()
