"""The sources' page: worst first, with what happened and the one thing to do."""

from __future__ import annotations

import datetime as dt
import re
from pathlib import Path

import pytest

from pages.parts import frame
from tests.pages.app import open_app, sheets, shown, words
from tests.pages.branches import EVIL
from tests.pages.company import NOON
from tests.published import Home

DAY = dt.timedelta(days=1)
HOUR = dt.timedelta(hours=1)
VOCABULARY = """\
version: 1
calendar: {timezone: Europe/Berlin}
tables:
  surveys: {row: one answer, time: answered_at}
  bills: {row: one bill, time: at}
  doors: {row: one visit, time: at}
  ideas: {row: one idea, time: at}
outcomes:
  grow: {label: Grow, definition: More, owners: {it: Platform, business: Sales}}
metrics:
  answers:
    label: Answers
    definition: How many answered.
    side: business
    outcome: grow
    owners: {it: Platform, business: Sales}
    value: count(*) from surveys
    good: up
  spent:
    label: Spent per answer
    definition: What an answer costs.
    side: joint
    outcome: grow
    owners: {it: Platform, business: Sales}
    value: bills / answers
    good: down
  bills:
    label: Bills
    definition: What we paid.
    side: it
    outcome: grow
    owners: {it: Platform, business: Sales}
    value: sum(x) from bills
    good: down
    internal: true
"""


def answer(number: int, score: str = "9") -> dict[str, object]:
    return {"response_id": f"r{number}", "answered_at": "2026-03-09 10:00:00", "score": score}


@pytest.fixture
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Home:
    """A home folder that the dashboard shows on a Tuesday at noon, UTC."""
    monkeypatch.setenv("KPI_HOME", str(tmp_path))
    monkeypatch.setattr(frame, "now", lambda: NOON)
    return Home(tmp_path, VOCABULARY)


@pytest.fixture
def company(home: Home) -> Home:
    """One source of each kind: failing, late, without rows, fresh with rejected rows."""
    home.declare("forms", "surveys", every=DAY, system="File · CSV")
    home.declare("cloud", "bills", every=HOUR, system="REST")
    home.declare("counter", "doors", every=DAY, system="SQL · PostgreSQL")
    home.declare("board", "ideas", every=None, system="Jira")
    bill = [{"id": "1", "at": NOON - 9 * DAY, "x": 5.0}]
    home.bring("cloud", "bills", bill, at=NOON - 2 * DAY, key=("id",))
    home.fail("cloud", "The system refused.", "Renew CLOUD_TOKEN.", at=NOON - DAY)
    home.fail("cloud", "The system refused.", "Renew CLOUD_TOKEN.", at=NOON - HOUR)
    door = [{"id": "1", "at": NOON - 9 * DAY}]
    home.bring("counter", "doors", door, at=NOON - HOUR, key=("id",), as_of=NOON - 5 * DAY)
    rows = [answer(1), answer(2, f"nine {EVIL}"), answer(3)]
    home.bring("forms", "surveys", rows, at=NOON - HOUR, key=("response_id",))
    home.publish(NOON)
    return home


def rows(html: str) -> dict[str, str]:
    """The words of every source's row and advice, by its name, in their order."""
    parts = html.split('<div role="listitem">')[1:]
    named = {re.findall(r'<b class="strong">(.*?)</b>', part)[0]: words(part) for part in parts}
    return named


def test_the_worst_stands_first(company: Home) -> None:
    found = rows(sheets(open_app("sources"))["sources"])

    assert list(found) == ["cloud", "counter", "board", "forms"]


def test_the_count_line_counts_how_they_stand(company: Home) -> None:
    about = words(sheets(open_app("sources"))["about"])

    assert about.startswith(
        "1 of 4 fresh · 1 failing · 1 late · 1 without rows yet · 1 row rejected in 7 days"
    )


def test_a_row_tells_what_a_source_is_and_brought(company: Home) -> None:
    found = rows(sheets(open_app("sources"))["sources"])

    assert found["forms"] == (
        "Fresh forms File · CSV into surveys Tue 10 Mar, 12:00 good 2 new 2 in all "
        "1 h every day rejected in 7 days 1 next run Wed 12:00 Answers , Spent per answer"
    )


def test_a_failing_source_says_what_happened_and_what_to_do(company: Home) -> None:
    found = rows(sheets(open_app("sources"))["sources"])

    assert found["cloud"].endswith(
        "The system refused. Failing since Mon 9 Mar, 13:00. Renew CLOUD_TOKEN. "
        "Until then its rows of Sun 8 Mar, 13:00 stay, and its metrics say how old they are."
    )


def test_a_late_source_that_is_read_asks_for_its_delivery(company: Home) -> None:
    found = rows(sheets(open_app("sources"))["sources"])

    assert found["counter"].endswith(
        "Nothing new since Thu 5 Mar, 13:00. The refresh reads it, but the system gives nothing "
        "newer: ask whoever delivers it."
    )


def test_a_late_source_that_nobody_reads_asks_for_a_schedule(home: Home) -> None:
    home.bring("forms", "surveys", [answer(1)], at=NOON - 9 * DAY, key=("response_id",))
    home.publish(NOON)
    found = rows(sheets(open_app("sources"))["sources"])

    assert "No refresh has read it since Sun 1 Mar, 13:00." in found["forms"]
    assert "python -m kpi refresh --due on a schedule" in found["forms"]


def test_a_source_that_never_brought_anything_makes_its_metrics_unknown(home: Home) -> None:
    home.declare("forms", "surveys")
    home.fail("forms", "No file.", "Put one there.", at=NOON)
    home.publish(NOON)
    found = rows(sheets(open_app("sources"))["sources"])

    assert "Until then it has brought nothing, and its metrics are unknown." in found["forms"]


def test_only_the_first_line_of_a_long_error_is_shown(home: Home) -> None:
    home.declare("forms", "surveys")
    home.fail("forms", "It broke.\nselect ^^^^", "Report it.", at=NOON)
    home.publish(NOON)

    assert "^^^^" not in shown(open_app("sources"))


def test_the_age_is_held_against_a_mark_at_three_times_the_promise(company: Home) -> None:
    html = sheets(open_app("sources"))["sources"]

    widths = [float(w) for w in re.findall(r'<i style="width:([\d.]+)%">', html)]
    marks = set(re.findall(r'<b style="left:(\d+)%">', html))
    assert marks == {"86"}
    assert widths == [100.0, 100.0, pytest.approx(86 / 72, abs=0.1)]


def test_a_source_without_a_promise_is_read_by_hand(company: Home) -> None:
    found = rows(sheets(open_app("sources"))["sources"])

    assert found["board"] == (
        "No rows yet board Jira into ideas never — 0 in all — by hand "
        "rejected in 7 days 0 next run by hand none"
    )


def test_needing_attention_leaves_sources_out_and_no_count_changes(company: Home) -> None:
    app = open_app("sources", show="attention")

    assert list(rows(sheets(app)["sources"])) == ["cloud", "counter", "forms"]
    assert sheets(app)["about"] == sheets(open_app("sources"))["about"]


def test_rejected_rows_are_shown_as_they_came(company: Home) -> None:
    app = open_app("sources")

    head = words(sheets(app)["rejected_head_forms"])
    table = sheets(app)["rejected_forms"]
    assert head.startswith("Rejected rows: forms 1 of 3 rows on Tue 10 Mar, 12:00 · the other 2")
    assert "forms.csv" in table
    assert "score" in table
    assert "nine &lt;img" in table
    assert "Download 1 row, CSV" in [b.proto.label for b in app.get("download_button")]


def test_a_delivery_in_another_shape_is_told(company: Home) -> None:
    company.bring("forms", "surveys", [answer(4) | {"score": 9}], at=NOON, key=("response_id",))
    company.publish(NOON)
    html = words(sheets(open_app("sources"))["drift"])

    assert "Tue 10 Mar, 13:00 forms into surveys" in html
    assert "score" in html


def test_everything_is_there_when_nothing_is_wrong(home: Home) -> None:
    home.bring("forms", "surveys", [answer(1)], at=NOON, key=("response_id",))
    home.publish(NOON)
    app = open_app("sources")

    assert words(sheets(app)["about"]).startswith("1 of 1 fresh · no row rejected in 7 days")
    assert list(rows(sheets(app)["sources"])) == ["forms"]
    assert "None in the last seven days" in sheets(app)["rejected"]
    assert "Every delivery came with the columns" in sheets(app)["drift"]


def test_when_nothing_needs_attention_that_is_said(home: Home) -> None:
    home.bring("forms", "surveys", [answer(1)], at=NOON, key=("response_id",))
    home.publish(NOON)

    assert "Nothing needs attention" in sheets(open_app("sources", show="attention"))["sources"]


def test_without_a_source_the_page_says_where_to_declare_one(home: Home) -> None:
    home.bring("forms", "surveys", [answer(1)], at=NOON, key=("response_id",))
    home.sources.clear()
    home.publish(NOON)

    assert "sources.yaml names none" in sheets(open_app("sources"))["state"]


def test_no_text_from_outside_gets_out_of_its_place(company: Home) -> None:
    company.declare(EVIL, EVIL, system=EVIL)
    company.fail(EVIL, EVIL, EVIL, at=NOON)
    company.publish(NOON)
    app = open_app("sources")

    assert not app.exception
    assert "&lt;img" in sheets(app)["sources"]
    assert EVIL not in shown(app)
