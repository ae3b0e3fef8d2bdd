"""YAML is read by version 1.2, and every mistake is told with its place."""

from __future__ import annotations

import json

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from kpi.yaml_text import (
    Document,
    Place,
    Problem,
    Refused,
    as_yaml,
    choice,
    nearest,
    read_yaml,
)


def told(document: Document) -> list[str]:
    """The problems as a person reads them."""
    return [str(problem) for problem in sorted(document.problems)]


def at(text: str, place: Place) -> str:
    """What stands at a place, to the end of its line."""
    return text.split("\n")[place.line - 1][place.column - 1 :]


@pytest.mark.parametrize("word", ["no", "NO", "yes", "on", "off", "1:30", "0o"])
def test_words_that_older_yaml_reads_as_something_else_are_text(word: str) -> None:
    document = read_yaml(f"region: {word}\n", "f")

    assert document.value == {"region": word}


def test_plain_values_keep_their_kinds() -> None:
    document = read_yaml("{a: 1, b: 1.5, c: true, d: null, e: text, f: [1, x]}", "f")

    assert document.value == {"a": 1, "b": 1.5, "c": True, "d": None, "e": "text", "f": [1, "x"]}


def test_a_key_that_stands_twice_is_told_and_the_first_one_counts() -> None:
    document = read_yaml("a: 1\nb: 2\na: 3\n", "f")

    assert document.value == {"a": 1, "b": 2}
    assert told(document) == [
        "f:3:1: the key 'a' stands here a second time (first in line 1). Keep one of them."
    ]


def test_the_same_key_in_two_mappings_is_no_mistake() -> None:
    document = read_yaml("a: {x: 1}\nb: {x: 2}\n", "f")

    assert document.problems == []


def test_a_character_that_yaml_forbids_is_told_at_its_place() -> None:
    document = read_yaml("a: 1\nbb: x\x07y\n", "f")

    assert told(document) == [
        "f:2:6: the character U+0007 cannot stand in YAML. Remove it; an editor may hide it."
    ]


def test_a_tag_is_no_kind_of_value() -> None:
    document = read_yaml("a: !!python/name:os.system x\n", "f")

    assert told(document)[0].startswith("f:1:4: 'tag:yaml.org,2002:python/name:os.system'")


@pytest.mark.parametrize("value", ["2026-13-45", "2026-02-30", "!!int x"])
def test_a_value_that_cannot_be_read_is_told_and_the_rest_is_read(value: str) -> None:
    document = read_yaml(f"a: {value}\nb: 2\n", "f")

    assert len(document.problems) == 1
    assert document.problems[0].place == Place(1, 4)
    assert document.value["b"] == 2


def test_an_alias_may_stand_for_what_was_written_before() -> None:
    document = read_yaml("a: &owners {it: A}\nb: *owners\n", "f")

    assert document.value == {"a": {"it": "A"}, "b": {"it": "A"}}
    assert document.problems == []


def test_an_alias_inside_what_it_stands_for_is_told() -> None:
    document = read_yaml("a: &x\n  b: [1, *x]\n", "f")

    assert len(document.problems) == 1
    assert "stands inside what it stands for" in told(document)[0]


# --- places -------------------------------------------------------------------------------------


def test_a_place_is_that_of_the_value_or_of_its_key() -> None:
    document = read_yaml("a:\n  b: [x,  y]\n", "f")

    assert document.place(("a", "b", 1)) == Place(2, 11)
    assert document.key_place(("a", "b")) == Place(2, 3)


def test_what_is_absent_is_placed_at_what_would_hold_it() -> None:
    document = read_yaml("a:\n  b: 1\n", "f")

    assert document.place(("a", "missing", "deeper")) == Place(2, 3)
    assert document.key_place(("a", "missing", "deeper")) == Place(1, 1)


@pytest.mark.parametrize(
    "text",
    [
        "a: one foo bar\n",
        "a: one\n  foo bar\n",
        "a: one\n\n  foo bar\n",
        "a:\n  one foo\n",
        "a:   # foo is a comment\n  one foo\n",
        "a: 'one foo'\n",
        "a: 'it''s foo'\n",
        "a: '''one'' foo'\n",
        "a: 'one\n  foo'\n",
        'a: "one foo"\n',
        'a: "\\"one\\" foo"\n',
        'a: "one \\\n  foo"\n',
        'a: "on\\x65 foo"\n',
        'a: "\\u00e9 \\U0001F600 foo"\n',
        'a: "one\\tfoo"\n',
        'a: "f\\"f foo"\n',
        "a: |\n  one\n  foo\n",
        "a: |-  # foo is a comment\n  one\n  foo",
        "a: |2\n    one\n   foo\n",
        "a: >-\n  one foo\n  two\n",
        "a: >\n\n  one\n\n  foo\n",
        "{a: one foo, b: 1}\n",
        "{a: 'one foo', b: 1}\n",
        "{b: 1,\n a: one\n  foo}\n",
        "a: &foo one foo\n",
        "a: !!str one foo\n",
        "a: &x 'one foo'\n",
        "a: !!str |\n  one foo\n",
        "ä: 1\na: 😀 foo\n",
    ],
)
def test_a_word_inside_a_value_is_placed_exactly(text: str) -> None:
    document = read_yaml(text, "f")

    place = document.place_in(("a",), document.value["a"].index("foo"))

    assert at(text, place).startswith("foo")


@pytest.mark.parametrize("style", ["single", "double", "literal", "folded"])
@given(value=st.text("ab1'\"\\ \n(){}#:-é😀t", min_size=1, max_size=30))
@example(value="'' ''")
@example(value='\\" \\\\ t')
def test_every_character_of_a_value_is_placed_exactly(style: str, value: str) -> None:
    indented = value.replace("\n", "\n  ")
    text = {
        "single": "a: '" + value.replace("'", "''").replace("\n", "\n\n  ") + "'\n",
        "double": f"a: {json.dumps(value)}\n",
        "literal": f"a: |2-\n  {indented}\n",
        "folded": f"a: >2-\n  {indented}\n",
    }[style]
    document = read_yaml(text, "f")
    read = document.value["a"]

    for offset, character in enumerate(read):
        if not character.isspace():
            written = at(text, document.place_in(("a",), offset))
            if style == "double" and written[0] == "\\":
                end = {"u": 12 if character > "\uffff" else 6}.get(written[1], 2)
                written = json.loads(f'"{written[:end]}"')
            assert written[0] == character


@pytest.mark.parametrize(
    ("key", "lines"),
    [
        ("block", "block:  # about it\n  x: 1\n  y: >-\n    long\n    text"),
        ("list", "list:\n  - 1\n  - 2"),
        ("flow", "flow: {x: 1,\n    y: 2}  # end"),
        ("empty", "empty:\n  x:"),
        ("last", "last: 1"),
    ],
)
def test_the_lines_of_an_entry_end_where_it_ends(key: str, lines: str) -> None:
    text = (
        "all:\n"
        "  # before\n"
        "  block:  # about it\n    x: 1\n    y: >-\n      long\n      text\n\n"
        "  # between\n"
        "  list:\n    - 1\n    - 2\n"
        "  flow: {x: 1,\n      y: 2}  # end\n"
        "  empty:\n    x:\n\n"
        "  last: 1\n\n\n# after\n"
    )

    assert read_yaml(text, "f").lines(("all", key)) == lines


# --- comments that cut a text -------------------------------------------------------------------


@pytest.mark.parametrize(
    ("text", "column"),
    [
        ("a: count(*) from t where x = 'no #1'\n", 33),
        ('a: x = "a #1"\n', 10),
        ("a: count_if(x # y)\n", 14),
    ],
)
def test_a_comment_that_cuts_a_text_off_is_told(text: str, column: int) -> None:
    document = read_yaml(text, "f")

    assert told(document) == [
        f"f:1:{column}: ' #' begins a comment here and cuts the text off. "
        "Put the whole text in double quotes."
    ]


def test_a_number_sign_right_before_a_word_is_no_comment_that_was_meant() -> None:
    document = read_yaml("a: My #1 metric\nb: [x #2\n]\n", "f")

    assert told(document) == [
        f"f:{place}: ' #' begins a comment here and cuts the text off. "
        "Put the whole text in quotes; a comment begins with '# '."
        for place in ("1:6", "2:6")
    ]


@pytest.mark.parametrize(
    "text",
    [
        "a: count(*) from t  # all of them\n",
        "a: x ## all\n",
        "a: x #\n",
        "a: 'x #1'\n",
        "a: x#1\n",
        'a: "(" # open\n',
        "a: 'x' #1\n",
        "a: 5 #1\n",
    ],
)
def test_a_comment_behind_a_whole_text_is_no_mistake(text: str) -> None:
    assert read_yaml(text, "f").problems == []


# --- braces ---------------------------------------------------------------------------------------


def test_keys_without_a_space_behind_their_colons_are_told_once_and_read_as_they_are_meant() -> (
    None
):
    document = read_yaml("a: 1\no: {it:Delivery, business:Product}\n", "f")

    assert document.value["o"] == {"it": "Delivery", "business": "Product"}
    assert told(document) == [
        "f:2:5: 'it:' and 'business:' go on without a space. Put a space behind each colon."
    ]


def test_a_value_that_is_parted_from_its_key_keeps_its_kind_and_its_place() -> None:
    document = read_yaml("t: {period: 2025, equals:5}\n", "f")

    assert document.value["t"] == {"period": 2025, "equals": 5}
    assert document.place(("t", "equals")) == Place(1, 26)
    assert told(document) == [
        "f:1:19: 'equals:' goes on without a space. Put a space behind the colon."
    ]


@pytest.mark.parametrize(
    ("value", "column", "key", "fix"),
    [
        ("{2026-06-01: bad, too}", 22, "too", 'Put the text in quotes: "bad, too".'),
        ("{x: a, b,\n    c, d: 1}", 11, "b", 'Put the text in quotes: "a, b, c".'),
        ("{x: 2 bad, too}", 15, "too", 'Put the text in quotes: "2 bad, too".'),
        ("{equals: 1,043}", 15, "043", "Write: 1043."),
        ("{equals: 3,5, period: 2025}", 15, "5", "Write: 3.5."),
        ("{from 2026: 1,200 per week}", 18, "200 per week", "Write: 1200 per week."),
    ],
)
def test_a_comma_that_tears_a_text_in_braces_is_told(
    value: str, column: int, key: str, fix: str
) -> None:
    document = read_yaml(f"a: {value}\n", "f")

    what = f"within braces a comma ends a text, and '{key}' is no key with a value."
    assert told(document) == [f"f:1:{column}: {what} {fix}"]


@pytest.mark.parametrize("value", ["{a}", "{x: [1], a}", "{x: 'y', a}", "{x: , a}"])
def test_a_word_in_braces_that_is_no_part_of_a_text_is_told(value: str) -> None:
    (said,) = told(read_yaml(f"v: {value}\n", "f"))

    assert said.endswith("'a' is no key with a value. Write: a: and its value.")


@pytest.mark.parametrize("value", ["{a: , b: 1}", "{'a':, b: 1}", "{'a' : , b: 1}"])
def test_a_key_in_braces_may_have_nothing_behind_it(value: str) -> None:
    document = read_yaml(f"v: {value}\n", "f")

    assert document.value["v"] == {"a": None, "b": 1}
    assert document.problems == []


# --- names and examples -------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("word", "expected"),
    [
        ("relable", "Did you mean 'reliable'?"),
        ("Customers rely on us", "Did you mean 'reliable'?"),
        ("THEY BUY MORE", "Did you mean 'grow'?"),
        ("zzz", "There are: reliable, grow."),
    ],
)
def test_a_name_is_offered_for_its_label_too_or_else_all_of_them(word: str, expected: str) -> None:
    assert (
        choice(word, {"reliable": "Customers can rely on us", "grow": "They buy more"}) == expected
    )


def test_where_there_is_no_name_none_is_offered() -> None:
    assert choice("zzz", {}) == ""


@pytest.mark.parametrize(
    ("value", "text"),
    [
        (1043, "1043"),
        (99.9, "99.9"),
        (False, "false"),
        ("90 days", "90 days"),
        ("%", '"%"'),
        ("28", '"28"'),
        ("a, b", '"a, b"'),
        ('a "b": c', "'a \"b\": c'"),
        (["a", 1], "[a, 1]"),
        ({"2026-06-01": "no: refunds", "by": ["team"]}, '{2026-06-01: "no: refunds", by: [team]}'),
    ],
)
def test_an_example_is_written_as_it_is_read(value: object, text: str) -> None:
    assert as_yaml(value) == text
    assert read_yaml(text, "f").value == value


@pytest.mark.parametrize("written", ["4.90", "'4.90'", '"4.90"'])
def test_a_value_is_known_as_it_was_written(written: str) -> None:
    document = read_yaml(f"a: {written}\nb: [1]\n", "f")

    assert document.written(("a",)) == "4.90"
    assert document.written(("b",)) == document.written(("c",)) == ""


@pytest.mark.parametrize("rest", ["", "\n\n# more\nc: 1\n", "  # a comment\nc: 1\n"])
def test_where_nothing_stands_behind_a_key_its_value_is_placed_at_the_key(rest: str) -> None:
    assert read_yaml(f"a: 1\nb:{rest}", "f").place(("b",)) == Place(2, 1)


# --- problems -----------------------------------------------------------------------------------


def test_refused_tells_each_problem_once_in_the_order_of_the_file() -> None:
    first = Problem("f", Place(2, 9), "b.", "Mend it.")
    second = Problem("f", Place(10, 1), "a.")

    refused = Refused([second, first, second])

    assert str(refused) == "f:2:9: b. Mend it.\nf:10:1: a."


@pytest.mark.parametrize(
    ("word", "expected"),
    [
        ("servic", "Did you mean 'service'?"),
        ("SERVICE", "Did you mean 'service'?"),
        ("service", ""),
        ("qqq", ""),
        (7, ""),
    ],
)
def test_the_nearest_known_name_is_offered_where_one_is_near(word: object, expected: str) -> None:
    assert nearest(word, ["region", "service", "team"]) == expected
