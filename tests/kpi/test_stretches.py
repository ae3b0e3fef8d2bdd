"""Stretches of days are what sets of days are."""

from __future__ import annotations

import datetime as dt
import itertools
from collections.abc import Iterable

from hypothesis import given
from hypothesis import strategies as st

from kpi.stretches import Stretch, at_most, of_days, without

FIRST = dt.date(2026, 1, 1)
numbers = st.sets(st.integers(0, 40))


def dates(numbers: Iterable[int]) -> set[dt.date]:
    return {FIRST + dt.timedelta(days=number) for number in numbers}


def days(stretches: Iterable[Stretch]) -> set[dt.date]:
    """Every day that lies in one of them."""
    return {
        first + dt.timedelta(days=number)
        for first, end in stretches
        for number in range((end - first).days)
    }


@given(numbers)
def test_stretches_of_days_hold_these_days_and_do_not_touch(numbers: set[int]) -> None:
    found = of_days(dates(numbers))

    assert days(found) == dates(numbers)
    assert all(earlier[1] < later[0] for earlier, later in itertools.pairwise(found))


@given(numbers, numbers)
def test_what_is_taken_away_is_not_there_and_all_else_is(these: set[int], others: set[int]) -> None:
    left = without(of_days(dates(these)), of_days(dates(others)))

    assert days(left) == dates(these) - dates(others)


@given(numbers, st.integers(1, 5))
def test_at_most_so_many_stretches_hold_all_days_and_none_outside(
    numbers: set[int], many: int
) -> None:
    stretches = of_days(dates(numbers))

    fewer = at_most(stretches, many)

    assert len(fewer) <= many
    assert days(fewer) >= days(stretches)
    if numbers:
        assert min(days(fewer)) == min(dates(numbers))
        assert max(days(fewer)) == max(dates(numbers))
    if len(stretches) <= many:
        assert fewer == stretches


def test_the_smallest_gaps_are_filled() -> None:
    fewer = at_most(of_days(dates([1, 3, 9, 20])), 2)

    assert fewer == of_days(dates([*range(1, 10), 20]))
