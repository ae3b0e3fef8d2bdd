"""When a deployment of GitHub's was in production: by its statuses, its run, or its tag."""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterator
from pathlib import Path

import pytest

from connectors.contract import SourceError
from connectors.http import Rejected
from tests.connectors.github_home import DAY, HOUR, MINUTE, NOW, START, Home, home_of
from tests.connectors.github_peer import World
from tests.peer import (
    Allowance,
    Clock,
    cut_json,
    data,
    expired,
    failing,
    hanging_up,
    meanwhile,
    web_page,
)


@pytest.fixture
def home(tmp_path: Path, clock: Clock) -> Iterator[Home]:
    with home_of(tmp_path, World("acme/shop", clock=clock)) as home:
        yield home


def deployments(home: Home) -> dict[str, tuple[str | None, dt.datetime | None, bool | None]]:
    """Of each deployment its status, when it was deployed, and whether it failed."""
    found = home.rows("select deployment_id, status, deployed_at, failed from deployments")
    return {row[0]: row[1:] for row in found}


def one(home: Home) -> tuple[str | None, dt.datetime | None, bool | None]:
    (found,) = deployments(home).values()
    return found


# --- statuses -----------------------------------------------------------------------------------


def test_the_first_success_counts_whatever_comes_later(home):
    sha = home.shop.commit(at=START)
    # The states an hour apart, and what they come to, with the place of the one that counts.
    cases = [
        (["success"], ("success", 0, False)),
        (["queued", "in_progress", "success"], ("success", 2, False)),
        (["success", "inactive"], ("success", 0, False)),
        (["in_progress", "success", "success"], ("success", 1, False)),
        (["failure", "success"], ("success", 1, False)),
        (["success", "failure"], ("success", 0, False)),
        (["success", "error", "inactive"], ("success", 0, False)),
        (["inactive"], ("inactive", 0, False)),
        (["inactive", "inactive"], ("inactive", 0, False)),
        (["failure"], ("failure", 0, True)),
        (["in_progress", "error"], ("error", 1, True)),
        (["failure", "inactive"], ("failure", 0, True)),
        (["pending"], ("pending", None, None)),
        (["in_progress", "inactive"], ("inactive", None, None)),
        ([], (None, None, None)),
    ]
    expected = {}
    for states, (status, place, failed) in cases:
        times = [START + HOUR * number for number in range(len(states))]
        number = home.shop.deploy(sha, START, *zip(states, times, strict=True))
        expected[str(number)] = (status, None if place is None else times[place], failed)
    home.pull()

    assert deployments(home) == expected


def test_statuses_of_the_same_second_are_taken_in_their_order(home):
    sha = home.shop.commit(at=START)
    home.shop.deploy(sha, START, ("in_progress", START), ("cancelled", START))
    home.pull()

    assert one(home) == ("cancelled", None, None)


def test_only_production_counts_and_production_is_a_pattern(home):
    sha = home.shop.commit(at=START)
    for environment in ("production", "Prod-EU", "staging", "preproduction", "live"):
        home.shop.deployed(sha, START, environment=environment)
    home.pull()
    usual = len(deployments(home))
    home.pull(production="^(live|Prod)")

    assert usual == 2
    assert len(deployments(home)) == 2


def test_a_deployment_that_went_on_to_production_counts_from_its_success_there(home):
    sha = home.shop.commit(at=START)
    number = home.shop.deploy(sha, START, ("success", START + HOUR), environment="staging")
    home.shop.report(number, "success", START + 3 * HOUR, environment="production")
    home.pull()

    assert one(home) == ("success", START + 3 * HOUR, False)


def test_a_version_names_the_branch_and_the_commit(home):
    sha = home.shop.commit(at=START)
    for ref in ("main", "v1.2", sha):
        home.shop.deployed(sha, START, ref=ref)
    home.pull()

    found = home.rows("select version from deployments order by deployment_id::int")
    assert [row[0] for row in found] == [f"main ({sha[:7]})", f"v1.2 ({sha[:7]})", sha[:7]]


def test_a_status_that_nobody_knows_is_unknown_and_told_once(home):
    sha = home.shop.commit(at=START)
    for _ in range(2):
        home.shop.deploy(sha, START, ("on_hold", START + HOUR))
    home.pull(START + 2 * HOUR)

    assert set(deployments(home).values()) == {("unknown", None, None)}
    assert [text for text in home.landing.notices if "on_hold" in text] == [
        "GitHub has the deployment status 'on_hold', which is not known here (see docs/github.md): "
        "it is unknown, and so is whether such a deployment failed."
    ]


def test_the_service_is_the_repository_or_the_environment_as_the_map_calls_it(home):
    sha = home.shop.commit(at=START)
    home.shop.deployed(sha, START, environment="production-mail")
    services = []
    for service in (
        {},
        {"map": {"shop": "Online shop"}},
        {"map": {"acme/shop": "The shop"}},
        {"from": "environment"},
        {"from": "environment", "map": {"production-mail": "Mail"}},
    ):
        home.pull(service=service)
        services += home.rows("select service from deployments")

    assert [row[0] for row in services] == [
        "shop",
        "Online shop",
        "The shop",
        "production-mail",
        "Mail",
    ]


# --- what is asked again ------------------------------------------------------------------------


def statuses_asked(home: Home) -> list[str]:
    return [path.split("/")[-2] for path in home.paths() if path.endswith("/statuses")]


def test_a_deployment_that_succeeded_is_asked_about_only_once(home):
    sha = home.shop.commit(at=START)
    home.shop.deployed(sha, START)
    home.pull(START + HOUR)
    home.pull(START + HOUR)
    again = statuses_asked(home)
    home.pull(START + 30 * DAY)

    assert again == []
    assert statuses_asked(home) == []


def test_one_under_way_is_asked_about_until_it_succeeds(home):
    sha = home.shop.commit(at=START)
    number = home.shop.deploy(sha, START, ("in_progress", START + MINUTE))
    home.pull(START + HOUR)
    early = one(home)
    home.pull(START + 20 * DAY)
    home.shop.report(number, "success", START + 21 * DAY)
    home.pull(START + 22 * DAY)

    assert early == ("in_progress", None, None)
    assert one(home) == ("success", START + 21 * DAY, False)


def test_one_under_way_is_given_up_when_nothing_can_last_so_long(home):
    sha = home.shop.commit(at=START)
    home.shop.deploy(sha, START, ("in_progress", START + MINUTE))
    home.pull(START + 36 * DAY)
    home.pull(START + 36 * DAY)

    assert statuses_asked(home) == []
    assert home.landing.state["repositories"]["acme/shop"]["deployments"]["waiting"] == []


def test_what_ended_otherwise_may_still_succeed_for_some_days(home):
    sha = home.shop.commit(at=START)
    numbers = [
        home.shop.deploy(sha, START, *((state, START) for state in states))
        for states in (["failure"], ["error"], ["pending", "inactive"], [])
    ]
    home.pull(START + 2 * HOUR)
    home.pull(START + 2 * DAY)
    later = statuses_asked(home)
    for number in numbers:
        home.shop.report(number, "success", START + 3 * DAY - HOUR)
    home.pull(START + 3 * DAY)
    home.pull(START + 5 * DAY)

    assert later == list(map(str, numbers))
    assert set(deployments(home).values()) == {("success", START + 3 * DAY - HOUR, False)}
    assert statuses_asked(home) == []


def test_a_failure_is_settled_after_some_days(home):
    sha = home.shop.commit(at=START)
    home.shop.deploy(sha, START, ("failure", START))
    home.pull(START + 2 * HOUR)
    home.pull(START + 4 * DAY)
    home.pull(START + 4 * DAY)

    assert statuses_asked(home) == []
    assert one(home) == ("failure", START, True)


def test_one_under_way_that_is_deleted_is_no_deployment(home):
    sha = home.shop.commit(at=START)
    number = home.shop.deploy(sha, START, ("pending", START))
    home.pull(START + 2 * HOUR)
    home.shop.deployments.delete(number)
    home.pull(START + 3 * HOUR)

    assert deployments(home) == {}
    assert home.landing.state["repositories"]["acme/shop"]["deployments"]["waiting"] == []


def test_one_that_succeeded_took_place_even_where_it_is_deleted_later(home):
    sha = home.shop.commit(at=START)
    number = home.shop.deployed(sha, START)
    home.pull(START + 2 * HOUR)
    home.shop.deployments.delete(number)
    home.pull(START + 3 * HOUR)

    assert one(home) == ("success", START + MINUTE, False)


def test_a_success_after_the_moment_of_the_pull_waits_for_the_next(home):
    sha = home.shop.commit(at=START)
    home.shop.deploy(sha, START, ("success", START + 2 * HOUR))
    home.pull(START + HOUR)
    state = home.landing.state["repositories"]["acme/shop"]["deployments"]
    home.pull(START + 3 * HOUR)

    assert state["services"] == {}
    assert home.landing.state["repositories"]["acme/shop"]["deployments"]["services"]


def test_one_that_appears_late_is_found_by_looking_back(home):
    sha = home.shop.commit(at=START)
    home.shop.deployed(sha, START + HOUR)
    home.pull(START + 2 * HOUR)
    home.shop.deployed(sha, START + HOUR / 2)
    home.pull(START + 2 * HOUR)

    assert len(deployments(home)) == 2


def test_a_later_start_leaves_out_what_is_still_under_way_before_it(home):
    sha = home.shop.commit(at=START)
    home.shop.deploy(sha, START, ("pending", START))
    home.pull(START + DAY)
    home.pull(START + 5 * DAY, start=(START + 2 * DAY).date())

    assert statuses_asked(home) == []


# --- a first pull -------------------------------------------------------------------------------


def test_a_first_pull_goes_back_a_year_or_to_the_start(home):
    sha = home.shop.commit(at=START - 800 * DAY)
    for back in (700, 400, 300, 10):
        home.shop.deployed(sha, NOW - back * DAY)
    home.pull()
    usual = len(deployments(home))
    home.pull(start=(NOW - 500 * DAY).date())

    assert usual == 2
    assert len(deployments(home)) == 3


def test_deployments_come_page_by_page_and_none_is_lost_while_others_are_deleted(home):
    sha = home.shop.commit(at=START)
    numbers = [home.shop.deployed(sha, START + n * HOUR) for n in range(25)]
    # Before the second page is asked for, three of the first one go: others move up past it.
    gone = numbers[-3:]
    home.world.peer.faults[3] = meanwhile(
        lambda: [home.shop.deployments.delete(number) for number in gone]
    )
    home.pull(page_size=10)

    assert set(map(int, deployments(home))) == set(numbers[:-3])


def test_new_deployments_between_two_pages_come_at_the_next_pull_at_the_latest(home):
    sha = home.shop.commit(at=START)
    numbers = [home.shop.deployed(sha, START + n * HOUR) for n in range(25)]
    late = START + 25 * HOUR
    home.world.peer.faults[3] = meanwhile(lambda: numbers.append(home.shop.deployed(sha, late)))
    home.pull(START + 26 * HOUR, page_size=10)
    home.pull(START + 27 * HOUR, page_size=10)

    assert set(map(int, deployments(home))) == set(numbers)


def test_what_was_read_stays_when_a_pull_is_cut_and_the_next_goes_on(home, monkeypatch):
    monkeypatch.setattr("connectors.github_production._QUESTIONS_A_STEP", 5)
    sha = home.shop.commit(at=START)
    numbers = [home.shop.deployed(sha, START + n * HOUR) for n in range(20)]
    home.world.peer.faults[25] = expired
    with pytest.raises(Rejected, match="takes `token` no longer"):
        home.pull()
    before = len(deployments(home))
    home.world.peer.credential = ("Authorization", "Bearer ghp_secret")
    home.pull()

    assert 0 < before < 20
    assert len(statuses_asked(home)) <= 20 - before + 5
    assert set(map(int, deployments(home))) == set(numbers)


# --- the system has bad moments -----------------------------------------------------------------


@pytest.mark.parametrize("fault", [cut_json, hanging_up, failing(502)])
@pytest.mark.parametrize("place", [2, 4])
def test_after_a_bad_answer_the_next_pull_brings_everything(home, fault, place):
    sha = home.shop.commit(at=START)
    later = home.shop.commit(sha, at=START)
    home.shop.deployed(sha, START)
    home.shop.deployed(later, START + HOUR)
    home.world.peer.faults[place] = fault
    for _ in range(2):
        try:
            home.pull()
        except SourceError:
            assert fault is cut_json

    assert len(deployments(home)) == 2
    assert home.rows("select change_id from changes") == [(later,)]


def test_a_page_to_sign_in_is_not_taken_for_an_answer(home):
    home.world.peer.faults[1] = web_page

    with pytest.raises(SourceError, match="a web page instead of data"):
        home.pull()


def test_a_limit_is_waited_for_as_long_as_it_says(home, clock):
    sha = home.shop.commit(at=START)
    for number in range(6):
        home.shop.deployed(sha, START + number * HOUR)
    home.world.peer.allowance = Allowance(
        5, 300, "epoch seconds", reset="x-ratelimit-reset", remaining="x-ratelimit-remaining",
        status=403,
    )  # fmt: skip
    home.pull()

    assert len(deployments(home)) == 6
    assert clock.waits == [300.0, 300.0]


def test_a_limit_that_lasts_too_long_ends_the_pull_and_says_when_to_come_back(home):
    home.shop.deployed(home.shop.commit(at=START), START)
    home.world.peer.allowance = Allowance(
        2, 3000, "epoch seconds", reset="x-ratelimit-reset", remaining="x-ratelimit-remaining",
        status=403,
    )  # fmt: skip

    with pytest.raises(SourceError, match="asks us to wait 3000 seconds"):
        home.pull()


@pytest.mark.parametrize(
    ("headers", "wait"), [({"Retry-After": "7"}, 7.0), ({"x-ratelimit-remaining": "4000"}, 60.0)]
)
def test_a_secondary_limit_is_told_by_its_words_or_by_retry_after(home, clock, headers, wait):
    said = {"message": "You have exceeded a secondary rate limit. Please wait a few minutes."}
    home.world.peer.faults[2] = lambda peer, request: data(said, 403, headers)
    home.pull()

    assert clock.waits == [wait]


def test_a_failing_system_with_a_reset_header_is_asked_again_soon(home, clock):
    home.world.peer.faults[2] = failing(503, {"x-ratelimit-reset": "9999999999"})
    home.pull()

    assert len(clock.waits) == 1
    assert clock.waits[0] < 5


# --- permissions and names ----------------------------------------------------------------------


def test_a_repository_that_is_not_there_is_told_with_the_nearest(home):
    with pytest.raises(SourceError) as caught:
        home.pull(repositories=["acme/shpo"])

    assert "names acme/shpo" in str(caught.value)
    assert "Did you mean 'acme/shop'?" in str(caught.value)


def test_a_repository_of_nobody_we_know_is_told_with_what_the_token_lacks(home):
    with pytest.raises(SourceError, match="'Metadata: read'"):
        home.pull(repositories=["other/thing"])


def test_a_missing_permission_is_named(home):
    home.world.peer.faults[2] = lambda peer, request: data(
        {"message": "Resource not accessible by personal access token"}, 403
    )

    with pytest.raises(SourceError, match="needs the permission 'Deployments: read'"):
        home.pull()


@pytest.mark.parametrize("status", [400, 500])
def test_what_is_no_matter_of_permissions_is_not_told_as_one(home, status):
    for place in range(2, 9):
        home.world.peer.faults[place] = failing(status)

    with pytest.raises(Rejected) as caught:
        home.pull()
    assert "permission" not in str(caught.value)


def test_no_error_shows_the_token(home):
    home.world.peer.credential = ("Authorization", "another")

    with pytest.raises(SourceError) as caught:
        home.pull()
    assert "ghp_secret" not in str(caught.value)
    assert "`token`" in str(caught.value)


def test_all_repositories_of_an_owner_are_read_also_new_ones(home):
    sha = home.shop.commit(at=START)
    home.shop.deployed(sha, START)
    home.pull(repositories="acme/*")
    mail = home.world.add("acme/mail")
    mail.deployed(mail.commit(at=START), START)
    home.world.add("else/where")
    home.pull(repositories="acme/*")

    assert home.rows("select service from deployments order by all") == [("mail",), ("shop",)]


def test_a_name_that_is_written_twice_in_other_letters_is_one_repository(home):
    home.shop.deployed(home.shop.commit(at=START), START)
    home.pull(repositories=["acme/shop", "Acme/Shop"])

    assert len(statuses_asked(home)) == 1


def test_a_server_of_ones_own_is_asked_below_its_prefix(tmp_path, clock):
    world = World("acme/shop", clock=clock, prefix="/api/v3")
    with home_of(tmp_path, world, prefix="/api/v3") as home:
        sha = home.shop.commit(at=START)
        for number in range(15):
            home.shop.deployed(sha, START + number * HOUR)
        home.pull(page_size=10)

        assert len(deployments(home)) == 15


# --- runs of a workflow -------------------------------------------------------------------------


@pytest.mark.parametrize("name", ["Deploy", "deploy.yml", ".github/workflows/deploy.yml"])
def test_every_run_of_a_workflow_is_a_deployment(home, name):
    workflow = home.shop.workflow("Deploy", ".github/workflows/deploy.yml")
    other = home.shop.workflow("Test", ".github/workflows/test.yml")
    sha = home.shop.commit(at=START)
    number = home.shop.run(workflow, sha, START)
    home.shop.run(other, sha, START)
    home.pull(deployments=f"workflow:{name}")

    assert deployments(home) == {str(number): ("success", START + MINUTE, False)}


def test_a_run_that_failed_ended_then_and_any_other_without_success_has_no_end(home):
    workflow = home.shop.workflow("Deploy", "deploy.yml")
    sha = home.shop.commit(at=START)
    expected = {}
    for status, conclusion, failed in [
        ("completed", "failure", True),
        ("completed", "timed_out", True),
        ("completed", "startup_failure", True),
        ("completed", "cancelled", None),
        ("completed", "skipped", None),
        ("in_progress", None, None),
        ("waiting", None, None),
    ]:
        number = home.shop.run(workflow, sha, START, status=status, conclusion=conclusion)
        ended = START + MINUTE if failed else None
        expected[str(number)] = (conclusion or status, ended, failed)
    home.pull(deployments="workflow:Deploy")

    assert deployments(home) == expected


def test_a_run_that_is_tried_again_counts_from_its_first_success(home):
    workflow = home.shop.workflow("Deploy", "deploy.yml")
    sha = home.shop.commit(at=START)
    failed = home.shop.run(workflow, sha, START, conclusion="failure")
    good = home.shop.run(workflow, sha, START + HOUR)
    home.shop.try_again(good, updated_at="2026-03-05T00:00:00Z")
    home.pull(START + 2 * HOUR, deployments="workflow:Deploy")
    first = deployments(home)
    home.shop.try_again(failed, conclusion="success", updated_at="2026-03-03T10:00:00Z")
    home.pull(START + 2 * DAY, deployments="workflow:Deploy")

    assert first[str(failed)] == ("failure", START + MINUTE, True)
    assert deployments(home) == {
        str(failed): ("success", dt.datetime(2026, 3, 3, 10), False),
        str(good): ("success", START + HOUR + MINUTE, False),
    }


def test_a_run_ended_with_its_last_job_whatever_changed_it_later(home):
    workflow = home.shop.workflow("Deploy", "deploy.yml")
    number = home.shop.run(workflow, home.shop.commit(at=START), START)
    home.shop.runs.change(number, updated_at="2026-05-20T00:00:00Z")
    home.pull(deployments="workflow:Deploy")

    assert one(home) == ("success", START + MINUTE, False)


@pytest.mark.slow
def test_more_runs_than_github_shows_at_once_are_read_in_parts(home):
    workflow = home.shop.workflow("Deploy", "deploy.yml")
    sha = home.shop.commit(at=START)
    # One in every second, so that no second between two parts may be left out.
    for number in range(1300):
        at = START + number * dt.timedelta(seconds=1)
        home.shop.run(workflow, sha, at, conclusion="failure")
    home.pull(START + 2 * DAY, start="2026-03-01", deployments="workflow:Deploy")

    assert home.rows("select count(*) from deployments") == [(1300,)]


def test_a_run_that_is_deleted_between_two_pages_hides_no_other(home):
    workflow = home.shop.workflow("Deploy", "deploy.yml")
    sha = home.shop.commit(at=START)
    numbers = [home.shop.run(workflow, sha, START + n * MINUTE, conclusion="failure")
               for n in range(25)]  # fmt: skip
    home.world.peer.faults[4] = meanwhile(
        lambda: [home.shop.runs.delete(number) for number in numbers[-3:]]
    )
    home.pull(START + DAY, start=START.date(), page_size=10, deployments="workflow:Deploy")

    assert "&page=2" in home.asked[3].path
    assert set(map(int, deployments(home))) >= set(numbers[:-3])


@pytest.mark.slow
def test_more_runs_in_one_second_than_github_shows_are_an_error(home):
    workflow = home.shop.workflow("Deploy", "deploy.yml")
    sha = home.shop.commit(at=START)
    for _ in range(1001):
        home.shop.run(workflow, sha, START)

    with pytest.raises(SourceError, match="no more than 1,000 runs"):
        home.pull(START + DAY, start="2026-03-01", deployments="workflow:Deploy")


def test_a_workflow_that_is_not_there_is_told_with_the_nearest(home):
    home.shop.workflow("Deploy", ".github/workflows/deploy.yml")

    with pytest.raises(SourceError, match=r"no workflow 'Deplyo'. Did you mean 'Deploy'\?"):
        home.pull(deployments="workflow:Deplyo")


def test_of_all_repositories_those_without_the_workflow_have_no_deployments(home):
    workflow = home.shop.workflow("Deploy", "deploy.yml")
    home.world.add("acme/notes")
    home.shop.run(workflow, home.shop.commit(at=START), START)
    home.pull(repositories=["acme/*"], deployments="workflow:Deploy")

    assert home.rows("select service from deployments") == [("shop",)]


# --- tags ---------------------------------------------------------------------------------------


def test_a_tag_is_a_deployment_at_its_own_date_or_at_that_of_its_commit(home):
    one, two = home.shop.commit(at=START), home.shop.commit(at=START + DAY)
    home.shop.tag("v1", one, START + 5 * DAY)
    home.shop.tag("v2", two)
    home.shop.tag("nightly", two)
    home.pull(deployments="tags")

    assert deployments(home) == {
        "acme/shop/v1": (None, START + 5 * DAY, None),
        "acme/shop/v2": (None, START + DAY, None),
    }


def test_a_tag_on_a_tag_leads_to_the_commit_and_one_on_a_file_to_nothing(home):
    sha = home.shop.commit(at=START)
    home.shop.tag("inner", sha, START + DAY)
    inner = home.shop.references["inner"]["object"]["sha"]
    home.shop.tag("v1", inner, START + 2 * DAY)
    home.shop.tag("v2", "0" * 40)
    home.pull(deployments="tags")

    assert deployments(home) == {"acme/shop/v1": (None, START + 2 * DAY, None)}


def test_only_tags_that_are_new_or_moved_are_asked_about(home):
    sha = home.shop.commit(at=START)
    home.shop.tag("v1", sha, START)
    home.pull(deployments="tags:v*")
    home.shop.tag("v2", sha, START + DAY)
    home.pull(deployments="tags:v*")
    asked = [path for path in home.paths() if "/git/tags/" in path]
    home.shop.tag("v1", sha, START + 2 * DAY)
    home.pull(deployments="tags:v*")

    assert len(asked) == 1
    assert deployments(home)["acme/shop/v1"] == (None, START + 2 * DAY, None)


def test_a_repository_without_commits_has_no_tags(home):
    home.pull(deployments="tags")

    assert deployments(home) == {}
