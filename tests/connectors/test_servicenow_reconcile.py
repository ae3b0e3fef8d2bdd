"""kpi refresh --reconcile finds out which incidents ServiceNow has no more."""

from __future__ import annotations

import datetime as dt
from pathlib import Path

from kpi import editions
from kpi.refresh import refresh
from tests.connectors.servicenow_instance import TOKEN, USER, Instance, at, incident, number
from tests.kpi.homes import NOON, Clock, Heard, write_home
from tests.peer import Clock as PeerClock
from tests.peer_lists import Records

ENV = {"SERVICENOW_USER": USER, "SERVICENOW_TOKEN": TOKEN}


def test_what_is_deleted_cancelled_or_no_longer_meant_goes_with_its_episode(
    tmp_path: Path, clock: PeerClock
) -> None:
    instance = Instance(Records(key="sys_id"))
    for n in range(1, 6):
        instance.records.put(incident(n, at(NOON - dt.timedelta(days=40 * n))))
    entry = {
        "connector": "servicenow",
        "user": "${SERVICENOW_USER}",
        "token": "${SERVICENOW_TOKEN}",
        "incidents": "category=software",
    }
    with instance.peer(clock).serving() as server:
        home = write_home(tmp_path, {"desk": {**entry, "url": server.url}})
        refresh(home, ["desk"], voice=Heard(), now=Clock(), env=ENV)
        instance.records.delete(number(1))
        instance.records.change(number(2), state="8", sys_updated_on=at(NOON))
        instance.records.change(number(3), category="network", sys_updated_on=at(NOON))

        outcome = refresh(home, ["desk"], voice=Heard(), now=Clock(), env=ENV, reconcile=True)

    assert outcome.exit_code == 0
    for table in ("incidents", "incident_episodes"):
        rows = editions.open_edition(home).query(f"select incident_id from {table} order by 1")
        assert [id_ for (id_,) in rows] == [number(4), number(5)]
