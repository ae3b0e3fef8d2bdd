"""A wire to a server on this machine, which a test can cut: what passes through it ends at once."""

from __future__ import annotations

import contextlib
import socket
import threading
from collections.abc import Iterator


class CutWire:
    """Listens on `port` and passes on what comes and goes, until `cut` is called."""

    def __init__(self, to: int) -> None:
        self._to = to
        self._listening = socket.create_server(("127.0.0.1", 0))
        self.port: int = self._listening.getsockname()[1]
        self._open: list[socket.socket] = []
        threading.Thread(target=self._accept, daemon=True).start()

    def cut(self) -> None:
        """Ends everything that passes, and refuses whoever comes."""
        for each in (self._listening, *self._open):
            with contextlib.suppress(OSError):
                each.shutdown(socket.SHUT_RDWR)
            each.close()

    def _accept(self) -> None:
        with contextlib.suppress(OSError):
            while True:
                here, _ = self._listening.accept()
                there = socket.create_connection(("127.0.0.1", self._to))
                self._open += [here, there]
                for one, other in ((here, there), (there, here)):
                    threading.Thread(target=_pass_on, args=(one, other), daemon=True).start()


@contextlib.contextmanager
def cut_wire(to: int) -> Iterator[CutWire]:
    """A wire to a port of this machine for the length of a `with`."""
    wire = CutWire(to)
    try:
        yield wire
    finally:
        wire.cut()


def _pass_on(one: socket.socket, other: socket.socket) -> None:
    with contextlib.suppress(OSError):
        while data := one.recv(65536):
            other.sendall(data)
        other.shutdown(socket.SHUT_WR)
