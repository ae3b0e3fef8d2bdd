"""Lets Ctrl-C and a service's stop end a piece of work in order."""

from __future__ import annotations

import signal
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from types import FrameType

_SIGNALS = (signal.SIGINT, signal.SIGTERM)


class Interrupted(KeyboardInterrupt):
    """Somebody asked this process to stop; the exit code is the one that shells expect."""

    def __init__(self, number: int) -> None:
        super().__init__(signal.Signals(number).name)
        self.exit_code = 128 + number


@dataclass
class Stop:
    """Whether somebody asked to stop, even where a library hid the exception that says so."""

    number: int | None = None

    def raise_if_asked(self, cause: BaseException | None = None) -> None:
        """Raises Interrupted where somebody asked to stop."""
        if self.number is not None:
            raise Interrupted(self.number) from cause


@contextmanager
def interruptible() -> Iterator[Stop]:
    """Within the block SIGINT and SIGTERM raise Interrupted; only the main thread can have that."""
    stop = Stop()

    def ask(number: int, frame: FrameType | None) -> None:
        stop.number = number
        raise Interrupted(number)

    here = threading.current_thread() is threading.main_thread()
    before = {number: signal.signal(number, ask) for number in _SIGNALS} if here else {}
    try:
        yield stop
    except Exception as error:
        # A database turns the exception into one of its own.
        stop.raise_if_asked(error)
        raise
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)
