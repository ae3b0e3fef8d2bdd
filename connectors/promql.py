"""Reads what is written in PromQL and what its series say, as far as uptime goes."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

import numpy as np

from connectors import uptime
from connectors.contract import SourceError

_NAME = r"[A-Za-z_:][A-Za-z0-9_:]*"
_TEXT = r"(?:\"(?:[^\"\\]|\\.)*\"|'(?:[^'\\]|\\.)*'|`[^`]*`)"
_MATCHER = rf"\s*(?:(?:{_NAME}|{_TEXT})\s*(?:=~|!~|!=|=)\s*)?{_TEXT}\s*"
# name, name{label="value"}, {...}: what stands for samples just as they were scraped.
_SELECTOR = re.compile(rf"\s*(?:{_NAME}\s*)?(?:\{{(?:{_MATCHER},)*(?:{_MATCHER})?\}})?\s*")


def is_selector(expression: str) -> bool:
    """Whether an expression stands for samples just as they were scraped."""
    return _SELECTOR.fullmatch(expression) is not None


def readings(series: Mapping[str, Any], key: str) -> uptime.Samples:
    """The zeros and ones of a series; a NaN says nothing, as if it were not there.

    Prometheus gives a stretch of time as `values`, one moment as `value`.
    """
    given = [series["value"]] if "value" in series else series.get("values")
    if given is None:
        raise _not_binary(key, series["metric"], "a histogram")
    times = np.array([time for time, _ in given], dtype=np.float64)
    values = np.array([value for _, value in given], dtype=np.float64)
    there = ~np.isnan(values)
    odd = values[there & (values != 0) & (values != 1)]
    if len(odd):
        raise _not_binary(key, series["metric"], f"{odd[0]:g}")
    return uptime.Samples(np.rint(times[there] * 1000).astype(np.int64), values[there] == 1)


def shown(labels: Mapping[str, str]) -> str:
    """A series as Prometheus writes it: name{label="value"}."""
    inside = ", ".join(f'{name}="{value}"' for name, value in labels.items() if name != "__name__")
    return f"{labels.get('__name__', '')}{{{inside}}}"


def _not_binary(key: str, labels: Mapping[str, str], found: str) -> SourceError:
    return SourceError(
        f"`{key}` must be 0 or 1, but {shown(labels)} is {found}.",
        "Choose another series, or compare in PromQL, for example `name == bool 1`.",
    )
