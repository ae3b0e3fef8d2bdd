"""What an entry for GitHub may say, what a check proves, and that bad days lose nothing."""

from __future__ import annotations

import contextlib
import datetime as dt
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from pydantic import ValidationError

from connectors import github
from connectors.contract import SourceError
from connectors.github import Options
from connectors.http import Rejected
from kpi import yaml_text
from tests.connectors.github_home import DAY, HOUR, MINUTE, NOW, START, Home, home_of
from tests.connectors.github_peer import World, refused
from tests.peer import Clock, cut_json, empty, failing, hanging_up, meanwhile, web_page

LABELLED = {"incidents": {"labels": ["incident"]}}


@pytest.fixture
def home(tmp_path: Path, clock: Clock) -> Iterator[Home]:
    with home_of(tmp_path, World("acme/shop", clock=clock)) as home:
        yield home


def options(**more: Any) -> Options:
    usual = {"connector": "github", "token": "ghp_secret", "repositories": "acme/shop"}
    return Options(**{**usual, **more})


# --- the entry ----------------------------------------------------------------------------------


def test_the_entry_that_is_offered_is_a_good_one():
    document = yaml_text.read_yaml(github.ENTRY, "sources.yaml")
    with_all = "\n".join(
        line.removeprefix("# ") for line in github.ENTRY.splitlines() if "HOST" not in line
    )
    whole = yaml_text.read_yaml(with_all, "sources.yaml")

    assert document.problems == whole.problems == []
    assert Options(**document.value).repositories == ("acme/shop",)
    assert Options(**whole.value).incidents.labels == ("incident",)


@pytest.mark.parametrize(
    ("more", "said"),
    [
        ({"repositories": ["shop"]}, "'shop' is no repository; write owner/name"),
        ({"repositories": ["https://github.com/acme/shop"]}, "is no repository"),
        ({"repositories": []}, "at least 1 item"),
        ({"deployments": "releases"}, "write deployments, workflow:NAME, tags"),
        ({"deployments": "workflow:"}, "write deployments, workflow:NAME, tags"),
        ({"production": "("}, "is no regular expression"),
        ({"url": "https://github.com"}, "write https://api.github.com"),
        ({"page_size": 101}, "less than or equal to 100"),
        ({"service": {"from": "team"}}, "'repository' or 'environment'"),
        (
            {"service": {"from": "environment"}, "deployments": "tags"},
            "'tags' has no environments to name a service",
        ),
        ({"labels": ["incident"]}, "Extra inputs are not permitted"),
    ],
)
def test_a_wrong_entry_is_refused_with_what_to_write(more, said):
    with pytest.raises(ValidationError) as caught:
        options(**more)

    assert said in str(caught.value)
    assert "ghp_secret" not in str(caught.value)


def test_a_map_that_names_no_repository_is_an_error(home):
    with pytest.raises(SourceError, match=r"maps shpo, .* Did you mean 'shop'\?"):
        home.pull(service={"map": {"shpo": "Shop"}})


def test_with_all_repositories_of_an_owner_a_map_may_name_one_that_is_gone(home):
    home.shop.deployed(home.shop.commit(at=START), START)
    home.pull(repositories="acme/*", service={"map": {"shpo": "Shop"}})

    assert home.rows("select service from deployments") == [("shop",)]


# --- a check ------------------------------------------------------------------------------------


def test_a_check_says_what_was_proven_and_what_a_pull_would_do(home):
    sha = home.shop.commit(at=START)
    home.shop.deployed(sha, NOW - 40 * DAY)
    home.shop.deployed(sha, NOW - DAY)
    number = home.shop.open(START, "incident", "sev1")
    severity = {"from": "labels", "map": {"sev1": "critical"}}

    assert home.check(**LABELLED, severity=severity) == [
        f"Reached {home.url}, which takes `token`, one of the account reporter; "
        "4,987 of 5,000 questions are left this hour.",
        "All there: acme/shop.",
        f"acme/shop: 1 by `deployments` since 2026-05-02; the last one: main ({sha[:7]}) of shop, "
        "succeeded 2026-05-31T12:01:00Z.",
        "acme/shop: commits and pull requests can be read.",
        f"acme/shop: issues can be read; one incident: #{number}, severity critical, open, "
        "opened 2026-03-02T09:00:00Z.",
        "A pull reads 1 repositories from 2025-06-01 on into deployments and changes, and issues "
        "labelled incident into incidents and incident_episodes.",
    ]


def test_a_check_lands_nothing(home):
    home.shop.deployed(home.shop.commit(at=START), START)
    home.check()

    assert home.rows("select count(*) from deployments") == [(0,)]


def test_a_check_tells_the_environments_where_none_is_in_production(home):
    sha = home.shop.commit(at=START)
    for environment in ("staging", "live"):
        home.shop.deployed(sha, NOW - DAY, environment=environment)

    said = "No environment that `production` describes was met, but live, staging."
    assert any(said in sentence for sentence in home.check())


def test_an_app_and_a_server_without_limits_are_good_as_well(home):
    home.world.login = None
    home.world.limits_are_on = False

    assert "takes `token`, one of an app; there are no limits" in home.check()[0]


def test_a_check_of_tags_and_of_runs_proves_what_they_need(home):
    sha = home.shop.commit(at=START)
    home.shop.tag("v1", sha, START)
    home.shop.run(home.shop.workflow("Deploy", "deploy.yml"), sha, NOW - DAY)

    assert "1 by `tags:v*`; the last one: v1 of shop" in home.check(deployments="tags:v*")[2]
    assert "1 by `workflow:Deploy` since" in home.check(deployments="workflow:Deploy")[2]


@pytest.mark.parametrize(
    ("place", "needs"),
    [(4, "Deployments"), (6, "Contents"), (7, "Pull requests"), (8, "Issues"), (9, "Issues")],
)
def test_a_permission_that_lacks_is_found_by_a_check(home, place, needs):
    home.shop.open(START, "incident")
    home.world.peer.faults[place] = lambda peer, request: refused()

    with pytest.raises(Rejected, match=f"'{needs}: read'"):
        home.check(**LABELLED)


def test_a_check_refuses_a_token_that_is_not_taken(home):
    home.world.peer.credential = ("Authorization", "another")

    with pytest.raises(Rejected, match="refuses `token`"):
        home.check()


def test_a_label_that_is_not_there_is_told_with_the_nearest(home):
    with pytest.raises(SourceError, match=r"no label 'incidnt'. Did you mean 'incident'\?"):
        home.check(incidents={"labels": ["incidnt"]})


def test_an_address_that_leads_elsewhere_is_told(home):
    with pytest.raises(SourceError, match=r"Check `url`: https://api\.github\.com, or"):
        home.check(url=f"{home.url}/elsewhere")


# --- after any day, and enough pulls, the facts are GitHub's ------------------------------------


class Day:
    """A GitHub that lives on while it is asked, and the truth about it."""

    def __init__(self, home: Home) -> None:
        self.home = home
        self.now = START
        self.heads = [home.shop.commit(at=START)]
        self.open: list[int] = []
        self.under_way: list[int] = []

    def do(self, what: int, which: int) -> None:
        """One thing that happens, some minutes after the one before."""
        self.now += dt.timedelta(minutes=7 + which % 90)
        deeds = [
            self.commit, self.commit, self.deploy, self.deploy, self.report, self.report,
            self.issue, self.issue, self.close, self.reopen, self.relabel, self.delete,
        ]  # fmt: skip
        deeds[what % len(deeds)](which)

    def commit(self, which: int) -> None:
        self.heads.append(self.home.shop.commit(self.heads[-1], at=self.now))
        self.home.shop.merged(self.heads[-1], self.now)

    def deploy(self, which: int) -> None:
        sha = self.heads[-1 - which % min(3, len(self.heads))]
        environment = "staging" if which % 5 == 0 else "production"
        number = self.home.shop.deploy(sha, self.now, environment=environment)
        self.under_way.append(number)

    def report(self, which: int) -> None:
        if self.under_way:
            number = self.under_way[which % len(self.under_way)]
            states = ["success", "success", "in_progress", "failure"]
            if self._told(number):
                states.append("inactive")  # never the first: GitHub adds it to what succeeded
            self.home.shop.report(number, states[which % len(states)], self.now)

    def issue(self, which: int) -> None:
        labels = ("incident", "outage", "bug", "incident")[which % 4]
        number = self.home.shop.open(self.now, labels, is_request=which % 7 == 0)
        self.open.append(number)

    def _issue(self, which: int) -> int | None:
        there = {each["number"] for each in self.home.shop.issues.all()}
        known = [number for number in self.open if number in there]
        return known[which % len(known)] if known else None

    def close(self, which: int) -> None:
        if number := self._issue(which):
            reason = "duplicate" if which % 6 == 0 else "completed"
            self.home.shop.close(number, self.now, reason)

    def reopen(self, which: int) -> None:
        number = self._issue(which)
        if number and not self.home.shop.turns[number][-1].is_open:
            self.home.shop.reopen(number, self.now)

    def relabel(self, which: int) -> None:
        if number := self._issue(which):
            self.home.shop.relabel(number, self.now, ("incident", "bug")[which % 2])

    def delete(self, which: int) -> None:
        """One that is known as open, whose loss the next pull has to see.

        That of a closed one only a comparison of all sees.
        """
        memory = self.home.landing.state.get("repositories", {}).get("acme/shop", {})
        number = self._issue(which)
        if number in memory.get("incidents", {}).get("open", ()):
            self.home.shop.issues.delete(number)

    def deployments(self) -> set[tuple[Any, ...]]:
        return {
            (str(each["id"]), success, failed)
            for each in self.home.shop.deployments.all()
            if each["environment"] == "production"
            for success, failed in [self._outcome(each["id"])]
        }

    def _outcome(self, number: int) -> tuple[dt.datetime | None, bool | None]:
        states = [(each["state"], _time(each["created_at"])) for each in self._told(number)]
        successes = [at for state, at in states if state == "success"]
        if successes:
            return successes[0], False
        failures = [at for state, at in states if state == "failure"]
        return (failures[-1], True) if failures else (None, None)

    def _told(self, number: int) -> list[dict[str, Any]]:
        return self.home.shop.statuses.all(
            "created_at", "id", where=lambda s: s["deployment_url"].endswith(f"/{number}")
        )

    def changes(self) -> dict[str, str]:
        by_id = {str(each["id"]): each for each in self.home.shop.deployments.all()}
        in_order = sorted(
            (at, number) for number, at, failed in self.deployments() if failed is False
        )
        found: dict[str, str] = {}
        seen = set[str]()
        for place, (_, number) in enumerate(in_order):
            held = self.home.shop.contained(by_id[number]["sha"])
            found |= {sha: number for sha in held - seen} if place else {}
            seen |= held
        return found

    def incidents(self) -> dict[str, tuple[Any, ...]]:
        found = {}
        for each in self.home.shop.issues.all():
            names = {one["name"] for one in each["labels"]}
            is_one = names & {"incident", "outage"} and each["state_reason"] != "duplicate"
            if is_one and "pull_request" not in each:
                turns = self.home.shop.turns[each["number"]]
                opened_again = sum(turn.is_open for turn in turns[1:])
                closed_at = None if turns[-1].is_open else turns[-1].at
                id_ = f"acme/shop#{each['number']}"
                found[id_] = (turns[0].at, closed_at, opened_again)
        return found


def _time(text: str) -> dt.datetime:
    return dt.datetime.fromisoformat(text).replace(tzinfo=None)


deeds = st.tuples(st.integers(0, 11), st.integers(0, 1000))
bad = st.sampled_from([cut_json, hanging_up, failing(502), web_page, empty, refused, None])
pulls = st.tuples(
    st.lists(deeds, max_size=12), st.integers(1, 30), bad, st.lists(deeds, max_size=3)
)


@pytest.mark.slow
@settings(
    max_examples=40, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
@given(days=st.lists(pulls, min_size=1, max_size=6))
def test_after_any_faults_and_enough_pulls_the_facts_are_githubs(
    tmp_path_factory, monkeypatch, days
):
    clock = Clock()
    monkeypatch.setattr("connectors.patience.time", clock)
    entry = {"incidents": {"labels": ["incident", "outage"]}, "page_size": 3}
    world = World("acme/shop", clock=clock)
    with home_of(tmp_path_factory.mktemp("home"), world) as home:
        day = Day(home)
        for before, place, fault, during in days:
            for what, which in before:
                day.do(what, which)
            now = day.now + MINUTE
            at = world.peer.count + place
            if fault is not None:
                world.peer.faults[at] = (
                    (lambda peer, request: refused()) if fault is refused else fault
                )
            # Other things happen while this pull goes on.
            world.peer.faults[at + 2] = meanwhile(
                lambda during=during: [day.do(what, which) for what, which in during]
            )
            with contextlib.suppress(SourceError):
                home.pull(now, **entry)
            world.peer.faults.clear()
        for _ in range(2):
            home.pull(day.now + HOUR, **entry)

        found = home.rows("select deployment_id, deployed_at, failed from deployments")
        assert set(found) == day.deployments()
        assert dict(home.rows("select change_id, deployment_id from changes")) == day.changes()
        incidents = home.rows("select incident_id, opened_at, resolved_at, reopened from incidents")
        assert {row[0]: row[1:] for row in incidents} == day.incidents()
        counts = home.rows("select incident_id, count(*) from incident_episodes group by all")
        assert dict(counts) == {name: row[2] + 1 for name, row in day.incidents().items()}
        listed, _ = home.present(day.now + HOUR, **entry)
        assert set(listed.keys["incident_id"].to_pylist()) == set(day.incidents())
