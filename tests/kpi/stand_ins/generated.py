"""A connector that brings numbered rows in pages and goes on where it stopped."""

from __future__ import annotations

import time
from collections.abc import Iterator, Mapping
from typing import Any

import pyarrow as pa

from connectors import contract
from connectors.contract import Batch, Column, Context, Shape


class Options(contract.Options):
    """How many rows there are, in pages, and how many pages come in one pull at most."""

    into: str = "things"
    page: int
    pages: int
    most: int = 1_000_000


def system(options: Options) -> str:
    """One system."""
    return "Generated"


def pull(options: Options, state: Mapping[str, Any], context: Context) -> Iterator[Batch]:
    """Page after page, from the last one that landed: that one comes again."""
    done = int(state.get("pages", 0))
    first = max(done - 1, 0)
    for page in range(first, min(done + options.most, options.pages)):
        time.sleep(0.02)
        numbers = range(page * options.page, (page + 1) * options.page)
        rows = pa.table({"id": pa.array(numbers), "page": pa.array([page] * options.page)})
        columns = (Column("id"), Column("page"))
        yield Batch(
            options.into, rows, Shape(columns, key=("id",)), f"page {page}", {"pages": page + 1}
        )
