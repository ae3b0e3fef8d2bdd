"""What every page says where something is missing, broken, or no longer there."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from kpi import editions
from kpi.publishing import note_refusal
from kpi.refusal import Refusal, refusal_file
from pages.parts import frame
from tests.pages.app import open_app, sheets, shown, words
from tests.pages.branches import EVIL, branches
from tests.pages.company import DAY, NOON, VOCABULARY, company, fill
from tests.published import Home

PAGES = ("scorecard", "metric", "vocabulary", "sources")


# --- files with mistakes ---------------------------------------------------------------------


@pytest.mark.parametrize("page", PAGES)
def test_a_broken_vocabulary_is_told_on_every_page_beside_the_last_good_numbers(
    published: Path, page: str
) -> None:
    note_refusal(published, Refusal(NOON, {"metrics.yaml": 2}))

    said = words(sheets(open_app(page))["about"])

    assert "Edition 1 ·" in said
    assert said.endswith(
        "The vocabulary on disk has 2 mistakes; these numbers follow the last good one "
        "(edition 1). Run python -m kpi check to see what is meant."
    )


def test_without_mistakes_no_page_says_anything_of_them(published: Path) -> None:
    assert "on disk" not in shown(open_app())


def test_mistakes_in_the_sources_and_unconfirmed_numbers_are_told_too(published: Path) -> None:
    note_refusal(published, Refusal(NOON, {"sources.yaml": 1}, unconfirmed=2))

    said = words(sheets(open_app())["about"])

    assert "The list of sources on disk has 1 mistake; nothing new is fetched" in said
    assert "Newer facts do not confirm 2 known answers; these numbers are those before" in said


def test_a_damaged_word_of_it_changes_nothing(published: Path) -> None:
    refusal_file(published).write_text("{")

    app = open_app()

    assert not app.exception
    assert "on disk" not in shown(app)


# --- addresses that ask for what is not there --------------------------------------------------


@pytest.fixture(scope="module")
def shops(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("branches")
    branches(folder)
    return folder


@pytest.mark.parametrize(
    ("page", "address", "said"),
    [
        ("scorecard", {"period": "months"}, "no period “months” here; the link may be older. "
         "Shown: Last complete week. The nearest is Month ."),
        ("scorecard", {"view": "tiles"}, "no view “tiles” here; the link may be older. Shown: "),
        ("scorecard", {"show": "bad"}, "no filter “bad” here"),
        ("sources", {"show": "lates"}, "no filter “lates” here"),
        ("vocabulary", {"side": "us"}, "no side “us” here"),
        ("vocabulary", {"open": "takngs"}, "no metric “takngs” here; the link may be older. "
         "The nearest is Takings ."),
        ("vocabulary", {"try": "growth.it"}, "no entry “growth.it” here"),
        ("metric", {"m": "takings", "period": "day"}, "no period “day” here"),
        ("metric", {"m": "takings", "tab": "row"}, "no tab “row” here; the link may be older. "
         "Shown: Week by week. The nearest is Rows ."),
        ("metric", {"m": "takings", "tab": "breakdown", "by": "region"},
         "no dimension “region” here"),
        ("metric", {"m": "footfall", "tab": "breakdown", "by": "channel"},
         "no dimension “channel” here"),
        ("metric", {"m": "takings", "tab": "rows", "at": "1999-01-04"},
         "no period “1999-01-04” here"),
        ("metric", {"m": "takings", "tab": "rows", "where-channel": "fax"},
         "no channel “fax” here; the link may be older. Shown: Channel: all."),
        ("metric", {"m": "takings", "tab": "rows", "where-region": "EMEA"},
         "no dimension of these rows “region” here; the link may be older. Shown: all of them."),
        ("metric", {"m": "takings", "tab": "rows", "rows-page": "99"},
         "no page of rows “99” here; the link may be older. Shown: the last of"),
        ("metric", {"m": "takings", "tab": "rows", "rows-page": "first"},
         "no page of rows “first” here"),
        ("metric", {"m": "per_visit", "tab": "rows", "rows": "orders"}, "no input “orders” here"),
    ],
)  # fmt: skip
def test_what_an_address_asks_for_in_vain_is_said_and_the_nearest_offered(
    shops: Path, monkeypatch: pytest.MonkeyPatch, page: str, address: dict[str, str], said: str
) -> None:
    monkeypatch.setenv("KPI_HOME", str(shops))
    monkeypatch.setattr(frame, "now", lambda: NOON)

    app = open_app(page, **address)

    assert not app.exception
    missed = [html for name, html in sheets(app).items() if name.startswith("missed")]
    assert len(missed) == 1
    assert f"There is {said}" in words(missed[0])


def test_an_address_that_asks_for_what_is_there_has_no_such_note(
    shops: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("KPI_HOME", str(shops))
    monkeypatch.setattr(frame, "now", lambda: NOON)
    good = {"m": "takings", "tab": "rows", "where-channel": "phone", "period": "month"}

    for app in (open_app(), open_app("metric", **good), open_app("vocabulary", open="takings")):
        assert [name for name in sheets(app) if name.startswith("missed")] == []


def test_a_page_that_is_not_there_is_named_and_the_nearest_offered(published: Path) -> None:
    html = sheets(open_app(lost="sorces"))["missed_lost"]

    assert words(html) == "There is no page “sorces” here. The nearest is Sources ."
    assert 'href="sources"' in html


def test_the_offer_keeps_the_rest_of_the_address(
    shops: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("KPI_HOME", str(shops))
    monkeypatch.setattr(frame, "now", lambda: NOON)

    html = sheets(open_app("scorecard", period="months", view="list"))["missed_period"]

    assert 'href="?period=month&amp;view=list"' in html


@pytest.mark.parametrize("page", PAGES)
@pytest.mark.parametrize("value", [EVIL, "x" * 5000, "", "\x00", "..", "\u202e", "a&b=c"])
def test_no_value_of_an_address_breaks_a_page_or_its_html(
    shops: Path, monkeypatch: pytest.MonkeyPatch, page: str, value: str
) -> None:
    monkeypatch.setenv("KPI_HOME", str(shops))
    monkeypatch.setattr(frame, "now", lambda: NOON)
    names = ("period", "view", "show", "side", "open", "try", "tab", "by", "at", "rows-page", "q")

    app = open_app(page, **dict.fromkeys((*names, "rows", "part", "where-x"), value))

    assert not app.exception
    assert EVIL not in shown(app)
    assert "could not be shown" not in shown(app)


# --- an edition that goes --------------------------------------------------------------------


@pytest.mark.parametrize("page", PAGES)
def test_an_edition_that_disappears_between_two_clicks_is_replaced_by_the_current_one(
    home: Path, page: str
) -> None:
    company(home)
    app = open_app(page)
    pointer = editions.current(home)
    assert pointer is not None
    (editions.editions_folder(home) / pointer.file).unlink()
    again = Home(home, VOCABULARY, sample=True)
    fill(again, NOON + DAY)
    again.publish(NOON + DAY)

    app.run()

    assert not app.exception
    assert "Edition 2 ·" in sheets(app)["about"]


# --- nothing there ---------------------------------------------------------------------------

EMPTY = """\
version: 1
"""
NO_ROWS = VOCABULARY


@pytest.mark.parametrize("page", PAGES)
def test_an_edition_without_a_metric_or_a_source_says_what_to_do(home: Path, page: str) -> None:
    Home(home, EMPTY).publish(NOON)

    app = open_app(page)

    assert not app.exception
    assert "could not be shown" not in shown(app)
    assert "Edition 1 ·" in sheets(app)["about"]
    assert re.search("No (metric|source) yet", words(shown(app)))


@pytest.mark.parametrize("page", PAGES)
@pytest.mark.parametrize("tab", ["over-time", "breakdown", "definition", "rows"])
def test_an_edition_without_a_row_shows_unknown_numbers(home: Path, page: str, tab: str) -> None:
    if page != "metric" and tab != "over-time":
        return
    Home(home, NO_ROWS).publish(NOON)

    app = open_app(page, tab=tab) if page == "metric" else open_app(page)

    assert not app.exception
    assert "could not be shown" not in shown(app)


def test_an_entry_can_be_tried_where_there_is_no_row(home: Path) -> None:
    Home(home, NO_ROWS).publish(NOON)

    html = words(sheets(open_app("vocabulary", **{"try": "uptime"}))["tried"])

    assert "It holds." in html
    assert "Unknown every week: none is complete yet" in html


# --- what changed ----------------------------------------------------------------------------


@pytest.fixture
def changed(published: Path) -> Path:
    """The company after a second edition with another target, a new metric and a lost one."""
    text = VOCABULARY.replace("target: 99.9\n", "target: 99.95\n").replace(
        "value: avg(x) from load", "value: max(x) from load"
    )
    start = text.index("  churn:\n    label")
    gone = text[start : text.index("  idea:\n")]
    new = gone.replace("  churn:", "  leavers:").replace("Customer churn", f"Leavers {EVIL}")
    again = Home(published, text.replace(gone, new), sample=True)
    fill(again, NOON + DAY)
    again.publish(NOON + DAY)
    return published


def test_the_vocabulary_tells_what_each_edition_changed(changed: Path) -> None:
    html = sheets(open_app("vocabulary", show="changes"))["changes"]

    said = words(html)
    assert said.startswith("Edition 2 · Wed 11 Mar, 13:00 1 came, 1 went, 2 changed")
    assert "Service availability" in said
    assert "target 99.9 99.95" in said
    assert "value avg (x) from load max (x) from load" in said
    assert "<mark>avg</mark>(x) from load" in html
    assert "churn went" in said
    assert EVIL not in html


def test_a_metrics_definition_tells_its_own_history(changed: Path) -> None:
    mine = words(sheets(open_app("metric", m="uptime", tab="definition"))["changes"])
    other = words(sheets(open_app("metric", m="nps", tab="definition"))["changes"])

    assert "Edition 2 · Wed 11 Mar, 13:00" in mine
    assert "Key Before Now target 99.9 99.95" in mine
    assert "No edition has changed this entry" in other


def test_a_link_to_a_metric_that_went_tells_which_edition_took_it_away(changed: Path) -> None:
    gone = words(sheets(open_app("metric", m="churn"))["unknown"])
    never = words(sheets(open_app("metric", m="chunr"))["unknown"])

    assert "Edition 2 took it away: see what changed , or look it up" in gone
    assert "It may have been renamed since the link was made" in never


def test_without_a_change_the_page_says_so(published: Path) -> None:
    html = sheets(open_app("vocabulary", show="changes"))["changes"]

    assert "No definition has changed" in html
