"""Plays a ServiceNow instance: its Table API with encoded queries, access controls and quirks.

The shapes are those of the Table API's documentation: every value a text, "" for none, times in UTC
without a zone, a reference as the id of what it refers to.
"""

from __future__ import annotations

import base64
import datetime as dt
import re
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import urlencode, urlsplit

from tests.peer import Answer, Clock, Peer, Request, data
from tests.peer_lists import Record, Records

USER, TOKEN = "kpi", "s3cret"
BASIC = "Basic " + base64.b64encode(f"{USER}:{TOKEN}".encode()).decode()
SERVICES = {"5" * 32: "Shop frontend", "6" * 32: "Оплата"}

_CONDITION = re.compile(r"([a-z_.]+)(ISEMPTY|ISNOTEMPTY|NOT IN|IN|LIKE|>=|<=|!=|=|>|<)(.*)")
_TESTS: Mapping[str, Callable[[str, str], bool]] = {
    "=": lambda value, other: value == other,
    "!=": lambda value, other: value != other,
    ">": lambda value, other: value > other,
    ">=": lambda value, other: value >= other,
    "<": lambda value, other: "" != value < other,
    "<=": lambda value, other: "" != value <= other,
    "IN": lambda value, other: value in other.split(","),
    "NOT IN": lambda value, other: value not in other.split(","),
    "LIKE": lambda value, other: other in value,
    "ISEMPTY": lambda value, other: value == "",
    "ISNOTEMPTY": lambda value, other: value != "",
}


def number(id_: int) -> str:
    """A sys_id."""
    return f"{id_:032x}"


def at(time: dt.datetime) -> str:
    """A time as ServiceNow stores it."""
    return f"{time:%Y-%m-%d %H:%M:%S}"


def incident(id_: int, opened: str, changed: str | None = None, **fields: str) -> Record:
    """A record of the table, as it is when it was just opened."""
    return {
        "sys_id": number(id_),
        "sys_updated_on": changed or opened,
        "opened_at": opened,
        "state": "1",
        "active": "true",
        "short_description": f"Printer {id_} is on fire",
        "resolved_at": "",
        "closed_at": "",
        "reopen_count": "0",
        "priority": "3",
        "category": "software",
        "business_service": "5" * 32,
        "assignment_group": "",
        **fields,
    }


@dataclass
class Instance:
    """What an instance has; `hidden` are the ids, `unread` the fields that the account misses.

    `zone` is by how much the account's time zone moves a time in a question.
    """

    records: Records
    hidden: set[str] = field(default_factory=set)
    unread: set[str] = field(default_factory=set)
    most: int = 10_000
    zone: dt.timedelta = dt.timedelta()

    def peer(self, clock: Clock) -> Peer:
        """The instance behind its address."""
        peer = Peer(clock)
        peer.credential = ("Authorization", BASIC)
        peer.route("/api/now/table/{table}", self.answer)
        return peer

    def answer(self, request: Request) -> Answer:
        """One page, cut before what may not be seen is taken out of it."""
        if request.match["table"] != "incident":
            said = {"message": f"Invalid table {request.match['table']}", "detail": None}
            return data({"error": said, "status": "failure"}, 400)
        assert request.query["sysparm_display_value"] == "false"
        found = self._found(request.query["sysparm_query"])
        start = int(request.query.get("sysparm_offset", 0))
        size = min(int(request.query["sysparm_limit"]), self.most)
        shown = [r for r in found[start : start + size] if r["sys_id"] not in self.hidden]
        fields = request.query["sysparm_fields"].split(",")
        headers = {"X-Total-Count": str(len(found)), **_links(request, start, size, len(found))}
        return data({"result": [dict(self._cut(r, fields)) for r in shown]}, headers=headers)

    def _cut(self, record: Record, fields: list[str]) -> Iterator[tuple[str, Any]]:
        for name in fields:
            base, _, of = name.partition(".")
            if base in record and base not in self.unread:
                value = record[base]
                yield (
                    name,
                    SERVICES.get(value, "")
                    if of and name not in self.unread
                    else ("" if of else value),
                )

    def _found(self, query: str) -> list[Record]:
        """An encoded query: ^OR binds closer than ^, and an unknown field is ignored."""
        groups: list[list[tuple[str, str, str]]] = []
        order: list[tuple[str, bool]] = []
        for part in query.split("^"):
            if part.startswith("ORDERBY"):
                name = part.removeprefix("ORDERBY")
                order.append((name.removeprefix("DESC"), name.startswith("DESC")))
                continue
            found = _CONDITION.fullmatch(part.removeprefix("OR"))
            assert found, part
            condition = (found[1], found[2], self._meant(found[3]))
            if part.startswith("OR"):
                groups[-1].append(condition)
            else:
                groups.append([condition])
        records = self.records.all("sys_id", where=lambda r: all(_any(r, each) for each in groups))
        for name, descending in reversed(order):
            records.sort(key=lambda record: record[name], reverse=descending)
        return records

    def _meant(self, value: str) -> str:
        if not self.zone or not re.fullmatch(r"\d{4}-\d\d-\d\d \d\d:\d\d:\d\d", value):
            return value
        return at(dt.datetime.fromisoformat(value) + self.zone)


def _any(record: Record, conditions: list[tuple[str, str, str]]) -> bool:
    known = [each for each in conditions if each[0].partition(".")[0] in record]
    return not known or any(_TESTS[test](record[name], other) for name, test, other in known)


def _links(request: Request, start: int, size: int, total: int) -> dict[str, str]:
    """As ServiceNow writes them: without a space, and none at all where there is one page."""
    if total <= size:
        return {}
    places = {"first": 0, "last": (total - 1) // size * size}
    if start > 0:
        places["prev"] = max(0, start - size)
    if start + size < total:
        places["next"] = start + size
    here = f"http://{request.host}{urlsplit(request.path).path}"
    links = (
        f'<{here}?{urlencode({**request.query, "sysparm_offset": str(place)})}>;rel="{rel}"'
        for rel, place in places.items()
    )
    return {"Link": ",".join(links)}
