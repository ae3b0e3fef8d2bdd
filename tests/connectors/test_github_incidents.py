"""Issues of GitHub's as incidents: which they are, and how often they were open."""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from connectors import github_issues
from connectors.contract import Context, SourceError
from connectors.github_api import Repository, connected
from connectors.http import Rejected
from tests.connectors import github_shapes as shapes
from tests.connectors.github_home import DAY, HOUR, NOW, START, Home, home_of
from tests.connectors.github_peer import World
from tests.peer import Clock, cut_json, data, expired, meanwhile

LABELLED = {"incidents": {"labels": ["incident"]}}
STATE = "acme/shop"


@pytest.fixture
def home(tmp_path: Path, clock: Clock) -> Iterator[Home]:
    with home_of(tmp_path, World("acme/shop", clock=clock)) as home:
        yield home


def incidents(home: Home) -> dict[int, tuple[Any, ...]]:
    """Of each incident its status, its times, and how often it was opened again."""
    found = home.rows("select incident_id, status, opened_at, resolved_at, reopened from incidents")
    return {int(row[0].rpartition("#")[2]): row[1:] for row in found}


def episodes(home: Home) -> list[tuple[int, int, dt.datetime, dt.datetime | None]]:
    return [
        (int(row[0].rpartition("#")[2]), *row[1:])
        for row in home.rows(
            "select incident_id, episode, opened_at, resolved_at from incident_episodes "
            "order by all"
        )
    ]


# --- which issues -------------------------------------------------------------------------------


def test_without_labels_no_issue_is_asked_about(home):
    home.shop.open(START, "incident")
    home.pull()

    assert not any("/issues" in path for path in home.paths())


def test_issues_with_one_of_the_labels_are_incidents_and_requests_are_none(home):
    one = home.shop.open(START, "incident")
    two = home.shop.open(START, "bug", "Outage")
    home.shop.open(START, "bug")
    home.shop.open(START, "incident", is_request=True)
    home.pull(incidents={"labels": ["Incident", "outage"]})

    assert set(incidents(home)) == {one, two}


def test_a_row_says_what_the_issue_says(home):
    number = home.shop.open(START, "incident", title="結帳壞了 🔥", author=None)
    home.shop.close(number, START + HOUR)
    home.pull(**LABELLED)

    found = home.rows("select * exclude (_source, _first_seen, _last_seen, _run) from incidents")
    assert found == [
        (
            f"acme/shop#{number}", "shop", None, None, "結帳壞了 🔥", "resolved", START, None,
            START + HOUR, 0, None, None, None, f"acme/shop#{number}", None,
        )
    ]  # fmt: skip


def test_a_severity_is_the_first_of_the_map_among_the_labels(home):
    home.shop.open(START, "incident", "major", "critical")
    home.shop.open(START, "incident", "minor")
    home.pull(**LABELLED, severity={"from": "labels", "map": {"critical": "sev1", "major": "sev2"}})

    found = home.rows("select severity from incidents order by incident_id")
    assert found == [("sev1",), (None,)]


def test_a_severity_may_come_from_another_field(home):
    one, two = home.shop.open(START, "incident"), home.shop.open(START, "incident")
    for number, name in ((one, "Blocker"), (two, "Oddity")):
        home.shop.issues.change(number, type={"name": name}, updated_at=shapes.stamp(START))
    home.pull(**LABELLED, severity={"from": "type.name"})
    own = home.rows("select severity from incidents order by incident_id")
    home.pull(**LABELLED, severity={"from": "type.name", "map": {"Blocker": "sev1"}})

    assert own == [("Blocker",), ("Oddity",)]
    assert home.rows("select severity from incidents order by incident_id") == [
        ("sev1",),
        ("unknown",),
    ]


def test_a_state_that_nobody_knows_is_unknown_and_told(home):
    number = home.shop.open(START, "incident")
    home.shop.issues.change(number, state="suspended", updated_at=shapes.stamp(START + HOUR))
    home.pull(**LABELLED)

    assert incidents(home)[number] == ("unknown", START, None, 0)
    assert "GitHub has the issue state 'suspended', which is not known here." in (
        home.landing.notices
    )


def test_a_time_that_nobody_can_read_is_rejected_with_its_reason(home):
    good = home.shop.open(START, "incident")
    number = home.shop.open(START, "incident")
    home.shop.issues.change(number, created_at="soon")
    landed = home.pull(**LABELLED)

    assert set(incidents(home)) == {good}
    assert landed.rejected == 1


def test_issues_that_are_turned_off_bring_nothing_and_that_is_said(home):
    home.shop.has_issues = False
    home.pull(**LABELLED)

    assert home.landing.notices == ["acme/shop has its issues turned off, so no incidents."]


# --- how often they were open -------------------------------------------------------------------


def test_an_incident_that_was_opened_again_has_an_episode_more(home):
    number = home.shop.open(START, "incident")
    home.shop.close(number, START + HOUR)
    home.shop.reopen(number, START + 3 * HOUR)
    home.pull(START + 4 * HOUR, **LABELLED)
    open_again = incidents(home)[number]
    home.shop.close(number, START + 5 * HOUR)
    home.pull(**LABELLED)

    assert open_again == ("open", START, None, 1)
    assert incidents(home)[number] == ("resolved", START, START + 5 * HOUR, 1)
    assert episodes(home) == [
        (number, 1, START, START + HOUR),
        (number, 2, START + 3 * HOUR, START + 5 * HOUR),
    ]


def test_what_is_still_open_has_no_end(home):
    number = home.shop.open(START, "incident")
    home.pull(**LABELLED)

    assert incidents(home)[number] == ("open", START, None, 0)
    assert episodes(home) == [(number, 1, START, None)]


def test_one_that_is_closed_without_a_time_ended_at_its_last_change(home):
    number = home.shop.open(START, "incident")
    home.shop.close(number, START + HOUR)
    home.shop.turns[number] = home.shop.turns[number][:1]
    home.shop.issues.change(number, closed_at=None)
    home.pull(**LABELLED)

    assert incidents(home)[number] == ("resolved", START, None, 0)
    assert episodes(home) == [(number, 1, START, START + HOUR)]


def test_an_episode_that_is_no_longer_told_goes(home):
    number = home.shop.open(START, "incident")
    home.shop.close(number, START + HOUR)
    home.shop.reopen(number, START + 2 * HOUR)
    home.pull(START + 3 * HOUR, **LABELLED)
    home.shop.turns[number] = home.shop.turns[number][:1]
    home.shop.close(number, START + 4 * HOUR)
    home.pull(START + 5 * HOUR, **LABELLED)

    assert episodes(home) == [(number, 1, START, START + 4 * HOUR)]


def test_one_not_planned_is_resolved_and_a_duplicate_is_no_incident_of_its_own(home):
    plain, double = home.shop.open(START, "incident"), home.shop.open(START, "incident")
    home.pull(START + HOUR, **LABELLED)
    home.shop.close(plain, START + 2 * HOUR, "not_planned")
    home.shop.close(double, START + 2 * HOUR, "duplicate")
    home.pull(START + 3 * HOUR, **LABELLED)

    assert incidents(home) == {plain: ("resolved", START, START + 2 * HOUR, 0)}
    assert [row[0] for row in episodes(home)] == [plain]


# --- changes ------------------------------------------------------------------------------------


def test_an_issue_that_loses_or_gets_the_label_later_goes_or_comes(home):
    leaves, comes = home.shop.open(START, "incident"), home.shop.open(START, "bug")
    home.shop.close(leaves, START + HOUR)
    home.shop.reopen(leaves, START + 2 * HOUR)
    home.shop.close(leaves, START + 2 * HOUR)
    home.pull(START + 3 * HOUR, **LABELLED)
    home.shop.relabel(leaves, START + 4 * HOUR, "bug")
    home.shop.relabel(comes, START + 4 * HOUR, "bug", "incident")
    home.pull(START + 5 * HOUR, **LABELLED)

    assert set(incidents(home)) == {comes}
    assert [row[0] for row in episodes(home)] == [comes]


def test_a_first_pull_knows_what_is_still_open_however_old_it_is(home):
    old, older = home.shop.open(NOW - 800 * DAY, "incident"), home.shop.open(NOW - 900 * DAY)
    closed = home.shop.open(NOW - 700 * DAY, "incident")
    home.shop.close(closed, NOW - 600 * DAY)
    home.pull(**LABELLED)

    assert set(incidents(home)) == {old}
    assert older not in incidents(home)


def test_what_was_closed_before_the_start_is_no_row_though_it_changed_after(home):
    start = START + 10 * DAY
    before, across, again = (home.shop.open(START, "incident") for _ in range(3))
    home.shop.close(before, START + DAY)
    home.shop.close(again, START + DAY)
    home.shop.issues.change(before, updated_at=shapes.stamp(start + DAY))
    home.shop.close(across, start + DAY)
    home.shop.reopen(again, start + 2 * DAY)
    home.pull(start=start.date(), **LABELLED)

    listed = home.present(start=start.date(), **LABELLED)[0].keys["incident_id"].to_pylist()

    assert set(incidents(home)) == {across, again}
    assert sorted(listed) == [f"acme/shop#{across}", f"acme/shop#{again}"]


def test_the_next_pull_asks_only_for_what_changed(home):
    numbers = [home.shop.open(START + n * DAY, "incident") for n in range(30)]
    home.pull(START + 31 * DAY, **LABELLED)
    home.shop.close(numbers[5], START + 32 * DAY)
    home.pull(START + 33 * DAY, **LABELLED)

    asked = [path.split("/")[-2] for path in home.paths() if path.endswith("/events")]
    assert set(asked) == {str(numbers[5]), str(numbers[29])}
    assert incidents(home)[numbers[5]][0] == "resolved"


def test_one_that_appears_late_is_found_by_looking_back(home):
    first = home.shop.open(START + 2 * HOUR, "incident")
    home.pull(START + 3 * HOUR, **LABELLED)
    late = home.shop.open(START + 1.5 * HOUR, "incident")
    home.pull(START + 4 * HOUR, **LABELLED)

    assert set(incidents(home)) == {first, late}


def test_issues_of_the_same_second_are_all_read_though_a_page_holds_fewer(home):
    numbers = [home.shop.open(START, "incident") for _ in range(25)]
    later = [home.shop.open(START + n * HOUR, "incident") for n in range(1, 8)]
    home.pull(page_size=4, **LABELLED)

    assert set(incidents(home)) == {*numbers, *later}


def changed(home: Home) -> list[int]:
    """The numbers of all issues, in the order in which they were read, five a page."""
    shop = Repository("acme/shop", "", has_issues=True)
    with connected(home.chosen(page_size=5), Context(home=Path(), now=NOW)) as api:
        return [each["number"] for each in github_issues.changed(api, shop, START - DAY, {})]


def test_those_that_change_between_two_pages_hide_no_others(home):
    numbers = [home.shop.open(START + n * HOUR) for n in range(20)]

    def touch() -> None:
        for number in numbers[:3]:
            home.shop.issues.change(number, updated_at=shapes.stamp(START + 3 * DAY))

    # What the first page showed goes to the end of the list, and the others move up.
    home.world.peer.faults[2] = meanwhile(touch)

    assert changed(home) == [*numbers, *numbers[:3]]
    assert not any("page=2" in request.path for request in home.asked)


def test_those_that_are_deleted_between_two_pages_hide_no_others(home):
    numbers = [home.shop.open(START + n * HOUR) for n in range(20)]
    home.world.peer.faults[2] = meanwhile(lambda: home.shop.issues.delete(numbers[1]))

    assert changed(home) == numbers


def test_one_that_changes_among_those_of_one_second_hides_no_other(home):
    numbers = [home.shop.open(START) for _ in range(20)]
    # The second question begins at that second, and its second page is the third answer.
    home.world.peer.faults[3] = meanwhile(
        lambda: home.shop.issues.change(numbers[0], updated_at=shapes.stamp(START + HOUR))
    )
    found = changed(home)

    assert "page=2" in home.asked[2].path
    assert set(found) == set(numbers)


def test_a_page_that_comes_twice_is_an_error_and_the_next_pull_completes(home):
    numbers = [home.shop.open(START, "incident") for _ in range(20)]
    home.world.peer.faults[11] = lambda peer, request: peer.good(
        replace(request, path=request.path.replace("&page=2", "&page=1"))
    )
    with pytest.raises(SourceError, match="the same page twice"):
        home.pull(page_size=5, **LABELLED)
    assert "&page=2" in home.asked[10].path
    home.pull(page_size=5, **LABELLED)

    assert set(incidents(home)) == set(numbers)


def test_what_changed_after_the_moment_of_the_pull_waits_for_the_next(home):
    now = home.shop.open(START, "incident")
    home.shop.open(START + 2 * HOUR, "incident")
    home.pull(START + HOUR, **LABELLED)

    assert set(incidents(home)) == {now}


def test_a_first_pull_that_is_cut_goes_on_where_it_was(home, monkeypatch):
    monkeypatch.setattr("connectors.github_incidents._QUESTIONS_A_STEP", 5)
    numbers = [home.shop.open(START + n * HOUR, "incident") for n in range(20)]
    home.world.peer.faults[15] = expired
    with pytest.raises(Rejected):
        home.pull(**LABELLED)
    before = len(incidents(home))
    home.world.peer.credential = ("Authorization", "Bearer ghp_secret")
    home.pull(**LABELLED)

    assert 0 < before < 20
    assert sum(path.endswith("/events") for path in home.paths()) < 20 - before + 5
    assert set(incidents(home)) == set(numbers)


def test_one_that_loses_its_label_before_a_first_pull_ended_goes(home, monkeypatch):
    monkeypatch.setattr("connectors.github_incidents._QUESTIONS_A_STEP", 2)
    for number in range(6):
        home.shop.close(home.shop.open(START + number * HOUR, "incident"), START + 9 * HOUR)
    home.world.peer.faults[8] = lambda peer, request: data({}, 400)
    with pytest.raises(Rejected):
        home.pull(START + DAY, **LABELLED)
    landed = min(incidents(home))
    home.shop.relabel(landed, START + 2 * DAY)
    home.shop.open(START + 9 * DAY, "incident")
    home.pull(START + 10 * DAY, **LABELLED)
    home.pull(START + 11 * DAY, **LABELLED)

    assert len(incidents(home)) == 6
    assert landed not in incidents(home)


def test_an_answer_that_is_cut_in_two_is_an_error_and_the_next_pull_completes(home):
    number = home.shop.open(START, "incident")
    home.world.peer.faults[3] = cut_json
    with pytest.raises(SourceError, match="not JSON"):
        home.pull(**LABELLED)
    home.pull(**LABELLED)

    assert set(incidents(home)) == {number}


# --- deleted and moved --------------------------------------------------------------------------


def test_an_open_one_that_is_deleted_or_moved_goes_at_the_next_pull(home):
    gone, moved, stays = (home.shop.open(START, "incident") for _ in range(3))
    home.pull(START + DAY, **LABELLED)
    home.shop.issues.delete(gone)
    other = home.world.add("acme/mail")
    home.shop.issues.delete(moved)
    home.shop.moved[moved] = f"/repos/acme/mail/issues/{other.open(START, 'incident')}"
    home.pull(**LABELLED)

    assert set(incidents(home)) == {stays}
    assert [row[0] for row in episodes(home)] == [stays]


def test_one_that_is_deleted_while_it_is_read_does_not_land(home):
    number = home.shop.open(START, "incident")
    home.world.peer.faults[5] = meanwhile(lambda: home.shop.issues.delete(number))
    home.pull(**LABELLED)

    assert home.asked[4].path.startswith(f"/repos/acme/shop/issues/{number}/events")
    assert incidents(home) == {}


def test_an_open_one_that_is_merely_not_listed_stays(home):
    number = home.shop.open(START, "incident")
    home.shop.open(START + 2 * HOUR, "incident")
    home.pull(START + DAY, **LABELLED)
    # The list of open ones comes empty, as a list may that moves while it is read.
    home.world.peer.faults[home.world.peer.count + 5] = lambda peer, request: data([])
    home.pull(**LABELLED)

    assert "state=open" in home.asked[4].path
    assert number in incidents(home)


def test_without_open_incidents_nothing_is_asked_about_them(home):
    number = home.shop.open(START, "incident")
    home.shop.close(number, START + HOUR)
    home.pull(**LABELLED)
    home.pull(**LABELLED)

    assert not any("state=open" in request.path for request in home.asked)


def test_what_github_still_has_is_listed_with_all_episodes(home):
    closed, again, gone, old = (
        home.shop.open(at, "incident") for at in (START, START, START, NOW - 500 * DAY)
    )
    home.shop.close(closed, START + HOUR)
    home.shop.close(again, START + HOUR)
    home.shop.reopen(again, START + 2 * HOUR)
    home.shop.close(gone, START + HOUR)
    home.pull(**LABELLED)
    home.shop.issues.delete(gone)
    listed = home.present(**LABELLED)

    assert [(each.into, each.time, each.end) for each in listed] == [
        ("incidents", "opened_at", NOW),
        ("incident_episodes", "opened_at", NOW),
    ]
    assert old in incidents(home)
    assert all(each.start > NOW - 400 * DAY for each in listed)
    assert sorted(listed[0].keys["incident_id"].to_pylist()) == sorted(
        [f"acme/shop#{closed}", f"acme/shop#{again}"]
    )
    assert sorted(map(tuple, map(dict.values, listed[1].keys.to_pylist()))) == sorted(
        [
            (f"acme/shop#{closed}", "1"),
            (f"acme/shop#{again}", "1"),
            (f"acme/shop#{again}", "2"),
        ]
    )


def test_without_labels_nothing_is_listed(home):
    assert home.present() == []


# --- an entry that says something else ----------------------------------------------------------


def test_other_labels_take_the_incidents_of_the_former_away(home):
    one, two, both = (
        home.shop.open(START, *labels)
        for labels in (["incident"], ["outage"], ["incident", "outage"])
    )
    home.shop.close(one, START + HOUR)
    home.pull(**LABELLED)
    home.pull(incidents={"labels": ["outage"]})

    assert set(incidents(home)) == {two, both}
    assert {row[0] for row in episodes(home)} == {two, both}


def test_other_labels_before_a_first_pull_ended_take_away_what_had_landed(home, monkeypatch):
    monkeypatch.setattr("connectors.github_incidents._QUESTIONS_A_STEP", 2)
    for number in range(6):
        home.shop.close(home.shop.open(START + number * HOUR, "incident"), START + 9 * HOUR)
    last = home.shop.open(START, "outage")
    home.world.peer.faults[8] = lambda peer, request: data({}, 400)
    with pytest.raises(Rejected):
        home.pull(**LABELLED)
    before = len(incidents(home))
    home.pull(incidents={"labels": ["outage"]})

    assert before > 0
    assert set(incidents(home)) == {last}


def test_another_name_of_the_service_reads_all_incidents_anew(home):
    number = home.shop.open(START, "incident")
    home.shop.close(number, START + HOUR)
    home.pull(**LABELLED)
    home.pull(**LABELLED, service={"map": {"shop": "Online shop"}})

    for table in ("incidents", "incident_episodes"):
        assert home.rows(f"select service from {table}") == [("Online shop",)]


def test_starting_over_takes_away_what_is_no_incident_any_more(home):
    number = home.shop.open(START, "incident")
    home.shop.close(number, START + HOUR)
    home.pull(**LABELLED)
    home.shop.issues.change(number, labels=[])
    home.pull(full=True, **LABELLED)

    assert incidents(home) == {}


def test_an_earlier_start_brings_the_incidents_before(home):
    old, new = home.shop.open(START, "incident"), home.shop.open(START + 30 * DAY, "incident")
    for number in (old, new):
        home.shop.close(number, START + 31 * DAY)
    home.shop.issues.change(old, updated_at=shapes.stamp(START + DAY))
    home.pull(start=(START + 20 * DAY).date(), **LABELLED)
    late = set(incidents(home))
    home.pull(start=START.date(), **LABELLED)

    assert late == {new}
    assert set(incidents(home)) == {old, new}
