"""What stands around the scorecard's rows: the count, what is worth a question, the legend."""

from __future__ import annotations

from kpi.formats import Formats
from kpi.judge import ENOUGH, Status
from kpi.periods import Period
from kpi.row_words import (
    besides,
    not_the_last,
    on_target,
    period_head,
    question_words,
    without_status,
)
from kpi.scorecard import Row, Scorecard
from pages.parts import marks
from pages.parts.frame import escaped, link


def counted(card: Scorecard, formats: Formats, last: Period) -> str:
    """The period and how many metrics stand how; counted over all rows, whatever is filtered."""
    said = [_when(card, formats, last), f"<b>{on_target(card.rows)}</b>"]
    for kind, words in besides(card, formats):
        if kind == "without":
            words = f'<span title="{without_status(card)}">{words}</span>'
        said.append(link("sources", words) if kind == "sources" else words)
    return " · ".join(said)


def questions(card: Scorecard, formats: Formats) -> str:
    """At most three metrics worth a question, with the numbers that make them so."""
    if card.incomplete:
        grain = {} if card.grain == "week" else {"period": card.grain}
        whole = link("scorecard", f"last complete {card.grain}", **grain)
        said = f"Worth a question: what the {whole} says."
        return f'<p class="questions muted"><span>{said}</span></p>'
    if not card.questions:
        judged = any(row.judged.limits for row in card.rows)
        why = (
            "none, no metric moves beyond its routine range."
            if judged
            else f"too early to say, a signal takes {ENOUGH} {card.grain}s of numbers."
        )
        return f'<p class="questions muted">Worth a question: {why}</p>'
    asked = "".join(f"<li>{_question(row, formats)}</li>" for row in card.questions)
    return (
        f'<div class="questions"><span class="muted">Worth a question:</span><ul>{asked}</ul></div>'
    )


def legend(card: Scorecard) -> str:
    """What every shape and line means."""
    meanings = {
        Status.ON_TARGET: "on target",
        Status.NEAR: "near: within tolerance",
        Status.OFF_TARGET: "off target",
        Status.TOO_FEW: "too few to judge",
        Status.NO_TARGET: "no target",
        Status.NO_DATA: "no data",
    }
    shapes = [f"{marks.status_mark(status)}{words}" for status, words in meanings.items()]
    shapes += [
        f"{marks.clock()}late: older than promised",
        '<span class="key routine"></span>routine range',
        '<span class="key target"></span>target',
        f"{marks.dot()}signal: a change beyond routine",
        '<i class="restated">r</i>restated',
        "Owners: business · IT",
    ]
    if card.incomplete:
        shapes.insert(0, "2 of 7 days: incomplete; change and target are for as many days")
    items = "".join(f'<li class="with">{shape}</li>' for shape in shapes)
    return f'<ul class="legend" aria-label="Legend">{items}</ul>'


def nothing_to_show(card: Scorecard, everything: str) -> str:
    """Why no row is left: the vocabulary has none, or, good news, the filter finds nothing."""
    if not card.rows:
        return (
            '<div class="nothing"><h2>No metric yet</h2><p>Add the first one to metrics.yaml, '
            "check it with <code>python -m kpi check</code>, and refresh. "
            f"{link('vocabulary', 'See the vocabulary')}</p></div>"
        )
    unknown = card.counts[Status.NO_DATA]
    # No news is not good news.
    but = f" {unknown} of them {'has' if unknown == 1 else 'have'} no data." if unknown else ""
    return (
        '<div class="nothing"><h2>Nothing needs attention</h2>'
        f"<p>None of the {len(card.rows)} metrics is off target, near, late or worse than routine "
        f"in this period.{but} {everything}</p></div>"
    )


def _when(card: Scorecard, formats: Formats, last: Period) -> str:
    words = period_head(card, formats)
    if card.grain != "month":
        words = f"{words}, {formats.days(card.period)}"
    other = not_the_last(card, last)
    return f'{words} · <span class="word near">{other}</span>' if other else words


def _question(row: Row, formats: Formats) -> str:
    metric = row.metric
    said = escaped(question_words(row, formats))
    name = link("metric", escaped(metric.label), classes="name", m=metric.name)
    words = f'<span class="cut">{name} <span class="muted">{said}</span></span>'
    return marks.status_mark(row.status) + words
