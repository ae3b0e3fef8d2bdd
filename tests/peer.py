"""Plays the systems that connectors ask: a real server on 127.0.0.1, its routes, and its faults."""

from __future__ import annotations

import contextlib
import json
import re
import threading
import time
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from email.utils import formatdate
from functools import cached_property
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import parse_qs, unquote, urlsplit


@dataclass(frozen=True)
class Request:
    """What a server was asked; `match` holds what the route's pattern found in the path."""

    method: str
    path: str
    headers: Mapping[str, str]
    body: str
    host: str = ""
    match: Mapping[str, str] = field(default_factory=dict)

    @cached_property
    def lists(self) -> dict[str, list[str]]:
        """The parameters of the address, each with all its values."""
        return parse_qs(urlsplit(self.path).query, keep_blank_values=True)

    @cached_property
    def query(self) -> dict[str, str]:
        """The parameters of the address, each with its last value."""
        return {name: values[-1] for name, values in self.lists.items()}

    @cached_property
    def json(self) -> Any:
        """The body of a question that is sent as JSON."""
        return json.loads(self.body)


@dataclass(frozen=True)
class Answer:
    """What it answers; a body of several pieces goes out piece by piece, without a length."""

    body: bytes | Iterable[bytes] = b""
    status: int = 200
    headers: Mapping[str, str] = field(default_factory=dict)


# In the place of an answer: the connection is closed without a word.
HANG_UP = Answer(status=0)

Handler = Callable[[Request], Answer]


def data(value: Any, status: int = 200, headers: Mapping[str, str] | None = None) -> Answer:
    """An answer in JSON."""
    body = json.dumps(value).encode()
    return Answer(body, status, {"Content-Type": "application/json", **(headers or {})})


@dataclass
class Server:
    """A running server."""

    url: str
    asked: list[Request]


@contextlib.contextmanager
def serving(answer: Handler, now: Callable[[], float] = time.time) -> Iterator[Server]:
    """A server on 127.0.0.1 that answers every request with `answer(request)`.

    `now` is its clock (epoch seconds), which the header Date of its answers shows.
    """
    asked: list[Request] = []

    class Handling(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"
        disable_nagle_algorithm = True

        def do_GET(self) -> None:
            length = int(self.headers.get("Content-Length", 0))
            body = self.rfile.read(length).decode()
            headers = dict(self.headers.items())
            request = Request(self.command, self.path, headers, body, headers.get("Host", ""))
            asked.append(request)
            given = answer(request)
            if given is HANG_UP:
                self.close_connection = True
                return
            is_whole = isinstance(given.body, bytes) and "Content-Length" not in given.headers
            self.send_response_only(given.status)
            own = {"Date": formatdate(now(), usegmt=True)}
            if is_whole:
                own["Content-Length"] = str(len(given.body))  # type: ignore[arg-type]
            else:
                own["Connection"] = "close"
            for name, value in {**own, **given.headers}.items():
                self.send_header(name, value)
            self.end_headers()
            with contextlib.suppress(ConnectionError):  # a client may hang up on us
                for piece in [given.body] if isinstance(given.body, bytes) else given.body:
                    self.wfile.write(piece)
                    self.wfile.flush()

        do_POST = do_GET

        def log_message(self, format: str, *args: object) -> None:
            """The tests look at `asked`, not at a log."""

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handling)
    thread = threading.Thread(target=server.serve_forever, args=(0.01,))
    thread.start()
    try:
        yield Server(f"http://127.0.0.1:{server.server_port}", asked)
    finally:
        server.shutdown()
        server.server_close()
        thread.join()


class Clock:
    """A clock that only waiting moves, so that an hour's wait takes no time."""

    def __init__(self, now: float = 1_800_000_000.0) -> None:
        self.now = now
        self.waits: list[float] = []

    def time(self) -> float:
        """Epoch seconds."""
        return self.now

    def sleep(self, seconds: float) -> None:
        """Notes the wait instead of taking it."""
        self.waits.append(seconds)
        self.now += seconds


# What goes wrong with one request: it may ask `peer.good(request)` for the proper answer.
Fault = Callable[["Peer", Request], Answer]


class Peer:
    """A system made of routes; everything in it may be changed while it is asked.

    `faults` holds what goes wrong with the n-th request, counted from 1. `credential` is a header
    and the value that it must have. `allowance` bounds how often it may be asked.
    """

    def __init__(self, clock: Clock | None = None, drift: float = 0.0) -> None:
        self._clock = clock
        self._drift = drift
        self._lock = threading.RLock()
        self._routes: list[tuple[str, re.Pattern[str], Handler]] = []
        self.faults: dict[int, Fault] = {}
        self.credential: tuple[str, str] | None = None
        self.allowance: Allowance | None = None
        self.count = 0
        self.before: Answer | None = None

    def now(self) -> float:
        """The peer's clock, which may differ from ours."""
        return (self._clock.time() if self._clock else time.time()) + self._drift

    def route(self, pattern: str, handler: Handler, method: str = "GET") -> None:
        """Answers `method` at a path such as `/repos/{owner}/{repo}/issues`.

        A placeholder takes everything up to the next slash; `%2F` is no slash.
        """
        parts = (
            f"(?P<{part[1:-1]}>[^/]+)" if part.startswith("{") else re.escape(part)
            for part in re.split(r"(\{\w+\})", pattern)
        )
        self._routes.append((method, re.compile("".join(parts)), handler))

    @contextlib.contextmanager
    def serving(self) -> Iterator[Server]:
        """The peer, running."""
        with serving(self.answer, self.now) as server:
            yield server

    def answer(self, request: Request) -> Answer:
        """What this request gets: its fault if it has one, else the proper answer."""
        with self._lock:
            self.count += 1
            fault = self.faults.get(self.count)
            return fault(self, request) if fault else self.good(request)

    def good(self, request: Request) -> Answer:
        """The proper answer, which may be a refusal."""
        if self.credential is not None:
            name, value = self.credential
            if request.headers.get(name) != value:
                return data({"message": "Bad credentials"}, 401)
        if self.allowance is not None:
            refused = self.allowance.refused(self.now())
            if refused is not None:
                return refused
        path = urlsplit(request.path).path
        for method, pattern, handler in self._routes:
            match = pattern.fullmatch(path)
            if match and method == request.method:
                found = {name: unquote(value) for name, value in match.groupdict().items()}
                self.before = handler(
                    Request(
                        request.method,
                        request.path,
                        request.headers,
                        request.body,
                        request.host,
                        found,
                    )
                )
                return self.before
        return data({"message": f"Not Found: {request.method} {path}"}, 404)


@dataclass
class Allowance:
    """So many requests in so many seconds; then refusals that say how long to wait, in one form.

    `form` is "epoch seconds", "seconds", "timestamp" or "http date", in the header `reset`.
    """

    requests: int
    seconds: float
    form: str
    reset: str = "Retry-After"
    remaining: str = "X-RateLimit-Remaining"
    status: int = 429
    _until: float = 0.0
    _used: int = 0

    def refused(self, now: float) -> Answer | None:
        """The refusal of one request too many; None for one that is allowed."""
        if now >= self._until:
            self._until, self._used = now + self.seconds, 0
        self._used += 1
        if self._used <= self.requests:
            return None
        headers = {self.reset: told(self.form, self._until, now), self.remaining: "0"}
        return data({"message": "rate limit exceeded"}, self.status, headers)


def told(form: str, moment: float, now: float) -> str:
    """How a header tells a moment (epoch seconds) in this form."""
    if form == "epoch seconds":
        return str(int(-(-moment // 1)))
    if form == "seconds":
        return str(int(-(-(moment - now) // 1)))
    if form == "timestamp":
        return time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime(-(-moment // 1)))
    return formatdate(-(-moment // 1), usegmt=True)


# --- faults -------------------------------------------------------------------------------------


def failing(status: int = 503, headers: Mapping[str, str] | None = None) -> Fault:
    """A failure, perhaps with headers that have nothing to do with it."""
    return lambda peer, request: data({"message": "out of order"}, status, headers)


def web_page(peer: Peer, request: Request) -> Answer:
    """A page to sign in, with status 200."""
    return Answer(b"<!doctype html><p>Sign in", headers={"Content-Type": "text/html"})


def empty(peer: Peer, request: Request) -> Answer:
    """Status 200 and nothing else."""
    return Answer(b"")


def cut_json(peer: Peer, request: Request) -> Answer:
    """An answer whose JSON ends in the middle, though its length is right."""
    good = peer.good(request)
    return Answer(_bytes(good)[: len(_bytes(good)) // 2], good.status, good.headers)


def broken_off(peer: Peer, request: Request) -> Answer:
    """An answer whose connection ends in the middle of the body."""
    body = _bytes(good := peer.good(request))
    length = {"Content-Length": str(len(body))}
    return Answer(body[: len(body) // 2], good.status, {**good.headers, **length})


def hanging_up(peer: Peer, request: Request) -> Answer:
    """A connection that ends without an answer."""
    return HANG_UP


def repeated(peer: Peer, request: Request) -> Answer:
    """The answer before, once more."""
    return peer.before or peer.good(request)


def dripping(pause: float) -> Fault:
    """The proper answer byte by byte."""

    def drip(peer: Peer, request: Request) -> Answer:
        def pieces(body: bytes) -> Iterator[bytes]:
            for byte in body:
                time.sleep(pause)
                yield bytes([byte])

        good = peer.good(request)
        return Answer(pieces(_bytes(good)), good.status, good.headers)

    return drip


def meanwhile(change: Callable[[], object]) -> Fault:
    """The proper answer, after a change that was made since the request before."""

    def changed(peer: Peer, request: Request) -> Answer:
        change()
        return peer.good(request)

    return changed


def expired(peer: Peer, request: Request) -> Answer:
    """From this request on the credential is good no more."""
    assert peer.credential is not None, "a peer whose credential expires has one"
    peer.credential = (peer.credential[0], "another than any that was given out")
    return peer.good(request)


def _bytes(answer: Answer) -> bytes:
    assert isinstance(answer.body, bytes), "a fault needs an answer in one piece"
    return answer.body
