"""Numbers as people write them where YAML does not read one: `1,200`, `3,5`, `"8"`."""

from __future__ import annotations

import re

# A number and what follows it: a unit, a sign, a period.
_LEADING = re.compile(r"([-+]?(?:\d[\d.,'_]*\d|\d)(?: \d{3})*)(?!\S*\d)(.*)", re.S)
_GROUPED = re.compile(r"([-+]?[1-9]\d{0,2})((?:[,' ]\d{3})+)(\.\d+)?")
_GROUPED_BY_POINTS = re.compile(r"([-+]?[1-9]\d{0,2})((?:\.\d{3})+),(\d+)")
_WITH_COMMA = re.compile(r"([-+]?\d+),(\d+)")
_PLAIN = re.compile(r"[-+]?\d+(\.\d+)?")


def number_meant(text: str) -> str | None:
    """The number of a text as YAML takes it, `1200` for `1,200`; None where it is no number.

    A comma before groups of three digits parts thousands, any other one decimals.
    """
    number = text.strip().replace("_", "")
    if _PLAIN.fullmatch(number):
        return number
    if match := _GROUPED.fullmatch(number):
        return match[1] + re.sub(r"\D", "", match[2]) + (match[3] or "")
    if match := _GROUPED_BY_POINTS.fullmatch(number):
        return f"{match[1]}{match[2].replace('.', '')}.{match[3]}"
    if match := _WITH_COMMA.fullmatch(number):
        return f"{match[1]}.{match[2]}"
    return None


def leading_number(text: str) -> tuple[str, str] | None:
    """The number that a text begins with, as YAML takes it, and the rest of the text."""
    match = _LEADING.fullmatch(text.strip())
    number = number_meant(match[1]) if match else None
    return (number, match[2]) if match and number else None
