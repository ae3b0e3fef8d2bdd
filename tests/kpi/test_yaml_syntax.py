"""What keeps a text from being YAML is told in plain words, where the mistake was made."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from kpi.yaml_text import read_yaml

# A piece of a vocabulary with most of what people write in one.
PIECE = """\
outcomes:
  fast:
    label: Changes reach customers
    owners: {it: Delivery, business: Product}
metrics:
  # how often
  deploys:
    label: "Deploys: all"
    definition: >-
      Production deployments
      that succeeded.
    also_called: [releases, 'it''s live']
    value: count(*) from deployments
    test:
      - {period: 2025-Q1, equals: 1043}
"""


def told(text: str) -> list[str]:
    """What is said of a text, without the file's name."""
    return [str(problem).removeprefix("f:") for problem in read_yaml(text, "f").problems]


# --- indentation --------------------------------------------------------------------------------


def test_a_first_entry_that_is_indented_too_far_is_told_where_it_begins() -> None:
    copied = "metrics:\n    new:\n        label: New\n        good: up\n\n  # the others\n  old:\n"

    assert told(f"tables:\n  orders: {{}}\n{copied}    label: Old\n") == [
        "4:5: line 4 is indented by 4, but line 9 by 2: both stand below line 3."
        " Give line 4 the indentation of line 9, and move along what stands below it."
    ]


@pytest.mark.parametrize("before", ["  a:\n    label: A\n", "  a:\n    label: A\n    good: up\n"])
def test_a_line_that_is_indented_as_none_above_it_is_told(before: str) -> None:
    here = before.count("\n") + 2

    assert told(f"metrics:\n{before}   b:\n     label: B\n") == [
        f"{here}:4: this line is indented by 3, as no line above it."
        " Indent it by 2 like line 2, or by 4 like line 3."
    ]


@pytest.mark.parametrize("value", ["A", "{x: 1}", "'A'"])
def test_a_key_that_is_indented_below_a_finished_one_is_told(value: str) -> None:
    assert told(f"m:\n  label: {value}\n    good: up\n") == [
        "3:5: line 3 is indented more than line 2, which has its value already."
        " Give line 3 the indentation of line 2."
    ]


@pytest.mark.parametrize("value", ["{x: 1}", "\n    label: B"])
def test_a_name_at_column_1_among_others_is_told(value: str) -> None:
    text = f"m:\n  a:\n    label: A\nb: {value}\n  c:\n    label: C\n"
    after = 5 + value.count("\n")

    assert told(text) == [
        f"4:1: line 4 is indented by 0, but lines 2 and {after} by 2."
        f" Give line 4 the indentation of line {after}."
    ]


def test_a_value_in_a_line_of_its_own_that_is_not_indented_enough_is_told() -> None:
    assert told("m:\n  a:\n    label: A\n    owners:\n   {it: B}\n") == [
        "5:4: this line is indented by 3, as no line above it."
        " Indent it by 2 like line 2, or by 4 like line 3."
    ]


def test_a_file_that_does_not_begin_with_a_key_is_told() -> None:
    assert told("# ours\n  a: 1\nb: 2\n") == [
        "2:3: the file does not begin with a key. Begin the first key at column 1."
    ]


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("m:\n\tunit: x\n", "2:1: this is a tab. Indent with spaces."),
        ("m:\n  a: 1\n\tunit: x\n", "3:1: this is a tab. Indent with spaces."),
        ("m:\n  unit:\tx\n", "2:8: this is a tab. Write a space instead."),
    ],
)
def test_a_tab_is_told(text: str, expected: str) -> None:
    assert told(text) == [expected]


@pytest.mark.parametrize("text", ["m:\n  a: 1\n  - x\n", "m:\n  - x\n  a: 1\n"])
def test_a_list_among_keys_is_told(text: str) -> None:
    assert told(text) == [
        "3:3: keys and the items of a list ('- ') stand side by side here."
        " Indent a list below the key that it belongs to."
    ]


# --- keys and colons ----------------------------------------------------------------------------


@pytest.mark.parametrize(
    "text",
    [
        "m:\n  label:My one\n  good: up\n",
        "m:\n  label:My one\n  good: up\n  side: it\n",
        "m:\n  label :My one\n  good: up\n",
        "m:\n  label:\u00a0My one\n  good: up\n",
    ],
)
def test_a_key_without_a_space_behind_its_colon_is_told_in_its_own_line(text: str) -> None:
    assert told(text) == ["2:3: 'label:' goes on without a space. Put a space behind the colon."]


@pytest.mark.parametrize("rest", ["  good: up\n", "", "  good: up\n  side: it\n"])
def test_a_key_without_a_space_is_told_wherever_it_stands(rest: str) -> None:
    assert told(f"m:\n  side: it\n  label:My one\n{rest}") == [
        "3:3: 'label:' goes on without a space. Put a space behind the colon."
    ]


@pytest.mark.parametrize("before", ["", "  side: it\n"])
def test_a_key_that_is_set_with_an_equals_sign_is_told(before: str) -> None:
    here = 2 + before.count("\n")

    assert told(f"m:\n{before}  label = My one\n  good: up\n") == [
        f"{here}:3: '=' sets no key. Write: label: My one."
    ]


def test_a_line_without_a_key_is_told() -> None:
    assert told("m:\n  definition: What it is\n  and what not\n  good: up\n") == [
        "3:3: this line has no key."
        " Write 'key: value'; a text that goes on from the line above is indented more."
    ]


@pytest.mark.parametrize(
    ("line", "fix"),
    [
        ("label: Bad: share", '"Bad: share"'),
        ("label: Bad:", '"Bad:"'),
        ("label: Bad: share  # of all", '"Bad: share"'),
        ('label: The "bad": share', "'The \"bad\": share'"),
    ],
)
def test_a_text_with_a_colon_in_it_is_put_in_quotes(line: str, fix: str) -> None:
    column = 3 + line.rindex(":" if line.count(":") > 1 else "x")

    assert told(f"m:\n  {line}\n  good: up\n") == [
        f"2:{column}: a text with ': ' in it needs quotes. Put it in quotes: {fix}."
    ]


# --- what a text may not begin with, and quotes ---------------------------------------------------


@pytest.mark.parametrize(
    ("value", "fix"),
    [
        ("%", '"%"'),
        ("% of all  # shares", '"% of all"'),
        ("@sales", '"@sales"'),
        ("`sales`", '"`sales`"'),
        ("& sales", '"& sales"'),
        ("* 100", '"* 100"'),
        ("? sales", '"? sales"'),
        ("- sales", '"- sales"; or begin it in the next line'),
        ("> 5", '"> 5"; or begin it in the next line'),
        ("| sales", '"| sales"; or begin it in the next line'),
    ],
)
def test_a_text_that_begins_with_a_sign_of_yaml_is_put_in_quotes(value: str, fix: str) -> None:
    assert told(f"m:\n  a: {value}\n") == [
        f"2:6: a text cannot begin with '{value[0]}'. Put it in quotes: {fix}."
    ]


@pytest.mark.parametrize("text", ["{unit: %, good: up}", "{good: up, unit: %}", "[a, %]"])
def test_within_braces_a_text_ends_where_they_end_it(text: str) -> None:
    (said,) = told(f"m: {text}\n")

    assert said.endswith("a text cannot begin with '%'. Put it in quotes: \"%\".")


def test_a_text_that_looks_like_an_alias_is_put_in_quotes() -> None:
    assert told("m:\n  label: *bold* words\n") == [
        "2:10: '*bold*' repeats what is marked '&bold*', and nothing is."
        ' Put a text that begins with * in quotes: "*bold* words".'
    ]


@pytest.mark.parametrize(
    ("value", "column", "closing"),
    [
        ("'it's'", 10, "'"),
        ('"region" = x', 15, '"'),
        ("[a] b", 10, "]"),
        ("{a: 1} b", 13, "}"),
    ],
)
def test_a_text_that_goes_on_behind_its_end_is_told(value: str, column: int, closing: str) -> None:
    assert told(f"m:\n  a: {value}\n  b: 1\n") == [
        f"2:{column}: the text goes on behind the {closing} that closes it."
        " Put the whole text in quotes; within single quotes write '' for '."
    ]


@pytest.mark.parametrize("quote", ["'", '"'])
def test_a_quote_that_is_not_closed_is_told_where_it_opens(quote: str) -> None:
    assert told(f"m:\n  label: {quote}My one\n  good: up\n") == [
        "2:10: this quote is not closed. Close it at the end of its text."
    ]


@pytest.mark.parametrize("quote", ["'", '"'])
def test_a_quote_that_only_another_text_closes_is_told_where_it_opens(quote: str) -> None:
    assert told(f"m:\n  label: {quote}My one\n  good: up\n  unit: {quote}x{quote}\n") == [
        "2:10: this quote is closed only in line 4. Close it at the end of its text."
    ]


def test_a_backslash_that_means_nothing_is_told() -> None:
    assert told('m:\n  label: "a\\d"\n') == [
        "2:13: '\\d' means nothing in double quotes."
        " Write \\\\ for a backslash, or put the text in single quotes."
    ]


# --- braces and brackets --------------------------------------------------------------------------


@pytest.mark.parametrize("rest", ["", "  good: up\n", "\n  # more\n  good: up\n", "n:\n  x: 1\n"])
@pytest.mark.parametrize(("opening", "closing"), [("{it: A", "}"), ("[a, b", "]")])
def test_a_brace_that_is_not_closed_is_told_where_it_opens(
    opening: str, closing: str, rest: str
) -> None:
    assert told(f"m:\n  owners: {opening}\n{rest}") == [
        f"2:11: this '{opening[0]}' is not closed. Put '{closing}' at the end of line 2."
    ]


@pytest.mark.parametrize("between", [" ", "\n    "])
def test_a_missing_comma_is_told(between: str) -> None:
    (said,) = told(f"m:\n  owners: {{it: A{between}business: B}}\n")

    assert said.endswith(
        "here ',' or '}' is expected."
        " Put a comma between two entries, and quotes around a text that has a colon."
    )


@pytest.mark.parametrize(
    ("value", "column", "sign"),
    [
        ("{it: A}}", 13, "}"),
        ("[a]]", 9, "]"),
        ("{it: A},", 13, ","),
        ("{it: A,, business: B}", 13, ","),
        ("{it: : A}", 11, ":"),
    ],
)
def test_a_sign_too_many_is_told(value: str, column: int, sign: str) -> None:
    assert told(f"m:\n  a: {value}\n  b: 1\n") == [
        f"2:{column}: '{sign}' does not belong here."
        " Remove it, or put the text that it is part of in quotes."
    ]


@pytest.mark.parametrize("mark", ["---", "..."])
def test_a_second_document_is_told(mark: str) -> None:
    (said,) = told(f"a: 1\n{mark}\nb: 2\n")

    assert said.endswith("another document begins here. Remove the line '---' or '...'.")


def test_what_nobody_has_put_in_plain_words_is_told_as_the_parser_says_it() -> None:
    assert told("%YAML 3.0\n---\na: 1\n") == [
        "1:1: this is not YAML: found incompatible YAML document (version 1.* is required)."
        " Check the indentation, colons and quotes around this place."
    ]


# --- whatever is wrong ----------------------------------------------------------------------------


@given(
    at=st.integers(0, len(PIECE) - 1),
    cut=st.integers(0, 3),
    put=st.text(" {}[]:,'\"*&!|>%@`-?#\t\n=\\x", max_size=3),
    ends=st.sampled_from(["\n", "\r\n"]),
)
def test_whatever_is_wrong_is_told_within_the_text(at: int, cut: int, put: str, ends: str) -> None:
    text = (PIECE[:at] + put + PIECE[at + cut :]).replace("\n", ends)

    document = read_yaml(text, "f")

    lines = text.split("\n")
    assert all(
        1 <= problem.place.column <= len(lines[problem.place.line - 1]) + 1
        for problem in document.problems
    )
