"""Makes ledger entries of Stripe's balance transactions: what kind, how much, from where."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping

from connectors.contract import Named
from connectors.pointers import value_at
from connectors.stripe_records import Record, currency_of, exponent, moment, reference, text

COLUMNS = (
    "entry_id",
    "kind",
    "occurred_at",
    "amount_minor",
    "currency",
    "exponent",
    "region",
    "customer",
)

# https://docs.stripe.com/reports/reporting-categories. What takes something back is of the kind
# that it takes back, so that a kind's sum is what is left of it.
_CATEGORIES = {
    "charge": "charge charge_failure partial_capture_reversal",
    "refund": "refund refund_failure",
    "dispute": "dispute dispute_reversal",
    "fee": "fee network_cost",
    "payout": "payout payout_reversal topup topup_reversal",
    "adjustment": (
        "advance advance_funding anticipation_repayment climate_order_purchase "
        "climate_order_refund connect_collection_transfer connect_reserved_funds contribution "
        "financing_paydown financing_paydown_reversal financing_payout financing_payout_reversal "
        "issuing_authorization_hold issuing_authorization_release issuing_dispute "
        "issuing_transaction other_adjustment platform_earning platform_earning_refund "
        "risk_reserved_funds tax transfer transfer_reversal unreconciled_customer_funds"
    ),
}
_KINDS = {word: kind for kind, words in _CATEGORIES.items() for word in words.split()}


class Ledger:
    """One account's ledger: `kind` and `exponents` are as declared, `tell` says something once."""

    def __init__(
        self, kind: Named | None, exponents: Mapping[str, int], tell: Callable[[str], None]
    ) -> None:
        self._kind = kind
        self._exponents = exponents
        self._tell = tell

    def rows(self, transaction: Record) -> Iterator[tuple[str | None, ...]]:
        """The entry of a balance transaction, and beside it the one of its fee where it has one.

        `amount` is before the fee, so both together are what Stripe calls `net`.
        """
        entry_id, fee = text(transaction.get("id")), transaction.get("fee")
        currency = currency_of(transaction)
        places = None if currency is None else exponent(currency, self._exponents)
        charge = _charge(transaction.get("source"))
        region = text(value_at(charge, "billing_details.address.country"))
        rest = (currency, text(places), region, reference(value_at(charge, "customer")))
        at, amount = moment(transaction.get("created")), text(transaction.get("amount"))
        yield entry_id, self._kind_of(transaction), at, amount, *rest
        if fee:
            taken = text(-fee if isinstance(fee, int) else fee)
            yield entry_id and f"{entry_id}/fee", "fee", at, taken, *rest

    def _kind_of(self, transaction: Record) -> str:
        if self._kind is not None:
            declared = self._kind.map.get(str(value_at(transaction, self._kind.source)))
            if declared is not None:
                return declared
        category = str(transaction.get("reporting_category"))
        if category not in _KINDS:
            self._tell(f"Stripe has the reporting category '{category}', which counts as unknown.")
        return _KINDS.get(category, "unknown")


def _charge(source: object) -> Record | None:
    """The charge that an entry is about: a refund and a dispute name theirs."""
    if not isinstance(source, dict):
        return None
    charge = source if source.get("object") == "charge" else source.get("charge")
    return charge if isinstance(charge, dict) else None
