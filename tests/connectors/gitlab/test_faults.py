"""Whatever goes wrong while GitLab is read, nothing is lost."""

from __future__ import annotations

from dataclasses import replace

import pytest

from connectors import gitlab
from connectors.contract import Context, SourceError
from tests import peer as faults
from tests.gitlab_server import GitLab, hour, options
from tests.peer import Allowance, Answer, Peer, Request


def happen(system: GitLab) -> None:
    """Something of everything that is asked for, and lists with nothing in them."""
    system.projects[8] = "group/web"
    for environment, project in (("production", 7), ("customers", 7), ("production", 8)):
        system.deploy(1, environment=environment, project=project)
        made = [system.merge(f"2026-01-01T0{hours}:00:00Z", merged=5) for hours in (2, 3)]
        system.deploy(6, *made, environment=environment, project=project)
    (found,) = system.environments.all(where=lambda each: each["name"] == "customers")
    system.environments.change(found["id"], tier="production")
    system.dora = {
        "deployment_frequency": [{"date": "2026-01-01", "value": 2}],
        "lead_time_for_changes": [{"date": "2026-01-01", "value": 3600}],
    }
    for label, project in (("outage", 7), ("incident", 7), ("outage", 8)):
        system.open_issue(1, label, project=project)
        again = system.open_issue(2, label, project=project)
        for at, state in ((3, "closed"), (4, "reopened"), (5, "closed")):
            system.turn(again, at, state)


def unnumbered(answer: Answer) -> Answer:
    """The same from a cache that leaves out the number which GitLab gave it."""
    kept = {name: each for name, each in answer.headers.items() if name != "X-Request-Id"}
    return replace(answer, headers=kept)


def without_number(peer: Peer, request: Request) -> Answer:
    """The answer before, once more, without its number."""
    return unnumbered(faults.repeated(peer, request))


def test_more_deployments_of_one_moment_than_fit_on_a_page_all_land(system, server, landing):
    for number in range(11):
        system.deploy(1 + number / 100, changed=5)
    landing.pull(options(server, page_size=3), hour(9))

    assert landing.rows("select count(*) from deployments") == [(11,)]


def test_a_deployment_that_changes_between_two_pages_hides_no_other(system, server, landing):
    made = [system.deploy(number) for number in range(1, 9)]
    system.peer.faults[3] = faults.meanwhile(
        lambda: system.deployments.change(made[0], updated_at="2026-01-01T09:00:00.000Z")
    )
    landing.pull(options(server, page_size=3), hour(10))

    assert landing.rows("select count(*) from deployments") == [(8,)]


@pytest.mark.parametrize("fault", [faults.cut_json, faults.web_page, faults.empty, faults.expired])
def test_a_page_that_is_none_fails_the_pull_and_the_next_one_completes_it(
    system, server, landing, fault
):
    for number in range(1, 9):
        system.deploy(number, system.merge("2026-01-01T00:00:00Z"))
    system.peer.faults[6] = fault
    with pytest.raises(SourceError):
        landing.pull(options(server, page_size=3), hour(10))
    system.peer.credential = ("PRIVATE-TOKEN", "s3cret")
    landing.pull(options(server, page_size=3), hour(10))

    assert landing.rows("select count(*) from deployments") == [(8,)]
    assert landing.rows("select count(*) from changes") == [(8,)]


@pytest.mark.parametrize("same_moment", [True, False])
def test_a_page_that_comes_twice_is_an_error(system, server, landing, same_moment):
    for number in range(1, 9):
        system.deploy(number, status="failed", changed=9 if same_moment else number)
    system.peer.faults[4] = without_number

    with pytest.raises(SourceError, match="other deployments than were asked for"):
        landing.pull(options(server, page_size=3), hour(10))


def test_deployments_are_no_merge_requests_of_one_of_them(system, server, landing):
    first, second = (system.merge("2026-01-01T00:00:00Z", merged=1) for _ in range(2))
    system.deploy(2, first)
    system.deploy(3, second)
    # With pages of one record each, the question before is that for the deployment itself.
    system.peer.faults[6] = without_number
    with pytest.raises(SourceError, match="100/merge_requests answers with other records"):
        landing.pull(options(server, page_size=1), hour(5))
    landing.pull(options(server), hour(5))

    assert landing.rows("select change_id, deployment_id from changes order by all") == [
        ("merge1", "group/shop/1"),
        ("merge2", "group/shop/2"),
    ]


@pytest.mark.parametrize(
    ("asked", "answered"),
    [
        ("deployments", "deployments/101/merge_requests"),
        ("environments", "deployments"),
        ("issues", "deployments"),
        ("issues/2/resource_state_events", "issues/4/resource_state_events"),
        ("issues/1", "issues/2"),
    ],
)
def test_what_records_tell_of_themselves_is_enough_to_know_them_for_others(
    system, server, landing, asked, answered
):
    happen(system)
    chosen = options(server, incidents={"issue_type": "incident"})
    if asked == "issues/1":  # It alone is asked for once it is in no list any more.
        landing.pull(chosen, hour(9))
        system.hidden.add(500)

    def mistaken(peer: Peer, request: Request) -> Answer:
        path = request.path.partition("?")[0]
        if path != f"/projects/7/{asked}":
            return peer.good(request)
        return unnumbered(peer.good(replace(request, path=f"/projects/7/{answered}?per_page=9")))

    system.peer.faults = dict.fromkeys(range(1, 100), mistaken)
    with pytest.raises(SourceError, match=f"/{asked} answers with other records"):
        landing.pull(chosen, hour(9))


def test_the_answer_to_one_question_is_none_to_the_next_wherever_it_comes(
    system, server, tmp_path, monkeypatch
):
    monkeypatch.setattr("connectors.gitlab_api._REMEMBERED", 1)
    happen(system)
    incidents = {"labels": ["outage", "incident"]}
    asked = options(server, projects=["group/shop", 8], incidents=incidents, dora=True)

    def pull() -> None:
        chosen = gitlab.Options(connector="gitlab", **asked)
        list(gitlab.pull(chosen, {}, Context(tmp_path, hour(9))))

    pull()
    for place in range(2, system.peer.count + 1):
        system.peer.faults = {system.peer.count + place: faults.repeated}
        with pytest.raises(SourceError):
            pull()


def test_a_limit_is_waited_for_until_the_moment_that_gitlab_says(system, server, landing, clock):
    for number in range(1, 9):
        system.deploy(number)
    system.peer.allowance = Allowance(
        5, 60, "epoch seconds", reset="RateLimit-Reset", remaining="RateLimit-Remaining"
    )
    landing.pull(options(server, page_size=3), hour(10))

    assert landing.rows("select count(*) from deployments") == [(8,)]
    assert clock.waits
