"""Why the last refresh left the edition before it in place, for those who read that one."""

from __future__ import annotations

import datetime as dt
import json
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from kpi.editions import editions_folder


@dataclass(frozen=True)
class Refusal:
    """How many mistakes each file had, and how many known answers did not hold; nothing of them.

    Everybody who opens a screen reads this: no text of a file and no path is part of it.
    """

    at: dt.datetime
    mistakes: Mapping[str, int]
    unconfirmed: int = 0

    def to_json(self) -> str:
        """The refusal as it stands in its file."""
        return json.dumps({**vars(self), "at": self.at.isoformat()}, indent=2) + "\n"

    @classmethod
    def from_json(cls, text: str) -> Refusal:
        """The refusal in a text; raises ValueError where it is none."""
        try:
            values = json.loads(text)
            mistakes = {str(file): int(count) for file, count in values["mistakes"].items()}
            at = dt.datetime.fromisoformat(values["at"])
            return cls(at, mistakes, int(values["unconfirmed"]))
        except (TypeError, KeyError, AttributeError) as error:
            raise ValueError(f"not a refusal: {error}") from error


def refusal_file(home: Path) -> Path:
    """The file beside the pointer that is there while a refusal stands."""
    return editions_folder(home) / "REFUSED"


def last_refusal(home: Path) -> Refusal | None:
    """What the last refresh refused to publish; None where it published or had nothing to."""
    try:
        return Refusal.from_json(refusal_file(home).read_text(encoding="utf-8"))
    except (OSError, ValueError):
        # It only adds a sentence to numbers that are there without it.
        return None
