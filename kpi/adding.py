"""Adds an entry to `sources.yaml`, and leaves every other byte of the file as it is."""

from __future__ import annotations

import os
import shutil
import tempfile
import textwrap
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from kpi import sources as declared
from kpi.sources import FILE
from kpi.yaml_text import Document, Place, Problem, Refused, nearest, read_yaml

_BOM = "\ufeff"
_SOURCES = ("sources",)
_USUAL_MODE = 0o644
_BY_HAND = "Print the entry with --print, and put it there by hand."


class NotAdded(Exception):
    """The entry cannot be written; the text says why and what to do."""


@dataclass(frozen=True)
class Added:
    """Where the entry stands now, and the environment variables it needs."""

    line: int
    variables: tuple[str, ...]


def entry(system: str, name: str, indent: int = 2, step: int = 2) -> str:
    """A connector's own entry under a name, each line behind `indent` blanks; raises NotAdded."""
    known = declared.connector_names()
    if system not in known:
        hint = nearest(system, known) or f"There are: {', '.join(known)}."
        raise NotAdded(f"There is no connector '{system}'. {hint}")
    if not declared.NAME.fullmatch(name):
        raise NotAdded(f"'{name}' cannot name a source. {declared.NAME_RULE}")
    own = textwrap.indent(declared.connector(system).ENTRY, " " * (indent + step))
    return f"{' ' * indent}{name}:\n{own.rstrip()}\n"


def add(home: Path, system: str, name: str) -> Added:
    """Writes the entry into the home folder's file, which is made where there is none.

    Raises NotAdded, or Refused with the mistakes that the file has already.
    """
    path = home / FILE
    try:
        # Not read_text, which would turn every kind of line end into one.
        before = path.read_bytes().decode("utf-8")
    except FileNotFoundError:
        before = ""
    except UnicodeDecodeError:
        what, fix = "this is not UTF-8 text.", "Save it as UTF-8."
        raise Refused([Problem(FILE, Place(1, 1), what, fix)]) from None
    mark = _BOM if before.startswith(_BOM) else ""
    text = with_entry(before.removeprefix(_BOM), system, name)
    (source,) = (each for each in declared.parse(text).sources if each.name == name)
    _write(path.resolve(), mark + text)
    return Added(source.place.line, declared.variables(source.entry))


def with_entry(text: str, system: str, name: str) -> str:
    """The text of a `sources.yaml` with one more entry; raises NotAdded or Refused."""
    added = entry(system, name)
    newline = "\r\n" if "\r\n" in text else "\n"
    is_cut = bool(text) and not text.endswith("\n")
    if is_cut:
        text += newline
    document = read_yaml(text, FILE, secret=True)
    if document.problems:
        raise Refused(document.problems)
    sources = _sources(document)
    if sources:
        declared.parse(text)
    if name in sources:
        line = document.key_place((*_SOURCES, name)).line
        raise NotAdded(
            f"There is a source '{name}' already ({FILE}, line {line}). "
            f"Give this one another name: `python -m kpi source add {system} NAME`."
        )
    if document.value is None:
        return _behind(text, text.count("\n"), f"version: 1\nsources:\n{added}", newline)
    for result in _places(document, sources, system, name, newline):
        if is_cut and not result.startswith(text):
            result = result.removesuffix(newline)
        after = read_yaml(result, FILE, secret=True)
        entries = after.value["sources"] if not after.problems else {}
        wanted = {**document.value, "sources": {**sources, name: entries.get(name)}}
        if after.value == wanted:
            return result
    raise NotAdded(f"There is no place for '{name}' in {FILE}. {_BY_HAND}")


def _places(
    document: Document, sources: Mapping[str, Any], system: str, name: str, newline: str
) -> Iterator[str]:
    """The text with the entry where it should do, the best first."""
    text, added = document.text, entry(system, name)
    if "sources" not in document.value:
        yield _behind(text, text.count("\n"), f"sources:\n{added}", newline)
    elif not sources:
        yield _into_nothing(document, added, newline)
    else:
        line, indent, step = _behind_the_last(document, sources)
        added = entry(system, name, indent, step)
        # A blank line would become a part of a text that is written to keep its last lines.
        gaps = ("\n", "") if text.split("\n")[line - 1].strip() else ("",)
        yield from (_behind(text, line, gap + added, newline) for gap in gaps)


def _sources(document: Document) -> Mapping[str, Any]:
    """The entries that are there; raises NotAdded where none can be put beside them."""
    value = document.value
    if value is None:
        return {}
    if not isinstance(value, Mapping) or document.is_in_braces(()):
        raise NotAdded(f"{FILE} is not written in lines. {_BY_HAND}")
    sources = value.get("sources")
    if sources is None:
        return {}
    if not isinstance(sources, Mapping) or (sources and document.is_in_braces(_SOURCES)):
        raise NotAdded(f"The sources in {FILE} are not written in lines. {_BY_HAND}")
    return sources


def _into_nothing(document: Document, added: str, newline: str) -> str:
    """Behind `sources:` with nothing or empty braces behind it; the braces have to go."""
    start, end = document.span(_SOURCES)
    head, tail = document.text[:start], document.text[end:]
    line = document.key_place(_SOURCES).line
    if start < end:
        head = head.removesuffix(" ")
        line = head.count("\n") + 1
    return _behind(head + tail, line, added, newline)


def _behind_the_last(document: Document, sources: Mapping[str, Any]) -> tuple[int, int, int]:
    """The line of the last entry's end, and the indentation of the entries and of their keys."""
    first = next(iter(sources))
    indent = document.key_place((*_SOURCES, first)).column - 1
    inner = document.key_place((*_SOURCES, first, next(iter(sources[first])))).column - 1
    step = 2 if document.is_in_braces((*_SOURCES, first)) else inner - indent
    lines = document.text.split("\n")
    last = document.last_line(_SOURCES)
    for number, line in enumerate(lines[last:], start=last + 1):
        comment = line.lstrip(" ")
        # Comments that stand as deep as the entries are a part of them.
        if comment.startswith("#") and len(line) - len(comment) >= indent:
            last = number
        elif line.strip():
            break
    return last, indent, step


def _behind(text: str, line: int, added: str, newline: str) -> str:
    """The text with more lines behind this one, counted from 1."""
    lines = text.split("\n")
    head = "".join(f"{each}\n" for each in lines[:line])
    return head + added.replace("\n", newline) + "\n".join(lines[line:])


def _write(path: Path, text: str) -> None:
    """Puts the text into the place of the file at once, so that it is never there by half."""
    handle, name = tempfile.mkstemp(dir=path.parent, prefix=f".{path.name}-")
    try:
        with os.fdopen(handle, "w", encoding="utf-8", newline="") as file:
            file.write(text)
        if path.exists():
            shutil.copymode(path, name)
        else:
            Path(name).chmod(_USUAL_MODE)
        Path(name).replace(path)
    finally:
        Path(name).unlink(missing_ok=True)
