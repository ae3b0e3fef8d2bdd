"""Bundles the pages of an answer: large enough to land at little cost, small enough for memory."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

# Landing joins every bundle with all that is there already, so fewer are better; a bundle takes
# about ten times its size in memory. Between 5 and 40 MB the cost changed by a fifth.
SIZE = 12 * 10**6


def bundles(pages: Iterable[bytes], size: int = SIZE) -> Iterator[tuple[bytes, ...]]:
    """The pages in order, in bundles of at most `size` bytes; a larger page is one by itself."""
    bundle: list[bytes] = []
    held = 0
    for page in pages:
        if bundle and held + len(page) > size:
            yield tuple(bundle)
            bundle, held = [], 0
        bundle.append(page)
        held += len(page)
    if bundle:
        yield tuple(bundle)
