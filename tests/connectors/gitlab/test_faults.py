"""Whatever goes wrong while GitLab is read, nothing is lost."""

from __future__ import annotations

import pytest

from connectors.contract import SourceError
from tests import peer as faults
from tests.gitlab_server import hour, options
from tests.peer import Allowance


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
