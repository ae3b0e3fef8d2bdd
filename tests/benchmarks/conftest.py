"""Benchmarks that tests run leave nothing beside their own folder."""

from __future__ import annotations

from pathlib import Path

import pytest


@pytest.fixture(autouse=True)
def data(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Where they keep their data and figures."""
    for module in ("company_home", "publishing"):
        monkeypatch.setattr(f"benchmarks.{module}.DATA", tmp_path)
    monkeypatch.setattr("benchmarks.figures.FILE", tmp_path / "figures.json")
    return tmp_path
