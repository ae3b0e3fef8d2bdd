"""Parameters are found where they are parameters, and slips are caught where they are made."""

from __future__ import annotations

import re

import pytest

from connectors.databases.query import parse


def _filled(text: str) -> str:
    return parse(text).filled({"since": "S", "until": "U"})


def test_parameters_are_replaced_whatever_their_case() -> None:
    filled = _filled("select a from t where u >= :since and u < :UNTIL")

    assert filled == "select a from t where u >= S and u < U"


@pytest.mark.parametrize(
    "text",
    [
        "select ':since' from t",
        "select 'it''s :since' from t",
        r"select E'it\' :since' from t",
        'select ":since" from t',
        "select `:since` from t",
        "select $$ ' :since $$ from t",
        "select $tag$ $$ :since $tag$ from t",
        "select a -- :since\nfrom t",
        "select a /* :since */ from t",
        "select a /* /* */ :since */ from t",
        "select a::since from t",
        "select totals[1:since] from t",
        "select totals[:since] from t",
        "select totals[f(x):since] from t",
    ],
)
def test_what_only_looks_like_a_parameter_is_left_alone(text: str) -> None:
    assert _filled(text) == text


def test_a_cast_parameter_is_a_parameter() -> None:
    assert _filled("select :since::timestamptz") == "select S::timestamptz"


def test_a_closing_semicolon_and_what_follows_it_are_left_out() -> None:
    assert _filled("select 1 as a;  -- the end\n") == "select 1 as a"


def test_a_with_that_ends_in_a_select_is_a_query() -> None:
    assert _filled("with x as (select 1) select * from x").startswith("with")


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ("", "must be one SELECT"),
        ("delete from t", "must be one SELECT"),
        ("select 1; select 2", "a second statement in line 1"),
        ("select\n(1", "'(' in line 2 of the query is never closed"),
        ("select 1) q; drop table t; --", "')' too many in line 1"),
        ("select\n\n'abc", "quote that begins in line 3 of the query is never closed"),
        ("select $x$ abc $y$", "$x$ quote that begins in line 1"),
        ("select 1 /* x", "comment that begins in line 1"),
        ("select a from t where u >= :sinse", "Did you mean 'since'?"),
        ("select a from t where u >= :x", "There are :since and :until"),
    ],
)
def test_a_slip_is_refused_with_its_place(text: str, reason: str) -> None:
    with pytest.raises(ValueError, match=re.escape(reason)):
        parse(text)
