"""Which issues of GitLab are incidents, of what severity and service, as an entry says."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Annotated, Literal

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, model_validator

from connectors.gitlab_api import Record


def _as_list(value: object) -> object:
    return [value] if isinstance(value, str) else value


class Incidents(BaseModel):
    """Which issues are incidents: those of a type, those with one of some labels, or both.

    `services` names the service of an incident by its labels; else it is that of its project.
    """

    model_config = ConfigDict(extra="forbid", frozen=True)

    issue_type: Literal["incident", "issue", "task", "test_case"] | None = None
    labels: Annotated[tuple[str, ...], BeforeValidator(_as_list)] = ()
    services: Mapping[str, str] = Field(default_factory=dict)

    @model_validator(mode="after")
    def _says_something(self) -> Incidents:
        if self.issue_type is None and not self.labels:
            raise ValueError("write `issue_type: incident`, or `labels` that incidents have")
        return self

    @property
    def questions(self) -> list[dict[str, str]]:
        """What is asked for, question by question: of several labels GitLab wants all at once."""
        of_type: dict[str, str] = {"issue_type": self.issue_type} if self.issue_type else {}
        return [{**of_type, "labels": each} for each in self.labels] or [of_type]

    def has(self, issue: Record) -> bool:
        """Whether an issue is an incident; one that was moved is one where it is now."""
        if issue.get("moved_to_id") is not None:
            return False
        if self.issue_type and str(issue.get("issue_type")).casefold() != self.issue_type:
            return False
        return not self.labels or any(each in self.labels for each in labels_of(issue))


class Severity(BaseModel):
    """Where an incident's severity is, and what its words mean: `{from: labels, map: {S1: sev1}}`.

    `severity` is GitLab's own field.
    """

    model_config = ConfigDict(extra="forbid", frozen=True)

    source: Literal["labels", "severity"] = Field(alias="from")
    map: Mapping[str, str] = Field(default_factory=dict)

    def of(self, issue: Record) -> str | None:
        """Our word; None where an issue has none. The word that the map names first counts."""
        found = labels_of(issue) if self.source == "labels" else [str(issue.get("severity") or "")]
        named = next((ours for word, ours in self.map.items() if word in found), None)
        if named or self.source == "labels" or not found[0]:
            return named
        return "unknown" if self.map else found[0]


def labels_of(issue: Record) -> list[str]:
    """The labels of an issue."""
    return [each for each in issue.get("labels") or () if isinstance(each, str)]
