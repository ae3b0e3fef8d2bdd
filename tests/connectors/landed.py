"""Lands what a connector brings in a real working database, as a refresh does."""

from __future__ import annotations

import datetime as dt
import functools
import shutil
import tempfile
from collections.abc import Mapping
from dataclasses import fields
from pathlib import Path
from types import ModuleType
from typing import Any

from connectors.contract import Context, SourceError
from kpi.reconciling import Differences
from kpi.warehouse import Landed, Warehouse

_SOURCE = "tested"


class Landing:
    """A working database in `folder` that one source of the connector `module` fills."""

    def __init__(self, folder: Path, module: ModuleType) -> None:
        self._folder = folder
        self._module = module
        path = folder / "working.duckdb"
        shutil.copyfile(_empty(), path)
        self._warehouse = Warehouse(path)
        self.notices: list[str] = []

    @property
    def state(self) -> dict[str, Any]:
        """What the connector gave with its last landed batch."""
        return self._warehouse.state(_SOURCE)

    def pull(self, options: Mapping[str, Any], now: dt.datetime, full: bool = False) -> Landed:
        """One pull at `now` (naive UTC), and what became of its rows, all batches together.

        Raises what the connector raises; what had landed stays.
        """
        name = self._module.__name__.rpartition(".")[2]
        chosen = self._module.Options.model_validate({"connector": name, **options})
        context = Context(self._folder, now, full, notice=self.notices.append)
        landed = []
        if full:
            self._warehouse.forget(_SOURCE)
        run = self._warehouse.begin(_SOURCE, now)
        trouble: SourceError | None = None
        try:
            for batch in self._module.pull(chosen, self.state, context):
                landed.append(self._warehouse.land(run, _SOURCE, batch))
        except SourceError as error:
            trouble = error
        self._warehouse.finish(
            run,
            error=trouble.what if trouble else None,
            advice=trouble.advice if trouble else None,
            finished_at=now,
            as_of=None,
        )
        if trouble:
            raise trouble
        return _together(landed)

    def reconcile(self, options: Mapping[str, Any], now: dt.datetime) -> Differences:
        """One comparison at `now` with all that the system lists."""
        name = self._module.__name__.rpartition(".")[2]
        chosen = self._module.Options.model_validate({"connector": name, **options})
        run = self._warehouse.begin(_SOURCE, now)
        listed = self._module.present(chosen, self.state, Context(self._folder, now))
        found = self._warehouse.reconcile(run, _SOURCE, listed)
        self._warehouse.finish(run, error=None, advice=None, finished_at=now, as_of=None)
        return found

    def rows(self, sql: str) -> list[tuple[Any, ...]]:
        """What a statement finds; the views without deleted rows are named as the tables are."""
        return self._warehouse.connection.execute(sql).fetchall()

    def close(self) -> None:
        """Lets go of the working database; for a test that makes many."""
        self._warehouse.connection.close()


def _empty() -> Path:
    """A working database without facts: to copy one is faster than to make one for each test."""
    path = Path(_folder().name) / "working.duckdb"
    if not path.exists():
        Warehouse(path).checkpoint_and_close()
    return path


@functools.cache
def _folder() -> tempfile.TemporaryDirectory[str]:
    return tempfile.TemporaryDirectory()


def _together(landed: list[Landed]) -> Landed:
    counts = {
        each.name: sum(getattr(one, each.name) for one in landed)
        for each in fields(Landed)
        if each.name != "drift"
    }
    return Landed(**counts, drift=tuple(drift for one in landed for drift in one.drift))
