"""What systems answer over HTTP: a body in pieces, or a whole page with the data in it."""

from __future__ import annotations

import json
import re
import time
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any
from urllib.parse import urljoin

from urllib3 import BaseHTTPResponse, exceptions

from connectors.addresses import shown_address
from connectors.contract import SourceError
from connectors.refusals import unreached

# `timeout` bounds a silence; a whole body may take this many of them, however slowly it drips.
_TIMEOUTS_A_BODY = 10
_PIECE = 64 * 1024
# So much of the beginning shows what a body is, or makes a sentence of an error.
_HEAD = 512
_LONG, _EXCERPT = 4096, 300

# One link of a header, `<target>; rel="next"; title="a, b"`, and one of its parameters.
_LINK = re.compile(r'<(?P<target>[^>]*)>(?P<parameters>(?:[^",]|"[^"]*")*)')
_PARAMETER = re.compile(r';\s*(\w+)\s*=\s*(?:"([^"]*)"|([^\s;,]+))')


@dataclass(frozen=True)
class Page:
    """A whole answer: its address (which may hold secrets), its headers, and its body as it came.

    A header is found however its name is written. `secrets` are what no excerpt may show.
    """

    url: str = field(repr=False)
    headers: Mapping[str, str] = field(repr=False)
    content: bytes = field(repr=False)
    secrets: tuple[str, ...] = field(default=(), repr=False)

    @cached_property
    def value(self) -> Any:
        """What the body says as JSON; raises SourceError where it is none, or not all of it."""
        where = shown_address(self.url)
        if not self.content.strip():
            raise SourceError(
                f"{where} answered with nothing at all.",
                "The next refresh asks again; if it stays, check that `url` leads to the system.",
            )
        try:
            return json.loads(self.content)
        except (ValueError, RecursionError):
            raise SourceError(
                f"{where} answered with something that is not JSON: {self.excerpt!r}.",
                "Check that `url` leads to the right system.",
            ) from None

    @property
    def excerpt(self) -> str:
        """The beginning of the body in one line, for an error."""
        return excerpt(self.content, self.secrets)

    @property
    def next(self) -> str | None:
        """The whole address of the next page as the Link header (RFC 8288) names it, if it does."""
        for link in _LINK.finditer(self.headers.get("Link", "")):
            for name, quoted, plain in _PARAMETER.findall(link["parameters"]):
                if name.lower() == "rel" and "next" in (quoted or plain).lower().split():
                    return urljoin(self.url, str(link["target"]))
        return None


class Answer:
    """A good answer, its body still unread."""

    def __init__(
        self, url: str, headers: Mapping[str, str], body: BaseHTTPResponse, timeout: float
    ) -> None:
        self.url = url
        self.headers = headers
        self._body = body
        self._timeout = timeout

    def pieces(self, largest: int) -> Iterator[bytes]:
        """The body in pieces; raises SourceError where it breaks off, drags on or is too large."""
        where = shown_address(self.url)
        deadline = time.monotonic() + _TIMEOUTS_A_BODY * self._timeout
        size = 0
        try:
            # read1 gives what has come so far: read would wait for a full piece, past the deadline.
            while piece := self._body.read1(_PIECE, decode_content=True):
                size += len(piece)
                if size > largest:
                    raise SourceError(
                        f"{where} sends more than {largest // 2**20} MiB.", "Ask for less at once."
                    )
                if time.monotonic() > deadline:
                    raise SourceError(
                        f"{where} was still sending after {_TIMEOUTS_A_BODY} times `timeout`.",
                        "Ask for less at once, or raise `timeout`.",
                    )
                yield piece
        except (exceptions.HTTPError, OSError) as error:
            raise unreached(where, error, self._timeout) from None

    def is_web_page(self, head: bytes) -> bool:
        """Whether a body that begins so is one: some scripts send a CSV file under its type."""
        start = head[:_HEAD].removeprefix(b"\xef\xbb\xbf").lstrip().lower()
        if start.startswith((b"<!doctype html", b"<html", b"<head")):
            return True
        return start.startswith(b"<") and "html" in self.headers.get("Content-Type", "").lower()


def excerpt(body: bytes, secrets: tuple[str, ...]) -> str:
    """The beginning of a body in one line, for an error; `secrets` that it repeats are hidden."""
    text = body[:_LONG].decode(errors="replace")
    for secret in secrets:
        text = text.replace(secret, "***")
    line = " ".join(text.split())
    return line if len(line) <= _EXCERPT else line[:_EXCERPT] + "…"
