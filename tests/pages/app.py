"""Opens the dashboard as Streamlit does, without a browser, and reads what it shows."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any

from streamlit.testing.v1 import AppTest

ROOT = Path(__file__).parents[2]


def open_app(page: str = "", **address: str) -> AppTest:
    """The dashboard with this page and address; KPI_HOME says which home."""
    app = AppTest.from_file(str(ROOT / "dashboard.py"), default_timeout=30)
    if page:
        app.run()
        app.switch_page(f"pages/{page}.py")
    for name, value in address.items():
        app.query_params[name] = value
    return app.run()


def sheets(app: AppTest) -> dict[str, str]:
    """The HTML of every sheet that the page shows, by its name."""
    found = {}
    for element in app.get("bidi_component"):
        _, sheet, name = element.proto.id.rpartition("sheet_")
        if sheet:
            found[name] = json.loads(element.proto.json)["html"]
    return found


def shown(app: AppTest) -> str:
    """The HTML of all sheets, one after the other."""
    return "".join(sheets(app).values())


def words(html: str) -> str:
    """What is read when the tags are taken away."""
    return " ".join(re.sub(r"<[^>]+>", " ", html).split())


def row(html: str, metric: str) -> str:
    """The HTML of one metric's row."""
    rows = re.split(r'(?=<div role="row" class="(?:half|across) row">|<tr>)', html)
    (found,) = [part for part in rows if f'href="metric?m={metric}"' in part and "spark" in part]
    return found


def cells(html: str) -> list[list[str]]:
    """The words of every cell of a table's body and foot, by row."""
    rows = re.findall(r"<tr>(.*?)</tr>", html.partition("</thead>")[2], re.S)
    return [[words(c) for c in re.findall(r"<t[hd].*?</t[hd]>", row, re.S)] for row in rows]


def figure(app: AppTest) -> dict[str, Any]:
    """The only chart of the page, as Plotly is told it."""
    (chart,) = app.get("plotly_chart")
    found: dict[str, Any] = json.loads(chart.proto.spec)
    return found
