"""Brings the records of any JSON interface, as `sources.yaml` declares it."""

from __future__ import annotations

import datetime as dt
import hashlib
import json
from collections.abc import Iterator, Mapping
from dataclasses import replace
from typing import Annotated, Any, Literal

from pydantic import BaseModel, ConfigDict, Field, SecretStr, ValidationInfo, field_validator

from connectors import contract, http
from connectors.bundles import bundles
from connectors.columns import Columns, Words, Zone, columns_of, nearest
from connectors.contract import Batch, Context, Duration, Mode, Pages, Shape, SourceError
from connectors.http import Page
from connectors.limits import Form
from connectors.modes import key_of, mode_of
from connectors.pointers import records_of, value_at
from connectors.rest_paging import Paging, pages

TABLES = ()
ENTRY = """\
connector: rest
url: https://api.example.com/v2       # up to, but without, the path
token: ${API_TOKEN}                   # sent as: Authorization: Bearer ...
# auth: {header: X-Api-Key}           # or in another header, perhaps with a prefix: "Token "
path: orders
# params: {status: paid}
records: data                         # where the list stands in an answer; left out: it is all
paging: {by: cursor, parameter: after, at: paging.next}
# cursor: {parameter: updated_since, field: updated_at}
into: orders
key: order_id
columns:
  order_id: id
  ordered_at: {from: created_at, type: timestamp}
  region: customer.region
every: 1 hour
"""


class Auth(BaseModel):
    """The header that carries the token, and what stands before it."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    header: str = Field(min_length=1)
    prefix: str = ""


class Cursor(BaseModel):
    """How to ask for what changed: the parameter, the field that it is held against, its form."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    parameter: str = Field(min_length=1)
    field: str = Field(min_length=1)
    form: Literal["timestamp", "date", "epoch seconds", "epoch milliseconds"] = "timestamp"


class Rate(BaseModel):
    """The header that says when to ask again after too many questions, and how it says so."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    reset: str = Field(min_length=1)
    form: Form
    remaining: str | None = None


class Options(contract.Options):
    """What `sources.yaml` says of a JSON interface; see docs/rest.md."""

    model_config = ConfigDict(hide_input_in_errors=True)

    url: str
    token: SecretStr | None = None
    user: str | None = None
    auth: Auth | None = None
    path: str = ""
    params: dict[str, str | int | float | bool] = Field(default_factory=dict)
    body: dict[str, Any] | None = None
    records: str = ""
    paging: Paging = Paging()
    page_size: Annotated[int, Field(ge=1)] | None = None
    cursor: Cursor | None = None
    rate: Rate | None = None
    into: Annotated[str, Field(min_length=1)]
    mode: Annotated[Mode | None, Field(validate_default=True)] = None
    key: Annotated[Words, Field(validate_default=True)] = ()
    columns: Annotated[Columns, Field(min_length=1)]
    timezone: Zone = "UTC"
    deleted: str | None = None
    lookback: Duration = dt.timedelta(hours=1)

    @field_validator("mode")
    @classmethod
    def _mode_of_a_cursor(cls, mode: Mode | None, info: ValidationInfo) -> Mode:
        has_cursor = info.data.get("cursor") is not None
        return mode_of(mode, has_cursor=has_cursor, because="only what changed is read")

    @field_validator("key")
    @classmethod
    def _key_where_rows_are_merged(
        cls, key: tuple[str, ...], info: ValidationInfo
    ) -> tuple[str, ...]:
        return key_of(key, info.data.get("into", ""), info.data.get("mode"))

    @field_validator("columns")
    @classmethod
    def _key_among_the_columns(cls, columns: Columns, info: ValidationInfo) -> Columns:
        for name in info.data.get("key", ()):
            if name not in columns:
                raise ValueError(f"the key '{name}' is none of them.{nearest(name, columns)}")
        return columns


def system(options: Options) -> str:
    """The system's name as people know it: where it is."""
    return f"REST · {http.shown_address(options.url).partition('://')[2].partition('/')[0]}"


def pull(options: Options, state: Mapping[str, Any], context: Context) -> Iterator[Batch]:
    """All records, or those that changed since the last pull; raises SourceError.

    The cursor moves only with the last batch: nobody promises that the oldest come first.
    """
    asked = _digest(options)
    known = None if context.full or state.get("asked") != asked else state.get("until")
    latest = _Latest(options.cursor, known)
    with connected(options, context) as session:
        landed = 0

        def read() -> Iterator[bytes]:
            nonlocal landed
            for page in pages(session, options.paging, _question(options, known, context)):
                found = records_of(page, options.records)
                latest.see(page, found)
                landed += len(found)
                context.progress(landed, None)
                if found:
                    yield page.content

        batch = _batch(options, ())
        for documents in bundles(read()):
            if _has_documents(batch):
                yield batch
            batch = _batch(options, documents)
        until = latest.reached(session.by_its_clock(context.now))
    yield replace(batch, state={"asked": asked, "until": until})


def check(options: Options, context: Context) -> Iterator[str]:
    """Reads one page and holds the mapped columns against its first record; raises SourceError."""
    where = f"{http.shown_address(options.url)}/{options.path}".rstrip("/")
    with connected(options, context) as session:
        page = next(pages(session, options.paging, _question(options, None, context)))
    found = records_of(page, options.records)
    whose = "the token is taken" if options.token else "without a credential"
    yield f"Reached {where}; {whose}."
    if not found:
        yield "It answers without a single record: nothing more can be checked."
        return
    yield f"The first answer has {len(found):,} records."
    _check_columns(options, found[0])
    yield f"Its first record has all {len(_fields(options))} fields that `columns` names."
    what = "replaces all rows of" if options.mode == "replace" else "merges them into"
    since = "what changed" if options.cursor else "everything"
    yield f"A pull reads {since} and {what} {options.into}."


def connected(options: Options, context: Context) -> http.Session:
    """A session with this source's address and credential."""
    limits = None
    if options.rate is not None:
        rate = options.rate
        limits = http.Limits(reset=rate.reset, form=rate.form, remaining=rate.remaining)
    return http.Session(
        options.url,
        timeout=options.timeout,
        credential=_credential(options),
        headers={"Accept": "application/json"},
        limits=limits,
        waiting=context.waiting,
    )


def _credential(options: Options) -> http.Credential | None:
    if options.token is None:
        return None
    token = options.token.get_secret_value()
    if options.user is not None:
        return http.basic(options.user, token, "`user` and `token`")
    if options.auth is None:
        return http.bearer(token)
    return http.Credential("`token`", {options.auth.header: f"{options.auth.prefix}{token}"})


def _question(options: Options, known: str | None, context: Context) -> dict[str, Any]:
    """What is asked for, but for what turns the pages."""
    params: dict[str, Any] = dict(options.params)
    if options.cursor is not None:
        since = _since(options, known)
        if since is not None:
            params[options.cursor.parameter] = _written(options.cursor, since)
    return {
        "path": options.path,
        "params": params,
        "body": options.body,
        "records": options.records,
        "size": options.page_size,
    }


def _since(options: Options, known: str | None) -> dt.datetime | None:
    if known is not None:
        return dt.datetime.fromisoformat(known) - options.lookback
    return dt.datetime.combine(options.start, dt.time()) if options.start else None


def _written(cursor: Cursor, moment: dt.datetime) -> str | int:
    """A naive UTC moment as the interface wants to read it, never later than it is."""
    epoch = moment.replace(tzinfo=dt.UTC).timestamp()
    if cursor.form == "epoch seconds":
        return int(epoch)
    if cursor.form == "epoch milliseconds":
        return int(epoch * 1000)
    if cursor.form == "date":
        return moment.date().isoformat()
    return moment.replace(microsecond=0).isoformat() + "Z"


class _Latest:
    """The latest moment that the cursor's field had in any record."""

    def __init__(self, cursor: Cursor | None, known: str | None) -> None:
        self._cursor = cursor
        self._found = dt.datetime.fromisoformat(known) if known else None

    def see(self, page: Page, found: list[Any]) -> None:
        """Takes in the records of a page; raises SourceError for one without the field."""
        if self._cursor is None:
            return
        for record in found:
            value = value_at(record, self._cursor.field)
            moment = _moment(value, self._cursor.form)
            if moment is None:
                raise SourceError(
                    f"A record at {http.shown_address(page.url)} has {value!r} as its "
                    f"`{self._cursor.field}`, by which we know what is new.",
                    f"Name another `cursor: {{field: ...}}`, or say its `form`: it is read as "
                    f"{self._cursor.form}.",
                )
            if self._found is None or moment > self._found:
                self._found = moment

    def reached(self, now: dt.datetime) -> str | None:
        """What to keep: a record from the future must not hide those until then."""
        return min(self._found, now).isoformat() if self._found else None


def _moment(value: Any, form: str) -> dt.datetime | None:
    """What a cursor's field says, as naive UTC; None where it says nothing that can be read."""
    try:
        if form.startswith("epoch"):
            seconds = float(value) / (1000 if form == "epoch milliseconds" else 1)
            return dt.datetime.fromtimestamp(seconds, dt.UTC).replace(tzinfo=None)
        found = dt.datetime.fromisoformat(value)
        return found.astimezone(dt.UTC).replace(tzinfo=None) if found.tzinfo else found
    except (TypeError, ValueError, OverflowError, OSError):
        return None


def _fields(options: Options) -> dict[str, str]:
    """The raw columns: each is named after the path where it stands in a record."""
    named = {
        entry.source or name: entry.source or name
        for name, entry in options.columns.items()
        if entry.value is None
    }
    return {**named, **({options.deleted: options.deleted} if options.deleted else {})}


def _batch(options: Options, documents: tuple[bytes, ...]) -> Batch:
    return Batch(
        into=options.into,
        rows=Pages(documents, options.records, _fields(options)),
        shape=Shape(
            columns_of(options.columns, timezone=options.timezone),
            key=options.key,
            mode=options.mode or "upsert",
            deleted=options.deleted,
        ),
        origin=f"{http.shown_address(options.url)}/{options.path}".rstrip("/"),
    )


def _has_documents(batch: Batch) -> bool:
    return isinstance(batch.rows, Pages) and bool(batch.rows.documents)


def _digest(options: Options) -> str:
    """The same as long as a pull would bring the same rows."""
    asked = options.model_dump(
        mode="json",
        by_alias=True,
        exclude={"token", "user", "every", "timeout", "lookback", "page_size", "paging", "rate"},
    )
    return hashlib.sha256(json.dumps(asked, sort_keys=True).encode()).hexdigest()[:16]


def _check_columns(options: Options, record: Any) -> None:
    if not isinstance(record, Mapping):
        raise SourceError(
            f"The first record is {type(record).__name__}, and not a mapping of fields.",
            "Check `records`: it leads to the list of records.",
        )
    missing = [path for path in _fields(options) if not _has(record, path)]
    if missing:
        hint = nearest(missing[0], _paths(record)) or f" It has: {', '.join(_paths(record))}."
        raise SourceError(f"The first record has no {', '.join(missing)}.{hint}", "Mend `columns`.")


def _has(record: Any, path: str) -> bool:
    for step in path.split("."):
        if not isinstance(record, Mapping) or step not in record:
            return False
        record = record[step]
    return True


def _paths(record: Mapping[str, Any], before: str = "") -> list[str]:
    found = []
    for name, value in record.items():
        if isinstance(value, Mapping):
            found += _paths(value, f"{before}{name}.")
        else:
            found.append(f"{before}{name}")
    return found
