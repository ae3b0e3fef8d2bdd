"""What every page says where something is missing, broken, or no longer there."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from kpi import editions
from kpi.publishing import note_refusal
from kpi.refusal import Refusal, refusal_file
from tests.pages.app import open_app, sheets, shown
from tests.pages.company import DAY, NOON, VOCABULARY, company, fill
from tests.published import Home

PAGES = ("scorecard", "metric", "vocabulary", "sources")


def words(html: str) -> str:
    return " ".join(re.sub(r"<[^>]+>", " ", html).split())


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
