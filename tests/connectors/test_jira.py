"""Incidents from Jira: what lands of issues that are opened, worked on, closed and opened again."""

from __future__ import annotations

import datetime as dt
import re
import textwrap
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from pydantic import ValidationError

from connectors import jira
from connectors.contract import Named, SourceError
from connectors.episodes import Episode, Turn
from connectors.jira_incidents import History, Incident, stretches
from connectors.jira_words import Words
from kpi import sources
from tests import peer as faults
from tests.connectors.jira_source import EPISODES, INCIDENTS, Source, truth
from tests.jira_site import FIELDS, SEVERITY, START, Issue, Site, text
from tests.peer import Allowance, Clock, data, meanwhile


@pytest.fixture
def site(clock: Clock) -> Site:
    return Site(clock)


@pytest.fixture
def source(site: Site, tmp_path: Path) -> Iterator[Source]:
    with site.peer.serving() as server:
        yield Source(site, server.url, tmp_path)


def resolved(site: Site, *more: str, **fields: Any) -> Issue:
    """An incident that was worked on for an hour, and went on through the statuses in `more`."""
    issue = site.create(**fields)
    for status in ("3", "5", *more):
        site.wait(hours=1)
        site.move_to(issue, status)
    return issue


def matches(source: Source) -> bool:
    return (source.rows(INCIDENTS), source.rows(EPISODES)) == truth(source.site)


# --- what lands ---------------------------------------------------------------------------------


def test_an_incident_lands_with_its_times_in_utc(site, source):
    issue = site.create(components=[{"name": "Shop frontend"}, {"name": "Checkout"}])
    site.wait(minutes=7)
    site.move_to(issue, "3")
    site.wait(minutes=30)
    site.move_to(issue, "5")
    source.pull()

    columns = "incident_id, service, severity, title, status, opened_at, acknowledged_at"
    assert source.rows(f"select {columns}, resolved_at, reopened from incidents") == [
        (
            issue.id,
            "Shop frontend",
            "High",
            f"Incident {issue.id}",
            "resolved",
            START,
            START + dt.timedelta(minutes=7),
            START + dt.timedelta(minutes=37),
            0,
        )
    ]


def test_an_incident_that_is_opened_again_has_an_episode_for_each_time(site, source):
    resolved(site, "1", "3", "6")
    resolved(site)
    site.create()
    source.pull()

    assert matches(source)
    assert [row[5] for row in source.rows(INCIDENTS)] == [1, 0, 0]


def test_a_second_pull_takes_what_changed_since(site, source):
    first, _second = resolved(site), resolved(site)
    site.wait(days=1)
    source.pull()
    site.wait(days=3)
    site.move_to(first, "1")
    landed = source.pull()

    # The incident, its second episode, and its first.
    assert (landed.changed, landed.new, landed.unchanged) == (1, 1, 1)
    assert matches(source)


def test_one_status_of_the_category_done_after_another_is_no_new_resolution(site, source):
    issue = resolved(site, "6")
    source.pull()

    assert issue.episodes[-1][1] != site.now
    assert matches(source)


def test_resolved_without_a_resolution_counts_from_its_history(site, source):
    issue = resolved(site)
    site.edit(issue, resolutiondate=None)
    source.pull()

    assert matches(source)


def test_resolved_without_resolution_and_history_counts_from_the_change_of_category(site, source):
    issue = resolved(site)
    ended = site.now
    issue.changes.clear()
    site.wait(days=1)
    site.edit(issue, resolutiondate=None, summary="commented a day later")
    source.pull()

    assert source.rows("select status, resolved_at from incidents") == [("resolved", ended)]


def test_resolved_without_history_counts_from_the_resolution(site, source):
    issue = resolved(site)
    ended = site.now
    issue.changes.clear()
    site.wait(days=1)
    site.edit(issue, statuscategorychangedate=text(site.now))  # as an import leaves it
    source.pull()

    assert source.rows("select resolved_at from incidents") == [(ended,)]


def test_a_resolution_that_is_corrected_later_moves_no_end(site, source):
    issue = resolved(site)
    site.wait(days=2)
    site.edit(issue, resolutiondate=text(site.now))
    source.pull()

    assert matches(source)


def test_a_status_that_jira_deleted_is_understood_by_the_resolution(site, source):
    resolved(site, "1", "3", "6")
    del site.statuses["5"]
    source.pull()

    assert [row[5] for row in source.rows(INCIDENTS)] == [1]
    assert source.landing.notices == []


def test_a_deleted_status_that_nothing_explains_is_told_once(site, source):
    site.statuses["9"] = ("Triage", "new")
    for _ in range(2):
        issue = site.create()
        site.wait(hours=1)
        site.move_to(issue, "9")
        site.move_to(issue, "3")
    del site.statuses["9"]
    source.pull()

    assert [notice for notice in source.landing.notices if "(9)" in notice] != []
    assert len(source.landing.notices) == 1


def test_a_category_that_is_not_known_is_kept_as_unknown_and_told(site, source):
    site.statuses["7"] = ("Limbo", "undefined")
    site.move_to(site.create(), "7")
    source.pull()

    assert source.rows("select status, resolved_at from incidents") == [("unknown", None)]
    assert "'undefined'" in source.landing.notices[0]


def test_nothing_in_an_issue_is_needed_but_its_id(site, source):
    issue = site.create(summary=None, priority=None, components=None)
    issue.snapshots[-1][1]["fields"]["status"] = None
    source.pull()

    columns = "title, severity, service, status, resolved_at"
    assert source.rows(f"select {columns} from incidents") == [(None, None, None, "unknown", None)]


def test_a_time_that_cannot_be_read_is_rejected_with_its_reason(site, source):
    issue = site.create()
    issue.snapshots[-1][1]["fields"]["created"] = "a week ago"
    site.create()
    landed = source.pull()

    assert landed.rejected == 1
    assert len(source.rows(INCIDENTS)) == 1


def test_names_in_any_script_land_as_they_are(site, source):
    site.create(summary="größer 🚀\u2028新", components=[{"name": "支払い"}])
    source.pull()

    assert source.rows("select title, service from incidents") == [("größer 🚀\u2028新", "支払い")]


@pytest.mark.parametrize(
    "epoch",
    [
        lambda at: (at - dt.datetime(1970, 1, 1)) // dt.timedelta(seconds=1),
        lambda at: text(at),
    ],
)
def test_histories_may_tell_times_in_seconds_or_as_texts(site, source, epoch):
    site.epoch = epoch
    resolved(site, "1", "3")
    source.pull()

    assert matches(source)


def test_a_moved_issue_stays_the_same_incident(site, source):
    issue = site.create()
    source.pull()
    site.wait(hours=1)
    site.retype(issue, "Incident", "SHOP")
    source.pull()

    assert matches(source)


# --- words --------------------------------------------------------------------------------------


def named(path: str, **names: str) -> Named:
    return Named.model_validate({"from": path, "map": names})


def severity(path: str, **fields: Any) -> str | None:
    return Words(named(path), None, FIELDS).severity(fields)


@pytest.mark.parametrize("name", [SEVERITY, "Severity (ops.)", "severity (OPS.)"])
def test_a_field_may_be_named_by_its_id_or_its_name(name):
    assert severity(name, **{SEVERITY: {"id": "1", "value": "Critical"}}) == "Critical"


def test_a_path_leads_into_a_field_whose_name_has_a_dot():
    option = {"value": "Critical", "child": {"value": "Total"}}

    assert severity("Severity (ops.).child.value", **{SEVERITY: option}) == "Total"


@pytest.mark.parametrize(
    ("value", "word"),
    [
        ({"value": "Total"}, "Total"),
        ([{"name": "One"}, {"name": "Two"}], "One"),
        ("Total ", "Total"),
        (3, "3"),
        (True, "true"),
        ([], None),
        ("", None),
        (None, None),
        ({"type": "doc", "content": []}, None),
        ({"accountId": "5b10", "displayName": "Reader"}, None),
    ],
)
def test_a_field_of_any_kind_gives_its_word_or_none(value, word):
    assert severity(SEVERITY, **{SEVERITY: value}) == word


@pytest.mark.parametrize("value", [None, [], [{}], ["text"], {"name": "no list"}])
def test_a_path_that_leads_nowhere_gives_none(value):
    assert severity("components[0].name", components=value) is None


def test_words_of_a_map_are_ours_and_others_are_unknown_or_stay(site, source):
    for name in ("High", "Low", "Low"):
        site.create(priority={"name": name}, components=[{"name": name}])
    source.pull(
        severity={"from": "priority.name", "map": {"High": "sev1"}},
        service={"from": "components[0].name", "map": {"High": "Shop"}},
    )

    assert source.rows("select severity, service from incidents order by incident_id") == [
        ("sev1", "Shop"),
        ("unknown", "Low"),
        ("unknown", "Low"),
    ]
    assert len(source.landing.notices) == 1


def test_a_name_that_each_project_has_for_a_field_of_its_own_is_read_wherever_it_is():
    assert severity("Team", customfield_10070={"value": "One"}) == "One"
    assert severity("Team", customfield_10071={"value": "Two"}) == "Two"


@pytest.mark.parametrize(
    ("path", "said"),
    [
        ("Impact", "customfield_10060, customfield_10061"),
        ("Priorty.name", "Did you mean 'Priority'?"),
        ("Zzz", "Write a field's name"),
        ("priority[first]", "cannot be followed from '[first]' on"),
    ],
)
def test_a_field_that_cannot_be_meant_is_refused(path, said):
    with pytest.raises(SourceError, match=re.escape(said)):
        severity(path)


# --- pages, limits, faults ----------------------------------------------------------------------


def test_pages_of_any_size_bring_every_incident_once(site, source, monkeypatch):
    monkeypatch.setattr("connectors.jira.MOST_HISTORIES", 4)
    site.most, site.changes_a_page = 3, 2
    for number in range(11):
        # Three of each at the same moment: ties on the cursor, across pages.
        site.wait(minutes=number % 3 == 0)
        site.move_to(site.create(), "56"[number % 2])
    landed = source.pull()

    assert landed.new == 22
    assert matches(source)


def test_a_search_that_does_not_say_whether_a_page_is_the_last_is_read_to_its_end(site, source):
    site.says_last, site.most = False, 2
    for _ in range(5):
        site.create()
    source.pull()

    assert matches(source)


def test_a_search_that_promises_more_and_names_no_next_page_is_an_error(site, source):
    site.create()
    half = lambda peer, request: data({"issues": [], "isLast": False})  # noqa: E731
    site.peer.faults[4] = half

    assert "promises another page" in source.failure()
    assert source.landing.state == {}


def test_an_issue_that_changes_while_it_is_read_comes_with_the_next_pull(site, source):
    site.most = 2
    issues = [site.create() for _ in range(5)]

    def change() -> None:
        site.wait(minutes=1)
        site.move_to(issues[4], "5")

    site.peer.faults[5] = meanwhile(change)  # before the second page
    now = site.now
    source.landing.pull(source.options, now)
    site.wait(minutes=5)
    source.pull()

    assert matches(source)


def test_a_clock_of_ours_that_is_ahead_loses_nothing(site, source, clock):
    ahead = dt.timedelta(hours=5)
    site.create()
    clock.now = site.now.replace(tzinfo=dt.UTC).timestamp()
    source.landing.pull(source.options, site.now + ahead)
    site.wait(minutes=5)
    site.create()
    site.wait(minutes=5)
    clock.now += 600
    source.landing.pull(source.options, site.now + ahead)

    assert matches(source)


def test_what_search_does_not_show_yet_comes_with_a_later_pull(site, source):
    site.lag = dt.timedelta(minutes=10)
    issue = site.create()
    site.wait(minutes=5)
    source.pull()
    site.wait(minutes=20)
    source.pull()
    site.move_to(issue, "5")
    site.wait(minutes=5)
    source.pull()
    behind = source.rows(INCIDENTS)
    site.wait(minutes=20)
    source.pull()

    assert behind == [(issue.id, "open", START, None, None, 0)]
    assert matches(source)


def test_a_record_that_is_older_than_its_history_shows_no_episode_that_never_was(site, source):
    issue = resolved(site)
    site.wait(hours=1)
    site.lag = dt.timedelta(minutes=10)
    site.move_to(issue, "1")
    source.pull()

    assert [row[1:] for row in source.rows(EPISODES)] == [(1, START, START + dt.timedelta(hours=2))]


def at(hour: float) -> dt.datetime:
    return START + dt.timedelta(hours=hour)


def told(category: str, updated: float, *turns: tuple[float, bool]) -> tuple[Episode, ...]:
    """The episodes of an incident that was created at hour 0 and is in this category."""
    record = Incident("1", None, category, None, None, text(at(0)), text(at(updated)), None, None)
    history = History(tuple(Turn(at(hour), is_open) for hour, is_open in turns))
    return stretches(record, history)


def test_a_history_may_be_a_moment_later_than_the_record():
    late = 2 + 1 / 7200

    assert told("done", 2, (late, False)) == (Episode(at(0), at(late)),)


def test_a_history_that_is_ahead_and_agrees_is_believed():
    found = told("new", 1, (2, False), (3, True))

    assert found == (Episode(at(0), at(2)), Episode(at(3), None))


def test_a_history_that_is_behind_gives_way_to_the_record():
    assert told("done", 5) == (Episode(at(0), at(5)),)
    assert told("new", 5, (2, False)) == (Episode(at(0), at(2)), Episode(at(5), None))


def test_an_episode_that_turns_out_to_be_none_goes(site, source):
    issue = resolved(site, "1")
    source.pull()
    site.wait(hours=1)
    issue.changes.pop()
    issue.episodes[-2:] = [(issue.created, None)]
    issue.changes.pop()
    site.edit(issue, summary="as if it had never been closed")
    source.pull()

    assert source.rows(EPISODES) == truth(site)[1]


def test_a_limit_is_waited_out_as_jira_says(site, source, clock):
    site.peer.allowance = Allowance(2, 90, "timestamp", reset="X-RateLimit-Reset")
    resolved(site)
    source.pull()

    assert matches(source)
    assert sum(clock.waits) >= 90


def test_a_token_that_expires_keeps_what_had_landed_and_the_next_pull_completes(
    site, source, monkeypatch
):
    monkeypatch.setattr("connectors.jira.MOST_HISTORIES", 2)
    site.most = 2
    for _ in range(6):
        site.wait(hours=5)
        site.create()

    def expire() -> None:
        site.is_valid = False

    # A search without a valid credential is a good answer of nothing.
    site.peer.faults[8] = meanwhile(expire)
    told = source.failure()
    landed = len(source.rows(INCIDENTS))
    site.is_valid = True
    site.wait(days=2)
    source.pull()

    assert "`user` and `token`" in told and "t0ken" not in told
    assert 0 < landed < 6
    assert matches(source)


@pytest.mark.slow
@pytest.mark.parametrize(
    "fault",
    [faults.cut_json, faults.web_page, faults.repeated, faults.failing(400)],
    ids=["half of the JSON", "a web page", "the page before", "a refusal"],
)
@pytest.mark.parametrize("place", range(1, 9))
def test_after_any_fault_the_next_pull_completes(site, source, monkeypatch, fault, place):
    monkeypatch.setattr("connectors.jira.MOST_HISTORIES", 3)
    site.most = 2
    for _ in range(4):
        resolved(site, "1")
    site.peer.faults[place] = fault
    try:
        source.pull()
    except SourceError:
        site.wait(days=1)
        source.pull()

    assert matches(source)


def test_a_failure_with_a_reset_header_is_tried_again_at_once(site, source, clock):
    site.create()
    site.peer.faults[4] = faults.failing(503, {"X-RateLimit-Reset": "2099-01-01T00:00Z"})
    source.pull()

    assert matches(source)
    assert sum(clock.waits) < 60


# --- state --------------------------------------------------------------------------------------


def test_a_changed_mapping_reads_all_anew(site, source):
    resolved(site)
    source.pull()
    site.wait(days=30)
    source.pull(severity={"from": "priority.name", "map": {"High": "sev1"}})

    assert source.rows("select severity from incidents") == [("sev1",)]


def test_without_a_start_a_year_back_counts_and_stays_where_it_was(site, source):
    source.options.pop("start")
    site.now = START - dt.timedelta(days=400)
    site.create()
    site.wait(days=100)
    young = site.create()
    site.now = START
    source.pull()
    site.wait(days=200)
    site.edit(young, priority={"name": "Low"})
    source.pull()

    assert source.rows("select incident_id, severity from incidents") == [(young.id, "Low")]


def test_a_pull_asks_for_issues_by_milliseconds_and_in_order(site, tmp_path):
    with site.peer.serving() as server:
        Source(site, server.url, tmp_path).pull()
    (asked,) = [r.json for r in server.asked if r.path.endswith("search/jql")]

    assert asked["jql"] == (
        "(issuetype = Incident) AND created >= 1767225600000 "
        'AND project IN ("OPS", "SHOP") AND updated >= 1767225600000 '
        "AND updated <= 1772442000000 ORDER BY updated ASC, key ASC"
    )


def test_a_name_of_a_project_is_quoted_for_jql(source):
    told = source.failure(projects=['The "new" shop \\ OPS'])

    assert 'project IN ("The \\"new\\" shop \\\\ OPS")' in told


def test_the_state_lands_with_the_last_of_two_tables(site, source):
    site.create()
    found = jira.pull(source.chosen(), {}, source.context())

    assert [(each.into, each.state is None) for each in found] == [
        ("incidents", True),
        ("incident_episodes", False),
    ]


def test_a_full_pull_begins_anew(site, source):
    resolved(site)
    source.pull()
    site.wait(days=30)
    landed = source.pull(full=True)

    assert landed.unchanged == 2
    assert matches(source)


# --- what is still there ------------------------------------------------------------------------


def test_deleted_and_reclassified_incidents_are_not_present(site, source):
    kept, deleted, other = resolved(site, "1"), site.create(), resolved(site, "1")
    source.pull()
    site.wait(hours=1)
    site.delete(deleted)
    site.retype(other, "Task")
    source.pull()

    assert len(source.rows(INCIDENTS)) == 3
    assert source.present() == {
        "incidents": [(kept.id,)],
        "incident_episodes": [(kept.id, "1"), (kept.id, "2")],
    }


def test_a_list_of_what_is_present_is_not_believed_without_a_valid_credential(site, source):
    site.create()
    source.pull()

    def expire() -> None:
        site.is_valid = False

    site.peer.faults[site.peer.count + 2] = meanwhile(expire)
    with pytest.raises(SourceError):
        source.present()


# --- check and errors ---------------------------------------------------------------------------


def test_a_check_proves_each_permission_and_shows_no_title(site, source):
    resolved(site, components=[{"name": "Checkout"}])
    said = " ".join(source.check())

    for part in ("OPS, SHOP", "about 1 such", "resolved, severity High, on Checkout", "Histories"):
        assert part in said
    assert "Incident 10001" not in said
    assert source.rows(INCIDENTS) == []


def test_a_check_of_an_empty_site_says_what_is_not_proven(site, source):
    assert any("not proven" in sentence for sentence in source.check())


@pytest.mark.parametrize(
    ("more", "said"),
    [
        ({"token": "old"}, "Jira does not let us read the account itself."),
        ({"projects": "OPPS"}, "Did you mean 'OPS'?"),
        ({"incidents": "issuetype = Incidnt"}, "The value 'Incidnt' does not exist"),
        ({"service": {"from": "Komponents"}}, "Did you mean 'Components'?"),
    ],
)
def test_a_check_stops_at_what_does_not_hold(source, more, said):
    assert said in source.refused(**more)


@pytest.mark.parametrize(
    ("place", "deed"), [(2, "names of fields"), (3, "statuses"), (4, "search"), (5, "history")]
)
def test_a_scope_that_is_missing_is_named_with_what_needed_it(site, source, place, deed):
    site.create()
    said = {"code": 401, "message": "Unauthorized; scope does not match"}
    site.peer.faults[place] = lambda peer, request: data(said, 401)
    told = source.failure()

    assert deed in told
    assert "scope does not match" in told and "read:jira-work" in told


def test_the_entry_that_is_written_for_a_new_source_is_understood():
    text = f"version: 1\nsources:\n  jira:\n{textwrap.indent(jira.ENTRY, '    ')}"
    (source,) = sources.parse(text).sources
    options = sources.resolve(source, {"JIRA_USER": "reader@example.com", "JIRA_TOKEN": "t0ken"})

    assert (options.projects, options.incidents) == (("OPS",), "issuetype = Incident")


def test_a_pull_tells_what_jira_says_of_the_jql(source):
    told = source.failure(projects="OPPS")

    assert "The value 'OPPS' does not exist for the field 'project'." in told
    assert 'project IN ("OPPS")' in told


def test_an_address_with_nothing_behind_it_says_which_addresses_there_are(source):
    assert "https://NAME.atlassian.net" in source.failure(url=f"{source.options['url']}/jira")


@pytest.mark.parametrize(
    ("more", "said"),
    [
        ({"incidents": "issuetype = Incident order  by rank"}, "leave out ORDER BY"),
        ({"incidents": " "}, "say in JQL"),
        ({"lookback": "5 minutes"}, "greater than or equal to"),
    ],
)
def test_options_that_cannot_work_are_refused(source, more, said):
    with pytest.raises(ValidationError, match=said):
        source.chosen(**more)


def test_a_text_may_speak_of_order_by(source):
    assert source.chosen(incidents="summary ~ 'order by phone'").incidents
