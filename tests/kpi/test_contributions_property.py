"""Random facts and vocabularies: whatever is split, its parts are the change that `ask` tells.

KPI_EXAMPLES=3000 python -m pytest tests/kpi/test_contributions_property.py
"""

from __future__ import annotations

import datetime as dt
import math
from collections import Counter
from collections.abc import Sequence
from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st

from kpi.answers import ask
from kpi.comparisons import Pair
from kpi.contributions import Contribution
from kpi.explanation import explain
from kpi.periods import period_of, step
from kpi.questions import QuestionRefused
from kpi.summands import NoParts
from tests.kpi.random_questions import (
    ANCHORS,
    CALENDARS,
    CONDITIONS,
    EXAMPLES,
    NUMBERS,
    SAME_EVERY_TIME,
    TABLES,
    edition,
    fill,
    reaches,
    rows_near,
    vocabularies,
    vocabulary_of,
)

SHAPES = (
    "{0}",
    "{0} / {1}",
    "100 * {0} / {1}",
    "{0} - 2 * {1}",
    "1 - {0} / ({0} + {1})",
    "({0} - {1}) / {1} / 3",
)


@st.composite
def sums(draw: st.DrawFn) -> str:
    """An aggregate that adds up, or an average."""
    number = draw(st.sampled_from(sorted(NUMBERS)))
    condition = draw(st.sampled_from(sorted(CONDITIONS)))
    kinds = (f"sum({number})", f"avg({number})", "count(*)", f"count_if({condition})", "count(x)")
    text = draw(st.sampled_from(kinds))
    kept = draw(st.sampled_from([None, None, None, *sorted(CONDITIONS)]))
    return f"{text} filter (where {kept})" if kept else text


@st.composite
def divisible(draw: st.DrawFn) -> dict[str, Any]:
    """Entries of metrics.yaml: two from facts, and a formula of both."""
    entries: dict[str, Any] = {}
    for name in ("m0", "m1"):
        table = draw(st.sampled_from(["events", "visits"]))
        value = draw(st.sampled_from(SHAPES)).format(draw(sums()), draw(sums()))
        key, _ = draw(reaches(table))
        entries[name] = {"value": f"{value} from {table}", **key}
        empty = draw(st.sampled_from([None, None, None, 0, 2.5]))
        if empty is not None:
            entries[name]["empty"] = empty
    named = draw(st.permutations(["m0", "m1", "ago(m0, '1 quarter')"]))
    entries["f0"] = {"value": draw(st.sampled_from(SHAPES)).format(*named)}
    return entries


# How many were split, and how many were not and why, over all examples.
_SEEN: Counter[str] = Counter()


@settings(max_examples=EXAMPLES, derandomize=SAME_EVERY_TIME)
@given(data=st.data())
def _split(data: st.DataObject) -> None:
    anchor = data.draw(st.sampled_from(ANCHORS))
    calendar = data.draw(st.sampled_from(CALENDARS))
    everything = data.draw(st.integers(0, 4)) == 0
    entries = data.draw(vocabularies("quarter"))[0] if everything else data.draw(divisible())
    rows = {table: data.draw(rows_near(anchor, table)) for table in TABLES}
    memory = edition(calendar)
    memory.adopt(vocabulary_of(calendar, entries))
    fill(memory, rows, dict.fromkeys(TABLES, anchor + dt.timedelta(days=1200)))
    after = period_of(memory.vocabulary.calendar, "quarter", anchor.date())
    before = step(memory.vocabulary.calendar, after, -data.draw(st.sampled_from([1, 1, 1, 4])))
    pair = Pair(before, after, data.draw(st.sampled_from([None, None, 60])))
    for metric in memory.vocabulary.metrics.values():
        try:
            told = [ask(memory, each).cells[0].value for each in pair.questions(metric.name)]
            found = explain(memory, metric, pair)
        except NoParts as reason:
            _SEEN[str(reason)] += 1
        except QuestionRefused:
            _SEEN["refused"] += 1
        else:
            for each in found:
                assert told == [each.before, each.after]
                _hold_together(each.parts, each.after - each.before)
                _SEEN["ratio" if each.is_ratio else "sum"] += 1


def _hold_together(parts: Sequence[Contribution], change: float) -> None:
    scale = max([1.0, *(abs(part.amount) for part in parts)])
    assert math.isclose(math.fsum(p.amount for p in parts), change, abs_tol=1e-9 * scale)
    for part in parts:
        if part.rate is not None and part.mix is not None:
            assert math.isclose(part.mix + part.rate, part.amount, abs_tol=1e-9 * scale)


def test_parts_are_together_the_change_that_the_metric_itself_tells() -> None:
    _SEEN.clear()
    _split()

    assert min(_SEEN["sum"], _SEEN["ratio"]) > EXAMPLES / 30
    # What does not add up has a reason that its definition tells, not one found by adding.
    assert _SEEN["its members do not add up to it in these periods"] <= EXAMPLES / 50
