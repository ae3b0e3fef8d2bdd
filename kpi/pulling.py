"""Pulls one source: asks its connector, lands what comes, and writes down how it went."""

from __future__ import annotations

import datetime as dt
import logging
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from pathlib import Path

from connectors.contract import Context, SourceError
from kpi import sources as declared
from kpi.interruption import Interrupted, Stop
from kpi.publishing import full_disk
from kpi.secrecy import Secrets
from kpi.sources import Source
from kpi.voice import Progress, Voice
from kpi.warehouse import Warehouse

_LONGEST_MESSAGE = 500
_STOPPED = ("The refresh was stopped.", "Run it again: what had landed stays.")
_log = logging.getLogger(__name__)


@dataclass(frozen=True)
class Delivery:
    """What one source's run came to: rows, and what went wrong where something did."""

    source: str
    new: int
    changed: int
    deleted: int
    rejected: int
    error: str | None
    advice: str | None


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

    def pull(self, source: Source, *, full: bool) -> Delivery:
        """One run of one source; whatever goes wrong is in the delivery, and only Interrupted,
        or a working database that cannot be written, is raised."""
        started = self.now()
        progress = Progress(self.voice, source.name)
        run = self.warehouse.begin(source.name, started)
        trouble: tuple[str, str] | None = None
        try:
            try:
                as_of = self._land_all(run, source, started, progress, full=full)
                self._finish(run, None, as_of)
            except Exception as error:
                self.stop.raise_if_asked(error)
                trouble = self._explained(error)
                self._finish(run, trouble, None)
        except Interrupted:
            self._finish(run, _STOPPED, None)
            raise
        delivery = self._delivery(run, source, trouble)
        self._say(closing_line(delivery, progress.seconds()))
        return delivery

    def _land_all(
        self, run: int, source: Source, started: dt.datetime, progress: Progress, *, full: bool
    ) -> dt.datetime | None:
        """Lands every batch; gives the moment the delivery speaks of, where it says so."""
        options = declared.resolve(source, self.env)
        if full:
            self.warehouse.forget(source.name)
        counted = _Counted(progress)
        context = Context(self.home, started, full, counted.told)
        connector = declared.connector(source.connector)
        # Both stand in every edition: where a batch came from, and what the connector remembers.
        own = declared.secrets([source], self.env)
        state = own.reveal(self.warehouse.state(source.name))
        spoken_of: dict[str, dt.datetime] = {}
        progress.doing("asking")
        for batch in connector.pull(options, state, context):
            self.stop.raise_if_asked()
            progress.doing("landing")
            hidden = replace(
                batch, origin=self.secrets.scrub(batch.origin), state=own.hide(batch.state)
            )
            landed = self.warehouse.land(run, source.name, hidden)
            counted.landed(landed.new + landed.changed + landed.unchanged + landed.rejected)
            for drift in landed.drift:
                self._say(self.secrets.scrub(f"{source.name}: {drift}"))
            moment = batch.as_of or started
            spoken_of[batch.into] = max(moment, spoken_of.get(batch.into, moment))
            progress.doing("asking")
        self.stop.raise_if_asked()
        if not spoken_of:
            # Files that did not change still speak of the moment of their last change.
            return self._last_as_of(source)
        earliest = min(spoken_of.values())
        return earliest if earliest < started else None

    def _last_as_of(self, source: Source) -> dt.datetime | None:
        rows = self.warehouse.connection.execute(
            "select as_of from kpi.runs where source = ? and outcome = 'good' "
            "order by run desc limit 1",
            [source.name],
        ).fetchall()
        return rows[0][0] if rows else None

    def _explained(self, error: Exception) -> tuple[str, str]:
        """What happened and the one thing to do, free of secrets; a traceback goes to the log."""
        if isinstance(error, SourceError):
            what, advice = error.what, error.advice
        elif full := full_disk(error):
            what = f"The disk is full ({full})."
            advice = "Free some space and run `python -m kpi refresh` again."
        else:
            _log.error("an unexpected error", exc_info=error)
            # A secret that is cut in two would not be found any more.
            message = self.secrets.scrub(str(error))[:_LONGEST_MESSAGE]
            what = f"{type(error).__name__}: {message}"
            advice = (
                "This looks like a mistake in the program rather than in your settings: "
                "please report it with the last entry of data/refresh.log."
            )
        return self.secrets.scrub(what), self.secrets.scrub(advice)

    def _finish(self, run: int, trouble: tuple[str, str] | None, as_of: dt.datetime | None) -> None:
        error, advice = trouble or (None, None)
        self.warehouse.finish(run, error=error, advice=advice, finished_at=self.now(), as_of=as_of)

    def _delivery(self, run: int, source: Source, trouble: tuple[str, str] | None) -> Delivery:
        ((new, changed, deleted, rejected),) = self.warehouse.connection.execute(
            "select new_rows, changed_rows, deleted_rows, rejected_rows from kpi.runs "
            "where run = ?",
            [run],
        ).fetchall()
        error, advice = trouble or (None, None)
        return Delivery(source.name, new, changed, deleted, rejected, error, advice)

    def _say(self, text: str) -> None:
        self.voice.line(text)
        _log.info("%s", text)


class _Counted:
    """Rows as the connector tells them, or as they land where it tells nothing."""

    def __init__(self, progress: Progress) -> None:
        self._progress = progress
        self._landed = 0
        self._connector_tells = False

    def told(self, done: int, total: int | None) -> None:
        self._connector_tells = True
        self._progress.rows(done, total)

    def landed(self, rows: int) -> None:
        self._landed += rows
        if not self._connector_tells:
            self._progress.rows(self._landed, None)


def closing_line(delivery: Delivery, seconds: float) -> str:
    """One line about one source: "answers: 126 new, 3 changed, 2 rejected in 0.4 s"."""
    counts = (
        (delivery.new, "new"),
        (delivery.changed, "changed"),
        (delivery.deleted, "deleted"),
        (delivery.rejected, "rejected"),
    )
    brought = ", ".join(f"{count:,} {word}" for count, word in counts if count)
    if delivery.error is None:
        return f"{delivery.source}: {brought or 'nothing new'} in {seconds:.1f} s"
    before = f" after {brought}" if brought else ""
    text = f"{delivery.source}: failed{before} in {seconds:.1f} s. {delivery.error}"
    return f"{text} {delivery.advice}" if delivery.advice else text
