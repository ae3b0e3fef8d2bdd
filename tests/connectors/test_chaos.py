"""Hundreds of incidents, 100 re-opened and 50 deleted, read through whatever can go wrong."""

from __future__ import annotations

import contextlib
import datetime as dt
import random
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from connectors import pagerduty
from connectors.contract import SourceError
from tests import pagerduty_account
from tests import peer as faults
from tests.connectors import jira_source
from tests.connectors.landed import Landing
from tests.jira_site import Issue, Site
from tests.pagerduty_account import START, Account
from tests.peer import Answer, Clock, Fault, Peer, Request

pytestmark = pytest.mark.slow

INCIDENTS, REOPENED, DELETED, ROUNDS = 500, 100, 50, 5
# All of them happen in each round, in the order that a seed gives.
FAULTS: dict[str, Fault] = {
    "half of the JSON": faults.cut_json,
    "a web page": faults.web_page,
    "nothing at all": faults.empty,
    "the page before": faults.repeated,
    "no answer": faults.hanging_up,
    "half of the body": faults.broken_off,
    "a failure": faults.failing(503),
    "a limit": faults.failing(429, {"Retry-After": "7"}),
    "a credential that expires": faults.expired,
}
Facts = list[tuple[Any, ...]]


class PagerDuty:
    """An account of PagerDuty, and a source that reads it."""

    def __init__(self, folder: Path, clock: Clock) -> None:
        self.account = Account(clock)
        self.landing = Landing(folder, pagerduty)
        self.now = START

    @property
    def peer(self) -> Peer:
        return self.account.peer

    def options(self, url: str) -> dict[str, Any]:
        return {"url": url, "token": "s3cret", "start": "2026-01-01", "page_size": 25}

    def open(self) -> str:
        incident = self.account.trigger(self.now, priority=f"P{len(self.account.cases) % 3 + 1}")
        self.account.happen(incident, (self.now, "acknowledge"))
        return incident

    def resolve(self, incident: str) -> None:
        self.account.happen(incident, (self.now, "resolve"))

    def reopen(self, incident: str) -> None:
        self.account.happen(incident, (self.now, "reopen"))

    def delete(self, incident: str) -> None:
        self.account.gone.add(incident)

    def wait(self, minutes: int) -> None:
        self.now += dt.timedelta(minutes=minutes)

    def truth(self) -> tuple[Facts, Facts]:
        return self.account.incidents(), self.account.episodes()

    def facts(self) -> tuple[Facts, Facts]:
        return (
            self.landing.rows(pagerduty_account.INCIDENTS),
            self.landing.rows(pagerduty_account.EPISODES),
        )


class Jira:
    """A site of Jira, and a source that reads it."""

    def __init__(self, folder: Path, clock: Clock) -> None:
        self.site = Site(clock)
        self.site.most = self.site.changes_a_page = 25
        self.source = jira_source.Source(self.site, "", folder)
        self.landing = self.source.landing

    @property
    def peer(self) -> Peer:
        return self.site.peer

    @property
    def now(self) -> dt.datetime:
        return self.site.now

    def options(self, url: str) -> dict[str, Any]:
        return {**self.source.options, "url": url}

    def open(self) -> Issue:
        incident = self.site.create()
        self.site.move_to(incident, "3")
        return incident

    def resolve(self, incident: Issue) -> None:
        self.site.move_to(incident, "5")

    def reopen(self, incident: Issue) -> None:
        self.site.move_to(incident, "1")

    def delete(self, incident: Issue) -> None:
        self.site.delete(incident)

    def wait(self, minutes: int) -> None:
        self.site.wait(minutes=minutes)

    def truth(self) -> tuple[Facts, Facts]:
        return jira_source.truth(self.site)

    def facts(self) -> tuple[Facts, Facts]:
        return self.source.rows(jira_source.INCIDENTS), self.source.rows(jira_source.EPISODES)


SYSTEMS: dict[str, Callable[[Path, Clock], Any]] = {"pagerduty": PagerDuty, "jira": Jira}


@pytest.mark.parametrize("seed", [1, 2])
@pytest.mark.parametrize("name", SYSTEMS)
def test_after_any_order_of_faults_the_facts_are_the_systems_own(
    tmp_path: Path, clock: Clock, name: str, seed: int
) -> None:
    chance = random.Random(seed)
    system = SYSTEMS[name](tmp_path, clock)
    with system.peer.serving() as server:
        incidents = list(_beginning(system, chance))
        for _ in range(ROUNDS):
            _happen(system, chance, incidents)
            _pull_through_faults(system, chance, server.url, incidents)
        system.wait(minutes=60)
        system.landing.pull(system.options(server.url), system.now)
        system.wait(minutes=60)
        system.landing.pull(system.options(server.url), system.now)
        system.landing.reconcile(system.options(server.url), system.now)

        expected_incidents, expected_episodes = system.truth()
        found_incidents, found_episodes = system.facts()
        assert len(expected_incidents) == len(incidents) > INCIDENTS - DELETED
        assert len(expected_episodes) > len(expected_incidents) + REOPENED // 2
        assert found_incidents == expected_incidents
        assert found_episodes == expected_episodes


def _beginning(system: Any, chance: random.Random) -> Iterator[Any]:
    """Half of the incidents, many of them at one moment, most of them resolved."""
    for number in range(INCIDENTS // 2):
        if number % 4 == 0:
            system.wait(chance.choice([0, 1, 30, 600]))
        incident = system.open()
        if chance.random() < 0.9:
            system.wait(chance.choice([0, 1, 10]))
            system.resolve(incident)
        yield incident


def _happen(system: Any, chance: random.Random, incidents: list[Any]) -> None:
    """A round's share of what happens; what is gone is no more in `incidents`."""
    chance.shuffle(incidents)
    for _ in range(INCIDENTS // 2 // ROUNDS):
        incident = system.open()
        system.wait(1)
        system.resolve(incident)
        incidents.append(incident)
    gone = [incidents.pop(0) for _ in range(DELETED // ROUNDS)]
    for incident in gone:
        system.delete(incident)
    for incident in incidents[: REOPENED // ROUNDS]:
        system.wait(chance.choice([0, 1, 45]))
        system.resolve(incident)
        system.wait(1)
        system.reopen(incident)
        if chance.random() < 0.5:
            system.wait(5)
            system.resolve(incident)


def _pull_through_faults(
    system: Any, chance: random.Random, url: str, incidents: list[Any]
) -> None:
    """Pulls until it has met every fault, in a random order, and as many changes between pages."""
    waiting = chance.sample(sorted(FAULTS), len(FAULTS))
    credential = system.peer.credential
    while waiting:
        met: list[str] = []

        def fault(
            peer: Peer, request: Request, kind: str = waiting[-1], met: list[str] = met
        ) -> Answer:
            met.append(kind)
            return FAULTS[kind](peer, request)

        changed = faults.meanwhile(lambda: incidents.append(system.open()))
        place, another = chance.sample(range(1, 9), 2)
        system.peer.faults = {system.peer.count + another: changed}
        system.peer.faults[system.peer.count + place] = fault
        system.wait(10)
        with contextlib.suppress(SourceError):
            system.landing.pull(system.options(url), system.now)
        system.peer.faults = {}
        system.peer.credential = credential
        if met:
            waiting.pop()
