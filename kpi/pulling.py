"""Pulls one source: asks its connector, lands what comes, and writes down how it went."""

from __future__ import annotations

import datetime as dt
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, TypeVar

from connectors.contract import Context, Options, SourceError, Stays
from kpi import sources as declared
from kpi.engines import Engines
from kpi.interruption import Interrupted, Stop
from kpi.narration import Delivery, Narration, Trouble
from kpi.publishing import full_disk
from kpi.secrecy import Secrets
from kpi.sources import Source
from kpi.voice import Voice
from kpi.warehouse import Warehouse

Item = TypeVar("Item")

_LONGEST_MESSAGE = 500
_STOPPED = Trouble("The refresh was stopped.", "Run it again: what had landed stays.")


@dataclass(frozen=True)
class Wanted:
    """What a run does beside pulling what is new.

    `full` starts the source over first; `reconcile` compares with what its system still has
    afterwards, `anyway` also where implausibly many rows would vanish.
    """

    full: bool = False
    reconcile: bool = False
    anyway: bool = False


@dataclass(frozen=True)
class Puller:
    """Everything that pulling a source needs beside the source itself."""

    home: Path
    warehouse: Warehouse
    voice: Voice
    now: Callable[[], dt.datetime]
    env: Mapping[str, str]
    secrets: Secrets
    stop: Stop
    engines: Engines

    def pull(self, source: Source, wanted: Wanted) -> Delivery:
        """One run of one source; whatever goes wrong is in the delivery, and only Interrupted,
        or a working database that cannot be written, is raised."""
        started = self.now()
        narration = Narration(self.voice, source.name, self.secrets)
        run = self.warehouse.begin(source.name, started)
        trouble: Trouble | None = None
        try:
            try:
                as_of = self._work(run, source, started, narration, wanted)
                self._finish(run, None, as_of)
            except Exception as error:
                self.stop.raise_if_asked(error)
                trouble = self._explained(error)
                self._finish(run, trouble, None)
        except Interrupted:
            self._finish(run, _STOPPED, None)
            raise
        delivery = self._delivery(run, source)
        narration.ended(delivery, trouble.cause if trouble else None)
        return delivery

    def _work(
        self,
        run: int,
        source: Source,
        started: dt.datetime,
        narration: Narration,
        wanted: Wanted,
    ) -> dt.datetime | None:
        """Pulls, and compares where that is wanted; gives the moment the delivery speaks of."""
        options = declared.resolve(source, self.env)
        if wanted.full:
            self.warehouse.forget(source.name)
        context = Context(
            self.home, started, wanted.full, narration.told, narration.waiting, narration.notice
        )
        as_of = self._land_all(run, source, options, context, narration)
        lister = declared.lister(source.connector)
        if wanted.reconcile and lister is not None:
            narration.doing("comparing")
            presents = lister.present(options, self._state(source), context)
            found = self.warehouse.reconcile(
                run, source.name, self._unstopped(presents), anyway=wanted.anyway
            )
            narration.reconciled(found)
        return as_of

    def _land_all(
        self, run: int, source: Source, options: Options, context: Context, narration: Narration
    ) -> dt.datetime | None:
        """Lands every batch; gives the moment the delivery speaks of, where it says so."""
        connector = declared.connector(source.connector)
        # Both stand in every edition: where a batch came from, and what the connector remembers.
        own = declared.secrets([source], self.env)
        started = context.now
        spoken_of: dict[str, dt.datetime] = {}
        narration.doing("asking")
        for batch in self._unstopped(connector.pull(options, self._state(source), context)):
            narration.doing("landing")
            hidden = replace(
                batch, origin=self.secrets.scrub(batch.origin), state=own.hide(batch.state)
            )
            if isinstance(batch.rows, Stays):
                engine = self.engines.of(source.name)
                noticed = self.warehouse.notice(
                    run, source.name, batch.into, batch.rows.place, engine
                )
                narration.landed(noticed.rows)
                spoken_of[batch.into] = noticed.as_of or started
                continue
            landed = self.warehouse.land(run, source.name, hidden)
            narration.landed(landed.new + landed.changed + landed.unchanged + landed.rejected)
            for drift in landed.drift:
                narration.drifted(drift)
            moment = batch.as_of or started
            spoken_of[batch.into] = max(moment, spoken_of.get(batch.into, moment))
            narration.doing("asking")
        if not spoken_of:
            # Files that did not change still speak of the moment of their last change.
            return self._last_as_of(source)
        earliest = min(spoken_of.values())
        return earliest if earliest < started else None

    def _state(self, source: Source) -> Any:
        own = declared.secrets([source], self.env)
        return own.reveal(self.warehouse.state(source.name))

    def _unstopped(self, items: Iterable[Item]) -> Iterator[Item]:
        """The items, as long as nobody asks to stop, even where a library hid that."""
        for item in items:
            self.stop.raise_if_asked()
            yield item
        self.stop.raise_if_asked()

    def _last_as_of(self, source: Source) -> dt.datetime | None:
        rows = self.warehouse.connection.execute(
            "select as_of from kpi.runs where source = ? and outcome = 'good' "
            "order by run desc limit 1",
            [source.name],
        ).fetchall()
        return rows[0][0] if rows else None

    def _explained(self, error: Exception) -> Trouble:
        """What happened and the one thing to do, free of secrets."""
        cause = None
        if isinstance(error, SourceError):
            what, advice = error.what, error.advice
        elif full := full_disk(error):
            what = f"The disk is full ({full})."
            advice = "Free some space and run `python -m kpi refresh` again."
        else:
            cause = error
            # A secret that is cut in two would not be found any more.
            message = self.secrets.scrub(str(error))[:_LONGEST_MESSAGE]
            what = f"{type(error).__name__}: {message}"
            advice = (
                "This looks like a mistake in the program rather than in your settings: "
                "please report it with the last entry of data/refresh.log."
            )
        return Trouble(self.secrets.scrub(what), self.secrets.scrub(advice), cause)

    def _finish(self, run: int, trouble: Trouble | None, as_of: dt.datetime | None) -> None:
        error, advice = (trouble.what, trouble.advice) if trouble else (None, None)
        self.warehouse.finish(run, error=error, advice=advice, finished_at=self.now(), as_of=as_of)

    def _delivery(self, run: int, source: Source) -> Delivery:
        # Also the error as it was written down: a delivery may turn out hopeless at its end.
        (row,) = self.warehouse.connection.execute(
            "select new_rows, changed_rows, deleted_rows, rejected_rows, error, advice "
            "from kpi.runs where run = ?",
            [run],
        ).fetchall()
        return Delivery(source.name, *row)
