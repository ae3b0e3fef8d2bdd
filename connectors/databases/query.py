"""Finds the parameters in a person's SELECT, leaving quotes, comments and `::` casts alone."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass

from connectors.columns import nearest

PARAMETERS = ("since", "until")

# What a colon means nothing in. PostgreSQL's nested comments and E'' strings are found by hand.
_DOLLAR = re.compile(r"\$(?:[^\W\d]\w*)?\$")
_PARAMETER = re.compile(r":([^\W\d]\w*)")
_WORD = re.compile(r"\w+")


@dataclass(frozen=True)
class Query:
    """One SELECT as written, cut at its parameters: `texts[0] names[0] texts[1] ... texts[-1]`."""

    texts: tuple[str, ...]
    names: tuple[str, ...]

    def filled(self, values: Mapping[str, str]) -> str:
        """The statement with a piece of SQL in the place of every parameter."""
        pieces = [self.texts[0]]
        for name, text in zip(self.names, self.texts[1:], strict=True):
            pieces += [values[name], text]
        return "".join(pieces)


def parse(text: str) -> Query:
    """The query of a text; raises ValueError with the reason where it is not one SELECT.

    This catches slips, it does not guard: that a query only reads is enforced by the database,
    in a read-only transaction.
    """
    scan = _Scan(text)
    while scan.at < len(text):
        scan.step()
    scan.finish()
    return Query((*scan.texts, text[scan.cut : scan.end]), tuple(scan.names))


class _Scan:
    def __init__(self, text: str) -> None:
        self.text = text
        self.at = 0
        self.cut = 0  # where the current piece of text begins
        self.end = len(text)  # a closing semicolon is left out
        self.open: list[int] = []  # the parentheses that are still open
        self.first = ""  # the first word of the statement
        self.texts: list[str] = []
        self.names: list[str] = []

    def step(self) -> None:
        character = self.text[self.at]
        if character.isspace() or self._comment():
            self.at += character.isspace()
            return
        if self.end < len(self.text):
            raise ValueError(f"there is a second statement in {self._line(self.at)}; keep one")
        if self._quoted() or self._parameter():
            return
        if word := _WORD.match(self.text, self.at):
            self.first = self.first or word[0].lower()
            self.at = word.end()
            return
        self._mark(character)
        self.at += 1

    def finish(self) -> None:
        if self.open:
            raise ValueError(f"the '(' in {self._line(self.open[-1])} is never closed")
        if self.first not in ("select", "with"):
            raise ValueError("the query must be one SELECT, or a WITH that ends in one")

    def _mark(self, character: str) -> None:
        if character == ";":
            self.end = self.at
        elif character == "(":
            self.open.append(self.at)
        elif character == ")" and not self.open:
            raise ValueError(f"there is a ')' too many in {self._line(self.at)}")
        elif character == ")":
            self.open.pop()

    def _comment(self) -> bool:
        if self.text.startswith("--", self.at):
            end = self.text.find("\n", self.at)
            self.at = len(self.text) if end < 0 else end + 1
            return True
        if not self.text.startswith("/*", self.at):
            return False
        depth, start = 0, self.at
        for mark in re.finditer(r"/\*|\*/", self.text[start:]):
            depth += 1 if mark[0] == "/*" else -1
            if not depth:
                self.at = start + mark.end()
                return True
        raise ValueError(f"the comment that begins in {self._line(start)} is never closed")

    def _quoted(self) -> bool:
        character = self.text[self.at]
        if character in "'\"`":
            escapes = character == "'" and self._before(r"(?<!\w)[eE]")
            body = rf"(?:{character}{character}|[^{character}])*"
            if escapes:
                body = r"(?:\\.|''|[^'\\])*"
            self._skip(re.compile(f"{character}{body}{character}", re.DOTALL), "quote")
            return True
        dollar = None if self._before(r"\w") else _DOLLAR.match(self.text, self.at)
        if dollar is None:
            return False
        mark = re.escape(dollar[0])
        self._skip(re.compile(f"{mark}.*?{mark}", re.DOTALL), f"{dollar[0]} quote")
        return True

    def _skip(self, pattern: re.Pattern[str], what: str) -> None:
        found = pattern.match(self.text, self.at)
        if found is None:
            raise ValueError(f"the {what} that begins in {self._line(self.at)} is never closed")
        self.at = found.end()

    def _parameter(self) -> bool:
        if self.text.startswith("::", self.at):
            self.at += 2
            return True
        found = _PARAMETER.match(self.text, self.at)
        # A colon behind a value or a bracket is an array slice: totals[1:n], totals[:n].
        if found is None or self._before(r"[\w)\]\"']|\[\s*"):
            return False
        name = found[1].lower()
        if name not in PARAMETERS:
            hint = nearest(name, PARAMETERS) or " There are :since and :until."
            raise ValueError(f"unknown parameter ':{found[1]}' in {self._line(self.at)}.{hint}")
        self.texts.append(self.text[self.cut : self.at])
        self.names.append(name)
        self.at = self.cut = found.end()
        return True

    def _before(self, pattern: str) -> bool:
        """Whether what stands directly before this place ends with the pattern."""
        return re.search(f"(?:{pattern})\\Z", self.text[max(0, self.at - 40) : self.at]) is not None

    def _line(self, at: int) -> str:
        return f"line {self.text.count(chr(10), 0, at) + 1} of the query"
