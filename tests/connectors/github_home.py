"""A home folder into which a played GitHub is pulled."""

from __future__ import annotations

import contextlib
import datetime as dt
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from connectors import github
from connectors.contract import Context, Present
from kpi.warehouse import Landed
from tests.connectors.github_peer import TOKEN, Repository, World
from tests.connectors.landed import Landing
from tests.peer import Request

# A first pull begins a year before.
NOW = dt.datetime(2026, 6, 1, 12)
MINUTE, HOUR, DAY = dt.timedelta(minutes=1), dt.timedelta(hours=1), dt.timedelta(days=1)
START = dt.datetime(2026, 3, 2, 9)


class Home:
    """The played GitHub, and the database in which its pulls land."""

    def __init__(self, folder: Path, world: World, url: str, asked: list[Request]) -> None:
        self.world = world
        self.url = url
        self.asked = asked
        self.landing = Landing(folder, github)
        self._folder = folder

    @property
    def shop(self) -> Repository:
        """The repository that most tests are about."""
        return self.world["acme/shop"]

    def options(self, **more: Any) -> dict[str, Any]:
        """The keys of an entry of `sources.yaml`."""
        usual = {"url": self.url, "token": TOKEN, "repositories": ["acme/shop"]}
        return {**usual, **more}

    def pull(self, now: dt.datetime = NOW, full: bool = False, **more: Any) -> Landed:
        """One pull; the requests of those before are forgotten."""
        self.asked.clear()
        return self.landing.pull(self.options(**more), now, full)

    def check(self, **more: Any) -> list[str]:
        """What a check says."""
        context = Context(home=self._folder, now=NOW)
        return list(github.check(self.chosen(**more), context))

    def present(self, now: dt.datetime = NOW, **more: Any) -> list[Present]:
        """What GitHub still has."""
        context = Context(home=self._folder, now=now)
        return list(github.present(self.chosen(**more), self.landing.state, context))

    def chosen(self, **more: Any) -> github.Options:
        """The entry, checked."""
        return github.Options(connector="github", **self.options(**more))

    def paths(self) -> list[str]:
        """The paths that were asked since the last pull began, without their parameters."""
        return [request.path.partition("?")[0] for request in self.asked]

    def rows(self, sql: str) -> list[tuple[Any, ...]]:
        """The rows of a question to the facts."""
        return self.landing.rows(sql)


@contextlib.contextmanager
def home_of(folder: Path, world: World, prefix: str = "") -> Iterator[Home]:
    """The world, running, and a home folder for it."""
    with world.peer.serving() as server:
        yield Home(folder, world, server.url + prefix, server.asked)
