"""Brings from Stripe the ledger of payments, and subscriptions with what they come to a month."""

from __future__ import annotations

import datetime as dt
import re
from collections.abc import Callable, Iterator, Mapping
from decimal import Decimal
from typing import Annotated, Any, Literal

from pydantic import AfterValidator, BeforeValidator, Field

from connectors import contract, http, stripe_ledger, stripe_reading, stripe_subscriptions, tables
from connectors.contract import Batch, Context, Named, Present
from connectors.stripe_api import PAGE, Api
from connectors.stripe_ledger import Ledger
from connectors.stripe_reading import Plan, seconds
from connectors.stripe_records import Record
from connectors.stripe_subscriptions import Subscriptions, items_of

TABLES = ("payments", "subscriptions")
ENTRY = """\
connector: stripe
token: ${STRIPE_TOKEN}                # a restricted key that only reads: see docs/stripe.md
# into: [payments]                    # by default payments and subscriptions
# account: acct_1A2b3C                # a connected account, with the key of its platform
# start: 2024-01-01                   # the first day of payments, by default one year back
# exponents: {UGX: 0}                 # where your amounts have other decimals than Stripe says
# kind: {from: reporting_category, map: {platform_earning: charge}}
every: 1 hour
"""

# Stripe goes on answering as it did in this version, whatever an account's own one is.
_VERSION = "2026-08-26.dahlia"
_YEAR = dt.timedelta(days=365)
_EVER = (dt.datetime(1970, 1, 1), dt.datetime(9999, 1, 1))
_KEY = re.compile(r"(?P<kind>sk|rk)_(?:org_)?(?P<mode>live|test)_")
# What a pull asks for, and what it has Stripe put into its answers.
_LISTS = {
    "payments": ("balance_transactions", "charges", "refunds", "disputes", "payouts"),
    "subscriptions": ("subscriptions", "customers", "products", "prices", "coupons"),
}


def _listed(value: object) -> object:
    return [value] if isinstance(value, str) else value


def _codes(value: dict[str, int]) -> dict[str, int]:
    for code in value:
        if not re.fullmatch("[A-Za-z]{3}", code):
            raise ValueError(f"'{code}' is no currency; write its three letters, for example UGX")
    return {code.upper(): places for code, places in value.items()}


class Options(contract.SystemOptions):
    """What `sources.yaml` says of a Stripe account; see docs/stripe.md."""

    url: str = "https://api.stripe.com"
    page_size: int | None = Field(default=None, ge=1, le=PAGE)
    into: Annotated[
        tuple[Literal["payments", "subscriptions"], ...],
        BeforeValidator(_listed),
        Field(min_length=1),
    ] = ("payments", "subscriptions")
    account: str | None = Field(default=None, pattern=r"^acct_\w+$")
    version: str = Field(default=_VERSION, pattern=r"^\d{4}-\d{2}-\d{2}(\.\w+)?$")
    exponents: Annotated[dict[str, Annotated[int, Field(ge=0, le=4)]], AfterValidator(_codes)] = (
        Field(default_factory=dict)
    )
    kind: Named | None = None


def system(options: Options) -> str:
    """The system's name as people know it."""
    return "Stripe"


def pull(options: Options, state: Mapping[str, Any], context: Context) -> Iterator[Batch]:
    """The ledger since the last pull, and all subscriptions; raises SourceError."""
    plan = _plan(options, {} if context.full else state, context.now)
    batches = _batches(options, plan, context)
    yield from stripe_reading.in_place(plan, batches) if plan.former else batches


def _batches(options: Options, plan: Plan, context: Context) -> Iterator[Batch]:
    tell = _once(context.notice)
    reached: Mapping[str, Any] = plan.state(plan.until)
    yield from stripe_reading.emptied(plan)
    with _connected(options, context) as session:
        api = Api(session, options.version, options.page_size)
        if "payments" in options.into:
            ledger = Ledger(options.kind, options.exponents, tell)
            for batch in stripe_reading.payments(api, ledger, plan):
                reached = batch.state or reached
                yield batch
        if "subscriptions" in options.into:
            reading = Subscriptions(api, options.exponents, plan.end, tell)
            yield from stripe_reading.subscriptions(api, reading, plan, reached)


def present(options: Options, state: Mapping[str, Any], context: Context) -> Iterator[Present]:
    """The items of all subscriptions that Stripe has; its ledger loses nothing."""
    if "subscriptions" not in options.into:
        return
    keys: list[tuple[str | None, str | None]] = []
    with _connected(options, context) as session:
        api = Api(session, options.version, options.page_size)
        for subscription in (each for page in api.subscriptions(bare=True) for each in page):
            keys += ((subscription.get("id"), each.get("id")) for each in items_of(subscription))
    columns = tables.TABLES["subscriptions"].key
    yield Present("subscriptions", "started_at", *_EVER, stripe_reading.table_of(columns, keys))


def check(options: Options, context: Context) -> Iterator[str]:
    """Proves, one sentence at a time, that a pull will do; raises SourceError."""
    plan = _plan(options, {}, context.now)
    with _connected(options, context) as session:
        api = Api(session, options.version, options.page_size)
        newest = {table: api.first(_LISTS[table][0]) for table in options.into}
        yield f"Reached {plan.origin}; it takes `token`, {_whose(options)}."
        for table, record in newest.items():
            for path in _LISTS[table][1:]:
                api.first(path)
            yield f"Can be read: {', '.join(_LISTS[table]).replace('_', ' ')}."
            if record is not None:
                yield _shown(table, record, api, options, plan)
    if "payments" in options.into:
        since = dt.datetime.fromisoformat(plan.memory["start"]).date()
        yield f"A pull reads the ledger since {since} into payments."
    if "subscriptions" in options.into:
        yield "A pull reads all subscriptions, those that ended too, into subscriptions."


def _connected(options: Options, context: Context) -> http.Session:
    """A session with this account's address, credential and version."""
    headers = {"Stripe-Version": options.version}
    if options.account is not None:
        headers["Stripe-Account"] = options.account
    # Stripe's 429 does not say when to ask again: https://docs.stripe.com/rate-limits
    return http.Session(
        options.url,
        timeout=options.timeout,
        credential=http.bearer(options.token.get_secret_value()),
        headers=headers,
        waiting=context.waiting,
    )


def _plan(options: Options, state: Mapping[str, Any], now: dt.datetime) -> Plan:
    """Where to begin, and what to take away, after what was asked for before."""
    origin = http.shown_address(options.url)
    scope = {"url": origin, "account": options.account, "mode": _mode(options)}
    asked = options.model_dump(mode="json", by_alias=True, include={"start", "exponents", "kind"})
    is_other = bool(state) and state["scope"] != scope
    known = {} if is_other or "payments" not in state.get("into", ()) else state
    start = _start(options, known, now)
    until = known["until"] if known and known["asked"] == asked else None
    begin = seconds(start)
    if until is not None:
        begin = max(begin, until - int(options.lookback.total_seconds()))
    before = tuple(state.get("into", ()))
    left = tuple(name for name in before if name not in options.into)
    memory = {
        "scope": scope,
        "asked": asked,
        "into": list(options.into),
        "start": start.isoformat(),
    }
    own, former = ((), before) if is_other else (left, ())
    return Plan(origin, begin, seconds(now), until, memory, own, former)


def _start(options: Options, known: Mapping[str, Any], now: dt.datetime) -> dt.datetime:
    """The time of the first entry that counts: a year before the first pull by default."""
    if options.start is not None:
        return dt.datetime.combine(options.start, dt.time())
    if known and known["asked"]["start"] is None:
        return dt.datetime.fromisoformat(known["start"])
    return dt.datetime.combine((now - _YEAR).date(), dt.time())


def _mode(options: Options) -> str | None:
    """Whether it is about real money: test data must not stay among it."""
    key = _KEY.match(options.token.get_secret_value())
    return key["mode"] if key else None


def _once(tell: Callable[[str], None]) -> Callable[[str], None]:
    """Says everything once only."""
    told: set[str] = set()

    def tell_once(text: str) -> None:
        if text not in told:
            told.add(text)
            tell(text)

    return tell_once


def _whose(options: Options) -> str:
    key = _KEY.match(options.token.get_secret_value())
    if key is None:
        return "of a kind that is not known here"
    kind = "a restricted key" if key["kind"] == "rk" else "a secret key that may do everything"
    return f"{kind}, for {key['mode']} data"


def _shown(table: str, record: Record, api: Api, options: Options, plan: Plan) -> str:
    """A record in words, without what might name somebody."""
    quietly = _once(lambda text: None)
    if table == "payments":
        found = next(Ledger(options.kind, options.exponents, quietly).rows(record))
        row = dict(zip(stripe_ledger.COLUMNS, found, strict=True))
        at, money = row["occurred_at"], _money(row, "amount_minor")
        return f"The newest entry: {row['kind']}, {money}, {at} UTC."
    rows = Subscriptions(api, options.exponents, plan.end, quietly).rows([record])
    row = dict(zip(stripe_subscriptions.COLUMNS, next(rows, ()), strict=False))
    since, money = row.get("started_at"), _money(row, "monthly_minor")
    return f"The newest subscription: {row.get('status')} since {since} UTC, {money} a month."


def _money(row: Mapping[str, str | None], column: str) -> str:
    amount, places = row.get(column), row.get("exponent")
    if amount is None or places is None:
        return "an unknown amount"
    return f"{Decimal(amount).scaleb(-int(places)):.{places}f} {row['currency']}"
