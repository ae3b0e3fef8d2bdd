"""Makes rows of Stripe's subscriptions: each item with its time, and what it comes to a month."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from fractions import Fraction

from connectors.pointers import value_at
from connectors.stripe_api import Api
from connectors.stripe_prices import Discount, Line, discounted, packed, periods_a_month
from connectors.stripe_records import Record, currency_of, exponent, moment, reference, text

COLUMNS = (
    "subscription_id",
    "item",
    "status",
    "started_at",
    "ended_at",
    "currency",
    "monthly_minor",
    "exponent",
    "region",
    "product",
    "customer",
)

# https://docs.stripe.com/api/subscriptions/object: nothing was ever paid in these, for a paused one
# is one whose trial ended without a way to pay.
_NEVER_PAID = ("incomplete", "incomplete_expired", "paused")
# What is made together is made within this time, in seconds.
_TOGETHER = 86400


class Subscriptions:
    """All subscriptions as they are at one moment (epoch seconds); `tell` says something once."""

    def __init__(
        self, api: Api, exponents: Mapping[str, int], now: int, tell: Callable[[str], None]
    ) -> None:
        self._api = api
        self._exponents = exponents
        self._now = now
        self._tell = tell

    def rows(self, subscriptions: Sequence[Record]) -> Iterator[tuple[str | None, ...]]:
        """The row of each item of each subscription."""
        items = [item for each in subscriptions for item in items_of(each)]
        products = (reference(value_at(item, "price.product")) for item in items)
        names = self._api.product_names(filter(None, products))
        for subscription in subscriptions:
            customer, currency = subscription.get("customer"), currency_of(subscription)
            places = None if currency is None else exponent(currency, self._exponents)
            status, ended = text(subscription.get("status")), _ended(subscription)
            for item, line in self._lines(subscription, currency):
                begun, is_paid = self._begun(subscription, item, ended)
                yield (
                    text(subscription.get("id")),
                    text(item.get("id")),
                    status,
                    moment(begun),
                    moment(ended),
                    currency,
                    line.monthly if is_paid else "0",
                    text(places),
                    text(value_at(customer, "address.country")),
                    names.get(line.product) if line.product else None,
                    reference(customer),
                )

    def _begun(self, subscription: Record, item: Record, ended: object) -> tuple[object, bool]:
        """When an item began, and whether it is paid for: a trial is not, and comes first."""
        created = _seconds(subscription.get("created"))
        begun = _seconds(subscription.get("start_date")) or created
        added = _seconds(item.get("created"))
        if added > created + _TOGETHER:
            begun = max(begun, added)
        trial_end = _seconds(subscription.get("trial_end"))
        # A later trial is a present to somebody who had paid before.
        is_tried = trial_end and _seconds(subscription.get("trial_start")) <= created + _TOGETHER
        if subscription.get("status") in _NEVER_PAID:
            return begun or None, False
        if is_tried and trial_end > min(_seconds(ended) or self._now, self._now):
            return begun or None, False
        return max(begun, trial_end if is_tried else 0) or None, True

    def _lines(self, subscription: Record, currency: str | None) -> Iterator[tuple[Record, Line]]:
        """The items of a subscription and what they come to, after all that lasts of discounts."""
        until = min(_seconds(_ended(subscription)) or self._now, self._now)
        items = items_of(subscription)
        lines = []
        for item in items:
            own = self._discounts(item.get("discounts"), currency, until)
            lines += discounted([self._line(item, currency)], own)
        # https://docs.stripe.com/api/subscriptions/update: without discounts of its own it has that
        # of its customer.
        shared = subscription.get("discounts") or [
            value_at(subscription.get("customer"), "discount")
        ]
        return zip(items, discounted(lines, self._discounts(shared, currency, until)), strict=True)

    def _line(self, item: Record, currency: str | None) -> Line:
        price = item.get("price")
        recurring = value_at(price, "recurring") or {}
        periods = periods_a_month(recurring.get("interval"), recurring.get("interval_count"))
        product = reference(value_at(price, "product"))
        if recurring.get("usage_type") == "metered":
            self._tell("Stripe has metered prices, which come to 0 a month here.")
            return Line(Fraction(0), periods or Fraction(1), product)
        amount = self._amount(item, currency) if periods else None
        if amount is None:
            self._tell(
                "Stripe has prices that name no amount a unit, such as tiered ones: what their "
                "subscriptions come to a month is unknown."
            )
        return Line(amount, periods or Fraction(1), product)

    def _amount(self, item: Record, currency: str | None) -> Fraction | None:
        """What an item costs each period, in minor units; None where its price does not say."""
        price: Record = item["price"]
        quantity = item.get("quantity")
        quantity = 1 if quantity is None else int(quantity)
        pack = price.get("transform_quantity")
        if pack:
            quantity = packed(quantity, pack["divide_by"], up=pack["round"] == "up")
        if currency_of(price) != currency:
            # A price stands there in its first currency, whichever is paid in.
            whole = self._api.price(str(price.get("id")))
            price = value_at(whole, f"currency_options.{(currency or '').lower()}") or {}
        unit = price.get("unit_amount_decimal")
        unit = price.get("unit_amount") if unit is None else unit
        return None if unit is None else Fraction(str(unit)) * quantity

    def _discounts(self, records: object, currency: str | None, until: int) -> Iterator[Discount]:
        """Those that are still in force at a moment, and go on after the next invoice."""
        for record in records if isinstance(records, list) else ():
            if record is None or until >= (_seconds(value_at(record, "end")) or until + 1):
                continue
            coupon = self._coupon(record)
            if coupon.get("duration") == "once":
                continue
            discount = _discount(coupon, currency)
            if not discount.is_known:
                self._tell(
                    "Stripe has discounts that do not say what they take off, such as those of "
                    "deleted coupons: what their subscriptions come to a month is unknown."
                )
            yield discount

    def _coupon(self, discount: Record) -> Record:
        found = value_at(discount, "source.coupon") or value_at(discount, "coupon")
        coupon_id = reference(found)
        whole = self._api.coupon(coupon_id) if coupon_id else None
        # Where a deleted coupon was taken before it goes on; which products it was for is lost.
        return whole or (found if isinstance(found, dict) else {})


def _discount(coupon: Record, currency: str | None) -> Discount:
    percent, amount = coupon.get("percent_off"), coupon.get("amount_off")
    if amount is not None and currency_of(coupon) != currency:
        amount = value_at(coupon, f"currency_options.{(currency or '').lower()}.amount_off")
    return Discount(
        percent=None if percent is None else Fraction(str(percent)),
        amount=None if amount is None else Fraction(amount),
        products=frozenset(value_at(coupon, "applies_to.products") or ()),
    )


def items_of(subscription: Record) -> list[Record]:
    """The items of a subscription, as they came with it."""
    found: list[Record] = value_at(subscription, "items.data") or []
    return found


def _ended(subscription: Record) -> object:
    """When it ended, as Stripe says it; None while it goes on."""
    ended, status = subscription.get("ended_at"), subscription.get("status")
    if ended is None and status in ("canceled", "incomplete_expired"):
        return subscription.get("canceled_at") or subscription.get("start_date")
    return ended


def _seconds(value: object) -> int:
    """Epoch seconds, 0 for none."""
    return value if type(value) is int else 0
