"""Pages are bundled in their order, none is lost, and no bundle outgrows its size."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from connectors.bundles import bundles


@given(st.lists(st.binary(max_size=20)), st.integers(1, 30))
def test_every_page_is_in_one_bundle_in_its_order(pages: list[bytes], size: int):
    made = list(bundles(pages, size))

    assert [page for bundle in made for page in bundle] == pages
    assert all(made)


@given(st.lists(st.binary(max_size=20)), st.integers(1, 30))
def test_a_bundle_is_as_large_as_may_be_and_no_larger(pages: list[bytes], size: int):
    made = list(bundles(pages, size))

    sizes = [sum(map(len, bundle)) for bundle in made]
    assert all(held <= size or len(bundle) == 1 for held, bundle in zip(sizes, made, strict=True))
    assert all(
        held + len(following[0]) > size for held, following in zip(sizes, made[1:], strict=False)
    )


def test_a_page_is_not_asked_for_before_the_bundle_before_it_is_taken():
    asked = []

    def pages():
        for page in (b"aa", b"bb", b"cc"):
            asked.append(page)
            yield page

    first = next(bundles(pages(), 3))

    assert (first, asked) == ((b"aa",), [b"aa", b"bb"])
