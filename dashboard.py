"""The entry: lists the pages and runs the chosen one; `streamlit run dashboard.py`."""

from pathlib import Path

import streamlit as st


def main() -> None:
    """Sets up what every page shares and runs the one that was asked for."""
    from pages.parts import frame

    here = Path(__file__).parent
    chosen = st.navigation(
        [
            st.Page(here / "pages" / "scorecard.py", title="Scorecard", default=True),
            st.Page(here / "pages" / "metric.py", title="Metrics", url_path="metric"),
            st.Page(here / "pages" / "vocabulary.py", title="Vocabulary"),
            st.Page(here / "pages" / "sources.py", title="Sources"),
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

    # Streamlit takes a folder named pages/ for its older way to list pages until `st.navigation`
    # has run once; without this the first visitor of a deep link would see that older frame.
    PagesManager.uses_pages_directory = False
    # Streamlit sends its own files as they are; packed, a first visit is a third of the bytes.
    app = st.App(__file__, middleware=[Middleware(GZipMiddleware, minimum_size=1000)])
