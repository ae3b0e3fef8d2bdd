"""Says in plain words what keeps a text from being YAML, and how it was probably meant."""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass
from functools import cached_property

from kpi.written_numbers import leading_number

# A key whose value follows without a space, and one that is set as in a program.
_GLUED = re.compile(r"\s*(?:- +)?([\w-]+)\s*:(?![ \t]|$)(.*)")
_EQUALS = re.compile(r"\s*(?:- +)?([\w-]+) *=(?!=) *(.*)")
_KEY = re.compile(r":(?:[ \t]|$)")
# A key that has its value below it, or in braces or brackets.
_OPENS = re.compile(r":\s*(?:#.*|[{\[].*)?$")


@dataclass(frozen=True)
class Complaint:
    """What a YAML parser says: a problem met at `found`, within what began at `opened`.

    Both are positions in the text, in characters.
    """

    problem: str
    found: int
    opened: int


@dataclass(frozen=True)
class Advice:
    """Where to look, in characters; what is wrong there; one way to mend it."""

    at: int
    what: str
    fix: str


def in_plain_words(text: str, complaint: Complaint, *, secret: bool) -> Advice:
    """What a complaint means to somebody who writes keys and values.

    Of a text that may hold secrets no value is repeated.
    """
    lines = _Lines(text, secret)
    for pattern, explain in _RULES:
        if re.search(pattern, complaint.problem):
            return explain(lines, complaint)
    what = f"this is not YAML: {complaint.problem}."
    return Advice(
        complaint.found, what, "Check the indentation, colons and quotes around this place."
    )


def without_space(word: str) -> tuple[str, str] | None:
    """Key and value of a word such as `it:Delivery`, which YAML does not part."""
    glued = _GLUED.fullmatch(word)
    return (glued[1], glued[2]) if glued and glued[2] else None


def glued_problem(*keys: str) -> tuple[str, str]:
    """What is wrong where values follow their keys without a space, and the fix."""
    named = " and ".join(f"'{key}:'" for key in keys)
    if len(keys) == 1:
        return f"{named} goes on without a space.", "Put a space behind the colon."
    return f"{named} go on without a space.", "Put a space behind each colon."


def torn_problem(key: str, whole: str, *, secret: bool) -> tuple[str, str]:
    """What is wrong where a comma within braces has torn a text, and the fix.

    `key` is what YAML takes for a key with nothing behind it, `whole` the text as it was meant;
    it is empty where no text stands before the comma.
    """
    what = f"within braces a comma ends a text, and '{key}' is no key with a value."
    if secret:
        return "a comma ends a text within braces.", "Put the text in quotes."
    if not whole:
        return f"'{key}' is no key with a value.", f"Write: {key.rstrip(':')}: and its value."
    number = leading_number(whole)
    if number and "," not in number[1]:
        return what, f"Write: {''.join(number)}."
    return what, f"Put the text in quotes: {quoted(whole)}."


def quoted(text: str) -> str:
    """A text as YAML takes it whatever is in it."""
    return "'" + text.replace("'", "''") + "'" if '"' in text or "\\" in text else f'"{text}"'


class _Lines:
    """A text by lines; they are counted from 0 here, and from 1 in what is said."""

    def __init__(self, text: str, secret: bool) -> None:
        self.text = text
        self.secret = secret

    @cached_property
    def all(self) -> list[str]:
        return self.text.split("\n")

    def number(self, at: int) -> int:
        """The line of a character."""
        return self.text.count("\n", 0, at)

    def start(self, number: int) -> int:
        """Where a line's first word begins, in characters."""
        return sum(len(line) + 1 for line in self.all[:number]) + self.indent(number)

    def head(self, at: int) -> str:
        """What stands before a character in its line."""
        return self.text[self.text.rfind("\n", 0, at) + 1 : at]

    def rest(self, at: int) -> str:
        """The text that begins at a character, to the end of its line, braces or brackets."""
        end = self.text.find("\n", at)
        rest = self.text[at : end if end >= 0 else len(self.text)].partition(" #")[0]
        if re.search(r"[{\[]", self.head(at)):
            rest = re.split(r"[,}\]]", rest)[0]
        return rest.strip()

    def shown(self, text: str) -> str:
        """A value as a message may repeat it."""
        return "..." if self.secret else text

    def indent(self, number: int) -> int:
        """By how much a line is indented."""
        return len(self.all[number]) - len(self.all[number].lstrip(" "))

    def above(self, number: int) -> list[int]:
        """The lines above one that say something, the nearest first."""
        above = range(min(number, len(self.all)) - 1, -1, -1)
        return [n for n in above if self.all[n].strip() and self.all[n].lstrip()[0] != "#"]


# --- what a text begins with or goes on with ---


def _tab(lines: _Lines, complaint: Complaint) -> Advice:
    indents = not lines.head(complaint.found).strip()
    fix = "Indent with spaces." if indents else "Write a space instead."
    return Advice(complaint.found, "this is a tab.", fix)


def _alias(lines: _Lines, complaint: Complaint) -> Advice:
    text = lines.rest(complaint.found)
    name = lines.shown(text[1:].partition(" ")[0])
    what = f"'*{name}' repeats what is marked '&{name}', and nothing is."
    fix = f"Put a text that begins with * in quotes: {quoted(lines.shown(text))}."
    return Advice(complaint.found, what, fix)


def _indicator(lines: _Lines, complaint: Complaint) -> Advice:
    """A text begins with a character that has a meaning of its own."""
    at = complaint.opened
    character = lines.text[at : at + 1]
    fix = f"Put it in quotes: {quoted(lines.shown(lines.rest(at)))}."
    if character in "->|":
        fix = f"{fix[:-1]}; or begin it in the next line."
    return Advice(at, f"a text cannot begin with '{character}'.", fix)


def _stray(lines: _Lines, complaint: Complaint) -> Advice:
    character = lines.text[complaint.found]
    fix = "Remove it, or put the text that it is part of in quotes."
    return Advice(complaint.found, f"'{character}' does not belong here.", fix)


def _behind(lines: _Lines, complaint: Complaint) -> Advice:
    """Something follows a value that has ended: by a quote, a bracket, or less indentation."""
    number = lines.number(complaint.found)
    head = lines.head(complaint.found).rstrip()
    if not head:
        return _uneven(lines, complaint)
    closing = head[-1]
    if closing in ("'", '"') and head.count(closing) % 2:
        for above in lines.above(number):
            if lines.all[above].count(closing) % 2:
                at = lines.start(above) - lines.indent(above) + lines.all[above].rindex(closing)
                what = f"this quote is closed only in line {number + 1}."
                return Advice(at, what, "Close it at the end of its text.")
    what = "the text goes on here although it has ended."
    if closing in "'\"}]":
        what = f"the text goes on behind the {closing} that closes it."
    fix = "Put the whole text in quotes; within single quotes write '' for '."
    return Advice(complaint.found, what, fix)


def _open_quote(lines: _Lines, complaint: Complaint) -> Advice:
    return Advice(complaint.opened, "this quote is not closed.", "Close it at the end of its text.")


def _escape(lines: _Lines, complaint: Complaint) -> Advice:
    what = f"'\\{lines.text[complaint.found]}' means nothing in double quotes."
    fix = r"Write \\ for a backslash, or put the text in single quotes."
    return Advice(complaint.found, what, fix)


# --- colons ---


def _colon(lines: _Lines, complaint: Complaint) -> Advice:
    """A colon that makes no key: there is one before it, or none in the line above."""
    number, head = lines.number(complaint.found), lines.head(complaint.found)
    if first := _KEY.search(head):
        text = lines.shown(lines.rest(complaint.found - len(head) + first.end()))
        what = "a text with ': ' in it needs quotes."
        return Advice(complaint.found, what, f"Put it in quotes: {quoted(text)}.")
    above = lines.above(number)
    if not above or not _KEY.search(lines.all[above[0]]):
        return _no_colon(lines, Complaint("", complaint.found, lines.start([*above, number][0])))
    return _too_deep(lines, number, above[0])


def _no_colon(lines: _Lines, complaint: Complaint) -> Advice:
    at = complaint.opened
    line = lines.all[lines.number(at)]
    if glued := _GLUED.fullmatch(line):
        return Advice(at, *glued_problem(glued[1]))
    if equals := _EQUALS.fullmatch(line):
        what = "'=' sets no key."
        return Advice(at, what, f"Write: {equals[1]}: {lines.shown(equals[2].strip())}.")
    fix = "Write 'key: value'; a text that goes on from the line above is indented more."
    return Advice(at, "this line has no key.", fix)


# --- indentation, braces and brackets ---


def _uneven(lines: _Lines, complaint: Complaint) -> Advice:
    """Lines that YAML puts below the same one are indented differently."""
    here = lines.number(complaint.found)
    own = lines.indent(here)
    above = lines.above(here)
    parent = next((n for n in above if lines.indent(n) < own), None)
    if parent is None:
        return Advice(complaint.found, "this line is indented.", "Begin it at column 1.")
    if parent == above[0]:
        return _too_deep(lines, here, parent)
    first = min(n for n in above if n > parent)
    deep = lines.indent(first)
    if own not in [lines.indent(n) for n in lines.above(first)]:
        what = f"this line is indented by {own}, as no line above it."
        fix = f"Indent it by {lines.indent(parent)} like line {parent + 1}"
        return Advice(complaint.found, what, f"{fix}, or by {deep} like line {first + 1}.")
    if not _OPENS.search(lines.all[first]) and (advice := _too_shallow(lines, parent, here)):
        return advice
    what = f"line {first + 1} is indented by {deep}, but line {here + 1} by {own}:"
    what = f"{what} both stand below line {parent + 1}."
    fix = f"Give line {first + 1} the indentation of line {here + 1}, and move along"
    return Advice(lines.start(first), what, f"{fix} what stands below it.")


def _too_deep(lines: _Lines, here: int, above: int) -> Advice:
    if advice := _too_shallow(lines, above, here):
        return advice
    what = f"line {here + 1} is indented more than line {above + 1}, which has its value already."
    fix = f"Give line {here + 1} the indentation of line {above + 1}."
    return Advice(lines.start(here), what, fix)


def _too_shallow(lines: _Lines, odd: int, below: int) -> Advice | None:
    """A line that is indented less than its neighbours, the one before it and the one `below`."""
    own = lines.indent(below)
    before = next((n for n in lines.above(odd) if lines.indent(n) <= own), None)
    if before is None or lines.indent(before) != own:
        return None
    what = f"line {odd + 1} is indented by {lines.indent(odd)}, but lines {before + 1} and"
    fix = f"Give line {odd + 1} the indentation of line {below + 1}."
    return Advice(lines.start(odd), f"{what} {below + 1} by {own}.", fix)


def _side_by_side(lines: _Lines, complaint: Complaint) -> Advice:
    what = "keys and the items of a list ('- ') stand side by side here."
    return Advice(complaint.found, what, "Indent a list below the key that it belongs to.")


def _braces(lines: _Lines, complaint: Complaint) -> Advice:
    """Braces or brackets that are never closed, or hold something that is not parted."""
    opening, opened = lines.text[complaint.opened], lines.number(complaint.opened)
    closing = {"{": "}", "[": "]"}[opening]
    here = lines.number(complaint.found)
    ended = not lines.text[complaint.found :].strip()
    if here > opened and (ended or lines.indent(here) <= lines.indent(opened)):
        last = lines.above(here)[0]
        fix = f"Put '{closing}' at the end of line {last + 1}."
        return Advice(complaint.opened, f"this '{opening}' is not closed.", fix)
    what = f"here ',' or '{closing}' is expected."
    fix = "Put a comma between two entries, and quotes around a text that has a colon."
    return Advice(complaint.found, what, fix)


def _first(lines: _Lines, complaint: Complaint) -> Advice:
    at = lines.start(lines.above(lines.number(complaint.found) + 1)[-1])
    return Advice(at, "the file does not begin with a key.", "Begin the first key at column 1.")


def _document(lines: _Lines, complaint: Complaint) -> Advice:
    return Advice(
        complaint.found, "another document begins here.", "Remove the line '---' or '...'."
    )


# What a problem of the parser says, and what it means. The first that fits counts.
_RULES: tuple[tuple[str, Callable[[_Lines, Complaint], Advice]], ...] = (
    (r"found character '\\t'", _tab),
    ("found undefined alias", _alias),
    (
        "found character|(entries|keys) are not allowed|expected alphabetic|undefined tag",
        _indicator,
    ),
    ("expected (a comment or a line break|chomping|indentation)", _indicator),
    ("values are not allowed", _colon),
    ("could not find expected ':'", _no_colon),
    ("<block end>, but found '<block", _uneven),
    ("<block end>, but found '[-?]'", _side_by_side),
    (r"but found '[^\[{]'", _stray),
    ("<block end>, but found", _behind),
    ("expected ',' or", _braces),
    ("found unexpected end of stream", _open_quote),
    ("unknown escape character", _escape),
    ("<document start>", _first),
    ("another document", _document),
)
