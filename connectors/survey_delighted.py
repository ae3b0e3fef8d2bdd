"""Reads the responses of a Delighted project: those that were given, then those that changed."""

from __future__ import annotations

import contextlib
import datetime as dt
from collections.abc import Iterator, Mapping
from typing import Any

from connectors import http, paging
from connectors.contract import SourceError
from connectors.http import Limits
from connectors.survey_answers import (
    Answer,
    Choice,
    Question,
    Record,
    State,
    Step,
    moment,
    permitted,
    text,
)
from connectors.survey_order import by_change, within

NAME = "Delighted"
URL = "https://api.delighted.com"
PAGE = 100
LIMITS = Limits()
_PATH = "v1/survey_responses.json"
_WINDOW = dt.timedelta(days=90)
_NPS = (0, 10)
_NPS_KINDS = {"nps", "enps"}
_SECOND = dt.timedelta(seconds=1)


def credential(token: str) -> http.Credential:
    """How an API key is sent."""
    return http.basic(token, "", "`token`")


class Project:
    """One project, which is what an API key is for.

    https://app.delighted.com/docs/api/listing-survey-responses. Not every response has an
    `updated_at`, so those that were given are asked for by `since`, and those that were changed
    by `updated_since` on top.
    """

    def __init__(self, session: http.Session, survey: str, choice: Choice, size: int) -> None:
        self._session, self._size, self._choice = session, size, choice
        self.title = "this project"
        self.address = NAME
        self.question = Question(id="score", title="the score", scale=choice.scale)
        self.meaning = None

    def steps(
        self, known: State, start: dt.datetime, now: dt.datetime, lookback: dt.timedelta
    ) -> Iterator[Step]:
        """What was given since the last pull, and what was changed since, less `lookback`."""
        until, changed = moment(known.get("until")), moment(known.get("changed"))
        begin = max(start, until - lookback) if until else start
        since = changed - lookback if changed else None
        for end, found in self._given(begin, now):
            # What is changed while the first reading lasts, over several pulls perhaps, comes
            # after it.
            changed = changed or self._session.by_its_clock(now)
            yield Step(map(self._answer, found), self._done(changed, end))
        if since is not None:
            for found, _ in self._changed(since):
                yield Step([self._answer(record) for record in found], None)
            changed = now
        yield Step((), self._done(changed or now, now))

    def listed(self, start: dt.datetime, now: dt.datetime) -> Iterator[Answer]:
        """What was given in this stretch of time."""
        for _, found in self._given(start, now):
            yield from map(self._answer, found)

    def sample(self) -> Answer | None:
        """One of the last responses."""
        return next(map(self._answer, self._page({"order": "desc"})), None)

    def _done(self, changed: dt.datetime, until: dt.datetime) -> State:
        moments = {"changed": changed, "until": until}
        return {
            name: self._session.by_its_clock(each).isoformat() for name, each in moments.items()
        }

    def _given(
        self, begin: dt.datetime, end: dt.datetime
    ) -> Iterator[tuple[dt.datetime, list[Record]]]:
        """Stretches of time that one page shows whole, each with where it ends.

        In a list of several pages a deletion would move another record out of sight, and it is not
        documented that the first given comes first, so only a second with too many is turned over.
        """
        length = _WINDOW
        while begin < end:
            stop = min(begin + length, end)
            params = {"since": _epoch(begin - _SECOND), "until": _epoch(stop)}
            found = self._page({**params, "page": 1})
            if len(found) >= self._size and stop - begin > _SECOND:
                length = max((stop - begin) // 2 // _SECOND * _SECOND, _SECOND)
                continue
            if len(found) >= self._size:
                with _permitted():
                    pages = paging.by_number(self._session, _PATH, params, size=self._size)
                    found = [each for page in pages for each in paging.records_of(page)]
            given = (moment(_time(each.get("created_at"))) for each in found)
            within(given, begin - _SECOND, stop, NAME)
            yield stop, found
            if 2 * len(found) < self._size:
                length = min(2 * length, _WINDOW)
            begin = stop

    def _page(self, params: Mapping[str, Any]) -> list[Record]:
        with _permitted():
            page = self._session.page(_PATH, {**params, "per_page": self._size})
        return paging.records_of(page)

    def _changed(self, begin: dt.datetime) -> Iterator[tuple[list[Record], dt.datetime]]:
        def ask(since: dt.datetime, number: int) -> tuple[list[Record], bool]:
            params = {"updated_since": _epoch(since), "order": "asc:updated_at", "page": number}
            found = self._page(params)
            return found, bool(found)

        return by_change(ask, lambda record: moment(_time(record.get("updated_at"))), begin, NAME)

    def _answer(self, record: Record) -> Answer:
        kind = record.get("survey_type") or "nps"
        if (kind in _NPS_KINDS) != (self._choice.scale == _NPS):
            low, high = self._choice.scale
            raise SourceError(
                f"{NAME} asks '{kind}' in this project, which does not run from {low} to {high}.",
                "Use the API key of a project that asks for NPS; a score on another scale is none.",
            )
        return Answer(
            id=text(record.get("id")),
            answered_at=_time(record.get("created_at")),
            score=record.get("score"),
            comment=text(record.get("comment")) if self._choice.comment else None,
            record=record,
        )


def _time(epoch: Any) -> str | None:
    """Epoch seconds as ISO 8601 in UTC; as it came where it is none."""
    try:
        return dt.datetime.fromtimestamp(float(epoch), dt.UTC).isoformat()
    except (TypeError, ValueError, OverflowError, OSError):
        return text(epoch)


def _epoch(time: dt.datetime) -> int:
    return int(time.replace(tzinfo=dt.UTC).timestamp())


def _permitted() -> contextlib.AbstractContextManager[None]:
    return permitted(
        {
            401: "Write the API key of this project: Delighted shows it under Integrations, API.",
            403: "The API key is not allowed to read responses; see the plan of this account.",
        }
    )
