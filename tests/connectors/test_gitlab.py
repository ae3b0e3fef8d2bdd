"""What GitLab deployed to production arrives, with the merge requests that it shipped first."""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from pydantic import ValidationError

from connectors import gitlab
from connectors.contract import Context, SourceError
from tests import peer as faults
from tests.connectors.landed import Landing
from tests.gitlab_server import GitLab, hour
from tests.peer import Allowance, Clock, Server, data

IDS = "select deployment_id from deployments order by deployed_at, deployment_id"
CHANGES = "select change_id, deployment_id, deployed_at from changes order by change_id"
DEPLOYED = "select status, deployed_at, failed from deployments order by deployment_id"


@pytest.fixture
def system(clock: Clock) -> GitLab:
    return GitLab(clock)


@pytest.fixture
def server(system: GitLab) -> Iterator[Server]:
    with system.peer.serving() as server:
        yield server


@pytest.fixture
def landing(tmp_path: Path) -> Landing:
    return Landing(tmp_path, gitlab)


def options(server: Server, **more: Any) -> dict[str, Any]:
    return {
        "url": server.url,
        "token": "s3cret",
        "projects": "group/shop",
        "start": "2026-01-01",
        **more,
    }


def checked(server: Server, tmp_path: Path, **more: Any) -> list[str]:
    chosen = gitlab.Options(connector="gitlab", **options(server, **more))
    return list(gitlab.check(chosen, Context(tmp_path, hour(100))))


# --- deployments --------------------------------------------------------------------------------


def test_a_deployment_is_deployed_when_its_job_ended_in_success(system, server, landing):
    system.deploy(2, changed=5)
    system.deploy(3, status="failed")
    system.deploy(4, status="canceled")
    system.deploy(5, status="running")
    landing.pull(options(server), hour(10))

    assert landing.rows(DEPLOYED) == [
        ("success", hour(2), False),
        ("failed", None, True),
        ("canceled", None, None),
        ("running", None, None),
    ]


def test_the_end_of_a_deployment_goes_before_that_of_its_job_and_its_last_change_is_the_last_resort(
    system, server, landing
):
    system.deploy(2, finished_at="2026-01-01T03:00:00.000+01:00", changed=6)
    system.deploy(3, deployable=None, changed=7)
    landing.pull(options(server), hour(10))

    assert landing.rows("select deployed_at from deployments order by 1") == [
        (hour(2),),
        (hour(7),),
    ]


def test_a_deployment_that_runs_is_there_as_a_success_once_it_is_one(system, server, landing):
    running = system.deploy(2, status="running")
    landing.pull(options(server), hour(3))
    system.deployments.change(
        running,
        status="success",
        updated_at="2026-01-01T05:00:00.000Z",
        deployable={"finished_at": "2026-01-01T05:00:00.000Z"},
    )
    landing.pull(options(server), hour(6))

    assert landing.rows(DEPLOYED) == [("success", hour(5), False)]


def test_production_is_what_the_name_or_the_tier_says(system, server, landing):
    system.deploy(1, environment="production/eu")
    system.deploy(2, environment="staging")
    system.deploy(3, environment="customers")
    tiers = system.environments.all(where=lambda each: each["name"] == "customers")
    system.environments.change(tiers[0]["id"], tier="production")
    landing.pull(
        options(server, service={"from": "environment", "map": {"customers": "Web"}}), hour(9)
    )

    assert landing.rows("select service from deployments order by deployed_at") == [
        ("production/eu",),
        ("Web",),
    ]


def test_a_version_is_a_tag_or_a_commit_and_no_branch(system, server, landing):
    system.deploy(1)
    system.deploy(2, ref="v2", deployable={"tag": True, "finished_at": "2026-01-01T02:00:00Z"})
    landing.pull(options(server), hour(9))

    assert landing.rows("select version from deployments order by deployed_at") == [
        (f"{100:040x}",),
        ("v2",),
    ]


def test_deployments_of_several_projects_have_ids_of_their_own(system, server, landing):
    system.projects[8] = "group/api"
    system.deploy(1)
    system.deploy(2, project=8, iid=1)
    landing.pull(options(server, projects=["group/shop", 8, "group%2Fapi"]), hour(9))

    assert landing.rows(IDS) == [("group/shop/1",), ("group/api/1",)]


def test_what_was_created_before_the_start_is_no_row_though_it_changed_after(
    system, server, landing
):
    system.deploy(1, changed=50)
    system.deploy(40)
    landing.pull(options(server, start="2026-01-02"), hour(60))

    assert landing.rows(IDS) == [("group/shop/2",)]


def test_a_word_that_is_not_known_is_told_and_no_failure(system, server, landing):
    system.deploy(1, status="paused")
    landing.pull(options(server), hour(9))

    assert landing.rows(DEPLOYED) == [("paused", None, None)]
    assert "the deployment status 'paused', which is not known here" in landing.notices[0]


def test_a_pattern_for_production_decides_alone(system, server, landing):
    system.deploy(1)
    system.deploy(2, environment="live")
    landing.pull(options(server, production="^live$"), hour(9))

    assert landing.rows(IDS) == [("group/shop/2",)]
    assert system.asked(server, "/environments") == 0


def test_environments_that_may_not_be_read_leave_their_names(system, server, landing):
    system.deploy(1)
    system.deploy(2, environment="customers")
    system.peer.faults[4] = lambda peer, request: data({"message": "403 Forbidden"}, 403)
    landing.pull(options(server), hour(9))

    assert landing.rows(IDS) == [("group/shop/1",)]
    assert "only their names tell which are production" in landing.notices[0]


# --- pages --------------------------------------------------------------------------------------


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
    system.peer.faults[4] = faults.repeated

    with pytest.raises(SourceError, match="other deployments than were asked for"):
        landing.pull(options(server, page_size=3), hour(10))


def test_a_limit_is_waited_for_until_the_moment_that_gitlab_says(system, server, landing, clock):
    for number in range(1, 9):
        system.deploy(number)
    system.peer.allowance = Allowance(
        5, 60, "epoch seconds", reset="RateLimit-Reset", remaining="RateLimit-Remaining"
    )
    landing.pull(options(server, page_size=3), hour(10))

    assert landing.rows("select count(*) from deployments") == [(8,)]
    assert clock.waits


# --- changes ------------------------------------------------------------------------------------


def test_a_change_is_a_merge_request_from_its_first_commit_to_its_first_deployment(
    system, server, landing
):
    request = system.merge(
        "2026-01-01T02:30:00.000+02:00", "2026-01-01T01:00:00.000+02:00", merged=3
    )
    system.deploy(4, request, status="failed")
    system.deploy(5, request)
    landing.pull(options(server), hour(9))

    assert landing.rows(
        "select change_id, deployment_id, service, author, title, committed_at, merged_at, "
        "deployed_at from changes"
    ) == [("merge1", "group/shop/2", "group/shop", "dev", "Change 1", hour(-1), hour(3), hour(5))]


def test_a_change_is_called_by_what_landed_of_it(system, server, landing):
    system.deploy(
        5,
        system.merge(squash_commit_sha="squash1"),
        system.merge(merge_commit_sha=None, squash_commit_sha="squash2"),
        system.merge(merge_commit_sha=None),
        system.merge(merge_commit_sha=None, sha=None),
    )
    landing.pull(options(server), hour(9))

    assert [change for change, *_ in landing.rows(CHANGES)] == [
        "group/shop!4",
        "head3",
        "merge1",
        "squash2",
    ]


def test_what_is_unknown_of_a_change_is_null(system, server, landing):
    system.deploy(5, system.merge(author=None), system.merge(author={"username": "ghost"}))
    landing.pull(options(server), hour(9))

    assert landing.rows("select author, committed_at from changes") == [(None, None)] * 2


def test_a_change_keeps_its_first_deployment_and_is_asked_for_its_commits_once(
    system, server, landing
):
    request = system.merge("2026-01-01T00:00:00Z")
    system.deploy(5, request)
    landing.pull(options(server), hour(5.5))
    system.deploy(6, request, environment="prod-us")
    landing.pull(options(server), hour(7))

    assert landing.rows(CHANGES) == [("merge1", "group/shop/1", hour(5))]
    assert system.asked(server, "/commits") == 1


def test_the_first_deployment_counts_though_it_changed_after_the_second(system, server, landing):
    request = system.merge("2026-01-01T00:00:00Z")
    system.deploy(5, request, changed=20)
    system.deploy(6, request, environment="prod-us")
    landing.pull(options(server, page_size=1), hour(30))

    assert landing.rows(CHANGES) == [("merge1", "group/shop/1", hour(5))]


def test_merge_requests_that_are_linked_late_are_there_with_the_next_pull(system, server, landing):
    deployment = system.deploy(5)
    landing.pull(options(server), hour(5.1))
    system.shipped[deployment] = [system.merge("2026-01-01T00:00:00Z")]
    landing.pull(options(server), hour(50))

    assert landing.rows(CHANGES) == [("merge1", "group/shop/1", hour(5))]


def test_what_was_merged_before_the_start_is_no_change(system, server, landing):
    system.deploy(50, system.merge(merged=23), system.merge(merged=25))
    landing.pull(options(server, start="2026-01-02"), hour(60))

    assert [change for change, *_ in landing.rows(CHANGES)] == ["merge2"]


# --- options ------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "more",
    [
        {"production": "^staging"},
        {"service": {"map": {"group/shop": "Shop"}}},
        {"projects": "group/api"},
    ],
)
def test_after_a_change_of_options_there_are_the_rows_that_a_first_pull_brings(
    system, server, landing, tmp_path, more
):
    system.projects[8] = "group/api"
    system.deploy(1, system.merge())
    system.deploy(2, system.merge(), environment="staging")
    system.deploy(3, system.merge(), project=8)
    landing.pull(options(server), hour(9))
    landing.pull(options(server, **more), hour(10))
    (tmp_path / "fresh").mkdir()
    fresh = Landing(tmp_path / "fresh", gitlab)
    fresh.pull(options(server, **more), hour(10))
    rows = "select change_id, c.service, d.deployment_id from changes c full join deployments d "
    rows += "using (deployment_id)"

    assert landing.rows(rows) == fresh.rows(rows)
    assert len(landing.rows(rows)) == 1


def test_a_project_more_leaves_the_others_as_they_are(system, server, landing):
    system.projects[8] = "group/api"
    system.deploy(1, system.merge())
    system.deploy(2, project=8)
    landing.pull(options(server), hour(9))
    landing.pull(options(server, projects=["group/shop", "group/api"]), hour(10))

    assert landing.rows(IDS) == [("group/shop/1",), ("group/api/2",)]
    assert system.asked(server, "/commits") == 1


def test_a_wrong_expression_for_production_is_refused():
    with pytest.raises(ValidationError, match="is no regular expression"):
        gitlab.Options(connector="gitlab", token="s3cret", projects=["a/b"], production="prod(")


# --- DORA figures -------------------------------------------------------------------------------


def test_figures_of_gitlab_have_a_table_of_their_own_and_an_unknown_one_is_null(
    system, server, landing
):
    system.dora = {
        "deployment_frequency": [{"date": "2026-01-01", "value": 3}],
        "lead_time_for_changes": [{"date": "2026-06-01", "value": None}],
    }
    landing.pull(options(server, dora=True), dt.datetime(2026, 7, 1))

    assert landing.rows("select day, project, figure, reported from gitlab_dora order by 1") == [
        (dt.date(2026, 1, 1), "group/shop", "deployment_frequency", 3.0),
        (dt.date(2026, 6, 1), "group/shop", "lead_time_for_changes", None),
    ]


@pytest.mark.parametrize("days", [0, 1, 89, 90, 91, 180])
def test_every_day_of_figures_is_asked_for(system, server, landing, days):
    first = dt.date(2026, 1, 1)
    every = [first + dt.timedelta(days=number) for number in range(days + 1)]
    system.dora = {"deployment_frequency": [{"date": str(day), "value": 1} for day in every]}
    landing.pull(options(server, dora=True), dt.datetime.combine(every[-1], dt.time(12)))

    assert landing.rows("select day from gitlab_dora order by 1") == [(day,) for day in every]


def test_without_ultimate_that_is_told_once_and_everything_else_comes(system, server, landing):
    system.projects[8] = "group/api"
    system.deploy(1)
    landing.pull(options(server, projects=["group/shop", "group/api"], dora=True), hour(9))

    assert landing.rows(IDS) == [("group/shop/1",)]
    assert len(landing.notices) == 1
    assert "need its Ultimate edition" in landing.notices[0]


def test_figures_that_are_not_asked_for_any_more_go(system, server, landing):
    system.dora = {"deployment_frequency": [{"date": "2026-01-01", "value": 3}]}
    system.deploy(1)
    landing.pull(options(server, dora=True), hour(9))
    landing.pull(options(server), hour(10))

    assert landing.rows("select count(*) from gitlab_dora") == [(0,)]
    assert landing.rows(IDS) == [("group/shop/1",)]


# --- check and reconcile ------------------------------------------------------------------------


def test_a_check_says_what_it_found(system, server, tmp_path):
    system.deploy(5, system.merge())

    assert checked(server, tmp_path, dora=True)[1:] == [
        "Can be read: group/shop.",
        "The last deployment of group/shop: success, to production (production), with merge "
        "requests, changed 2026-01-01T05:00:00.000Z.",
        "DORA figures will not come: they need GitLab Ultimate, and the role Reporter "
        "(401: You do not have permission to access dora metrics.).",
        "A pull reads what was deployed since 2026-01-01 into deployments and changes.",
    ]


def test_a_check_names_what_the_token_lacks(system, server, tmp_path):
    system.scopes = ["read_user"]

    with pytest.raises(SourceError, match="has the scopes read_user, and cannot read projects"):
        checked(server, tmp_path)


def test_a_project_that_is_not_shown_is_named_with_the_nearest(system, server, tmp_path):
    with pytest.raises(SourceError, match=r"no project 'group/shp'.*Did you mean 'group/shop'\?"):
        checked(server, tmp_path, projects="group/shp")


def test_deployments_that_may_not_be_read_name_the_scope(system, server, landing):
    system.peer.faults[2] = lambda peer, request: data({"message": "403 Forbidden"}, 403)

    with pytest.raises(SourceError, match="deployments, `token` needs the scope read_api"):
        landing.pull(options(server), hour(9))


def test_what_gitlab_still_has_is_listed_without_its_merge_requests(system, server, tmp_path):
    for number in range(1, 6):
        system.deploy(number, system.merge())
    system.deployments.delete(101)
    chosen = gitlab.Options(connector="gitlab", **options(server, page_size=2))
    (found,) = gitlab.present(chosen, {}, Context(tmp_path, hour(9)))

    assert set(found.keys["deployment_id"].to_pylist()) == {
        f"group/shop/{number}" for number in (1, 3, 4, 5)
    }
    assert system.asked(server, "/merge_requests") == 0
