"""Numbers of things in words."""

from __future__ import annotations


def several(count: int, thing: str) -> str:
    """'1 row', '2,345 rows'."""
    return f"{count:,} {thing}" if count == 1 else f"{count:,} {thing}s"
