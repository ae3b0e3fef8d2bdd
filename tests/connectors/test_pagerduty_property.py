"""After any story, read in any pieces and with any faults, the facts are what happened."""

from __future__ import annotations

import datetime as dt
import tempfile
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from connectors import pagerduty
from connectors.contract import SourceError
from tests import peer as faults
from tests.connectors.landed import Landing
from tests.connectors.steps import Step
from tests.pagerduty_account import EPISODES, INCIDENTS, START, Account
from tests.peer import Clock

pytestmark = pytest.mark.slow

# What may happen to an incident in each of its states.
_NEXT = {
    "triggered": ("acknowledge", "resolve", "escalate", "merge", "move", "rank", "delete"),
    "acknowledged": ("unacknowledge", "resolve", "notify", "merge", "move", "rank", "delete"),
    "resolved": ("reopen", "annotate"),
}
_FAULTS = {
    "cut": faults.cut_json,
    "page": faults.web_page,
    "again": faults.repeated,
    "hang": faults.hanging_up,
    "fail": faults.failing(500),
    "limit": faults.failing(429, {"ratelimit-reset": "7", "ratelimit-remaining": "0"}),
}


_STEPS = st.builds(
    Step,
    later=st.sampled_from([1, 2, 30, 400, 3000]),
    deeds=st.lists(st.integers(0, 10_000), max_size=8).map(tuple),
    fault=st.none() | st.tuples(st.integers(1, 25), st.sampled_from(sorted(_FAULTS))),
    meanwhile=st.none() | st.tuples(st.integers(1, 12), st.integers(0, 10_000)),
    page_size=st.integers(2, 6),
)


class Story:
    """What happens to an account; each deed at a second of its own."""

    def __init__(self, account: Account) -> None:
        self.account = account
        self.now = START

    def deed(self, choice: int) -> None:
        """Something that may happen now, chosen by a number."""
        self.now += dt.timedelta(minutes=1)
        cases = list(self.account.cases.values())
        target = cases[choice % len(cases)] if cases else None
        is_over = target is None or target.merged or target.id in self.account.gone
        if target is None or is_over or choice % 3 == 0:
            services = sorted(self.account.services)
            priority = (None, "P1", "P2")[choice % 3 - 1]
            self.account.trigger(self.now, service=services[choice % 3], priority=priority)
            return
        deeds = _NEXT[target.status]
        deed = deeds[choice // 7 % len(deeds)]
        if deed == "merge":
            self.account.merge(target.id, self.now)
        elif deed == "move":
            target.service = sorted(self.account.services)[choice % 2]
        elif deed == "rank":
            target.priority = f"P{choice % 4}"
        elif deed == "delete":
            # One that was resolved may have landed so, and then only a comparison of all ids tells.
            if "resolve" not in {kind for _, kind in target.events}:
                self.account.gone.add(target.id)
        else:
            self.account.happen(target.id, (self.now, deed))


@settings(max_examples=30)
@given(
    steps=st.lists(_STEPS, min_size=1, max_size=5),
    reopened_as=st.sampled_from(["reopen_log_entry", "trigger_log_entry"]),
    embeds=st.sampled_from(["all", "but the priority", "nothing"]),
    edges=st.booleans(),
)
def test_the_facts_are_what_happened(
    steps: list[Step], reopened_as: str, embeds: str, edges: bool
) -> None:
    clock = Clock()
    account = Account(clock)
    account.reopened_as, account.embeds, account.edges = reopened_as, embeds, edges
    story = Story(account)
    with (
        tempfile.TemporaryDirectory() as folder,
        pytest.MonkeyPatch.context() as patch,
        account.peer.serving() as server,
    ):
        patch.setattr("connectors.patience.time", clock)
        patch.setattr("connectors.pagerduty_api._LONGEST", dt.timedelta(days=20))
        patch.setattr("connectors.pagerduty_api._MOST", 9)
        options = {"url": server.url, "token": "s3cret", "start": "2026-01-01"}
        landing = Landing(Path(folder), pagerduty)
        for step in steps:
            story.now += dt.timedelta(hours=step.later)
            for choice in step.deeds:
                story.deed(choice)
            story.now += dt.timedelta(minutes=1)
            at = story.now
            account.peer.faults = step.planned(account.peer.count, story.deed, _FAULTS)
            try:
                landing.pull({**options, "page_size": step.page_size}, at)
            except SourceError:
                assert step.fault is not None
        account.peer.faults = {}
        for _ in range(2):
            story.now += dt.timedelta(minutes=20)
            landing.pull(options, story.now)

        assert landing.rows(INCIDENTS) == account.incidents()
        assert landing.rows(EPISODES) == account.episodes()
