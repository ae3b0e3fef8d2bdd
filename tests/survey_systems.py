"""Plays Typeform, SurveyMonkey and Delighted, each with its own shapes, pages and filters.

The shapes are those of the three vendors' API references (retrieve responses; surveys/{id}/details
and responses/bulk; listing survey responses).
"""

from __future__ import annotations

import datetime as dt
from dataclasses import dataclass, replace
from typing import Any
from urllib.parse import urlencode, urlsplit

from tests.peer import Answer, Clock, Peer, Request, data

START = dt.datetime(2026, 1, 1)
REGION, COMMENT = "Where are you from?", "Why?"


def hour(number: float) -> dt.datetime:
    """So many hours after the beginning."""
    return START + dt.timedelta(hours=number)


@dataclass(frozen=True)
class Given:
    """One answer as it is now."""

    id: str
    at: dt.datetime
    changed: dt.datetime
    score: Any
    region: str | None
    comment: str | None


class System:
    """One survey at one system, and a peer that shows it."""

    provider = ""
    surveys: tuple[str, ...] = ()
    region_at = ""
    comment = COMMENT

    def __init__(self, clock: Clock) -> None:
        self.peer = Peer(clock)
        self.answers: dict[str, Given] = {}
        self._serial = 0

    def give(
        self,
        at: dt.datetime,
        score: Any,
        region: str | None = None,
        comment: str | None = None,
        changed: dt.datetime | None = None,
    ) -> str:
        """A new answer; its id."""
        self._serial += 1
        # Ids do not follow the order of time.
        name = f"{self._serial * 7919 % 100_003:06d}"
        self.answers[name] = Given(name, at, changed or at, score, region, comment)
        return name

    def change(self, name: str, at: dt.datetime, score: Any) -> None:
        """The respondent thinks better of it."""
        self.answers[name] = replace(self.answers[name], score=score, changed=at)

    def delete(self, name: str) -> None:
        """An answer goes."""
        self.answers.pop(name, None)

    def scores(self, start: dt.datetime = START) -> list[tuple[str, dt.datetime, Any, str | None]]:
        """What the facts should be."""
        found = [(a.id, a.at, a.score, a.region) for a in self.answers.values() if a.at >= start]
        return sorted(found)

    def options(self, url: str, **more: Any) -> dict[str, Any]:
        """A source of this system."""
        surveys = {"surveys": list(self.surveys)} if self.surveys else {}
        region = {"region": {"from": self.region_at}}
        base = {"provider": self.provider, "url": url, "token": "s3cret", "start": "2026-01-01"}
        return {**base, **surveys, **region, **more}


class Typeform(System):
    """https://www.typeform.com/developers/responses/reference/retrieve-responses/."""

    provider = "typeform"
    surveys = ("u6nXL7",)
    region_at = "hidden.region"

    def __init__(self, clock: Clock) -> None:
        super().__init__(clock)
        self.peer.credential = ("Authorization", "Bearer s3cret")
        self.fields: list[dict[str, Any]] = [
            {"id": "a1", "ref": "why", "title": COMMENT, "type": "long_text", "properties": {}},
            {
                "id": "g1",
                "title": "About us",
                "type": "group",
                "properties": {"fields": [nps("q1", "would-recommend", "Recommend us?")]},
            },
        ]
        self.peer.route("/forms", lambda r: data({"items": [{"id": "u6nXL7", "title": "NPS"}]}))
        self.peer.route("/forms/u6nXL7", lambda r: data({"title": "NPS", "fields": self.fields}))
        self.peer.route("/forms/u6nXL7/responses", self._responses)

    def _responses(self, request: Request) -> Answer:
        query = request.query
        since, until = query.get("since", "0001"), query.get("until", "9999")
        found = [a for a in self.answers.values() if since <= f"{a.at:%Y-%m-%dT%H:%M:%S}" <= until]
        found.sort(key=lambda each: (each.at, each.id), reverse=True)
        if "before" in query:
            at, _, name = query["before"].partition("-")
            place = (dt.datetime.strptime(at, "%Y%m%d%H%M%S"), name)
            found = [each for each in found if (each.at, each.id) < place]
        shown = [self._item(each) for each in found[: int(query["page_size"])]]
        return data({"total_items": len(found), "page_count": 1, "items": shown})

    def _item(self, given: Given) -> dict[str, Any]:
        answers = []
        if given.score is not None:
            field = {"id": "q1", "ref": "would-recommend", "type": "nps"}
            answers.append({"field": field, "type": "number", "number": given.score})
        if given.comment is not None:
            field = {"id": "a1", "ref": "why", "type": "long_text"}
            answers.append({"field": field, "type": "text", "text": given.comment})
        return {
            "token": f"{given.at:%Y%m%d%H%M%S}-{given.id}",
            "response_id": given.id,
            "submitted_at": f"{given.at:%Y-%m-%dT%H:%M:%SZ}",
            "hidden": {"region": given.region} if given.region else {},
            "calculated": {"score": 0},
            "variables": [{"key": "winning", "type": "number", "number": 1}],
            "answers": answers or None,
        }


def nps(field: str, ref: str, title: str) -> dict[str, Any]:
    """An NPS question of a form."""
    return {
        "id": field,
        "ref": ref,
        "title": title,
        "type": "nps",
        "properties": {"steps": 11, "start_at_one": False},
    }


class SurveyMonkey(System):
    """https://api.surveymonkey.com/v3/docs#api-endpoints-get-surveys-id-responses-bulk."""

    provider = "surveymonkey"
    surveys = ("42",)
    region_at = "custom_variables.region"
    ascending = True  # whether it can sort so

    def __init__(self, clock: Clock) -> None:
        super().__init__(clock)
        self.peer.credential = ("Authorization", "Bearer s3cret")
        self.questions: list[dict[str, Any]] = [
            choices("q1", "Recommend us?", [str(number) for number in range(11)]),
            {"id": "q2", "family": "open_ended", "headings": [{"heading": COMMENT}]},
        ]
        self.peer.route(
            "/v3/surveys",
            lambda r: data({"data": [{"id": "42", "title": "NPS"}], "links": {}}),
        )
        self.peer.route(
            "/v3/surveys/42/details",
            lambda r: data({"title": "NPS", "pages": [{"id": "p", "questions": self.questions}]}),
        )
        self.peer.route("/v3/surveys/42/responses/bulk", self._bulk)

    def _bulk(self, request: Request) -> Answer:
        query = request.query
        since = query.get("start_modified_at", "0001")
        # "After" may leave the moment itself out.
        found = [a for a in self.answers.values() if _offset(a.changed) > since]
        descending = query.get("sort_order", "DESC") == "DESC" or not self.ascending
        found.sort(key=lambda each: (each.changed, each.id), reverse=descending)
        page, size = int(query.get("page", 1)), int(query["per_page"])
        shown, links = found[(page - 1) * size : page * size], {}
        if page * size < len(found):
            turned = urlencode({**query, "page": page + 1})
            links["next"] = f"http://{request.host}{urlsplit(request.path).path}?{turned}"
        return data({"data": [self._response(a) for a in shown], "total": 1, "links": links})

    def _response(self, given: Given) -> dict[str, Any]:
        questions = []
        if given.score is not None:
            choice = {"choice_id": f"q1-{given.score}", "row_id": "r"}
            questions.append({"id": "q1", "answers": [choice]})
        if given.comment is not None:
            questions.append({"id": "q2", "answers": [{"text": given.comment}]})
        return {
            "id": given.id,
            "response_status": "completed",
            "date_created": _offset(given.at),
            "date_modified": _offset(given.changed),
            "custom_variables": {"region": given.region} if given.region else {},
            "pages": [{"id": "p", "questions": questions}],
        }


def choices(
    question: str, title: str, texts: list[str], weights: list[int] | None = None
) -> dict[str, Any]:
    """A question with one row and these choices, as NPS questions are."""
    given = weights or [-100] * 7 + [0] * 2 + [100] * 2
    return {
        "id": question,
        "family": "matrix",
        "subtype": "rating",
        "headings": [{"heading": title}],
        "answers": {
            "rows": [{"id": "r", "text": "", "visible": True, "position": 1}],
            "choices": [
                {"id": f"{question}-{i}", "text": t, "weight": w, "position": i + 1, "is_na": False}
                for i, (t, w) in enumerate(zip(texts, given, strict=False))
            ],
        },
    }


def _offset(time: dt.datetime) -> str:
    return f"{time:%Y-%m-%dT%H:%M:%S}+00:00"


class Delighted(System):
    """https://app.delighted.com/docs/api/listing-survey-responses."""

    provider = "delighted"
    region_at = "person_properties.Home region"
    comment = "comment"
    kind = "nps"

    def __init__(self, clock: Clock) -> None:
        super().__init__(clock)
        self.peer.credential = ("Authorization", "Basic czNjcmV0Og==")  # s3cret:
        self.peer.route("/v1/survey_responses.json", self._list)

    def _list(self, request: Request) -> Answer:
        query = {name: value for name, value in request.query.items()}
        found = list(self.answers.values())
        if "updated_since" in query:
            # One that was never changed has no time of change.
            since = int(query["updated_since"])
            found = [a for a in found if a.changed != a.at and _epoch(a.changed) >= since]
        since, until = int(query.get("since", 0)), int(query.get("until", 2**40))
        found = [a for a in found if since <= _epoch(a.at) <= until]
        order = query.get("order", "asc")
        if order == "asc:updated_at":
            found.sort(key=lambda each: (each.changed, each.id))
        else:
            found.sort(key=lambda each: (each.at, each.id), reverse=order == "desc")
        page, size = int(query.get("page", 1)), int(query["per_page"])
        return data([self._response(a) for a in found[(page - 1) * size : page * size]])

    def _response(self, given: Given) -> dict[str, Any]:
        return {
            "id": given.id,
            "person": "10",
            "survey_type": self.kind,
            "score": given.score,
            "comment": given.comment,
            "created_at": _epoch(given.at),
            "updated_at": _epoch(given.changed) if given.changed != given.at else None,
            "person_properties": {"Home region": given.region} if given.region else None,
        }


def _epoch(time: dt.datetime) -> int:
    return int(time.replace(tzinfo=dt.UTC).timestamp())
