"""Keeps what happened in every refresh, with tracebacks and without secrets."""

from __future__ import annotations

import logging
import time
from collections.abc import Iterator
from contextlib import contextmanager
from logging.handlers import RotatingFileHandler
from pathlib import Path

from kpi.secrecy import Secrets

_LARGEST = 1_000_000  # bytes; the file before it is kept


@contextmanager
def refresh_log(path: Path, secrets: Secrets) -> Iterator[None]:
    """Within the block all logging goes to this file, also what libraries have to say.

    Without a handler Python would write their warnings, addresses with passwords included, to
    stderr.
    """
    handler = _Handler(path, maxBytes=_LARGEST, backupCount=1, encoding="utf-8", delay=True)
    handler.setFormatter(_Scrubbing(secrets))
    root, ours = logging.getLogger(), logging.getLogger("kpi")
    level = ours.level
    root.addHandler(handler)
    ours.setLevel(logging.INFO)
    logging.captureWarnings(True)
    try:
        yield
    finally:
        logging.captureWarnings(False)
        ours.setLevel(level)
        root.removeHandler(handler)
        handler.close()


class _Handler(RotatingFileHandler):
    def handleError(self, record: logging.LogRecord) -> None:
        """A log that cannot be written stops nothing, and must not print the record unscrubbed."""


class _Scrubbing(logging.Formatter):
    converter = staticmethod(time.gmtime)

    def __init__(self, secrets: Secrets) -> None:
        super().__init__("%(asctime)sZ %(name)s %(levelname)s %(message)s", "%Y-%m-%dT%H:%M:%S")
        self._secrets = secrets

    def format(self, record: logging.LogRecord) -> str:
        """The record with its traceback, every secret replaced."""
        return self._secrets.scrub(super().format(record))
