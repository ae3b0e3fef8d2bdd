"""Choices from long lists, kept in the address by stable ids."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import streamlit as st

from pages.parts.frame import chosen_of, missed


def pick(
    name: str,
    label: str,
    options: Mapping[str, str],
    *,
    default: str | None = None,
    resets: Sequence[str] = (),
    width: int = 240,
) -> str:
    """One of many, by its id; the default (without one the first) is unsaid in the address.

    `resets` are other names in the address that a new choice makes meaningless; one that ends
    with a dash stands for all that begin so.
    """
    default = next(iter(options)) if default is None else default
    chosen = chosen_of(name, label, options, default)
    # The address is the truth, so that Back, Forward and a pasted link all hold.
    st.session_state[_widget(name)] = chosen
    st.selectbox(
        label,
        list(options),
        format_func=lambda option: _shown(options[option]),
        key=_widget(name),
        label_visibility="collapsed",
        width=width,
        on_change=_remember,
        args=(name, default, tuple(resets)),
    )
    return chosen


def tabs(name: str, labels: Mapping[str, str]) -> Mapping[str, Any]:
    """Tabs by their ids, of which only the open one is to be drawn; the first is unsaid."""
    default = next(iter(labels))
    asked = chosen_of(name, "tab", labels, default)
    # Not bound by Streamlit: a link to another tab of this page could not be followed then.
    st.session_state[_widget(name)] = labels[asked]
    ids = {label: tab for tab, label in labels.items()}
    drawn = st.tabs(
        list(labels.values()), key=_widget(name), on_change=_opened, args=(name, default, ids)
    )
    return dict(zip(labels, drawn, strict=True))


def search(name: str, label: str, placeholder: str) -> str:
    """What is typed into a search field, kept in the address."""
    st.session_state[_widget(name)] = st.query_params.get(name, "")
    typed = st.text_input(
        label,
        type="search",
        live="300ms",
        key=_widget(name),
        label_visibility="collapsed",
        placeholder=placeholder,
        max_chars=100,
        on_change=_remember,
        args=(name, "", ()),
    )
    return typed or ""


def asked_page(name: str) -> int:
    """The page that the address asks for, counted from 1; what is no number is said to be none."""
    asked = st.query_params.get(name, "1")
    if asked.isascii() and asked.isdecimal() and len(asked) < 7 and int(asked):
        return int(asked)
    missed(name, asked, "page of rows", {}, "page 1")
    return 1


def turn_pages(name: str, shown: int, pages: int) -> None:
    """Turns pages that are counted from 1; the first is unsaid in the address."""
    if pages == 1:
        return
    # A key for each page: the address then decides which one is marked, whatever was clicked.
    widget = f"{name}_{shown}_of_{pages}"
    st.pagination(
        pages,
        default=shown,
        key=_widget(widget),
        width=300,
        max_visible_pages=5,
        on_change=_turned,
        args=(name, widget),
    )


def _widget(name: str) -> str:
    return f"pick_{name}"


def _remember(name: str, default: str, resets: Sequence[str]) -> None:
    chosen = st.session_state[_widget(name)]
    for other in list(st.query_params):
        if other in resets or any(r.endswith("-") and other.startswith(r) for r in resets):
            st.query_params.pop(other, None)
    if chosen in (None, default):
        st.query_params.pop(name, None)
    else:
        st.query_params[name] = chosen


def _opened(name: str, default: str, ids: Mapping[str, str]) -> None:
    tab = ids.get(st.session_state[_widget(name)], default)
    if tab == default:
        st.query_params.pop(name, None)
    else:
        st.query_params[name] = tab


def _turned(name: str, widget: str) -> None:
    page = st.session_state[_widget(widget)]
    if page == 1:
        st.query_params.pop(name, None)
    else:
        st.query_params[name] = str(page)


def _shown(label: str) -> str:
    # An option's text is plain, but a very long one would stretch the list off the screen.
    return label if len(label) <= 80 else label[:79] + "…"
