"""Reads the answers to a Typeform form, by stretches of time, each to its end."""

from __future__ import annotations

import contextlib
import datetime as dt
from collections.abc import Iterable, Iterator
from typing import Any

from connectors import http, paging
from connectors.contract import SourceError
from connectors.survey_answers import (
    Answer,
    Choice,
    Question,
    Record,
    State,
    Step,
    moment,
    named,
    permitted,
    score_question,
    text,
    unknown_survey,
)
from connectors.survey_order import within

NAME = "Typeform"
URL = "https://api.typeform.com"
PAGE = 1000
LIMITS = http.Limits()
_WINDOW = dt.timedelta(days=90)
# https://www.typeform.com/developers/create/reference/create-form/: the lowest step and how many
# steps a scale has where the form does not say.
_USUAL = {"nps": (0, 11), "opinion_scale": (0, 11), "rating": (1, 3)}


def credential(token: str) -> http.Credential:
    """How a personal access token is sent."""
    return http.bearer(token)


class Form:
    """One form; https://www.typeform.com/developers/responses/reference/retrieve-responses/."""

    def __init__(self, session: http.Session, form: str, choice: Choice, size: int) -> None:
        """Asks for the form's questions; raises SourceError."""
        self._session, self._size = session, size
        self._path = f"forms/{form}/responses"
        definition = _definition(session, form)
        self.title = text(definition.get("title")) or form
        self.address = f"{NAME} {form}"
        questions = list(_questions(definition.get("fields") or []))
        where = f"the form '{self.title}'"
        self.question = score_question(questions, choice, where)
        self._comment = (
            named(questions, choice.comment, "comment", where) if choice.comment else None
        )
        self.meaning = [self.question.id, self._comment and self._comment.id]

    def steps(
        self, known: State, start: dt.datetime, now: dt.datetime, lookback: dt.timedelta
    ) -> Iterator[Step]:
        """The answers that were given since the last pull, less `lookback`."""
        until = moment(known.get("until"))
        begin = max(start, until - lookback) if until else start
        while begin < now:
            end = min(begin + _WINDOW, now)
            for page in self._pages(begin, end):
                yield Step(page, None)
            yield Step((), {"until": self._session.by_its_clock(end).isoformat()})
            begin = end

    def listed(self, start: dt.datetime, now: dt.datetime) -> Iterator[Answer]:
        """All answers of this stretch of time."""
        while start < now:
            end = min(start + _WINDOW, now)
            for page in self._pages(start, end):
                yield from page
            start = end

    def sample(self) -> Answer | None:
        """One of the last answers."""
        with _permitted("responses:read"):
            page = self._session.page(self._path, {"page_size": 1})
        return next(map(self._answer, paging.records_of(page, "items")), None)

    def _pages(self, begin: dt.datetime, end: dt.datetime) -> Iterator[list[Answer]]:
        """From and until count themselves; the newest come first."""
        pages = paging.by_cursor(
            self._session,
            self._path,
            {
                "page_size": self._size,
                "since": f"{begin:%Y-%m-%dT%H:%M:%S}",
                "until": f"{end:%Y-%m-%dT%H:%M:%S}",
                "response_type": "completed",
            },
            cursor="before",
            records="items",
            following=paging.of_last("token", "items"),
        )
        with _permitted("responses:read"):
            for page in pages:
                found = [self._answer(record) for record in paging.records_of(page, "items")]
                within((answer.moment for answer in found), begin, end, NAME)
                yield found

    def _answer(self, record: Record) -> Answer:
        values = {
            (answer.get("field") or {}).get("id"): _value(answer)
            for answer in record.get("answers") or []
        }
        variables = {
            each.get("key"): each.get(each.get("type")) for each in record.get("variables") or []
        }
        return Answer(
            id=text(record.get("response_id") or record.get("token")),
            answered_at=text(record.get("submitted_at")),
            score=values.get(self.question.id),
            comment=text(values.get(self._comment.id)) if self._comment else None,
            record={**record, "variables": variables},
        )


def _definition(session: http.Session, form: str) -> Record:
    try:
        with _permitted("forms:read"):
            found = session.json(f"forms/{form}")
    except http.Rejected as error:
        if error.status != 404:
            raise
        with _permitted("forms:read"):
            page = session.page("forms", {"page_size": 200})
        forms = {each["id"]: str(each.get("title")) for each in paging.records_of(page, "items")}
        raise unknown_survey(form, "surveys", forms, NAME) from None
    if not isinstance(found, dict) or not isinstance(found.get("fields"), list):
        raise SourceError(
            f"{NAME} answers without the questions of the form {form}.",
            "Check that `url` leads to Typeform's API.",
        )
    return found


def _questions(fields: Iterable[Record]) -> Iterator[Question]:
    """The questions of a form, those in groups too."""
    for field in fields:
        properties = field.get("properties") or {}
        kind = field.get("type")
        scale, steps = None, ""
        if kind in _USUAL:
            lowest, usual = _USUAL[kind]
            count = properties.get("steps") or usual
            first = 1 if properties.get("start_at_one") else lowest
            scale, steps = (
                (first, first + count - 1),
                f"{count} steps from {first} to {first + count - 1}",
            )
        yield Question(
            id=str(field.get("id")),
            title=str(field.get("title") or ""),
            ref=text(field.get("ref")),
            scale=scale,
            is_usual=kind in ("nps", "opinion_scale"),
            is_nps=kind == "nps",
            steps=steps,
        )
        yield from _questions(properties.get("fields") or [])


def _value(answer: Record) -> Any:
    """What was answered; of a choice its label."""
    found = answer.get(str(answer.get("type")))
    return found.get("label") or found.get("other") if isinstance(found, dict) else found


def _permitted(scope: str) -> contextlib.AbstractContextManager[None]:
    return permitted(
        {
            401: "Write a personal access token that is current. An account in the EU is asked at "
            "https://api.eu.typeform.com: then write that as `url`.",
            403: f"The token needs the scope {scope}, and its user must see this form.",
        }
    )
