"""Finds the records in the text of a JSON document, without making objects of them."""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any

_BLANK = re.compile(rb"[ \t\r\n]*")
_TEXT = rb'"[^"\\]*+(?:\\.[^"\\]*+)*+"'
# A text is taken whole, so that nothing inside it passes for structure.
_STRUCTURE = re.compile(_TEXT + rb"|[][{}]", re.DOTALL)
_PLAIN = re.compile(_TEXT + rb'|[^][{}:,"\s]++', re.DOTALL)
_KEY = re.compile(rb"(" + _TEXT + rb")[ \t\r\n]*:[ \t\r\n]*", re.DOTALL)
_KINDS = {
    "a list": re.compile(rb"\["),
    "a text": re.compile(rb'"'),
    "a number": re.compile(rb"-?[0-9]"),
    "null": re.compile(rb"null\b"),
    "true or false": re.compile(rb"(true|false)\b"),
}
_NAMED = 5


class NotJson(Exception):
    """A document that is no JSON, or only the beginning of one."""


class NotThere(Exception):
    """A path that leads nowhere; the message says what is there instead."""


def locate(document: bytes, steps: Sequence[str]) -> int:
    """Where the records at the end of a path of keys begin: a list of them, or a single one.

    Raises NotThere, or NotJson. Of a key that is there twice the first counts.
    """
    at = _skip_blank(document, 0)
    for done, step in enumerate(steps):
        place = repr(".".join(steps[:done])) if done else "it"
        if document[at : at + 1] != b"{":
            raise NotThere(f"{place} is {_kind(document, at)}, without {step!r}")
        names = []
        for name, begin in _members(document, at):
            if name == step:
                at = begin
                break
            names.append(name)
        else:
            raise NotThere(f"{place} has no {step!r}, {_listed(names)}")
    if document[at : at + 1] not in (b"[", b"{"):
        place = repr(".".join(steps)) if steps else "it"
        raise NotThere(f"{place} is {_kind(document, at)}")
    return at


def records(document: bytes, at: int) -> Iterator[bytes]:
    """The text of every record in what begins here; raises NotJson where it does not end."""
    if document[at : at + 1] == b"{":
        yield document[at : _end(document, at)]
        return
    begin = _skip_blank(document, at + 1)
    while document[begin : begin + 1] != b"]":
        after = _end(document, begin)
        yield document[begin:after]
        begin = _behind_comma(document, after, b"]")


def check_whole(document: bytes) -> None:
    """Raises NotJson where a document breaks off, or where more follows than one value."""
    if _skip_blank(document, _end(document, _skip_blank(document, 0))) != len(document):
        raise NotJson


def mappings(texts: Iterable[bytes]) -> Iterator[Mapping[str, Any]]:
    """Records as Python sees them, without those that it cannot read."""
    for text in texts:
        try:
            # Of digits without end Python makes no number.
            record = json.loads(text, parse_int=str)
        except (ValueError, RecursionError):
            continue
        if isinstance(record, dict):
            yield record


def _members(document: bytes, at: int) -> Iterator[tuple[str, int]]:
    """The keys of the mapping that begins here, each with the place of its value."""
    begin = _skip_blank(document, at + 1)
    while document[begin : begin + 1] != b"}":
        found = _KEY.match(document, begin)
        if found is None:
            raise NotJson
        yield _text(found[1]), found.end()
        begin = _behind_comma(document, _end(document, found.end()), b"}")


def _behind_comma(document: bytes, at: int, closing: bytes) -> int:
    """Where the next value or key begins, or the closing bracket stands."""
    at = _skip_blank(document, at)
    letter = document[at : at + 1]
    if letter not in (b",", closing):
        raise NotJson
    return at if letter == closing else _skip_blank(document, at + 1)


def _end(document: bytes, begin: int) -> int:
    """The place behind the value that begins here."""
    if document[begin : begin + 1] not in (b"[", b"{"):
        plain = _PLAIN.match(document, begin)
        if plain is None:
            raise NotJson
        return plain.end()
    depth = 0
    for token in _STRUCTURE.finditer(document, begin):
        if token[0] in (b"[", b"{"):
            depth += 1
        elif token[0] in (b"]", b"}"):
            depth -= 1
            if depth == 0:
                return token.end()
    raise NotJson


def _skip_blank(document: bytes, at: int) -> int:
    found = _BLANK.match(document, at)
    return found.end() if found else at


def _text(quoted: bytes) -> str:
    try:
        return str(json.loads(quoted.decode(errors="replace"), strict=False))
    except ValueError:
        raise NotJson from None


def _kind(document: bytes, at: int) -> str:
    for kind, beginning in _KINDS.items():
        if beginning.match(document, at):
            return kind
    raise NotJson


def _listed(names: Sequence[str]) -> str:
    if not names:
        return "it is empty"
    more = f" and {len(names) - _NAMED} more" if len(names) > _NAMED else ""
    return f"only {', '.join(map(repr, names[:_NAMED]))}{more}"
