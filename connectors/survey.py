"""Brings survey answers with a score from 0 to 10 from Typeform, SurveyMonkey or Delighted."""

from __future__ import annotations

import datetime as dt
from collections.abc import Callable, Generator, Iterator, Mapping
from typing import Annotated, Any, Literal

import pyarrow as pa
from pydantic import BeforeValidator, Field, model_validator

from connectors import contract, http, survey_delighted, survey_surveymonkey, survey_typeform
from connectors.contract import Batch, Context, Named, Present, SourceError
from connectors.survey_answers import TABLE, Answer, Choice, Rows, Scale, Survey, at, text

TABLES = (TABLE,)
ENTRY = """\
connector: survey
provider: typeform                     # or surveymonkey, delighted
token: ${SURVEY_TOKEN}                 # a token that may read forms and responses; an API key
surveys: [u6nXL7]                      # ids of forms or surveys; leave out for delighted
# url: https://api.eu.typeform.com     # for an account in the EU
# score: How likely are you to recommend us?   # the question, by its id, ref or exact title
# comment: What is the reason for your score?  # comments stay away unless asked for
# region: {from: hidden.country, map: {de: EMEA, us: Americas}}
# segment: {from: hidden.plan}
# start: 2025-01-01                    # by default one year back
every: 1 hour
"""

_SYSTEMS = {
    "typeform": survey_typeform,
    "surveymonkey": survey_surveymonkey,
    "delighted": survey_delighted,
}
_SURVEYS: Mapping[str, Callable[[http.Session, str, Choice, int], Survey]] = {
    "typeform": survey_typeform.Form,
    "surveymonkey": survey_surveymonkey.Questionnaire,
    "delighted": survey_delighted.Project,
}
# Where each system keeps what it was told about who answers.
_PLACES = {
    "typeform": ("hidden", "variables"),
    "surveymonkey": ("custom_variables",),
    "delighted": ("person_properties",),
}
_YEAR = dt.timedelta(days=365)
_HOUR = dt.timedelta(hours=1)
_ROWS_AT_ONCE = 5_000
# The one survey of a system that has no ids for them.
_ONLY = "only"


def _listed(value: object) -> object:
    found = value if isinstance(value, list | tuple) else [value]
    return [str(each) if isinstance(each, int) else each for each in found]


class Options(contract.SystemOptions):
    """What `sources.yaml` says of surveys; see docs/survey.md."""

    provider: Literal["typeform", "surveymonkey", "delighted"]
    url: str = ""
    surveys: Annotated[tuple[str, ...], BeforeValidator(_listed)] = ()
    score: str | None = Field(default=None, min_length=1)
    comment: str | None = Field(default=None, min_length=1)
    scale: Scale = (0, 10)
    region: Named | None = None
    segment: Named | None = None

    @model_validator(mode="before")
    @classmethod
    def _has_an_address(cls, given: Any) -> Any:
        if isinstance(given, dict) and not given.get("url") and given.get("provider") in _SYSTEMS:
            return {**given, "url": _SYSTEMS[given["provider"]].URL}
        return given

    @model_validator(mode="after")
    def _suits_its_provider(self) -> Options:
        most = _SYSTEMS[self.provider].PAGE
        if self.page_size is not None and self.page_size > most:
            raise ValueError(f"page_size: {self.provider} gives at most {most} at once")
        if self.lookback < _HOUR:
            raise ValueError("lookback: write at least '1 hour', for answers can come late")
        if self.scale[0] >= self.scale[1]:
            raise ValueError("scale: write the lowest and the highest score, [0, 10]")
        if self.provider != "delighted":
            if not self.surveys:
                raise ValueError(f"surveys: name at least one survey of {self.provider} by its id")
            return self
        if self.surveys:
            raise ValueError("surveys: an API key of Delighted is for one project; remove this key")
        if self.score is not None or self.comment not in (None, "comment"):
            raise ValueError(
                "score, comment: Delighted has one of each; leave out `score`, and write "
                "`comment: comment` for the comments"
            )
        return self


def system(options: Options) -> str:
    """The system's name as people know it."""
    return f"Surveys · {_SYSTEMS[options.provider].NAME}"


def pull(options: Options, state: Mapping[str, Any], context: Context) -> Iterator[Batch]:
    """Answers that are new or changed; raises SourceError."""
    known = {} if context.full else dict(state.get("surveys", {}))
    ids = _ids(options)
    known = {each: value for each, value in known.items() if each in ids}
    rows = Rows(_choice(options), _names(options))
    with _connected(options, context) as session:
        is_anew = False
        for each in ids:
            survey = _survey(options, session, each)
            is_anew |= yield from _read(survey, each, known, rows, options, context)
    _remark(options, rows, context, is_anew=is_anew)


def present(options: Options, state: Mapping[str, Any], context: Context) -> Iterator[Present]:
    """The answers that the system still has; raises SourceError."""
    now = context.now.replace(microsecond=0)
    with _connected(options, context) as session:
        for each in _ids(options):
            known = state.get("surveys", {}).get(each, {})
            start = _start(options, known, now)
            listed = _survey(options, session, each).listed(start, now)
            ids = {answer.id for answer in listed if answer.id and _counts(answer, start)}
            keys = pa.table({"response_id": pa.array(sorted(ids), type=pa.string())})
            yield Present(TABLE, "answered_at", start, now, keys)


def check(options: Options, context: Context) -> Iterator[str]:
    """Proves, one sentence at a time, that a pull will do; raises SourceError."""
    name = _SYSTEMS[options.provider].NAME
    with _connected(options, context) as session:
        for index, each in enumerate(_ids(options)):
            survey = _survey(options, session, each)
            sample = survey.sample()
            if index == 0:
                yield f"Reached {http.shown_address(options.url)}; it takes `token`."
            low, high = options.scale
            question = survey.question.title
            yield f"'{survey.title}' holds the score, {low} to {high}, in '{question}'."
            yield _shown(options, sample)
    which = f"{len(options.surveys)} surveys" if len(options.surveys) > 1 else "1 survey"
    start = _start(options, {}, context.now).date()
    yield f"A pull reads the answers to {which} of {name} since {start} into surveys."


def _read(
    survey: Survey,
    name: str,
    known: dict[str, Any],
    rows: Rows,
    options: Options,
    context: Context,
) -> Generator[Batch, None, bool]:
    """What is new in one survey; where the system gives up, what had come by then lands too.

    Returns whether all of it was read.
    """
    now = context.now.replace(microsecond=0)
    asked = _asked(options, survey)
    before = known.get(name, {})
    start = _start(options, before, now)
    mine = before if before.get("asked") == asked else {}
    fixed = {"asked": asked, "start": start.isoformat()}

    def landed() -> Batch:
        return Batch(TABLE, rows.take(), rows.shape, survey.address, {"surveys": dict(known)})

    try:
        for step in survey.steps(mine, start, now, options.lookback):
            for answer in step.answers:
                if not _counts(answer, start):
                    continue
                rows.add(answer)
                if rows.count >= _ROWS_AT_ONCE:
                    context.progress(rows.read, None)
                    yield landed()
            if step.done is not None:
                known[name] = {**fixed, **step.done}
    except SourceError:
        yield landed()
        raise
    context.progress(rows.read, None)
    yield landed()
    return not mine


def _connected(options: Options, context: Context) -> http.Session:
    provider = _SYSTEMS[options.provider]
    return http.Session(
        options.url,
        timeout=options.timeout,
        credential=provider.credential(options.token.get_secret_value()),
        limits=provider.LIMITS,
        waiting=context.waiting,
    )


def _survey(options: Options, session: http.Session, name: str) -> Survey:
    size = options.page_size or _SYSTEMS[options.provider].PAGE
    return _SURVEYS[options.provider](session, name, _choice(options), size)


def _ids(options: Options) -> tuple[str, ...]:
    return tuple(dict.fromkeys(options.surveys)) or (_ONLY,)


def _choice(options: Options) -> Choice:
    return Choice(options.score, options.comment, options.scale)


def _names(options: Options) -> dict[str, Named]:
    named = {"region": options.region, "segment": options.segment}
    return {name: where for name, where in named.items() if where is not None}


def _asked(options: Options, survey: Survey) -> dict[str, Any]:
    """What decides, beside the system itself, which rows there are and what they say."""
    keys = {"start", "scale", "region", "segment", "comment"}
    asked = options.model_dump(mode="json", by_alias=True, include=keys)
    return {"url": http.shown_address(options.url), "meaning": survey.meaning, **asked}


def _start(options: Options, known: Mapping[str, Any], now: dt.datetime) -> dt.datetime:
    """The first answer that counts: a year before the survey's first pull by default."""
    if options.start is not None:
        return dt.datetime.combine(options.start, dt.time())
    if known and known["asked"]["start"] is None:
        return dt.datetime.fromisoformat(known["start"])
    return dt.datetime.combine((now - _YEAR).date(), dt.time())


def _counts(answer: Answer, start: dt.datetime) -> bool:
    """Whether it was given since `start`; what cannot be told counts, to be rejected for it."""
    return answer.moment is None or answer.moment >= start


def _remark(options: Options, rows: Rows, context: Context, *, is_anew: bool) -> None:
    """Says what was strange about the answers of a pull; of a few new ones little can be said."""
    low, high = options.scale
    if rows.outside:
        context.notice(
            f"{rows.outside:,} answers have a score beyond {low} to {high}: they count as answers "
            "without a score."
        )
    for name, named in _names(options).items():
        if is_anew and rows.read and name not in rows.met:
            context.notice(
                f"None of the {rows.read:,} answers that were read has '{named.source}', where "
                f"`{name}` should be."
            )


def _shown(options: Options, answer: Answer | None) -> str:
    """An answer in words, without who gave it and what they wrote."""
    if answer is None:
        return "It has no answer yet."
    parts = [f"score {answer.score}" if answer.score is not None else "no score"]
    for name, named in _names(options).items():
        parts.append(f"{name} {text(at(answer.record, named.source)) or 'unknown'}")
    places = [
        f"{place}.{key}"
        for place in _PLACES[options.provider]
        for key in (answer.record.get(place) or {})
    ]
    told = f" `region` and `segment` can be taken from {', '.join(places)}." if places else ""
    return f"The last answer is of {answer.answered_at}: {', '.join(parts)}.{told}"
