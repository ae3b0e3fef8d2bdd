"""What a page says of the page after it."""

from __future__ import annotations

import pytest
from requests.structures import CaseInsensitiveDict

from connectors.answers import Page

HERE = "https://api.example.org/v1/things?page=1"


@pytest.mark.parametrize(
    ("header", "next_page"),
    [
        ("", None),
        ('<https://x/?page=9>; rel="last"', None),
        ('<https://x/?page=2>; rel="next"', "https://x/?page=2"),
        ('<https://x/?p=1>; rel="prev", <https://x/?p=3>; rel="next"', "https://x/?p=3"),
        ("<https://x/?page=2>;rel=next", "https://x/?page=2"),
        ('<https://x/?page=2>; rel="last Next"', "https://x/?page=2"),
        ('<https://x/?ids=1,2;3>; title="a, b; rel=last"; rel="next"', "https://x/?ids=1,2;3"),
        ('<https://x/?page=2>; anchor="next"; rel="up"', None),
        ('</v1/things?page=2>; rel="next"', "https://api.example.org/v1/things?page=2"),
        ('<?page=2>; rel="next"', "https://api.example.org/v1/things?page=2"),
        ("nonsense", None),
    ],
)
def test_the_link_header_names_the_whole_address_of_the_next_page(header, next_page):
    page = Page(HERE, CaseInsensitiveDict({"link": header}), b"[]")

    assert page.next == next_page


def test_what_a_page_holds_is_not_part_of_its_text():
    assert repr(Page(f"{HERE}&key=s3cret", {"Set-Cookie": "s3cret"}, b"s3cret")) == "Page()"


def test_a_body_is_parsed_once():
    page = Page(HERE, {}, b"[1]")

    assert page.value is page.value
