"""What `metrics.yaml` may say, key by key: the loader's types, and so the editor's schema."""

from __future__ import annotations

import datetime as dt
import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Annotated, Any, Literal

from pydantic import (
    BaseModel,
    BeforeValidator,
    ConfigDict,
    Field,
    GetJsonSchemaHandler,
    WithJsonSchema,
)
from pydantic_core import CoreSchema

from kpi import locales
from kpi.periods import GRAINS
from kpi.reach import SPAN
from kpi.targets import TARGET_SCHEMA
from kpi.vocabulary import Side

WEEKDAYS = (
    "monday",
    "tuesday",
    "wednesday",
    "thursday",
    "friday",
    "saturday",
    "sunday",
)
MONTH_NAMES = (
    "january",
    "february",
    "march",
    "april",
    "may",
    "june",
    "july",
    "august",
    "september",
    "october",
    "november",
    "december",
)
# Columns of every answer: a dimension or metric of this name would be taken for one of them.
RESERVED = ("metric", "period", "value", "n", "complete")
NAME = re.compile(r"[a-z][a-z0-9_]*")
SETTLES = re.compile(r"(\d+) (hour|day)s?")


def _texts(value: object) -> object:
    return [value] if isinstance(value, str) else value


class Entry(BaseModel):
    """A mapping of which every key is known or refused, and every value of its own type."""

    model_config = ConfigDict(extra="forbid", strict=True)


@dataclass(frozen=True)
class _OrShort:
    """Lets the editor's schema allow the short way to write a value, as its validator does."""

    text: bool = False  # a plain text; else one item without the list around it

    def __get_pydantic_json_schema__(
        self, core: CoreSchema, handler: GetJsonSchemaHandler
    ) -> dict[str, Any]:
        whole = handler(core)
        short = {"type": "string", "minLength": 1} if self.text else whole["items"]
        return {"anyOf": [short, whole]}


def _written(pattern: re.Pattern[str], *others: str) -> WithJsonSchema:
    """A text that an editor can check by a pattern, or one of these words."""
    return WithJsonSchema({"type": "string", "pattern": anchored(pattern.pattern, *others)})


def anchored(*patterns: str) -> str:
    """A pattern for the whole of a text that is one of these."""
    return f"^({'|'.join(patterns)})$"


_Text = Annotated[str, Field(min_length=1)]
_Texts = Annotated[list[_Text], BeforeValidator(_texts), _OrShort()]
_Number = Annotated[float, Field(allow_inf_nan=False)]


class OwnersEntry(Entry):
    """The two roles that answer for something."""

    it: _Text = Field(description="The role on the IT side that answers for it.")
    business: _Text = Field(description="The role on the business side that answers for it.")


_Owners = Annotated[
    OwnersEntry,
    Field(
        description="The pair of roles that answers for it together.",
        examples=[{"it": "Platform", "business": "Sales"}],
    ),
]


class CalendarEntry(Entry):
    """What a day, a week and a year are."""

    timezone: _Text = Field("UTC", description="Whose midnight begins a day: Europe/Berlin.")
    week_starts: Literal[WEEKDAYS] = Field(  # type: ignore[valid-type]
        "monday", description="The first day of a week."
    )
    fiscal_year_starts: Literal[MONTH_NAMES] = Field(  # type: ignore[valid-type]
        "january", description="The first month of a year; quarters follow it."
    )


class DimensionEntry(Entry):
    """A word to break metrics down by."""

    label: _Text = Field(description="What screens call it.")
    definition: _Text = Field(description="What it means, in a sentence.")


class LookupEntry(Entry):
    """Dimensions that stand in another table."""

    on: _Text = Field(description="The column in both tables; unique in the other one.")
    by: _Texts = Field(
        description="The list of dimensions that stand in the other table.", examples=[["team"]]
    )


class MarksEntry(Entry):
    """Which rows of a table are marked on the charts of metrics that they bear on."""

    from_: _Text = Field(
        alias="from", description="The time at which what is marked began.", examples=["opened_at"]
    )
    to: _Text = Field(description="The time at which it ended; unknown while it goes on.")
    name: _Text = Field(description="The column that names it.", examples=["title"])
    where: _Text | None = Field(
        None, description="Which rows: few, and bad.", examples=["severity = 'sev1'"]
    )


class TableEntry(Entry):
    """A fact table as metrics see it."""

    row: _Text = Field(description="What one row is: one incident.")
    time: _Text = Field(
        description="The column on which its metrics are counted.", examples=["opened_at"]
    )
    by: _Texts = Field(
        [], description="The dimensions that it has as columns.", examples=[["service", "region"]]
    )
    settles_after: Annotated[_Text, _written(SETTLES)] | None = Field(
        None,
        description="How long after its end a period may still change.",
        examples=["2 days"],
    )
    grain: Literal[GRAINS] | None = Field(  # type: ignore[valid-type]
        None, description="Where a row stands for a whole period: which. Finer is refused."
    )
    lookup: dict[str, LookupEntry] = Field(
        {},
        description="Other tables to take dimensions from, many to one.",
        examples=[{"services": {"on": "service", "by": ["team"]}}],
    )
    marks: MarksEntry | None = Field(
        None, description="Which of its rows are marked on charts, with begin, end and name."
    )


class OutcomeEntry(Entry):
    """What both sides want."""

    label: _Text = Field(description="What screens call it.")
    definition: _Text = Field(description="What both sides want, in a sentence.")
    owners: _Owners


class AsOfEntry(Entry):
    """From when to when a row counts towards a level."""

    from_: _Text = Field(
        alias="from", description="The time from which a row is open.", examples=["opened_at"]
    )
    to: _Text | None = Field(None, description="The time at which it closes; none: it never does.")


class LatestEntry(Entry):
    """Whose last row counts."""

    per: _Text = Field(description="The column that says whose rows they are.")
    carry: bool = Field(True, description="Whether an older row holds on; false: this period's.")


class TestEntry(Entry):
    """A number that somebody knows."""

    period: Annotated[str | int | dt.date, WithJsonSchema({"type": ["string", "integer"]})] = Field(
        description="The year, quarter, month, week or day that it is known for.",
        examples=["2025-03", "2025-Q1", "2025-W12", "2025-03-14", 2025],
    )
    equals: _Number = Field(
        description="The number that it must be, to as many places.", examples=[964.2]
    )
    where: _Text | None = Field(None, description="A condition over dimensions: region = 'EMEA'.")


def _latest(value: object) -> object:
    return {"per": value} if isinstance(value, str) else value


def _tests(value: object) -> object:
    return [value] if isinstance(value, Mapping) else value


class MetricEntry(Entry):
    """A number, defined once."""

    label: _Text = Field(description="What screens call it.")
    definition: _Text = Field(description="What it measures and what is left out, in a sentence.")
    side: Side = Field(description="Who runs the thing measured: it, business or joint.")
    outcome: _Text = Field(description="The outcome that it serves, one of those in this file.")
    owners: _Owners
    value: _Text = Field(
        description=(
            "How it is computed: AGGREGATES from TABLE [where CONDITION],"
            " or a formula of other metrics."
        ),
        examples=["count(*) from orders", "100 * orders_placed / basket_visits"],
    )
    good: Literal["up", "down"] = Field(description="The direction that is better: up or down.")
    also_called: _Texts = Field(
        [], description="A list of other names, to find it by.", examples=[["turnover", "sales"]]
    )
    unit: str = Field("", description="%, EUR, hours, minutes, days, points, count, or any text.")
    decimals: Annotated[int, Field(ge=0, le=6)] | None = Field(
        None, description="How many decimals are shown."
    )
    target: Annotated[Any, WithJsonSchema(TARGET_SCHEMA)] = Field(
        None,
        description="A number, a flow per period, or such from dates on.",
        examples=[99.9, "1200000 per quarter", {"from 2026-07": 99.9}],
    )
    tolerance: Annotated[_Number, Field(ge=0)] = Field(
        0.0, description="How far off the target still counts as near, in the metric's unit."
    )
    empty: _Number | None = Field(
        None,
        description="What a period without rows is; without it: unknown, a count 0.",
        examples=[0],
    )
    min_sample: Annotated[int, Field(ge=0)] = Field(
        0, description="Fewer rows than this are shown as too few."
    )
    time: _Text | None = Field(
        None,
        description="The column to count on, not the table's own.",
        examples=["resolved_at"],
    )
    internal: bool = Field(False, description="Only a part of other metrics: no screen lists it.")
    window: Annotated[_Text, _written(SPAN, "all")] | None = Field(
        None,
        description="The length of time that ends with a period, or all.",
        examples=["90 days", "3 months", "all"],
    )
    to_date: Literal["month", "quarter", "year"] | None = Field(
        None, description="From the start of the month, quarter or year to the period's end."
    )
    as_of: AsOfEntry | None = Field(
        None,
        description="A level: the rows that are open when the period ends.",
        examples=[{"from": "opened_at", "to": "resolved_at"}],
    )
    latest: Annotated[LatestEntry, BeforeValidator(_latest), _OrShort(text=True)] | None = Field(
        None,
        description="A level: the last row of each of these.",
        examples=[{"per": "customer", "carry": False}, "customer"],
    )
    margin: Literal["nps", "share"] | None = Field(
        None, description="The margin of error to show beside the value."
    )
    changed: Annotated[
        dict[str, _Text],
        WithJsonSchema(
            {
                "type": "object",
                "propertyNames": {"pattern": anchored(r"\d{4}-\d{2}-\d{2}")},
                "additionalProperties": {"type": "string", "minLength": 1},
            }
        ),
    ] = Field(
        {},
        description="Days on which its meaning changed, and how: marks on its charts.",
        examples=[{"2026-06-01": "rollbacks count as failures"}],
    )
    deprecated: _Text | None = Field(None, description="The metric to use instead.")
    test: Annotated[list[TestEntry], BeforeValidator(_tests), _OrShort()] = Field(
        [],
        description="Numbers that somebody knows: checked whenever an edition is published.",
        examples=[[{"period": "2025-03", "equals": 964.2}]],
    )


class FileEntry(Entry):
    """The file as a whole; its sections are checked entry by entry."""

    version: Literal[1] = Field(description="The version of this grammar.", examples=[1])
    calendar: Any = Field(None, description="What a day, a week and a year are, for every metric.")
    currency: _Text = Field("EUR", description="The currency that amounts are reported in.")
    locale: _Text = Field(
        locales.DEFAULT,
        description="Where numbers and dates are at home: how screens write them.",
        examples=["de-DE", "en-GB", "fr-CH"],
    )
    dimensions: Any = Field(None, description="Every word to break metrics down by.")
    tables: Any = Field(None, description="The fact tables, their time and their dimensions.")
    outcomes: Any = Field(None, description="What both sides want; each groups metrics.")
    metrics: Any = Field(None, description="The numbers, each defined once.")


# What people write for a key, and what it is called here.
OTHER_WORDS: Mapping[str, str] = {
    "aliases": "also_called",
    "description": "definition",
    "dimensions": "by",
    "direction": "good",
    "expression": "value",
    "formula": "value",
    "goal": "target",
    "name": "label",
    "owner": "owners",
    "sql": "value",
    "synonyms": "also_called",
    "title": "label",
}
PAGE = "docs/metrics.md"
# What stands under each section's names.
SECTIONS: Mapping[str, type[BaseModel]] = {
    "dimensions": DimensionEntry,
    "tables": TableEntry,
    "outcomes": OutcomeEntry,
    "metrics": MetricEntry,
}
