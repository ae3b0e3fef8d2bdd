"""Opens the dashboard as Streamlit does, without a browser."""

from __future__ import annotations

import json
import re
from pathlib import Path

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
