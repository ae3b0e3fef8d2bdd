"""Computes exactly what the items of a subscription come to each month, after discounts."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from decimal import Decimal
from fractions import Fraction

# 52 weeks and 365 days to a year, twelve months to it.
_A_MONTH = {
    "day": Fraction(365, 12),
    "week": Fraction(52, 12),
    "month": Fraction(1),
    "year": Fraction(1, 12),
}
# The decimals of subscriptions.monthly_minor.
_DECIMALS = 4


@dataclass(frozen=True)
class Line:
    """What an item comes to each period, in minor units; None where that is not known.

    `periods` is how many of its periods a month has, `product` the id of what is sold.
    """

    amount: Fraction | None
    periods: Fraction
    product: str | None

    @property
    def monthly(self) -> str | None:
        """What it comes to each month, as a decimal text; None where that is not known."""
        if self.amount is None:
            return None
        # Fractions round half to even, and an integer's digits are exact.
        return str(Decimal(round(self.amount * self.periods * 10**_DECIMALS)).scaleb(-_DECIMALS))


@dataclass(frozen=True)
class Discount:
    """What is taken off the items of some products, or of all where none is named.

    It takes a `percent` off each of them, or an `amount` of minor units off all of them together.
    """

    percent: Fraction | None = None
    amount: Fraction | None = None
    products: frozenset[str] = frozenset()

    @property
    def is_known(self) -> bool:
        """Whether it says what it takes off."""
        return self.percent is not None or self.amount is not None

    def concerns(self, line: Line) -> bool:
        """Whether something is taken off this item."""
        return not self.products or line.product in self.products


def periods_a_month(interval: object, count: object) -> Fraction | None:
    """How many periods of `count` days, weeks, months or years a month has."""
    if not isinstance(interval, str) or interval not in _A_MONTH or type(count) is not int:
        return None
    return _A_MONTH[interval] / count if count > 0 else None


def packed(quantity: int, size: int, *, up: bool) -> int:
    """How many packs of a size a quantity makes, where the price is that of a pack."""
    return -(-quantity // size) if up else quantity // size


def discounted(lines: Sequence[Line], discounts: Iterable[Discount]) -> list[Line]:
    """The items after all discounts, each taken off what the one before left, in their order.

    Where a discount cannot be shared out among items, they are not known.
    """
    left = list(lines)
    for discount in discounts:
        concerned = [line for line in left if discount.concerns(line)]
        share = _left_of(concerned, discount)
        left = [_times(line, share) if discount.concerns(line) else line for line in left]
    return left


def _left_of(lines: Sequence[Line], discount: Discount) -> Fraction | None:
    """The share of each of these items that a discount leaves; None where that is not known."""
    if discount.percent is not None:
        return 1 - discount.percent / 100
    if discount.amount is None:
        return None
    priced = [line for line in lines if line.amount != 0]
    amounts = [line.amount for line in priced if line.amount is not None]
    # It goes off an invoice: each item's share of it takes all of them, and one period.
    if len(amounts) < len(priced) or len({line.periods for line in priced}) > 1:
        return None
    total = sum(amounts, Fraction(0))
    return 1 - min(discount.amount / total, Fraction(1)) if total else Fraction(1)


def _times(line: Line, share: Fraction | None) -> Line:
    if not line.amount:
        return line
    return replace(line, amount=None if share is None else line.amount * share)
