"""Chooses where to read what went to production."""

from __future__ import annotations

from connectors.github_api import GitHub, Repository
from connectors.github_deployments import Deployments
from connectors.github_entry import Entry
from connectors.github_ledger import Ledger
from connectors.github_runs import Runs
from connectors.github_tags import Tags


def ledger(api: GitHub, repository: Repository, entry: Entry) -> Ledger:
    """The place that an entry names; raises SourceError for a workflow that is not there."""
    kind, _, name = entry.deployments.partition(":")
    if kind == "workflow":
        return Runs(api, repository, name)
    if kind == "tags":
        return Tags(api, repository, name or "v*")
    return Deployments(api, repository, entry)
