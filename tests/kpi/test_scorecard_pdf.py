"""The scorecard on paper says what the screen says, whatever its texts are."""

from __future__ import annotations

import datetime as dt
import io
from collections.abc import Sequence
from dataclasses import replace

import pypdf
import pytest

from kpi.editions import Edition
from kpi.row_words import STATUS, question_words
from kpi.scorecard import Row, Scorecard, period_at, scorecard
from kpi.scorecard_pdf import scorecard_pdf
from kpi.so_far import scorecard_so_far
from tests.pages.company import NOON, company


@pytest.fixture(scope="module")
def edition(tmp_path_factory: pytest.TempPathFactory) -> Edition:
    """The company in which every state of a row occurs."""
    return company(tmp_path_factory.mktemp("home"))


@pytest.fixture(scope="module")
def card(edition: Edition) -> Scorecard:
    return scorecard(edition, now=NOON)


def everything(row: Row) -> bool:
    return True


def pages(edition: Edition, card: Scorecard) -> list[str]:
    """The text of every page."""
    written = scorecard_pdf(edition, card, everything)
    return [page.extract_text() for page in pypdf.PdfReader(io.BytesIO(written)).pages]


def with_rows(card: Scorecard, rows: Sequence[Row]) -> Scorecard:
    """The scorecard with these rows on the side of IT, and no others."""
    first = replace(card.bands[0], joint=(), it=tuple(rows), business=())
    return replace(card, bands=(first,))


def called(row: Row, label: str, owner: str = "Platform") -> Row:
    """The row under another name."""
    owners = replace(row.metric.owners, it=owner)
    return replace(row, metric=replace(row.metric, label=label, owners=owners))


def test_every_metric_stands_there_with_its_number_target_and_status(
    edition: Edition, card: Scorecard
) -> None:
    (text,) = pages(edition, card)

    formats = edition.vocabulary.formats
    for row in card.rows:
        assert row.metric.label in text
        assert formats.value(row.metric, row.value) in text
        assert STATUS[row.status] in text
        if row.target is not None:
            assert formats.target(row.metric, row.target) in text


def test_what_is_worth_a_question_comes_with_its_numbers(edition: Edition, card: Scorecard) -> None:
    (text,) = pages(edition, card)

    assert "Worth a question: Customer-facing incidents" in text
    assert question_words(card.questions[0], edition.vocabulary.formats) in text


def test_the_foot_names_edition_time_and_zone(edition: Edition, card: Scorecard) -> None:
    (text,) = pages(edition, card)

    assert "Sample data · Edition 1 · Tue 10 Mar 2026, 13:00 Europe/Berlin" in text
    assert "1 of 1" in text


def test_lateness_is_a_word(edition: Edition, card: Scorecard) -> None:
    (text,) = pages(edition, card)

    assert "5 d late" in text
    assert "week 9" in text
    assert "failing, 0 min old" in text


def test_a_filter_is_named_and_leaves_every_count_as_it_was(
    edition: Edition, card: Scorecard
) -> None:
    def needs(row: Row) -> bool:
        return row.needs_attention

    written = scorecard_pdf(edition, card, needs, shown="Needs attention")
    text = pypdf.PdfReader(io.BytesIO(written)).pages[0].extract_text()

    assert "Service availability" not in text
    assert "Needs attention" in text
    assert "3 of 8 on target" in text


def test_a_period_that_is_not_over_says_so_and_of_how_many_days_a_number_is(
    edition: Edition, card: Scorecard
) -> None:
    begun = scorecard_so_far(edition, card)
    incidents = next(row for row in begun.rows if row.metric.name == "incidents")

    (text,) = pages(edition, begun)

    assert "Week 11 so far, 9–15 Mar 2026 · incomplete" in text
    assert incidents.days == 1
    assert "1 of 7 days" in text
    assert "vs same days" in text
    assert "Not judged yet" in text
    assert "Worth a question: what the last complete week says" in text
    assert "change and target are for as many days" in text


def test_an_earlier_period_is_told_from_the_last_one(edition: Edition, card: Scorecard) -> None:
    period = period_at(edition, "week", "2026-W08")

    (text,) = pages(edition, scorecard(edition, now=NOON, period=period))
    (last,) = pages(edition, card)

    assert "Week 8, 16–22 Feb 2026 · an earlier week" in text
    assert "an earlier" not in last


def test_it_is_a4_on_its_side(edition: Edition, card: Scorecard) -> None:
    (page,) = pypdf.PdfReader(io.BytesIO(scorecard_pdf(edition, card, everything))).pages

    assert (round(page.mediabox.width), round(page.mediabox.height)) == (842, 595)


def test_the_same_edition_gives_the_same_bytes(edition: Edition, card: Scorecard) -> None:
    one, other = (scorecard_pdf(edition, card, everything) for _ in range(2))

    assert one == other
    made = pypdf.PdfReader(io.BytesIO(one)).metadata
    assert made is not None
    assert made.creation_date == NOON.replace(tzinfo=dt.UTC)


def test_more_rows_than_a_page_holds_go_on_the_next_with_their_columns_named(
    edition: Edition, card: Scorecard
) -> None:
    many = [called(card.rows[1], f"Metric {number}") for number in range(60)]

    found = pages(edition, with_rows(card, many))

    assert len(found) == 3
    assert [
        f"Metric {number}" for number in range(60) if f"Metric {number}" not in "".join(found)
    ] == []
    for number, text in enumerate(found, start=1):
        assert "Latest · target" in text
        assert f"{number} of 3" in text


@pytest.mark.parametrize(
    "label",
    [
        "<b onclick=alert(1)>x</b>",
        "**bold** __under__ \\ (a) [link](http://a)",
        "a" * 10_000,
        "word " * 2_000,
        "\u202etxet desrever\u202c",
        "\x00\x07\x1b[31m\n\r\t",
        "",
        "كلمة",
        "指標 😀 \U0010ffff",
    ],
)
def test_a_hostile_text_is_only_a_text(edition: Edition, card: Scorecard, label: str) -> None:
    text = "".join(pages(edition, with_rows(card, [called(card.rows[1], label, owner=label)])))

    assert "Customers can rely on us" in text
    assert len(text) < 3_000


def test_a_long_name_ends_with_an_ellipsis(edition: Edition, card: Scorecard) -> None:
    (text,) = pages(edition, with_rows(card, [called(card.rows[1], "An endless name " * 20)]))

    assert "An endless name An" in text
    assert "…" in text


def test_a_character_that_the_typeface_lacks_is_marked_and_told_of(
    edition: Edition, card: Scorecard
) -> None:
    (text,) = pages(edition, with_rows(card, [called(card.rows[1], "Umsatz 売上")]))
    (plain,) = pages(edition, with_rows(card, [called(card.rows[1], "Größe ≥ 5 €")]))

    assert "Umsatz □□" in text
    assert "□ stands for a character that this file cannot show" in text
    assert "Größe ≥ 5 €" in plain
    assert "stands for a character" not in plain
