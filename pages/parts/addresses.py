"""Values of dimensions as they stand in an address, and as they are read."""

from __future__ import annotations

from typing import Any

from pages.parts.frame import escaped

NONE = "(none)"


def key_id(key: Any) -> str:
    """A value as it stands in the address; a missing one cannot be taken for a text."""
    if key is None:
        return NONE
    text = str(key)
    return f"={text}" if not text or text == NONE or text.startswith("=") else text


def key_name(key: Any) -> str:
    """A value as people read it, as plain text."""
    if key is None:
        return NONE
    return str(key) or "(empty)"


def key_label(key: Any) -> str:
    """A value as people read it, as HTML; a missing one looks like none."""
    name = escaped(key_name(key))
    return f'<span class="muted">{name}</span>' if key is None or key == "" else name
