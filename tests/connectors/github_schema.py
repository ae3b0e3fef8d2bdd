"""GitHub's published schema of its REST interface, as JSON Schema reads it."""

from __future__ import annotations

import datetime as dt
import json
import re
from functools import cached_property
from pathlib import Path
from typing import Any
from urllib.parse import parse_qsl, urlsplit

from jsonschema import Draft202012Validator, FormatChecker

FORMATS = FormatChecker(formats=())


@FORMATS.checks("date-time", raises=ValueError)
def _is_time(value: object) -> bool:
    return not isinstance(value, str) or dt.datetime.fromisoformat(value).tzinfo is not None


@FORMATS.checks("uri")
def _is_address(value: object) -> bool:
    # Templates such as /git/blobs{/sha} are plain texts in it.
    return not isinstance(value, str) or not value or bool(urlsplit(value).scheme)


class Schema:
    """The schema: which questions there are, and what their answers look like."""

    def __init__(self, path: Path) -> None:
        self._whole = json.loads(path.read_text())
        self._components = _without_nullable(self._whole["components"])

    def mistakes(self, path: str, status: int, answer: Any) -> list[str]:
        """How an answer differs from what the schema says of it; `path` as the schema has it."""
        responses = self._whole["paths"][path]["get"]["responses"]
        described = {"$ref": "#/components/schemas/basic-error"}  # any refusal looks like that
        if str(status) in responses or status < 400:
            response = self._resolved(responses[str(status)])
            described = _without_nullable(response["content"]["application/json"]["schema"])
        validator = Draft202012Validator(
            {**described, "components": self._components}, format_checker=FORMATS
        )
        return [
            f"{path} {status} at {'.'.join(map(str, error.absolute_path))}: {error.message[:300]}"
            for error in validator.iter_errors(answer)
        ]

    def place(self, address: str) -> str | None:
        """The path of the schema that a question is about; None where there is none."""
        asked = urlsplit(address).path
        found = [path for pattern, path in self._patterns if pattern.fullmatch(asked)]
        return found[0] if found else None

    def strange(self, address: str) -> set[str]:
        """The parameters of a question that the schema does not know."""
        operation = self._whole["paths"][self.place(address)]["get"]
        known = {self._resolved(each)["name"] for each in operation.get("parameters", [])}
        return {name for name, _ in parse_qsl(urlsplit(address).query)} - known

    @cached_property
    def _patterns(self) -> list[tuple[re.Pattern[str], str]]:
        """The most literal first: what looks like /repos/{owner}/{repo} may be /repos/a/b too."""
        paths = (path for path, verbs in self._whole["paths"].items() if "get" in verbs)
        ordered = sorted(paths, key=lambda path: (path.count("{"), -len(path)))
        return [(_pattern(path), path) for path in ordered]

    def _resolved(self, described: Any) -> Any:
        while "$ref" in described:
            kind, name = described["$ref"].split("/")[-2:]
            described = self._whole["components"][kind][name]
        return described


def _pattern(path: str) -> re.Pattern[str]:
    # A ref at the end of a path has slashes of its own.
    whole = re.sub(r"\\{ref\\}$", ".+", re.escape(path))
    return re.compile(re.sub(r"\\{\w+\\}", "[^/]+", whole))


def _without_nullable(described: Any) -> Any:
    """The same without OpenAPI 3.0's own `nullable`, which JSON Schema does not know."""
    if isinstance(described, list):
        return [_without_nullable(each) for each in described]
    if not isinstance(described, dict):
        return described
    same = {name: _without_nullable(each) for name, each in described.items()}
    if same.get("nullable") is True:
        del same["nullable"]
        return {"anyOf": [same, {"type": "null"}]}
    return same
