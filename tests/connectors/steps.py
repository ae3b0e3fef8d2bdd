"""The steps of a story that a property test tells: what a system goes through between two pulls."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass

from tests.peer import Fault, meanwhile


@dataclass(frozen=True)
class Step:
    """Some time goes by, things happen, and then a pull goes right or wrong.

    `later` is how much time, in the unit of the story. `fault` and `meanwhile` have the request at
    which something goes wrong or happens, counted from the step's first.
    """

    later: int
    deeds: tuple[int, ...]
    fault: tuple[int, str] | None
    meanwhile: tuple[int, int] | None
    page_size: int

    def planned(
        self, count: int, deed: Callable[[int], object], faults: Mapping[str, Fault]
    ) -> dict[int, Fault]:
        """What goes wrong with which request, where `count` have been made before."""
        planned: dict[int, Fault] = {}
        if self.meanwhile is not None:
            place, choice = self.meanwhile
            planned[count + place] = meanwhile(lambda: deed(choice))
        if self.fault is not None:
            place, kind = self.fault
            planned[count + place] = faults[kind]
        return planned
