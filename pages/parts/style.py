"""How every page looks: the colours of both themes, and the CSS files beside this one.

Sheets (`frame.sheet`) get `SHEETS` inside their shadow root; a page with classes of its own adds
a file there. In CSS use the variables of shared.css: they follow the visitor's theme by
themselves. A chart that needs a colour's code asks `colours(theme)`.
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from types import MappingProxyType
from typing import Literal

Theme = Literal["light", "dark"]

SHEETS = (
    "shared.css",
    "scorecard.css",
    "metric.css",
    "vocabulary.css",
    "sources.css",
    "together.css",
)
_HERE = Path(__file__).parent

COLOURS: Mapping[Theme, Mapping[str, str]] = MappingProxyType(
    {
        "light": MappingProxyType(
            {
                "background": "#FFFFFF",
                "tint": "#F5F6F8",
                "joint": "#F3F7FA",
                "text": "#17202B",
                "muted": "#56616E",
                "accent": "#135C9C",
                "off": "#B3380F",
                "near": "#8A5A00",
                "line": "#CBD2DA",
                "hairline": "#E5E6E8",
                "routine": "#EBECED",
                "year_before": "#8A94A0",
            }
        ),
        "dark": MappingProxyType(
            {
                "background": "#12161C",
                "tint": "#1B2129",
                "joint": "#181F27",
                "text": "#E8ECF1",
                "muted": "#A7B2BF",
                "accent": "#8CC4F4",
                "off": "#FF9B73",
                "near": "#F2C14E",
                "line": "#3A444F",
                "hairline": "#2A2E33",
                "routine": "#24282E",
                "year_before": "#7C8794",
            }
        ),
    }
)
_PRINTED = {"bg": "#FFFFFF"} | {
    name: code for name, code in COLOURS["light"].items() if name != "background"
}
INCIDENT_OPACITY: Mapping[Theme, float] = MappingProxyType({"light": 0.13, "dark": 0.18})


def colours(theme: str | None) -> Mapping[str, str]:
    """The colours of a theme as hex codes, for charts; light where the browser has not told."""
    return COLOURS["dark" if theme == "dark" else "light"]


def incident_opacity(colours: Mapping[str, str]) -> float:
    """How much of the colour `off` shades a period in which something happened."""
    return INCIDENT_OPACITY["dark" if colours is COLOURS["dark"] else "light"]


def sheet() -> str:
    """The CSS of every sheet of HTML, inside its shadow root."""
    return "\n".join((_HERE / name).read_text(encoding="utf-8") for name in SHEETS) + _on_paper()


def around() -> str:
    """The CSS of what stands around the sheets."""
    return (_HERE / "around.css").read_text(encoding="utf-8")


def around_dark() -> str:
    """What is to be said besides of a dark page: its charts are drawn light on dark."""
    return "@media print { .stPlotlyChart { filter: invert(1) hue-rotate(180deg); } }"


def foot(words: str) -> str:
    """The CSS that writes these words, and the number of the page, under every printed page."""
    quoted = "".join(c if c.isalnum() or c in " ,:·" else f"\\{ord(c):x} " for c in words)
    look = f"font: 6.5pt Inter, sans-serif; color: {COLOURS['light']['muted']};"
    return (
        f'@page {{ @bottom-left {{ content: "{quoted}"; {look} }} '
        f'@bottom-right {{ content: counter(page) " of " counter(pages); {look} }} }}'
    )


def _on_paper() -> str:
    """The light colours for print, under the names that shared.css gives them."""
    set_ = "".join(f"--{name.replace('_', '-')}: {code};" for name, code in _PRINTED.items())
    return f"@media print {{ .sheet {{ {set_} }} }}\n"
