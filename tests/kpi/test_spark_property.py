"""Random facts, vocabularies and questions: a Spark cluster answers as DuckDB does.

A cluster takes seconds for each question, so every example asks several of the same facts. After
a change of the translation, try many new ones:

    KPI_EXAMPLES=200 python -m pytest tests/kpi/test_spark_property.py
"""

from __future__ import annotations

import datetime as dt
import os
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from functools import lru_cache
from pathlib import Path

import pytest
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st

from kpi.answers import statement
from kpi.questions import QuestionRefused
from kpi.spark import Cluster, cluster
from tests.kpi.on_spark import differences, register, rows_of
from tests.kpi.random_questions import (
    ANCHORS,
    CALENDARS,
    GRAIN_NAMES,
    SAME_EVERY_TIME,
    TABLES,
    edition,
    fill,
    questions,
    rows_near,
    vocabularies,
    vocabulary_of,
)

pytestmark = pytest.mark.spark

EXAMPLES = int(os.environ.get("KPI_EXAMPLES", "12"))
QUESTIONS = 4
Calendar = tuple[str, int, int]


@pytest.fixture(scope="module")
def of_calendar(spark_address: str) -> Iterator[Callable[[Calendar], Cluster]]:
    """A session with the cluster for each calendar, whose days it has."""
    with ExitStack() as stack:

        @lru_cache
        def opened(calendar: Calendar) -> Cluster:
            found = stack.enter_context(cluster(spark_address))
            found.set_calendar(edition(calendar).vocabulary.calendar)
            return found

        yield opened


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("random")


# To find a smaller example would take hundreds of questions more.
@settings(
    max_examples=EXAMPLES,
    derandomize=SAME_EVERY_TIME,
    deadline=None,
    phases=[Phase.explicit, Phase.reuse, Phase.generate],
    suppress_health_check=list(HealthCheck),
)
@given(data=st.data())
def test_a_cluster_answers_as_duckdb_does(
    of_calendar: Callable[[Calendar], Cluster], folder: Path, data: st.DataObject
) -> None:
    anchor = data.draw(st.sampled_from(ANCHORS))
    calendar = data.draw(st.sampled_from(CALENDARS))
    memory, asked_cluster = edition(calendar), of_calendar(calendar)
    fresh = {
        table: anchor + dt.timedelta(hours=data.draw(st.integers(-80, 1200))) for table in TABLES
    }
    fill(memory, {table: data.draw(rows_near(anchor, table)) for table in TABLES}, fresh)
    register(asked_cluster, memory, folder)

    for _ in range(QUESTIONS):
        grain = data.draw(st.sampled_from(GRAIN_NAMES))
        entries, metrics = data.draw(vocabularies(grain))
        memory.adopt(vocabulary_of(calendar, entries))
        question = data.draw(questions(anchor, grain, metrics))
        try:
            asked = statement(memory, question)
        except QuestionRefused:
            # The vocabulary refuses it, whichever engine would be asked.
            continue
        expected, found = rows_of(asked_cluster, memory, asked)
        assert differences(expected, found) == []
