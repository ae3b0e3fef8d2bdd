"""After any story, read in any pieces and with any faults, the facts are what was deployed."""

from __future__ import annotations

import datetime as dt
import tempfile
from pathlib import Path
from random import Random
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from connectors import gitlab
from connectors.contract import SourceError
from connectors.gitlab_api import moment
from tests import peer as faults
from tests.connectors.landed import Landing
from tests.connectors.steps import Step
from tests.gitlab_server import GitLab, hour, told
from tests.peer import Clock

pytestmark = pytest.mark.slow

DEPLOYMENTS = """
    select deployment_id, service, status, deployed_at, failed from deployments order by all"""
CHANGES = """
    select change_id, deployment_id, service, committed_at, deployed_at
    from changes order by all"""
_FAULTS = {
    "cut": faults.cut_json,
    "page": faults.web_page,
    "again": faults.repeated,
    "hang": faults.hanging_up,
    "fail": faults.failing(500),
    "limit": faults.failing(429, {"RateLimit-Reset": "1800000007", "RateLimit-Remaining": "0"}),
}
_ENVIRONMENTS = ("production", "prod-us", "staging")
_FAILED = {"success": False, "failed": True}


_STEPS = st.builds(
    Step,
    later=st.sampled_from([1, 2, 30]),
    # Spread evenly, for small numbers alone would hardly ever ship a merge request twice.
    deeds=st.integers(0, 2**32).map(lambda seed: tuple(Random(seed).choices(range(300), k=12))),
    fault=st.none() | st.tuples(st.integers(1, 20), st.sampled_from(sorted(_FAULTS))),
    meanwhile=st.none() | st.tuples(st.integers(1, 9), st.integers(0, 10_000)),
    page_size=st.integers(1, 5),
)


class Story:
    """What happens in a project; each deed at a minute of its own."""

    def __init__(self, system: GitLab) -> None:
        self.system = system
        self.hours = 1.0
        self.unshipped: dict[str, list[int]] = {name: [] for name in _ENVIRONMENTS}

    def deed(self, choice: int) -> None:
        """Something that may happen now, chosen by a number."""
        self.hours += 1 / 64
        kind, which = choice % 5, choice // 5
        records = self.system.deployments.all("id")
        running = [each for each in records if each["status"] == "running"]
        if kind == 0 and records:
            old = records[which % len(records)]
            self.system.deployments.change(old["id"], updated_at=told(hour(self.hours)))
        elif kind == 1 and running:
            self._end(running[which % len(running)], ("success", "failed", "canceled")[which % 3])
        elif kind == 2:
            made = self.system.merge(told(hour(self.hours - 0.5)), merged=self.hours)
            for waiting in self.unshipped.values():
                waiting.append(made)
        else:
            name = _ENVIRONMENTS[which % 3]
            self.system.deploy(self.hours, status="running", environment=name)
            if kind == 3:
                self._end(self.system.deployments.all("id")[-1], "success")

    def _end(self, deployment: dict[str, Any], status: str) -> None:
        now = told(hour(self.hours))
        if status == "success":
            name = deployment["environment"]["name"]
            self.system.shipped[deployment["id"]] = self.unshipped[name]
            self.unshipped[name] = []
        ended = {**deployment["deployable"], "finished_at": now}
        self.system.deployments.change(
            deployment["id"], status=status, updated_at=now, deployable=ended
        )

    def facts(self, *, by_environment: bool) -> tuple[list[Any], list[Any]]:
        """All rows of deployments and of changes, computed plainly."""
        rows, first = [], {}
        for each in self.system.deployments.all("id"):
            name, status = each["environment"]["name"], each["status"]
            if name == "staging":
                continue
            service = name if by_environment else "group/shop"
            ended = status in _FAILED
            at = moment(each["deployable"]["finished_at"]) if ended else None
            number = f"group/shop/{each['iid']}"
            rows.append((number, service, status, at, _FAILED.get(status)))
            for request in self.system.shipped[each["id"]] if status == "success" else ():
                key = (request, service)
                first[key] = min(first.get(key, (at, number)), (at, number))
        changes = [
            (f"merge{request}", number, service, self._committed(request), at)
            for (request, service), (at, number) in first.items()
        ]
        return sorted(rows, key=str), sorted(changes)

    def _committed(self, request: int) -> dt.datetime | None:
        (commit,) = self.system.commits[request]
        return moment(commit["committed_date"])


@settings(max_examples=20)
@given(steps=st.lists(_STEPS, min_size=2, max_size=4), by_environment=st.booleans())
def test_the_facts_are_what_was_deployed(steps: list[Step], by_environment: bool) -> None:
    clock = Clock()
    system = GitLab(clock)
    story = Story(system)
    source = "environment" if by_environment else "project"
    with (
        tempfile.TemporaryDirectory() as folder,
        pytest.MonkeyPatch.context() as patch,
        system.peer.serving() as server,
    ):
        patch.setattr("connectors.patience.time", clock)
        options = {
            "url": server.url,
            "token": "s3cret",
            "projects": "group/shop",
            "start": "2026-01-01",
            "service": {"from": source},
        }
        landing = Landing(Path(folder), gitlab)
        for step in steps:
            story.hours += step.later
            for choice in step.deeds:
                story.deed(choice)
            system.peer.faults = step.planned(system.peer.count, story.deed, _FAULTS)
            try:
                landing.pull({**options, "page_size": step.page_size}, hour(story.hours + 1))
            except SourceError:
                assert step.fault is not None
        system.peer.faults = {}
        landing.pull(options, hour(story.hours + 1))
        deployments, changes = story.facts(by_environment=by_environment)

        assert sorted(landing.rows(DEPLOYMENTS), key=str) == deployments
        assert landing.rows(CHANGES) == changes
