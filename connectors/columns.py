"""What a source's `columns:` may say: how a raw column becomes a typed column of a fact table."""

from __future__ import annotations

import datetime as dt
import difflib
import re
import zoneinfo
from collections.abc import Iterable, Mapping
from typing import Annotated, Any, Literal

from pydantic import AfterValidator, BaseModel, BeforeValidator, ConfigDict, Field, model_validator

from connectors.contract import Column

# The words people use, beside DuckDB's own; no zoned type, because facts hold naive UTC.
_TYPES = {
    "text": "VARCHAR",
    "varchar": "VARCHAR",
    "boolean": "BOOLEAN",
    "smallint": "SMALLINT",
    "integer": "BIGINT",
    "bigint": "BIGINT",
    "hugeint": "HUGEINT",
    "number": "DOUBLE",
    "double": "DOUBLE",
    "date": "DATE",
    "time": "TIME",
    "timestamp": "TIMESTAMP",
}
_SHOWN = 40  # characters of one value
_DECIMAL = re.compile(r"decimal\s*\(\s*(\d{1,2})\s*,\s*(\d{1,2})\s*\)")


def nearest(word: str, known: Iterable[str]) -> str:
    """ " Did you mean 'x'?" with the known name most like `word`, or "" where none is like it."""
    by_folded = {name.casefold(): name for name in known}
    found = difflib.get_close_matches(word.casefold(), by_folded, n=1, cutoff=0.6)
    return f" Did you mean '{by_folded[found[0]]}'?" if found else ""


def _type(value: str) -> str:
    word = value.strip().lower()
    decimal = _DECIMAL.fullmatch(word)
    if decimal and 1 <= int(decimal[1]) <= 38 and int(decimal[2]) <= int(decimal[1]):
        return f"DECIMAL({int(decimal[1])},{int(decimal[2])})"
    if word in _TYPES:
        return _TYPES[word]
    raise ValueError(
        f"unknown type '{value}'.{nearest(word, _TYPES)} Write one of {', '.join(_TYPES)}, "
        "or decimal(18,2) with at most 38 digits"
    )


def _zone(value: str) -> str:
    known = zoneinfo.available_timezones()
    if value not in known:
        raise ValueError(
            f"unknown time zone '{value}'.{nearest(value, known)} "
            "Write a name such as UTC or Europe/Berlin"
        )
    return value


def _word(value: object) -> object:
    """YAML reads 99 and true as number and truth; a raw text is compared with their spelling."""
    if isinstance(value, bool):
        return str(value).lower()
    return str(value) if isinstance(value, int | float | dt.date) else value


def _words(value: object) -> object:
    return [_word(item) for item in value] if isinstance(value, list | tuple) else [_word(value)]


def _word_keys(value: object) -> object:
    return {_word(key): item for key, item in value.items()} if isinstance(value, dict) else value


Zone = Annotated[str, AfterValidator(_zone)]
Word = Annotated[str, BeforeValidator(_word)]
# One text or a list of them.
Words = Annotated[tuple[str, ...], BeforeValidator(_words)]


class ColumnOptions(BaseModel):
    """One entry of `columns:` where the raw column's name alone does not say enough."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    source: str | None = Field(default=None, alias="from", min_length=1)
    type: Annotated[str, AfterValidator(_type)] | None = None
    format: Words = ()
    timezone: Zone | None = None
    missing: Words = ()
    decimal: Literal[".", ","] | None = None
    values: Annotated[dict[str, Word], BeforeValidator(_word_keys)] = Field(default_factory=dict)
    value: str | bool | int | float | dt.datetime | dt.date | None = None

    @model_validator(mode="after")
    def _a_value_needs_no_raw_column(self) -> ColumnOptions:
        raw = self.model_fields_set - {"value", "type"}
        if self.value is not None and raw:
            given = ", ".join(sorted("from" if name == "source" else name for name in raw))
            raise ValueError(
                f"'value' is the same in every row, so remove {given}, or remove value"
            )
        return self


def _entry(value: object) -> object:
    return {"from": value} if isinstance(value, str) else value


def _names(columns: dict[str, Any]) -> dict[str, Any]:
    seen: dict[str, str] = {}
    for name in columns:
        if not name.strip() or name.startswith("_"):
            raise ValueError(f"'{name}' cannot name a column: names beginning with _ are ours")
        other = seen.setdefault(name.casefold(), name)
        if other != name:
            raise ValueError(f"'{name}' and '{other}' differ in case only; keep one of them")
    return columns


# The type of the key `columns:` in a connector's Options: {name: raw name | ColumnOptions}.
Columns = Annotated[
    dict[str, Annotated[ColumnOptions, BeforeValidator(_entry)]], AfterValidator(_names)
]


def columns_of(
    mapping: Mapping[str, ColumnOptions],
    *,
    timezone: str | None = None,
    decimal: Literal[".", ","] = ".",
) -> tuple[Column, ...]:
    """The columns that `columns:` declares; zone and decimal are the source's by default."""
    return tuple(
        Column(
            name=name,
            source=entry.source,
            type=entry.type,
            formats=entry.format,
            timezone=entry.timezone or timezone,
            missing=entry.missing,
            decimal=entry.decimal or decimal,
            values=entry.values,
            constant=entry.value,
        )
        for name, entry in mapping.items()
    )


def shown_row(columns: Iterable[Column], raw: Mapping[str, object]) -> str:
    """A raw row under the names of its facts: "score = 9, severity = sev1 (P1)"."""
    return ", ".join(f"{column.name} = {_shown(column, raw)}" for column in columns)


def _shown(column: Column, raw: Mapping[str, object]) -> str:
    """One value, in our word with the source's behind it; what is long is cut."""
    value = column.constant
    if value is None:
        value = raw.get(column.source or column.name)
    text = "nothing" if value is None or value == "" else " ".join(str(value).split())
    text = text if len(text) <= _SHOWN else text[:_SHOWN] + "…"
    word = column.values.get(str(value))
    return text if word is None else f"{word} ({text})"
