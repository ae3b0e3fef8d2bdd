"""Shapes and words for status, change, signal and freshness; no shape stands without a word."""

from __future__ import annotations

from kpi import formats as written
from kpi.editions import Freshness
from kpi.formats import NOTHING, Formats
from kpi.judge import Status, Verdict
from kpi.row_words import STATUS, late_words, restated_words, short_signal, signal_words
from kpi.scorecard import Row
from pages.parts.frame import escaped

# The class of style.py that colours a status; what is on target stays quiet.
CLASSES = {
    Status.ON_TARGET: "on",
    Status.NEAR: "near",
    Status.OFF_TARGET: "off",
    Status.NO_TARGET: "none",
    Status.NO_DATA: "none",
    Status.TOO_FEW: "few",
}
_SHAPES = {
    Status.ON_TARGET: '<circle cx="6" cy="6" r="4.2"/>',
    Status.NEAR: '<path d="M6 1.6 11 10.4H1Z"/>',
    Status.OFF_TARGET: '<path class="full" d="M6 .8 11.2 6 6 11.2.8 6Z"/>',
    Status.NO_TARGET: '<path d="M2.5 6h7"/>',
    Status.NO_DATA: '<path class="points" d="M2 6h0M6 6h0M10 6h0"/>',
    Status.TOO_FEW: '<circle cx="6" cy="6" r="4.2" stroke-dasharray="2.2 2.2"/>',
}
_CLOCK = '<circle cx="6" cy="6" r="4.7"/><path d="M6 3.2V6l2 1.4"/>'
_UP = '<path class="full" d="M5 1 9.6 9H.4Z"/>'
_DOWN = '<path class="full" d="M5 9 .4 1h9.2Z"/>'


def status_mark(status: Status) -> str:
    """The shape of a status."""
    return _drawn(_SHAPES[status], CLASSES[status])


def status_word(status: Status) -> str:
    """The word of a status, coloured where it is an exception."""
    return f'<span class="word {CLASSES[status]}">{STATUS[status]}</span>'


def row_status(row: Row, formats: Formats) -> str:
    """The word of a row's status; with how few there are where they are too few."""
    if row.status is not Status.TOO_FEW:
        return status_word(row.status)
    few = f"{formats.count(row.n)} of {formats.count(row.metric.min_sample)}"
    return f'{status_word(row.status)} <span class="muted">{few}</span>'


def late(freshness: Freshness) -> str:
    """A clock and how old the numbers of a late or failing source are; nothing for a fresh one."""
    words = late_words(freshness)
    if not words:
        return ""
    # A source that fails is an exception even while its last numbers are young.
    colour = "off" if freshness.word == "failing" else "near"
    return f'<span class="with word {colour} nowrap">{_drawn(_CLOCK, colour)}{words}</span>'


def clock() -> str:
    """The shape of lateness."""
    return _drawn(_CLOCK, "near")


def age(freshness: Freshness | None) -> str:
    """How old the numbers are: late with its clock, else the plain age."""
    if freshness is None:
        return '<span class="muted">no source</span>'
    if freshness.word in ("late", "failing"):
        return late(freshness)
    shown = written.age(freshness.age) if freshness.age is not None else freshness.word
    return f'<span class="muted">{shown}</span>'


def change_arrow(row: Row, formats: Formats) -> str:
    """The arrow and the amount of a row's change; the arrow is only direction."""
    if row.change is None:
        return f'<span class="muted">{NOTHING}</span>'
    amount = formats.value(row.metric, abs(row.change.amount))
    if row.change.verdict is Verdict.SAME:
        return f'<span class="muted">{amount}</span>'
    return f'<span class="with">{arrow(row.change.amount)}{amount}</span>'


def arrow(amount: float) -> str:
    """A triangle up or down; it is read aloud, as no word beside it says the direction."""
    shape, said = (_UP, "up") if amount > 0 else (_DOWN, "down")
    return (
        f'<svg class="shape arrow" viewBox="0 0 10 10" role="img" aria-label="{said}">{shape}</svg>'
    )


def change_word(row: Row) -> str:
    """Better, worse or same: the judgement of a change, in a word."""
    return row.change.verdict.value if row.change else ""


def signal(row: Row) -> str:
    """What a row's past says about its number, with a dot where it is a signal; fits a row."""
    words = escaped(signal_words(row))
    if row.signal is None:
        return f'<span class="muted">{words}</span>'
    verdict = row.signal.verdict.value.capitalize()
    return (
        f'<span class="with word signal" title="{words}">{dot()}'
        f'<span class="cut">{verdict}: {short_signal(row)}</span></span>'
    )


def restated(row: Row, formats: Formats) -> str:
    """A small r where the row's number was another one in an earlier edition; empty elsewhere."""
    if row.restated is None:
        return ""
    said = escaped(restated_words(row.metric, row.restated, formats))
    return (
        f'<i class="restated" title="{said}"><span aria-hidden="true">r</span>'
        f'<span class="sr">restated: {said}</span></i>'
    )


def dot() -> str:
    """The dot of a signal."""
    shape = '<circle class="full" cx="4" cy="4" r="3.4"/>'
    return f'<svg class="shape dot signal" viewBox="0 0 8 8" aria-hidden="true">{shape}</svg>'


def _drawn(shape: str, kind: str) -> str:
    return f'<svg class="shape {kind}" viewBox="0 0 12 12" aria-hidden="true">{shape}</svg>'
