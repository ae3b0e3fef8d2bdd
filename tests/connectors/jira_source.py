"""A source that reads a played Jira site, what lands of it, and what should have landed."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from connectors import jira
from connectors.contract import Context, SourceError
from tests.connectors.landed import Landing
from tests.jira_site import Site

INCIDENTS = (
    "select incident_id, status, opened_at, acknowledged_at, resolved_at, reopened "
    "from incidents order by incident_id"
)
EPISODES = "select incident_id, episode, opened_at, resolved_at from incident_episodes order by all"


class Source:
    """One source in `sources.yaml` that reads a site, and where its rows land."""

    def __init__(self, site: Site, url: str, folder: Path) -> None:
        self.site = site
        self.landing = Landing(folder, jira)
        self.options: dict[str, Any] = {
            "url": url,
            "user": "reader@example.com",
            "token": "t0ken",
            "projects": ["OPS", "SHOP"],
            "incidents": "issuetype = Incident",
            "start": "2026-01-01",
        }

    def pull(self, full: bool = False, **more: Any) -> Any:
        return self.landing.pull({**self.options, **more}, self.site.now, full)

    def failure(self, **more: Any) -> str:
        with pytest.raises(SourceError) as caught:
            self.pull(**more)
        return str(caught.value)

    def rows(self, sql: str) -> list[tuple[Any, ...]]:
        return self.landing.rows(sql)

    def chosen(self, **more: Any) -> jira.Options:
        return jira.Options(connector="jira", **{**self.options, **more})

    def context(self) -> Context:
        return Context(Path("/"), self.site.now)

    def check(self, **more: Any) -> list[str]:
        return list(jira.check(self.chosen(**more), self.context()))

    def refused(self, **more: Any) -> str:
        with pytest.raises(SourceError) as caught:
            self.check(**more)
        return str(caught.value)

    def present(self) -> dict[str, list[tuple[Any, ...]]]:
        found = jira.present(self.chosen(), self.landing.state, self.context())
        return {
            each.into: sorted(tuple(row.values()) for row in each.keys.to_pylist())
            for each in found
        }


def truth(site: Site) -> tuple[list[Any], list[Any]]:
    """The rows of both tables as the site's own story has them."""
    incidents, episodes = [], []
    for issue in sorted(site.issues.values(), key=lambda each: each.id):
        if issue.kind != "Incident":
            continue
        category = site.statuses[issue.status][1]
        status = {"new": "open", "indeterminate": "acknowledged", "done": "resolved"}[category]
        opened, ended = issue.created, issue.episodes[-1][1]
        reopened = len(issue.episodes) - 1
        incidents.append((issue.id, status, opened, issue.acknowledged, ended, reopened))
        episodes += [(issue.id, n, *each) for n, each in enumerate(issue.episodes, start=1)]
    return incidents, episodes
