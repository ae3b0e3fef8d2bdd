"""Sets what is kept ready beside what the facts alone say."""

from __future__ import annotations

import math
from typing import Any

from kpi.answers import Answer, Cell
from kpi.keeper import Limits

# Everything is kept, however little there is of it; a statement computes a few periods only.
EVERYTHING = Limits(facts_each=1, few=1_000_000, many=0, at_once=30)


def same(found: float | None, expected: float | None) -> bool:
    """Whether two numbers are the same; floats but for what the order of adding leaves."""
    if found is None or expected is None:
        return found is expected
    if isinstance(found, int) and isinstance(expected, int):
        return found == expected
    return math.isclose(found, expected, rel_tol=1e-12, abs_tol=1e-12)


def by_place(answer: Answer) -> dict[tuple[Any, ...], Cell]:
    """The cells by what they are of."""
    return {(cell.metric, cell.period, *cell.keys): cell for cell in answer.cells}
