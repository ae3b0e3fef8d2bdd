"""What ServiceNow says becomes incidents, however it turns pages and hides records."""

from __future__ import annotations

import datetime as dt
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pyarrow as pa
import pytest
from pydantic import ValidationError

from connectors import servicenow
from connectors.contract import Context, SourceError
from connectors.servicenow_api import condition_fields
from tests import peer as faults
from tests.connectors.landed import Landing
from tests.connectors.servicenow_instance import (
    TOKEN,
    USER,
    Instance,
    at,
    incident,
    number,
)
from tests.peer import Allowance, Answer, Clock, Peer, Server
from tests.peer_lists import Records

NOW = dt.datetime(2026, 3, 10, 12)
DAY = "2026-03-01"
INCIDENTS = "select incident_id, status, opened_at, resolved_at, reopened from incidents order by 1"
EPISODES = "select incident_id, episode, opened_at, resolved_at from incident_episodes order by 1"

Pull = Callable[..., Any]


def time(text: str) -> dt.datetime:
    return dt.datetime.fromisoformat(text)


@pytest.fixture
def instance() -> Instance:
    return Instance(Records(key="sys_id"))


@pytest.fixture
def peer(instance: Instance, clock: Clock) -> Peer:
    return instance.peer(clock)


@pytest.fixture
def server(peer: Peer) -> Iterator[Server]:
    with peer.serving() as server:
        yield server


@pytest.fixture
def landing(tmp_path: Path) -> Landing:
    return Landing(tmp_path, servicenow)


@pytest.fixture
def pull(server: Server, landing: Landing) -> Pull:
    def pull(now: dt.datetime = NOW, full: bool = False, **options: Any) -> Any:
        return landing.pull(entry(server, **options), now, full)

    return pull


def entry(server: Server, **options: Any) -> dict[str, Any]:
    return {"url": server.url, "user": USER, "token": TOKEN, **options}


def fill(instance: Instance, count: int) -> None:
    """Incidents that were opened an hour apart, each changed when it was opened."""
    for n in range(count):
        instance.records.put(incident(n + 1, at(time(DAY) + n * dt.timedelta(hours=1))))


def pulled(server: Server, folder: Path, **options: Any) -> tuple[list[int], list[str]]:
    """The incidents that a first pull brings, each once, and what it gives notice of."""
    notices: list[str] = []
    chosen = servicenow.Options(connector="servicenow", **entry(server, **options))
    found: set[int] = set()
    for batch in servicenow.pull(chosen, {}, Context(folder, NOW, notice=notices.append)):
        assert isinstance(batch.rows, pa.Table)
        found.update(int(id_, 16) for id_ in batch.rows["incident_id"].to_pylist())
    return sorted(found), notices


def ids(landing: Landing) -> list[int]:
    return [int(id_, 16) for (id_,) in landing.rows("select incident_id from incidents order by 1")]


# --- one record ---------------------------------------------------------------------------------


def test_an_open_incident_has_one_open_episode(
    instance: Instance, pull: Pull, landing: Landing
) -> None:
    instance.records.put(incident(1, "2026-03-01 10:00:00"))

    pull()

    opened = time("2026-03-01 10:00")
    assert landing.rows(INCIDENTS) == [(number(1), "open", opened, None, 0)]
    assert landing.rows(EPISODES) == [(number(1), 1, opened, None)]


def test_a_resolved_incident_ends_when_it_was_resolved_not_when_it_was_closed(
    instance: Instance, pull: Pull, landing: Landing
) -> None:
    ends = {"resolved_at": "2026-03-01 12:00:00", "closed_at": "2026-03-08 12:00:00"}
    instance.records.put(incident(1, "2026-03-01 10:00:00", state="7", active="false", **ends))

    pull()

    assert landing.rows("select status, resolved_at from incidents") == [
        ("resolved", time("2026-03-01 12:00"))
    ]


@pytest.mark.parametrize(
    ("closed", "resolved"),
    [("2026-03-01 13:00:00", "2026-03-01 13:00"), ("", "2026-03-01 14:00")],
)
def test_a_resolution_without_a_time_was_at_the_closing_or_else_at_the_last_change(
    instance: Instance, pull: Pull, landing: Landing, closed: str, resolved: str
) -> None:
    instance.records.put(
        incident(1, "2026-03-01 10:00:00", "2026-03-01 14:00:00", state="6", closed_at=closed)
    )

    pull()

    assert landing.rows("select resolved_at from incidents") == [(time(resolved),)]


def test_a_resolution_from_before_a_reopening_is_none(
    instance: Instance, pull: Pull, landing: Landing
) -> None:
    instance.records.put(
        incident(
            1, "2026-03-01 10:00:00", state="2", reopen_count="1", resolved_at="2026-03-01 11:00:00"
        )
    )

    pull()

    opened = time("2026-03-01 10:00")
    assert landing.rows(INCIDENTS) == [(number(1), "acknowledged", opened, None, 1)]
    assert landing.rows(EPISODES) == [(number(1), 1, opened, None)]


def test_a_resolution_before_the_opening_lasts_no_time(
    instance: Instance, pull: Pull, landing: Landing
) -> None:
    instance.records.put(
        incident(1, "2026-03-01 10:00:00", state="6", resolved_at="2026-03-01 09:00:00")
    )

    pull()

    assert landing.rows("select resolved_at - opened_at from incidents") == [(dt.timedelta(0),)]


def test_a_cancelled_incident_is_none(instance: Instance, pull: Pull, landing: Landing) -> None:
    instance.records.put(incident(1, "2026-03-01 10:00:00"))
    pull()
    instance.records.change(number(1), state="8", sys_updated_on="2026-03-02 10:00:00")

    pull()

    assert landing.rows(INCIDENTS) == landing.rows(EPISODES) == []


def test_states_have_the_meaning_that_an_entry_gives_them(
    instance: Instance, pull: Pull, landing: Landing
) -> None:
    for n, state in enumerate(["3", "8", "10"], start=1):
        instance.records.put(incident(n, "2026-03-01 10:00:00", state=state))

    pull(states={"resolved": [3, 8], "cancelled": 10})

    assert landing.rows("select status from incidents") == [("resolved",)] * 2


@pytest.mark.parametrize(("active", "is_open"), [("true", True), ("false", False)])
def test_whether_an_unknown_state_is_open_is_told_by_the_flag(
    instance: Instance, pull: Pull, landing: Landing, active: str, is_open: bool
) -> None:
    instance.records.put(incident(1, "2026-03-01 10:00:00", state="-5", active=active))

    pull()

    found = landing.rows("select status, resolved_at is null from incidents")
    assert found == [("unknown", is_open)]
    assert any("state -5" in notice for notice in landing.notices)


def test_what_is_empty_is_unknown(instance: Instance, pull: Pull, landing: Landing) -> None:
    blank = {"reopen_count": "", "priority": "", "business_service": "", "short_description": ""}
    instance.records.put(incident(1, "2026-03-01 10:00:00", **blank))

    pull()

    found = landing.rows("select reopened, severity, service, title from incidents")
    assert found == [(None, None, None, None)]
    assert landing.notices == []


def test_a_service_has_its_name_and_the_name_that_we_have_for_it(
    instance: Instance, pull: Pull, landing: Landing
) -> None:
    instance.records.put(incident(1, "2026-03-01 10:00:00"))
    instance.records.put(incident(2, "2026-03-01 10:00:00", business_service="6" * 32))

    pull(service={"from": "business_service", "map": {"Shop frontend": "Shop"}})

    found = landing.rows("select service from incidents order by incident_id")
    assert found == [("Shop",), ("Оплата",)]


def test_a_priority_is_a_number_in_the_map_and_one_that_is_not_there_is_unknown(
    instance: Instance, pull: Pull, landing: Landing
) -> None:
    instance.records.put(incident(1, "2026-03-01 10:00:00", priority="1"))
    instance.records.put(incident(2, "2026-03-01 10:00:00", priority="5"))

    pull(severity={"from": "priority", "map": {1: "sev1"}})

    found = landing.rows("select severity from incidents order by incident_id")
    assert found == [("sev1",), ("unknown",)]
    assert any("severity '5'" in notice for notice in landing.notices)


def test_names_that_may_not_be_read_are_told_of(
    instance: Instance, pull: Pull, landing: Landing
) -> None:
    instance.records.put(incident(1, "2026-03-01 10:00:00"))
    instance.unread.add("business_service.name")

    pull()

    assert landing.rows("select service from incidents") == [(None,)]
    assert any("business_service.name" in notice for notice in landing.notices)


@pytest.mark.parametrize("opened", ["", "01/03/2026 10:00"])
def test_an_incident_whose_opening_cannot_be_read_is_rejected(
    instance: Instance, pull: Pull, landing: Landing, opened: str
) -> None:
    instance.records.put(incident(1, opened, "2026-03-01 10:00:00"))
    instance.records.put(incident(2, "2026-03-01 10:00:00"))

    landed = pull(start=None if opened == "" else dt.date(1, 1, 1))

    assert landed.rejected == 2  # as an incident and as an episode
    assert ids(landing) == [2]


def test_a_table_without_resolutions_and_reopenings_has_closings(
    instance: Instance, pull: Pull, landing: Landing
) -> None:
    instance.records.put(
        incident(1, "2026-03-01 10:00:00", state="7", closed_at="2026-03-01 13:00:00")
    )
    instance.unread = {"resolved_at", "reopen_count"}

    pull()

    found = landing.rows("select resolved_at, reopened from incidents")
    assert found == [(time("2026-03-01 13:00"), None)]
    assert sum("incident shows no" in notice for notice in landing.notices) == 2


# --- which records ------------------------------------------------------------------------------


def test_a_first_pull_goes_back_a_year(instance: Instance, pull: Pull, landing: Landing) -> None:
    instance.records.put(incident(1, "2025-03-09 23:00:00", "2026-03-01 10:00:00"))
    instance.records.put(incident(2, "2025-03-10 00:00:00"))

    pull()

    assert ids(landing) == [2]


def test_a_start_is_the_opening_of_the_first_incident(
    instance: Instance, pull: Pull, landing: Landing
) -> None:
    fill(instance, 30)

    pull(start=dt.date(2026, 3, 2))

    assert ids(landing) == list(range(25, 31))


def test_alternatives_in_a_condition_stay_within_it(
    instance: Instance, pull: Pull, landing: Landing
) -> None:
    fill(instance, 6)
    for n, category in enumerate(["network", "hardware", "inquiry"], start=1):
        instance.records.change(number(n), category=category)

    pull(incidents="category=network^ORcategory=hardware", start=dt.date(2026, 3, 1), page_size=1)

    assert ids(landing) == [1, 2]


def test_what_a_later_pull_brings_is_what_changed(
    instance: Instance, pull: Pull, landing: Landing
) -> None:
    fill(instance, 5)
    pull()
    instance.records.change(
        number(2), state="6", resolved_at="2026-03-09 10:00:00", sys_updated_on=at(NOW)
    )
    instance.records.put(incident(9, at(NOW)))

    landed = pull(NOW + dt.timedelta(hours=1))

    assert (landed.new, landed.changed) == (2, 2)  # one each as an incident and as an episode
    assert ids(landing) == [1, 2, 3, 4, 5, 9]


def test_a_change_that_shows_late_is_read_by_the_next_pull(
    instance: Instance, pull: Pull, landing: Landing
) -> None:
    fill(instance, 5)
    pull()
    late = time("2026-03-01 04:00") - dt.timedelta(minutes=9)
    instance.records.put(incident(9, at(late)))

    pull()

    assert ids(landing) == [1, 2, 3, 4, 5, 9]


def test_a_change_in_the_future_hides_no_other(
    instance: Instance, pull: Pull, landing: Landing
) -> None:
    now = NOW + dt.timedelta(microseconds=500_000)
    instance.records.put(incident(1, "2026-03-01 10:00:00", "2099-01-01 00:00:00"))
    pull(now)
    instance.records.put(incident(2, at(NOW - dt.timedelta(minutes=10))))

    pull(now + dt.timedelta(hours=1))

    assert ids(landing) == [1, 2]


def test_a_clock_of_ours_that_is_ahead_loses_nothing(
    instance: Instance, pull: Pull, landing: Landing, clock: Clock
) -> None:
    ahead = dt.timedelta(hours=5)
    clock.now = NOW.replace(tzinfo=dt.UTC).timestamp()
    instance.records.put(incident(1, "2026-03-01 10:00:00", at(NOW + ahead)))
    pull(NOW + ahead)
    instance.records.put(incident(2, at(NOW + dt.timedelta(minutes=10))))
    clock.now += 3600

    pull(NOW + ahead + dt.timedelta(hours=1))

    assert ids(landing) == [1, 2]


def test_another_entry_reads_everything_anew(
    instance: Instance, pull: Pull, landing: Landing
) -> None:
    fill(instance, 3)
    pull()

    pull(severity={"from": "priority", "map": {3: "sev3"}})

    assert landing.rows("select distinct severity from incidents") == [("sev3",)]


def test_a_pull_of_nothing_is_a_pull(instance: Instance, pull: Pull, landing: Landing) -> None:
    pull()
    instance.records.put(incident(1, "2026-03-01 10:00:00"))

    pull()

    assert ids(landing) == [1]


# --- pages --------------------------------------------------------------------------------------


@pytest.mark.parametrize("size", [1, 2, 3, 7, 50])
def test_incidents_that_changed_in_the_same_second_all_arrive(
    instance: Instance, server: Server, tmp_path: Path, size: int
) -> None:
    for n in range(1, 8):
        instance.records.put(incident(n, "2026-03-01 10:00:00"))

    found, _ = pulled(server, tmp_path, page_size=size)

    assert found == list(range(1, 8))


def test_a_change_between_two_pages_hides_no_record(
    instance: Instance, peer: Peer, pull: Pull, landing: Landing
) -> None:
    fill(instance, 9)
    peer.faults[3] = faults.meanwhile(
        lambda: instance.records.change(number(1), sys_updated_on=at(NOW), state="6")
    )

    pull(page_size=3)

    assert ids(landing) == list(range(1, 10))
    assert landing.rows("select count(*) from incidents where status = 'resolved'") == [(1,)]


def test_a_deletion_between_two_pages_hides_no_record(
    instance: Instance, peer: Peer, server: Server, tmp_path: Path
) -> None:
    fill(instance, 9)
    peer.faults[3] = faults.meanwhile(lambda: instance.records.delete(number(1)))

    found, _ = pulled(server, tmp_path, page_size=3)

    assert found == list(range(1, 10))


@pytest.mark.parametrize("hidden", [range(1, 13), range(5, 17), range(9, 21), range(2, 20)])
def test_pages_of_which_nothing_may_be_seen_do_not_end_a_pull(
    instance: Instance, server: Server, tmp_path: Path, hidden: range
) -> None:
    fill(instance, 20)
    instance.hidden = {number(n) for n in hidden}

    found, notices = pulled(server, tmp_path, page_size=3)

    assert found == [n for n in range(1, 21) if n not in hidden]
    assert any(f"shows this account {len(found)}" in notice for notice in notices)


def test_a_hidden_record_that_moves_meanwhile_hides_no_other(
    instance: Instance, peer: Peer, server: Server, tmp_path: Path
) -> None:
    fill(instance, 25)
    instance.hidden = {number(n) for n in range(1, 11)}
    peer.faults[2] = faults.meanwhile(
        lambda: instance.records.change(number(1), sys_updated_on=at(NOW))
    )

    found, _ = pulled(server, tmp_path, page_size=10)

    assert found == list(range(11, 26))


def test_an_instance_that_gives_fewer_records_than_asked_for_is_read_to_its_end(
    instance: Instance, server: Server, tmp_path: Path
) -> None:
    fill(instance, 11)
    instance.hidden = {number(n) for n in range(3, 8)}
    instance.most = 4

    found, _ = pulled(server, tmp_path, page_size=10)

    assert found == [1, 2, 8, 9, 10, 11]


def test_pages_are_turned_without_links_too(instance: Instance, tmp_path: Path) -> None:
    fill(instance, 7)
    bare = Peer()
    bare.route("/api/now/table/{table}", lambda request: Answer(instance.answer(request).body))
    with bare.serving() as server:
        found, _ = pulled(server, tmp_path, page_size=3)

    assert found == list(range(1, 8))


def test_records_in_another_order_than_asked_for_are_an_error(
    instance: Instance, peer: Peer, server: Server, tmp_path: Path
) -> None:
    fill(instance, 4)
    backwards = {"result": instance.records.all("sys_id", newest_first=True)}
    peer.faults[1] = lambda peer, request: faults.data(backwards)

    with pytest.raises(SourceError, match="before the time we asked for"):
        pulled(server, tmp_path)


# --- what goes wrong ----------------------------------------------------------------------------


@pytest.mark.parametrize(
    "fault",
    [faults.cut_json, faults.web_page, faults.repeated, faults.expired, faults.failing(418)],
)
def test_what_landed_before_an_error_stays_and_the_next_pull_completes(
    instance: Instance, peer: Peer, pull: Pull, landing: Landing, fault: faults.Fault
) -> None:
    fill(instance, 9)
    credential = peer.credential
    peer.faults[4] = fault

    with pytest.raises(SourceError):
        pull(page_size=3)
    before = ids(landing)
    peer.faults.clear()
    peer.credential = credential
    pull(page_size=3)

    assert before == [1, 2, 3, 4, 5, 6]
    assert ids(landing) == list(range(1, 10))


def test_a_failure_that_passes_is_waited_out(
    instance: Instance, peer: Peer, server: Server, tmp_path: Path
) -> None:
    fill(instance, 9)
    peer.faults[3] = faults.failing(503, {"X-RateLimit-Reset": "4102444800"})

    found, _ = pulled(server, tmp_path, page_size=3)

    assert found == list(range(1, 10))


@pytest.mark.parametrize(
    ("header", "form"), [("Retry-After", "seconds"), ("X-RateLimit-Reset", "epoch seconds")]
)
def test_a_rate_limit_is_waited_for(
    instance: Instance,
    peer: Peer,
    clock: Clock,
    server: Server,
    tmp_path: Path,
    header: str,
    form: str,
) -> None:
    fill(instance, 9)
    peer.allowance = Allowance(3, 600, form, reset=header)

    found, _ = pulled(server, tmp_path, page_size=3)

    assert found == list(range(1, 10))
    assert sum(clock.waits) >= 600


def test_a_part_of_an_answer_is_an_error(instance: Instance, peer: Peer, pull: Pull) -> None:
    fill(instance, 3)
    said = {"message": "Transaction cancelled: maximum execution time exceeded", "detail": ""}
    part = {"result": instance.records.all("sys_id")[:1], "error": said, "status": "failure"}
    peer.faults[1] = lambda peer, request: faults.data(part)

    with pytest.raises(SourceError, match=r"only a part.*page_size"):
        pull()


@pytest.mark.parametrize("hours", [-8, 5])
def test_times_in_questions_that_are_read_in_another_zone_are_found_out(
    instance: Instance, pull: Pull, landing: Landing, hours: int
) -> None:
    fill(instance, 3)
    instance.zone = dt.timedelta(hours=hours)

    with pytest.raises(SourceError, match="time zone"):
        pull()
    assert ids(landing) == []


def test_a_condition_on_a_field_that_there_is_not_is_an_error(
    instance: Instance, pull: Pull, landing: Landing
) -> None:
    fill(instance, 3)

    with pytest.raises(SourceError, match="no field 'categroy'"):
        pull(incidents="categroy=network")
    assert ids(landing) == []


@pytest.mark.parametrize("key", ["severity", "service"])
def test_a_word_from_a_field_that_there_is_not_is_an_error(
    instance: Instance, pull: Pull, key: str
) -> None:
    fill(instance, 3)

    with pytest.raises(SourceError, match="no field 'u_level'"):
        pull(**{key: {"from": "u_level"}})


def test_a_refusal_names_the_role_and_no_secret(instance: Instance, peer: Peer, pull: Pull) -> None:
    said = {"message": "User Not Authorized", "detail": "Failed API level ACL Validation"}
    peer.faults[1] = lambda peer, request: faults.data({"error": said, "status": "failure"}, 403)

    with pytest.raises(SourceError, match="sn_incident_read") as caught:
        pull()
    assert TOKEN not in str(caught.value)


def test_a_table_that_there_is_not_is_named(pull: Pull) -> None:
    with pytest.raises(SourceError, match="no 'incidnet'"):
        pull(table="incidnet")


def test_a_bearer_token_needs_no_user(
    instance: Instance, peer: Peer, server: Server, landing: Landing
) -> None:
    peer.credential = ("Authorization", f"Bearer {TOKEN}")
    fill(instance, 2)

    landing.pull({"url": server.url, "token": TOKEN}, NOW)

    assert ids(landing) == [1, 2]


# --- an entry -----------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("key", "value", "why"),
    [
        ("incidents", "priority=1^NQpriority=2", "NQ"),
        ("incidents", "priority=1^ORDERBYnumber", "order is ours"),
        ("incidents", "active=true", "open for ever"),
        ("incidents", "priority=1^ORstate!=8", "open for ever"),
        ("states", {"resolved": [6], "cancelled": [6, 8]}, "written twice"),
        ("url", "https://name.service-now.com/api/now", "instance alone"),
        ("table", "Incident Table", "pattern"),
    ],
)
def test_an_entry_that_cannot_be_meant_is_refused(key: str, value: object, why: str) -> None:
    options = {"connector": "servicenow", "url": "https://x", "token": "t", key: value}

    with pytest.raises(ValidationError, match=why):
        servicenow.Options.model_validate(options)


@pytest.mark.parametrize(
    ("query", "meant"),
    [
        ("^category=software^EQ", "category=software"),
        ("category=software^", "category=software"),
        ("short_descriptionLIKEa^^", "short_descriptionLIKEa^^"),
    ],
)
def test_a_query_as_a_list_of_servicenow_copies_it_is_taken(query: str, meant: str) -> None:
    options = {"connector": "servicenow", "url": "https://x", "token": "t"}

    found = servicenow.Options.model_validate({**options, "incidents": query})

    assert found.incidents == meant


@pytest.mark.parametrize(
    ("query", "fields"),
    [
        ("", ()),
        ("priority<=2^ORpriority=3^stateNOT IN7,8", ("priority", "state")),
        (
            "assignment_group.name=Ops^short_descriptionLIKEa^^b=c",
            ("assignment_group", "short_description"),
        ),
        ("opened_atONToday@javascript:gs.beginningOfToday()", ("opened_at",)),
        ("sys_tags.x=1^123TEXTQUERY321=fire^assigned_toISEMPTY", ("assigned_to",)),
        ("RLQUERYtask_sla.task,>=1^stage=done^ENDRLQUERY", ()),
    ],
)
def test_the_fields_of_a_condition_are_found(query: str, fields: tuple[str, ...]) -> None:
    assert condition_fields(query) == fields


# --- check --------------------------------------------------------------------------------------


def said(server: Server, tmp_path: Path, **options: Any) -> list[str]:
    chosen = servicenow.Options(connector="servicenow", **entry(server, **options))
    return list(servicenow.check(chosen, Context(tmp_path, NOW)))


def test_a_check_says_what_a_pull_would_do(
    instance: Instance, server: Server, tmp_path: Path
) -> None:
    fill(instance, 5)
    instance.records.change(number(2), category="network")

    lines = said(server, tmp_path, incidents="category=network")

    assert lines[0].endswith("it takes `user` and `token`.")
    assert "`incidents` takes 1 of 5 records." in lines
    assert any(number(2) in line and "severity 3, on Shop frontend" in line for line in lines)
    assert lines[-1].startswith("A pull reads 1 records of incident, opened since 2025-03-10")
    assert "Printer" not in " ".join(lines)


def test_a_check_finds_out_that_no_record_may_be_seen(
    instance: Instance, server: Server, tmp_path: Path
) -> None:
    fill(instance, 5)
    instance.hidden = {number(n) for n in range(1, 6)}

    with pytest.raises(
        SourceError, match=r"has 5 records and shows this account none.*snc_read_only"
    ):
        said(server, tmp_path)


def test_a_check_finds_out_that_a_word_is_an_id(
    instance: Instance, server: Server, tmp_path: Path
) -> None:
    instance.records.put(incident(1, "2026-03-01 10:00:00", u_product="7" * 32))

    with pytest.raises(SourceError, match=r"u_product\.name"):
        said(server, tmp_path, service={"from": "u_product"})


def test_a_check_lands_nothing_where_a_field_is_not_there(
    instance: Instance, server: Server, tmp_path: Path
) -> None:
    fill(instance, 1)

    with pytest.raises(SourceError, match="no field 'priorty'"):
        said(server, tmp_path, incidents="priorty=1")


# --- what is still there ------------------------------------------------------------------------


def test_what_is_still_there_is_listed_without_the_cancelled(
    instance: Instance, server: Server, tmp_path: Path
) -> None:
    fill(instance, 7)
    instance.records.change(number(3), state="8")
    instance.records.put(incident(8, "2025-06-01 10:00:00"))
    instance.records.put(incident(9, "2024-06-01 10:00:00"))
    chosen = servicenow.Options(connector="servicenow", **entry(server, page_size=2))

    found = servicenow.present(chosen, {}, Context(tmp_path, NOW))

    ids = [id_ for one in found for id_ in one.keys["incident_id"].to_pylist()]
    assert sorted(ids) == [number(n) for n in (1, 2, 4, 5, 6, 7, 8)]


def test_the_stretches_that_are_listed_leave_no_gap(
    instance: Instance, server: Server, tmp_path: Path
) -> None:
    chosen = servicenow.Options(connector="servicenow", **entry(server))
    now = NOW + dt.timedelta(microseconds=7)
    found = list(servicenow.present(chosen, {}, Context(tmp_path, now)))

    bounds = [(one.start, one.end) for one in found]
    assert [end for _, end in bounds[:-1]] == [start for start, _ in bounds[1:]]
    assert (bounds[0][0], bounds[-1][1]) == (time("2025-03-10"), NOW)
