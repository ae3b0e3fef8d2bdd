"""A connector that brings, raises or waits as a JSON file in the home folder tells it to."""

from __future__ import annotations

import datetime as dt
import json
import logging
import os
import signal
import time
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import pyarrow as pa
from pydantic import Field, SecretStr, model_validator

from connectors import contract
from connectors.contract import Batch, Column, Context, Shape, SourceError


class Options(contract.Options):
    """What a scripted source may say."""

    script: str = "script.json"
    into: str = "surveys"
    mode: contract.Mode = "upsert"
    url: str = ""
    port: int = 5432
    token: SecretStr | None = None
    headers: dict[str, str] = Field(default_factory=dict)

    @model_validator(mode="after")
    def _fits(self) -> Options:
        if self.port == 5433 and not self.url.startswith("https:"):
            raise ValueError("the port 5433 needs an https address")
        return self


def system(options: Options) -> str:
    """The name carries the address, so that a test can see whether it was scrubbed."""
    return f"Scripted {options.url}".strip()


def pull(options: Options, state: Mapping[str, Any], context: Context) -> Iterator[Batch]:
    """Does one step after another."""
    steps = json.loads((context.home / options.script).read_text())
    for step in steps:
        if "told" in step:
            context.progress(*step["told"])
        if "waits" in step:
            seconds, why = step["waits"]
            context.waiting(seconds, why.replace("<url>", options.url))
        if "notice" in step:
            context.notice(step["notice"].replace("<url>", options.url))
        if "warning" in step:
            logging.getLogger("a.library").warning(step["warning"].replace("<url>", options.url))
        if "error" in step:
            raise SourceError(step["error"].replace("<url>", options.url), step["advice"])
        if "crash" in step:
            raise RuntimeError(step["crash"].replace("<url>", options.url))
        if "wait_for" in step:
            _wait(context.home, step)
        if "signal" in step:
            _stop(getattr(signal, step["signal"]), hidden=step["hidden"])
        if "rows" in step:
            yield _batch(options, step, state, context)


def _stop(number: int, *, hidden: bool) -> None:
    """Stops its own process; hidden as a database does it, which raises an error of its own."""
    try:
        os.kill(os.getpid(), number)
        time.sleep(1)
    except KeyboardInterrupt as error:
        if hidden:
            raise RuntimeError("Query interrupted") from error
        raise


def _batch(
    options: Options, step: Mapping[str, Any], state: Mapping[str, Any], context: Context
) -> Batch:
    rows = step["rows"]
    names = list(rows[0]) if rows else ["response_id"]
    columns = {name: pa.array([row.get(name) for row in rows], pa.string()) for name in names}
    as_of = step.get("as_of")
    kept = {"pulls": state.get("pulls", 0) + 1, "full": context.full, "at": options.url}
    return Batch(
        into=step.get("into", options.into),
        rows=pa.table(columns),
        shape=Shape(
            columns=tuple(Column(name) for name in step.get("mapped", names)),
            key=("response_id",) if "response_id" in names else (),
            mode=options.mode,
        ),
        origin=step.get("origin", "script").replace("<url>", options.url),
        state=None if step.get("stateless") else kept,
        as_of=dt.datetime.fromisoformat(as_of) if as_of else None,
    )


def _wait(home: Path, step: Mapping[str, Any]) -> None:
    """Says that it is here, then waits for a file to appear."""
    (home / "waiting").touch()
    while not (home / step["wait_for"]).exists():
        time.sleep(0.01)
