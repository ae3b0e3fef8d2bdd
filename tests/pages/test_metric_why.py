"""Why did it change: the sentence, the table and its sums, and what cannot be split."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from kpi.contributions import Standing, contributions
from kpi.editions import Edition
from kpi.explanation import Explained
from kpi.formats import Formats
from pages.parts.change_lines import sentence, shown
from tests.pages.app import cells, open_app, sheets, words


@pytest.fixture(scope="module")
def built(with_branches: Path) -> Path:
    return with_branches


def why(metric: str, **address: str) -> str:
    return sheets(open_app("metric", m=metric, tab="breakdown", **address))["why"]


def number(text: str) -> float:
    return float(text.replace("−", "-").replace(",", ""))


def split(
    edition: Edition, metric: str, *moved: tuple[str, float, float], below: float | None = None
) -> tuple[str, tuple[str, ...]]:
    """The sentence of such a change, and the names of the lines below it."""
    before = {key: Standing(x, x, below) for key, x, _ in moved if x is not None}
    after = {key: Standing(x, x, below) for key, _, x in moved if x is not None}
    parts = contributions(before, after)
    amount = sum(part.amount for part in parts)
    one = Explained("branch", 0.0, amount, parts)
    lines = shown(edition.vocabulary.metrics[metric], one)
    return sentence(
        edition.vocabulary.formats, edition.vocabulary.metrics[metric], one, lines
    ), tuple(line.name(edition.vocabulary.formats) for line in lines)


def test_a_ratio_is_told_in_a_sentence_with_its_mix_and_its_rate(edition: Edition) -> None:
    html = why("returned", by="branch")

    assert words(html).startswith("Up 65.0 points: ")
    assert "because South got worse" in html
    assert re.search("week 10 against week 9", html)


def test_printed_parts_add_up_to_the_printed_change_in_both_directions(edition: Edition) -> None:
    *rows, whole = cells(why("returned", by="branch"))

    for row in rows:
        assert number(row[4]) + number(row[5]) == pytest.approx(number(row[6]))
    for column in (4, 5, 6):
        assert sum(number(row[column]) for row in rows) == pytest.approx(number(whole[column]))
    assert whole[6] == "+65.0"


def test_a_sum_has_contributions_without_mix(edition: Edition) -> None:
    html = why("takings")
    *rows, whole = cells(html)

    assert "Mix" not in html
    assert sum(number(row[-1]) for row in rows) == number(whole[-1])


def test_the_dimension_that_says_most_opens_and_all_are_told(edition: Edition) -> None:
    html = why("returned")

    said = re.search(r"of 100: (\S.*?) (\d+) · (\S.*?) (\d+)", words(html))
    assert said is not None
    assert int(said[2]) >= int(said[4])
    assert f'<th scope="col" class="">{said[1]}</th>' in html


def test_a_dimension_that_was_asked_for_opens(edition: Edition) -> None:
    assert '<th scope="col" class="">Channel</th>' in why("returned", by="channel")


def test_a_formula_of_two_sums_is_split(edition: Edition) -> None:
    assert "Share" in why("per_visit")


def test_the_year_before_is_another_period_to_compare_with(edition: Edition) -> None:
    html = why("returned", against="year")

    assert "Cannot be split into parts:" in html
    assert "not wholly, told of" in html


def test_what_cannot_be_split_says_why_and_still_shows_its_members(edition: Edition) -> None:
    # Of sales a day has settled when the next one is over; none of this week has.
    found = sheets(open_app("metric", m="takings", tab="breakdown", at="2026-03-09"))

    assert "Cannot be split into parts: one of the two periods is not" in words(found["why"])
    assert "North" in words(found["parts"])


def test_small_members_are_folded_into_others(edition: Edition) -> None:
    moved = [("A", 0.0, 60.0), ("B", 0.0, 38.0), ("C", 0.0, 1.0), ("D", 0.0, 1.0)]
    said, names = split(edition, "takings", *moved)

    assert names == ("A", "B", "2 others")
    assert (
        said == "Up 100 €: 60 because A rose, 38 because B rose, 2 from everything else together."
    )


def test_what_pulls_the_other_way_is_taken_off(edition: Edition) -> None:
    said, _ = split(edition, "takings", ("A", 50.0, 20.0), ("B", 10.0, 17.0))

    assert said == "Down 23 €: 30 because A fell, less 7 from everything else together."


def test_changes_that_cancel_out_are_not_hidden(edition: Edition) -> None:
    said, _ = split(edition, "takings", ("A", 50.0, 20.0), ("B", 10.0, 40.0))

    assert said == "No change as printed: −30 because A fell, +30 because B rose."


def test_a_ratio_says_who_is_new_and_who_got_better(edition: Edition) -> None:
    before = {"A": Standing(2.0, 20, 10)}
    after = {"A": Standing(1.0, 10, 10), "B": Standing(3.0, 30, 10)}
    metric = edition.vocabulary.metrics["returned"]
    one = Explained("branch", 2.0, 2.0, contributions(before, after))
    lines = shown(metric, one)

    said = sentence(Formats(), metric, one, lines)
    assert said.startswith("No change as printed: ")
    found = re.findall(r"because ((?:A|B) (?:is new|got better))", said)
    assert {"B is new", "A got better"} <= set(found)
