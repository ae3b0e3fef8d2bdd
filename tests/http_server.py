"""Starts small web servers that answer as a test wants, and remember what they were asked."""

from __future__ import annotations

import contextlib
import threading
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer


@dataclass(frozen=True)
class Request:
    """What a server was asked."""

    method: str
    path: str
    headers: dict[str, str]
    body: str


@dataclass(frozen=True)
class Answer:
    """What it answers; a body of several pieces goes out piece by piece, without a length."""

    body: bytes | Iterable[bytes] = b""
    status: int = 200
    headers: dict[str, str] = field(default_factory=dict)


@dataclass
class Server:
    """A running server."""

    url: str
    asked: list[Request]


@contextlib.contextmanager
def serving(answer: Callable[[Request], Answer]) -> Iterator[Server]:
    """A server on 127.0.0.1 that answers every request with `answer(request)`."""
    asked: list[Request] = []

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            length = int(self.headers.get("Content-Length", 0))
            body = self.rfile.read(length).decode()
            request = Request(self.command, self.path, dict(self.headers.items()), body)
            asked.append(request)
            given = answer(request)
            self.send_response(given.status)
            if isinstance(given.body, bytes) and "Content-Length" not in given.headers:
                self.send_header("Content-Length", str(len(given.body)))
            for name, value in given.headers.items():
                self.send_header(name, value)
            self.end_headers()
            with contextlib.suppress(ConnectionError):  # a client may hang up on us
                for piece in [given.body] if isinstance(given.body, bytes) else given.body:
                    self.wfile.write(piece)
                    self.wfile.flush()

        do_POST = do_GET

        def log_message(self, format: str, *args: object) -> None:
            """The tests look at `asked`, not at a log."""

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    thread = threading.Thread(target=server.serve_forever, args=(0.01,))
    thread.start()
    try:
        yield Server(f"http://127.0.0.1:{server.server_port}", asked)
    finally:
        server.shutdown()
        server.server_close()
        thread.join()
