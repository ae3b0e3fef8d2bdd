"""Lists of records that a peer shows page by page, in the ways of real systems."""

from __future__ import annotations

import base64
import json
import threading
from collections.abc import Callable, Iterable, Mapping
from typing import Any
from urllib.parse import urlencode, urlsplit

from tests.peer import Answer, Handler, Request, data

Record = dict[str, Any]
# The records that a request asks for, in order.
Choose = Callable[[Request], list[Record]]


class Records:
    """Records by their id; several threads may change them."""

    def __init__(self, records: Iterable[Mapping[str, Any]] = (), key: str = "id") -> None:
        self._key = key
        self._lock = threading.Lock()
        self._records = {record[key]: dict(record) for record in records}

    def put(self, record: Mapping[str, Any]) -> None:
        """A new record, or another state of one."""
        with self._lock:
            self._records[record[self._key]] = dict(record)

    def change(self, key: Any, **fields: Any) -> None:
        """Some fields of a record, for example when an incident is opened again."""
        with self._lock:
            self._records[key] = {**self._records[key], **fields}

    def delete(self, key: Any) -> None:
        """Takes a record away, if it is there."""
        with self._lock:
            self._records.pop(key, None)

    def all(
        self,
        *order: str,
        newest_first: bool = False,
        where: Callable[[Record], bool] = lambda record: True,
    ) -> list[Record]:
        """Copies of the records that pass `where`, in the order of these fields."""
        with self._lock:
            found = [dict(record) for record in self._records.values() if where(record)]
        return sorted(found, key=lambda r: [r[name] for name in order], reverse=newest_first)


def numbered(
    choose: Choose,
    *,
    number: str = "page",
    limit: str = "per_page",
    most: int = 100,
    wrap: str = "",
    pages: str | None = None,
    link: bool = False,
) -> Handler:
    """By page number, never more than `most` a page; on request with headers.

    `pages` names a header with the number of pages, `link` adds a Link to the next page.
    """

    def handler(request: Request) -> Answer:
        found, page, size = choose(request), _int(request, number, 1), _size(request, limit, most)
        count = -(-len(found) // size)
        headers = {pages: str(count)} if pages else {}
        if link and page < count:
            headers |= next_link(request, {number: page + 1})
        return data(_wrapped(found[(page - 1) * size : page * size], wrap), headers=headers)

    return handler


def offset(
    choose: Choose,
    *,
    start: str = "offset",
    limit: str = "limit",
    most: int = 100,
    cap: int | None = None,
    wrap: str = "",
    more: str | None = None,
    last: str | None = None,
) -> Handler:
    """By how many come before; offset and limit beyond `cap` are refused with status 400.

    `more` and `last` name flags that say whether this page is followed by another.
    """

    def handler(request: Request) -> Answer:
        found, first, size = choose(request), _int(request, start, 0), _size(request, limit, most)
        if cap is not None and first + size > cap:
            return data({"error": {"message": f"Offset+limit exceeds {cap}", "code": 2002}}, 400)
        is_last = first + size >= len(found)
        flags = ({more: not is_last} if more else {}) | ({last: is_last} if last else {})
        return data(_wrapped(found[first : first + size], wrap, flags))

    return handler


def keyset(
    choose: Choose,
    *order: str,
    cursor: str = "cursor",
    limit: str = "limit",
    most: int = 100,
    wrap: str = "",
    into: str | None = None,
    header: str | None = None,
    link: bool = False,
    last: str | None = None,
) -> Handler:
    """By a token that stands for a place in the order of these fields, ascending.

    The token of the next page comes in the body (`into`), in a `header`, or within a Link; `last`
    names a flag that is true on the last page. A question sent as JSON has its keys in its body.
    """

    def handler(request: Request) -> Answer:
        token, size = _asked(request).get(cursor), _size(request, limit, most)
        after = json.loads(base64.urlsafe_b64decode(str(token))) if token else None
        found = sorted(choose(request), key=lambda record: [record[name] for name in order])
        rest = [r for r in found if after is None or [r[name] for name in order] > after]
        shown, fields, headers = rest[:size], {}, {}
        if len(rest) > size:
            place = json.dumps([shown[-1][name] for name in order]).encode()
            following = base64.urlsafe_b64encode(place).decode()
            fields |= {into: following} if into else {}
            headers |= {header: following} if header else {}
            headers |= next_link(request, {cursor: following}) if link else {}
        fields |= {last: len(rest) <= size} if last else {}
        return data(_wrapped(shown, wrap, fields), headers=headers)

    return handler


def starting_after(
    choose: Choose,
    *,
    cursor: str = "starting_after",
    limit: str = "limit",
    most: int = 100,
    wrap: str = "data",
    more: str = "has_more",
    key: str = "id",
) -> Handler:
    """By the id of the last record seen, which must still be there, as at Stripe."""

    def handler(request: Request) -> Answer:
        found, size = choose(request), _size(request, limit, most)
        first, after = 0, request.query.get(cursor)
        if after is not None:
            places = [place for place, record in enumerate(found) if str(record[key]) == after]
            if not places:
                return data({"error": {"message": f"No such object: {after}"}}, 400)
            first = places[0] + 1
        shown = found[first : first + size]
        return data(_wrapped(shown, wrap, {more: first + size < len(found)}))

    return handler


def next_link(request: Request, turn: Mapping[str, Any]) -> dict[str, str]:
    """A Link header to the same question with other parameters, among links to other pages."""
    query = urlencode({**request.query, **{k: str(v) for k, v in turn.items()}})
    here = f"http://{request.host}{urlsplit(request.path).path}"
    return {"Link": f'<{here}?page=1>; rel="first", <{here}?{query}>; rel="next"'}


def _wrapped(shown: list[Record], wrap: str, fields: Mapping[str, Any] | None = None) -> Any:
    """The records at a path in an answer, beside other fields; "" is the bare list."""
    if not wrap:
        return shown
    value: Any = shown
    for name in reversed(wrap.split(".")):
        value = {name: value}
    return {**value, **(fields or {})}


def _asked(request: Request) -> Mapping[str, Any]:
    return request.query if request.method == "GET" else request.json


def _int(request: Request, name: str, otherwise: int) -> int:
    return int(_asked(request).get(name, otherwise))


def _size(request: Request, name: str, most: int) -> int:
    return min(_int(request, name, most), most)
