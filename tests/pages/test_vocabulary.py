"""The vocabulary's page: found by any word, told by outcome, opened in place."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from kpi.editions import Edition
from pages.parts import try_entry
from pages.parts.search import Search
from tests.pages.app import open_app, sheets, shown, words
from tests.pages.branches import EVIL


@pytest.fixture(scope="module")
def built(with_branches: Path) -> Path:
    return with_branches


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

    start = "5 metrics · 2 outcomes · 2 dimensions · 3 fact tables · 1 helper · Try an entry"
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


def test_an_opened_entry_tells_its_facts_its_sources_and_what_rests_on_it(
    edition: Edition,
) -> None:
    html = entry(sheets(open_app("vocabulary"))["vocabulary"], "Sales counted")

    assert "Facts sales (one sale) Sources tills Used by Sales per visitor" in words(html)
    assert 'href="metric?m=sales&amp;tab=definition"' in html
    assert 'href="?try=sales"' in html


def test_an_opened_formula_tells_what_it_is_made_of(edition: Edition) -> None:
    html = words(entry(sheets(open_app("vocabulary"))["vocabulary"], "Sales per visitor"))

    assert "Made of Sales counted , Footfall" in html
    assert "Facts sales (one sale), visits (one branch for one day) Sources tills , doors" in html


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
        ("channel", ["Share returned", "Takings", "Sales counted"]),
        ("doors", ["Sales per visitor", "Footfall &lt;img src=x onerror=alert(1)&gt;"]),
        ("visits", ["Sales per visitor", "Footfall &lt;img src=x onerror=alert(1)&gt;"]),
        ("eur", ["Takings"]),
        ("tâkîngs", ["Takings"]),
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


# --- trying an entry -------------------------------------------------------------------------

GIFTS = """\
gifts:
  label: Gifts
  definition: What was given away.
  side: business
  outcome: grow
  owners: {it: Platform, business: Sales}
  value: sum(amount) from sales where kind = 'gift'
  unit: EUR
  good: up
"""


def tried(text: str, asked: str = "1") -> str:
    """What the pane says of a text."""
    app = open_app("vocabulary", **{"try": asked})
    app.text_area(key=f"try_{asked}").set_value(text)
    app.button(key="try_check").click().run()
    assert not app.exception
    return sheets(app)["tried"]


def test_the_pane_opens_by_its_address_and_is_closed_without_losing_the_search(
    edition: Edition,
) -> None:
    closed = open_app("vocabulary", q="rma")
    opened = open_app("vocabulary", q="rma", **{"try": "1"})

    assert 'href="?q=rma&amp;try=1">Try an entry' in sheets(closed)["about"]
    assert "tried" not in sheets(closed)
    assert 'href="?q=rma">Close the trial' in sheets(opened)["try_head"]
    assert "What an entry needs" in sheets(opened)["tried"]


def test_a_published_entry_begins_with_its_text_and_its_number(edition: Edition) -> None:
    app = open_app("vocabulary", **{"try": "sales"})

    assert app.text_area(key="try_sales").value == edition.vocabulary.metrics["sales"].entry + "\n"
    assert "It holds." in sheets(app)["tried"]


def test_a_gap_begins_with_its_outcome_its_side_and_both_owners(edition: Edition) -> None:
    app = open_app("vocabulary", **{"try": "calm.business"})

    start = app.text_area(key="try_calm.business").value
    assert "  side: business\n  outcome: calm\n" in start
    assert "owners: {it: Platform, business: Floor}" in start
    assert "What an entry needs" in sheets(app)["tried"]


def test_mistakes_are_told_all_at_once_with_the_word_marked(edition: Edition) -> None:
    html = tried(GIFTS.replace("amount", "amont").replace("unit:", "unti:"))

    assert words(html).startswith("2 mistakes")
    assert "Line 7, column 14 · &#x27;sales&#x27; has no column &#x27;amont&#x27;." in words(html)
    assert "sum(<mark>amont</mark>)" in html
    assert "<mark>unti</mark>: EUR" in html


def test_a_sound_entry_shows_its_number_its_kind_and_its_neighbours(edition: Edition) -> None:
    html = tried(GIFTS)

    said = words(html)
    assert "It holds. Checked against edition 1" in said
    assert "Gifts · Week 10, 2–8 Mar 2026 17 €" in said
    assert "Kind sum; adds up over time" in said
    assert "Unknown none of" in said
    assert "Beside it Takings , Share returned" in said
    assert 'role="img"' in html


@pytest.mark.parametrize(
    ("value", "kind"),
    [
        ("count(*) from sales", "count of rows; adds up over time"),
        ("count(distinct kind) from sales", "count of different values; computed anew"),
        ("100 * sum(amount) / sum(amount + 1) from sales", "rate of two sums; computed anew"),
        ("sum(amount) / count(*) from sales", "rate, sum by count of rows; computed anew"),
        ("median(amount) from sales", "median; computed anew"),
        ("sales / footfall", "formula of metrics"),
        ("sales + sales", "sum of metrics; adds up over time"),
    ],
)
def test_the_kind_of_a_number_is_told(edition: Edition, value: str, kind: str) -> None:
    html = tried(GIFTS.replace("sum(amount) from sales where kind = 'gift'", value))

    assert f"Kind {kind}" in words(html)


def test_what_replaces_a_published_metric_says_so(edition: Edition) -> None:
    html = words(tried(GIFTS.replace("gifts:", "takings:")))

    assert "It takes the place of what is published as Gifts" not in html
    assert "It takes the place of what is published as Takings" in html


@pytest.mark.parametrize("text", [EVIL, f"{EVIL}:\n  a: 1", GIFTS.replace("Gifts", EVIL)])
def test_a_pasted_text_does_not_get_out_of_its_place(edition: Edition, text: str) -> None:
    assert EVIL not in tried(text)


def test_what_one_session_tries_no_other_sees(
    edition: Edition, caplog: pytest.LogCaptureFixture
) -> None:
    tried(GIFTS.replace("Gifts", "Sunflowers").replace("amount", "amont"))

    other = open_app("vocabulary", **{"try": "1"})
    assert "Sunflowers" not in shown(other) + str(other.text_area(key="try_1").value)
    assert "Sunflowers" not in caplog.text
    assert "amont" not in caplog.text


def test_an_entry_that_cannot_be_tried_leaves_its_text_out_of_the_log(
    edition: Edition, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    def broken(edition: Edition, text: str) -> None:
        raise RuntimeError(text)

    monkeypatch.setattr(try_entry, "try_entries", broken)

    assert "This entry could not be tried" in tried(GIFTS)
    assert "An entry could not be tried: RuntimeError." in caplog.text
    assert "gifts" not in caplog.text


def test_a_search_marks_the_longest_word_first() -> None:
    assert Search("net network").marked("network") == "<mark>network</mark>"


@pytest.mark.parametrize(
    ("typed", "text", "marked"),
    [
        ("resume", "Résumé sent", "<mark>Résumé</mark> sent"),
        ("RESUME", "a re\u0301sume\u0301!", "a <mark>re\u0301sume\u0301</mark>!"),
        ("strasse", "Straße 1", "<mark>Straße</mark> 1"),
        ("straße", "STRASSE", "<mark>STRASSE</mark>"),
        ("é", "<e>", "&lt;<mark>e</mark>&gt;"),
    ],
)
def test_a_search_sees_neither_case_nor_accents(typed: str, text: str, marked: str) -> None:
    assert Search(typed).finds([text])
    assert Search(typed).marked(text) == marked


def test_a_search_for_nothing_finds_everything() -> None:
    assert Search("  ").finds(())


def test_a_search_takes_signs_as_they_are() -> None:
    assert Search("a.c (").marked("abc a.c (") == "abc <mark>a.c</mark> <mark>(</mark>"
