"""What items come to a month, to the last decimal, and how discounts are shared out."""

from __future__ import annotations

from fractions import Fraction

import pytest
from hypothesis import given
from hypothesis import strategies as st

from connectors.stripe_prices import Discount, Line, discounted, packed, periods_a_month


def line(amount: int | None, periods: Fraction = Fraction(1), product: str = "a") -> Line:
    return Line(None if amount is None else Fraction(amount), periods, product)


def left(lines: list[Line], *discounts: Discount) -> list[Fraction | None]:
    return [each.amount for each in discounted(lines, discounts)]


@pytest.mark.parametrize(
    ("interval", "count", "monthly"),
    [
        ("month", 1, "1000.0000"),
        ("month", 3, "333.3333"),
        ("year", 1, "83.3333"),
        ("year", 2, "41.6667"),
        ("week", 1, "4333.3333"),
        ("week", 4, "1083.3333"),
        ("day", 1, "30416.6667"),
        ("day", 30, "1013.8889"),
    ],
)
def test_a_price_is_brought_to_a_month_of_a_twelfth_of_a_year(interval, count, monthly):
    periods = periods_a_month(interval, count)

    assert periods is not None
    assert line(1000, periods).monthly == monthly


@pytest.mark.parametrize(("interval", "count"), [("hour", 1), (None, 1), ("month", 0), ("day", "")])
def test_a_period_that_is_not_understood_has_no_length(interval, count):
    assert periods_a_month(interval, count) is None


def test_a_half_of_the_last_decimal_goes_to_the_even_one():
    halves = [Line(Fraction(n, 20000), Fraction(1), None).monthly for n in (1, 3)]

    assert halves == ["0.0000", "0.0002"]


def test_large_amounts_keep_every_digit():
    assert line(99_999_999_999_999).monthly == "99999999999999.0000"


def test_what_is_unknown_stays_unknown():
    assert line(None).monthly is None


@pytest.mark.parametrize(("up", "packs"), [(True, 3), (False, 2)])
def test_units_are_sold_in_packs(up, packs):
    assert packed(25, 10, up=up) == packs
    assert packed(20, 10, up=up) == 2


def test_a_percentage_is_taken_off_each_item():
    half = Discount(percent=Fraction(25))

    assert left([line(1000), line(None)], half) == [750, None]


def test_an_amount_is_shared_out_among_items_as_they_cost():
    off = Discount(amount=Fraction(100))

    assert left([line(300), line(100)], off) == [225, 75]


def test_no_amount_makes_an_item_cost_less_than_nothing():
    off = Discount(amount=Fraction(500))

    assert left([line(300), line(100)], off) == [0, 0]


def test_a_discount_is_for_its_products_only():
    off = Discount(amount=Fraction(50), products=frozenset("b"))

    assert left([line(300), line(100, product="b")], off) == [300, 50]


def test_each_discount_is_taken_off_what_the_one_before_left():
    ten, hundred = Discount(percent=Fraction(10)), Discount(amount=Fraction(100))

    assert left([line(1000)], ten, hundred) == [800]
    assert left([line(1000)], hundred, ten) == [810]


@pytest.mark.parametrize(
    "lines",
    [
        [line(300), line(None)],
        [line(300), line(1200, Fraction(1, 12))],
    ],
    ids=["an unknown price", "two periods"],
)
def test_an_amount_that_cannot_be_shared_out_leaves_the_items_unknown(lines):
    assert left(lines, Discount(amount=Fraction(50))) == [None, None]


def test_what_costs_nothing_takes_no_part_in_a_discount():
    free = line(0, Fraction(1, 12))

    assert left([line(300), free], Discount(amount=Fraction(60))) == [240, 0]
    assert left([free], Discount()) == [0]


def test_a_discount_that_does_not_say_what_it_takes_off_leaves_the_items_unknown():
    assert left([line(300)], Discount()) == [None]


@given(
    amounts=st.lists(st.integers(0, 10**9), min_size=1, max_size=6),
    off=st.integers(0, 10**10),
)
def test_nothing_of_an_amount_is_lost_when_it_is_shared_out(amounts, off):
    found = left([line(amount) for amount in amounts], Discount(amount=Fraction(off)))

    assert sum(map(Fraction, found)) == max(sum(amounts) - off, 0)
