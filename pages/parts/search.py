"""Searches texts for words, and marks what was found."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterable
from functools import cached_property, lru_cache

from pages.parts.frame import escaped


class Search:
    """What was typed: every word of it must occur somewhere, in any case, with or without accents.

    A text is folded for the comparison: 'É' and 'e' are one, 'ß' and 'ss' as well.
    """

    def __init__(self, typed: str) -> None:
        self.typed = typed.strip()
        self.words = tuple(dict.fromkeys(_folded(self.typed).split()))

    def finds(self, texts: Iterable[str]) -> bool:
        """Whether each word occurs in at least one of the texts."""
        seen = [_folded(text) for text in texts]
        return all(any(word in text for text in seen) for word in self.words)

    def hits(self, text: str) -> bool:
        """Whether any word occurs in this text."""
        return bool(self.words) and self._pattern.search(_folded(text)) is not None

    def marked(self, text: str) -> str:
        """The text as HTML, with what was found marked."""
        if not self.words:
            return escaped(text)
        # Folding may lengthen a character or drop one: for each that is left, where it stood.
        origins = [at for at, character in enumerate(text) for _ in _folded(character)]
        said, done = [], 0
        for match in self._pattern.finditer(_folded(text)):
            start, end = origins[match.start()], origins[match.end() - 1] + 1
            # An accent that stands behind its letter belongs to it.
            while end < len(text) and not _folded(text[end]):
                end += 1
            said.append(f"{escaped(text[done:start])}<mark>{escaped(text[start:end])}</mark>")
            done = end
        return "".join(said) + escaped(text[done:])

    @cached_property
    def _pattern(self) -> re.Pattern[str]:
        longest_first = sorted(self.words, key=len, reverse=True)
        return re.compile("|".join(map(re.escape, longest_first)))


def _folded(text: str) -> str:
    """A text without case and accents, character by character."""
    return "".join(_fold(character) for character in text)


@lru_cache(maxsize=4096)
def _fold(character: str) -> str:
    parts = unicodedata.normalize("NFKD", character.casefold())
    return "".join(part for part in parts if not unicodedata.combining(part))
