"""What a first visit is sent, before any page has run."""

from __future__ import annotations

from pathlib import Path

from streamlit import file_util

from pages.parts.delivery import told

PAGE = (Path(file_util.get_static_dir()) / "index.html").read_bytes()


def test_the_browsers_part_is_told_where_its_server_is_before_it_starts() -> None:
    page = told(PAGE)

    assert page.count(b"BACKEND_BASE_URL") == 1
    assert page.index(b"BACKEND_BASE_URL") < page.index(b'<script type="module"')


def test_the_font_that_is_asked_for_first_is_ours() -> None:
    fonts = [line for line in told(PAGE).split(b"<link") if b'as="font"' in line]

    assert len(fonts) == 1
    assert b"app/static/inter.woff2" in fonts[0]
