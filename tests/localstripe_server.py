"""Runs localstripe, a server that keeps charges, refunds and subscriptions as Stripe does."""

from __future__ import annotations

import json
import urllib.error
import urllib.request
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any
from urllib.parse import urlencode

from tests.programs import program
from tests.prometheus_server import free_port, listens, running, wait_for

# Its own command listens to everybody, and writes all it knows into one file for all servers.
_SERVE = """
import sys
from aiohttp import web
from localstripe import resources
from localstripe.server import app
resources.Store.dump_to_disk = lambda store: None
web.run_app(app, host="127.0.0.1", port=int(sys.argv[1]), print=None)
"""


class LocalStripe:
    """A running server and its secret key."""

    key = "sk_test_12345"

    def __init__(self, url: str) -> None:
        self.url = url

    def ask(self, path: str, **params: Any) -> Any:
        """What it answers."""
        return self._sent(f"{path}?{urlencode(params, doseq=True)}", None)

    def all(self, path: str, **params: Any) -> list[dict[str, Any]]:
        """All records of a list."""
        found: list[dict[str, Any]] = self.ask(path, limit=10_000, **params)["data"]
        return found

    def make(self, path: str, **fields: Any) -> Any:
        """A new record, or what became of an old one; nested fields are written `card[number]`."""
        return self._sent(path, urlencode(fields).encode())

    def refuse(self, path: str, **fields: Any) -> int:
        """The status with which it says no."""
        try:
            self.make(path, **fields)
        except urllib.error.HTTPError as error:
            return error.code
        raise AssertionError(f"{path} was taken")

    def delete(self, path: str) -> Any:
        """What is left of a record."""
        return self._sent(path, None, "DELETE")

    def _sent(self, path: str, body: bytes | None, method: str | None = None) -> Any:
        headers: Mapping[str, str] = {"Authorization": f"Bearer {self.key}"}
        address = f"{self.url}/v1/{path}"
        request = urllib.request.Request(address, body, dict(headers), method=method)
        with urllib.request.urlopen(request, timeout=30) as response:
            return json.load(response)


@contextmanager
def localstripe(folder: Path) -> Iterator[LocalStripe]:
    """A localstripe on this machine only, with nothing in it yet."""
    port = free_port()
    python = Path(program("localstripe", package="localstripe")).with_name("python")
    with running([str(python), "-c", _SERVE, str(port)], folder / "localstripe.log"):
        wait_for(lambda: listens(port), "localstripe listens")
        yield LocalStripe(f"http://127.0.0.1:{port}")
