"""Asks Stripe's REST API for lists, and for the few records that a list only names."""

from __future__ import annotations

import contextlib
import datetime as dt
from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any

from connectors import http, paging
from connectors.pointers import value_at
from connectors.stripe_records import Record

PAGE = 100
_EPOCH = dt.datetime(1970, 1, 1)
# The charge of a refund or of a dispute is one step further away.
_ENTRIES = ("data.source", "data.source.charge")
# From this version on a discount names its coupon, where it had all of it before.
# https://docs.stripe.com/changelog/clover/2025-09-30/add-discount-source-property
_COUPON_APART = "2025-09-30"
# What the permissions are called where a restricted key gets them.
_PERMISSIONS = {
    "balance_transactions": "Balance transaction sources, Charges and Refunds, and Disputes",
    "charges": "Charges and Refunds",
    "coupons": "Coupons",
    "customers": "Customers",
    "disputes": "Disputes",
    "payouts": "Payouts",
    "prices": "Prices",
    "products": "Products",
    "refunds": "Charges and Refunds",
    "subscription_items": "Subscriptions",
    "subscriptions": "Subscriptions, Customers and Coupons",
}


class Api:
    """One Stripe account. What is asked for by its id is asked for once."""

    def __init__(self, session: http.Session, version: str, size: int | None) -> None:
        self._session = session
        self._size = size or PAGE
        discounts = "data.discounts"
        if version >= _COUPON_APART:
            discounts = "data.discounts.source.coupon"
        self._subscriptions = ("data.customer", discounts, "data.items.data.discounts")
        self._known: dict[str, Record | None] = {}
        self._names: dict[str, str] = {}

    def by_its_clock(self, ours: int) -> int:
        """A moment (epoch seconds), or that of Stripe's last answer where it is earlier."""
        moment = _EPOCH + dt.timedelta(seconds=ours)
        return int((self._session.by_its_clock(moment) - _EPOCH).total_seconds())

    def ledger(self, begin: int, end: int) -> Iterator[list[Record]]:
        """Pages of the balance transactions from `begin` up to, not including, `end` (epoch
        seconds), the newest first, with what they are about."""
        params = {"created[gte]": begin, "created[lt]": end, "expand[]": _ENTRIES}
        return self._pages("balance_transactions", params)

    def subscriptions(self, *, bare: bool = False) -> Iterator[list[Record]]:
        """Pages of all subscriptions, those that ended too, each with all of its items.

        Customers and discounts are there as well, unless they shall be `bare`.
        """
        params = {"status": "all"} if bare else {"status": "all", "expand[]": self._subscriptions}
        for page in self._pages("subscriptions", params):
            yield [self._with_items(record, bare=bare) for record in page]

    def first(self, path: str) -> Record | None:
        """The first record of a list, with what a pull asks for; None where there is none."""
        params: dict[str, Any] = {"limit": 1}
        if path == "balance_transactions":
            params["expand[]"] = _ENTRIES
        elif path == "subscriptions":
            params |= {"status": "all", "expand[]": self._subscriptions}
        with _permitted(path):
            found = paging.records_of(self._session.page(f"v1/{path}", params), "data")
        return found[0] if found else None

    def product_names(self, ids: Iterable[str]) -> Mapping[str, str]:
        """What products are called; one that was deleted is called by its id."""
        unknown = sorted(set(ids) - set(self._names))
        for start in range(0, len(unknown), PAGE):
            some = unknown[start : start + PAGE]
            self._names |= {each: each for each in some}
            with _permitted("products"):
                page = self._session.page("v1/products", {"ids[]": some, "limit": PAGE})
            found = paging.records_of(page, "data")
            self._names |= {str(each.get("id")): each["name"] for each in found if each.get("name")}
        return self._names

    def coupon(self, coupon_id: str) -> Record | None:
        """A coupon, with the products and the currencies it is for; None where it was deleted."""
        return self._one("coupons", coupon_id, ("applies_to", "currency_options"))

    def price(self, price_id: str) -> Record | None:
        """A price in all its currencies; None where it is gone."""
        return self._one("prices", price_id, ("currency_options",))

    def _pages(self, path: str, params: Mapping[str, Any]) -> Iterator[list[Record]]:
        with _permitted(path):
            for page in paging.by_cursor(
                self._session,
                f"v1/{path}",
                {**params, "limit": self._size},
                cursor="starting_after",
                following=paging.of_last("id", "data", paging.more_at("has_more")),
                records="data",
            ):
                yield paging.records_of(page, "data")

    def _with_items(self, subscription: Record, *, bare: bool) -> Record:
        """A subscription with all of its items, where its own list breaks off."""
        if not value_at(subscription, "items.has_more"):
            return subscription
        params: dict[str, Any] = {"subscription": subscription.get("id")}
        if not bare:
            params["expand[]"] = ("data.discounts",)
        pages = self._pages("subscription_items", params)
        return {**subscription, "items": {"data": [item for page in pages for item in page]}}

    def _one(self, path: str, record_id: str, expand: Sequence[str]) -> Record | None:
        place = f"v1/{path}/{record_id}"
        if place not in self._known:
            try:
                with _permitted(path):
                    self._known[place] = self._session.json(place, {"expand[]": expand})
            except http.Rejected as error:
                if error.status != 404:
                    raise
                self._known[place] = None
        return self._known[place]


@contextlib.contextmanager
def _permitted(path: str) -> Iterator[None]:
    """Says in an operator's words what to do about a refusal."""
    try:
        yield
    except http.Rejected as error:
        if error.status not in (400, 403):
            raise
        advice = "Check `version` and `account`."
        if error.status == 403 and "does not have access to account" in error.said:
            advice = "Check `account`: only a platform's own key may look into it."
        elif error.status == 403:
            advice = (
                f"In Stripe's dashboard, under API keys, give the key Read for "
                f"{_PERMISSIONS[path]}; for all that a pull needs see docs/stripe.md."
            )
        elif error.said.startswith("No such"):
            # A page begins after the last record of the one before, which must still be there.
            advice = "Something was deleted while it was read; the next refresh reads it all anew."
        raise http.Rejected(error.status, error.said, error.what, advice) from None
