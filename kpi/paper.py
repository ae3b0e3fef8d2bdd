"""Pages of paper: texts that fit where they are put, shapes and lines, as a PDF.

Inter comes from the file that browsers get (static/inter.woff2, SIL Open Font License), in the two
weights that are used; only the letters that occur are put into a PDF.
"""

from __future__ import annotations

import datetime as dt
import io
import re
from collections.abc import Sequence
from functools import lru_cache
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

if TYPE_CHECKING:
    from fpdf import FPDF

WIDTH, HEIGHT = 841.89, 595.28  # A4 on its side, in points
# The light colours of the screens.
COLOURS = {
    "joint": "#F3F7FA",
    "text": "#17202B",
    "muted": "#56616E",
    "accent": "#135C9C",
    "off": "#B3380F",
    "near": "#8A5A00",
    "line": "#CBD2DA",
    "hairline": "#E5E6E8",
    "routine": "#EBECED",
}
# What stands for a character that the typeface does not have.
UNKNOWN = "□"
_FONT = Path(__file__).parents[1] / "static" / "inter.woff2"
_WEIGHTS = {"": 400, "B": 600}
_DIGITS = range(ord("0"), ord("9") + 1)
# Longer than any label that helps, and what turns the direction of all that follows.
_LONGEST = 500
_UNSEEN = re.compile(r"[\x00-\x1f\x7f\u200b-\u200f\u202a-\u202e\u2066-\u2069]")

Align = Literal["left", "right"]


class Paper:
    """A document of A4 pages on their side; places are points from the upper left corner."""

    def __init__(self, title: str, made_at: dt.datetime) -> None:
        """`made_at` (naive UTC) is all that a PDF knows of time: the same content is one file."""
        # Here, as who looks at a page does not need them: they take half a second to import.
        from fpdf import FPDF
        from fpdf.fonts import TTFFont

        self._pdf: FPDF = FPDF(orientation="landscape", unit="pt", format="A4")
        self._pdf.set_auto_page_break(False)
        self._pdf.set_creation_date(made_at.replace(tzinfo=dt.UTC))
        self._pdf.set_title(title)
        self._pdf.set_lang("en")
        for style in _WEIGHTS:
            key = f"inter{style}"
            file: Any = io.BytesIO(_typeface(style))
            font = TTFFont(self._pdf, file, key, style)
            self._pdf.fonts[key] = font
            self._known = frozenset(font.cmap)
        self.lacking = False

    def turn(self) -> None:
        """Begins a new page."""
        self._pdf.add_page()

    @property
    def pages(self) -> int:
        """How many pages there are so far."""
        return self._pdf.page

    def back_to(self, page: int) -> None:
        """Goes on writing on an earlier page."""
        self._pdf.page = page

    def plain(self, text: str) -> str:
        """A text as it can be printed: what the typeface lacks is marked, and is told of."""
        seen = _UNSEEN.sub("", text)[: _LONGEST + 1]
        known = "".join(c if ord(c) in self._known else UNKNOWN for c in seen)
        self.lacking = self.lacking or known != seen
        return known

    def text(
        self,
        x: float,
        y: float,
        text: str,
        *,
        size: float = 7.5,
        bold: bool = False,
        colour: str = "text",
        width: float | None = None,
        align: Align = "left",
    ) -> float:
        """Writes a text on the line y and says how wide it is; cut with an ellipsis at a width."""
        self._pdf.set_font("inter", "B" if bold else "", size)
        self._pdf.set_text_color(COLOURS[colour])
        shown = self._cut(self.plain(text), width)
        taken = self._pdf.get_string_width(shown)
        if shown:
            self._pdf.text(x - taken if align == "right" else x, y, shown)
        return taken

    def rectangle(self, x: float, y: float, width: float, height: float, colour: str) -> None:
        """A filled rectangle."""
        self._pdf.set_fill_color(COLOURS[colour])
        self._pdf.rect(x, y, width, height, style="F")

    def line(
        self,
        points: Sequence[tuple[float, float]],
        *,
        colour: str = "text",
        width: float = 0.5,
        dashed: bool = False,
    ) -> None:
        """A line through these points."""
        self._pen(colour, width, dashed)
        if len(points) > 1:
            self._pdf.polyline(list(points))
        self._pdf.set_dash_pattern()

    def shape(
        self, points: Sequence[tuple[float, float]], colour: str, *, filled: bool = False
    ) -> None:
        """A closed figure with these corners."""
        self._pen(colour, 0.8)
        self._pdf.set_fill_color(COLOURS[colour])
        self._pdf.polygon(list(points), style="F" if filled else "D")

    def circle(
        self, x: float, y: float, radius: float, colour: str, *, filled: bool = True, **pen: Any
    ) -> None:
        """A disc or a ring around a point."""
        self._pen(colour, 0.8, **pen)
        self._pdf.set_fill_color(COLOURS[colour])
        self._pdf.circle(x, y, radius, style="F" if filled else "D")
        self._pdf.set_dash_pattern()

    def written(self) -> bytes:
        """The document."""
        return bytes(self._pdf.output())

    def _pen(self, colour: str, width: float, dashed: bool = False) -> None:
        self._pdf.set_draw_color(COLOURS[colour])
        self._pdf.set_line_width(width)
        if dashed:
            self._pdf.set_dash_pattern(dash=1.7, gap=1.7)
        else:
            self._pdf.set_dash_pattern()

    def _cut(self, text: str, width: float | None) -> str:
        if width is None or self._pdf.get_string_width(text) <= width:
            return text if len(text) <= _LONGEST else text[: _LONGEST - 1] + "…"
        low, high = 0, len(text)
        while low < high:
            middle = (low + high + 1) // 2
            fits = self._pdf.get_string_width(text[:middle].rstrip() + "…") <= width
            low, high = (middle, high) if fits else (low, middle - 1)
        return text[:low].rstrip() + "…"


@lru_cache(maxsize=len(_WEIGHTS))
def _typeface(style: str) -> bytes:
    """Inter in one weight; made once a process, as that takes a quarter of a second."""
    from fontTools.ttLib import TTFont
    from fontTools.varLib.instancer import instantiateVariableFont

    font = TTFont(_FONT, recalcTimestamp=False)
    # Figures of one width stand under each other; the PDF itself knows no such features.
    wide = _tabular(font)
    for table in font["cmap"].tables:
        digits = {c: name for c, name in table.cmap.items() if c in _DIGITS and name in wide}
        table.cmap.update({c: wide[name] for c, name in digits.items()})
    for name in ("GSUB", "GPOS", "GDEF", "STAT", "MVAR"):
        if name in font:
            del font[name]
    fixed = instantiateVariableFont(font, {"wght": _WEIGHTS[style]})
    fixed.flavor = None
    written = io.BytesIO()
    fixed.save(written)
    return written.getvalue()


def _tabular(font: Any) -> dict[str, str]:
    """For each glyph with a tabular twin the name of that."""
    table = font["GSUB"].table
    found: dict[str, str] = {}
    for record in table.FeatureList.FeatureRecord:
        if record.FeatureTag == "tnum":
            for index in record.Feature.LookupListIndex:
                for part in table.LookupList.Lookup[index].SubTable:
                    found.update(getattr(getattr(part, "ExtSubTable", part), "mapping", {}))
    return found
