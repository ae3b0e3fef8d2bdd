"""The page of figures says what was measured, and what was left out and why."""

from __future__ import annotations

import pytest

from benchmarks import report
from benchmarks.figures import keep

WAY = {"wall": 85.4, "cpu": 103.2, "peak": 90.0, "ratio": 1.0, "wall_ratio": 1.0, "versions": {}}


def asked(rows: int, **ways: float) -> None:
    told = {name: {**WAY, "ratio": ratio} for name, ratio in ways.items()}
    left_out = {"Other": "it cannot be installed"}
    keep("questions", f"UTC {rows}", {"rows": rows, "ways": told, "left_out": left_out})


def test_a_table_has_a_column_for_each_size_and_a_row_for_each_way() -> None:
    asked(1_000_000, floor=1.0)
    asked(100_000, floor=1.0, ours=0.0069)

    lines = report.questions(list(report.kept()["questions"].values())).splitlines()

    assert lines[0].endswith("| 100,000 | 1,000,000 |")
    assert lines[2] == "| floor | 85.4 / 103 (1.00) | 85.4 / 103 (1.00) |"
    assert lines[3] == "| ours | 85.4 / 103 (0.0069) | – |"
    assert lines[-1].startswith("Measured ")
    assert lines[-1].endswith("Left out: Other (it cannot be installed).")


def test_what_was_not_measured_is_said_to_be_so() -> None:
    assert report.questions([]) == report.publishing([]) == report.load([]) == "Not measured yet."


def test_only_what_stands_between_the_comments_is_filled_in() -> None:
    text = "Before.\n<!-- a -->\nold\n<!-- end of a -->\nAfter.\n"
    new = "Before.\n<!-- a -->\nnew\n<!-- end of a -->\nAfter.\n"

    assert report.filled(text, {"a": "new"}) == new
    with pytest.raises(SystemExit, match="<!-- b -->"):
        report.filled(text, {"b": "new"})


def test_the_page_has_every_place_that_is_filled_in() -> None:
    page = (report.DOCS / "performance.md").read_text(encoding="utf-8")
    names = ("questions", "scattered", "zones", "publishing", "load", "facts", "versions")

    filled = report.filled(page, dict.fromkeys(names, "figures"))

    assert filled.count("\nfigures\n") == len(names)
