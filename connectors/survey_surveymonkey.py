"""Reads the responses to a SurveyMonkey survey, those that were changed first in front."""

from __future__ import annotations

import contextlib
import datetime as dt
import re
from collections.abc import Iterable, Iterator, Mapping
from typing import Any

from connectors import http, paging
from connectors.contract import SourceError
from connectors.http import Limits
from connectors.survey_answers import (
    Answer,
    Choice,
    Question,
    Record,
    Scale,
    State,
    Step,
    moment,
    named,
    permitted,
    score_question,
    text,
    unknown_survey,
)
from connectors.survey_order import by_change

NAME = "SurveyMonkey"
URL = "https://api.surveymonkey.com"
PAGE = 100
# https://api.surveymonkey.com/v3/docs#headers: the seconds until each limit is full again.
LIMITS = Limits(
    reset="X-Ratelimit-App-Global-Minute-Reset",
    remaining="X-Ratelimit-App-Global-Minute-Remaining",
    longer=Limits(
        reset="X-Ratelimit-App-Global-Day-Reset",
        remaining="X-Ratelimit-App-Global-Day-Remaining",
    ),
)
_NUMBER = re.compile(r"\s*(\d{1,4})\b(?!\s*[-–]\s*\d)")
# What its own NPS questions weigh: detractors, passives, promoters.
_NPS_WEIGHTS = [-100] * 7 + [0] * 2 + [100] * 2


def credential(token: str) -> http.Credential:
    """How an access token is sent."""
    return http.bearer(token)


class Questionnaire:
    """One survey; https://api.surveymonkey.com/v3/docs#api-endpoints-get-surveys-id-responses-bulk.

    When a response was begun (`date_created`) is when it was answered: it stays when the response
    is edited.
    """

    def __init__(self, session: http.Session, survey: str, choice: Choice, size: int) -> None:
        """Asks for the survey's questions; raises SourceError."""
        self._session, self._size = session, size
        self._path = f"v3/surveys/{survey}/responses/bulk"
        details = _details(session, survey)
        self.title = text(details.get("title")) or survey
        self.address = f"{NAME} {survey}"
        asked = [each for page in details["pages"] for each in page.get("questions") or []]
        questions = [_question(each) for each in asked]
        where = f"the survey '{self.title}'"
        self.question = score_question(questions, choice, where)
        self._comment = (
            named(questions, choice.comment, "comment", where) if choice.comment else None
        )
        by_id = {str(each.get("id")): each for each in asked}
        self._scores = _scores(by_id[self.question.id])
        self._none = {str(each.get("id")) for each in _choices(by_id[self.question.id], na=True)}
        self.meaning = [self.question.id, self._scores, self._comment and self._comment.id]

    def steps(
        self, known: State, start: dt.datetime, now: dt.datetime, lookback: dt.timedelta
    ) -> Iterator[Step]:
        """What was given or changed since the last response that was read, less `lookback`."""
        until = moment(known.get("until"))
        begin = max(start, until - lookback) if until else start
        for found, read in self._changed(begin):
            # Progress counts: there may be no more than 500 questions a day.
            done = max(read, until or read)
            yield Step([self._answer(record) for record in found], {"until": done.isoformat()})

    def listed(self, start: dt.datetime, now: dt.datetime) -> Iterator[Answer]:
        """What was begun since `start`, which was changed since then all the more."""
        for found, _ in self._changed(start):
            yield from map(self._answer, found)

    def sample(self) -> Answer | None:
        """One of the last responses."""
        with _permitted("responses_read_detail"):
            page = self._session.page(self._path, {"per_page": 1, "status": "completed"})
        return next(map(self._answer, paging.records_of(page, "data")), None)

    def _changed(self, begin: dt.datetime) -> Iterator[tuple[list[Record], dt.datetime]]:
        following = paging.at("links.next")

        def ask(since: dt.datetime, number: int) -> tuple[list[Record], bool]:
            params = {
                "per_page": self._size,
                "page": number,
                "status": "completed",
                "sort_by": "date_modified",
                "sort_order": "ASC",
                "start_modified_at": f"{since:%Y-%m-%dT%H:%M:%S}+00:00",
            }
            with _permitted("responses_read_detail"):
                page = self._session.page(self._path, params)
            return paging.records_of(page, "data"), following(page) is not None

        return by_change(ask, _changed_at, begin, NAME)

    def _answer(self, record: Record) -> Answer:
        given = {
            str(question.get("id")): question.get("answers") or []
            for page in record.get("pages") or []
            for question in page.get("questions") or []
        }
        comment = given.get(self._comment.id, []) if self._comment else []
        return Answer(
            id=text(record.get("id")),
            answered_at=text(record.get("date_created")),
            score=self._score(given.get(self.question.id, [])),
            comment=text(" ".join(str(each["text"]) for each in comment if each.get("text"))),
            record=record,
        )

    def _score(self, answers: list[Record]) -> Any:
        for answer in answers:
            chosen = text(answer.get("choice_id"))
            if chosen is None:
                # A slider's or a number's answer is its text.
                return answer.get("text")
            if chosen not in self._none:
                return self._scores.get(chosen, f"unknown choice {chosen}")
        return None


def _changed_at(record: Record) -> dt.datetime | None:
    return moment(text(record.get("date_modified")))


def _details(session: http.Session, survey: str) -> Record:
    try:
        with _permitted("surveys_read"):
            found = session.json(f"v3/surveys/{survey}/details")
    except http.Rejected as error:
        if error.status != 404:
            raise
        with _permitted("surveys_read"):
            page = session.page("v3/surveys", {"per_page": 1000})
        known = {
            str(each["id"]): str(each.get("title")) for each in paging.records_of(page, "data")
        }
        raise unknown_survey(survey, "surveys", known, NAME) from None
    if not isinstance(found, dict) or not isinstance(found.get("pages"), list):
        raise SourceError(
            f"{NAME} answers without the pages of the survey {survey}.",
            "Check that `url` leads to SurveyMonkey's API.",
        )
    return found


def _question(question: Record) -> Question:
    headings = question.get("headings") or [{}]
    scores = _scores(question)
    shown = [str(each.get("text")) for each in _choices(question)]
    rows = [row for row in _parts(question, "rows") if row.get("visible", True)]
    is_one = len(rows) <= 1
    scale: Scale | None = (min(scores.values()), max(scores.values())) if scores else None
    weights = [each.get("weight") for each in _choices(question)]
    if shown and (scale is None or not is_one):
        # Choices that are no steps are a scale that nothing fits.
        scale = (0, 0)
    steps = f"{len(shown)} steps: {', '.join(shown)}"
    return Question(
        id=str(question.get("id")),
        title=str(headings[0].get("heading") or ""),
        scale=scale,
        is_usual=bool(scores) and is_one,
        is_nps=weights == _NPS_WEIGHTS or question.get("subtype") == "nps",
        steps=steps if is_one else f"{len(rows)} rows of {steps}",
    )


def _scores(question: Record) -> Mapping[str, int]:
    """The number that each choice stands for, by its id; nothing where they are no steps.

    By their texts ("0", "10 - very likely"), else by their weights, else, where they weigh what the
    choices of an NPS question do, by their order.
    """
    choices = sorted(_choices(question), key=lambda each: each.get("position") or 0)
    texts = [_NUMBER.match(str(each.get("text") or "")) for each in choices]
    weights = [each.get("weight") for each in choices]
    told: list[list[Any]] = [
        [int(match[1]) if match else None for match in texts],
        weights,
        list(range(11)) if weights == _NPS_WEIGHTS else [],
    ]
    for numbers in told:
        if _are_steps(numbers):
            ids = [str(each.get("id")) for each in choices]
            return dict(zip(ids, numbers, strict=True))
    return {}


def _are_steps(numbers: list[Any]) -> bool:
    """Whether these are whole numbers in a row, each once."""
    if len(numbers) < 2 or not all(type(each) is int for each in numbers):
        return False
    return sorted(numbers) == list(range(min(numbers), min(numbers) + len(numbers)))


def _choices(question: Record, *, na: bool = False) -> list[Record]:
    """Its choices: those that are steps, or those that say that none applies."""
    return [each for each in _parts(question, "choices") if bool(each.get("is_na")) == na]


def _parts(question: Record, name: str) -> list[Record]:
    found: Iterable[Record] = (question.get("answers") or {}).get(name) or []
    return list(found)


def _permitted(scope: str) -> contextlib.AbstractContextManager[None]:
    return permitted(
        {
            401: "Write an access token that is current. An account in the EU is asked at "
            "https://api.eu.surveymonkey.com: then write that as `url`.",
            403: f"The app needs the scope {scope}, its user must see this survey, and the plan "
            "must include the API.",
        }
    )
