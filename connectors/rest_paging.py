"""How a JSON interface turns its pages, as `sources.yaml` declares it."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any, Literal

from pydantic import BaseModel, ConfigDict, Field, model_validator

from connectors import paging
from connectors.contract import SourceError
from connectors.http import Page, Session
from connectors.paging import in_header, last_at, more_at, of_last, records_of
from connectors.pointers import Following, More

_USUAL = {"page": "page", "offset": "offset"}
_USUAL_SIZE = 100


class Paging(BaseModel):
    """Which way, and where the answer says how it goes on.

    `by` link: the address of the next page in the Link header, or at the path `at`. `by` cursor:
    what is `at` a path of the answer, in the `header`, or in the `last` record is sent back as
    `parameter`. `by` page or offset: a number counted up, with `limit` as the parameter for the
    page size. `more` or `end` is the path of a flag that is true where pages follow, or on the last
    one. `cap` is how many records the system shows of one question before it stops.
    """

    model_config = ConfigDict(extra="forbid", frozen=True)

    by: Literal["none", "link", "page", "offset", "cursor"] = "none"
    parameter: str | None = None
    limit: str | None = None
    first: int = Field(default=1, ge=0)
    at: str | None = None
    header: str | None = None
    last: str | None = None
    more: str | None = None
    end: str | None = None
    cap: int | None = Field(default=None, ge=1)

    @model_validator(mode="after")
    def _whole(self) -> Paging:
        ways = [name for name in ("at", "header", "last") if getattr(self, name) is not None]
        if self.by == "cursor" and (self.parameter is None or len(ways) != 1):
            raise ValueError(
                "paging by cursor needs its 'parameter' and one of 'at', 'header' and 'last'"
            )
        if self.more is not None and self.end is not None:
            raise ValueError("'more' and 'end' say the same: keep one of them")
        return self

    def follows(self) -> More | None:
        """The flag that says whether another page follows, where there is one."""
        if self.more is not None:
            return more_at(self.more)
        return last_at(self.end) if self.end is not None else None


def pages(session: Session, turning: Paging, question: Mapping[str, Any]) -> Iterator[Page]:
    """Every page of a question (path, params, body, records, size), to the end.

    Raises SourceError where they do not come whole.
    """
    path, params, body = question["path"], dict(question["params"]), question["body"]
    records, size = question["records"], question["size"]
    more = turning.follows()
    if turning.by in ("page", "offset"):
        turned = {
            "size": size or _USUAL_SIZE,
            "records": records,
            "more": more,
            "body": body,
            "cap": turning.cap,
        }
        if turning.by == "page":
            yield from paging.by_number(
                session,
                path,
                params,
                number=turning.parameter or _USUAL["page"],
                limit=turning.limit or "per_page",
                first=turning.first,
                **turned,
            )
        else:
            yield from paging.by_offset(
                session,
                path,
                params,
                offset=turning.parameter or _USUAL["offset"],
                limit=turning.limit or "limit",
                **turned,
            )
        return
    if size is not None and turning.limit is not None:
        params[turning.limit] = size
    if turning.by == "link":
        following = paging.at(turning.at, more) if turning.at else _next
        yield from paging.by_link(
            session, path, params, records=records, following=following, cap=turning.cap
        )
    elif turning.by == "cursor":
        yield from paging.by_cursor(
            session,
            path,
            params,
            cursor=turning.parameter or "",
            following=_following(turning, records, more),
            records=records,
            body=body,
            cap=turning.cap,
        )
    else:
        yield _only(session.page(path, params, body=body), records, turning.cap)


def _next(page: Page) -> str | None:
    return page.next


def _following(turning: Paging, records: str, more: More | None) -> Following:
    if turning.at is not None:
        return paging.at(turning.at, more)
    if turning.header is not None:
        return in_header(turning.header)
    return of_last(turning.last or "", records, more)


def _only(page: Page, records: str, cap: int | None) -> Page:
    """The one page there is; raises SourceError where it says that there is another."""
    if page.next is not None:
        raise SourceError(
            "The answer names a next page, and this source declares none.",
            "Write `paging: {by: link}`.",
        )
    if cap is not None and len(records_of(page, records)) >= cap:
        raise SourceError(
            f"The answer has {cap:,} records, which is as many as one answer shows.",
            "Declare how the pages are turned under `paging`.",
        )
    return page
