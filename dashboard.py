"""The entry: lists the pages and runs the chosen one; `streamlit run dashboard.py`."""

from pathlib import Path
from typing import Any
from urllib.parse import quote

import streamlit as st

PAGES = Path(__file__).parent / "pages"


def main() -> None:
    """Sets up what every page shares and runs the one that was asked for."""
    from pages.parts import frame

    chosen = st.navigation(
        [
            st.Page(PAGES / "scorecard.py", title="Scorecard", default=True),
            st.Page(PAGES / "metric.py", title="Metrics", url_path="metric"),
            st.Page(PAGES / "together.py", title="Together"),
            st.Page(PAGES / "vocabulary.py", title="Vocabulary"),
            st.Page(PAGES / "sources.py", title="Sources"),
        ],
        position="top",
    )
    frame.run(chosen)


class KnownPages:
    """Leads an address without a page to the scorecard, which says so in its own words.

    Streamlit answers every such address with its frame, and that with a dialog of its own.
    """

    def __init__(self, app: Any) -> None:
        """Stands before the whole application."""
        self.app = app
        self.known = {path.stem for path in PAGES.glob("*.py")}

    async def __call__(self, scope: Any, receive: Any, send: Any) -> None:
        """Answers one request."""
        path = scope.get("path", "")
        base = str(st.get_option("server.baseUrlPath") or "").strip("/")
        name = path.strip("/").removeprefix(base).strip("/")
        is_page = not name or name in self.known
        if scope["type"] != "http" or is_page or "/" in name or "." in name or name[0] == "_":
            await self.app(scope, receive, send)
            return
        redirected = False

        async def instead(message: Any) -> None:
            nonlocal redirected
            if message["type"] == "http.response.start" and _is_frame(message):
                redirected = True
                where = f"{'../' if path.endswith('/') else './'}?lost={quote(name)}".encode()
                headers = [(b"location", where), (b"content-length", b"0")]
                await send({"type": "http.response.start", "status": 303, "headers": headers})
                await send({"type": "http.response.body", "body": b""})
            elif not redirected:
                await send(message)

        await self.app(scope, receive, instead)


def _is_frame(start: Any) -> bool:
    """Whether an answer is a page for a browser, not a file or what another route answers."""
    kinds = [value for name, value in start["headers"] if name.lower() == b"content-type"]
    return start["status"] == 200 and kinds[:1] != [] and kinds[0].startswith(b"text/html")


if __name__ == "__main__":
    main()
else:
    from starlette.middleware import Middleware
    from starlette.middleware.gzip import GZipMiddleware
    from streamlit.runtime.pages_manager import PagesManager

    from pages.parts.delivery import Delivery

    # Streamlit takes a folder named pages/ for its older way to list pages until `st.navigation`
    # has run once; without this the first visitor of a deep link would see that older frame.
    PagesManager.uses_pages_directory = False
    # Streamlit sends its own files as they are; packed, a first visit is a quarter of the bytes.
    app = st.App(
        __file__,
        middleware=[
            Middleware(KnownPages),
            Middleware(GZipMiddleware, minimum_size=1000),
            Middleware(Delivery),
        ],
    )
