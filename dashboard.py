"""The entry: lists the pages and runs the chosen one; `streamlit run dashboard.py`."""

from pathlib import Path

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


if __name__ == "__main__":
    main()
else:
    from starlette.middleware import Middleware
    from starlette.middleware.gzip import GZipMiddleware
    from streamlit.runtime.pages_manager import PagesManager

    from pages.parts.delivery import Delivery, KnownPages

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
