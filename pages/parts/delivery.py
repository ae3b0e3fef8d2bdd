"""How a first visit is delivered: scripts packed once for everybody, a page without detours, and
an address without a page led to one."""

from __future__ import annotations

import asyncio
import re
from collections.abc import Awaitable, Callable, MutableMapping
from functools import cache
from pathlib import Path
from typing import Any
from urllib.parse import quote

import brotli
from streamlit import config, file_util

Message = MutableMapping[str, Any]
Receive = Callable[[], Awaitable[Message]]
Send = Callable[[Message], Awaitable[None]]
App = Callable[[Message, Receive, Send], Awaitable[None]]

_PAGES = Path(__file__).parents[1]
# One step more saves 7 % of the bytes and takes eight times as long.
_QUALITY = 9
_KINDS = {".js": b"text/javascript; charset=utf-8", ".css": b"text/css; charset=utf-8"}
# Streamlit asks first for 170 kB of a font that these pages only fall back on; ours is Inter.
_FONT = re.compile(rb'<link\s+rel="preload"[^>]*?as="font"[^>]*?/?>')
# Where the server is, seen from any page. Without being told the browser's part looks for it beside
# a deep link first (/metric/_stcore/health), and the console shows what it does not find there.
_TOLD = (
    b'<link rel="preload" href="./app/static/inter.woff2" as="font" type="font/woff2" crossorigin>'
    b"<script>window.__streamlit = "
    b'{BACKEND_BASE_URL: new URL(".", location.href).href, '
    b'MAIN_PAGE_BASE_URL: new URL(".", location.href).href}</script>'
)


class Delivery:
    """ASGI middleware around Streamlit's own files; everything else passes."""

    def __init__(self, app: App) -> None:
        self.app = app
        base = config.get_option("server.baseUrlPath").strip("/")
        folder = Path(file_util.get_static_dir())
        # Their names change with what is in them, so that they are kept for as long as we run.
        self.files = {
            "/".join(("", *filter(None, (base, file.relative_to(folder).as_posix())))): file
            for file in (folder / "static").rglob("*")
            if file.suffix in _KINDS
        }

    async def __call__(self, scope: Message, receive: Receive, send: Send) -> None:
        if scope["type"] != "http" or scope["method"] != "GET":
            await self.app(scope, receive, send)
        elif (file := self.files.get(scope["path"])) and _takes_brotli(scope):
            await _send_packed(file, send)
        else:
            await self.app(_unpacked(scope), receive, _pages_told(send))


def _unpacked(scope: Message) -> Message:
    """The same question for an answer that can be read here; it is packed further outside."""
    kept = [(name, value) for name, value in scope["headers"] if name != b"accept-encoding"]
    return {**scope, "headers": kept}


def _takes_brotli(scope: Message) -> bool:
    accepted = b",".join(v for name, v in scope["headers"] if name == b"accept-encoding")
    return any(word.strip() == b"br" for word in accepted.split(b","))


async def _send_packed(file: Path, send: Send) -> None:
    body = await asyncio.to_thread(_packed, file)
    headers = [
        (b"content-type", _KINDS[file.suffix]),
        (b"content-encoding", b"br"),
        (b"content-length", str(len(body)).encode()),
        (b"cache-control", b"public, immutable, max-age=31536000"),
        (b"vary", b"Accept-Encoding"),
    ]
    await send({"type": "http.response.start", "status": 200, "headers": headers})
    await send({"type": "http.response.body", "body": body})


@cache  # as many as Streamlit brings: 8 MB if each were asked for
def _packed(file: Path) -> bytes:
    return bytes(brotli.compress(file.read_bytes(), quality=_QUALITY, lgwin=24))


class KnownPages:
    """ASGI middleware that leads an address without a page to the scorecard, which says so.

    Streamlit answers every such address with its frame, and that with a dialog of its own.
    """

    def __init__(self, app: App) -> None:
        self.app = app
        self.known = {path.stem for path in _PAGES.glob("*.py")}

    async def __call__(self, scope: Message, receive: Receive, send: Send) -> None:
        path = scope.get("path", "")
        base = str(config.get_option("server.baseUrlPath") or "").strip("/")
        name = path.strip("/").removeprefix(base).strip("/")
        is_page = not name or name in self.known
        if scope["type"] != "http" or is_page or "/" in name or "." in name or name[0] == "_":
            await self.app(scope, receive, send)
            return
        redirected = False

        async def instead(message: Message) -> None:
            nonlocal redirected
            if message["type"] == "http.response.start" and _is_page(message):
                redirected = True
                where = f"{'../' if path.endswith('/') else './'}?lost={quote(name)}".encode()
                headers = [(b"location", where), (b"content-length", b"0")]
                await send({"type": "http.response.start", "status": 303, "headers": headers})
                await send({"type": "http.response.body", "body": b""})
            elif not redirected:
                await send(message)

        await self.app(scope, receive, instead)


def _pages_told(send: Send) -> Send:
    """Sends what comes on; a page of HTML first gets told where the server is."""
    start: Message | None = None
    page = b""

    async def pass_on(message: Message) -> None:
        nonlocal start, page
        if message["type"] == "http.response.start" and _is_page(message):
            start = message
        elif start is None:
            await send(message)
        else:
            page += message.get("body", b"")
            if not message.get("more_body"):
                page = told(page)
                await send({**start, "headers": _headers(start, len(page))})
                await send({"type": "http.response.body", "body": page})

    return pass_on


def told(page: bytes) -> bytes:
    """The page that loads Streamlit's client, knowing where its server is."""
    return _FONT.sub(b"", page, count=1).replace(b"<script", _TOLD + b"<script", 1)


def _is_page(start: Message) -> bool:
    kinds = [value for name, value in start["headers"] if name.lower() == b"content-type"]
    return start["status"] == 200 and bool(kinds) and kinds[0].startswith(b"text/html")


def _headers(start: Message, length: int) -> list[tuple[bytes, bytes]]:
    # Without the file's own mark, which does not change with what we tell.
    left_out = (b"content-length", b"etag", b"last-modified")
    kept = [(name, value) for name, value in start["headers"] if name.lower() not in left_out]
    return [*kept, (b"content-length", str(length).encode())]
