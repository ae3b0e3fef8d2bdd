"""Reads `sources.yaml`: which systems to ask, and what they need from the environment."""

from __future__ import annotations

import datetime as dt
import importlib
import importlib.util
import pkgutil
import re
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from types import ModuleType
from typing import Any, Literal, cast

from pydantic import BaseModel, ConfigDict, SecretStr

import connectors
from connectors.contract import Connector, Options, Reconciled, SourceError
from kpi.model_check import check_model
from kpi.secrecy import Secrets
from kpi.yaml_text import Document, Place, Problem, Refused, nearest, read_yaml

FILE = "sources.yaml"
NAME = re.compile(r"[a-z][a-z0-9_]*")
NAME_RULE = "Write lower-case letters, digits and _, a letter first."
# Only the name of a variable: `${1}` belongs to the query it stands in.
_VARIABLE = re.compile(r"\$\{([A-Za-z_][A-Za-z0-9_]*)\}")
_PASSWORD_IN_ADDRESS = re.compile(r"://[^/\s:@]*:[^/\s@]+@|;token=[^;\s]")


@dataclass(frozen=True)
class Source:
    """One entry of `sources.yaml`; `entry` is as written, its `${NAME}` not filled in."""

    name: str
    connector: str
    entry: Mapping[str, Any]
    every: dt.timedelta | None
    into: tuple[str, ...]
    place: Place


@dataclass(frozen=True)
class Sources:
    """All of `sources.yaml`; `sample` makes the screens say "Sample data"."""

    sample: bool
    sources: tuple[Source, ...]


class _File(BaseModel):
    model_config = ConfigDict(extra="forbid")

    version: Literal[1]
    sample: bool = False
    sources: dict[str, Any]


def load(home: Path) -> Sources:
    """The sources that this home folder declares; raises Refused with everything wrong at once."""
    path = home / FILE
    try:
        text = path.read_text(encoding="utf-8-sig")
    except FileNotFoundError:
        what, fix = f"there is no such file in {home}.", "Write one, or choose --home."
        raise Refused([Problem(FILE, Place(1, 1), what, fix)]) from None
    except UnicodeDecodeError:
        what, fix = "this is not UTF-8 text.", "Save it as UTF-8."
        raise Refused([Problem(FILE, Place(1, 1), what, fix)]) from None
    return parse(text)


def parse(text: str) -> Sources:
    """The sources that a text declares; raises Refused with everything that is wrong at once."""
    document = read_yaml(text, FILE, secret=True)
    sources: list[Source] = []
    file = None
    if not document.problems or document.value is not None:
        value = {} if document.value is None else document.value
        file = check_model(document, _File, value)
        entries = value.get("sources") if isinstance(value, Mapping) else None
        if isinstance(entries, Mapping):
            checked = (_source(document, str(name), entry) for name, entry in entries.items())
            sources = [source for source in checked if source is not None]
    if document.problems or file is None:
        raise Refused(document.problems)
    return Sources(sample=file.sample, sources=tuple(sources))


def connector(name: str) -> Connector:
    """The module in `connectors/` with this name."""
    return cast(Connector, _module(name))


def lister(name: str) -> Reconciled | None:
    """The same, where its system can list what it still has."""
    module = _module(name)
    return cast(Reconciled, module) if hasattr(module, "present") else None


def connector_names() -> tuple[str, ...]:
    """The modules in `connectors/` that define `Options` and `pull`; none of them is imported."""
    return _names(tuple(connectors.__path__))


@lru_cache(maxsize=2)
def _names(path: tuple[str, ...]) -> tuple[str, ...]:
    # Every entry of sources.yaml asks, and each time every module would be read.
    return tuple(module.name for module in pkgutil.iter_modules(path) if _is_one(module.name))


def variables(entry: object) -> tuple[str, ...]:
    """The names of the environment variables that an entry asks for, in its order."""
    found = (name for _, text in _texts(entry) for name in _VARIABLE.findall(text))
    return tuple(dict.fromkeys(found))


def missing(source: Source, env: Mapping[str, str]) -> list[str]:
    """The variables that an entry asks for and the environment does not have."""
    return [name for name in variables(source.entry) if not env.get(name)]


def unknown_names(sources: Sources, names: Iterable[str]) -> list[str]:
    """A sentence for each name that no entry has, with the nearest one that does."""
    known = [source.name for source in sources.sources]
    listed = f"Declared are: {', '.join(known)}." if known else "None is declared."
    return [
        f"There is no source '{name}' in {FILE}. {nearest(name, known) or listed}"
        for name in names
        if name not in known
    ]


def secrets(sources: Iterable[Source], env: Mapping[str, str]) -> Secrets:
    """What no message may show: the value of every variable that these sources ask for."""
    names = {name for source in sources for name in variables(source.entry)}
    return Secrets.of({name: env[name] for name in names if env.get(name)})


def resolve(source: Source, env: Mapping[str, str]) -> Options:
    """The connector's options with every `${NAME}` filled in from the environment.

    Raises SourceError that names the missing variables, or the keys whose filled-in value does not
    fit; a value is never part of it.
    """
    if lacking := missing(source, env):
        what = f"The environment variable {lacking[0]} is not set."
        if len(lacking) > 1:
            what = f"The environment variables {', '.join(lacking)} are not set."
        raise SourceError(
            what, f"Set it where the refresh runs ({FILE}, line {source.place.line})."
        )
    filled = _filled(source.entry, env)
    check = Document(FILE, "")
    options = check_model(check, connector(source.connector).Options, filled)
    if options is None:
        hidden = secrets([source], env)
        said = " ".join(dict.fromkeys(f"{p.what} {p.fix}".strip() for p in check.problems))
        advice = f"Correct the variable or the entry ({FILE}, line {source.place.line})."
        raise SourceError(hidden.scrub(said[:1].upper() + said[1:]), advice)
    return options


@dataclass(frozen=True)
class EngineAddress:
    """Where an engine is reached, and how many seconds a statement may take there."""

    address: str
    time_limit: float


def engine_address(
    sources: Iterable[Source], env: Mapping[str, str]
) -> Callable[[str], EngineAddress]:
    """What tells where the engine is that reads a source's facts in their lake.

    It raises SourceError where there is no such source, or where it has no engine.
    """
    known = {source.name: source for source in sources}

    def address(name: str) -> EngineAddress:
        options = resolve(known[name], env) if name in known else None
        found = getattr(options, "address", None)
        if options is None or not isinstance(found, str):
            what = f"The facts of '{name}' lie in a lake, and {FILE} does not say who reads them."
            raise SourceError(what, "Declare it there with `connector: lake`.")
        return EngineAddress(found, options.timeout.total_seconds())

    return address


def _source(document: Document, name: str, entry: object) -> Source | None:
    path = ("sources", name)
    if not NAME.fullmatch(name):
        document.refuse(path, f"'{name}' cannot name a source.", NAME_RULE, at_key=True)
    if not isinstance(entry, Mapping):
        fix = f"Write 'connector:' with one of: {', '.join(connector_names())}."
        document.refuse(path, f"the source '{name}' must be a mapping.", fix)
        return None
    module = _connector_of(document, path, entry)
    if module is None:
        return None
    options = _options(document, module.Options, entry, path)
    _refuse_written_secrets(document, module.Options, entry, path)
    return Source(
        name=name,
        connector=str(entry["connector"]),
        entry=entry,
        every=options.every if options else None,
        into=_tables(module, entry),
        place=document.key_place(path),
    )


def _connector_of(
    document: Document, path: tuple[str, str], entry: Mapping[str, Any]
) -> ModuleType | None:
    known = connector_names()
    if "connector" not in entry:
        document.refuse(
            path, "'connector' is missing.", f"Write one of: {', '.join(known)}.", at_key=True
        )
        return None
    name = entry["connector"]
    where = (*path, "connector")
    if name not in known:
        fix = nearest(name, known) or f"Known connectors: {', '.join(known)}."
        document.refuse(where, f"unknown connector '{name}'.", fix)
        return None
    try:
        return _module(name)
    except ImportError as error:
        fix = "Install what requirements.txt lists."
        document.refuse(where, f"the connector '{name}' cannot be loaded: {error}.", fix)
        return None


def _options(
    document: Document, model: type[Options], entry: Mapping[str, Any], path: tuple[str, str]
) -> Options | None:
    """The checked entry; what a `${NAME}` stands for is only checked when it is filled in."""
    before = len(document.problems)
    options = check_model(document, model, entry, path)
    unknown_yet = {
        document.place((*path, *steps)) for steps, text in _texts(entry) if _VARIABLE.search(text)
    }
    if unknown_yet:
        # What is said of the entry as a whole may be due to a variable too.
        unknown_yet.add(document.place(path))
    found = document.problems[before:]
    document.problems[before:] = [p for p in found if p.place not in unknown_yet]
    if options is None and len(document.problems) == before:
        shared = {
            key: value
            for key, value in entry.items()
            if key in Options.model_fields and not variables(value)
        }
        options = Options.model_validate(shared)
    return options


def _refuse_written_secrets(
    document: Document, model: type[Options], entry: Mapping[str, Any], path: tuple[str, str]
) -> None:
    secret_keys = {
        info.alias or key
        for key, info in model.model_fields.items()
        if info.annotation == SecretStr or info.annotation == SecretStr | None
    }
    for steps, text in _texts(entry):
        if _VARIABLE.search(text):
            continue
        if steps[0] in secret_keys or _PASSWORD_IN_ADDRESS.search(text):
            variable = f"{path[1]}_{steps[0]}".upper()
            fix = f"Put it into an environment variable and write ${{{variable}}} here."
            document.refuse((*path, *steps), f"'{steps[0]}' holds a secret.", fix)


def _tables(module: ModuleType, entry: Mapping[str, Any]) -> tuple[str, ...]:
    """The tables a source fills: its `into:`, the connector's own default, or all it knows."""
    field = module.Options.model_fields.get("into")
    usual = field.get_default(call_default_factory=True) if field is not None else None
    into = entry.get("into", usual)
    if isinstance(into, str):
        return (into,)
    if isinstance(into, list | tuple):
        return tuple(str(table) for table in into)
    return tuple(getattr(module, "TABLES", ()))


def _texts(value: object, steps: tuple[str | int, ...] = ()) -> Iterator[tuple[Any, str]]:
    if isinstance(value, str):
        yield steps, value
    elif isinstance(value, Mapping):
        for key, item in value.items():
            yield from _texts(item, (*steps, str(key)))
    elif isinstance(value, list | tuple):
        for index, item in enumerate(value):
            yield from _texts(item, (*steps, index))


def _filled(value: Any, env: Mapping[str, str]) -> Any:
    if isinstance(value, str):
        return _VARIABLE.sub(lambda match: env[match[1]], value)
    if isinstance(value, Mapping):
        return {key: _filled(item, env) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return [_filled(item, env) for item in value]
    return value


def _module(name: str) -> ModuleType:
    return importlib.import_module(f"{connectors.__name__}.{name}")


def _is_one(name: str) -> bool:
    found = importlib.util.find_spec(f"{connectors.__name__}.{name}")
    if found is None or found.origin is None:
        return False
    text = Path(found.origin).read_text(encoding="utf-8")
    return bool(
        re.search(r"^class Options\b", text, re.M) and re.search(r"^def pull\b", text, re.M)
    )
