"""GitLab's issues that are incidents arrive, with every stretch in which each was open."""

from __future__ import annotations

from pathlib import Path

import pytest
from pydantic import ValidationError

from connectors import gitlab
from connectors.contract import Context, SourceError
from tests import peer as faults
from tests.gitlab_server import hour, options, told
from tests.peer import data

INCIDENTS = "select incident_id, status, opened_at, resolved_at, reopened from incidents order by 1"
EPISODES = "select incident_id, episode, opened_at, resolved_at from incident_episodes order by all"
IDS = "select incident_id from incidents order by incident_id"
OF_TYPE = {"issue_type": "incident"}
LABELLED = {"labels": ["outage", "incident"]}


def test_an_issue_of_the_type_incident_is_one_with_its_last_resolution(system, server, landing):
    system.open_issue(1)
    system.turn(system.open_issue(2), 3, "closed")
    system.open_issue(4, issue_type="issue")
    landing.pull(options(server, incidents=OF_TYPE), hour(9))

    assert landing.rows(INCIDENTS) == [
        ("group/shop#1", "open", hour(1), None, 0),
        ("group/shop#2", "resolved", hour(2), hour(3), 0),
    ]


def test_every_stretch_in_which_an_incident_was_open_is_an_episode(system, server, landing):
    issue = system.open_issue(1)
    for at, state in ((2, "closed"), (4, "reopened"), (5, "closed"), (7, "reopened")):
        system.turn(issue, at, state)
    landing.pull(options(server, incidents=OF_TYPE), hour(9))

    assert landing.rows(INCIDENTS) == [("group/shop#1", "open", hour(1), None, 2)]
    assert landing.rows(EPISODES) == [
        ("group/shop#1", 1, hour(1), hour(2)),
        ("group/shop#1", 2, hour(4), hour(5)),
        ("group/shop#1", 3, hour(7), None),
    ]


def test_an_incident_that_is_opened_again_between_two_pulls_has_another_episode(
    system, server, landing
):
    issue = system.open_issue(1)
    system.turn(issue, 2, "closed")
    landing.pull(options(server, incidents=OF_TYPE), hour(9))
    system.turn(issue, 300, "reopened")
    landing.pull(options(server, incidents=OF_TYPE), hour(301))

    assert landing.rows(EPISODES) == [
        ("group/shop#1", 1, hour(1), hour(2)),
        ("group/shop#1", 2, hour(300), None),
    ]


def test_one_of_the_labels_is_enough_and_each_incident_comes_once(system, server, landing):
    for labels in (("outage",), ("incident", "shop"), ("outage", "incident"), ("bug",)):
        system.open_issue(1, *labels, issue_type="issue")
    landing.pull(options(server, incidents=LABELLED), hour(9))

    assert landing.rows(IDS) == [("group/shop#1",), ("group/shop#2",), ("group/shop#3",)]
    assert system.asked(server, "/resource_state_events") == 3


@pytest.mark.parametrize(
    "change", [{"labels": ["bug"]}, {"issue_type": "task"}, {"moved_to_id": 900}]
)
def test_an_issue_that_is_no_incident_any_more_goes_with_its_episodes(
    system, server, landing, change
):
    issue = system.open_issue(1, "outage")
    system.turn(issue, 2, "closed")
    system.turn(issue, 3, "reopened")
    asked = options(server, incidents={**OF_TYPE, "labels": "outage"})
    landing.pull(asked, hour(9))
    system.issues.change(issue, updated_at=told(hour(10)), **change)
    landing.pull(asked, hour(11))

    assert landing.rows(INCIDENTS) == []
    assert landing.rows(EPISODES) == []


def test_an_incident_that_was_open_at_the_start_counts_and_one_that_was_over_does_not(
    system, server, landing
):
    system.open_issue(1)
    over = system.open_issue(2)
    system.turn(over, 20, "closed")
    system.issues.change(over, updated_at=told(hour(80)))
    ended_later = system.open_issue(3)
    system.turn(ended_later, 60, "closed")
    landing.pull(options(server, incidents=OF_TYPE, start="2026-01-03"), hour(90))

    assert landing.rows(IDS) == [("group/shop#1",), ("group/shop#3",)]


def test_an_open_incident_that_is_deleted_or_hidden_goes_with_the_next_pull(
    system, server, landing
):
    deleted, hidden, _ = (system.open_issue(at) for at in (1, 2, 3))
    landing.pull(options(server, incidents=OF_TYPE), hour(9))
    system.issues.delete(deleted)
    system.hidden.add(hidden)
    landing.pull(options(server, incidents=OF_TYPE), hour(50))

    assert landing.rows(IDS) == [("group/shop#3",)]


def test_a_closed_incident_that_is_deleted_goes_with_a_comparison(system, server, landing):
    issues = [system.open_issue(at) for at in (1, 2)]
    for issue in issues:
        system.turn(issue, 3, "closed")
    landing.pull(options(server, incidents=OF_TYPE), hour(9))
    system.issues.delete(issues[0])
    landing.reconcile(options(server, incidents=OF_TYPE), hour(50))

    assert landing.rows(IDS) == [("group/shop#2",)]
    assert landing.rows(EPISODES) == [("group/shop#2", 1, hour(2), hour(3))]


def test_a_confidential_incident_counts_where_the_token_may_see_it_and_has_no_title(
    system, server, landing
):
    system.open_issue(1, confidential=True)
    system.open_issue(2)
    system.hidden.add(system.open_issue(3, confidential=True))
    landing.pull(options(server, incidents=OF_TYPE), hour(9))

    found = landing.rows("select incident_id, title from incidents order by 1")
    assert found == [("group/shop#1", None), ("group/shop#2", "Outage 2")]


@pytest.mark.parametrize(
    ("severity", "known"),
    [
        (None, [None, None, None]),
        ({"from": "labels", "map": {"S1": "sev1", "S2": "sev2"}}, ["sev1", "sev2", None]),
        ({"from": "severity", "map": {"HIGH": "sev2"}}, ["sev2", "unknown", "unknown"]),
        ({"from": "severity"}, ["HIGH", "LOW", "UNKNOWN"]),
    ],
)
def test_a_severity_is_a_label_or_gitlabs_own_word_as_the_map_calls_it(
    system, server, landing, severity, known
):
    system.open_issue(1, "S2", "S1", severity="HIGH")
    system.open_issue(2, "S2", severity="LOW")
    system.open_issue(3, "other", severity="UNKNOWN")
    landing.pull(options(server, incidents=OF_TYPE, severity=severity), hour(9))

    assert landing.rows("select severity from incidents order by incident_id") == [
        (word,) for word in known
    ]


def test_a_word_for_a_severity_that_the_map_lacks_is_told_once(system, server, landing):
    for at in (1, 2):
        system.open_issue(at, severity="LOW")
    severity = {"from": "severity", "map": {"HIGH": "sev2"}}
    landing.pull(options(server, incidents=OF_TYPE, severity=severity), hour(9))

    assert landing.notices == [
        "GitLab's severity 'LOW' is not in the map of `severity`: it counts as unknown."
    ]


def test_a_state_that_is_not_known_is_unknown_and_told_once(system, server, landing):
    for at in (1, 2):
        system.open_issue(at, state="locked")
    landing.pull(options(server, incidents=OF_TYPE), hour(9))

    assert landing.rows("select status, resolved_at from incidents") == [("unknown", None)] * 2
    assert landing.notices == [
        "GitLab has the issue state 'locked', which is not known here (see docs/gitlab.md): such "
        "an incident has the status unknown."
    ]


def test_a_service_is_that_of_a_label_or_else_that_of_the_project(system, server, landing):
    system.open_issue(1, "service::pay")
    system.open_issue(2)
    incidents = {**OF_TYPE, "services": {"service::pay": "Payments"}}
    service = {"map": {"group/shop": "Shop"}}
    landing.pull(options(server, incidents=incidents, service=service), hour(9))

    found = landing.rows("select service from incidents order by incident_id")
    assert found == [("Payments",), ("Shop",)]


@pytest.mark.parametrize("page_size", [1, 3, 100])
def test_more_incidents_of_one_moment_than_fit_on_a_page_all_land(
    system, server, landing, page_size
):
    landing.pull(options(server, incidents=OF_TYPE), hour(1))
    for _ in range(11):
        system.open_issue(5)
    landing.pull(options(server, incidents=OF_TYPE, page_size=page_size), hour(9))

    assert landing.rows("select count(*) from incidents") == [(11,)]


def test_a_clock_of_ours_that_is_ahead_loses_no_incident(system, server, landing, clock):
    clock.now = (hour(10) - hour(0)).total_seconds() + 1767225600
    system.open_issue(1)
    landing.pull(options(server, incidents=OF_TYPE), hour(15))
    system.open_issue(10.1)
    clock.now += 900
    landing.pull(options(server, incidents=OF_TYPE), hour(15.25))

    assert landing.rows(IDS) == [("group/shop#1",), ("group/shop#2",)]


def test_a_pull_that_is_cut_off_is_completed_by_the_next(system, server, landing, monkeypatch):
    monkeypatch.setattr("connectors.gitlab_incidents._ROWS_AT_ONCE", 2)
    for at in range(1, 9):
        system.turn(system.open_issue(at), at + 0.5, "closed")
    system.peer.faults[9] = faults.web_page
    with pytest.raises(SourceError):
        landing.pull(options(server, incidents=OF_TYPE, page_size=3), hour(10))
    landed = landing.rows("select count(*) from incidents")
    landing.pull(options(server, incidents=OF_TYPE, page_size=3), hour(10))

    assert landed == [(2,)]
    assert landing.rows("select count(*) from incidents") == [(8,)]


def test_a_label_that_is_lost_after_a_first_pull_was_cut_off_is_seen(
    system, server, landing, monkeypatch
):
    monkeypatch.setattr("connectors.gitlab_incidents._ROWS_AT_ONCE", 1)
    issue = system.open_issue(1, "outage")
    system.open_issue(2, "outage")
    asked = options(server, incidents={"labels": "outage"})
    system.peer.faults[5] = faults.web_page
    with pytest.raises(SourceError):
        landing.pull(asked, hour(9))
    landed = landing.rows(IDS)
    system.issues.change(issue, labels=[], updated_at=told(hour(10)))
    landing.pull(asked, hour(11))

    assert landed == [("group/shop#1",)]
    assert landing.rows(IDS) == [("group/shop#2",)]


def test_a_later_pull_that_is_cut_off_loses_none_that_it_did_not_reach(
    system, server, landing, monkeypatch
):
    monkeypatch.setattr("connectors.gitlab_incidents._ROWS_AT_ONCE", 2)
    asked = options(server, incidents=OF_TYPE, page_size=3)
    landing.pull(asked, hour(1))
    for at in range(2, 10):
        system.turn(system.open_issue(at), at + 0.5, "closed")
    system.peer.faults[system.peer.count + 8] = faults.web_page
    with pytest.raises(SourceError):
        landing.pull(asked, hour(300))
    landed = landing.rows("select count(*) from incidents")
    landing.pull(asked, hour(400))

    assert landed == [(3,)]
    assert landing.rows("select count(*) from incidents") == [(8,)]


def test_another_entry_takes_the_incidents_of_the_former_away(system, server, landing):
    system.open_issue(1, "outage")
    system.open_issue(2)
    system.deploy(3)
    landing.pull(options(server, incidents=OF_TYPE), hour(9))
    landing.pull(options(server, incidents={"labels": "outage"}), hour(10))
    narrowed = landing.rows(IDS)
    landing.pull(options(server), hour(11))

    assert narrowed == [("group/shop#1",)]
    assert landing.rows(IDS) == []
    assert landing.rows(EPISODES) == []
    assert landing.rows("select deployment_id from deployments") == [("group/shop/1",)]


def test_a_full_pull_sees_a_label_that_was_lost_meanwhile(system, server, landing):
    issue = system.open_issue(1, "outage")
    asked = options(server, incidents={"labels": "outage"})
    landing.pull(asked, hour(9))
    system.issues.change(issue, labels=[], updated_at=told(hour(10)))
    landing.pull(asked, hour(11), full=True)

    assert landing.rows(IDS) == []


def test_issues_that_may_not_be_read_name_the_scope(system, server, landing):
    system.peer.faults[3] = lambda peer, request: data({"message": "403 Forbidden"}, 403)

    with pytest.raises(SourceError, match=r"To read issues, .* a project that has issues switched"):
        landing.pull(options(server, incidents=OF_TYPE), hour(9))


def test_without_incidents_no_issue_is_asked_for(system, server, landing):
    system.open_issue(1)
    landing.pull(options(server), hour(9))

    assert system.asked(server, "/issues") == 0
    assert landing.rows(IDS) == []


@pytest.mark.parametrize(
    ("incidents", "words"),
    [
        ({}, "write `issue_type: incident`, or `labels` that incidents have"),
        ({"issue_type": "epic"}, "issue_type"),
    ],
)
def test_an_entry_that_names_no_incident_is_refused(server, incidents, words):
    with pytest.raises(ValidationError, match=words):
        gitlab.Options(connector="gitlab", **options(server, incidents=incidents))


def test_a_check_shows_one_incident_without_its_title(system, server, tmp_path):
    system.open_issue(1)
    chosen = gitlab.Options(connector="gitlab", **options(server, incidents=OF_TYPE))
    said = list(gitlab.check(chosen, Context(Path(tmp_path), hour(9))))

    assert said[-3:] == [
        "Issues of group/shop can be read; one incident: #1, opened, "
        "opened 2026-01-01T01:00:00.000Z.",
        "A pull reads what was deployed since 2026-01-01 into deployments and changes.",
        "It reads incidents that were open since 2026-01-01 into incidents and incident_episodes.",
    ]
