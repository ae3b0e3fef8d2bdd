"""A chart as a picture: saved by the visitor's own browser, as PNG or as SVG."""

from __future__ import annotations

from functools import lru_cache
from typing import Any

import streamlit as st

_BUTTONS = """
<p class="save">Save the chart as
<button type="button" value="png">PNG</button>
<button type="button" value="svg">SVG</button></p>
"""
_LOOKS = """
.save { margin: 0; font: 400 12px/20px var(--st-font); color: var(--st-gray-text-color); }
.save button {
  padding: 0 2px; border: 0; border-radius: 3px;
  background: none; font: inherit; color: var(--st-primary-color); cursor: pointer;
}
.save button:hover { text-decoration: underline; text-underline-offset: 3px; }
.save button:focus-visible { outline: 2px solid var(--st-primary-color); outline-offset: 2px; }
@media print { .save { display: none; } }
"""
# Plotly knows how to save what it has drawn; its own button for that is there, but not shown.
_SAVE = """
export default function ({ data, parentElement }) {
  for (const button of parentElement.querySelectorAll("button")) {
    button.onclick = () => {
      const chart = document.querySelector(`.st-key-${CSS.escape(data.chart)} .js-plotly-plot`);
      const save = chart?.querySelector(".modebar-btn");
      if (!save) return;
      chart._context.toImageButtonOptions = {
        format: button.value, filename: data.name, scale: 2
      };
      save.click();
    };
  }
}
"""


def offer(chart: str, name: str) -> None:
    """Two buttons that save the chart of this key under this name, without its ending."""
    _picture()(key=f"save_{chart}", data={"chart": chart, "name": name})


@lru_cache(maxsize=1)
def _picture() -> Any:
    return st.components.v2.component("kpi_picture", html=_BUTTONS, css=_LOOKS, js=_SAVE)
