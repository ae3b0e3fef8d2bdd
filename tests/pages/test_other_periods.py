"""An earlier scorecard has an address of its own, and links lead from each to the next."""

from __future__ import annotations

import html
import re
from pathlib import Path

import pytest

from tests.pages.app import open_app, row, sheets, words


def steps(about: str) -> dict[str, str]:
    """The links to other scorecards by their words."""
    found = re.findall(r'<a [^>]*href="([^"]*)">([^<]*)</a>', about)
    return {html.unescape(name): html.unescape(address) for address, name in found}


@pytest.mark.parametrize("at", ["2026-W08", "2026-02-16", "2026-02-18"])
def test_an_earlier_week_is_shown_as_it_was(published: Path, at: str) -> None:
    shown = sheets(open_app(at=at))

    about = words(shown["about"])
    assert about.startswith("Week 8, 16–22 Feb 2026 · an earlier week · ")
    assert "vs week 7" in words(shown["scorecard"])
    # Two or three incidents a week until the last one, which had nine.
    assert "On target" in words(row(shown["scorecard"], "incidents"))


def test_links_lead_to_the_period_before_and_after(published: Path) -> None:
    found = steps(sheets(open_app(at="2026-W08", view="list"))["about"])

    kept = "view=list"
    assert found["‹ week 7"] == f"./?period=week&at=2026-02-09&{kept}"
    assert found["week 9 ›"] == f"./?period=week&at=2026-02-23&{kept}"
    assert found["latest"] == f"./?period=week&{kept}"


def test_after_the_last_whole_period_comes_the_one_that_has_begun(published: Path) -> None:
    last, begun = (steps(sheets(open_app(period=p))["about"]) for p in ("month", "month-so-far"))

    assert last["Mar 2026 so far ›"].startswith("./?period=month-so-far&view=")
    assert begun["‹ Feb 2026"].startswith("./?period=month&view=")
    assert not [name for name in begun if name.endswith("›")]


def test_another_grain_shows_the_period_in_which_the_day_lies(published: Path) -> None:
    app = open_app(at="2026-01-14")

    app.segmented_control(key="choice_period").set_value("month").run()

    assert words(sheets(app)["about"]).startswith("Jan 2026 · an earlier month · ")


@pytest.mark.parametrize("at", ["2026-W11", "2030-01-01", "<script>", "9999-W52"])
def test_an_address_of_no_whole_period_shows_the_last_one(published: Path, at: str) -> None:
    assert words(sheets(open_app(at=at))["about"]).startswith("Week 10, 2–8 Mar 2026 · 3 of 8")
