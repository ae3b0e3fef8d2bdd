"""One refresh: what is due is pulled, landed, and published as a new edition."""

from __future__ import annotations

import datetime as dt
import os
import time
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from connectors.contract import SourceError
from kpi import imprint, lock, publishing, timetable
from kpi import sources as declared
from kpi.check import vocabulary_text
from kpi.clock import utc_now
from kpi.editions import DatabaseError, Pointer
from kpi.engines import Engines
from kpi.imprint import Declaration, Declarations
from kpi.interruption import Interrupted, Stop, interruptible
from kpi.known_answers import Failure
from kpi.narration import Delivery
from kpi.publishing import NotPublished, Published
from kpi.pulling import Puller, Wanted
from kpi.refresh_log import note, refresh_log
from kpi.refusal import Refusal
from kpi.secrecy import Secrets
from kpi.sources import Source, Sources
from kpi.vocabulary_file import load_vocabulary
from kpi.voice import TerminalVoice, Voice
from kpi.warehouse import Warehouse
from kpi.yaml_text import Problem, Refused


@dataclass(frozen=True)
class Outcome:
    """How a refresh ended; `published` is None where the edition before it stayed."""

    exit_code: int
    deliveries: tuple[Delivery, ...] = ()
    published: Pointer | None = None
    held: bool = False  # another process is refreshing


def refresh(
    home: Path,
    names: Sequence[str] = (),
    *,
    full: bool = False,
    no_pull: bool = False,
    due: bool = False,
    reconcile: bool = False,
    reconcile_anyway: bool = False,
    publish_anyway: bool = False,
    voice: Voice | None = None,
    now: Callable[[], dt.datetime] = utc_now,
    env: Mapping[str, str] | None = None,
) -> Outcome:
    """Pulls the named sources (without names all of them), lands what they bring, and publishes.

    `full` starts a source over, `due` leaves out the sources whose `every` has not passed since
    their last good start (and those without `every`), `reconcile` compares each source with what
    its system still has, `reconcile_anyway` also where implausibly many rows would vanish,
    `no_pull` only publishes, `publish_anyway` publishes also where a known answer does not hold.
    Everything that a person should know is told to `voice`; nothing that can be foreseen is raised.
    The exit code is 0, 1 where something failed, 2 for wrong use or a mistake in a file, 130 or 143
    when stopped.
    """
    voice = voice or TerminalVoice()
    env = os.environ if env is None else env
    secrets = Secrets({})
    try:
        made_with = timetable.basis(home)
        plan = _read(home)
        wanted = Wanted(full, reconcile or reconcile_anyway, reconcile_anyway)
        pulls_otherwise = due or wanted != Wanted()
        _check_use(plan.sources, names, no_pull=no_pull, pulls_otherwise=pulls_otherwise)
        secrets = declared.secrets(plan.sources.sources, env)
        with (
            lock.only_one(home / "data" / "refresh.lock", now()),
            refresh_log(home / "data" / "refresh.log", secrets),
            interruptible() as stop,
            Engines(declared.engine_address(plan.sources.sources, env)) as engines,
        ):
            with Warehouse(home / "data" / "warehouse.duckdb") as warehouse:
                run = _Refresh(home, plan, warehouse, voice, now, env, secrets, stop, engines)
                deliveries = () if no_pull else run.pull(names, wanted, due=due)
                due_next = run.due()
                # A timer that finds nothing due has nothing to tell.
                published = run.publish(quiet=due and not deliveries, anyway=publish_anyway)
            timetable.write(home, made_with, plan.variables(), env, due_next)
        failed = any(delivery.error is not None for delivery in deliveries)
        unknown = bool(published and published.gaps)
        pointer = published.pointer if published else None
        unable = wanted.reconcile and run.unable_to_list(names)
        return Outcome(2 if unable else int(failed or unknown), deliveries, pointer)
    except Refused as refused:
        mistakes = Counter(problem.file for problem in refused.problems)
        publishing.note_refusal(home, Refusal(now(), mistakes))
        return _ended(voice, 2, *map(str, refused.problems))
    except _WrongUse as wrong:
        return _ended(voice, 2, str(wrong))
    except lock.Held as held:
        return replace(_ended(voice, 1, str(held)), held=True)
    except NotPublished as error:
        if error.unconfirmed:
            publishing.note_refusal(home, Refusal(now(), {}, error.unconfirmed))
        return _ended(voice, 1, secrets.scrub(str(error)))
    except Interrupted as stopped:
        what = "Stopped. What had landed stays; the next refresh goes on from there."
        return _ended(voice, stopped.exit_code, what)
    except (OSError, DatabaseError) as error:
        return _ended(voice, 1, secrets.scrub(_unusable(home, error)))


class _WrongUse(Exception):
    """The command was given something that cannot be meant."""


@dataclass(frozen=True)
class _Plan:
    """Both files, read and checked before anything is touched."""

    vocabulary_text: str
    sources: Sources

    def variables(self) -> set[str]:
        """The environment variables that any source asks for."""
        return {name for s in self.sources.sources for name in declared.variables(s.entry)}


def _read(home: Path) -> _Plan:
    """Both files; raises Refused with the mistakes of both."""
    problems: list[Problem] = []
    text, sources = "", None
    try:
        text = vocabulary_text(home)
        load_vocabulary(text)
    except Refused as refused:
        problems += refused.problems
    try:
        sources = declared.load(home)
    except Refused as refused:
        problems += refused.problems
    if sources is None or problems:
        raise Refused(problems)
    return _Plan(text, sources)


def _check_use(
    sources: Sources, names: Sequence[str], *, no_pull: bool, pulls_otherwise: bool
) -> None:
    if no_pull and (names or pulls_otherwise):
        raise _WrongUse(
            "--no-pull only publishes: leave out the sources, --full, --due and --reconcile."
        )
    if unknown := declared.unknown_names(sources, names):
        raise _WrongUse("\n".join(unknown))


@dataclass(frozen=True)
class _Refresh:
    """The steps of one refresh, under the lock."""

    home: Path
    plan: _Plan
    warehouse: Warehouse
    voice: Voice
    now: Callable[[], dt.datetime]
    env: Mapping[str, str]
    secrets: Secrets
    stop: Stop
    engines: Engines

    def pull(self, names: Sequence[str], wanted: Wanted, *, due: bool) -> tuple[Delivery, ...]:
        """Pulls what was asked for, one source after another."""
        puller = Puller(
            self.home,
            self.warehouse,
            self.voice,
            self.now,
            self.env,
            self.secrets,
            self.stop,
            self.engines,
        )
        due_at, moment = self.due(), self.now()
        chosen = [
            source
            for source in self.plan.sources.sources
            if (not names or source.name in names)
            and (not due or due_at.get(source.name, dt.datetime.max) <= moment)
        ]
        unable = self.unable_to_list([source.name for source in chosen])
        if wanted.reconcile and unable:
            self.voice.line(
                f"Not compared, because their systems cannot list what they have: "
                f"{', '.join(unable)}."
            )
        return tuple(puller.pull(source, wanted) for source in chosen)

    def due(self) -> dict[str, dt.datetime]:
        """When (naive UTC) each source with an `every` is due."""
        good = imprint.last_good_starts(self.warehouse.connection)
        moments = {
            source.name: timetable.due_at(source.every, good.get(source.name))
            for source in self.plan.sources.sources
        }
        return {name: moment for name, moment in moments.items() if moment is not None}

    def unable_to_list(self, names: Sequence[str]) -> list[str]:
        """Those of the named sources that cannot be compared with what their systems still have."""
        return [
            source.name
            for source in self.plan.sources.sources
            if source.name in names and declared.lister(source.connector) is None
        ]

    def publish(self, *, quiet: bool, anyway: bool) -> Published | None:
        """Publishes where the current edition lacks anything; None where it stays."""
        started = time.monotonic()
        declarations = self._declarations(imprint.known_systems(self.warehouse.connection))
        text = self.plan.vocabulary_text
        if publishing.is_current(self.home, self.warehouse.version(), text, declarations):
            publishing.clear_refusal(self.home)
            if not quiet:
                self.voice.line("Nothing to publish: the edition holds all of it.")
            return None
        for source in imprint.undeclared(self.warehouse.connection, declarations):
            self.voice.line(
                f"The rows of '{source}', which {declared.FILE} no longer names, still count. "
                "Name it again to keep them fresh; to drop them, move data/ away and refresh."
            )
        self.voice.progress("publishing")
        despite = self._despite if anyway else None
        published = publishing.publish_open(
            self.home,
            self.warehouse,
            text,
            declarations,
            self.now(),
            despite,
            engines=self.engines,
        )
        seconds = time.monotonic() - started
        for gap in published.gaps:
            self.voice.line(str(gap))
            note("no exchange rate", table=gap.table, currency=gap.currency, entries=gap.entries)
        number = published.pointer.number
        self.voice.line(f"Published edition {number} in {seconds:.1f} s.")
        note("published", edition=number, seconds=round(seconds, 3))
        return published

    def _despite(self, failures: Sequence[Failure]) -> None:
        self.voice.line(f"Publishing although not every known answer holds ({len(failures)}):")
        for failure in failures:
            self.voice.line(str(failure))

    def _declarations(self, known: Mapping[str, str]) -> Declarations:
        return Declarations(
            self.plan.sources.sample,
            tuple(
                Declaration(
                    source.name,
                    source.connector,
                    self._system(source, known),
                    source.into,
                    source.every,
                )
                for source in self.plan.sources.sources
            ),
        )

    def _system(self, source: Source, known: Mapping[str, str]) -> str:
        """The system's name; without its variables the one it had, so that no edition differs."""
        try:
            options = declared.resolve(source, self.env)
        except SourceError:
            return known.get(source.name, source.connector)
        return self.secrets.scrub(declared.connector(source.connector).system(options))


def _unusable(home: Path, error: OSError | DatabaseError) -> str:
    if full := publishing.full_disk(error):
        what = f"The disk that holds {home / 'data'} is full ({full})."
        return f"{what} Free some space and run `python -m kpi refresh` again."
    what = f"The working database in {home / 'data'} cannot be used: {error}"
    return f"{what} Close other programs that have it open, then refresh again."


def _ended(voice: Voice, code: int, *lines: str) -> Outcome:
    for line in lines:
        voice.line(line)
    return Outcome(code)
