"""After any story, read in any pieces and with any faults, the facts are what ServiceNow has."""

from __future__ import annotations

import datetime as dt
import tempfile
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from connectors import servicenow
from connectors.contract import SourceError
from tests import peer as faults
from tests.connectors.landed import Landing
from tests.connectors.servicenow_instance import TOKEN, USER, Instance, at, incident, number
from tests.connectors.steps import Step
from tests.peer import Clock, Fault
from tests.peer_lists import Record, Records

pytestmark = pytest.mark.slow

START = dt.datetime(2026, 2, 1, 9)
_DEEDS: dict[str, dict[str, Any]] = {
    "work": {"state": "2", "active": "true"},
    "resolve": {"state": "6", "active": "true"},
    "close": {"state": "7", "active": "false"},
    "cancel": {"state": "8", "active": "false"},
    "rank": {"priority": "1"},
}
_FAULTS: dict[str, Fault] = {
    "cut": faults.cut_json,
    "page": faults.web_page,
    "again": faults.repeated,
    "hang": faults.hanging_up,
    "fail": faults.failing(500),
    "limit": faults.failing(429, {"Retry-After": "7"}),
}


_STEPS = st.builds(
    Step,
    later=st.sampled_from([0, 1, 20, 5000]),
    deeds=st.lists(st.integers(0, 10_000), max_size=8).map(tuple),
    fault=st.none() | st.tuples(st.integers(1, 12), st.sampled_from(sorted(_FAULTS))),
    meanwhile=st.none() | st.tuples(st.integers(1, 9), st.integers(0, 10_000)),
    page_size=st.integers(2, 5),
)


class Story:
    """What happens in an instance; many things happen in the same second."""

    def __init__(self) -> None:
        self.instance = Instance(Records(key="sys_id"))
        self.now = START

    def deed(self, choice: int) -> None:
        """Something that may happen now, chosen by a number."""
        self.now += dt.timedelta(seconds=choice % 2)
        records = self.instance.records.all("sys_id")
        if not records or choice % 3 == 0:
            # Ids are in no order of time.
            id_ = (len(records) * 7919 + 13) % 10_007
            self.instance.records.put(incident(id_, at(self.now)))
            if choice % 9 == 0:
                self.instance.hidden.add(number(id_))
            return
        record = records[choice % len(records)]
        deed = sorted(_DEEDS)[choice // 7 % len(_DEEDS)]
        fields = {**_DEEDS[deed], "sys_updated_on": at(self.now)}
        if deed == "work" and record["state"] in ("6", "7"):
            fields["reopen_count"] = str(int(record["reopen_count"]) + 1)
        if deed == "resolve" and choice % 5:
            fields["resolved_at"] = at(self.now)
        if deed == "close":
            fields["closed_at"] = at(self.now)
        self.instance.records.change(record["sys_id"], **fields)

    def truth(self) -> list[tuple[Any, ...]]:
        """What `incidents` should have."""
        shown = self.instance.records.all(
            "sys_id", where=lambda r: r["sys_id"] not in self.instance.hidden and r["state"] != "8"
        )
        return [_row(record) for record in shown]


def _row(record: Record) -> tuple[Any, ...]:
    status = {"1": "open", "2": "acknowledged", "6": "resolved", "7": "resolved"}[record["state"]]
    end = None
    if status == "resolved":
        end = record["resolved_at"] or record["closed_at"] or record["sys_updated_on"]
    return (
        record["sys_id"],
        record["priority"],
        status,
        dt.datetime.fromisoformat(record["opened_at"]),
        dt.datetime.fromisoformat(end) if end else None,
        int(record["reopen_count"]),
    )


@settings(max_examples=30)
@given(
    steps=st.lists(_STEPS, min_size=1, max_size=5),
    drift=st.sampled_from([-300, 0, 300]),
    most=st.sampled_from([3, 10_000]),
)
def test_the_facts_are_what_servicenow_has(steps: list[Step], drift: int, most: int) -> None:
    clock, story = Clock(), Story()
    story.instance.most = most
    peer = story.instance.peer(clock)
    with (
        tempfile.TemporaryDirectory() as folder,
        pytest.MonkeyPatch.context() as patch,
        peer.serving() as server,
    ):
        patch.setattr("connectors.patience.time", clock)
        options = {"url": server.url, "user": USER, "token": TOKEN, "start": "2026-01-01"}
        landing = Landing(Path(folder), servicenow)

        def pull(page_size: int = 5) -> None:
            now = story.now + dt.timedelta(seconds=drift)
            landing.pull({**options, "page_size": page_size}, now)

        for step in steps:
            story.now += dt.timedelta(minutes=step.later)
            for choice in step.deeds:
                story.deed(choice)
            peer.faults = step.planned(peer.count, story.deed, _FAULTS)
            try:
                pull(step.page_size)
            except SourceError:
                assert step.fault is not None
        peer.faults = {}
        pull()

        columns = "incident_id, severity, status, opened_at, resolved_at, reopened"
        assert landing.rows(f"select {columns} from incidents order by 1") == story.truth()
        episodes = "select incident_id, opened_at, resolved_at from incident_episodes order by 1"
        assert landing.rows(episodes) == [(r[0], r[3], r[4]) for r in story.truth()]
