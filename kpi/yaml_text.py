"""Reads YAML 1.2 and remembers where everything stood, so that an error can point at it."""

from __future__ import annotations

import difflib
import re
from collections.abc import Iterable, Mapping
from contextlib import suppress
from copy import copy, deepcopy
from dataclasses import dataclass, field
from typing import Any

from ruamel.yaml import YAML
from ruamel.yaml.composer import Composer
from ruamel.yaml.constructor import ConstructorError
from ruamel.yaml.error import MarkedYAMLError
from ruamel.yaml.nodes import MappingNode, Node, ScalarNode, SequenceNode
from ruamel.yaml.reader import ReaderError
from ruamel.yaml.scanner import Scanner

from kpi.yaml_syntax import (
    Complaint,
    glued_problem,
    in_plain_words,
    quoted,
    torn_problem,
    without_space,
)

Path = tuple[str | int, ...]
# How many values all aliases together may stand for: a few lines of them could mean billions.
_MOST_REPEATED = 10_000
_DEEPEST = 50
_LONGEST = 1_000_000
# An anchor or a tag, which stands before the text of a value.
_PROPERTIES = re.compile(r"(?:[&!]\S*\s+)*")


@dataclass(frozen=True, order=True)
class Place:
    """A line and a column, both counted from 1."""

    line: int
    column: int


@dataclass(frozen=True, order=True)
class Problem:
    """One mistake: where it stands, what is wrong, and one way to mend it."""

    file: str
    place: Place
    what: str
    fix: str = ""

    def __str__(self) -> str:
        text = f"{self.file}:{self.place.line}:{self.place.column}: {self.what}"
        return f"{text} {self.fix}" if self.fix else text


class _TooDeep(Exception):
    """A value stands deeper than anything that is meant; it holds the place."""


class _Shallow(Composer):
    """Composes by recursion, and so not without end."""

    _depth = 0

    def compose_node(self, parent: Any, index: Any) -> Any:
        if self._depth >= _DEEPEST:
            raise _TooDeep(self.parser.peek_event().start_mark)
        self._depth += 1
        node = super().compose_node(parent, index)
        self._depth -= 1
        return node


class _ShallowScanner(Scanner):
    """Looks ahead from each open bracket to see whether it is a key: not without end either."""

    def fetch_flow_collection_start(self, TokenClass: Any, to_push: str) -> None:
        if self.flow_level >= _DEEPEST:
            raise _TooDeep(self.reader.get_mark())
        super().fetch_flow_collection_start(TokenClass, to_push)


class _TooMuch(Exception):
    """What is written is far longer than it looks; the reason is noted in the document."""


class Refused(Exception):
    """A file that cannot be used, with everything that is wrong with it."""

    def __init__(self, problems: Iterable[Problem]) -> None:
        self.problems = tuple(sorted(set(problems)))
        super().__init__("\n".join(map(str, self.problems)))


@dataclass
class Document:
    """The plain values of a YAML text, and the place of every key and value.

    Of a `secret` one no message about its syntax repeats a value.
    """

    name: str
    text: str
    secret: bool = False
    value: Any = None
    problems: list[Problem] = field(default_factory=list)
    _values: dict[Path, Node] = field(default_factory=dict)
    _seen: set[int] = field(default_factory=set)
    _repeated: int = 0
    _keys: dict[Path, Node] = field(default_factory=dict)

    def place(self, path: Path) -> Place:
        """Where the value at this path begins; an absent one is placed at its nearest parent."""
        return self._nearest(path, self._values)

    def key_place(self, path: Path) -> Place:
        """Where the last key of this path stands."""
        return self._nearest(path, self._keys)

    def place_in(self, path: Path, offset: int) -> Place:
        """Where one character of a text value stands, whichever way the text was quoted."""
        node = self._values[path]
        if not isinstance(node, ScalarNode):
            return self.place(path)
        return _character(self.text, node, offset)

    def written(self, path: Path) -> str:
        """The text of a plain value as it was written, without quotes; of anything else nothing."""
        node = self._values.get(path)
        return str(node.value) if isinstance(node, ScalarNode) else ""

    def at(self, path: Path) -> Any:
        """The plain value at this path, which must be there."""
        found = self.value
        for key in path:
            found = found[key]
        return found

    def item(self, path: Path, index: int) -> Path:
        """The path of an item of a list, or of what stands there alone instead of a list of one."""
        return (*path, index) if isinstance(self.at(path), list) else path

    def last_line(self, path: Path) -> int:
        """The last line of a key and its value, counted from 1."""
        end = _last_leaf(self._keys[path], self._values[path]).end_mark
        return int(end.line) + (1 if end.column else 0)

    def span(self, path: Path) -> tuple[int, int]:
        """Where a value begins and where it ends in the text, in characters."""
        node = self._values[path]
        return node.start_mark.index, node.end_mark.index

    def is_in_braces(self, path: Path) -> bool:
        """Whether a mapping or a list is written in braces or brackets, as in JSON."""
        return bool(getattr(self._values[path], "flow_style", False))

    def lines(self, path: Path) -> str:
        """The lines of a key and its value, as they were written."""
        first = self.key_place(path).line - 1
        lines = self.text.split("\n")[first : self.last_line(path)]
        indent = min((len(line) - len(line.lstrip()) for line in lines if line.strip()), default=0)
        return "\n".join(line[indent:] for line in lines).rstrip()

    def with_entries(self, section: str, other: Document, at: Path) -> Document:
        """This document with what stands in another one at a path as entries of a section.

        They come first, and in the place of entries of the same name. The other text follows this
        one, from line `self.lines_above` on, so that every place tells which of the two it is in.
        """
        entries = other.at(at)
        own = self.value.get(section) or {}
        kept = {name: entry for name, entry in own.items() if name not in entries}
        joined = Document(self.name, f"{self.text}\n{other.text}")
        joined.value = {**self.value, section: {**entries, **kept}}
        # Whoever has the other document still has it with its own places.
        values, keys = deepcopy((other._values, other._keys))
        _move([*values.values(), *keys.values()], len(self.text) + 1, self.lines_above)
        for nodes, mine, theirs in (
            (joined._values, self._values, values),
            (joined._keys, self._keys, keys),
        ):
            replaced = {(section, name) for name in entries}
            nodes.update({p: n for p, n in mine.items() if p[:2] not in replaced})
            inside = {p: n for p, n in theirs.items() if len(p) > len(at) and p[: len(at)] == at}
            nodes.update({(section, *p[len(at) :]): n for p, n in inside.items()})
        return joined

    @property
    def lines_above(self) -> int:
        """How many lines stand above a text that follows this one."""
        return self.text.count("\n") + 1

    def refuse(self, path: Path, what: str, fix: str = "", *, at_key: bool = False) -> None:
        """Notes a problem with the value (or the key) at this path."""
        place = self.key_place(path) if at_key else self.place(path)
        self.problems.append(Problem(self.name, place, what, fix))

    def _nearest(self, path: Path, nodes: Mapping[Path, Node]) -> Place:
        while path not in nodes and path:
            nodes, path = (self._keys, path) if path in self._keys else (nodes, path[:-1])
        node = nodes.get(path)
        if node is not None and _is_absent(node):
            # Where nothing stands behind a key, the parser goes on to the next line.
            node = self._keys.get(path, node)
        return _start(node) if node is not None else Place(1, 1)


def nearest(word: object, known: Iterable[str]) -> str:
    """A known name close to this word, as a question to put behind an error, or nothing."""
    found = closest(word, known)
    return f"Did you mean '{found}'?" if found not in (None, str(word)) else ""


def closest(word: object, known: Iterable[str]) -> str | None:
    """The known name that is close to this word, or None."""
    # Lower case, so that IT is close to it; a later name does not hide an earlier one.
    names = {name.lower(): name for name in reversed(list(known))}
    close = difflib.get_close_matches(str(word).lower(), names, n=1, cutoff=0.6)
    return names[close[0]] if close else None


def choice(word: object, labels: Mapping[str, str]) -> str:
    """The nearest of these names, by itself or by its label; else all of them, if there are any."""
    names = {label: name for name, label in labels.items()}
    label = closest(word, names)
    if label is not None and closest(word, labels) is None:
        return f"Did you mean '{names[label]}'?"
    there = f"There are: {', '.join(labels)}." if labels else ""
    return nearest(word, labels) or there


def as_yaml(value: object) -> str:
    """A plain value as somebody would write it in a line of YAML."""
    if isinstance(value, Mapping):
        return f"{{{', '.join(f'{key}: {as_yaml(item)}' for key, item in value.items())}}}"
    if isinstance(value, list):
        return f"[{', '.join(map(as_yaml, value))}]"
    if not isinstance(value, str):
        return str(value).lower() if isinstance(value, bool) else str(value)
    document = read_yaml(f"[{value}]", "")
    return value if document.value == [value] and not document.problems else quoted(value)


def read_yaml(text: str, name: str, *, secret: bool = False) -> Document:
    """Parses a YAML text; what is wrong with it is noted in the document, nothing is raised."""
    document = Document(name, text, secret)
    if len(text) > _LONGEST:
        what = f"this is longer than {_LONGEST:,} characters."
        document.problems.append(Problem(name, Place(1, 1), what, "Is it the right file?"))
        return document
    yaml = YAML(typ="safe", pure=True)
    yaml.Composer = _Shallow
    yaml.Scanner = _ShallowScanner
    try:
        root = yaml.compose(text)
    except MarkedYAMLError as error:
        document.problems.append(_syntax_problem(document, error))
        return document
    except ReaderError as error:
        what = f"the character U+{error.character:04X} cannot stand in YAML."
        place = _place_at(text, error.position)
        document.problems.append(Problem(name, place, what, "Remove it; an editor may hide it."))
        return document
    except _TooDeep as error:
        mark = error.args[0]
        what = f"lists and mappings stand more than {_DEEPEST} deep inside each other."
        place = Place(mark.line + 1, mark.column + 1)
        document.problems.append(Problem(name, place, what, "Write it flatter."))
        return document
    if root is not None:
        with suppress(_TooMuch):
            document.value = _plain(document, yaml, root, ())
    return document


def _syntax_problem(document: Document, error: MarkedYAMLError) -> Problem:
    found, opened = (
        mark.index if mark else 0
        for mark in (
            error.problem_mark or error.context_mark,
            error.context_mark or error.problem_mark,
        )
    )
    complaint = Complaint(error.problem or error.context or "", found, opened)
    advice = in_plain_words(document.text, complaint, secret=document.secret)
    return Problem(document.name, _place_at(document.text, advice.at), advice.what, advice.fix)


def _plain(document: Document, yaml: YAML, node: Node, path: Path) -> Any:
    if any(document._values.get(path[:i]) is node for i in range(len(path))):
        document.refuse(path, "this alias (*) stands inside what it stands for.", "Write it out.")
        return None
    document._values[path] = node
    document._repeated += id(node) in document._seen
    document._seen.add(id(node))
    if document._repeated > _MOST_REPEATED:
        what = f"the aliases (*) in this file stand for more than {_MOST_REPEATED:,} values."
        document.refuse(path, what, "Write out what is meant.")
        raise _TooMuch
    if isinstance(node, ScalarNode):
        _notice_cut(document, node)
        return _scalar(document, yaml, node, path)
    if node.tag not in ("tag:yaml.org,2002:seq", "tag:yaml.org,2002:map"):
        document.refuse(path, f"'{node.tag}' is no kind of value here.", "Remove the '!' word.")
    if isinstance(node, SequenceNode):
        return [_plain(document, yaml, item, (*path, i)) for i, item in enumerate(node.value)]
    assert isinstance(node, MappingNode)
    return _mapping(document, yaml, node, path)


def _scalar(document: Document, yaml: YAML, node: ScalarNode, path: Path) -> Any:
    try:
        value = yaml.constructor.construct_object(node)
        if not isinstance(value, bytes):
            return value
        document.refuse(path, "bytes are no kind of value here.", "Remove the '!' word.")
    except ConstructorError:
        document.refuse(path, f"'{node.tag}' is no kind of value here.", "Remove the '!' word.")
    except ValueError as error:
        document.refuse(path, f"'{node.value}' cannot be read: {error}.", "Put it in quotes.")
    return node.value


def _mapping(document: Document, yaml: YAML, node: MappingNode, path: Path) -> dict[str, Any]:
    plain: dict[str, Any] = {}
    pairs = _meant(document, yaml, node) if node.flow_style else node.value
    for key_node, value_node in pairs:
        place = _start(key_node)
        if not isinstance(key_node, ScalarNode):
            what = "a list or a mapping cannot be a key."
            document.problems.append(Problem(document.name, place, what, "Write one word."))
            continue
        key = str(key_node.value)
        if key in plain:
            first = document.key_place((*path, key)).line
            what = f"the key '{key}' stands here a second time (first in line {first})."
            document.problems.append(Problem(document.name, place, what, "Keep one of them."))
            continue
        document._keys[(*path, key)] = key_node
        plain[key] = _plain(document, yaml, value_node, (*path, key))
    return plain


def _meant(document: Document, yaml: YAML, node: MappingNode) -> list[tuple[Node, Node]]:
    """The pairs of a mapping in braces as they were meant.

    Where a space behind a colon or quotes around a comma are missing, YAML reads keys with nothing
    behind them; that is told here, and nothing else is told of it.
    """
    pairs: list[tuple[Node, Node]] = []
    glued: list[Node] = []
    torn: list[ScalarNode] = []
    for key, value in (*node.value, (None, None)):
        if key is not None and _is_lone(document.text, key, value):
            if without_space(key.value) is None:
                torn.append(key)
                continue
            key, value = _parted(document, yaml, key)
            glued.append(key)
        if torn:
            _note_torn(document, pairs[-1][1] if pairs else None, torn)
            torn = []
        if key is not None:
            pairs.append((key, value))
    if glued:
        what, fix = glued_problem(*(key.value for key in glued))
        document.problems.append(Problem(document.name, _start(glued[0]), what, fix))
    return pairs


def _is_lone(text: str, key: Node, value: Node) -> bool:
    """Whether a word in braces has neither a colon nor a value behind it."""
    plain = isinstance(key, ScalarNode) and not key.style
    return (
        plain and ":" not in text[key.end_mark.index : value.end_mark.index] and _is_absent(value)
    )


def _parted(document: Document, yaml: YAML, node: ScalarNode) -> tuple[Node, Node]:
    """Key and value of a word such as `it:Delivery`."""
    key, text = without_space(node.value) or (node.value, "")
    tag = yaml.resolver.resolve(ScalarNode, text, (True, False))
    start = copy(node.start_mark)
    start.index = document.text.index(":", start.index) + 1
    start.column += start.index - node.start_mark.index
    return (
        ScalarNode(node.tag, key, node.start_mark, start),
        ScalarNode(tag, text, start, node.end_mark),
    )


def _note_torn(document: Document, before: Node | None, torn: list[ScalarNode]) -> None:
    whole = ""
    if isinstance(before, ScalarNode) and not before.style and not _is_absent(before):
        written = document.text[before.start_mark.index : torn[-1].end_mark.index]
        whole = " ".join(written.split())
    what, fix = torn_problem(torn[0].value, whole, secret=document.secret)
    document.problems.append(Problem(document.name, _start(torn[0]), what, fix))


def _move(nodes: Iterable[Node], characters: int, lines: int) -> None:
    """Makes nodes stand that much further behind; a mark that two of them share moves once."""
    marks = {id(m): m for node in nodes for m in (node.start_mark, node.end_mark)}
    for mark in marks.values():
        mark.index += characters
        mark.line += lines


def _is_absent(node: Node) -> bool:
    return isinstance(node, ScalarNode) and node.start_mark.index == node.end_mark.index


def _start(node: Node) -> Place:
    return Place(node.start_mark.line + 1, node.start_mark.column + 1)


def _notice_cut(document: Document, node: ScalarNode) -> None:
    """A ` #` in an unquoted text begins a comment: the text would silently lose its end.

    That it was meant as part of the text shows in what is left open before it, or in what stands
    behind it without a space, `#1`; comments are written with one.
    """
    if node.style or node.tag != "tag:yaml.org,2002:str":
        return
    mark = node.end_mark
    end = document.text.find("\n", mark.index)
    rest = document.text[mark.index : end if end >= 0 else len(document.text)]
    cut = re.match(r"\s*#+(?=(.?))", rest)
    opened = any(node.value.count(quote) % 2 for quote in "'\"")
    opened = opened or node.value.count("(") > node.value.count(")")
    if cut and (opened or cut[1].strip()):
        place = Place(mark.line + 1, mark.column + 1)
        what = "' #' begins a comment here and cuts the text off."
        fix = "Put the whole text in double quotes."
        if not opened:
            fix = "Put the whole text in quotes; a comment begins with '# '."
        document.problems.append(Problem(document.name, place, what, fix))


def _last_leaf(key: Node, node: Node) -> Node:
    """What is written last of a value: a block itself ends only where something else begins."""
    while isinstance(node, (MappingNode, SequenceNode)) and not node.flow_style and node.value:
        last = node.value[-1]
        key, node = last if isinstance(last, tuple) else (key, last)
    return key if _is_absent(node) else node


def _character(text: str, node: ScalarNode, offset: int) -> Place:
    """Walks the written text and the value side by side; folding only changes white space."""
    properties = _PROPERTIES.match(text, node.start_mark.index)
    start = at = properties.end() if properties else node.start_mark.index
    if node.style in ("|", ">"):
        at = text.index("\n", at) + 1
    elif node.style in ("'", '"'):
        at += 1
    for character in node.value[: offset + 1]:
        if character.isspace():
            continue
        written, width = _written(text, at, node.style)
        while written != character and at < len(text):
            at += width
            written, width = _written(text, at, node.style)
        start, at = at, at + width
    return _place_at(text, start)


def _place_at(text: str, index: int) -> Place:
    return Place(text.count("\n", 0, index) + 1, index - text.rfind("\n", 0, index))


def _written(text: str, at: int, style: str | None) -> tuple[str, int]:
    """The character that is written here, and in how many."""
    if style == "'" and text.startswith("''", at):
        return "'", 2
    if style != '"' or text[at : at + 1] != "\\":
        return text[at : at + 1], 1
    escape = text[at + 1 : at + 2]
    digits = Scanner.ESCAPE_CODES.get(escape)
    if digits:
        return chr(int(text[at + 2 : at + 2 + digits], 16)), 2 + digits
    return Scanner.ESCAPE_REPLACEMENTS.get(escape, ""), 2
