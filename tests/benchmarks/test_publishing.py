"""Each thing that happens to the made-up company lands, is published, and leaves right numbers."""

from __future__ import annotations

import pytest

from benchmarks import publishing
from benchmarks.figures import kept


def test_every_thing_that_happens_is_published(capsys: pytest.CaptureFixture[str]) -> None:
    publishing.main(10_000, rounds=1)

    (figures,) = kept()["publishing"].values()
    assert list(figures["editions"]) == [
        "first edition",
        "new day",
        "late row",
        "changed row",
        "deleted row",
        "changed definition",
    ]
    assert all(edition["cpu"] > 0 for edition in figures["editions"].values())
    assert "new day" in capsys.readouterr().out
