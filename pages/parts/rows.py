"""The scorecard side by side: outcome bands, joint metrics across, IT left and business right."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from kpi.formats import Formats
from kpi.past import shown_periods
from kpi.periods import Period
from kpi.row_words import before_head, other_days, outcome_counted, period_before
from kpi.scorecard import SHOWN, Band, Row, Scorecard
from kpi.vocabulary import Outcome
from pages.parts import marks
from pages.parts.frame import beside, escaped, link
from pages.parts.sparkline import sparkline

SIDES = {"joint": "Joint", "it": "IT", "business": "Business"}
_COLUMNS = ("Metric and owners", "Latest and target", "Change", "Past and signal")
# A unit is any text; beside a number there is room for a word.
_UNIT = 14
_JOINT_COLUMNS = ("Metric and owners", "Definition", *_COLUMNS[1:])

Keep = Callable[[Row], bool]


def side_by_side(card: Scorecard, formats: Formats, keep: Keep) -> str:
    """All bands; rows that `keep` refuses are left out, and bands that have none left."""
    periods = shown_periods(card, formats.calendar)
    bands = "".join(_band(band, periods, formats, keep) for band in card.bands)
    return f'<div class="bands">{_heads(card, formats)}{bands}</div>'


def past_head(card: Scorecard) -> str:
    """'26 weeks'."""
    return f"{SHOWN[card.grain]} {card.grain}s"


def outcome_head(band: Band) -> str:
    """An outcome's line: what both sides want, and how many of its metrics are there."""
    outcome = band.outcome
    return (
        f'<span class="title cut" title="{escaped(outcome.label)}">'
        f"{escaped(outcome.label)}</span>"
        f'<span class="why cut muted small">{escaped(outcome.definition)}</span>'
        f'<span class="counted muted small nowrap">{outcome_counted(band)}</span>'
    )


def name(row: Row) -> str:
    """A metric's name, which opens it; its definition is there for the pointer."""
    metric = row.metric
    return (
        f'<span class="cut" title="{escaped(metric.label)}: {escaped(metric.definition)}">'
        f"{link('metric', escaped(metric.label), classes='name', **_where(row))}</span>"
    )


def owners(row: Row) -> str:
    """Both owners, business first."""
    both = row.metric.owners
    return f"{escaped(both.business)} · {escaped(both.it)}"


def number(row: Row, formats: Formats) -> str:
    """The value with its margin of error and its unit; with an r where it was restated."""
    metric = row.metric
    shown, unit = formats.figure(metric, row.value)
    margin = formats.margin(metric, row.margin)
    behind = f" {margin}{unit}" if margin else unit
    gap = " " if behind.startswith(" ") else ""
    behind = f'{gap}<span class="unit">{escaped(behind.strip(), _UNIT)}</span>' if behind else ""
    return f'<b class="number">{shown}</b>{behind}{marks.restated(row, formats)}'


def earlier(row: Row, card_period: Period, formats: Formats) -> str:
    """Which period a number belongs to, or how much of it, where that is not the scorecard's."""
    words = other_days(row, card_period, formats)
    colour = "muted" if row.days else "near"
    return f'<span class="earlier {colour} nowrap">{words}</span> ' if words else ""


def gap(outcome: Outcome, side: str) -> str:
    """An outcome without any metric on one side says so, and how that ends."""
    attempt = link("vocabulary", "Try an entry", **{"try": f"{outcome.name}.{side}"})
    word = "IT" if side == "it" else side
    return f'<p class="gap muted">No {word} metric yet{beside(attempt)}</p>'


def _against(row: Row, formats: Formats) -> str:
    before = period_before(row.period, formats)
    if row.days is None:
        return f"against {before}"
    many = formats.several(row.days, "day") if row.days > 1 else "day"
    return f"against the first {many} of {before}"


def _where(row: Row) -> dict[str, str]:
    grain = row.period.grain
    return {"m": row.metric.name} | ({} if grain == "week" else {"period": grain})


def _heads(card: Scorecard, formats: Formats) -> str:
    rest = (
        f'<span class="right">Latest · target</span>'
        f'<span class="right">{escaped(before_head(card, formats))}</span>'
        f"<span>{past_head(card)}</span>"
    )
    return (
        '<div class="heads" aria-hidden="true">'
        f'<div class="half label"><b>IT · what we run</b>{rest}</div>'
        f'<div class="half label"><b>Business · what it brings</b>{rest}</div></div>'
    )


def _band(band: Band, periods: Sequence[Period], formats: Formats, keep: Keep) -> str:
    if not any(map(keep, band.rows)):
        return ""
    joint = [_joint(row, periods, formats) for row in band.joint if keep(row)]
    both = ""
    if band.it or band.business:
        halves = []
        for side, rows in (("it", band.it), ("business", band.business)):
            drawn = [_half(row, side, periods, formats) for row in rows if keep(row)]
            content = _table(band, side, drawn) if rows else gap(band.outcome, side)
            halves.append(f'<div class="side">{content}</div>')
        both = f'<div class="both">{"".join(halves)}</div>'
    across = _table(band, "joint", joint)
    head = f'<h2 class="outcome">{outcome_head(band)}</h2>'
    return f'<section class="band">{head}{across}{both}</section>'


def _table(band: Band, side: str, rows: Sequence[str]) -> str:
    if not rows:
        return ""
    names = _JOINT_COLUMNS if side == "joint" else _COLUMNS
    columns = "".join(f'<span role="columnheader">{column}</span>' for column in names)
    return (
        f'<div role="table" aria-label="{escaped(band.outcome.label)}: {SIDES[side]}">'
        f'<div role="row" class="sr">{columns}</div>{"".join(rows)}</div>'
    )


def _who(row: Row, side: str) -> str:
    tag = ' <span class="tag joint phone">Joint</span>' if side == "joint" else ""
    prefix = "" if side == "joint" else f'<b class="phone">{SIDES[side]}: </b>'
    return (
        f'<div role="rowheader" class="who">{marks.status_mark(row.status)}'
        f'<div class="named"><div class="titled">{name(row)}{tag}</div>'
        f'<div class="sub cut">{prefix}{owners(row)}</div></div></div>'
    )


def _value(row: Row, periods: Sequence[Period], formats: Formats) -> str:
    said = []
    if row.late is not None:
        said.append(f'<span class="late">{marks.late(row.late)}</span>')
    if row.target is not None:
        said.append(f'<span class="nowrap">{formats.target(row.metric, row.target)}</span>')
    said.append(f'<span class="nowrap">{marks.row_status(row, formats)}</span>')
    return (
        f'<div role="cell" class="value"><div>'
        f"{earlier(row, periods[-1], formats)}{number(row, formats)}</div>"
        f'<div class="sub said">{"<i> · </i>".join(said)}</div></div>'
    )


def _change(row: Row, formats: Formats) -> str:
    against = escaped(_against(row, formats))
    return (
        f'<div role="cell" class="change" title="{against}">{marks.change_arrow(row, formats)}'
        f'<div class="sub">{marks.change_word(row)}</div></div>'
    )


def _half(row: Row, side: str, periods: Sequence[Period], formats: Formats) -> str:
    return (
        f'<div role="row" class="half row">{_who(row, side)}{_value(row, periods, formats)}'
        f"{_change(row, formats)}{_past(row, periods, formats)}</div>"
    )


def _joint(row: Row, periods: Sequence[Period], formats: Formats) -> str:
    meaning = escaped(row.metric.definition)
    tag = '<span class="tag joint">Joint</span>'
    return (
        f'<div role="row" class="across row">{_who(row, "joint")}'
        f'<div role="cell" class="meaning sub" title="{meaning}">{tag}'
        f'<span class="text">{meaning}</span></div>'
        f"{_value(row, periods, formats)}{_change(row, formats)}"
        f"{_past(row, periods, formats)}</div>"
    )


def _past(row: Row, periods: Sequence[Period], formats: Formats) -> str:
    return (
        f'<div role="cell" class="past">{sparkline(row, periods, formats)}'
        f'<div class="sub cut">{marks.signal(row)}</div></div>'
    )
