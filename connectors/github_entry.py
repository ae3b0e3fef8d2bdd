"""What an entry of `sources.yaml` says of GitHub, checked, and the words that follow from it."""

from __future__ import annotations

import datetime as dt
import re
from collections.abc import Iterable, Mapping
from typing import Annotated, Any, Literal

from pydantic import AfterValidator, BaseModel, BeforeValidator, ConfigDict, Field, model_validator

from connectors import contract
from connectors.addresses import split
from connectors.contract import Named

_YEAR = dt.timedelta(days=365)
_REPOSITORY = re.compile(r"[\w.-]+/(?:[\w.-]+|\*)")
_DEPLOYMENTS = re.compile(r"deployments|workflow:.+|tags|tags:.+")


def _listed(value: object) -> object:
    return [value] if isinstance(value, str) else value


def _repositories(names: tuple[str, ...]) -> tuple[str, ...]:
    for name in names:
        if not _REPOSITORY.fullmatch(name):
            raise ValueError(f"'{name}' is no repository; write owner/name, or owner/* for all")
    return tuple({name.lower(): name for name in names}.values())


def _deployments(value: str) -> str:
    if not _DEPLOYMENTS.fullmatch(value):
        raise ValueError("write deployments, workflow:NAME, tags, or tags:PATTERN such as tags:v*")
    return value


def _pattern(value: str) -> str:
    try:
        re.compile(value)
    except re.error as error:
        raise ValueError(f"'{value}' is no regular expression: {error}") from None
    return value


def _interface(url: str) -> str:
    if split(url).hostname == "github.com":
        raise ValueError("that is where people look; write https://api.github.com, or leave it out")
    return url


class Service(BaseModel):
    """What names the service that a deployment belongs to, and what we call it."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    source: Literal["repository", "environment"] = Field(default="repository", alias="from")
    map: Mapping[str, str] = Field(default_factory=dict)


class Incidents(BaseModel):
    """Which issues are incidents: those with one of these labels; none without any."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    labels: Annotated[tuple[str, ...], BeforeValidator(_listed)] = ()

    def has(self, issue: Mapping[str, Any]) -> bool:
        """Whether an issue is an incident; one closed as a duplicate is another one's incident."""
        if issue.get("pull_request") is not None or issue.get("state_reason") == "duplicate":
            return False
        wanted = {label.casefold() for label in self.labels}
        return any(label.casefold() in wanted for label in words(issue, "labels"))


class Entry(contract.SystemOptions):
    """The keys of an entry; see docs/github.md."""

    url: Annotated[str, AfterValidator(_interface)] = "https://api.github.com"
    page_size: int | None = Field(default=None, ge=1, le=100)
    repositories: Annotated[
        tuple[str, ...],
        BeforeValidator(_listed),
        Field(min_length=1),
        AfterValidator(_repositories),
    ]
    deployments: Annotated[str, AfterValidator(_deployments)] = "deployments"
    production: Annotated[str, AfterValidator(_pattern)] = "(?i)^prod"
    service: Service = Service()
    incidents: Incidents = Incidents()
    severity: Named | None = None

    @model_validator(mode="after")
    def _fits(self) -> Entry:
        if self.service.source == "environment" and self.deployments != "deployments":
            raise ValueError(
                f"'{self.deployments}' has no environments to name a service: leave `from` of "
                "`service` out, or write `deployments: deployments`"
            )
        return self

    def is_production(self, environment: str) -> bool:
        """Whether what is deployed to this environment is in production."""
        return re.search(self.production, environment) is not None

    def begin(self, now: dt.datetime) -> dt.datetime:
        """Where a first pull begins: at `start`, or a year back."""
        return dt.datetime.combine(self.start or (now - _YEAR).date(), dt.time())

    def service_of(self, repository: str, environment: str | None = None) -> str:
        """The service that a deployment, or without an environment an issue, belongs to."""
        if self.service.source == "environment" and environment is not None:
            return self.service.map.get(environment, environment)
        short = repository.rpartition("/")[2]
        if self.service.source == "environment":
            return short
        return self.service.map.get(repository, self.service.map.get(short, short))

    def severity_of(self, issue: Mapping[str, Any]) -> str | None:
        """An issue's severity; None where it has none.

        Of several labels in the map the one that the map names first counts. Labels that it does
        not name are no severities, but any other word that it does not name is `unknown`.
        """
        if self.severity is None:
            return None
        found = words(issue, self.severity.source)
        mapped = (ours for word, ours in self.severity.map.items() if word in found)
        otherwise = None
        if found and self.severity.source != "labels":
            otherwise = "unknown" if self.severity.map else found[0]
        return next(mapped, otherwise)


def words(record: Mapping[str, Any], path: str) -> list[str]:
    """The texts at a path of a record: of a list those of its members, or their names."""
    value: Any = record
    for step in path.split("."):
        value = value.get(step) if isinstance(value, Mapping) else None
    members: Iterable[Any] = value if isinstance(value, list) else [value]
    named = (each.get("name") if isinstance(each, Mapping) else each for each in members)
    return [word for word in named if isinstance(word, str) and word]
