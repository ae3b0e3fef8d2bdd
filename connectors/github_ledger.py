"""What may become of a deployment, and the places where GitHub writes it down."""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any, Protocol

# What has ended badly, or never began, may still go on: a run that is tried again keeps its id.
_MAY_GO_ON = dt.timedelta(days=3)
# No run of GitHub Actions lasts longer, its wait for an approval included.
_LONGEST = dt.timedelta(days=35)
_SHORT = 7

SUCCEEDED = "success"
FAILED = frozenset({"failure", "error", "timed_out", "startup_failure"})
# Without a success, and without having failed.
ENDED = frozenset({"cancelled", "skipped", "neutral", "stale", "action_required", "inactive"})
_UNDER_WAY = frozenset({"queued", "pending", "in_progress", "waiting", "requested"})
_KNOWN = FAILED | ENDED | _UNDER_WAY | {SUCCEEDED}


@dataclass(frozen=True)
class Deployment:
    """Something that was to go to production, if only as an intention.

    `mark` tells it from others, and from itself when it was moved; `created` is naive UTC.
    """

    id: str
    mark: str
    sha: str
    version: str
    environment: str | None
    created: dt.datetime

    def kept(self) -> dict[str, Any]:
        """The same as JSON."""
        return {**vars(self), "created": self.created.isoformat()}

    @classmethod
    def again(cls, kept: Mapping[str, Any]) -> Deployment:
        """From what `kept` gave."""
        return cls(**{**kept, "created": dt.datetime.fromisoformat(kept["created"])})


@dataclass(frozen=True)
class Outcome:
    """What became of a deployment: GitHub's word, when and with which commit it first succeeded.

    `failed` is None while, or where, that is unknown; `is_settled` says that nothing more comes.
    `failed_at` is when it failed, where it never succeeded.
    """

    status: str | None
    deployed_at: str | None
    failed: bool | None
    is_settled: bool
    sha: str
    failed_at: str | None = None


class Ledger(Protocol):
    """One of the three places. `tells_all` says that it always tells of all deployments."""

    tells_all: bool

    def since(self, begin: dt.datetime, now: dt.datetime) -> list[Deployment]:
        """All that were created at or after `begin`, in no order; raises SourceError."""

    def outcome(self, deployment: Deployment, now: dt.datetime) -> Outcome | None:
        """What became of one; None where it is there no more. Raises SourceError."""


def unknown_words(statuses: Iterable[str | None]) -> set[str]:
    """Those of GitHub's words for a status that are not known here."""
    return {each for each in statuses if each} - _KNOWN


def status_of(word: str | None) -> str | None:
    """GitHub's word for a status, or `unknown` for one that is not known here; None for none."""
    return "unknown" if word and word not in _KNOWN else word


def settled(deployment: Deployment, now: dt.datetime, ended: dt.datetime | None) -> bool:
    """Whether nothing more comes of one that has not succeeded; `ended` is when it ended so."""
    if now - deployment.created > _LONGEST:
        return True
    return ended is not None and now - ended > _MAY_GO_ON


def version(ref: str | None, sha: str) -> str:
    """A branch or tag with the commit that it stood on; most deployments are of one branch."""
    short = sha[:_SHORT]
    return short if not ref or ref in (sha, short) else f"{ref} ({short})"
