"""Numbers and ages as people read them; the same on every screen and in the terminal."""

from __future__ import annotations

import datetime as dt

from kpi.expression import FactValue
from kpi.vocabulary import Metric

MINUS = "−"
NOTHING = "—"
_SYMBOLS = {"EUR": "€", "USD": "$", "GBP": "£", "JPY": "¥"}
_SHORT = {
    "hours": "h",
    "hour": "h",
    "minutes": "min",
    "minute": "min",
    "days": "d",
    "day": "d",
    "points": "pts",
    "count": "",
}
_DECIMALS = {"%": 1, "hours": 1, "days": 1, "minutes": 0, "points": 0, "count": 0}


def unit(metric: Metric) -> str:
    """The unit as it stands behind a number; nothing for a count."""
    return _SYMBOLS.get(metric.unit, _SHORT.get(metric.unit, metric.unit))


def decimals(metric: Metric) -> int:
    """How many decimals are shown: the metric's own, else what suits its unit; none for a count."""
    if metric.decimals is not None:
        return metric.decimals
    if not metric.unit and _counts(metric):
        return 0
    return 0 if metric.unit in _SYMBOLS else _DECIMALS.get(metric.unit, 1)


def _counts(metric: Metric) -> bool:
    value = metric.value
    if not isinstance(value, FactValue) or not value.formula.is_one_slot:
        return False
    return value.aggregates[0].is_count


def number(value: float | None, places: int, *, sign: bool = False) -> str:
    """A rounded number with thousands separators and a real minus; a dash where unknown."""
    if value is None:
        return NOTHING
    text = f"{abs(value):,.{places}f}"
    # A value that rounds to nothing has no sign.
    zero = not text.strip("0.,")
    if value < 0 and not zero:
        return MINUS + text
    return "+" + text if sign and not zero else text


def value(metric: Metric, amount: float | None) -> str:
    """A number of this metric, rounded, without its unit."""
    return number(amount, decimals(metric))


def margin(metric: Metric, amount: float | None) -> str:
    """'± 5', with the decimals that it takes to say how wide; empty where none is known.

    Answers that all agree have a computed margin of nothing, which would promise too much.
    """
    if not amount:
        return ""
    places = decimals(metric)
    while places < 6 and round(amount, places) == 0:
        places += 1
    return f"± {number(amount, places)}"


def with_unit(metric: Metric, amount: float | None) -> str:
    """A number of this metric with its unit behind it."""
    shown = value(metric, amount)
    behind = unit(metric)
    return f"{shown} {behind}" if behind and amount is not None else shown


def target(metric: Metric, amount: float | None) -> str:
    """A target with its direction: '≥ 99.90'; a dash where there is none."""
    if amount is None:
        return NOTHING
    return f"{'≥' if metric.good == 'up' else '≤'} {value(metric, amount)}"


def age(span: dt.timedelta) -> str:
    """A span in its largest unit: '8 min', '5 h', '4 d'."""
    minutes = max(int(span.total_seconds() // 60), 0)
    if minutes < 60:
        return f"{minutes} min"
    if minutes < 48 * 60:
        return f"{minutes // 60} h"
    return f"{minutes // (24 * 60)} d"
