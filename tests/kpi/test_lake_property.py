"""Random facts, vocabularies, questions and histories: rollups, facts and Spark say the same.

What is kept of facts that lie here, the facts themselves, what a cluster computed of the same facts
in a lake, and the cluster asked at once. A cluster takes seconds for each statement, so there are
few examples; after a change, try many new ones:

    KPI_EXAMPLES=100 python -m pytest tests/kpi/test_lake_property.py
"""

from __future__ import annotations

import os
from collections.abc import Iterator

import pytest
from hypothesis import HealthCheck, Phase, assume, event, given, settings
from hypothesis import strategies as st

from connectors.contract import SourceError
from kpi.answers import Answer, ask
from kpi.engines import Engines
from kpi.questions import NotComputable, Question, QuestionRefused, alone
from kpi.sources import EngineAddress
from tests.kpi.kept_and_facts import EVERYTHING, by_place, same
from tests.kpi.lake_memory import LakeMemory
from tests.kpi.random_questions import SAME_EVERY_TIME
from tests.kpi.random_worlds import World, changes, drawn

pytestmark = pytest.mark.spark

EXAMPLES = int(os.environ.get("KPI_EXAMPLES", "4"))
QUESTIONS = 6


@pytest.fixture(scope="module")
def engines(spark_address: str) -> Iterator[Engines]:
    with Engines(lambda _: EngineAddress(spark_address, 600)) as opened:
        yield opened


# To find a smaller example would take hundreds of statements more.
@settings(
    max_examples=EXAMPLES,
    derandomize=SAME_EVERY_TIME,
    deadline=None,
    phases=[Phase.explicit, Phase.reuse, Phase.generate],
    suppress_health_check=list(HealthCheck),
)
@given(data=st.data())
def test_rollups_facts_and_spark_say_the_same_after_every_change(
    engines: Engines, tmp_path_factory: pytest.TempPathFactory, data: st.DataObject
) -> None:
    world = drawn(data, told_after=st.just(0))
    memory = world.memory
    lake = LakeMemory(memory, engines, tmp_path_factory.mktemp("lake"), here=("places",))
    follow(lake)
    compare(world, lake, data)

    for _ in range(data.draw(st.integers(1, 2))):
        memory.change(*data.draw(changes(world.anchor)))
    memory.roll_up(EVERYTHING)
    follow(lake)
    compare(world, lake, data)


def follow(lake: LakeMemory) -> None:
    """Brings a lake up to date; a vocabulary that Spark refuses is not the one to try."""
    try:
        lake.follow(EVERYTHING)
    except SourceError as error:
        assert "Spark cannot" in str(error), error
        event("refused by Spark")
        assume(False)


def compare(world: World, lake: LakeMemory, data: st.DataObject) -> None:
    """Asks all of them a few questions."""
    memory = world.memory
    for _ in range(QUESTIONS):
        question = data.draw(world.questions)
        try:
            kept = ask(memory, question)
        except QuestionRefused:
            continue
        facts = answer_of_facts(world, question)
        assert_same(kept, facts)
        try:
            assert_same(ask(lake, question), facts)
        except NotComputable as error:
            # Not kept: as pages see it, or as the command line asks it.
            assert "Spark cannot" in str(error), error
            event("refused by Spark")


def answer_of_facts(world: World, question: Question) -> Answer:
    """What the facts alone say."""
    memory = world.memory
    kept = memory.facts
    memory.facts = alone(kept)
    try:
        return ask(memory, question)
    finally:
        memory.facts = kept


def assert_same(found: Answer, expected: Answer) -> None:
    """Every cell is there, with the same number."""
    cells, others = by_place(found), by_place(expected)
    assert cells.keys() == others.keys()
    for place, cell in others.items():
        twin = cells[place]
        assert (twin.n, twin.complete) == (cell.n, cell.complete), (place, twin, cell)
        assert same(twin.value, cell.value), (place, twin, cell)
        assert same(twin.margin, cell.margin), (place, twin, cell)
