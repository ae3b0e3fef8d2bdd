"""What GitLab deployed to production arrives, with the merge requests that it shipped first."""

from __future__ import annotations

from pathlib import Path

import pytest
from pydantic import ValidationError

from connectors import gitlab
from connectors.contract import Context, SourceError
from tests.connectors.landed import Landing
from tests.gitlab_server import hour, options
from tests.peer import data

IDS = "select deployment_id from deployments order by deployed_at, deployment_id"
CHANGES = "select change_id, deployment_id, deployed_at from changes order by change_id"
DEPLOYED = "select status, deployed_at, failed from deployments order by deployment_id"


# --- deployments --------------------------------------------------------------------------------


def test_a_deployment_is_dated_by_the_end_of_its_job_in_success_or_failure(system, server, landing):
    system.deploy(2, changed=5)
    system.deploy(3, status="failed")
    system.deploy(4, status="canceled")
    system.deploy(5, status="running")
    landing.pull(options(server), hour(10))

    assert landing.rows(DEPLOYED) == [
        ("success", hour(2), False),
        ("failed", hour(3), True),
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


def test_a_word_that_is_not_known_is_unknown_and_told_once(system, server, landing):
    system.deploy(1, status="paused")
    system.deploy(2, status="paused")
    landing.pull(options(server), hour(9))

    assert landing.rows(DEPLOYED) == [("unknown", None, None)] * 2
    assert landing.notices == [
        "GitLab has the deployment status 'paused', which is not known here (see docs/gitlab.md): "
        "it is unknown, and so is whether such a deployment failed."
    ]


def test_what_an_earlier_version_has_read_in_another_way_is_read_anew(system, server, landing):
    system.deploy(1, status="paused")
    landing.pull(options(server), hour(9))
    left = {name: value for name, value in landing.state["asked"].items() if name != "reading"}
    chosen = gitlab.Options(connector="gitlab", **options(server))
    first, *_ = gitlab.pull(chosen, {**landing.state, "asked": left}, Context(Path(), hour(9)))

    assert first.rows["deployment_id"].to_pylist() == ["group/shop/1"]
    assert first.shape.mode == "replace"


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


def test_a_deployment_whose_time_cannot_be_read_is_rejected_and_not_dropped(
    system, server, landing
):
    system.deploy(1)
    system.deploy(2, finished_at="soon")

    assert landing.pull(options(server), hour(9)).rejected == 1
    assert landing.rows(IDS) == [("group/shop/1",)]


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


def test_what_is_read_anew_takes_nothing_away_before_it_is_whole(
    system, server, landing, monkeypatch
):
    monkeypatch.setattr("connectors.gitlab_reading._ROWS_AT_ONCE", 1)
    for at in range(1, 9):
        system.deploy(at, system.merge())
    landing.pull(options(server), hour(9))
    before = landing.rows("select count(*) from deployments"), len(landing.rows(CHANGES))
    renamed = options(server, service={"map": {"group/shop": "Shop"}}, page_size=3)
    system.peer.faults[system.peer.count + 6] = lambda peer, request: data({}, 400)
    with pytest.raises(SourceError):
        landing.pull(renamed, hour(10))
    cut = landing.rows("select service, count(*) from deployments group by all")
    left = len(landing.rows(CHANGES))
    landing.pull(renamed, hour(11))

    assert before == ([(8,)], 8)
    assert (cut, left) == ([("group/shop", 8)], 8)
    assert landing.rows("select service, count(*) from deployments group by all") == [("Shop", 8)]
    assert landing.rows("select service, count(*) from changes group by all") == [("Shop", 8)]


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


# --- what is there no more ----------------------------------------------------------------------


def test_a_deployment_that_gitlab_has_no_more_goes_with_its_changes_and_comes_back_with_them(
    system, server, landing
):
    first = system.deploy(2, system.merge("2026-01-01T00:30:00Z"))
    system.deploy(3, system.merge("2026-01-01T00:40:00Z"))
    landing.pull(options(server), hour(9))
    deployment, _ = system.deployments.all("id")
    system.deployments.delete(first)
    landing.reconcile(options(server), hour(10))
    left = landing.rows(IDS), landing.rows("select change_id from changes")
    system.deployments.put(deployment)
    landing.reconcile(options(server), hour(11))

    assert left == ([("group/shop/2",)], [("merge2",)])
    assert landing.rows(IDS) == [("group/shop/1",), ("group/shop/2",)]
    assert landing.rows("select change_id from changes order by 1") == [("merge1",), ("merge2",)]
