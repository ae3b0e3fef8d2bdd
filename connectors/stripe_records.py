"""Reads single values of Stripe's records: times, references, and how many decimals money has."""

from __future__ import annotations

import datetime as dt
from collections.abc import Mapping
from typing import Any

Record = Mapping[str, Any]

_EPOCH = dt.datetime(1970, 1, 1)
# https://docs.stripe.com/currencies. ISO 4217 has it otherwise: two decimals for MGA, none for ISK
# and UGX. These two are still counted in hundredths, 5 UGX as 500, although Stripe lists UGX among
# the currencies without decimals as well.
_WITHOUT_DECIMALS = {
    *("BIF", "CLP", "DJF", "GNF", "JPY", "KMF", "KRW", "MGA"),
    *("PYG", "RWF", "VND", "VUV", "XAF", "XOF", "XPF"),
}
_WITH_THREE = {"BHD", "JOD", "KWD", "OMR", "TND"}


def exponent(currency: str, own: Mapping[str, int]) -> int:
    """How many decimals Stripe's amounts in a currency (upper case) have; `own` goes first."""
    if currency in own:
        return own[currency]
    if currency in _WITHOUT_DECIMALS:
        return 0
    return 3 if currency in _WITH_THREE else 2


def currency_of(record: Record) -> str | None:
    """The currency of a record, in upper case."""
    found = record.get("currency")
    return found.upper() if isinstance(found, str) and found else None


def moment(value: Any) -> str | None:
    """Epoch seconds as a naive UTC time in a text; anything else stays what it is, as a text."""
    if type(value) is int:
        try:
            return (_EPOCH + dt.timedelta(seconds=value)).isoformat()
        except OverflowError:
            pass
    return text(value)


def text(value: Any) -> str | None:
    """A value as a raw column holds it."""
    return None if value is None else str(value)


def reference(value: Any) -> str | None:
    """The id of another record, which stands there alone or with all that it says."""
    found = value.get("id") if isinstance(value, dict) else value
    return text(found)
