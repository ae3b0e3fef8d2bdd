"""Whatever goes wrong in between, what has landed stays, and the next pull completes it."""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, urlsplit

import pytest

from connectors import pagerduty
from connectors.contract import SourceError
from tests import peer as faults
from tests.connectors.landed import Landing
from tests.pagerduty_account import Account, hour
from tests.peer import Allowance, Answer, Clock, Peer, Request, Server, data

IDS = "select incident_id from incidents order by 1"


@pytest.fixture
def account(clock: Clock) -> Account:
    return Account(clock)


@pytest.fixture
def server(account: Account) -> Iterator[Server]:
    with account.peer.serving() as server:
        yield server


@pytest.fixture
def landing(tmp_path: Path) -> Landing:
    return Landing(tmp_path, pagerduty)


def options(server: Server, **more: Any) -> dict[str, Any]:
    return {"url": server.url, "token": "s3cret", "start": "2026-01-01", **more}


def spans(server: Server, path: str) -> list[tuple[dt.datetime, dt.datetime]]:
    """The stretches of time that were asked for, each once."""
    asked = [
        parse_qs(urlsplit(request.path).query)
        for request in server.asked
        if request.path.startswith(f"{path}?") and "statuses" not in request.path
    ]
    times = [(query["since"][0], query["until"][0]) for query in asked]
    read = dt.datetime.fromisoformat
    return [(read(since), read(until)) for since, until in dict.fromkeys(times)]


def ids(landing: Landing) -> list[str]:
    return [incident for (incident,) in landing.rows(IDS)]


# --- windows ------------------------------------------------------------------------------------


def test_every_question_names_its_zone_and_no_more_than_half_a_year(account, server, landing):
    account.happen(account.trigger(hour(1)), (hour(2), "resolve"), (hour(9000), "reopen"))
    landing.pull(options(server), hour(10_000))
    lists = [request for request in server.asked if "since=" in request.path]

    assert lists
    assert all(request.query["time_zone"] == "UTC" for request in server.asked)
    assert all(r.query["since"].endswith("Z") and r.query["until"].endswith("Z") for r in lists)
    assert max(until - since for since, until in spans(server, "/incidents")) < dt.timedelta(181)


def test_a_window_with_too_many_incidents_is_halved(account, server, landing, monkeypatch):
    monkeypatch.setattr("connectors.pagerduty_api._MOST", 6)
    account.cap = 10
    monkeypatch.setattr("connectors.pagerduty_api._CAP", 10)
    made = [account.trigger(hour(100 + number / 2)) for number in range(40)]
    landing.pull(options(server, page_size=4), hour(1000))

    assert ids(landing) == made
    assert len(spans(server, "/incidents")) > 7


def test_a_total_that_grows_past_the_cap_while_it_is_read_halves_the_window_too(
    account, server, landing, monkeypatch
):
    monkeypatch.setattr("connectors.pagerduty_api._CAP", 10)
    account.cap = 10
    made = [account.trigger(hour(number)) for number in range(9)]
    account.peer.faults[2] = faults.meanwhile(
        lambda: made.extend(account.trigger(hour(10 + number)) for number in range(9))
    )
    landing.pull(options(server, page_size=5), hour(1000))

    assert ids(landing) == sorted(made)


def test_more_in_a_minute_than_pagerduty_shows_is_an_error(account, server, landing, monkeypatch):
    monkeypatch.setattr("connectors.pagerduty_api._MOST", 6)
    for second in range(9):
        account.trigger(hour(100 + second / 3600))

    with pytest.raises(SourceError, match="more incidents in the minute from 2026-01-09T0"):
        landing.pull(options(server, page_size=4), hour(110))


def test_a_question_that_takes_pagerduty_too_long_is_asked_for_less(account, server, landing):
    made = [account.trigger(hour(1)), account.trigger(hour(1000))]
    account.peer.faults[1] = lambda peer, request: data({"error": {"message": "slow"}}, 408)
    landing.pull(options(server), hour(2000))

    assert ids(landing) == made
    assert len(spans(server, "/incidents")) > 1


def test_of_too_many_unresolved_incidents_the_newest_are_watched(
    account, server, landing, monkeypatch
):
    monkeypatch.setattr("connectors.pagerduty_reading._MOST_OPEN", 2)
    made = [account.trigger(hour(number), priority=None) for number in range(4)]
    landing.pull(options(server), hour(10))
    for incident in made:
        account.cases[incident].priority = "P2"
    account.happen(made[0], (hour(11), "resolve"))
    landing.pull(options(server), hour(12))

    assert list(landing.state["open"]) == made[2:]
    found = landing.rows("select severity from incidents order by incident_id")
    assert found == [("P2",), (None,), ("P2",), ("P2",)]
    assert "4 incidents are unresolved in PagerDuty, of which 2 are watched" in landing.notices[0]


# --- while it is read ---------------------------------------------------------------------------


def test_incidents_of_the_same_second_on_two_pages_all_land(account, server, landing):
    made = [account.trigger(hour(1)) for _ in range(11)]
    landing.pull(options(server, page_size=3), hour(10))

    assert ids(landing) == made


def test_an_incident_that_goes_between_two_pages_hides_no_other(account, server, landing):
    made = [account.trigger(hour(number)) for number in range(8)]
    account.peer.faults[2] = faults.meanwhile(lambda: account.gone.add(made[0]))
    landing.pull(options(server, page_size=3), hour(20))
    assert set(ids(landing)) >= set(made[1:])

    landing.pull(options(server), hour(21))
    assert ids(landing) == made[1:]


def test_a_resolution_between_two_pages_is_there_at_the_next_pull_at_the_latest(
    account, server, landing
):
    made = [account.trigger(hour(number)) for number in range(8)]
    account.peer.faults[2] = faults.meanwhile(
        lambda: account.happen(made[0], (hour(20.5), "resolve"))
    )
    landing.pull(options(server, page_size=3), hour(20))
    landing.pull(options(server), hour(21))

    assert landing.rows("select resolved_at from incidents where resolved_at is not null") == [
        (hour(20.5),)
    ]
    assert landing.rows("select count(*) from incident_episodes") == [(8,)]


@pytest.mark.parametrize(
    ("place", "fault"),
    [(2, faults.repeated), (3, faults.cut_json), (4, faults.web_page), (6, faults.empty)],
)
def test_a_page_that_is_none_fails_the_pull_and_the_next_one_completes_it(
    account, server, landing, fault, place
):
    made = [account.trigger(hour(number)) for number in range(6)]
    account.happen(made[0], (hour(7), "acknowledge"), (hour(8), "resolve"))
    account.peer.faults[place] = fault
    with pytest.raises(SourceError):
        landing.pull(options(server, page_size=3), hour(10))
    landing.pull(options(server), hour(11))

    assert ids(landing) == made
    assert landing.rows("select count(*) from incident_episodes") == [(6,)]


def test_incidents_of_another_time_than_was_asked_for_are_no_answer(account, server, landing):
    made = [account.trigger(hour(at)) for at in (1, 5000)]
    first: list[Answer] = []

    def kept(peer: Peer, request: Request) -> Answer:
        first.append(peer.good(request))
        return first[0]

    account.peer.faults = {1: kept, 3: lambda peer, request: first[0]}
    with pytest.raises(SourceError, match=r"Asked for the incidents from 2026-06-\d\dT"):
        landing.pull(options(server), hour(6000))
    landing.pull(options(server), hour(6001))

    assert ids(landing) == made


def test_the_log_of_another_incident_is_no_answer(account, server, landing):
    one, other = account.trigger(hour(1)), account.trigger(hour(2))
    landing.pull(options(server), hour(3))
    account.happen(one, (hour(4), "resolve"), (hour(5), "reopen"), (hour(6), "resolve"))
    wrong = account.peer.good(_log_of(other))

    def mistaken(peer: Peer, request: Request) -> Answer:
        return wrong if request.path.startswith(f"/incidents/{one}/log") else peer.good(request)

    account.peer.faults = dict.fromkeys(range(1, 100), mistaken)
    with pytest.raises(SourceError, match=f"Asked for the incident {one}, PagerDuty answers"):
        landing.pull(options(server), hour(7))
    account.peer.faults = {}
    landing.pull(options(server), hour(8))

    assert landing.rows("select reopened from incidents order by incident_id") == [(1,), (0,)]


def _log_of(incident: str) -> Request:
    asked = f"/incidents/{incident}/log_entries?time_zone=UTC&limit=100&is_overview=true"
    return Request("GET", asked, {"Authorization": "Token token=s3cret"}, "")


@pytest.mark.parametrize("fault", [faults.broken_off, faults.hanging_up, faults.failing(502)])
def test_what_breaks_off_is_asked_for_again(account, server, landing, fault):
    made = [account.trigger(hour(number)) for number in range(6)]
    account.peer.faults[2] = fault
    landing.pull(options(server, page_size=3), hour(10))

    assert ids(landing) == made


def test_a_limit_is_waited_for_as_many_seconds_as_pagerduty_says(account, server, landing, clock):
    made = [account.trigger(hour(number)) for number in range(9)]
    account.peer.allowance = Allowance(
        5, 60, "seconds", reset="ratelimit-reset", remaining="ratelimit-remaining"
    )
    landing.pull(options(server, page_size=3), hour(10))

    assert ids(landing) == made
    assert clock.waits
    assert set(clock.waits) == {60.0}


def test_the_reset_of_a_limit_is_no_reason_to_wait_after_a_failure(account, server, landing, clock):
    account.trigger(hour(1))
    account.peer.faults[1] = faults.failing(503, {"ratelimit-reset": "9999"})
    landing.pull(options(server), hour(10))

    assert sum(clock.waits) < 60


def test_a_token_that_expires_keeps_what_has_landed_and_the_next_one_goes_on(
    account, server, landing
):
    made = [account.trigger(hour(at)) for at in (1, 5000, 9000)]
    account.peer.faults[4] = faults.expired
    with pytest.raises(SourceError, match="takes `token` no longer"):
        landing.pull(options(server), hour(10_000))
    assert ids(landing) == made[:1]

    account.peer.credential = ("Authorization", "Token token=another")
    before = len(server.asked)
    landing.pull(options(server, token="another"), hour(10_001))
    assert ids(landing) == made
    assert spans(Server(server.url, server.asked[before:]), "/incidents")[0][0].month == 6


def test_a_change_of_options_that_is_cut_off_goes_on_where_it_was(account, server, landing):
    mail = [account.trigger(hour(at), service="PMAIL02") for at in (1, 9000)]
    shop = account.trigger(hour(9001))
    for incident in mail:
        account.happen(incident, (hour(9002), "resolve"))
    landing.pull(options(server), hour(10_000))
    assert ids(landing) == [*mail, shop]

    before = len(server.asked)
    account.peer.faults[before + 5] = faults.expired
    with pytest.raises(SourceError):
        landing.pull(options(server, services="Shop"), hour(10_001))
    assert landing.state["swept_from"] is not None
    account.peer.credential = ("Authorization", "Token token=s3cret")
    landing.pull(options(server, services="Shop"), hour(10_002))
    assert ids(landing) == [shop]
    assert landing.state["swept_from"] is None
