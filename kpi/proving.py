"""Proves before a pull that sources can be pulled; needs neither a working database nor a lock."""

from __future__ import annotations

import datetime as dt
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from connectors.contract import Context, SourceError
from kpi import sources as declared
from kpi.engines import Engines
from kpi.interruption import Interrupted, Stop, interruptible
from kpi.secrecy import Secrets
from kpi.sources import Source
from kpi.voice import Progress, Voice
from kpi.yaml_text import Refused


def prove(
    home: Path,
    names: Sequence[str],
    voice: Voice,
    now: Callable[[], dt.datetime],
    env: Mapping[str, str],
) -> int:
    """Lets the connectors of the named sources (without names of all) say what holds, as they go.

    The exit code is 0, 1 where something does not hold, 2 for wrong use or a mistake in the file,
    130 or 143 when stopped.
    """
    try:
        sources = declared.load(home)
    except Refused as refused:
        return _said(voice, 2, map(str, refused.problems))
    if unknown := declared.unknown_names(sources, names):
        return _said(voice, 2, unknown)
    chosen = [source for source in sources.sources if not names or source.name in names]
    able = _with_variables(chosen, voice, env)
    try:
        with interruptible() as stop:
            secrets = declared.secrets(sources.sources, env)
            prover = _Prover(home, voice, now, env, secrets, stop)
            good = [source.name for source in able if prover.holds(source)]
    except Interrupted as stopped:
        return _said(voice, stopped.exit_code, ["Stopped."])
    bad = [source.name for source in chosen if source.name not in good]
    if len(chosen) > 1:
        told = f"{len(bad)} cannot be pulled: {', '.join(bad)}" if bad else "all can be pulled"
        voice.line(f"Checked {len(chosen)} sources: {told}.")
    return int(bool(bad))


def _with_variables(
    sources: Sequence[Source], voice: Voice, env: Mapping[str, str]
) -> list[Source]:
    """The sources whose variables are all set; names those that are not, each once."""
    lacking = {source.name: declared.missing(source, env) for source in sources}
    for variable in dict.fromkeys(name for missing in lacking.values() for name in missing):
        users = ", ".join(name for name, missing in lacking.items() if variable in missing)
        voice.line(f"The environment variable {variable} is not set. It is needed by: {users}.")
    return [source for source in sources if not lacking[source.name]]


@dataclass(frozen=True)
class _Prover:
    """Everything that a check needs beside the source itself."""

    home: Path
    voice: Voice
    now: Callable[[], dt.datetime]
    env: Mapping[str, str]
    secrets: Secrets
    stop: Stop

    def holds(self, source: Source) -> bool:
        """Tells everything that the source's connector says; whether all of it holds."""
        progress = Progress(self.voice, source.name)

        def say(text: str) -> None:
            self.voice.line(self.secrets.scrub(f"{source.name}: {text}"))

        def waiting(seconds: float, why: str) -> None:
            progress.waiting(seconds, self.secrets.scrub(why))

        progress.doing("checking")
        try:
            options = declared.resolve(source, self.env)
            with Engines(declared.engine_address([source], self.env)) as engines:
                context = Context(
                    self.home,
                    self.now(),
                    progress=progress.rows,
                    waiting=waiting,
                    notice=say,
                    engine=lambda: engines.of(source.name),
                )
                for sentence in declared.connector(source.connector).check(options, context):
                    say(sentence)
                    progress.doing("checking")
        except SourceError as error:
            say(f"{error.what} {error.advice}")
            return False
        except Exception as error:
            self.stop.raise_if_asked(error)
            say(
                f"{type(error).__name__}: {error}. This looks like a mistake in the program rather "
                f"than in your settings: please report it with what `kpi refresh {source.name}` "
                "leaves in data/refresh.log."
            )
            return False
        return True


def _said(voice: Voice, code: int, lines: Iterable[str]) -> int:
    for line in lines:
        voice.line(line)
    return code
