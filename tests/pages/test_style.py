"""The look: one set of colours everywhere, readable by everybody."""

from __future__ import annotations

import tomllib

import pytest
from streamlit import config as streamlit_config

from kpi import paper
from pages.parts import style
from tests.pages.app import ROOT

# What config.toml calls the colours of style.py.
NAMES = {
    "primaryColor": "accent",
    "backgroundColor": "background",
    "secondaryBackgroundColor": "tint",
    "textColor": "text",
    "borderColor": "line",
    "grayColor": "year_before",
    "grayTextColor": "muted",
    "redTextColor": "off",
    "orangeTextColor": "near",
}


def theme(name: str) -> dict[str, str]:
    config = tomllib.loads((ROOT / ".streamlit" / "config.toml").read_text())
    found: dict[str, str] = config["theme"][name]
    return found


def contrast(one: str, other: str) -> float:
    """The contrast ratio of two colours after WCAG 2."""

    def luminance(code: str) -> float:
        parts = [int(code[place : place + 2], 16) / 255 for place in (1, 3, 5)]
        linear = [p / 12.92 if p <= 0.04045 else ((p + 0.055) / 1.055) ** 2.4 for p in parts]
        return 0.2126 * linear[0] + 0.7152 * linear[1] + 0.0722 * linear[2]

    dark, light = sorted((luminance(one), luminance(other)))
    return (light + 0.05) / (dark + 0.05)


@pytest.mark.parametrize("name", ["light", "dark"])
def test_charts_and_pages_have_the_same_colours(name: style.Theme) -> None:
    configured = {ours: theme(name)[theirs] for theirs, ours in NAMES.items()}

    assert configured.items() <= dict(style.COLOURS[name]).items()


@pytest.mark.parametrize("name", ["light", "dark"])
@pytest.mark.parametrize("ground", ["background", "tint", "joint"])
@pytest.mark.parametrize("text", ["text", "muted", "accent", "off", "near"])
def test_every_text_can_be_read_on_every_ground(name: style.Theme, ground: str, text: str) -> None:
    colours = style.COLOURS[name]

    assert contrast(colours[text], colours[ground]) >= 5.4


def test_an_unknown_theme_is_light() -> None:
    assert style.colours(None)["background"] == "#FFFFFF"


def test_fonts_come_from_the_dashboard_itself() -> None:
    config = tomllib.loads((ROOT / ".streamlit" / "config.toml").read_text())

    for face in config["theme"]["fontFaces"]:
        assert face["url"].startswith("app/static/")
        assert (ROOT / face["url"].removeprefix("app/")).is_file()


def test_paper_has_the_light_colours() -> None:
    assert paper.COLOURS.items() <= dict(style.COLOURS["light"]).items()


def test_the_foot_of_a_printed_page_is_only_a_text() -> None:
    foot = style.foot('Edition 1 · "} </style><script>')

    assert foot.count('"') == 4
    assert "<" not in foot
    assert "Edition 1 · " in foot


def test_no_run_of_a_page_waits_for_a_search_for_garbage() -> None:
    # Streamlit does not speak of this option: another version may have it no more.
    assert streamlit_config.get_option("runner.postScriptGC") is False
