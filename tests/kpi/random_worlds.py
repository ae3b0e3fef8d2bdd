"""Random editions of which everything is kept ready, and changes to their rows."""

from __future__ import annotations

import datetime as dt
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from hypothesis import strategies as st

from kpi.questions import Question
from tests.kpi.kept_and_facts import EVERYTHING
from tests.kpi.memory import Memory
from tests.kpi.random_questions import (
    ANCHORS,
    CALENDARS,
    GRAIN_NAMES,
    TABLES,
    TIMES,
    edition,
    fill,
    moments,
    questions,
    rows_near,
    vocabularies,
    vocabulary_of,
)


@dataclass(frozen=True)
class World:
    """A random edition of which everything is kept, and what its questions are about."""

    memory: Memory
    anchor: dt.datetime
    grain: str
    metrics: Mapping[str, Any]

    @property
    def questions(self) -> st.SearchStrategy[Question]:
        return questions(self.anchor, self.grain, self.metrics)


def drawn(data: st.DataObject, told_after: st.SearchStrategy[int]) -> World:
    """Random facts and metrics; of each table is told up to so many hours after the anchor."""
    anchor = data.draw(st.sampled_from(ANCHORS))
    calendar = data.draw(st.sampled_from(CALENDARS))
    grain = data.draw(st.sampled_from(GRAIN_NAMES))
    entries, metrics = data.draw(vocabularies(grain))
    rows = {table: data.draw(rows_near(anchor, table)) for table in TABLES}
    fresh = {table: anchor + dt.timedelta(hours=data.draw(told_after)) for table in TABLES}
    memory = edition(calendar)
    memory.adopt(vocabulary_of(calendar, entries))
    fill(memory, rows, fresh)
    memory.roll_up(EVERYTHING)
    return World(memory, anchor, grain, metrics)


VALUES = {
    "a": ["'k'", "'l'", "null"],
    "b": ["'p'", "'q'", "null"],
    "x": ["-2", "0", "1", "3", "null"],
    "m": ["-9.99", "0.01", "5", "null"],
    "flag": ["true", "false", "null"],
    "who": ["1", "2", "null"],
    "site": ["'s1'", "'s2'", "null"],
}


@st.composite
def changes(draw: st.DrawFn, anchor: dt.datetime) -> tuple[str, str, str, str]:
    """A table, what its rows were, a change to some of them, and what they are then."""
    table = draw(st.sampled_from(sorted(TABLES)))
    # Rows have no keys here: every third one, say, whichever that is.
    place = draw(st.integers(0, 4))
    chosen = f"rowid % 5 = {place}"
    column = draw(st.sampled_from([*TIMES[table], *TIMES[table], "a", "b", "x", "m", "flag"]))
    if column in TIMES[table]:
        moment = draw(st.one_of(moments(anchor), st.none()))
        if table == "plans" and moment:
            moment = moment.replace(day=1)
        value = f"'{moment}'" if moment else "null"
    else:
        value = draw(st.sampled_from(VALUES[column]))
    rows = f'select * from main."{table}" where {chosen}'
    change = draw(
        st.sampled_from(
            [
                f'update main."{table}" set "{column}" = {value} where {chosen}',
                f'delete from main."{table}" where {chosen}',
                f'insert into main."{table}" by name select * replace ({value} as "{column}") '
                f'from main."{table}" where {chosen}',
            ]
        )
    )
    return table, rows, change, f'select * from main."{table}"'
