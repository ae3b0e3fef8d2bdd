"""Whatever has happened to a home: where the timetable says idle, a refresh would do nothing."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import connectors
from kpi import editions, timetable
from kpi.refresh import refresh
from kpi.warehouse import Warehouse
from tests.kpi.homes import NOON, STAND_INS, VOCABULARY, Clock, Heard, answer, write_home

LABELS = ("Answers", "Replies")
GOOD = [{"rows": [answer(1)]}]
BAD = [{"crash": "no"}]


@pytest.fixture(scope="module", autouse=True)
def stand_ins() -> Iterator[None]:
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(connectors, "__path__", [*connectors.__path__, STAND_INS])
        yield


class Company:
    """A home that all sorts of things happen to."""

    def __init__(self, home: Path) -> None:
        self.home = home
        self.clock = Clock()
        self.env = {"URL": "https://shop.example"}
        self.label = LABELS[0]
        self.sources: dict[str, dict[str, Any]] = {
            "quick": {"every": "10 minutes", "url": "${URL}", "steps": GOOD},
            "slow": {"every": "1 hour", "steps": GOOD},
            "never": {"steps": GOOD},
        }
        self.write()

    def write(self) -> None:
        vocabulary = VOCABULARY.replace("label: Answers", f"label: {self.label}")
        write_home(self.home, self.sources, vocabulary)

    def pass_(self, minutes: int) -> None:
        self.clock.pass_(minutes=minutes)

    def turn(self, name: str, steps: list[dict[str, Any]]) -> None:
        self.sources[name]["steps"] = steps
        self.write()

    def edit_sources(self, every: str) -> None:
        self.sources["slow"]["every"] = every
        self.write()

    def edit_metrics(self, label: str) -> None:
        self.label = label
        self.write()

    def change_environment(self, url: str) -> None:
        self.env = {"URL": url} if url else {}

    def lose_the_pointer(self) -> None:
        editions.pointer_file(self.home).unlink(missing_ok=True)

    def be_killed_in_a_run(self) -> None:
        with Warehouse(self.home / "data" / "warehouse.duckdb") as warehouse:
            warehouse.begin("slow", NOON)

    def refresh(self, *names: str, **how: bool) -> Any:
        return refresh(self.home, names, voice=Heard(), now=self.clock, env=self.env, **how)


steps = st.one_of(
    st.tuples(st.just("pass_"), st.sampled_from([1, 9, 10, 59, 60])),
    st.tuples(st.just("turn"), st.sampled_from(["quick", "slow"]), st.sampled_from([GOOD, BAD])),
    st.tuples(st.just("edit_sources"), st.sampled_from(["1 hour", "20 minutes"])),
    st.tuples(st.just("edit_metrics"), st.sampled_from(LABELS)),
    st.tuples(st.just("change_environment"), st.sampled_from(["https://shop.example", ""])),
    st.tuples(st.just("lose_the_pointer")),
    st.tuples(st.just("be_killed_in_a_run")),
    st.tuples(st.just("refresh"), st.sampled_from(["quick", "slow", "never"])),
    st.tuples(st.just("refresh")),
)


@settings(max_examples=8)
@given(story=st.lists(steps, min_size=1, max_size=8))
def test_where_the_timetable_says_idle_a_refresh_would_do_nothing(
    tmp_path_factory: pytest.TempPathFactory, story: list[tuple[Any, ...]]
) -> None:
    company = Company(tmp_path_factory.mktemp("company"))
    company.refresh()
    for what, *given_ in story:
        getattr(company, what)(*given_)
        is_idle = timetable.is_idle(company.home, company.env, company.clock())

        outcome = company.refresh(due=True)

        did = (outcome.exit_code, outcome.deliveries, outcome.published)
        assert not is_idle or did == (0, (), None)
        # And where nothing fails, the next look is a quick one.
        assert outcome.exit_code or timetable.is_idle(company.home, company.env, company.clock())
