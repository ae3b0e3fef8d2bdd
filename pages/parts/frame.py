"""The frame around every page: set-up, title line, what the page counts, edition, and states.

A page reads:

    edition = frame.edition()                          # or the state "no numbers yet", and stops
    with frame.head("Scorecard"):                      # line 1: title left, controls right
        grain = frame.choice("period", "Period", {"week": "Last complete week", "month": "Month"})
    frame.about(edition, "Week 47 · <b>9 of 20</b>")   # line 2: what is counted, and the edition
    frame.sheet("scorecard", html)                     # any HTML, with the classes of style.py

The HTML is ours; every text from outside goes through `escaped`. In a sheet,
`frame.link("metric", escaped(label), m=name)` opens another page by click or Enter.
`choice` keeps the chosen id in the address (`?period=month`), where the first option is unsaid.
"""

from __future__ import annotations

import datetime as dt
import gc
import html
import logging
import os
import re
from collections.abc import Collection, Iterator, Mapping
from contextlib import contextmanager
from functools import cache, lru_cache
from pathlib import Path
from typing import Any
from urllib.parse import urlencode

import streamlit as st

from kpi.editions import DatabaseError, Edition, NoEdition, current, latest
from kpi.questions import QuestionRefused
from kpi.refusal import last_refusal
from kpi.yaml_text import closest
from pages.parts import style

ROOT = Path(__file__).resolve().parents[2]
# Where each page is, seen from any other; the scorecard is what opens without a name.
ADDRESSES: Mapping[str, str] = {
    "scorecard": "./",
    "metric": "metric",
    "together": "together",
    "vocabulary": "vocabulary",
    "sources": "sources",
}
# How the two files are called where a refusal counts their mistakes.
_VOCABULARY, _SOURCES = "metrics.yaml", "sources.yaml"
# Where what is missed is said, and how much of it is repeated, how often.
_MISSED, _NAMED, _MOST = "place_of_missed", 60, 3
# The parameter that names a page that there is not.
_LOST = "lost"
# Longer than any label that helps; what is cut says so.
LONGEST = 500
# Control characters, and those that turn the direction of all that follows.
_UNSEEN = re.compile(r"[\x00-\x08\x0b-\x1f\x7f\u202a-\u202e\u2066-\u2069]")

_logger = logging.getLogger(__name__)

_FOLLOW = """
// A chart is as wide as its window was. On paper it is scaled to fit, where else it would be cut.
const charts = () => document.querySelectorAll(".js-plotly-plot .main-svg");
window.addEventListener("beforeprint", () => charts().forEach((svg) =>
  svg.setAttribute("viewBox", `0 0 ${svg.getAttribute("width")} ${svg.getAttribute("height")}`)));
window.addEventListener("afterprint", () => charts().forEach((svg) =>
  svg.removeAttribute("viewBox")));

export default function ({ data, parentElement }) {
  const sheet = parentElement.querySelector(".sheet");
  if (sheet.shown !== data.html) {
    const held = parentElement.activeElement?.getAttribute("href");
    sheet.innerHTML = data.html;
    sheet.shown = data.html;
    if (held) sheet.querySelector(`a[href="${CSS.escape(held)}"]`)?.focus();
  }
  sheet.onclick = (event) => {
    if (event.target.closest("[data-print]")) return void window.print();
    const link = event.target.closest("a[data-page]");
    // With a modifier key the browser opens the address itself, in a new tab or window.
    if (!link || event.ctrlKey || event.metaKey || event.shiftKey || event.altKey) return;
    event.preventDefault();
    // As if it came back from the browser's history: Streamlit then runs the page of this address.
    // Told by the server instead, it would first note the new parameters under the old page.
    history.pushState(null, "", link.href);
    dispatchEvent(new PopStateEvent("popstate"));
  };
}
"""


def run(page: Any) -> None:
    """Runs a page of `st.navigation` in its frame; what goes wrong is logged and told in words."""
    st.set_page_config(
        page_title=f"{page.title} · KPI dashboard",
        page_icon=str(ROOT / "static" / "icon.svg"),
        layout="wide",
    )
    dark = style.around_dark() if st.context.theme.type == "dark" else ""
    st.html(f"<style>{style.around()}{dark}</style>")
    try:
        page.run()
        _set_aside(page.title)
    except DatabaseError:
        _logger.exception("An edition could not be read.")
        state(
            "This edition cannot be read",
            "The file with the current numbers is damaged or was made by another version. "
            "Publish it anew, then reload this page.",
            command="python -m kpi refresh --no-pull",
        )
    except QuestionRefused as error:
        _logger.exception("A question of the page %s was refused.", page.title)
        state("This question cannot be answered", str(error))
    except Exception:
        # The last line of defence: a visitor sees a sentence, the operator's log the traceback.
        _logger.exception("The page %s failed.", page.title)
        state(
            "This page could not be shown",
            "Something went wrong on our side; the numbers themselves are safe. Reload the page. "
            "If it stays, tell whoever runs the dashboard: the server's log says what happened.",
        )


@cache
def _set_aside(title: str) -> None:
    """Once a page has run, what it has loaded stays for as long as the process does.

    Searching the libraries of our pages for garbage takes three times as long as a run; what is set
    aside is not searched.
    """
    gc.unfreeze()
    gc.collect()
    gc.freeze()


def home() -> Path:
    """The folder with the vocabulary and the editions: KPI_HOME, else the project."""
    return Path(os.environ.get("KPI_HOME") or ROOT).resolve()


def edition() -> Edition:
    """The current edition; where there is none, says what to run and stops the page."""
    try:
        if current(home()) is not None:
            return latest(home())
    except NoEdition as error:
        _logger.warning("%s", error)
        state(
            "The current numbers are missing",
            "What was published last cannot be found or read. Publish it anew, "
            "then reload this page.",
            command="python -m kpi refresh --no-pull",
        )
        st.stop()
    state(
        "No numbers yet",
        "Nothing has been published so far. To look around first, bring the sample company; to "
        "see your own numbers, fill in sources.yaml and refresh. Then reload this page.",
        command="make run                  # the sample company\n"
        "python -m kpi refresh     # what sources.yaml names",
    )
    st.stop()


def now() -> dt.datetime:
    """The clock that ages follow, as naive UTC: by the minute, so that answers can be kept."""
    return dt.datetime.now(dt.UTC).replace(tzinfo=None, second=0, microsecond=0)


@contextmanager
def head(title: str) -> Iterator[None]:
    """Line 1: the title; what is drawn inside goes to its right."""
    line = st.container(horizontal=True, vertical_alignment="center", key="head")
    # What an address asks for in vain is said here, wherever on the page that is found.
    st.session_state[_MISSED] = st.container(key="missed")
    _say_lost()
    with line:
        st.html(f'<h1 class="page-title">{escaped(title)}</h1>')
        yield


def choice(name: str, label: str, options: Mapping[str, str], default: str | None = None) -> str:
    """One of several, by its id; the address is where the choice lives.

    The default (without one the first) is unsaid there.
    """
    default = next(iter(options)) if default is None else default
    chosen = chosen_of(name, label, options, default)
    # The address is the truth, so that Back, Forward and a pasted link all hold.
    st.session_state[_widget(name)] = chosen
    st.segmented_control(
        label,
        list(options),
        format_func=lambda option: options[option],
        key=_widget(name),
        required=True,
        label_visibility="collapsed",
        on_change=_remember,
        args=(name, default),
    )
    return chosen


def chosen_of(name: str, label: str, options: Mapping[str, str], default: str) -> str:
    """The option that the address asks for; where there is no such one, says so and defaults."""
    asked = st.query_params.get(name, default)
    if asked in options:
        return asked
    missed(name, asked, label.lower(), options, options.get(default, ""))
    return default


def missed(name: str, asked: str, what: str, options: Mapping[str, str], instead: str = "") -> None:
    """Says that the address asks for what is not there, what is shown, and offers the nearest.

    `what` is a noun: 'period', 'tab'. `options` are ids with their labels, either of which may be
    near; `instead` is what is shown.
    """
    known = {word: option for option, label in options.items() for word in (label, option) if word}
    near = known.get(closest(asked, known) or "")
    said = f"There is no {escaped(what)} “{escaped(asked, _NAMED)}” here; the link may be older."
    if instead:
        said += f" Shown: {escaped(instead)}."
    if near is not None and options[near] != instead:
        said += f" The nearest is {here(escaped(options[near]), **{name: near})}."
    _note(name, said)


def _note(name: str, said: str) -> None:
    with st.session_state[_MISSED]:
        sheet(f"missed_{name}", f'<p class="note near kept" role="status">{said}</p>')


def _say_lost() -> None:
    """Says which page an address asked for that there is not; it was led here before it ran."""
    asked = st.query_params.get(_LOST)
    if not asked:
        return
    near = closest(asked, ADDRESSES)
    offer = f" The nearest is {link(near, near.capitalize())}." if near else ""
    _note(_LOST, f"There is no page “{escaped(asked, _NAMED)}” here.{offer}")


def miss_others(prefix: str, known: Collection[str], what: str) -> None:
    """Says which parameters that begin so the page has no use for."""
    asked = [name.removeprefix(prefix) for name in st.query_params if name.startswith(prefix)]
    for rest in [rest for rest in asked if rest not in known][:_MOST]:
        missed(f"{prefix}{rest}", rest, what, {}, "all of them")


def about(edition: Edition, counted: str) -> None:
    """Line 2: what the page counts, as HTML, and which edition everybody reads."""
    calendar = edition.vocabulary.calendar
    place = calendar.timezone.rpartition("/")[2].replace("_", " ")
    tag = '<span class="tag">Sample data</span>' if edition.sample else ""
    at = edition.vocabulary.formats.moment(edition.published_at)
    which = f"Edition {edition.number} · {at} {place}"
    st.html(f"<style>{style.foot(which)}</style>")
    sheet(
        "about",
        f'<div class="about"><p>{counted}</p>'
        f'<p class="edition nowrap">{tag}{escaped(which)}</p></div>' + _refused(edition),
    )


def _refused(edition: Edition) -> str:
    """A quiet line where the files on disk have mistakes, and so are not what these numbers are."""
    refusal = last_refusal(home())
    if refusal is None:
        return ""
    several = edition.vocabulary.formats.several
    told = []
    if count := refusal.mistakes.get(_VOCABULARY):
        what = f"The vocabulary on disk has {several(count, 'mistake')}"
        told.append(f"{what}; these numbers follow the last good one (edition {edition.number}).")
    if count := refusal.mistakes.get(_SOURCES):
        what = f"The list of sources on disk has {several(count, 'mistake')}"
        told.append(f"{what}; nothing new is fetched until they are mended.")
    if count := refusal.unconfirmed:
        what = f"Newer facts do not confirm {several(count, 'known answer')}"
        told.append(f"{what}; these numbers are those before them (edition {edition.number}).")
    advice = "Run <code>python -m kpi check</code> to see what is meant."
    return f'<p class="note near kept" role="status">{" ".join(told)} {advice}</p>' if told else ""


def sheet(name: str, content: str) -> None:
    """A part of the page as HTML; its links to pages are followed. Names are unique on a page."""
    _sheet()(key=f"sheet_{name}", data={"html": content})


def link(page: str, content: str, *, classes: str = "", **parameters: str) -> str:
    """A link to another page with its parameters; `content` is HTML."""
    address = ADDRESSES[page] + (f"?{urlencode(parameters)}" if parameters else "")
    return f'<a data-page class="{classes}" href="{html.escape(address)}">{content}</a>'


def here(content: str, *, classes: str = "", **changed: str | None) -> str:
    """A link that stays on this page, with other parameters; None takes one away."""
    asked = {**st.query_params.to_dict(), **changed}
    kept = {name: value for name, value in asked.items() if value is not None}
    address = html.escape(f"?{urlencode(kept)}")
    return f'<a data-page class="{classes}" href="{address}">{content}</a>'


def beside(content: str) -> str:
    """A control that stands behind other words of a line; on paper there is none."""
    return f'<span class="on-screen"> · {content}</span>'


def escaped(value: object, longest: int = LONGEST) -> str:
    """A text from outside as HTML that shows it as it is, in content and in attributes alike."""
    seen = _UNSEEN.sub("", str(value))
    return html.escape(seen if len(seen) <= longest else seen[: longest - 1] + "…")


def state(title: str, explanation: str, *, command: str = "") -> None:
    """A page that has nothing to show says why and what to do."""
    run = f"<pre>{escaped(command)}</pre>" if command else ""
    sheet(
        "state",
        f'<div class="state" role="status"><h1>{escaped(title)}</h1>'
        f"<p>{escaped(explanation)}</p>{run}</div>",
    )


def _widget(name: str) -> str:
    return f"choice_{name}"


def _remember(name: str, default: str) -> None:
    chosen = st.session_state[_widget(name)]
    if chosen in (None, default):
        st.query_params.pop(name, None)
    else:
        st.query_params[name] = chosen


@lru_cache(maxsize=1)
def _sheet() -> Any:
    return st.components.v2.component(
        "kpi_sheet", html='<div class="sheet"></div>\n', css=style.sheet(), js=_FOLLOW
    )
