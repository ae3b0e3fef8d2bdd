"""The records in a JSON document are found by its text alone, or it is said what is there."""

from __future__ import annotations

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from kpi.json_records import NotJson, NotThere, check_whole, locate, records

_SCALARS = st.none() | st.booleans() | st.integers() | st.text()
_VALUES = st.recursive(
    _SCALARS, lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(), inner)
)


def found(document: str, path: str = "") -> list[object]:
    """The records, as Python sees each of them."""
    text = document.encode()
    steps = path.split(".") if path else []
    return [json.loads(record) for record in records(text, locate(text, steps))]


def instead(document: str, path: str = "") -> str:
    """What is said to be there."""
    with pytest.raises(NotThere) as told:
        found(document, path)
    return str(told.value)


@given(
    st.lists(_VALUES, max_size=5),
    st.dictionaries(st.text(), _VALUES, max_size=3),
    st.sampled_from([None, 0, 3]),
    st.booleans(),
)
def test_every_record_is_found_wherever_it_stands(
    made: list[object], beside: dict[str, object], indent: int | None, ascii_only: bool
):
    holder = {**beside, "data": {**beside, "items": made}, "more": True}
    document = json.dumps(holder, indent=indent, ensure_ascii=ascii_only)

    assert found(document, "data.items") == made


@given(_VALUES, st.integers(0, 30))
def test_a_document_that_breaks_off_is_told_from_a_whole_one(value: object, left: int):
    whole = json.dumps([value]).encode()

    check_whole(whole + b" \n")
    with pytest.raises(NotJson):
        check_whole(whole[: max(len(whole) - 1 - left, 0)])


def test_two_documents_in_a_row_are_not_one():
    with pytest.raises(NotJson):
        check_whole(b'{"a": 1}\n{"a": 2}')


def test_a_single_mapping_is_one_record():
    assert found('{"user": {"id": 1}}', "user") == [{"id": 1}]


def test_the_document_itself_may_be_the_list():
    assert found(' [{"id": 1}, {"id": 2}]') == [{"id": 1}, {"id": 2}]


def test_brackets_quotes_and_commas_in_a_text_are_no_structure():
    record = {"title": 'a ] } , { " \\', "next": '\\"'}

    assert found(json.dumps([record, record])) == [record, record]


def test_a_key_may_be_written_with_escapes():
    assert found('{"\\u0061b": [1]}', "ab") == [1]


def test_of_a_key_that_is_there_twice_the_first_counts():
    assert found('{"a": [1], "a": [2]}', "a") == [1]


def test_nesting_has_no_limit():
    deep = b"[" * 200_000 + b"]" * 200_000

    assert list(records(b"[" + deep + b"]", 0)) == [deep]


def test_a_path_that_leads_nowhere_says_what_is_there_instead():
    document = '{"error": "no", "data": {"a": 1, "b": 2, "c": 3, "d": 4, "e": 5, "f": 6}}'

    assert [
        instead(document, "items"),
        instead(document, "data.items"),
        instead(document, "error.items"),
        instead(document, "error"),
        instead("null"),
        instead("{}", "items"),
    ] == [
        "it has no 'items', only 'error', 'data'",
        "'data' has no 'items', only 'a', 'b', 'c', 'd', 'e' and 1 more",
        "'error' is a text, without 'items'",
        "'error' is a text",
        "it is null",
        "it has no 'items', it is empty",
    ]
