"""What does not fit a model is told at its place, with a way to mend it."""

from __future__ import annotations

from typing import Annotated, Literal

import pytest
from pydantic import BaseModel, ConfigDict, Field

from kpi.model_check import check_model
from kpi.yaml_text import Document, Place, read_yaml


def told(document: Document) -> list[str]:
    """The problems as a person reads them."""
    return [str(problem) for problem in sorted(document.problems)]


class Inner(BaseModel):
    model_config = ConfigDict(extra="forbid", strict=True)

    it: str
    business: str


class Outer(BaseModel):
    model_config = ConfigDict(extra="forbid", strict=True)

    owners: Inner | None = None
    side: Literal["it", "business"] = "it"
    words: list[str] = []
    by_name: dict[str, Inner] = {}
    places: Annotated[int, Field(ge=0)] = 0
    since: str = Field(default="", alias="from")


def check(text: str) -> list[str]:
    document = read_yaml(text, "f")
    check_model(document, Outer, document.value)
    return told(document)


def test_a_value_that_fits_becomes_the_model() -> None:
    document = read_yaml("owners: {it: A, business: B}\nfrom: x\n", "f")

    checked = check_model(document, Outer, document.value)

    assert checked == Outer(**{"owners": Inner(it="A", business="B"), "from": "x"})
    assert document.problems == []


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("sied: it\n", "f:1:1: unknown key 'sied'. Did you mean 'side'?"),
        ("form: x\n", "f:1:1: unknown key 'form'. Did you mean 'from'?"),
        (
            "zzz: 1\n",
            "f:1:1: unknown key 'zzz'. Known keys: owners, side, words, by_name, places, from.",
        ),
        (
            "owners: {it: A, business: B, busines: C}\n",
            "f:1:30: unknown key 'busines'. Did you mean 'business'?",
        ),
        ("owners:\n  it: A\n", "f:1:1: 'business' is missing."),
        ("owners: {it: 1, business: B}\n", "f:1:14: 'it' must be text."),
        ("by_name: {x: {it: A}}\n", "f:1:11: 'business' is missing."),
        ("side: IT\n", "f:1:7: 'side' must be 'it' or 'business', not 'IT'. Did you mean 'it'?"),
        ("words: [a, 2]\n", "f:1:12: 'words' (item 2) must be text."),
        ("words: a\n", "f:1:8: 'words' must be a list."),
        ("places: 1.5\n", "f:1:9: 'places' must be a whole number."),
        ("places: -1\n", "f:1:9: 'places' must be greater than or equal to 0."),
    ],
)
def test_what_does_not_fit_a_model_is_told_at_its_place(text: str, expected: str) -> None:
    assert check(text) == [expected]


def test_everything_that_does_not_fit_is_told_at_once() -> None:
    assert len(check("sied: it\nplaces: x\nwords: [1]\nowners: {it: A}\n")) == 4


@pytest.mark.parametrize(("text", "place"), [("- a\n", "f:1:1"), ("text\n", "f:1:1")])
def test_a_model_needs_a_mapping(text: str, place: str) -> None:
    assert check(text)[0].startswith(f"{place}: here a mapping is expected. Keys it may have: ")


def test_a_key_with_nothing_behind_it_is_placed_at_the_key() -> None:
    document = read_yaml("a: 1\nowners:\n\n\nb: 2\n", "f")

    check_model(document, Inner, document.value["owners"], ("owners",))

    assert document.problems[0].place == Place(2, 1)
