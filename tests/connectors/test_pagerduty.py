"""What happened in PagerDuty is what lands: re-openings, late changes, merges, other words."""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterator
from functools import cached_property
from pathlib import Path
from typing import Any

import pyarrow as pa
import pytest
from pydantic import ValidationError

from connectors import pagerduty
from connectors.contract import Context, SourceError
from kpi import sources
from kpi.warehouse import Landed
from tests.connectors.landed import Landing
from tests.pagerduty_account import EPISODES, INCIDENTS, Account, hour
from tests.peer import Clock, Request, Server, data, meanwhile

DAY = 24


class Pagerduty:
    """An account that runs, and a source that pulls from it."""

    def __init__(self, account: Account, server: Server, folder: Path) -> None:
        self.account = account
        self.server = server
        self._folder = folder

    @cached_property
    def landing(self) -> Landing:
        return Landing(self._folder, pagerduty)

    def options(self, **more: Any) -> dict[str, Any]:
        return {"url": self.server.url, "token": "s3cret", "start": "2026-01-01", **more}

    def pull(self, at: float, **more: Any) -> Landed:
        return self.landing.pull(self.options(**more), hour(at))

    def asked(self, at: float, **more: Any) -> list[str]:
        """The paths that a pull asks for."""
        before = len(self.server.asked)
        self.pull(at, **more)
        return [request.path.partition("?")[0] for request in self.server.asked[before:]]

    def check(self, **more: Any) -> list[str]:
        chosen = pagerduty.Options(connector="pagerduty", **self.options(**more))
        return list(pagerduty.check(chosen, Context(Path("/"), hour(100))))

    def is_true(self) -> bool:
        incidents, episodes = self.landing.rows(INCIDENTS), self.landing.rows(EPISODES)
        assert incidents == self.account.incidents()
        assert episodes == self.account.episodes()
        return bool(incidents)


@pytest.fixture
def account(clock: Clock) -> Account:
    return Account(clock)


@pytest.fixture
def source(account: Account, tmp_path: Path) -> Iterator[Pagerduty]:
    with account.peer.serving() as server:
        yield Pagerduty(account, server, tmp_path)


# --- what lands ---------------------------------------------------------------------------------


def test_an_incident_lands_with_its_first_acknowledgement_and_its_resolution(account, source):
    incident = account.trigger(hour(1), title="größer 🚀")
    account.happen(
        incident, (hour(2), "acknowledge"), (hour(3), "acknowledge"), (hour(4), "resolve")
    )
    source.pull(10)

    assert source.landing.rows(INCIDENTS) == [
        (incident, "Shop", "P1", "resolved", hour(1), hour(2), hour(4), 0)
    ]
    assert source.landing.rows(EPISODES) == [(incident, 1, "Shop", "P1", hour(1), hour(4))]
    assert source.landing.rows("select title from incidents") == [("größer 🚀",)]


def test_unresolved_incidents_are_open_or_acknowledged_and_have_no_end(account, source):
    account.trigger(hour(1), priority=None)
    account.happen(account.trigger(hour(2)), (hour(3), "acknowledge"))
    source.pull(10)

    found = source.landing.rows("select severity, status, resolved_at from incidents order by 2")
    assert found == [("P1", "acknowledged", None), (None, "open", None)]
    assert source.is_true()


@pytest.mark.parametrize("reopened_as", ["reopen_log_entry", "trigger_log_entry"])
def test_a_re_opened_incident_has_an_episode_for_each_time(account, source, reopened_as):
    account.reopened_as = reopened_as
    incident = account.trigger(hour(1))
    account.happen(incident, (hour(2), "resolve"), (hour(5), "reopen"), (hour(6), "resolve"))
    source.pull(10)

    assert source.landing.rows("select reopened, resolved_at from incidents") == [(1, hour(6))]
    assert source.is_true()


def test_a_re_opening_long_after_the_resolution_is_seen(account, source):
    incident = account.trigger(hour(1))
    account.happen(incident, (hour(2), "acknowledge"), (hour(3), "resolve"))
    source.pull(10)
    account.happen(incident, (hour(90 * DAY), "reopen"))
    source.pull(90 * DAY + 1)

    found = source.landing.rows("select status, acknowledged_at, resolved_at from incidents")
    assert found == [("open", hour(2), None)]
    assert source.is_true()


def test_a_clock_of_ours_that_is_ahead_loses_nothing(account, source, clock):
    clock.now = hour(10).replace(tzinfo=dt.UTC).timestamp()
    account.happen(account.trigger(hour(1)), (hour(2), "resolve"))
    source.pull(15)
    account.happen(account.trigger(hour(10.1)), (hour(10.2), "resolve"))
    clock.now += 900
    source.pull(15.25)

    assert source.is_true()


def test_a_re_opening_that_no_entry_tells_is_dated_by_the_change_of_status(account, source):
    account.reopened_as = "something_else_log_entry"
    incident = account.trigger(hour(1))
    account.happen(incident, (hour(2), "resolve"), (hour(5), "reopen"))
    source.pull(10)

    assert source.is_true()


def test_a_re_opening_that_no_entry_tells_leaves_nothing_once_it_is_over(account, source):
    account.reopened_as = "something_else_log_entry"
    incident = account.trigger(hour(1))
    account.happen(incident, (hour(2), "resolve"), (hour(5), "reopen"))
    source.pull(10)
    account.happen(incident, (hour(11), "resolve"))
    source.pull(20)

    assert source.landing.rows("select reopened, resolved_at from incidents") == [(0, hour(11))]
    assert source.landing.rows("select episode, opened_at, resolved_at from incident_episodes") == [
        (1, hour(1), hour(11))
    ]


def test_an_incident_that_pagerduty_shows_late_is_within_the_lookback(account, source):
    late = account.trigger(hour(9.5))
    account.happen(late, (hour(9.6), "resolve"))
    account.hidden = {late}
    source.pull(10)
    account.hidden.clear()
    source.pull(11)

    assert source.is_true()


def test_without_log_entries_the_records_tell(account, source):
    account.keeps_logs = False
    incident = account.trigger(hour(1))
    account.happen(incident, (hour(2), "acknowledge"))
    source.pull(10)
    account.happen(incident, (hour(11), "resolve"))
    source.pull(20)

    assert source.landing.rows("select opened_at, resolved_at from incident_episodes") == [
        (hour(1), hour(11))
    ]


def test_an_incident_that_is_resolved_long_after_is_changed(account, source):
    incident = account.trigger(hour(1))
    source.pull(10)
    account.happen(incident, (hour(60 * DAY), "acknowledge"), (hour(61 * DAY), "resolve"))
    source.pull(62 * DAY)

    assert source.is_true()
    assert source.landing.state["open"] == {}


def test_a_story_that_is_longer_than_one_window_is_told_whole(account, source):
    incident = account.trigger(hour(1))
    account.happen(
        incident,
        (hour(2), "acknowledge"),
        (hour(3), "resolve"),
        (hour(200 * DAY), "reopen"),
        (hour(201 * DAY), "resolve"),
        (hour(400 * DAY), "reopen"),
    )
    asked = source.asked(600 * DAY)

    assert source.is_true()
    assert asked.count(f"/incidents/{incident}/log_entries") == 1


@pytest.mark.parametrize("edges", [True, False])
def test_an_incident_in_its_first_or_last_second_of_a_window_lands_once(account, source, edges):
    account.edges = edges
    for at in (180 * DAY, 180 * DAY - 1 / 3600, 180 * DAY + 1 / 3600):
        account.trigger(hour(at))
    landed = source.pull(200 * DAY, start="2026-01-05")

    assert (landed.new, landed.unchanged) == (6, 0)
    assert source.is_true()


def test_pulling_again_changes_nothing_and_asks_little(account, source):
    for at in range(1, 9):
        account.happen(account.trigger(hour(at)), (hour(at + 0.5), "resolve"))
    account.trigger(hour(9))
    source.pull(10)

    assert source.asked(20) == [
        "/incidents",
        "/log_entries",
        "/incidents",
        "/maintenance_windows",
    ]
    assert source.is_true()


# --- merged, moved, deleted ---------------------------------------------------------------------


def test_a_merged_incident_is_no_incident(account, source):
    account.merge(account.trigger(hour(1)), hour(2))
    account.trigger(hour(1))
    source.pull(10)

    assert source.is_true()
    assert len(source.landing.rows(INCIDENTS)) == 1


def test_an_incident_that_is_merged_after_it_landed_goes_with_its_episodes(account, source):
    merged, other = account.trigger(hour(1)), account.trigger(hour(1))
    account.happen(merged, (hour(2), "resolve"), (hour(3), "reopen"))
    source.pull(10)
    account.merge(merged, hour(11))
    landed = source.pull(12)

    assert landed.deleted == 3
    assert [row[0] for row in source.landing.rows(EPISODES)] == [other]
    assert source.is_true()


def test_a_new_priority_of_an_open_incident_is_seen_though_the_log_does_not_tell(account, source):
    incident = account.trigger(hour(1), priority=None)
    source.pull(10)
    account.cases[incident].priority = "P2"
    source.pull(20)

    assert source.landing.rows("select severity from incident_episodes") == [("P2",)]
    assert source.is_true()


def test_an_open_incident_that_is_nowhere_any_more_goes(account, source):
    incident = account.trigger(hour(1))
    account.trigger(hour(2))
    source.pull(10)
    account.gone = {incident}
    landed = source.pull(20)

    assert landed.deleted == 2
    assert source.is_true()


def test_an_open_incident_that_we_may_not_see_any_more_stays_and_is_told(account, source):
    incident = account.trigger(hour(1))
    source.pull(10)
    account.happen(incident, (hour(11), "resolve"))
    account.hidden = {incident}
    source.pull(20)
    assert source.landing.rows("select status from incidents") == [("open",)]
    assert source.landing.notices == [
        "PagerDuty does not show this token any more what became of unresolved incidents (1): "
        "they stay as they were."
    ]

    account.hidden.clear()
    source.pull(30)
    assert source.is_true()


# --- services and words -------------------------------------------------------------------------


def test_only_the_services_that_are_named_are_read(account, source):
    account.happen(account.trigger(hour(1), service="PSHOP01"), (hour(30), "resolve"))
    account.trigger(hour(1), service="PMAIL02")
    account.trigger(hour(1), service="PPAY003")
    source.pull(10, services=["Shop", "PPAY003"])
    source.pull(40, services=["Shop", "PPAY003"])

    assert source.landing.rows("select service from incidents order by 1") == [("Pay",), ("Shop",)]


def test_an_incident_that_moves_to_another_service_goes_where_that_is_not_read(account, source):
    incident = account.trigger(hour(1))
    source.pull(10, services="Shop")
    account.cases[incident].service = "PMAIL02"
    source.pull(20, services="Shop")

    assert source.landing.rows(INCIDENTS) == source.landing.rows(EPISODES) == []


def test_an_unknown_service_is_told_with_the_nearest_name(source):
    with pytest.raises(SourceError, match=r"names 'shopp'.* Did you mean 'Shop'"):
        source.pull(10, services=["shopp"])


def test_services_and_severities_get_our_words(account, source):
    account.trigger(hour(1), priority="P1", service="PSHOP01")
    account.trigger(hour(2), priority="P9", service="PMAIL02")
    account.trigger(hour(3), priority=None, service="PMAIL02")
    maps = {
        "severity": {"from": "priority", "map": {"P1": "sev1"}},
        "service": {"from": "service", "map": {"Shop": "Web shop"}},
    }
    source.pull(10, **maps)

    found = source.landing.rows("select service, severity from incident_episodes order by 1, 2")
    assert found == [("Mail", "unknown"), ("Mail", None), ("Web shop", "sev1")]
    assert source.landing.notices == [
        "PagerDuty's severity 'P9' is not in the map of `severity`: it counts as unknown."
    ]


def test_urgency_is_a_severity_only_where_it_is_asked_for(account, source):
    account.trigger(hour(1), priority=None)
    source.pull(10)
    assert source.landing.rows("select severity from incidents") == [(None,)]

    source.pull(11, severity={"from": "urgency"})
    assert source.landing.rows("select severity from incidents") == [("high",)]


def test_a_changed_map_reads_everything_again(account, source):
    account.happen(account.trigger(hour(1)), (hour(2), "resolve"))
    account.trigger(hour(3))
    source.pull(100 * DAY)
    source.pull(101 * DAY, severity={"from": "priority", "map": {"P1": "sev1"}})

    found = source.landing.rows("select severity, count(*) from incidents group by all")
    assert found == [("sev1", 2)]


@pytest.mark.parametrize("keeps_logs", [True, False])
def test_what_belongs_no_longer_goes_when_the_options_change(account, source, keeps_logs):
    account.keeps_logs = keeps_logs
    old = account.trigger(hour(1))
    mail, shop = account.trigger(hour(20 * DAY), service="PMAIL02"), account.trigger(hour(20 * DAY))
    account.happen(mail, (hour(20 * DAY + 1), "resolve"))
    source.pull(30 * DAY)
    assert len(source.landing.rows(INCIDENTS)) == 3

    source.pull(31 * DAY, services="Shop", start="2026-01-10")
    assert [row[0] for row in source.landing.rows(INCIDENTS)] == [shop]
    assert [row[0] for row in source.landing.rows(EPISODES)] == [shop]
    source.pull(32 * DAY)
    assert [row[0] for row in source.landing.rows(INCIDENTS)] == [old, mail, shop]


def test_the_first_pull_goes_a_year_back_and_that_day_stays(account, source):
    first = account.trigger(hour(-360 * DAY))
    account.trigger(hour(-370 * DAY))
    source.pull(1, start=None)
    source.pull(60 * DAY, start=None)

    assert [row[0] for row in source.landing.rows(INCIDENTS)] == [first]


def test_a_full_pull_reads_everything_again(account, source):
    account.happen(account.trigger(hour(1)), (hour(2), "resolve"))
    source.pull(100 * DAY)
    landed = source.landing.pull(source.options(), hour(101 * DAY), full=True)

    assert landed.unchanged == 2


# --- odd records --------------------------------------------------------------------------------


def test_a_status_that_is_not_known_lands_as_unknown_and_is_told(account, source):
    account.cases[account.trigger(hour(1))].odd["status"] = "suspended"
    source.pull(10)
    source.pull(20)

    assert source.landing.rows("select status, resolved_at from incidents") == [("unknown", None)]
    assert source.landing.notices[0] == (
        "PagerDuty has the status 'suspended', which is not known here."
    )


def test_a_time_that_is_none_is_rejected_with_its_reason(account, source):
    account.cases[account.trigger(hour(1))].odd["created_at"] = "yesterday"
    account.trigger(hour(2))
    landed = source.pull(10)

    assert (landed.rejected, len(source.landing.rows(INCIDENTS))) == (1, 1)
    assert source.landing.rows("select reason from kpi.rejects") == [
        ("opened_at is not a date: “yesterday”",)
    ]


def test_a_resolution_whose_time_is_none_is_rejected_too(account, source):
    incident = account.trigger(hour(1))
    account.happen(incident, (hour(2), "resolve"))
    account.cases[incident].odd["resolved_at"] = "later"

    assert source.pull(10).rejected == 2


def test_records_that_lack_what_may_be_null_land(account, source):
    incident = account.trigger(hour(1))
    account.happen(incident, (hour(2), "resolve"))
    account.cases[incident].odd |= {
        "service": None,
        "priority": None,
        "title": None,
        "acknowledgements": None,
        "resolved_at": None,
    }
    source.pull(10)

    found = source.landing.rows("select service, severity, title, resolved_at from incidents")
    assert found == [(None, None, "[#1] down", hour(2))]


@pytest.mark.parametrize("embeds", ["all", "but the priority", "nothing"])
def test_entries_may_show_any_part_of_their_incident(account, source, embeds):
    account.embeds = embeds
    incident = account.trigger(hour(1))
    source.pull(10)
    account.happen(incident, (hour(20), "resolve"), (hour(21), "reopen"), (hour(22), "resolve"))
    source.pull(30)

    assert source.is_true()


# --- maintenance windows ------------------------------------------------------------------------

WINDOWS = "select window_id, service, begins_at, ends_at, announced from maintenance_windows"


def test_a_maintenance_window_is_a_row_for_each_service_in_utc(account, source):
    account.maintain(
        "PWIN01", "2026-01-06T20:00:00-05:00", "2026-01-06T22:00:00-05:00", "PSHOP01", "PMAIL02"
    )
    source.pull(DAY)

    begins, ends = dt.datetime(2026, 1, 7, 1), dt.datetime(2026, 1, 7, 3)
    assert source.landing.rows(f"{WINDOWS} order by 2") == [
        ("PWIN01", "Mail", begins, ends, True),
        ("PWIN01", "Shop", begins, ends, True),
    ]


def test_a_window_counts_as_announced_only_if_it_was_seen_before_it_began(account, source):
    account.maintain("PWIN01", "2026-01-06T00:00:00Z", "2026-01-06T01:00:00Z")
    source.pull(1)
    account.maintain("PWIN02", "2026-01-06T00:00:00Z", "2026-01-06T01:00:00Z")
    source.pull(3 * DAY)
    source.pull(4 * DAY)

    found = source.landing.rows(
        "select window_id, announced from maintenance_windows order by window_id"
    )
    assert found == [("PWIN01", True), ("PWIN02", None)]


def test_a_window_that_is_called_off_goes(account, source):
    account.maintain("PWIN01", "2026-01-06T00:00:00Z", "2026-01-06T01:00:00Z")
    account.maintain("PWIN02", "2026-01-07T00:00:00Z", "2026-01-07T01:00:00Z")
    source.pull(1)
    del account.windows["PWIN02"]
    source.pull(2)
    assert [row[0] for row in source.landing.rows(WINDOWS)] == ["PWIN01"]

    account.windows.clear()
    source.pull(3)
    assert source.landing.rows(WINDOWS) == []


def test_windows_of_other_services_and_from_before_the_start_do_not_come(account, source):
    account.maintain("PWIN01", "2025-06-06T00:00:00Z", "2025-06-06T01:00:00Z")
    account.maintain("PWIN02", "2026-01-06T00:00:00Z", "2026-01-06T01:00:00Z", "PMAIL02")
    account.maintain("PWIN03", "2026-01-06T00:00:00Z", "2026-01-06T01:00:00Z", "PMAIL02", "PSHOP01")
    source.pull(10, services="Shop")

    found = source.landing.rows("select window_id, service from maintenance_windows")
    assert found == [("PWIN03", "Shop")]


def test_incidents_come_without_the_permission_for_maintenance_windows(account, source):
    account.trigger(hour(1))
    account.peer.faults[4] = lambda peer, request: data({"error": {"message": "Denied"}}, 403)
    source.pull(10)

    assert source.is_true()
    (notice,) = source.landing.notices
    assert "Maintenance windows stay as they were." in notice and "services.read" in notice


# --- what is still there, and what is proven ----------------------------------------------------


def test_what_is_still_there_is_told_by_windows_that_touch(account, source):
    kept = [account.trigger(hour(at)) for at in (1, 100 * DAY, 190 * DAY)]
    account.merge(account.trigger(hour(2)), hour(3))
    account.trigger(hour(4), service="PMAIL02")
    chosen = pagerduty.Options(connector="pagerduty", **source.options(services="Shop"))
    found = list(pagerduty.present(chosen, {}, Context(Path("/"), hour(200 * DAY))))

    keys = pa.concat_tables(each.keys for each in found)
    assert keys.to_pydict() == {"incident_id": kept}
    assert {(each.into, each.time) for each in found} == {("incidents", "opened_at")}
    assert [each.start for each in found[1:]] == [each.end for each in found[:-1]]
    assert (found[0].start, found[-1].end) == (dt.datetime(2026, 1, 1), hour(200 * DAY))


def test_what_goes_between_two_pages_hides_nothing_that_is_still_there(account, source):
    made = [account.trigger(hour(number)) for number in range(8)]
    account.peer.faults[2] = meanwhile(lambda: account.gone.add(made[0]))
    chosen = pagerduty.Options(connector="pagerduty", **source.options(page_size=3))
    found = list(pagerduty.present(chosen, {}, Context(Path("/"), hour(20))))

    assert {key for each in found for key in each.keys["incident_id"].to_pylist()} >= {*made[1:]}


def test_a_check_proves_each_permission_and_shows_an_incident_without_its_title(account, source):
    account.trigger(hour(1), title="call Jo")

    assert source.check(services=["Shop", "Pay"]) == [
        f"Reached {source.server.url}; it takes `token` as one of the account or of an app.",
        "Incidents can be read: 1 were created in the last 30 days.",
        "The last of them: PINC0001, open, severity P1, on Shop, created 2026-01-05T01:00:00Z.",
        "Log entries can be read, which tell of acknowledgements and re-openings.",
        "All 2 services in `services` are there.",
        "Maintenance windows can be read.",
        "A pull reads the incidents of 2 services that were created since 2026-01-01 into "
        "incidents and incident_episodes.",
    ]


def test_a_check_tells_whose_token_it_is_by_the_role_alone(account, source):
    user = {"id": "PUSER01", "name": "Jo", "email": "jo@example.org", "role": "observer"}
    account.peer.faults[2] = lambda peer, request: data({"user": user})

    assert source.check()[0].endswith("it takes `token` as one of a user with the role observer.")


@pytest.mark.parametrize(
    ("fault", "status", "words"),
    [
        (1, 401, "https://api.eu.pagerduty.com"),
        (1, 403, "the scope incidents.read"),
        (3, 403, "all log entries"),
        (4, 403, "the scope services.read"),
        (1, 402, "PagerDuty's plan of this account"),
    ],
)
def test_a_refusal_names_what_the_token_lacks(account, source, fault, status, words):
    def refuse(peer: Any, request: Request) -> Any:
        return data({"error": {"message": "Denied", "code": 2010}}, status)

    account.peer.faults[fault] = refuse

    with pytest.raises(SourceError, match=words) as caught:
        source.check(services="Shop")
    assert "s3cret" not in str(caught.value)


def test_a_check_without_the_permission_for_maintenance_windows_says_so_and_holds(account, source):
    account.peer.faults[4] = lambda peer, request: data({"error": {"message": "Denied"}}, 403)

    assert source.check()[-2].startswith("Maintenance windows will not come.")


def test_a_key_is_sent_as_a_token_and_an_oauth_token_as_a_bearer(account, source):
    account.peer.credential = ("Authorization", "Bearer pdus+" + "x" * 40)
    account.trigger(hour(1))
    source.pull(10, token="pdus+" + "x" * 40)

    headers = source.server.asked[0].headers
    assert headers["Accept"] == "application/vnd.pagerduty+json;version=2"
    assert headers["Content-Type"] == "application/json"


@pytest.mark.parametrize("mark", ["", "# "])
def test_the_entry_that_is_written_is_one_with_and_without_its_comments(mark):
    lines = [line.removeprefix(mark) for line in pagerduty.ENTRY.splitlines()]
    text = "version: 1\nsources:\n  pages:\n" + "".join(f"    {line}\n" for line in lines)
    (source,) = sources.parse(text).sources

    assert (source.connector, source.into) == ("pagerduty", pagerduty.TABLES)


@pytest.mark.parametrize("wrong", [{"page_size": 101}, {"page_size": 1}, {"service": "Shop"}])
def test_what_pagerduty_cannot_do_is_refused(source, wrong):
    with pytest.raises(ValidationError):
        source.pull(1, **wrong)
