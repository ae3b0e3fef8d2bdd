"""Tells people, and the log, how the run of one source goes."""

from __future__ import annotations

import logging
from dataclasses import dataclass

from kpi.reconciling import Differences
from kpi.refresh_log import note
from kpi.secrecy import Secrets
from kpi.voice import Progress, Voice


@dataclass(frozen=True)
class Trouble:
    """What went wrong and the one thing to do, free of secrets; `cause` is what nobody foresaw."""

    what: str
    advice: str
    cause: Exception | None = None


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


class Narration:
    """Progress is drawn over itself, all else is a line that stays and an entry in the log."""

    def __init__(self, voice: Voice, source: str, secrets: Secrets) -> None:
        self._voice = voice
        self._source = source
        self._secrets = secrets
        self._progress = Progress(voice, source)
        self._landed = 0
        self._connector_tells = False
        self._noted: set[tuple[str, str]] = set()

    def doing(self, what: str) -> None:
        """What is being done with the rows now: asking, landing, comparing."""
        self._progress.doing(what)

    def told(self, done: int, total: int | None) -> None:
        """Rows as the connector tells them."""
        self._connector_tells = True
        self._progress.rows(done, total)

    def landed(self, rows: int) -> None:
        """Rows as they land, for a connector that tells nothing."""
        self._landed += rows
        if not self._connector_tells:
            self._progress.rows(self._landed, None)

    def waiting(self, seconds: float, why: str) -> None:
        """The system asks us to wait: drawn each time, logged once for each reason."""
        self._progress.waiting(seconds, self._secrets.scrub(why))
        if self._is_new("waiting", why):
            note("waiting", source=self._source, seconds=round(seconds, 3), message=why)

    def notice(self, text: str) -> None:
        """Something that a person should know; told once a run."""
        if self._is_new("noticed", text):
            self._voice.line(self._secrets.scrub(f"{self._source}: {text}"))
            note("noticed", level=logging.WARNING, source=self._source, message=text)

    def reconciled(self, found: Differences) -> None:
        """How the rows differed from what the system still has."""
        self._voice.line(
            f"{self._source}: compared {found.compared:,} rows with the system's: "
            f"{found.vanished:,} gone there, {found.restored:,} back again"
        )
        if found.lacking:
            self._voice.line(
                f"{self._source}: the system has {found.lacking:,} rows that are not here. "
                f"Bring them with `python -m kpi refresh {self._source} --full`; "
                "those that could not be read are among the rejected ones."
            )
        note("reconciled", source=self._source, **vars(found))

    def drifted(self, what: str) -> None:
        """The source delivers otherwise than before."""
        self._voice.line(self._secrets.scrub(f"{self._source}: {what}"))
        note("drifted", level=logging.WARNING, source=self._source, message=what)

    def ended(self, delivery: Delivery, cause: Exception | None) -> None:
        """What the run came to; the traceback of a `cause` goes to the log alone."""
        seconds = self._progress.seconds()
        self._voice.line(closing_line(delivery, seconds))
        failed = delivery.error is not None
        note(
            "failed" if failed else "pulled",
            level=logging.ERROR if failed else logging.INFO,
            cause=cause,
            source=delivery.source,
            new=delivery.new,
            changed=delivery.changed,
            deleted=delivery.deleted,
            rejected=delivery.rejected,
            seconds=round(seconds, 3),
            error=delivery.error,
            advice=delivery.advice,
        )

    def _is_new(self, event: str, text: str) -> bool:
        is_new = (event, text) not in self._noted
        self._noted.add((event, text))
        return is_new


def closing_line(delivery: Delivery, seconds: float) -> str:
    """One line about one source: "answers: 126 new, 3 changed, 2 rejected in 0.4 s"."""
    return _line(delivery, f" in {seconds:.1f} s")


def brought(delivery: Delivery) -> str:
    """The same without the time that it took."""
    return _line(delivery, "")


def _line(delivery: Delivery, took: str) -> str:
    counts = (
        (delivery.new, "new"),
        (delivery.changed, "changed"),
        (delivery.deleted, "deleted"),
        (delivery.rejected, "rejected"),
    )
    rows = ", ".join(f"{count:,} {word}" for count, word in counts if count)
    if delivery.error is None:
        return f"{delivery.source}: {rows or 'nothing new'}{took}"
    before = f" after {rows}" if rows else ""
    text = f"{delivery.source}: failed{before}{took}"
    return " ".join(filter(None, (f"{text}.", delivery.error, delivery.advice)))
