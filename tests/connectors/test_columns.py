"""The mapping of columns says what people mean, in files and databases alike."""

from __future__ import annotations

from typing import Any

import pytest
from pydantic import TypeAdapter, ValidationError

from connectors.columns import Columns, columns_of, nearest
from connectors.contract import Column

_COLUMNS: TypeAdapter[Any] = TypeAdapter(Columns)


def _column(entry: object, **defaults: Any) -> Column:
    (column,) = columns_of(_COLUMNS.validate_python({"score": entry}), **defaults)
    return column


def test_a_text_is_the_raw_columns_name() -> None:
    assert _column("How likely ...") == Column("score", source="How likely ...")


def test_an_empty_entry_is_the_raw_column_of_the_same_name() -> None:
    assert _column({}) == Column("score")


def test_one_text_and_a_list_of_texts_mean_the_same() -> None:
    assert _column({"format": "%d.%m.%Y"}) == _column({"format": ["%d.%m.%Y"]})


def test_marks_and_values_are_compared_as_texts() -> None:
    column = _column({"missing": [99, "?"], "values": {2: "sev2", True: "yes"}})

    assert column.missing == ("99", "?")
    assert column.values == {"2": "sev2", "true": "yes"}


def test_a_value_needs_no_raw_column() -> None:
    assert _column({"value": "EUR"}).constant == "EUR"


def test_zone_and_decimal_mark_are_the_sources_unless_the_column_has_its_own() -> None:
    theirs = _column({}, timezone="Europe/Berlin", decimal=",")
    own = _column({"timezone": "UTC", "decimal": "."}, timezone="Europe/Berlin", decimal=",")

    assert (theirs.timezone, theirs.decimal) == ("Europe/Berlin", ",")
    assert (own.timezone, own.decimal) == ("UTC", ".")


@pytest.mark.parametrize(
    ("word", "type_"),
    [
        ("text", "VARCHAR"),
        ("Integer", "BIGINT"),
        ("number", "DOUBLE"),
        ("decimal(18, 2)", "DECIMAL(18,2)"),
        ("timestamp", "TIMESTAMP"),
    ],
)
def test_types_have_the_names_that_people_use(word: str, type_: str) -> None:
    assert _column({"type": word}).type == type_


@pytest.mark.parametrize(
    ("entry", "told"),
    [
        ({"type": "intger"}, "Did you mean 'integer'?"),
        ({"type": "decimal(40, 2)"}, "at most 38 digits"),
        ({"type": "timestamptz"}, "unknown type 'timestamptz'"),
        ({"timezone": "Berlin/Europe"}, "unknown time zone 'Berlin/Europe'"),
        ({"value": 1, "from": "x"}, "remove from, or remove value"),
        ({"frm": "x"}, "Extra inputs"),
        (7, "valid dictionary"),
    ],
)
def test_what_cannot_be_meant_is_refused(entry: object, told: str) -> None:
    with pytest.raises(ValidationError, match="1 validation error") as refused:
        _column(entry)

    assert told in str(refused.value)


@pytest.mark.parametrize("names", [["_source"], ["Score", "score"], [" "]])
def test_a_name_that_the_facts_cannot_have_is_refused(names: list[str]) -> None:
    with pytest.raises(ValidationError):
        _COLUMNS.validate_python({name: {} for name in names})


def test_the_nearest_name_is_found_whatever_its_case() -> None:
    assert nearest("UPDATED", ["id", "updated_at"]) == " Did you mean 'updated_at'?"


def test_nothing_near_is_no_hint() -> None:
    assert nearest("x", ["id", "updated_at"]) == ""
