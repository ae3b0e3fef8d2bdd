"""GitLab's own DORA figures stay apart, and nothing waits for them."""

from __future__ import annotations

import datetime as dt

import pytest

from tests.gitlab_server import hour, options

IDS = "select deployment_id from deployments order by deployed_at, deployment_id"


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


def test_no_figure_is_asked_for_of_a_day_that_has_not_begun_in_gitlab(
    system, server, landing, clock
):
    clock.now = hour(23).replace(tzinfo=dt.UTC).timestamp()
    system.dora = {
        "deployment_frequency": [{"date": f"2026-01-0{day}", "value": 2 - day} for day in (1, 2)]
    }
    landing.pull(options(server, dora=True), hour(25))

    assert landing.rows("select day from gitlab_dora") == [(dt.date(2026, 1, 1),)]


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
