"""Plays Stripe's REST API: lists by the id of the last record, and records within records."""

from __future__ import annotations

import copy
from collections.abc import Callable, Iterable, Mapping
from typing import Any

from tests import peer_lists
from tests.peer import Answer, Clock, Handler, Peer, Request, data
from tests.peer_lists import Record, Records

KEY = "rk_live_51abc"
# The shapes are those of Stripe's OpenAPI description, with the fields that matter here.
_LISTED = {"limit", "starting_after", "ending_before", "expand[]"}
_PARAMETERS = {
    "balance_transactions": {"created[gte]", "created[gt]", "created[lte]", "created[lt]", "type"},
    "subscriptions": {"status", "created[gte]", "created[lt]"},
    "subscription_items": {"subscription"},
    "products": {"ids[]", "active"},
}
# A list within a record shows so many.
_ITEMS_SHOWN = 10
_DEEPEST = 4


class StripePeer(Peer):
    """A Stripe account whose records may change while it is read."""

    def __init__(self, clock: Clock | None = None) -> None:
        super().__init__(clock)
        self.credential = ("Authorization", f"Bearer {KEY}")
        self.ledger = Records()
        self.subscriptions = Records()
        self.products = Records()
        self.coupons = Records()
        self.prices = Records()
        self.accounts = {"acct_1"}
        # What a restricted key may not read, as the path of a list.
        self.forbidden: set[str] = set()
        self._list("balance_transactions", self._entries)
        self._list("subscriptions", lambda request: self._newest(self.subscriptions))
        self._list("subscription_items", self._items)
        self._list("products", self._products)
        for name in ("charges", "refunds", "disputes", "payouts", "customers"):
            self._list(name, lambda request: [])
        for name, records in (("coupons", self.coupons), ("prices", self.prices)):
            self._list(name, lambda request, records=records: self._newest(records))
            self.route(f"/v1/{name}/{{id}}", self._one(name, records))

    def _list(self, path: str, choose: Callable[[Request], list[Record]]) -> None:
        def shown(request: Request) -> list[Record]:
            paths = [p.removeprefix("data.") for p in request.lists.get("expand[]", [])]
            return [_shown(record, paths) for record in choose(request)]

        turn = peer_lists.starting_after(shown)

        def handler(request: Request) -> Answer:
            return self._refused(path, request) or turn(request)

        self.route(f"/v1/{path}", handler)

    def _refused(self, path: str, request: Request) -> Answer | None:
        unknown = set(request.lists) - _LISTED - _PARAMETERS.get(path, set())
        account = request.headers.get("Stripe-Account")
        if account is not None and account not in self.accounts:
            said = f"The provided key does not have access to account '{account}'"
            return refusal(403, f"{said} (or that account does not exist).")
        if path in self.forbidden:
            said = "The provided key 'rk_live_***' does not have the required permissions"
            return refusal(403, f"{said}. Having the 'rak_{path}_read' permission would allow it.")
        if unknown:
            return refusal(400, f"Received unknown parameter: {sorted(unknown)[0]}")
        if int(request.query.get("limit", 10)) > 100:
            return refusal(400, "This value must be less than or equal to 100.")
        if any(each.count(".") >= _DEEPEST for each in request.lists.get("expand[]", [])):
            return refusal(400, "You cannot expand more than 4 levels of a property.")
        return None

    def _one(self, path: str, records: Records) -> Handler:
        def handler(request: Request) -> Answer:
            if refused := self._refused(path, request):
                return refused
            found = records.all(where=lambda record: record["id"] == request.match["id"])
            if not found:
                return refusal(404, f"No such {path[:-1]}: '{request.match['id']}'")
            return data(_shown(found[0], request.lists.get("expand[]", [])))

        return handler

    def _entries(self, request: Request) -> list[Record]:
        since = int(request.query.get("created[gte]", 0))
        until = int(request.query.get("created[lt]", 2**40))
        return self._newest(self.ledger, lambda record: since <= record["created"] < until)

    def _items(self, request: Request) -> list[Record]:
        found = self.subscriptions.all(where=lambda r: r["id"] == request.query["subscription"])
        return list(found[0]["items"]["data"])

    def _products(self, request: Request) -> list[Record]:
        asked = request.lists.get("ids[]")
        return self._newest(self.products, lambda r: asked is None or r["id"] in asked)

    def _newest(
        self, records: Records, where: Callable[[Record], bool] = lambda record: True
    ) -> list[Record]:
        return records.all("created", "id", newest_first=True, where=where)


def refusal(status: int, message: str) -> Answer:
    """How Stripe says no."""
    return data({"error": {"message": message, "type": "invalid_request_error"}}, status)


# What stands there as an id unless it is asked for: path -> whether it is left out altogether.
_EXPANDABLE = {
    "source": False,
    "source.charge": False,
    "customer": False,
    "discounts": False,
    "discounts.source.coupon": False,
    "items.data.discounts": False,
    "customer.discount.source.coupon": False,
    "items.data.discounts.source.coupon": False,
    "applies_to": True,
    "currency_options": True,
    "discounts.source.coupon.applies_to": True,
    "discounts.source.coupon.currency_options": True,
}


def _shown(record: Record, paths: Iterable[str]) -> Record:
    """A record as it is answered: other records within it only where they were asked for."""
    # Asking for something deeper brings what it is in.
    asked = {
        ".".join(path.split(".")[:n]) for path in paths for n in range(1, 1 + path.count(".") + 1)
    }
    found = copy.deepcopy(record)
    for path, is_left_out in sorted(_EXPANDABLE.items(), key=lambda each: -len(each[0])):
        if path not in asked:
            *way, last = path.split(".")
            for place in _places(found, way):
                if is_left_out:
                    place.pop(last, None)
                elif last in place:
                    place[last] = _reference(place[last])
    items = found.get("items")
    if items is not None:
        items["has_more"] = len(items["data"]) > _ITEMS_SHOWN
        items["data"] = items["data"][:_ITEMS_SHOWN]
    return found


def _places(value: Any, way: list[str]) -> list[dict[str, Any]]:
    """Every mapping that a path leads to."""
    if isinstance(value, list):
        return [place for each in value for place in _places(each, way)]
    if not isinstance(value, dict):
        return []
    return _places(value.get(way[0]), way[1:]) if way else [value]


def _reference(value: Any) -> Any:
    if isinstance(value, list):
        return [_reference(each) for each in value]
    return value["id"] if isinstance(value, dict) and "id" in value else value


# --- records ------------------------------------------------------------------------------------


def transaction(
    name: str, created: int, amount: int, fee: int = 0, category: str = "charge", **more: Any
) -> Record:
    """A balance transaction; what a category's type is matters to nobody here."""
    return {
        "id": f"txn_{name}",
        "object": "balance_transaction",
        "amount": amount,
        "available_on": created + 7 * 86400,
        "created": created,
        "currency": "eur",
        "description": None,
        "exchange_rate": None,
        "fee": fee,
        "fee_details": [],
        "net": amount - fee,
        "reporting_category": category,
        "source": None,
        "status": "pending",
        "type": category,
        **more,
    }


def charge(name: str, country: str | None = None, customer: str | None = None) -> Record:
    """What a charge says of where it is billed, and to whom."""
    address = {"city": None, "country": country, "line1": None, "postal_code": None}
    return {
        "id": f"ch_{name}",
        "object": "charge",
        "customer": customer,
        "billing_details": {"address": address, "email": "x@example.org", "name": "N. N."},
    }


def subscription(name: str, start: int, *items: Record, **more: Any) -> Record:
    """A subscription with its items."""
    return {
        "id": f"sub_{name}",
        "object": "subscription",
        "canceled_at": None,
        "created": start,
        "currency": "eur",
        "customer": {"id": "cus_1", "object": "customer", "address": None, "discount": None},
        "discounts": [],
        "ended_at": None,
        "items": {"object": "list", "data": list(items), "has_more": False},
        "start_date": start,
        "status": "active",
        "trial_end": None,
        "trial_start": None,
        **more,
    }


def item(name: str, price: Record, quantity: int | None = 1, **more: Any) -> Record:
    """An item of a subscription; without a time of its own it is there from the beginning."""
    return {
        "id": f"si_{name}",
        "object": "subscription_item",
        "created": 0,
        "discounts": [],
        "price": price,
        **({} if quantity is None else {"quantity": quantity}),
        **more,
    }


def price(unit: Any, interval: str = "month", count: int = 1, **more: Any) -> Record:
    """A price in euros for each unit and period."""
    return {
        "id": "price_1",
        "object": "price",
        "billing_scheme": "per_unit",
        "currency": "eur",
        "product": "prod_1",
        "recurring": {
            "interval": interval,
            "interval_count": count,
            "meter": None,
            "usage_type": "licensed",
        },
        "transform_quantity": None,
        "unit_amount": unit if isinstance(unit, int) else None,
        "unit_amount_decimal": None if unit is None else str(unit),
        **more,
    }


def coupon(name: str, duration: str = "forever", **more: Any) -> Record:
    """A coupon; `percent_off`, or `amount_off` and `currency`, say what it takes off."""
    return {
        "id": name,
        "object": "coupon",
        "created": 0,
        "amount_off": None,
        "currency": None,
        "duration": duration,
        "percent_off": None,
        **more,
    }


def discount(of: Mapping[str, Any] | str, end: int | None = None) -> Record:
    """A coupon as it was taken; only its id is left of a deleted one."""
    source = {"coupon": of, "type": "coupon"}
    return {"id": f"di_{end}", "object": "discount", "end": end, "source": source, "start": 0}
