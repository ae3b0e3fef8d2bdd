"""The pages write numbers and dates in the locale of the vocabulary; their words stay English."""

from __future__ import annotations

import io
import json
import re
from pathlib import Path

import pypdf
import pytest

from kpi.csv_export import csv_text
from kpi.editions import latest
from kpi.scorecard import scorecard
from kpi.scorecard_export import scorecard_export
from kpi.scorecard_pdf import scorecard_pdf
from tests.pages.app import open_app, sheets, words
from tests.pages.company import NOON, VOCABULARY, fill
from tests.published import Home

LOCALES = ("de-DE", "fr-FR", "en-US", "hi-IN", "ar")


def in_locale(home: Path, locale: str) -> None:
    """Publishes the company anew, in this locale."""
    text = VOCABULARY.replace("currency: EUR\n", f"currency: EUR\nlocale: {locale}\n")
    anew = Home(home, text, sample=True)
    fill(anew, NOON)
    anew.publish(NOON)


@pytest.mark.parametrize(
    ("locale", "days", "edition"),
    [
        ("de-DE", "2.–8. März 2026", "Di., 10. März 2026, 13:00 Berlin"),
        ("fr-FR", "2–8 mars 2026", "mar. 10 mars 2026, 13:00 Berlin"),
        ("en-US", "Mar 2 – 8, 2026", "Tue, Mar 10, 2026, 1:00 PM Berlin"),
        ("hi-IN", "2–8 मार्च 2026", "मंगल, 10 मार्च 2026, 1:00 pm Berlin"),
        ("ar", "2–8 مارس 2026", "الثلاثاء، 10 مارس 2026، 1:00 م Berlin"),
    ],
)
def test_the_scorecard_says_its_week_and_its_edition_in_the_locale(
    published: Path, locale: str, days: str, edition: str
) -> None:
    in_locale(published, locale)

    about = words(sheets(open_app())["about"])

    assert about.startswith(f"Week 10, {days} ")
    assert about.endswith(edition)


@pytest.mark.parametrize("locale", LOCALES)
@pytest.mark.parametrize("page", ["", "metric", "vocabulary", "sources"])
def test_no_page_writes_an_english_date(published: Path, page: str, locale: str) -> None:
    in_locale(published, locale)

    text = words("".join(sheets(open_app(page)).values()))

    english = ("Mar 2026", "2–8 Mar", "Tue 10", "Sun 8")
    assert [each for each in english if each in text] == []


@pytest.mark.parametrize(
    ("locale", "churn", "bills", "score"),
    [
        ("de-DE", "1,72 %", "880 €", "≤ 1,80"),
        ("fr-FR", "1,72 %", "880 €", "≤ 1,80"),
        ("en-US", "1.72%", "€880", "≤ 1.80"),
        ("hi-IN", "1.72%", "€880", "≤ 1.80"),
        ("ar", "1.72%", "\u200f880 €", "≤ 1.80"),
    ],
)
@pytest.mark.parametrize("view", ["sides", "list"])
def test_the_scorecard_writes_its_numbers_in_the_locale(
    published: Path, view: str, locale: str, churn: str, bills: str, score: str
) -> None:
    in_locale(published, locale)

    html = sheets(open_app(view=view))["scorecard"]

    text = re.sub(r"<[^>]+>", "", html)
    assert bills in text
    assert score in text
    assert churn in text


def test_the_chart_is_told_how_to_write_its_axes(published: Path) -> None:
    in_locale(published, "de-DE")

    (chart,) = open_app("metric", m="bills").get("plotly_chart")

    config = json.loads(chart.proto.config)
    told = config["locales"][config["locale"]]["format"]
    assert (told["decimal"], told["thousands"], told["grouping"][:2]) == (",", ".", [3, 3])
    assert told["shortMonths"][2] == "Mär"
    assert "Woche" not in chart.proto.alt
    assert "2.–8. März 2026" in chart.proto.alt
    assert "Week 10, 2.–8. März 2026" in chart.proto.spec.encode().decode("unicode_escape")


def test_a_download_of_rows_is_the_same_in_every_locale(published: Path) -> None:
    files = []
    for locale in ("en-150", "de-DE"):
        in_locale(published, locale)
        buttons = open_app("metric", m="bills", tab="rows").get("download_button")
        files.append([(each.proto.label, each.proto.url.rpartition(".")[2]) for each in buttons])

    assert files[0] == files[1]
    assert any(label.startswith("Download") for label, _ in files[0])


def test_a_table_that_is_taken_away_is_the_same_in_every_locale(published: Path) -> None:
    texts = []
    for locale in ("en-150", "de-DE"):
        in_locale(published, locale)
        edition = latest(published)
        made = scorecard_export(edition, scorecard(edition, now=NOON), lambda row: True)
        rows = [row[:-1] for row in made.rows]  # without the number of the edition
        texts.append(csv_text(made.columns[:-1], rows, edition.vocabulary.calendar))

    assert texts[0] == texts[1]


def test_the_pdf_of_the_scorecard_is_written_in_the_locale(published: Path) -> None:
    in_locale(published, "de-DE")
    edition = latest(published)

    written = scorecard_pdf(edition, scorecard(edition, now=NOON), lambda row: True)

    (page,) = pypdf.PdfReader(io.BytesIO(written)).pages
    text = page.extract_text()
    assert "Week 10, 2.–8. März 2026" in text
    assert "Di., 10. März 2026, 13:00 Europe/Berlin" in text
    assert "≥ 99,90" in text
