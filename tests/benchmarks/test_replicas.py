"""The documented nginx keeps a visitor with one replica, and has another answer where that ends."""

from __future__ import annotations

import asyncio
import http.client
import threading
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from urllib.parse import urlsplit

import pytest
import websockets

from benchmarks.replicas import Proxy, proxied

pytestmark = pytest.mark.servers
VISITORS = 30


class Marker(BaseHTTPRequestHandler):
    """A server that answers with its own port, and with what the proxy told it."""

    protocol_version = "HTTP/1.1"

    def do_GET(self) -> None:
        body = f"{self.server.server_address[1]} {self.headers['Host']}".encode()
        self.send_response(200)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, format: str, *args: object) -> None:
        """Nobody reads it."""


@contextmanager
def marker() -> Iterator[ThreadingHTTPServer]:
    server = ThreadingHTTPServer(("127.0.0.1", 0), Marker)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    try:
        yield server
    finally:
        server.shutdown()
        server.server_close()


def get(proxy: Proxy, cookie: str | None = None) -> tuple[str, str, str | None]:
    """Which server answered, the host that it was told, and the cookie that came with it."""
    connection = http.client.HTTPConnection(urlsplit(proxy.served.address).netloc, timeout=10)
    connection.request("GET", "/", headers={"Cookie": cookie} if cookie else {})
    answer = connection.getresponse()
    server, host = answer.read().decode().split()
    given = answer.getheader("Set-Cookie")
    connection.close()
    return server, host, given.partition(";")[0] if given else None


@pytest.fixture
def markers() -> Iterator[list[ThreadingHTTPServer]]:
    with ExitStack() as stack:
        yield [stack.enter_context(marker()) for _ in range(3)]


@pytest.fixture
def proxy(markers: list[ThreadingHTTPServer]) -> Iterator[Proxy]:
    with proxied([f"127.0.0.1:{server.server_address[1]}" for server in markers]) as running:
        yield running


def test_a_visitor_stays_with_the_replica_that_answered_first(proxy: Proxy) -> None:
    met = []
    for _ in range(VISITORS):
        first, host, cookie = get(proxy)
        assert cookie is not None
        assert host == urlsplit(proxy.served.address).netloc
        later = [get(proxy, cookie) for _ in range(3)]
        assert {(server, given) for server, _, given in later} == {(first, None)}
        met.append(first)

    assert len(set(met)) == 3
    assert all(len(servers) == 1 for servers in proxy.met().values())
    assert len(proxy.met()) == VISITORS


def test_where_a_replica_ends_only_its_visitors_move(
    proxy: Proxy, markers: list[ThreadingHTTPServer]
) -> None:
    visitors = {cookie: server for server, _, cookie in (get(proxy) for _ in range(VISITORS))}
    gone = str(markers[0].server_address[1])
    markers[0].shutdown()
    markers[0].server_close()

    for cookie, before in visitors.items():
        after, _, _ = get(proxy, cookie)
        assert (after == before) is (before != gone)


def test_a_websocket_goes_through() -> None:
    async def echo(socket: websockets.ServerConnection) -> None:
        async for message in socket:
            await socket.send(message)

    async def through() -> str | bytes:
        async with websockets.serve(echo, "127.0.0.1", 0) as server:
            port = next(iter(server.sockets)).getsockname()[1]
            # Starting nginx waits, and meanwhile nobody would answer.
            running = await asyncio.to_thread(stack.enter_context, proxied([f"127.0.0.1:{port}"]))
            address = running.served.address.replace("http://", "ws://")
            async with websockets.connect(address) as socket:
                await socket.send("heard")
                return await asyncio.wait_for(socket.recv(), 10)

    with ExitStack() as stack:
        assert asyncio.run(through()) == "heard"
