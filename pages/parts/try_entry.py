"""The pane where an entry is tried: its mistakes all at once, or its number; nothing is saved."""

from __future__ import annotations

import difflib
import logging
import re
import time
from collections.abc import Iterator

import streamlit as st

from kpi import trial
from kpi.allowlist import AGGREGATES
from kpi.editions import Edition
from kpi.formats import Formats
from kpi.grammar import MetricEntry
from kpi.periods import step
from kpi.questions import QuestionRefused
from kpi.scorecard import SHOWN, Row
from kpi.trial import Trial, finest_grain, try_entries
from kpi.vocabulary import Metric
from kpi.yaml_text import Problem, as_yaml
from pages.parts import frame, marks
from pages.parts.frame import escaped, link
from pages.parts.kinds import kind
from pages.parts.over_time import named
from pages.parts.rows import SIDES
from pages.parts.sparkline import sparkline

NAME = "try"
_EMPTY = "1"
_HEIGHT = 300
# More mistakes than these say only that it is another text that was meant.
_TOLD = 30
_NEAR = 4
_TOKEN = re.compile(r"'[^']*'|\"[^\"]*\"|\w+|\S")
_LINE = 160
_RESULT = "tried"

_logger = logging.getLogger(__name__)


def asked() -> str:
    """What the address wants to be tried: nothing, a metric, an outcome's side, or `1`."""
    return st.query_params.get(NAME, "")


def opener(content: str) -> str:
    """A link that opens the pane, or closes it where it is open."""
    if asked():
        return frame.here("Close the trial", **{NAME: None})
    return frame.here(content, **{NAME: _EMPTY})


def show(edition: Edition) -> None:
    """The whole pane: the field, and below it what came of the text in it."""
    wanted = frame.chosen_of(NAME, "entry", _known(edition), _EMPTY)
    start = _start(edition, wanted)
    frame.sheet(
        "try_head",
        '<h2 class="section trying">Try an entry <span class="muted small">nothing is saved · '
        f"the check that <code>kpi check</code> makes</span>{opener('')}</h2>",
    )
    text = st.text_area(
        "The entry to try, in YAML",
        value=start,
        height=_HEIGHT,
        # Another start is another field: what was typed into this one stays with it.
        key=f"try_{wanted}",
        label_visibility="collapsed",
        placeholder="Paste one entry or several, as they stand under metrics: in metrics.yaml.",
    )
    st.button("Check the entry", key="try_check")
    untouched = text == start and wanted not in edition.vocabulary.metrics
    waits = untouched or not text or not text.strip()
    frame.sheet("tried", _needs() if waits else _result(edition, text))


def _known(edition: Edition) -> dict[str, str]:
    """What the address may ask to be tried, and how it is called."""
    vocabulary = edition.vocabulary
    known = {_EMPTY: "an empty entry"}
    known |= {metric.name: metric.label for metric in vocabulary.metrics.values()}
    for outcome in vocabulary.outcomes.values():
        known |= {f"{outcome.name}.{side}": f"{outcome.label}: {SIDES[side]}" for side in SIDES}
    return known


def _start(edition: Edition, wanted: str) -> str:
    """What the field begins with: a published entry, or an empty one."""
    vocabulary = edition.vocabulary
    if wanted in vocabulary.metrics:
        return vocabulary.metrics[wanted].entry + "\n"
    name, _, side = wanted.partition(".")
    outcome = vocabulary.outcomes.get(name)
    owners = (outcome.owners.it, outcome.owners.business) if outcome else ("", "")
    it, business = (as_yaml(owner) if owner else "" for owner in owners)
    return (
        "a_new_metric:\n"
        "  label: \n"
        "  definition: \n"
        f"  side: {side}\n"
        f"  outcome: {outcome.name if outcome else ''}\n"
        f"  owners: {{it: {it}, business: {business}}}\n"
        "  value: \n"
        "  good: \n"
    )


def _result(edition: Edition, text: str) -> str:
    """What came of the text; kept for this session alone, and only while it stays the same."""
    version = (str(edition.path), edition.number, edition.published_at, text)
    kept = st.session_state.get(_RESULT)
    if kept is None or kept[0] != version:
        st.session_state[_RESULT] = kept = (version, _tried(edition, text))
    return str(kept[1])


def _tried(edition: Edition, text: str) -> str:
    started = time.monotonic()
    try:
        found = try_entries(edition, text)
        drawn = [_number(found.edition, m) for m in found.metrics] if found.edition else []
    except QuestionRefused as refused:
        return f'<p class="note near" role="status">{escaped(str(refused))}</p>'
    except Exception as error:
        # Neither the text nor what an error repeats of it belongs into a log.
        _logger.error("An entry could not be tried: %s.", type(error).__name__)
        return (
            '<p class="note near" role="status">This entry could not be tried. Check it with '
            "<code>python -m kpi check</code>, and tell whoever runs the dashboard.</p>"
        )
    formats = edition.vocabulary.formats
    seconds = formats.number(time.monotonic() - started, 1)
    if found.edition is None:
        return _mistakes(edition, found, text, seconds) + _needs()
    notes = "".join(_problem(note, text, "note near") for note in found.notes[:_TOLD])
    return (
        f'<p class="note good" role="status"><b>It holds.</b> Checked against edition '
        f"{edition.number} in {seconds} s; nothing saved.</p>{notes}{''.join(drawn)}"
        f"{_keep(edition, found)}"
    )


# --- mistakes --------------------------------------------------------------------------------


def _mistakes(edition: Edition, found: Trial, text: str, seconds: str) -> str:
    count = len(found.problems) + len(found.elsewhere)
    listed = "".join(f"<li>{_problem(p, text, 'mistake')}</li>" for p in found.problems[:_TOLD])
    beside = "".join(
        f'<li><div class="mistake"><p><b class="off">Elsewhere</b> · {escaped(p.what)}</p>'
        f"<p>{escaped(p.fix)}</p></div></li>"
        for p in found.elsewhere[:_TOLD]
    )
    several = edition.vocabulary.formats.several
    rest = len(found.problems[_TOLD:]) + len(found.elsewhere[_TOLD:])
    more = f'<p class="muted small">And {several(rest, "more mistake")}.</p>' if rest else ""
    return (
        f'<p role="status"><b>{several(count, "mistake")}</b> '
        f'<span class="muted small">· found in {seconds} s, all at once</span></p>'
        f'<ol class="mistakes">{listed}{beside}</ol>{more}'
    )


def _problem(problem: Problem, text: str, classes: str) -> str:
    place = problem.place
    fix = f"<p>{escaped(problem.fix)}</p>" if problem.fix else ""
    colour = "off" if classes == "mistake" else "near"
    return (
        f'<div class="{classes}"><p><b class="{colour}">Line {place.line}, column {place.column}'
        f"</b> · {escaped(problem.what)}</p>{_marked(text, problem)}{fix}</div>"
    )


def _marked(text: str, problem: Problem) -> str:
    """The line of a mistake, with the word that is meant marked."""
    lines = text.removeprefix("\ufeff").split("\n")
    line, column = problem.place.line, problem.place.column - 1
    written = lines[line - 1].rstrip("\r") if line <= len(lines) else ""
    if not written.strip():
        return ""
    token = _TOKEN.match(written, column)
    end = token.end() if token else column + 1
    # Of a very long line the part around the mistake is enough.
    start = max(0, column - _LINE // 2) if len(written) > _LINE else 0
    before, word = written[start:column], written[column:end]
    after = written[end : start + _LINE]
    return (
        f'<pre class="line"><span class="muted">{line}</span> {escaped(before.lstrip())}'
        f"<mark>{escaped(word)}</mark>{escaped(after)}</pre>"
    )


def _needs() -> str:
    """Which keys an entry has, and what a value may say."""
    fields = MetricEntry.model_fields.items()
    facts = {
        "Always": ", ".join(name for name, field in fields if field.is_required()),
        "If it fits": ", ".join(name for name, field in fields if not field.is_required()),
        "Aggregates": ", ".join(AGGREGATES),
    }
    said = "".join(f"<dt>{what}</dt><dd>{escaped(how)}</dd>" for what, how in facts.items())
    return f'<h3 class="section after">What an entry needs</h3><dl class="told">{said}</dl>'


# --- the number ------------------------------------------------------------------------------


def _number(tried: Edition, metric: Metric) -> str:
    vocabulary = tried.vocabulary
    grain = finest_grain(vocabulary, metric)
    row = trial.row(tried, metric, grain, frame.now())
    formats = vocabulary.formats
    shown, behind = formats.figure(metric, row.value)
    periods = [step(vocabulary.calendar, row.period, back) for back in range(1 - SHOWN[grain], 1)]
    goal = f"{formats.target(metric, row.target)} · " if row.target is not None else ""
    facts = {
        "Kind": escaped(kind(vocabulary, metric)),
        "Month": _month(tried, metric) if grain == "week" else "",
        "By": _dimensions(tried, metric),
        "Unknown": _unknown(formats, row),
        **_neighbours(tried, metric),
    }
    said = "".join(f"<dt>{what}</dt><dd>{how}</dd>" for what, how in facts.items() if how)
    return (
        f'<section class="try-number"><h3 class="sr">{escaped(metric.label)}</h3><div>'
        f'<p class="label">{escaped(metric.label)} · {escaped(named(formats, row.period))}</p>'
        f'<p class="big">{escaped(shown)}<span class="unit">{escaped(behind, 14)} '
        f"{escaped(formats.margin(metric, row.margin))}</span></p>"
        f'<p class="sub">{goal}{marks.row_status(row, formats)} · '
        f"n {formats.several(row.n, 'row')}</p></div>"
        f'<div>{sparkline(row, periods, formats)}<p class="sub">'
        f"{formats.several(SHOWN[grain], grain)} · {marks.signal(row)}</p></div></section>"
        f'<dl class="told">{said}</dl>'
    )


def _month(tried: Edition, metric: Metric) -> str:
    row = trial.row(tried, metric, "month", frame.now())
    formats = tried.vocabulary.formats
    when = escaped(named(formats, row.period))
    return f"<b>{escaped(formats.with_unit(metric, row.value))}</b> in {when}"


def _dimensions(tried: Edition, metric: Metric) -> str:
    words = [tried.vocabulary.dimensions[word].label.lower() for word in metric.dimensions]
    return escaped(", ".join(words)) or "nothing: its facts share no dimension"


def _unknown(formats: Formats, row: Row) -> str:
    grain = row.period.grain
    unknown = sum(point.value is None for point in row.points)
    if not row.points:
        return f"every {grain}: none is complete yet"
    of = formats.several(len(row.points), f"complete {grain}")
    return f"{formats.count(unknown)} of {of}" if unknown else f"none of {of}"


def _neighbours(tried: Edition, metric: Metric) -> dict[str, str]:
    """Metrics that a reader may take it for, and those that stand beside it."""
    others = [m for m in tried.vocabulary.metrics.values() if m.name != metric.name]
    near = list(dict.fromkeys(_alike(metric, others)))[:_NEAR]
    beside = [m for m in others if m.outcome == metric.outcome and m not in near]
    return {
        "Near in name": ", ".join(map(_linked, near)) or "no other metric",
        "Beside it": ", ".join(map(_linked, beside)) or "the first of its outcome",
    }


def _alike(metric: Metric, others: list[Metric]) -> Iterator[Metric]:
    known = {
        word.lower(): other
        for other in others
        for word in (other.name, other.label, *other.also_called)
    }
    for word in (metric.name, metric.label, *metric.also_called):
        for close in difflib.get_close_matches(word.lower(), known, n=_NEAR, cutoff=0.6):
            yield known[close]


def _linked(metric: Metric) -> str:
    return link("metric", escaped(metric.label), m=metric.name)


def _keep(edition: Edition, found: Trial) -> str:
    published = edition.vocabulary.metrics
    new = [metric for metric in found.metrics if metric.name not in published]
    old = [metric for metric in found.metrics if metric.name in published]
    said = "To keep it, paste it under <code>metrics:</code> in <code>metrics.yaml</code>. "
    if old:
        names = ", ".join(escaped(published[metric.name].label) for metric in old)
        said += f"It takes the place of what is published as <b>{names}</b>. "
    if new:
        count = sum(not metric.internal for metric in (*published.values(), *new))
        said += f"There would be {edition.vocabulary.formats.several(count, 'metric')}."
    return f'<p class="muted small">{said}</p>'
