"""After any story of a Jira site, read in any pieces and with any faults, the facts are true."""

from __future__ import annotations

import contextlib
import datetime as dt
import tempfile
from dataclasses import dataclass
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from connectors.contract import SourceError
from tests import peer as faults
from tests.connectors.jira_source import EPISODES, INCIDENTS, Source, truth
from tests.jira_site import STATUSES, Site
from tests.peer import Answer, Clock, Fault, Peer, Request, meanwhile

pytestmark = pytest.mark.slow


def _expired(peer: Peer, request: Request) -> Answer:
    """The credential is good for nothing, which a search does not tell."""
    anonymous = {name: text for name, text in request.headers.items() if name != "Authorization"}
    return peer.good(Request(request.method, request.path, anonymous, request.body))


_FAULTS: dict[str, Fault] = {
    "half of the JSON": faults.cut_json,
    "a web page": faults.web_page,
    "the page before": faults.repeated,
    "no answer": faults.hanging_up,
    "a failure": faults.failing(503, {"X-RateLimit-Reset": "2099-01-01T00:00Z"}),
    "a limit": faults.failing(429, {"X-RateLimit-Reset": "2027-01-15T08:01Z"}),
    "a refusal": faults.failing(403),
}


@dataclass(frozen=True)
class Step:
    """Some time goes by, things happen, and then a pull goes right or wrong."""

    hours: int
    deeds: tuple[int, ...]
    fault: tuple[int, str] | None
    expires: int | None  # from this request on
    meanwhile: tuple[int, int] | None
    most: int


_STEPS = st.builds(
    Step,
    hours=st.sampled_from([0, 1, 30, 400]),
    deeds=st.lists(st.integers(0, 10_000), max_size=8).map(tuple),
    fault=st.none() | st.tuples(st.integers(1, 14), st.sampled_from(sorted(_FAULTS))),
    expires=st.none() | st.integers(1, 14),
    meanwhile=st.none() | st.tuples(st.integers(4, 12), st.integers(0, 10_000)),
    most=st.integers(1, 5),
)


def happen(site: Site, choice: int) -> None:
    """Something that may happen now, chosen by a number; several may happen at one moment."""
    site.wait(minutes=(0, 1, 0, 150)[choice % 4])
    issues = list(site.issues.values())
    if not issues or choice % 5 == 0:
        site.create(site.projects[choice % 2])
        return
    issue = issues[choice // 5 % len(issues)]
    deed = choice // 35 % 10
    if deed < 6:
        site.move_to(issue, sorted(STATUSES)[choice // 350 % len(STATUSES)])
    elif deed == 6:
        site.edit(issue, priority={"name": f"P{choice % 4}"})
    elif deed == 7:
        site.retype(issue, issue.kind, site.projects[choice // 350 % 2])
    elif deed == 8:
        site.retype(issue, "Task" if issue.kind == "Incident" else "Incident")
    else:
        site.delete(issue)


def pull(source: Source, step: Step) -> None:
    """A pull with what goes wrong in this step; a failed one leaves what had landed."""
    site = source.site
    site.most = site.changes_a_page = step.most
    before = site.peer.count
    if step.meanwhile is not None:
        place, deed = step.meanwhile
        site.peer.faults[before + place] = meanwhile(lambda: happen(site, deed))
    if step.fault is not None:
        place, name = step.fault
        site.peer.faults[before + place] = _FAULTS[name]
    if step.expires is not None:
        for place in range(step.expires, 200):
            site.peer.faults[before + place] = _expired
    with contextlib.suppress(SourceError):
        source.pull()
    site.peer.faults.clear()


@settings(max_examples=80)
@given(
    steps=st.lists(_STEPS, min_size=1, max_size=5),
    together=st.integers(1, 6),
    lag=st.sampled_from([0, 3, 14]),
)
def test_the_facts_are_what_happened(steps: list[Step], together: int, lag: int) -> None:
    clock = Clock()
    site = Site(clock)
    with (
        tempfile.TemporaryDirectory() as folder,
        pytest.MonkeyPatch.context() as patch,
        site.peer.serving() as server,
    ):
        patch.setattr("connectors.patience.time", clock)
        patch.setattr("connectors.jira.MOST_HISTORIES", together)
        source = Source(site, server.url, Path(folder))
        site.lag = dt.timedelta(minutes=lag)
        for step in steps:
            site.wait(hours=step.hours)
            for deed in step.deeds:
                happen(site, deed)
            pull(source, step)
        site.wait(hours=1)
        source.pull()
        there = source.present()

        incidents, episodes = truth(site)
        ids = {row[0] for row in there["incidents"]}
        assert ids == {row[0] for row in incidents}
        assert there["incident_episodes"] == [(row[0], str(row[1])) for row in episodes]
        assert [row for row in source.rows(INCIDENTS) if row[0] in ids] == incidents
        assert [row for row in source.rows(EPISODES) if row[0] in ids] == episodes
        assert source.landing.notices == []
