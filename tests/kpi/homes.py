"""Small home folders for tests: a vocabulary, sources, and scripts that say what sources bring."""

from __future__ import annotations

import datetime as dt
import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from tests.working_database import working_database

STAND_INS = str(Path(__file__).parent / "stand_ins")
NOON = dt.datetime(2026, 3, 10, 12)

VOCABULARY = """\
version: 1
calendar: {timezone: Europe/Berlin}
dimensions:
  region: {label: Region, definition: Where the customer is billed.}
tables:
  surveys: {row: one answer, time: answered_at, by: [region]}
outcomes:
  liked: {label: We are liked, definition: They say so., owners: {it: Platform, business: Sales}}
metrics:
  answers:
    label: Answers
    definition: How many customers answered.
    side: business
    outcome: liked
    owners: {it: Platform, business: Sales}
    value: count(*) from surveys
    good: up
"""


class Heard:
    """A voice that remembers what it was told."""

    def __init__(self) -> None:
        self.drawn: list[str] = []
        self.lines: list[str] = []

    def progress(self, text: str, *, lasting: bool = False) -> None:
        self.drawn.append(text)

    def line(self, text: str) -> None:
        self.lines.append(text)

    @property
    def text(self) -> str:
        return "\n".join(self.lines)


class Clock:
    """A present that tests set."""

    def __init__(self, now: dt.datetime = NOON) -> None:
        self.now = now

    def __call__(self) -> dt.datetime:
        return self.now

    def pass_(self, **time: float) -> None:
        self.now += dt.timedelta(**time)


def answer(number: int, score: str = "9", day: str = "2026-03-09") -> dict[str, str]:
    """A survey answer as a source would bring it."""
    return {
        "response_id": f"r{number}",
        "answered_at": f"{day} 10:00:00",
        "score": score,
        "region": "EMEA",
    }


def write_home(
    home: Path,
    sources: Mapping[str, Mapping[str, Any]],
    vocabulary: str = VOCABULARY,
    sample: bool = False,
) -> Path:
    """Writes both YAML files, and a working database without a row where there is none yet.

    A source's `steps` become its script.
    """
    if not (home / "data").exists():
        working_database(home / "data" / "warehouse.duckdb")
    (home / "metrics.yaml").write_text(vocabulary)
    entries = {}
    for name, entry in sources.items():
        kept = {key: value for key, value in entry.items() if key != "steps"}
        entries[name] = {"connector": "scripted", **kept}
        if "steps" in entry:
            entries[name]["script"] = f"{name}.json"
            write_script(home, name, entry["steps"])
    # JSON is YAML.
    text = json.dumps({"version": 1, "sample": sample, "sources": entries}, indent=1)
    (home / "sources.yaml").write_text(text)
    return home


def write_script(home: Path, source: str, steps: Sequence[Mapping[str, Any]]) -> None:
    """What a source will do at its next pull."""
    (home / f"{source}.json").write_text(json.dumps(list(steps)))
