"""Asks ServiceNow's Table API for records: whole lists, and proof that they are what was asked for.

ServiceNow leaves out without a word what an account may not see, after the page was cut: pages come
short or empty in the middle. And it ignores a condition on a field that it does not know.
"""

from __future__ import annotations

import contextlib
import datetime as dt
import re
from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any
from urllib.parse import parse_qs, urlencode, urlsplit

from connectors import http, paging
from connectors.contract import SourceError
from connectors.http import Limits, Page

# Inbound REST rate limiting: requests an hour; Retry-After comes with each refusal.
LIMITS = Limits(reset="X-RateLimit-Reset", form="epoch seconds", pause=60)
# More records one answer does not have.
MOST = 10_000
ROLES = (
    "It needs a role that may read incidents: sn_incident_read, or itil with snc_read_only beside "
    "it (which takes away all writing)."
)

Record = dict[str, Any]

# Fields that conditions can name and that no record has.
_NO_FIELDS = {"sys_tags", "variables", "variable_pool"}
_CONDITION = re.compile(r"(?:OR)?([a-z][a-z0-9_]*)(?:\.[a-z0-9_.]+)?(?![a-z0-9_.])")
_TRIES = 3


@dataclass(frozen=True)
class Portion:
    """Records that came together; `total` is how many there are in all, seen or not."""

    records: list[Record]
    total: int | None


class Api:
    """One table of one instance; `size` is how many records to ask for at once."""

    def __init__(self, session: http.Session, table: str, size: int) -> None:
        self._session = session
        self._table = table
        self._path = f"api/now/table/{table}"
        self._size = size

    def changed(
        self, conditions: Sequence[str], fields: Collection[str], since: dt.datetime | None
    ) -> Iterator[Portion]:
        """The records that changed since then, what changed first in front; raises SourceError.

        One that changes meanwhile comes again, at the end.
        """
        bounds = [f"sys_updated_on>={written(since)}"] if since else []
        order = "ORDERBYsys_updated_on^ORDERBYsys_id"

        def after(record: Record) -> list[str]:
            # ^OR binds closer than ^: not before the last one, and later or with a greater id.
            last = written(changed_at(record))
            return [
                f"sys_updated_on>={last}",
                f"sys_updated_on>{last}^ORsys_id>{record['sys_id']}",
            ]

        reached = since.replace(microsecond=0) if since else dt.datetime.min
        for portion in self._portions([*conditions, *bounds], fields, order, after):
            for record in portion.records:
                if changed_at(record) < reached:
                    raise _not_as_asked("shows records that changed before the time we asked for")
                reached = changed_at(record)
            yield portion

    def all(self, conditions: Sequence[str], fields: Collection[str]) -> Iterator[Portion]:
        """All records, in an order that no change moves; raises SourceError."""

        def after(record: Record) -> list[str]:
            return [f"sys_id>{record['sys_id']}"]

        yield from self._portions(conditions, fields, "ORDERBYsys_id", after)

    def newest(self, conditions: Sequence[str], fields: Collection[str], count: int) -> Portion:
        """The visible ones among the records that changed last; raises SourceError."""
        params = self._params(conditions, "ORDERBYDESCsys_updated_on", fields, count)
        with self._advising():
            page = self._session.page(self._path, params)
            return Portion(_records(page), _total(page))

    def prove(self, record: Record, fields: Collection[str]) -> None:
        """That times in a question mean what they mean in an answer, and that there are `fields`.

        Raises SourceError. Proven with a `record` that came just now, by asking for it alone.
        """
        alone = [f"sys_id={record['sys_id']}"]
        asked = ["sys_id", "sys_updated_on", *fields]
        for _ in range(_TRIES):
            time = written(changed_at(record))
            within = [*alone, f"sys_updated_on>={time}", f"sys_updated_on<={time}"]
            found = self.newest(within, asked, 1).records
            if found:
                return self.have(found[0], fields)
            # Not there, or changed meanwhile.
            now = self.newest(alone, asked, 1).records
            if not now:
                return None
            if changed_at(now[0]) == changed_at(record):
                raise _not_as_asked("does not find a record by the very time that it shows for it")
            record = now[0]
        return self.have(record, fields)

    def have(self, record: Record, fields: Collection[str]) -> None:
        """That a record has these fields; raises SourceError: ServiceNow ignores unknown ones."""
        for field in fields:
            if field not in record:
                raise SourceError(
                    f"ServiceNow shows no field '{field}' in the table {self._table}.",
                    "Check its spelling (the column's name, not its label), and that the account "
                    "may read it: ServiceNow ignores what it does not know or show.",
                )

    def nothing_visible(self, total: int | None) -> SourceError:
        """The error for an account that sees no record, of `total` that there are."""
        if not total:
            return SourceError(
                f"The table {self._table} has no records, or shows none to this account.", ROLES
            )
        return SourceError(
            f"The table {self._table} has {total:,} records and shows this account none.", ROLES
        )

    def _portions(
        self,
        conditions: Sequence[str],
        fields: Collection[str],
        order: str,
        after: Callable[[Record], list[str]],
    ) -> Iterator[Portion]:
        """Pages that each begin after the last record that was seen, so that none is missed.

        With a mere offset a record would be, whenever one before it moves or is deleted.
        """

        def following(page: Page) -> str | None:
            found, total = _records(page), _total(page)
            if not found:
                return _beyond(page)
            if page.next is None and total is not None and total <= len(found):
                return None
            further = [*conditions, *after(found[-1])]
            return f"?{urlencode(self._params(further, order, fields, self._size))}"

        params = self._params(conditions, order, fields, self._size)
        with self._advising():
            for page in paging.by_link(
                self._session, self._path, params, records="result", following=following
            ):
                yield Portion(_records(page), _total(page))

    def _params(
        self, conditions: Sequence[str], order: str, fields: Collection[str], count: int
    ) -> dict[str, str]:
        return {
            "sysparm_query": "^".join(filter(None, [*conditions, order])),
            "sysparm_fields": ",".join(dict.fromkeys(fields)),
            "sysparm_limit": str(count),
            # Words as they are stored, times in UTC: else both depend on who asks.
            "sysparm_display_value": "false",
            "sysparm_exclude_reference_link": "true",
        }

    @contextlib.contextmanager
    def _advising(self) -> Iterator[None]:
        """Says what in ServiceNow a refusal comes from."""
        try:
            yield
        except http.Rejected as error:
            raise self._advised(error) from None

    def _advised(self, error: http.Rejected) -> http.Rejected:
        if error.status == 401:
            advice = (
                "Check `user` and `token`: a password may have expired, the account may be locked; "
                "an OAuth token (`token` without `user`) is good for 30 minutes by default."
            )
        elif error.status == 403:
            advice = f"The account may not read the table {self._table}. {ROLES}"
        elif error.status == 400 and "invalid table" in error.said.lower():
            advice = (
                f"Check `table`: there is no '{self._table}', by its name rather than its label."
            )
        elif error.status == 404:
            advice = "Check `url`: it is the instance alone, like https://NAME.service-now.com."
        else:
            return error
        return http.Rejected(error.status, error.said, error.what, advice)


def changed_at(record: Record) -> dt.datetime:
    """When a record changed last; raises SourceError, for without it nothing can be turned."""
    found = moment(text(record.get("sys_updated_on")))
    if found is None:
        raise _not_as_asked("shows a record without a readable sys_updated_on")
    return found


def text(value: Any) -> str | None:
    """What a field holds; nothing is "" there. A reference may come with a link beside its id."""
    if isinstance(value, Mapping):
        value = value.get("value")
    return (str(value).strip() or None) if value is not None else None


def moment(value: str | None) -> dt.datetime | None:
    """A time as naive UTC, as ServiceNow stores it; None for none, and for one that is none."""
    try:
        found = dt.datetime.fromisoformat(value) if value else None
        return found.astimezone(dt.UTC).replace(tzinfo=None) if found and found.tzinfo else found
    except (ValueError, OverflowError):
        return None


def written(time: dt.datetime) -> str:
    """A time as a condition names it."""
    return time.isoformat(" ", "seconds")


def condition_fields(query: str) -> tuple[str, ...]:
    """The fields of the table that an encoded query names."""
    if "RLQUERY" in query:
        return ()  # within it are fields of other tables
    found = (_CONDITION.match(part) for part in query.replace("^^", "").split("^"))
    names = (match[1] for match in found if match)
    return tuple(dict.fromkeys(name for name in names if name not in _NO_FIELDS))


def _records(page: Page) -> list[Record]:
    found: list[Record] = paging.records_of(page, "result")
    if page.value.get("error"):
        raise SourceError(
            f"ServiceNow gave only a part of the answer: {page.value['error']}.",
            "It mostly means that the answer took too long: lower `page_size`.",
        )
    return found


def _total(page: Page) -> int | None:
    told = page.headers.get("X-Total-Count", "").strip()
    return int(told) if told.isdecimal() else None


def _beyond(page: Page) -> str | None:
    """The page after one of which nothing may be seen; None where there is none.

    It overlaps the one before, so that nothing is missed where a hidden record moves meanwhile.
    """
    if page.next is None:
        return None
    here, there = _offset(page.url), _offset(page.next)
    if there <= here:
        raise _not_as_asked("leads from page to page in a circle")
    offset = max(here + 1, there - max(1, (there - here) // 10))
    asked = parse_qs(urlsplit(page.url).query, keep_blank_values=True)
    # At our own address: behind a proxy the link may name another host.
    return f"?{urlencode({**asked, 'sysparm_offset': [str(offset)]}, doseq=True)}"


def _offset(url: str) -> int:
    found = parse_qs(urlsplit(url).query).get("sysparm_offset", ["0"])[-1]
    return int(found) if found.isdecimal() else 0


def _not_as_asked(what: str) -> SourceError:
    return SourceError(
        f"ServiceNow {what}.",
        "Nothing of it was taken. Check with an administrator that times in a query of the Table "
        "API count as UTC for this account (its time zone set to GMT makes it sure), and that "
        "`table` is one of tasks.",
    )
