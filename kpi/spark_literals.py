"""Writes values as Spark reads them in the text of a statement."""

from __future__ import annotations

import datetime as dt
import re
from decimal import Decimal
from typing import Any


def _text(value: str) -> str:
    """A text; what is special to Spark is spelt as its number."""

    def spelt(match: re.Match[str]) -> str:
        # A `${name}` would be replaced by a setting of the session even within quotes.
        return "".join(f"\\u{ord(character):04x}" for character in match[0])

    return "'" + re.sub(r"[\x00-\x1f\x7f'\"\\$;`]", spelt, value) + "'"


def literal(value: Any) -> str:
    """A value of a parameter; raises TypeError for one that no parameter has."""
    match value:
        case None:
            return "NULL"
        case bool():
            return str(value).lower()
        case int():
            return str(value)
        case float():
            return f"CAST({_text(repr(value))} AS DOUBLE)"
        case Decimal():
            return f"{value:f}"
        case str():
            return _text(value)
        case dt.datetime():
            return f"TIMESTAMP_NTZ '{value.isoformat(sep=' ')}'"
        case dt.date():
            return f"DATE '{value.isoformat()}'"
    raise TypeError(f"no literal for a {type(value).__name__}")
