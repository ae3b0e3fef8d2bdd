"""Keeps what happened in every refresh for machines: one JSON object a line, without secrets."""

from __future__ import annotations

import datetime as dt
import json
import logging
from collections.abc import Iterator
from contextlib import contextmanager
from logging.handlers import RotatingFileHandler
from pathlib import Path

from kpi.secrecy import Secrets

_LARGEST = 1_000_000  # bytes; the file before it is kept
_log = logging.getLogger(__name__)

Value = str | int | float | None


def note(
    event: str,
    *,
    level: int = logging.INFO,
    cause: BaseException | None = None,
    **values: Value,
) -> None:
    """Writes one line into the open log: what happened, and whatever belongs to it.

    `cause` adds its traceback; a value that is None is left out.
    """
    _log.log(level, event, exc_info=cause, extra={"event": event, "values": values})


@contextmanager
def refresh_log(path: Path, secrets: Secrets) -> Iterator[None]:
    """Within the block all logging goes to this file, also what libraries have to say.

    Without a handler Python would write their warnings, addresses with passwords included, to
    stderr. What ends the block before its time is written down too.
    """
    handler = _Handler(path, maxBytes=_LARGEST, backupCount=1, encoding="utf-8", delay=True)
    handler.setFormatter(_Lines(secrets))
    root, ours = logging.getLogger(), logging.getLogger("kpi")
    level = ours.level
    root.addHandler(handler)
    ours.setLevel(logging.INFO)
    logging.captureWarnings(True)
    try:
        yield
    except KeyboardInterrupt:
        note("stopped", level=logging.WARNING)
        raise
    except Exception as error:
        note("failed", level=logging.ERROR, cause=error, error=str(error))
        raise
    finally:
        logging.captureWarnings(False)
        ours.setLevel(level)
        root.removeHandler(handler)
        handler.close()


class _Handler(RotatingFileHandler):
    def handleError(self, record: logging.LogRecord) -> None:
        """A log that cannot be written stops nothing, and must not print the record unscrubbed."""


class _Lines(logging.Formatter):
    def __init__(self, secrets: Secrets) -> None:
        super().__init__()
        self._secrets = secrets

    def format(self, record: logging.LogRecord) -> str:
        """The record as a JSON object, every secret in it replaced."""
        moment = dt.datetime.fromtimestamp(record.created, dt.UTC).replace(tzinfo=None)
        entry: dict[str, Value] = {
            "time": f"{moment.isoformat(timespec='milliseconds')}Z",
            "level": record.levelname.lower(),
            # What a library says has no event of its own.
            "event": getattr(record, "event", "message"),
        }
        said = {"logger": record.name, "message": record.getMessage()}
        entry |= getattr(record, "values", said)
        if record.exc_info:
            entry["traceback"] = self.formatException(record.exc_info)
        # Before they become JSON, whose escapes could hide a secret from the search.
        shown = {
            key: self._secrets.scrub(value) if isinstance(value, str) else value
            for key, value in entry.items()
            if value is not None
        }
        return json.dumps(shown, ensure_ascii=False)
