"""A connector whose entry says what its check says, and that must not be pulled."""

from __future__ import annotations

import os
import signal
import time
from collections.abc import Iterator, Mapping
from typing import Any

from connectors import contract
from connectors.contract import Batch, Context, SourceError

TABLES = ("surveys",)


class Options(contract.Options):
    """What is said; `<url>` in any of it stands for the address."""

    url: str = ""
    says: list[str] = []  # noqa: RUF012 (pydantic copies it)
    notices: str = ""
    waits: str = ""
    refuses: str = ""
    crashes: str = ""
    stops: bool = False


def system(options: Options) -> str:
    """One system."""
    return "Proved"


def pull(options: Options, state: Mapping[str, Any], context: Context) -> Iterator[Batch]:
    """A check pulls nothing."""
    raise AssertionError("a check must not pull")


def check(options: Options, context: Context) -> Iterator[str]:
    """Says what the entry says, then ends as it says."""

    def filled(text: str) -> str:
        return text.replace("<url>", options.url)

    if options.waits:
        context.waiting(35, filled(options.waits))
    if options.notices:
        context.notice(filled(options.notices))
    yield from map(filled, options.says)
    if options.refuses:
        raise SourceError(filled(options.refuses), "Mend it.")
    if options.crashes:
        raise RuntimeError(filled(options.crashes))
    if options.stops:
        _stop()


def _stop() -> None:
    try:
        os.kill(os.getpid(), signal.SIGTERM)
        time.sleep(1)
    except KeyboardInterrupt as error:
        # As a database does it.
        raise RuntimeError("Query interrupted") from error
