"""After any story, read in any pieces and with any faults, the facts are what was answered."""

from __future__ import annotations

import datetime as dt
import tempfile
from dataclasses import dataclass
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from connectors import survey
from connectors.contract import SourceError
from tests import peer as faults
from tests.connectors.landed import Landing
from tests.peer import Clock
from tests.survey_systems import START, Delighted, SurveyMonkey, System, Typeform

pytestmark = pytest.mark.slow

_FAULTS = {
    "cut": faults.cut_json,
    "page": faults.web_page,
    "hang": faults.hanging_up,
    "fail": faults.failing(500),
    "limit": faults.failing(429, {"Retry-After": "7"}),
}


@dataclass(frozen=True)
class Happening:
    """Some time goes by, answers are given and changed, and then a pull goes right or wrong."""

    hours: int
    deeds: tuple[int, ...]
    fault: tuple[int, str] | None
    meanwhile: tuple[int, int] | None
    page_size: int


_STORIES = st.lists(
    st.builds(
        Happening,
        hours=st.sampled_from([1, 2, 30, 400, 3000]),
        deeds=st.lists(st.integers(0, 10_000), max_size=12).map(tuple),
        fault=st.none() | st.tuples(st.integers(1, 12), st.sampled_from(sorted(_FAULTS))),
        meanwhile=st.none() | st.tuples(st.integers(1, 12), st.integers(0, 10_000)),
        page_size=st.integers(2, 5),
    ),
    min_size=1,
    max_size=4,
)


def happen(system: System, choice: int, now: dt.datetime) -> None:
    """Something that may happen: often several things in one second."""
    at = now - dt.timedelta(seconds=choice % 3)
    names = sorted(system.answers)
    # Typeform tells nothing of a change.
    if names and choice % 4 == 0 and system.provider != "typeform":
        system.change(names[choice % len(names)], at, choice % 11)
    else:
        system.give(at, choice % 11, (None, "EMEA", "APAC")[choice % 3])


@pytest.mark.parametrize("made", [Typeform, SurveyMonkey, Delighted])
@settings(max_examples=20)
@given(story=_STORIES)
def test_the_facts_are_the_answers_as_they_are(made: type[System], story: list[Happening]) -> None:
    clock = Clock()
    system = made(clock)
    now = START + dt.timedelta(hours=1)
    with (
        tempfile.TemporaryDirectory() as folder,
        pytest.MonkeyPatch.context() as patch,
        system.peer.serving() as server,
    ):
        patch.setattr("connectors.patience.time", clock)
        landing = Landing(Path(folder), survey)
        for step in story:
            now += dt.timedelta(hours=step.hours)
            for choice in step.deeds:
                happen(system, choice, now)
            system.peer.faults = {}
            if step.meanwhile is not None:
                place, choice = step.meanwhile
                system.peer.faults[system.peer.count + place] = faults.meanwhile(
                    lambda choice=choice, now=now: happen(system, choice, now)
                )
            if step.fault is not None:
                place, kind = step.fault
                system.peer.faults[system.peer.count + place] = _FAULTS[kind]
            try:
                landing.pull(system.options(server.url, page_size=step.page_size), now)
            except SourceError:
                assert step.fault is not None
        system.peer.faults = {}
        landing.pull(system.options(server.url), now + dt.timedelta(minutes=20))
        found = landing.rows(
            "select response_id, answered_at, score, region from surveys order by 1"
        )

        assert found == system.scores()
