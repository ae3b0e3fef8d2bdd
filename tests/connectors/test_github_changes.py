"""Which commit went out first with which deployment of GitHub's, and when it was merged."""

from __future__ import annotations

import datetime as dt
import json
import random
from collections.abc import Iterator
from pathlib import Path

import pytest

from connectors.contract import SourceError
from connectors.http import Rejected
from tests.connectors import github_shapes as shapes
from tests.connectors.github_home import DAY, HOUR, MINUTE, NOW, START, Home, home_of
from tests.connectors.github_peer import Repository, World
from tests.peer import Clock, data, meanwhile


@pytest.fixture
def home(tmp_path: Path, clock: Clock) -> Iterator[Home]:
    with home_of(tmp_path, World("acme/shop", clock=clock)) as home:
        yield home


def line(shop: Repository, count: int, *after: str) -> list[str]:
    """Commits one on top of the other, a day apart."""
    made: list[str] = list(after)
    for number in range(count):
        made.append(shop.commit(*made[-1:], at=START + number * DAY))
    return made[len(after) :]


def changes(home: Home) -> dict[str, int]:
    """The deployment of each change."""
    return {
        sha: int(number)
        for sha, number in home.rows("select change_id, deployment_id from changes")
    }


def merged(home: Home) -> dict[str, dt.datetime | None]:
    return dict(home.rows("select change_id, merged_at from changes"))


# --- which deployment ---------------------------------------------------------------------------


def test_a_deployment_holds_what_came_since_the_one_before(home):
    one, two, three, four = line(home.shop, 4)
    home.shop.deployed(one, START + 10 * DAY)
    second = home.shop.deployed(three, START + 11 * DAY)
    third = home.shop.deployed(four, START + 12 * DAY)
    home.pull()

    assert changes(home) == {two: second, three: second, four: third}


def test_a_row_says_who_made_a_change_when_and_when_it_was_deployed(home):
    (one,) = line(home.shop, 1)
    two = home.shop.commit(one, at=START + DAY, message="Größer 🚀\n\nBecause.", author="ada")
    home.shop.merged(two, START + 2 * DAY)
    home.shop.deployed(one, START + 3 * DAY)
    number = home.shop.deployed(two, START + 4 * DAY)
    home.pull()

    assert home.rows(
        "select change_id, deployment_id, service, author, title, committed_at, merged_at, "
        "deployed_at from changes"
    ) == [
        (
            two,
            str(number),
            "shop",
            "ada",
            "Größer 🚀",
            START + DAY,
            START + 2 * DAY,
            START + 4 * DAY + MINUTE,
        )
    ]


def test_a_change_of_somebody_without_an_account_has_no_author(home):
    (one,) = line(home.shop, 1)
    two = home.shop.commit(one, at=START, author=None)
    # GitHub shows some of them as an empty object.
    three = home.shop.commit(two, at=START)
    home.shop.commits[three] = {**home.shop.commits[three], "author": {}}
    home.shop.deployed(one, START)
    home.shop.deployed(three, START + DAY)
    home.pull()

    assert home.rows("select author from changes") == [(None,), (None,)]


def test_the_changes_of_the_first_deployment_are_unknown_and_that_is_said(home):
    one, two = line(home.shop, 2)
    first = home.shop.deployed(one, START)
    home.pull(START + DAY)
    said = list(home.landing.notices)
    home.shop.deployed(two, START + 2 * DAY)
    home.pull()

    assert said == [
        f"acme/shop: the changes in deployment {first} of shop, 2026-03-02 09:01 UTC, are "
        "unknown, for there is none before it to compare with."
    ]
    assert home.landing.notices == said
    assert set(changes(home)) == {two}


def test_only_successes_count_and_the_next_one_takes_what_a_failure_did_not_bring(home):
    one, two, three = line(home.shop, 3)
    home.shop.deployed(one, START)
    home.shop.deploy(two, START + DAY, ("failure", START + DAY))
    good = home.shop.deployed(three, START + 2 * DAY)
    home.pull()

    assert changes(home) == {two: good, three: good}


def test_what_was_rolled_back_and_comes_again_keeps_its_first_deployment(home):
    one, two, three = line(home.shop, 3)
    home.shop.deployed(one, START)
    first = home.shop.deployed(two, START + DAY)
    home.shop.deployed(one, START + 2 * DAY)
    last = home.shop.deployed(three, START + 3 * DAY)
    home.pull()

    assert changes(home) == {two: first, three: last}


def test_the_same_commit_deployed_again_or_elsewhere_brings_nothing_new(home):
    one, two = line(home.shop, 2)
    home.shop.deployed(one, START)
    first = home.shop.deployed(two, START + DAY, environment="production-eu")
    home.shop.deployed(two, START + 2 * DAY, environment="production-us")
    home.pull()

    assert changes(home) == {two: first}


def test_each_service_has_its_own_first_deployment(home):
    one, two = line(home.shop, 2)
    numbers = {}
    for environment in ("prod-a", "prod-b"):
        home.shop.deployed(one, START, environment=environment)
        day = START + len(numbers) * DAY + DAY
        numbers[environment] = home.shop.deployed(two, day, environment=environment)
    home.pull(service={"from": "environment"})

    assert home.rows("select service, deployment_id::int from changes order by all") == sorted(
        numbers.items()
    )


def test_a_deployment_that_takes_long_counts_from_its_success_and_not_from_its_beginning(home):
    one, two, three = line(home.shop, 3)
    home.shop.deployed(one, START)
    slow = home.shop.deploy(two, START + DAY, ("success", START + 5 * DAY))
    quick = home.shop.deploy(three, START + 2 * DAY, ("success", START + 3 * DAY))
    home.pull()

    assert changes(home) == {two: quick, three: quick}
    assert slow not in changes(home).values()


def test_it_makes_no_difference_whether_deployments_are_read_at_once_or_as_they_come(home):
    one, two, three = line(home.shop, 3)
    home.shop.deployed(one, START)
    slow = home.shop.deploy(two, START + DAY, ("in_progress", START + DAY))
    home.pull(START + DAY + HOUR)
    quick = home.shop.deploy(three, START + 2 * DAY, ("success", START + 3 * DAY))
    home.pull(START + 4 * DAY)
    home.shop.report(slow, "success", START + 5 * DAY)
    home.pull(START + 6 * DAY)

    assert changes(home) == {two: quick, three: quick}


def test_two_lines_of_history_side_by_side_each_bring_their_own(home):
    base, main = line(home.shop, 2)
    fix = home.shop.commit(base, at=START + DAY)
    home.shop.deployed(base, START + 2 * DAY)
    first = home.shop.deployed(main, START + 3 * DAY)
    second = home.shop.deployed(fix, START + 4 * DAY)
    both = home.shop.commit(main, fix, at=START + 5 * DAY)
    third = home.shop.deployed(both, START + 6 * DAY)
    home.pull()

    assert changes(home) == {main: first, fix: second, both: third}


def test_more_commits_than_a_page_shows_are_all_there(home):
    made = line(home.shop, 60)
    home.shop.deployed(made[0], START + 100 * DAY)
    home.shop.deployed(made[-1], START + 101 * DAY)
    home.pull(NOW + 100 * DAY, page_size=7)

    assert set(changes(home)) == set(made[1:])


def test_a_comparison_that_shows_less_than_it_says_is_an_error(home):
    made = line(home.shop, 3)
    home.shop.deployed(made[0], START)
    home.shop.deployed(made[2], START + DAY)
    home.world.peer.faults[5] = lambda peer, request: data(
        {**json.loads(peer.good(request).body), "commits": []}
    )

    with pytest.raises(SourceError, match="shows 0 of the 2 commits"):
        home.pull()


# --- history that was written anew --------------------------------------------------------------


def test_commits_that_were_written_anew_are_changes_of_their_own(home):
    base, old = line(home.shop, 2)
    new = home.shop.commit(base, at=START + 3 * DAY)
    home.shop.deployed(base, START + 4 * DAY)
    first = home.shop.deployed(old, START + 5 * DAY)
    second = home.shop.deployed(new, START + 6 * DAY)
    home.pull()

    assert changes(home) == {old: first, new: second}


def test_after_a_base_that_nobody_has_any_more_changes_are_unknown_and_then_known_again(home):
    one, two = line(home.shop, 2)
    new = line(home.shop, 3)
    home.shop.deployed(one, START)
    kept = home.shop.deployed(two, START + DAY)
    home.pull(START + 2 * DAY)
    del home.shop.commits[two]
    lost = home.shop.deployed(new[1], START + 3 * DAY)
    found = home.shop.deployed(new[2], START + 4 * DAY)
    home.pull()

    assert changes(home) == {two: kept, new[2]: found}
    assert home.landing.notices[-1].endswith("are unknown, for history was written anew.")
    assert f"deployment {lost} of shop" in home.landing.notices[-1]


def test_histories_that_have_nothing_in_common_are_unknown(home):
    (one,), (other,) = line(home.shop, 1), line(home.shop, 1)
    home.shop.deployed(one, START)
    home.shop.deployed(other, START + DAY)
    home.pull()

    assert changes(home) == {}
    assert "history was written anew" in home.landing.notices[-1]


def test_a_deployed_commit_that_is_gone_leaves_the_next_one_its_base(home):
    one, two, three = line(home.shop, 3)
    home.shop.deployed(one, START)
    home.shop.deployed("f" * 40, START + DAY)
    last = home.shop.deployed(three, START + 2 * DAY)
    home.pull()

    assert changes(home) == {two: last, three: last}


def test_a_token_that_may_not_see_commits_is_not_taken_for_history_written_anew(home):
    one, two = line(home.shop, 2)
    home.shop.deployed(one, START)
    home.shop.deployed(two, START + DAY)
    # What a token may not see, GitHub calls not found.
    for place in (5, 6, 7):
        home.world.peer.faults[place] = lambda peer, request: data({"message": "Not Found"}, 404)

    with pytest.raises(Rejected, match="'Contents: read'"):
        home.pull()


@pytest.mark.slow
@pytest.mark.parametrize("seed", range(8))
def test_any_history_gives_what_git_would_say(home, seed):
    chance = random.Random(seed)
    shop = home.shop
    made = [shop.commit(at=START)]
    heads = [made[0], made[0]]
    successes = []
    for number in range(40):
        # Two lines, each of which takes the other one in from time to time.
        side = chance.randrange(2)
        parents = [heads[side], heads[1 - side]] if chance.random() < 0.2 else [heads[side]]
        heads[side] = shop.commit(*dict.fromkeys(parents), at=START + number * HOUR)
        made.append(heads[side])
        if chance.random() < 0.5:
            at = START + number * DAY
            took = chance.choice([1, 30, 100]) * HOUR
            sha = chance.choice([heads[side], heads[1 - side], chance.choice(made)])
            successes.append((at + took, shop.deploy(sha, at, ("success", at + took)), sha))
    for days in (10, 20, 21, 200):
        home.pull(START + days * DAY)

    expected: dict[str, int] = {}
    seen = set[str]()
    for place, (_, number, sha) in enumerate(sorted(successes)):
        if place:
            expected |= {each: number for each in shop.contained(sha) - seen}
        seen |= shop.contained(sha)
    assert len(expected) > 10
    assert changes(home) == expected


# --- requests -----------------------------------------------------------------------------------


def test_what_a_merge_joined_in_has_the_time_of_its_request(home):
    base, main = line(home.shop, 2)
    one = home.shop.commit(base, at=START + HOUR)
    two = home.shop.commit(one, at=START + 2 * HOUR)
    # The branch took the main line in, whose commit does not belong to the request.
    three = home.shop.commit(two, main, at=START + 2 * DAY)
    merge = home.shop.commit(main, three, at=START + 3 * DAY)
    home.shop.merged(merge, START + 3 * DAY)
    home.shop.deployed(base, START + 4 * DAY)
    home.shop.deployed(merge, START + 5 * DAY)
    home.pull()

    at = START + 3 * DAY
    assert merged(home) == {main: None, one: at, two: at, three: at, merge: at}


def test_a_squashed_request_is_known_by_the_commit_that_it_became(home):
    one, two, three = line(home.shop, 3)
    home.shop.merged(two, START + DAY)
    home.shop.merged(None, START + DAY)
    home.shop.merged("e" * 40, None, updated_at=START + 20 * DAY)
    home.shop.deployed(one, START + 4 * DAY)
    home.shop.deployed(three, START + 5 * DAY)
    home.pull()

    assert merged(home) == {two: START + DAY, three: None}


def test_a_request_merged_into_a_branch_that_was_merged_keeps_its_own_time(home):
    (base,) = line(home.shop, 1)
    topic = home.shop.commit(base, at=START)
    inner = home.shop.commit(topic, at=START + DAY)
    merge = home.shop.commit(base, inner, at=START + 3 * DAY)
    home.shop.merged(inner, START + DAY)
    home.shop.merged(merge, START + 3 * DAY)
    home.shop.deployed(base, START + 4 * DAY)
    home.shop.deployed(merge, START + 5 * DAY)
    home.pull()

    assert merged(home) == {topic: START + 3 * DAY, inner: START + DAY, merge: START + 3 * DAY}


def test_a_local_merge_without_a_request_has_no_time(home):
    (base,) = line(home.shop, 1)
    topic = home.shop.commit(base, at=START)
    merge = home.shop.commit(base, topic, at=START + 3 * DAY)
    home.shop.deployed(base, START + 4 * DAY)
    home.shop.deployed(merge, START + 5 * DAY)
    home.pull()

    assert merged(home) == {topic: None, merge: None}


def pulls_asked(home: Home) -> int:
    return sum(path.endswith("/pulls") for path in home.paths())


def test_requests_are_read_only_as_far_back_as_the_new_changes_reach(home):
    made = line(home.shop, 40)
    for number, sha in enumerate(made):
        home.shop.merged(sha, START + number * DAY)
    home.shop.deployed(made[0], START)
    home.shop.deployed(made[30], START + 35 * DAY)
    home.pull(START + 36 * DAY, page_size=5)
    first = pulls_asked(home)
    home.shop.deployed(made[39], START + 40 * DAY)
    home.pull(START + 41 * DAY, page_size=5)

    assert first == 9
    assert pulls_asked(home) == 3
    assert all(merged(home).values())


def test_a_commit_from_the_beginning_of_time_does_not_have_all_requests_read(home):
    (one,) = line(home.shop, 1)
    two = home.shop.commit(one, at=dt.datetime(1970, 1, 1))
    for number in range(40):
        home.shop.merged(shapes.sha_of(f"{number}"), START - number * 30 * DAY)
    home.shop.deployed(one, START)
    home.shop.deployed(two, START + DAY)
    home.pull(page_size=5)

    assert pulls_asked(home) == 4
    assert merged(home) == {two: None}


def test_without_new_changes_no_request_is_read(home):
    (one,) = line(home.shop, 1)
    home.shop.deployed(one, START)
    home.shop.deployed(one, START + DAY)
    home.pull()

    assert pulls_asked(home) == 0


def test_a_request_that_changes_while_others_are_read_is_not_missed(home):
    made = line(home.shop, 30)
    numbers = [home.shop.merged(sha, START + n * DAY) for n, sha in enumerate(made)]
    home.shop.deployed(made[0], START)
    home.shop.deployed(made[29], START + 35 * DAY)
    # Before the second page is asked for, an old one goes to the first, which was read already.
    late = "2026-04-20T00:00:00Z"
    home.world.peer.faults[11] = meanwhile(
        lambda: home.shop.pulls.change(numbers[3], updated_at=late)
    )
    home.pull(page_size=10)

    assert home.asked[10].path.startswith("/repos/acme/shop/pulls")
    assert all(merged(home).values())


# --- an entry that says something else ----------------------------------------------------------


def test_a_service_that_gets_a_name_does_not_stay_under_the_former_one_as_well(home):
    one, two = line(home.shop, 2)
    home.shop.deployed(one, START)
    number = home.shop.deployed(two, START + DAY)
    home.pull()
    home.pull(service={"map": {"shop": "Online shop"}})

    assert home.rows("select change_id, service, deployment_id::int from changes") == [
        (two, "Online shop", number)
    ]


def test_environments_that_no_longer_count_take_their_deployments_and_changes_away(home):
    one, two, three = line(home.shop, 3)
    home.shop.deployed(one, START, environment="production")
    home.shop.deployed(three, START + DAY, environment="prod-test")
    last = home.shop.deployed(two, START + 2 * DAY, environment="production")
    home.pull()
    before = set(changes(home))
    home.pull(production="^production$")

    assert before == {two, three}
    assert changes(home) == {two: last}
    assert home.rows("select count(*) from deployments") == [(2,)]


def test_another_place_of_deployments_takes_those_of_the_former_away(home):
    one, two = line(home.shop, 2)
    workflow = home.shop.workflow("Deploy", "deploy.yml")
    home.shop.deployed(one, START)
    home.shop.deployed(two, START + DAY)
    home.pull()
    home.shop.run(workflow, one, START + 2 * HOUR)
    number = home.shop.run(workflow, two, START + 3 * HOUR)
    home.pull(deployments="workflow:Deploy")

    assert home.rows("select count(*) from deployments") == [(2,)]
    assert changes(home) == {two: number}


def test_a_changed_entry_that_is_cut_off_is_read_to_its_end_by_the_next_pull(home, monkeypatch):
    monkeypatch.setattr("connectors.github_production._QUESTIONS_A_STEP", 2)
    made = line(home.shop, 6)
    for number, sha in enumerate(made):
        home.shop.deployed(sha, START + number * DAY)
    home.pull()
    named = {"service": {"map": {"shop": "Online shop"}}}
    home.world.peer.faults[home.world.peer.count + 8] = lambda peer, request: data({}, 400)
    with pytest.raises(Rejected):
        home.pull(**named)
    home.pull(**named)

    assert home.rows("select service, count(*) from changes group by all") == [("Online shop", 5)]


def test_an_entry_that_changes_twice_before_it_was_read_leaves_nothing_behind(home, monkeypatch):
    monkeypatch.setattr("connectors.github_production._QUESTIONS_A_STEP", 2)
    made = line(home.shop, 6)
    for number, sha in enumerate(made):
        home.shop.deployed(sha, START + number * DAY)
    home.pull()
    home.world.peer.faults[home.world.peer.count + 12] = lambda peer, request: data({}, 400)
    with pytest.raises(Rejected):
        home.pull(service={"map": {"shop": "Store"}})
    between = home.rows("select service, count(*) from changes group by all order by all")
    home.pull(service={"map": {"shop": "Online shop"}})

    assert [service for service, _ in between] == ["Store", "shop"]
    assert home.rows("select service, count(*) from changes group by all") == [("Online shop", 5)]


def test_an_earlier_start_brings_what_was_before_and_a_later_one_takes_nothing_away(home):
    made = line(home.shop, 4)
    for number, sha in enumerate(made):
        home.shop.deployed(sha, START + number * 10 * DAY)
    home.pull(start=(START + 15 * DAY).date())
    late = len(changes(home))
    home.pull(start=(START - DAY).date())
    early = len(changes(home))
    home.pull(start=(START + 25 * DAY).date())

    assert (late, early, len(changes(home))) == (1, 3, 3)


def test_what_is_read_anew_is_read_from_where_its_rows_begin_whatever_the_start(home):
    made = line(home.shop, 4)
    for number, sha in enumerate(made):
        home.shop.deployed(sha, START + number * 10 * DAY)
    home.pull()
    named = {"service": {"map": {"shop": "Online shop"}}}
    home.pull(start=(START + 25 * DAY).date(), **named)

    found = home.rows("select service, count(*) from changes group by all")
    assert found == [("Online shop", 3)]


# --- tags ---------------------------------------------------------------------------------------


def test_a_tag_before_the_start_is_what_the_first_one_after_it_is_compared_with(home):
    zero, one, two = line(home.shop, 3)
    home.shop.tag("v0", zero, START)
    home.shop.tag("v1", one, START + DAY)
    home.shop.tag("v2", two, START + 20 * DAY)
    home.pull(deployments="tags", start=(START + 10 * DAY).date())

    assert home.rows("select change_id, deployment_id, deployed_at from changes") == [
        (two, "acme/shop/v2", START + 20 * DAY)
    ]
    assert home.rows("select deployment_id from deployments") == [("acme/shop/v2",)]


def test_a_tag_that_an_old_commit_gets_later_takes_no_change_from_another(home):
    zero, one, two, three = line(home.shop, 4)
    entry = {"deployments": "tags", "start": (START + 10 * DAY).date()}
    home.shop.tag("v1", one, START + 20 * DAY)
    home.shop.tag("v2", two, START + 21 * DAY)
    home.pull(**entry)
    home.shop.tag("v0", zero, START)
    home.shop.tag("v3", three, START + 30 * DAY)
    home.pull(**entry)

    assert sorted(home.rows("select deployment_id, change_id from changes")) == [
        ("acme/shop/v2", two),
        ("acme/shop/v3", three),
    ]


def test_a_tag_beside_the_others_that_is_from_before_the_start_brings_no_change(home):
    zero, one = line(home.shop, 2)
    beside = home.shop.commit(zero, at=START)
    both = home.shop.commit(one, beside, at=START + 25 * DAY)
    entry = {"deployments": "tags", "start": (START + 10 * DAY).date()}
    home.shop.tag("v1", one, START + 20 * DAY)
    home.pull(**entry)
    home.shop.tag("v0", beside, START + DAY)
    home.shop.tag("v2", both, START + 30 * DAY)
    home.pull(**entry)

    assert home.rows("select deployment_id, change_id from changes") == [("acme/shop/v2", both)]
