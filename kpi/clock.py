"""What time it is."""

from __future__ import annotations

import datetime as dt


def utc_now() -> dt.datetime:
    """The present as a naive UTC time."""
    return dt.datetime.now(dt.UTC).replace(tzinfo=None)
