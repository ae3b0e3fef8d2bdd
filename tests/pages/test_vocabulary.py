"""The vocabulary's page: found by any word, told by outcome, opened in place."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from kpi.editions import Edition, latest
from pages.parts import frame
from pages.parts.search import Search
from tests.pages.app import open_app, sheets, shown
from tests.pages.branches import EVIL, branches
from tests.pages.company import NOON


@pytest.fixture(scope="module")
def built(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("branches")
    branches(folder)
    return folder


@pytest.fixture
def edition(built: Path, monkeypatch: pytest.MonkeyPatch) -> Edition:
    monkeypatch.setenv("KPI_HOME", str(built))
    monkeypatch.setattr(frame, "now", lambda: NOON)
    return latest(built)


def words(html: str) -> str:
    return " ".join(re.sub(r"<[^>]+>", " ", html).split())


def entries(html: str) -> list[str]:
    """The labels of the entries, in their order."""
    return [words(found) for found in re.findall(r'<b class="name strong">(.*?)</b>', html)]


def entry(html: str, label: str) -> str:
    """The HTML of one entry."""
    (found,) = (
        part
        for part in re.findall(r"<details.*?</details>", html, re.S)
        if f'<b class="name strong">{label}</b>' in part
    )
    return str(found)


# --- what is listed --------------------------------------------------------------------------


def test_metrics_stand_by_outcome_joint_ones_first_and_helpers_last(edition: Edition) -> None:
    html = sheets(open_app("vocabulary"))["vocabulary"]

    assert entries(html) == [
        "Share returned",
        "Sales per visitor",
        "Takings",
        "Footfall &lt;img src=x onerror=alert(1)&gt;",
        "Wishes",
        "Sales counted",
    ]
    assert html.index("Customers buy more") < html.index("Nobody waits") < html.index("Helpers")


def test_the_count_line_counts_all_whatever_is_filtered(edition: Edition) -> None:
    everything = words(sheets(open_app("vocabulary"))["about"])
    filtered = words(sheets(open_app("vocabulary", side="it", q="wish"))["about"])

    start = "5 metrics · 2 outcomes · 2 dimensions · 3 fact tables · 1 helper Edition 1"
    assert everything.startswith(start)
    assert filtered == everything


def test_a_row_says_whose_it_is_and_what_is_agreed(edition: Edition) -> None:
    html = sheets(open_app("vocabulary"))["vocabulary"]

    summary = words(entry(html, "Takings").partition("</summary>")[0])
    assert summary == "Takings Business Sales · Shop systems EUR ≥ 130 per week"


def test_an_outcome_without_a_metric_of_one_side_shows_the_gap(edition: Edition) -> None:
    html = sheets(open_app("vocabulary"))["vocabulary"]

    calm = html[html.index("Nobody waits") : html.index("Helpers")]
    assert "No business metric yet" in calm
    assert "No IT metric yet" not in calm


@pytest.mark.parametrize(
    ("side", "labels"),
    [
        ("it", ["Wishes", "Sales counted"]),
        ("joint", ["Share returned", "Sales per visitor"]),
    ],
)
def test_one_side_can_be_listed_alone(edition: Edition, side: str, labels: list[str]) -> None:
    assert entries(sheets(open_app("vocabulary", side=side))["vocabulary"]) == labels


def test_dimensions_and_fact_tables_are_explained_below(edition: Edition) -> None:
    html = words(sheets(open_app("vocabulary"))["vocabulary"])

    assert "Channel How it was bought." in html
    assert "sales one sale sold_at" in html
    assert "none yet box" in html


# --- one entry -------------------------------------------------------------------------------


def test_an_opened_entry_tells_everything_that_was_agreed(edition: Edition) -> None:
    html = sheets(open_app("vocabulary"))["vocabulary"]

    said = words(entry(html, "Share returned").partition("</summary>")[2])
    assert "Definition How many of the sales came back." in said
    assert "Also called RMA" in said
    assert "Owned by Floor (business) and Platform (IT), for Customers buy more" in said
    assert "Value 100 * count_if(returned) / count(returned) from sales" in said
    assert "less is better · target ≤ 20.0 · near within 1 · too few below 3" in said


def test_an_opened_entry_shows_every_step_of_its_target(edition: Edition) -> None:
    said = words(entry(sheets(open_app("vocabulary"))["vocabulary"], "Takings"))

    assert "target ≥ 100 per week from 1 Jan 2025 · target ≥ 130 per week from 1 Jan 2026" in said


def test_an_opened_entry_shows_its_yaml_and_leads_to_its_page(edition: Edition) -> None:
    html = entry(sheets(open_app("vocabulary"))["vocabulary"], "Sales counted")

    assert "value: count(*) from sales" in html
    assert 'href="metric?m=sales"' in html
    assert 'href="metric?m=per_visit"' in html


def test_the_address_opens_an_entry(edition: Edition) -> None:
    html = sheets(open_app("vocabulary", open="returned"))["vocabulary"]

    assert html.count("<details") == 6
    assert html.count(" open>") == 1
    assert entry(html, "Share returned").startswith('<details class="entry" open>')


# --- searching -------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("typed", "labels"),
    [
        ("rma", ["Share returned"]),
        ("RETURNED", ["Share returned"]),
        ("per_visit", ["Sales per visitor"]),
        ("platform floor", ["Share returned", "Wishes"]),
        ("came back", ["Share returned"]),
        ("nobody waits", ["Wishes"]),
    ],
)
def test_every_word_that_somebody_knows_it_by_finds_it(
    edition: Edition, typed: str, labels: list[str]
) -> None:
    assert entries(sheets(open_app("vocabulary", q=typed))["vocabulary"]) == labels


def test_what_was_found_is_marked_where_it_stands(edition: Edition) -> None:
    html = entry(sheets(open_app("vocabulary", q="rma"))["vocabulary"], "Share returned")

    assert "also called <mark>RMA</mark>" in html.partition("</summary>")[0]


def test_typing_keeps_the_search_in_the_address(edition: Edition) -> None:
    app = open_app("vocabulary")

    app.text_input(key="pick_q").set_value("rma").run()

    assert app.query_params["q"] == "rma"
    assert entries(sheets(app)["vocabulary"]) == ["Share returned"]


def test_a_word_of_the_glossary_is_found_without_a_metric(edition: Edition) -> None:
    html = sheets(open_app("vocabulary", q="sold_at one sale"))["vocabulary"]

    assert "<mark>sold_at</mark>" in html
    assert entries(html) == []


def test_without_a_hit_the_nearest_is_offered_and_what_to_do(edition: Edition) -> None:
    html = sheets(open_app("vocabulary", q="takngs"))["vocabulary"]

    assert "Nothing here is called “takngs”" in html
    assert "Did you mean" in html
    assert 'href="metric?m=takings"' in html


def test_a_side_without_a_hit_leads_to_all_sides(edition: Edition) -> None:
    html = sheets(open_app("vocabulary", q="takings", side="it"))["vocabulary"]

    assert 'href="vocabulary?q=takings"' in html


def test_no_text_from_outside_gets_out_of_its_place(edition: Edition) -> None:
    for address in ({}, {"q": EVIL}, {"q": "img"}, {"open": EVIL}, {"side": EVIL}):
        app = open_app("vocabulary", **address)

        assert not app.exception
        assert EVIL not in shown(app)


def test_a_search_marks_the_longest_word_first() -> None:
    assert Search("net network").marked("network") == "<mark>network</mark>"


def test_a_search_for_nothing_finds_everything() -> None:
    assert Search("  ").finds(())


def test_a_search_takes_signs_as_they_are() -> None:
    assert Search("a.c (").marked("abc a.c (") == "abc <mark>a.c</mark> <mark>(</mark>"
