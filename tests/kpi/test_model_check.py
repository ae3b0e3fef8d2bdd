"""What does not fit a model is told at its place, with a way to mend it."""

from __future__ import annotations

from typing import Annotated, Literal

import pytest
from pydantic import BaseModel, BeforeValidator, ConfigDict, Field

from kpi.model_check import Hints, check_model
from kpi.yaml_text import Document, Place, read_yaml


class Strict(BaseModel):
    model_config = ConfigDict(extra="forbid", strict=True)


class Inner(Strict):
    it: str
    business: str = Field(description="The role on the business side.", examples=["Sales"])


class Outer(Strict):
    owners: Inner | None = Field(None, examples=[{"it": "Platform", "business": "Sales"}])
    side: Literal["it", "business"] = "it"
    words: list[str] = []
    by_name: dict[str, Inner] = {}
    places: Annotated[int, Field(ge=0)] = 0
    since: str = Field(default="", alias="from")


class Known(Strict):
    period: str | int = Field(description="AGES ago.", examples=["2025-03"])
    equals: float = Field(description="What it must be.")


def _alone(value: object) -> object:
    return [value] if isinstance(value, dict) else value


def _short(value: object) -> object:
    return {"it": value, "business": "B"} if isinstance(value, str) else value


class Long(Strict):
    """With more keys than a message can name, and with short ways to write a value."""

    label: str = Field(min_length=1, description="What screens call it.")
    definition: str
    test: Annotated[list[Known], BeforeValidator(_alone)] = []
    latest: Annotated[Inner, BeforeValidator(_short)] | None = None
    window: str = Field("", description="How long.", examples=["90 days", "all"])
    changed: dict[str, str] = Field({}, examples=[{"2026-06-01": "no: refunds"}])
    tolerance: float = 0
    into: str | list[str] = ""
    internal: bool = False
    owners: Inner | None = None


HINTS = Hints({"name": "label", "description": "definition"}, "docs/page.md")
LONG = "label: A\ndefinition: B\n"


def told(document: Document) -> list[str]:
    """The problems as a person reads them."""
    return [str(problem) for problem in sorted(document.problems)]


def check(text: str, model: type[BaseModel] = Outer) -> list[str]:
    document = read_yaml(text, "f")
    check_model(document, model, document.value, hints=HINTS)
    return told(document)


def check_long(line: str) -> list[str]:
    """What is said of a line that follows two good ones."""
    return check(f"{LONG}{line}\n", Long)


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
        ("owners: {business: B}\n", "f:1:1: 'it' is missing. Write 'it:' and its value."),
        (
            "owners:\n  it: A\n",
            "f:1:1: 'business' is missing. It is the role on the business side."
            " For example: business: Sales.",
        ),
        ("owners: {it: 1, business: B}\n", "f:1:14: 'it' must be text. Put it in quotes."),
        ("side: IT\n", "f:1:7: 'side' must be 'it' or 'business', not 'IT'. Did you mean 'it'?"),
        ("side: true\n", "f:1:7: 'side' must be 'it' or 'business', not 'true'."),
        ("side: [it, x]\n", "f:1:7: 'side' must be 'it' or 'business', not '[it, x]'."),
        ("side: 2026-01-01\n", "f:1:7: 'side' must be 'it' or 'business', not '2026-01-01'."),
        ("words: [a, 2]\n", "f:1:12: 'words' (item 2) must be text. Put it in quotes."),
        ("words: [[a]]\n", "f:1:9: 'words' (item 1) must be text. Write one text."),
        ("words: a\n", "f:1:8: 'words' must be a list."),
        ("places: 1.5\n", "f:1:9: 'places' must be a whole number."),
        ("places: -1\n", "f:1:9: 'places' must be greater than or equal to 0."),
    ],
)
def test_what_does_not_fit_a_model_is_told_at_its_place(text: str, expected: str) -> None:
    assert check(text) == [expected]


def test_everything_that_does_not_fit_is_told_at_once() -> None:
    assert len(check("sied: it\nplaces: x\nwords: [1]\nowners: {it: A}\n")) == 4


# --- keys ---------------------------------------------------------------------------------------


@pytest.mark.parametrize("key", ["defintion", "Definition", "description", "Description"])
def test_a_key_that_stands_under_another_name_is_not_missing_as_well(key: str) -> None:
    assert check(f"label: A\n{key}: B\n", Long) == [
        f"f:2:1: unknown key '{key}'. Did you mean 'definition'?"
    ]


def test_a_misspelt_key_within_a_key_is_not_missing_as_well() -> None:
    assert check("owners: {it: A, busines: B}\n") == [
        "f:1:17: unknown key 'busines'. Did you mean 'business'?"
    ]


def test_an_unknown_key_is_compared_first_with_the_keys_that_are_not_there() -> None:
    assert check("owners: {business: A, biz: B}\n") == [
        "f:1:1: 'it' is missing. Write 'it:' and its value.",
        "f:1:23: unknown key 'biz'. Still missing: it. Known keys: it, business.",
    ]
    assert check("owners: {business: A, itt: B}\n") == [
        "f:1:23: unknown key 'itt'. Did you mean 'it'?"
    ]


def test_where_there_are_many_keys_the_missing_ones_are_named_and_the_page_with_all() -> None:
    assert check("label: A\nzzz: 1\n", Long) == [
        "f:1:1: 'definition' is missing. Write 'definition:' and its value.",
        "f:2:1: unknown key 'zzz'. Still missing: definition. docs/page.md explains all keys.",
    ]
    assert check_long("zzz: 1") == ["f:3:1: unknown key 'zzz'. docs/page.md explains all keys."]


def test_a_word_for_a_key_that_is_there_already_is_only_unknown() -> None:
    assert check_long("name: A") == ["f:3:1: unknown key 'name'. docs/page.md explains all keys."]


# --- items and short ways to write a value ------------------------------------------------------


@pytest.mark.parametrize(
    ("line", "expected"),
    [
        ("test: {period: 1, equal: 2}", "f:3:19: unknown key 'equal'. Did you mean 'equals'?"),
        ("test: {period: 1, equals: x}", "f:3:27: 'equals' must be a number."),
        (
            "test:\n  - {period: 1, equals: 1}\n  - {period: 1, equal: 2}",
            "f:5:17: unknown key 'equal'. Did you mean 'equals'?",
        ),
        (
            "test: [{period: 1, equals: 1}, {equals: 1}]",
            "f:3:32: 'period' is missing. It is AGES ago. For example: period: 2025-03.",
        ),
        ("latest: {it: A, busines: B}", "f:3:17: unknown key 'busines'. Did you mean 'business'?"),
        ("latest: 5", "f:3:9: 'latest' must be a mapping."),
    ],
)
def test_a_mistake_within_a_short_value_or_an_item_is_told_at_its_place(
    line: str, expected: str
) -> None:
    assert check_long(line) == [expected]


# --- empty values -------------------------------------------------------------------------------


def test_a_key_with_nothing_behind_it_is_told_at_the_key() -> None:
    assert check(
        "definition: A\nlabel:\nwindow:\n\n# more\ntest:\n  - equals: 1\n    period:\n", Long
    ) == [
        "f:2:1: 'label' is empty. It is what screens call it.",
        "f:3:1: 'window' is empty. It is how long. For example: window: 90 days.",
        "f:8:5: 'period' is empty. It is AGES ago. For example: period: 2025-03.",
    ]


@pytest.mark.parametrize("value", ["''", "null", "~"])
def test_an_empty_value_is_told_where_it_stands(value: str) -> None:
    assert check(f"definition: A\nlabel: {value}\n", Long) == [
        "f:2:8: 'label' is empty. It is what screens call it."
    ]


@pytest.mark.parametrize("line", ["tolerance:", "changed:", "into:", "internal:", "latest:\ntest:"])
def test_a_value_of_no_kind_is_empty_and_nothing_else(line: str) -> None:
    key = line.partition("\n")[2] or line

    (said,) = check_long(line)
    assert said.partition(": ")[2] == f"'{key.rstrip(':')}' is empty. Write its value behind it."


def test_a_word_that_must_be_one_of_some_is_empty_where_it_is_not_there() -> None:
    assert check("side:\n") == ["f:1:1: 'side' is empty. Write its value behind it."]


def test_a_model_with_nothing_behind_its_key_is_placed_at_the_key() -> None:
    document = read_yaml("a: 1\nowners:\n\n\nb: 2\n", "f")

    check_model(document, Inner, document.value["owners"], ("owners",))

    assert document.problems[0].place == Place(2, 1)
    assert told(document) == ["f:2:1: 'owners' is empty. It needs: it, business."]


# --- values of another kind -----------------------------------------------------------------------


@pytest.mark.parametrize(
    ("line", "expected"),
    [
        ("window: 28", "f:3:9: 'window' must be text. For example: 90 days."),
        ("window: [28]", "f:3:9: 'window' must be text. For example: 90 days."),
        (
            "changed: 2026-06-01",
            "f:3:10: 'changed' must be a mapping. For example: {2026-06-01: \"no: refunds\"}.",
        ),
        ('tolerance: "2"', "f:3:12: 'tolerance' must be a number. Write it without quotes: 2."),
        ("tolerance: 0,5", "f:3:12: 'tolerance' must be a number. Write it: 0.5."),
        ("tolerance: few", "f:3:12: 'tolerance' must be a number."),
        ("into: 5", "f:3:7: 'into' must be text or a list. Put it in quotes."),
        ("owners:\n  it:A", "f:4:3: 'owners' must be a mapping. Put a space behind the colon."),
    ],
)
def test_a_value_of_another_kind_is_told_with_what_is_meant_or_an_example(
    line: str, expected: str
) -> None:
    assert check_long(line) == [expected]


@pytest.mark.parametrize(("text", "place"), [("- a\n", "f:1:1"), ("text\n", "f:1:1")])
def test_a_model_needs_a_mapping(text: str, place: str) -> None:
    assert check(text)[0].startswith(f"{place}: here a mapping is expected. Keys it may have: ")
    assert check(text, Inner) == [f"{place}: here a mapping is expected. It needs: it, business."]


def test_a_mapping_of_one_key_without_a_space_is_told_as_such() -> None:
    assert check("it:A\n", Inner) == [
        "f:1:1: 'it:' goes on without a space. Put a space behind the colon."
    ]


# --- indentation ----------------------------------------------------------------------------------


def test_keys_that_stand_beside_the_key_that_they_belong_below_are_told_once() -> None:
    assert check_long("owners:\nit: A\nbusiness: B\nwindow: all") == [
        "f:3:1: 'owners' is empty: what belongs below it stands beside it."
        " Indent the lines below owners ('it' to 'business') by two more."
    ]
    assert check_long("test:\nequals: 1") == [
        "f:3:1: 'test' is empty: what belongs below it stands beside it."
        " Indent the lines below test ('equals') by two more."
    ]


@pytest.mark.parametrize("key", ["into", "changed", "window", "zzz"])
def test_an_empty_key_that_holds_no_keys_is_no_reason_to_indent_what_follows(key: str) -> None:
    assert "Indent" not in " ".join(check_long(f"{key}:\nit: A"))


def test_what_is_wrong_beside_such_keys_is_told_as_well() -> None:
    assert [
        line.partition(": ")[0] for line in check_long("zzz: 1\nowners:\nit: A\nwindow: 5")
    ] == [
        "f:3:1",
        "f:4:1",
        "f:6:9",
    ]
