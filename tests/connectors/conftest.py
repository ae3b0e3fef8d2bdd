"""What the tests of connectors have in common."""

from __future__ import annotations

import pytest

from tests.peer import Clock


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> Clock:
    """The clock by which waits are measured: it notes them in `waits` instead of taking them."""
    clock = Clock()
    monkeypatch.setattr("connectors.patience.time", clock)
    return clock
