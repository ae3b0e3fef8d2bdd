"""A number that is written as people write it is understood, and nothing else is taken for one."""

from __future__ import annotations

import pytest

from kpi.written_numbers import leading_number, number_meant


@pytest.mark.parametrize(
    ("text", "number"),
    [
        ("8", "8"),
        (" -8.50 ", "-8.50"),
        ("1_200", "1200"),
        ("1,200", "1200"),
        ("12,345,678.9", "12345678.9"),
        ("1'200", "1200"),
        ("1 200 000", "1200000"),
        ("1.200,50", "1200.50"),
        ("3,5", "3.5"),
        ("-3,50", "-3.50"),
        ("0,500", "0.500"),
        ("1200,50", "1200.50"),
    ],
)
def test_a_number_is_understood_however_it_is_parted(text: str, number: str) -> None:
    assert number_meant(text) == number


@pytest.mark.parametrize(
    "text", ["", "lots", "12,34,56", "1,2,3", "2026-07", "8%", "300k", "1.2.3", "5."]
)
def test_what_is_no_number_is_not_taken_for_one(text: str) -> None:
    assert number_meant(text) is None


@pytest.mark.parametrize(
    ("text", "number", "rest"),
    [
        ("8%", "8", "%"),
        ("1,200 per quarter", "1200", " per quarter"),
        ("1 200 per quarter", "1200", " per quarter"),
        ("60/week", "60", "/week"),
        ("3,5", "3.5", ""),
        ("2 bad, too", "2", " bad, too"),
    ],
)
def test_a_number_is_parted_from_what_follows_it(text: str, number: str, rest: str) -> None:
    assert leading_number(text) == (number, rest)


@pytest.mark.parametrize("text", ["lots", "per week", "2026-07", "12,34,56 a week", ""])
def test_a_text_that_begins_with_no_number_has_none(text: str) -> None:
    assert leading_number(text) is None
