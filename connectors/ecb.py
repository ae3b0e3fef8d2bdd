"""Brings the European Central Bank's reference rates: what a euro was worth on each working day."""

from __future__ import annotations

import csv
import datetime as dt
import io
import re
from collections.abc import Iterator, Mapping
from typing import Annotated, Any

import pyarrow as pa
from pydantic import AfterValidator, BeforeValidator

from connectors import contract, http, tables
from connectors.contract import Batch, Column, Context, Duration, Shape, SourceError

TABLES = ("fx_rates",)
ENTRY = """\
connector: ecb
# currencies: [USD, GBP, CHF]         # by default all that it publishes
# start: 2024-01-01                   # by default five years back
every: 1 day                          # on working days, about 16:00 in Frankfurt
"""

_YEARS_BACK = 5
# Daily (D), as published at the spot rate of the day (SP00), no average over time (A).
_SERIES = "D.{}.EUR.SP00.A"
_FIELDS = ("TIME_PERIOD", "CURRENCY_DENOM", "CURRENCY", "OBS_VALUE")
_COLUMNS = ("day", "base", "currency", "rate")
_CODE = re.compile("[A-Z]{3}")


def _listed(value: object) -> object:
    return [value] if isinstance(value, str) else value


def _code(value: str) -> str:
    if not _CODE.fullmatch(value.upper()):
        raise ValueError(f"'{value}' is no currency; write its three letters, for example USD")
    return value.upper()


class Options(contract.Options):
    """What `sources.yaml` says of the reference rates."""

    url: str = "https://data-api.ecb.europa.eu/service/data/EXR"
    currencies: Annotated[
        tuple[Annotated[str, AfterValidator(_code)], ...], BeforeValidator(_listed)
    ] = ()
    # A published rate is seldom corrected, and then soon.
    lookback: Duration = dt.timedelta(days=10)


def system(options: Options) -> str:
    """The system's name as people know it."""
    return "European Central Bank"


def pull(options: Options, state: Mapping[str, Any], context: Context) -> Iterator[Batch]:
    """The rates of every working day since the last pull, and the last few once more."""
    known = state if state.get("currencies") == list(options.currencies) else {}
    since = _first_day(options, context.now.date())
    if "until" in known and not context.full:
        since = dt.date.fromisoformat(known["until"]) - options.lookback
    rows = _rates(options, since, context)
    if not known:
        _tell_missing(options, rows, context)
    last = max((row[0] for row in rows), default=known.get("until", since.isoformat()))
    yield Batch(
        into="fx_rates",
        rows=pa.table(
            [pa.array(column, pa.string()) for column in zip(*rows, strict=True)]
            or [pa.array([], pa.string())] * len(_COLUMNS),
            names=_COLUMNS,
        ),
        shape=Shape(tuple(map(Column, _COLUMNS)), key=tables.TABLES["fx_rates"].key),
        origin=http.shown_address(options.url),
        state={"until": last, "currencies": list(options.currencies)},
    )


def check(options: Options, context: Context) -> Iterator[str]:
    """Asks for the rates of the last ten days; raises SourceError."""
    rows = _rates(options, context.now.date() - dt.timedelta(days=10), context)
    yield f"{http.shown_address(options.url)} answers; it needs no credential."
    if not rows:
        raise SourceError(
            "It has no rate of the last ten days for these currencies.",
            "Check `currencies`: write three letters each, as in USD.",
        )
    _tell_missing(options, rows, context)
    day, base, currency, rate = max(rows)
    yield f"One rate: 1 {base} was worth {rate} {currency} on {day}."
    many = len({row[2] for row in rows})
    first = _first_day(options, context.now.date())
    yield f"A first pull brings {many} currencies since {first} into fx_rates."


def _first_day(options: Options, today: dt.date) -> dt.date:
    return options.start or today.replace(year=today.year - _YEARS_BACK, day=1)


def _rates(options: Options, since: dt.date, context: Context) -> list[tuple[str, str, str, str]]:
    """Day, base, currency and rate as texts, in order; days without a rate are left out."""
    with http.Session(options.url, timeout=options.timeout, waiting=context.waiting) as session:
        try:
            page = session.page(
                _SERIES.format("+".join(options.currencies)),
                {"startPeriod": since.isoformat(), "format": "csvdata", "detail": "dataonly"},
            )
        except http.Rejected as error:
            if error.status != 404:
                raise
            # The service says of a question without results that there is no such thing.
            return []
    reader = csv.DictReader(io.StringIO(page.content.decode("utf-8-sig")))
    if not {*_FIELDS} <= {*(reader.fieldnames or ())}:
        raise SourceError(
            f"{http.shown_address(options.url)} answered with something else than rates: "
            f"{page.excerpt!r}.",
            "Check `url`; it is the address of the dataflow, up to and with /data/EXR.",
        )
    rows = [tuple(row[name] or "" for name in _FIELDS) for row in reader]
    return sorted(
        (day, base, currency, rate) for day, base, currency, rate in rows if rate not in ("", "NaN")
    )


def _tell_missing(
    options: Options, rows: list[tuple[str, str, str, str]], context: Context
) -> None:
    there = {currency for _, _, currency, _ in rows}
    missing = [code for code in options.currencies if code not in there]
    if missing:
        context.notice(f"The European Central Bank has no rate for {', '.join(missing)}.")
