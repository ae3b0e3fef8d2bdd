"""Searches texts for words, and marks what was found."""

from __future__ import annotations

import re
from collections.abc import Iterable
from functools import cached_property

from pages.parts.frame import escaped


class Search:
    """What was typed: every word of it must occur somewhere, in any case."""

    def __init__(self, typed: str) -> None:
        self.typed = typed.strip()
        self.words = tuple(dict.fromkeys(self.typed.lower().split()))

    def finds(self, texts: Iterable[str]) -> bool:
        """Whether each word occurs in at least one of the texts."""
        seen = [text.lower() for text in texts]
        return all(any(word in text for text in seen) for word in self.words)

    def hits(self, text: str) -> bool:
        """Whether any word occurs in this text."""
        return bool(self.words) and self._pattern.search(text) is not None

    def marked(self, text: str) -> str:
        """The text as HTML, with what was found marked."""
        if not self.words:
            return escaped(text)
        pieces = self._pattern.split(text)
        # The pattern is one group, so that what matched stands at the odd places.
        return "".join(
            f"<mark>{escaped(piece)}</mark>" if index % 2 else escaped(piece)
            for index, piece in enumerate(pieces)
        )

    @cached_property
    def _pattern(self) -> re.Pattern[str]:
        longest_first = sorted(self.words, key=len, reverse=True)
        return re.compile(f"({'|'.join(map(re.escape, longest_first))})", re.IGNORECASE)
