"""A change is split into what each member added, with nothing left over."""

from __future__ import annotations

import math
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from kpi.comparisons import Pair
from kpi.contributions import (
    Contribution,
    Standing,
    adds_up,
    concentration,
    contributions,
    rounded,
)
from kpi.explanation import Explained, explain
from kpi.periods import Calendar, period_of
from kpi.summands import NoParts
from tests.kpi.asking import day, edition
from tests.kpi.memory import Memory

FEBRUARY, MARCH = (period_of(Calendar(), "month", day(f"2026-0{n}-01")) for n in (2, 3))


def explained(memory: Memory, metric: str = "m") -> dict[str, Explained]:
    found = explain(memory, memory.vocabulary.metrics[metric], Pair(FEBRUARY, MARCH))
    return {each.dimension: each for each in found}


def by_region(memory: Memory) -> dict[Any, Contribution]:
    return {part.key: part for part in explained(memory)["region"].parts}


def rows(month: int, region: str | None, *values: int | None) -> list[tuple[Any, ...]]:
    return [(f"2026-0{month}-10", region, None, x) for x in values]


def why_not(value: str, **entry: Any) -> str:
    memory = edition({"m": {"value": f"{value} from events", **entry}}, *rows(2, "EMEA", 1))
    with pytest.raises(NoParts) as refused:
        explain(memory, memory.vocabulary.metrics["m"], Pair(FEBRUARY, MARCH))
    return str(refused.value)


# --- sums and counts ----------------------------------------------------------------------------


def test_a_sum_changes_by_the_changes_of_its_members() -> None:
    memory = edition(
        "sum(x)",
        *rows(2, "EMEA", 5),
        *rows(2, "APAC", 7),
        *rows(3, "EMEA", 4, 5),
        *rows(3, "APAC", 6),
    )
    parts = by_region(memory)

    assert {key: part.amount for key, part in parts.items()} == {"EMEA": 4, "APAC": -1}
    assert {(part.mix, part.rate) for part in parts.values()} == {(None, None)}


def test_a_member_that_appears_adds_all_of_it_and_one_that_vanishes_takes_all_of_it() -> None:
    memory = edition("sum(x)", *rows(2, "EMEA", 5), *rows(3, "APAC", 7))
    parts = by_region(memory)

    assert (parts["APAC"].before, parts["APAC"].after, parts["APAC"].amount) == (None, 7, 7)
    assert (parts["EMEA"].before, parts["EMEA"].after, parts["EMEA"].amount) == (5, None, -5)


def test_a_count_of_a_member_without_rows_is_zero_and_a_sum_of_none_is_unknown() -> None:
    told = [*rows(2, "EMEA", 5), *rows(3, "APAC", 7)]
    counted, summed = (by_region(edition(value, *told)) for value in ("count(*)", "sum(x)"))

    assert (counted["APAC"].before, counted["APAC"].after, counted["APAC"].amount) == (0, 1, 1)
    assert (counted["EMEA"].before, counted["EMEA"].after, counted["EMEA"].amount) == (1, 0, -1)
    assert (summed["APAC"].before, summed["EMEA"].after) == (None, None)


def test_rows_without_a_member_are_a_member_of_their_own() -> None:
    memory = edition("count(*)", *rows(2, "EMEA", 1), *rows(3, "EMEA", 1), *rows(3, None, 1, 1))

    assert by_region(memory)[None].amount == 2


def test_a_weighted_sum_of_several_aggregates_adds_up_though_one_of_them_is_unknown() -> None:
    memory = edition(
        "sum(x) - 2 * count(*)",
        *rows(2, "EMEA", 9),
        *rows(2, "APAC", None),
        *rows(3, "EMEA", 9, 9),
    )
    parts = by_region(memory)

    assert parts["EMEA"].amount == 7
    assert (parts["APAC"].before, parts["APAC"].amount) == (None, 2)


# --- ratios and averages ------------------------------------------------------------------------


def test_a_member_that_only_grew_adds_mix_and_one_that_only_got_worse_adds_rate() -> None:
    share = "100 * count_if(x > 0) / count(x)"
    grown = by_region(
        edition(
            share,
            *rows(2, "good", 0, 0),
            *rows(2, "bad", 1, 0),
            *rows(3, "good", 0, 0),
            *rows(3, "bad", 1, 1, 0, 0, 1, 0),
        )
    )
    worse = by_region(
        edition(
            share,
            *rows(2, "a", 0, 0),
            *rows(2, "b", 0, 0),
            *rows(3, "a", 1, 0),
            *rows(3, "b", 0, 0),
        )
    )

    assert grown["bad"].rate == 0
    assert grown["bad"].mix == pytest.approx(0.25 * (50 - 31.25))
    assert (worse["a"].mix, worse["a"].rate, worse["a"].amount) == (0, 25, 25)


def test_an_average_is_split_like_any_ratio() -> None:
    memory = edition(
        "avg(x)",
        *rows(2, "EMEA", 1, 3),
        *rows(2, "APAC", 9),
        *rows(3, "EMEA", 4),
        *rows(3, "APAC", 9),
    )
    found = explained(memory)["region"]

    assert math.fsum(part.amount for part in found.parts) == pytest.approx(6.5 - 13 / 3)
    assert by_region(memory)["EMEA"].rate == pytest.approx((2 / 3 + 1 / 2) / 2 * 2)


def test_a_member_that_is_new_to_a_ratio_adds_only_mix() -> None:
    memory = edition("avg(x)", *rows(2, "EMEA", 2), *rows(3, "EMEA", 2), *rows(3, "APAC", 6))
    parts = by_region(memory)

    assert parts["APAC"].rate == 0
    assert parts["APAC"].mix == pytest.approx(0.5 * (6 - 3))


def test_what_has_nothing_below_the_line_adds_only_rate() -> None:
    before = {"a": Standing(1.0, 10, 10), None: Standing(None, 2, 0)}
    after = {"a": Standing(1.0, 10, 10), None: Standing(None, 5, 0)}
    parts = {part.key: part for part in contributions(before, after)}

    assert (parts[None].mix, parts[None].rate) == (0, pytest.approx(0.3))
    assert parts["a"].amount == pytest.approx(0)


def test_a_member_whose_numerator_is_unknown_still_counts_below_the_line() -> None:
    memory = edition(
        "sum(x) / count(*)", *rows(2, "EMEA", 4), *rows(3, "EMEA", 4), *rows(3, "APAC", None)
    )
    found = explained(memory)["region"]

    assert (found.before, found.after) == (4, 2)
    assert by_region(memory)["APAC"].after is None
    assert adds_up(found.parts, -2)


def test_a_formula_of_two_sums_is_a_ratio_of_them() -> None:
    memory = edition(
        {
            "bad": "count_if(x > 0) from events",
            "every": "count(*) from events",
            "m": {"value": "100 - 1000 * bad / every"},
        },
        *rows(2, "EMEA", 0, 1),
        *rows(3, "EMEA", 1, 1),
    )
    (part,) = explained(memory)["region"].parts

    assert (part.before, part.after) == (-400, -900)
    assert (part.mix, part.rate) == (0, -500)


def test_the_month_before_below_the_line_is_a_sum_like_any_other() -> None:
    memory = edition(
        {"sold": "sum(x) from events", "m": {"value": "100 * sold / ago(sold, '1 month')"}},
        *rows(1, "EMEA", 10),
        *rows(1, "APAC", 10),
        *rows(2, "EMEA", 10),
        *rows(2, "APAC", 30),
        *rows(3, "EMEA", 20),
        *rows(3, "APAC", 30),
    )
    found = explained(memory)["region"]

    assert (found.before, found.after) == (200, 125)
    assert adds_up(found.parts, -75)


# --- what has no parts --------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("value", "reason"),
    [
        ("median(x)", "the median of all"),
        ("percentile(x, 0.9)", "the percentile of all"),
        ("count(distinct x)", "counted once in all"),
        ("max(x)", "the highest of all"),
        ("min(x)", "the lowest of all"),
        ("sum(x) * sum(x)", "neither a sum nor"),
        ("coalesce(sum(x), 0)", "neither a sum nor"),
        ("sum(x) / sum(x) / count(x)", "neither a sum nor"),
        ("1 / count(x)", "neither a sum nor"),
        ("sum(x) + 1", "neither a sum nor"),
        ("sum(x) / count(x) + sum(x)", "neither a sum nor"),
    ],
)
def test_what_does_not_add_up_says_why(value: str, reason: str) -> None:
    assert reason in why_not(value)


def test_a_sum_whose_empty_period_counts_as_a_number_has_no_parts() -> None:
    assert "without a value counts" in why_not("sum(x)", empty=5)


def test_an_unknown_whole_has_no_parts() -> None:
    assert why_not("sum(x)") == "its value is unknown in one of the two periods"


def test_a_denominator_of_zero_has_no_parts() -> None:
    memory = edition("sum(x) / sum(x)", *rows(2, "EMEA", 0), *rows(3, "EMEA", 1))
    with pytest.raises(NoParts, match="unknown in one of the two"):
        explained(memory)

    with pytest.raises(ZeroDivisionError):
        contributions({"a": Standing(None, 1, 0)}, {"a": Standing(1.0, 1, 1)})


def test_what_fills_an_empty_ratio_is_never_split() -> None:
    memory = edition(
        {"m": {"value": "sum(x) / sum(x) from events", "empty": 0}},
        *rows(2, "EMEA", 0),
        *rows(3, "EMEA", 1),
    )

    with pytest.raises(NoParts, match="divided by is zero"):
        explained(memory)


# --- as printed ---------------------------------------------------------------------------------


def test_printed_parts_add_up_to_the_printed_change() -> None:
    assert rounded([0.4, 0.4, 0.4], 1.2, 0) == [1, 0, 0]
    assert rounded([2.34, -0.17, 1.04], 3.21, 1) == [2.3, -0.2, 1.1]
    assert rounded([], 0.0, 1) == []


@given(st.lists(st.floats(-1e6, 1e6), min_size=1, max_size=30), st.integers(0, 3))
def test_printed_parts_always_add_up_and_none_is_a_step_away(
    amounts: list[float], places: int
) -> None:
    total = math.fsum(amounts)
    found = rounded(amounts, total, places)

    assert round(math.fsum(found), places) == round(total, places)
    step = 10.0**-places
    assert all(abs(a - b) <= step * 1.001 for a, b in zip(amounts, found, strict=True))


# --- which dimension says most ------------------------------------------------------------------


def moved(*amounts_and_shares: tuple[float, float]) -> list[Contribution]:
    return [
        Contribution(index, 1.0, 1.0, amount, share, share)
        for index, (amount, share) in enumerate(amounts_and_shares)
    ]


def test_a_dimension_whose_members_all_move_by_their_size_says_nothing() -> None:
    assert concentration(moved((6, 0.6), (4, 0.4))) == pytest.approx(0)
    assert concentration(moved((3, 1.0))) == 0
    assert concentration([]) == 0


def test_a_dimension_says_more_the_smaller_the_member_that_moved() -> None:
    assert concentration(moved((5, 0.5), (0, 0.5))) == pytest.approx(0.5)
    assert concentration(moved((5, 0.1), (0, 0.9))) == pytest.approx(0.9)


def test_members_that_work_against_each_other_say_little() -> None:
    together = concentration(moved((5, 0.1), (0, 0.9)))

    assert concentration(moved((5, 0.1), (-4, 0.9))) < together / 5


def test_the_dimension_that_says_most_comes_first() -> None:
    both = [("2026-02-10", "EMEA", "t", 10), ("2026-02-10", "APAC", "t", 10)]
    memory = edition(
        "sum(x)", *both, ("2026-03-10", "EMEA", "t", 10), ("2026-03-10", "APAC", "t", 3)
    )
    found = explain(memory, memory.vocabulary.metrics["m"], Pair(FEBRUARY, MARCH))

    assert [each.dimension for each in found] == ["region", "team"]
