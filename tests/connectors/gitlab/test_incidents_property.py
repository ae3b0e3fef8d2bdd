"""After any story of issues, read in pieces and with any faults, the facts are what happened."""

from __future__ import annotations

import tempfile
from dataclasses import dataclass, field
from pathlib import Path
from random import Random
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from connectors import gitlab
from connectors.contract import SourceError
from tests import peer as faults
from tests.connectors.landed import Landing
from tests.connectors.steps import Step
from tests.gitlab_server import GitLab, hour, told
from tests.peer import Clock

pytestmark = pytest.mark.slow

INCIDENTS = """
    select incident_id, severity, status, opened_at, resolved_at, reopened
    from incidents order by all"""
EPISODES = """
    select incident_id, episode, severity, opened_at, resolved_at
    from incident_episodes order by all"""
_FAULTS = {
    "cut": faults.cut_json,
    "page": faults.web_page,
    "again": faults.repeated,
    "hang": faults.hanging_up,
    "fail": faults.failing(500),
    "limit": faults.failing(429, {"RateLimit-Reset": "1800000007", "RateLimit-Remaining": "0"}),
}
_LABELS = (["outage"], ["outage", "S1"], ["incident", "S2"], ["incident", "outage"], ["bug"], [])
_SEVERITIES = {"S1": "sev1", "S2": "sev2"}
_ENTRIES = ({"labels": ["outage", "incident"]}, {"issue_type": "incident"})


_STEPS = st.builds(
    Step,
    later=st.sampled_from([1, 2, 30]),
    deeds=st.integers(0, 2**32).map(lambda seed: tuple(Random(seed).choices(range(700), k=9))),
    fault=st.none() | st.tuples(st.integers(1, 20), st.sampled_from(sorted(_FAULTS))),
    meanwhile=st.none() | st.tuples(st.integers(1, 12), st.integers(0, 10_000)),
    page_size=st.integers(1, 5),
)


@dataclass
class Story:
    """What happens to issues; each deed at a minute of its own. `turns` are those of each issue."""

    system: GitLab
    hours: float = 1.0
    turns: dict[int, list[float]] = field(default_factory=dict)

    def deed(self, choice: int) -> None:
        """Something that may happen now, chosen by a number."""
        self.hours += 1 / 64
        kind, which = choice % 7, choice // 7
        there = self.system.issues.all("id")
        if kind < 2 or not there:
            kinds = ("incident", "incident", "issue")
            made = self.system.open_issue(
                self.hours, *_LABELS[which % 6], issue_type=kinds[which % 3]
            )
            self.turns[made] = [self.hours]
            return
        issue = there[which % len(there)]["id"]
        if kind == 2:
            self.system.issues.change(
                issue, labels=_LABELS[which % 6], updated_at=told(hour(self.hours))
            )
        elif kind == 3 and which % 3 == 0:
            self.system.issues.delete(issue)
        elif kind == 4 and which % 3 == 0:
            self.system.issues.change(issue, moved_to_id=9, updated_at=told(hour(self.hours)))
        else:
            self.system.turn(issue, self.hours, "reopened" if self._is_closed(issue) else "closed")
            self.turns[issue].append(self.hours)

    def facts(self, entry: dict[str, Any]) -> tuple[list[Any], list[Any]]:
        """All rows of incidents and of episodes, computed plainly."""
        incidents, episodes = [], []
        for issue in self.system.issues.all("id"):
            wanted = set(entry.get("labels", ()))
            has_label = not wanted or wanted & set(issue["labels"])
            has_type = issue["issue_type"] == entry.get("issue_type", issue["issue_type"])
            if not (has_label and has_type and issue["moved_to_id"] is None):
                continue
            name = f"group/shop#{issue['iid']}"
            severity = next((_SEVERITIES[s] for s in ("S1", "S2") if s in issue["labels"]), None)
            times = [
                hour(at).replace(microsecond=self._milli(at)) for at in self.turns[issue["id"]]
            ]
            ends = [*times[1::2], None][: (len(times) + 1) // 2]
            status = "resolved" if self._is_closed(issue["id"]) else "open"
            again = len(ends) - 1
            incidents.append((name, severity, status, times[0], ends[-1], again))
            episodes += [
                (name, place, severity, begun, ended)
                for place, (begun, ended) in enumerate(zip(times[::2], ends, strict=True), start=1)
            ]
        return sorted(incidents), sorted(episodes, key=str)

    def _is_closed(self, issue: int) -> bool:
        return len(self.turns[issue]) % 2 == 0

    def _milli(self, at: float) -> int:
        return hour(at).microsecond // 1000 * 1000


@settings(max_examples=20)
@given(steps=st.lists(_STEPS, min_size=2, max_size=4), entry=st.sampled_from(_ENTRIES))
def test_the_facts_are_what_happened_to_the_issues(
    steps: list[Step], entry: dict[str, Any]
) -> None:
    clock = Clock()
    system = GitLab(clock)
    story = Story(system)
    with (
        tempfile.TemporaryDirectory() as folder,
        pytest.MonkeyPatch.context() as patch,
        system.peer.serving() as server,
    ):
        patch.setattr("connectors.patience.time", clock)
        patch.setattr("connectors.gitlab_incidents._ROWS_AT_ONCE", 2)
        options = {
            "url": server.url,
            "token": "s3cret",
            "projects": "group/shop",
            "start": "2026-01-01",
            "incidents": entry,
            "severity": {"from": "labels", "map": _SEVERITIES},
        }
        landing = Landing(Path(folder), gitlab)
        for step in steps:
            story.hours += step.later
            for choice in step.deeds:
                story.deed(choice)
            system.peer.faults = step.planned(system.peer.count, story.deed, _FAULTS)
            try:
                landing.pull({**options, "page_size": step.page_size}, hour(story.hours))
            except SourceError:
                assert step.fault is not None
        system.peer.faults = {}
        landing.pull(options, hour(story.hours + 1))
        landing.reconcile(options, hour(story.hours + 1))
        incidents, episodes = story.facts(entry)

        assert landing.rows(INCIDENTS) == incidents
        assert sorted(landing.rows(EPISODES), key=str) == episodes
        landing.close()
