"""The scorecard as a PDF: outcome bands, IT left and business right, to be sent or printed."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from itertools import zip_longest

from kpi.editions import Edition
from kpi.formats import NOTHING, Formats
from kpi.judge import Status, Verdict
from kpi.paper import HEIGHT, UNKNOWN, WIDTH, Paper
from kpi.past import past, shown_periods
from kpi.periods import Period
from kpi.row_words import (
    STATUS,
    before_head,
    besides,
    late_words,
    not_the_last,
    on_target,
    other_days,
    outcome_counted,
    period_head,
    question_words,
    short_signal,
    signal_words,
)
from kpi.scorecard import Band, Row, Scorecard, last_period

Keep = Callable[[Row], bool]

_EDGE = 28.0
_WHOLE = WIDTH - 2 * _EDGE
_GUTTER = 16.0
_HALF = (_WHOLE - _GUTTER) / 2
_ROW, _HEAD = 21.5, 18.0
_BOTTOM = HEIGHT - 40
# Where the number, the change and the past of a row end, counted from the right of its half.
_PAST, _CHANGE = 100.0, 40.0
_NUMBER = 112.0
_SMALL = 6.2
_COLOURS = {Status.OFF_TARGET: "off", Status.NEAR: "near"}


def scorecard_pdf(edition: Edition, card: Scorecard, keep: Keep, *, shown: str = "") -> bytes:
    """The scorecard on A4; rows that `keep` refuses are left out, `shown` says which those are.

    The same edition with the same ages of its sources gives the same bytes.
    """
    title = f"Scorecard, {period_head(card, edition.vocabulary.formats)}"
    drawing = _Drawing(Paper(title, edition.published_at), edition, card)
    drawing.top(shown)
    for band in card.bands:
        if any(map(keep, band.rows)):
            drawing.band(band, keep)
    drawing.legend()
    drawing.feet()
    return drawing.paper.written()


class _Drawing:
    """A scorecard on its way down the pages."""

    def __init__(self, paper: Paper, edition: Edition, card: Scorecard) -> None:
        self.paper, self._edition, self._card = paper, edition, card
        self._formats: Formats = edition.vocabulary.formats
        self._periods: tuple[Period, ...] = shown_periods(card, self._formats.calendar)
        self._y = 0.0
        self._turn()

    def top(self, shown: str) -> None:
        """The title, what is counted, and what is worth a question."""
        write, card = self.paper.text, self._card
        write(_EDGE, self._y + 14, "Scorecard", size=15, bold=True)
        when = f"{period_head(card, self._formats)}, {self._formats.days(card.period)}"
        x = _EDGE + write(_EDGE, self._y + 27, f"{when} · ")
        other = not_the_last(card, last_period(self._edition, card.grain))
        if other:
            x += write(x, self._y + 27, other, bold=True, colour="near")
            x += write(x, self._y + 27, " · ")
        if shown:
            x += write(x, self._y + 27, f"{shown} · ")
        x += write(x, self._y + 27, on_target(card.rows), bold=True)
        rest = "".join(f" · {words}" for _, words in besides(card, self._formats))
        write(x, self._y + 27, rest)
        self._questions(self._y + 40)
        self._y += 47
        self._heads()

    def band(self, band: Band, keep: Keep) -> None:
        """An outcome: its line, joint rows across, then both sides beside each other."""
        joint, it, business = (
            [row for row in rows if keep(row)] for rows in (band.joint, band.it, band.business)
        )
        self._room(_HEAD + _ROW)
        self._outcome(band)
        for row in joint:
            self._room(_ROW)
            self._joint(row)
        for index, (left, right) in enumerate(zip_longest(it, business)):
            self._room(_ROW)
            for side, row, x in (("IT", left, _EDGE), ("business", right, _EDGE + _HALF + _GUTTER)):
                if row is not None:
                    self._half(row, x)
                elif index == 0 and not (band.it if side == "IT" else band.business):
                    words = f"No {side} metric yet"
                    self.paper.text(x + 4, self._y + 13, words, colour="muted")
            self._y += _ROW
        self._y += 3

    def legend(self) -> None:
        """What every shape and line means."""
        self._room(28 if self._card.incomplete else 16)
        self.paper.line([(_EDGE, self._y), (WIDTH - _EDGE, self._y)], colour="hairline")
        x, y = _EDGE, self._y + 9
        for status, words in _MEANINGS:
            self._shape(status, x + 3, y - 2.2)
            x += 9 + self.paper.text(x + 9, y, words, size=_SMALL, colour="muted") + 10
        self.paper.rectangle(x, y - 5, 10, 5, "routine")
        x += 12 + self.paper.text(x + 12, y, "routine range", size=_SMALL, colour="muted") + 10
        self.paper.line([(x, y - 2.2), (x + 10, y - 2.2)], colour="muted", dashed=True)
        x += 12 + self.paper.text(x + 12, y, "target", size=_SMALL, colour="muted") + 10
        self.paper.circle(x + 2, y - 2.2, 1.8, "accent")
        words = "signal: a change beyond routine · r restated · Owners: business · IT"
        self.paper.text(x + 6, y, words, size=_SMALL, colour="muted")
        if self._card.incomplete:
            words = "2 of 7 days: incomplete; change and target are for as many days"
            self.paper.text(_EDGE, y + 10, words, size=_SMALL, colour="muted")

    def feet(self) -> None:
        """Which edition this is, under every page."""
        edition, pages = self._edition, self.paper.pages
        sample = "Sample data · " if edition.sample else ""
        at, zone = self._formats.moment(edition.published_at), self._formats.calendar.timezone
        said = f"{sample}Edition {edition.number} · {at} {zone}"
        if self.paper.lacking:
            said += f" · {UNKNOWN} stands for a character that this file cannot show"
        for page in range(1, pages + 1):
            self.paper.back_to(page)
            y = HEIGHT - 20
            self.paper.text(_EDGE, y, said, size=_SMALL, colour="muted")
            counted = f"{page} of {pages}"
            self.paper.text(WIDTH - _EDGE, y, counted, size=_SMALL, colour="muted", align="right")

    def _turn(self) -> None:
        self.paper.turn()
        self._y = 26.0

    def _room(self, needed: float) -> None:
        """Turns the page where that much does not fit on it any more."""
        if self._y + needed > _BOTTOM:
            self._turn()
            self._heads()

    def _questions(self, y: float) -> None:
        x = _EDGE + self.paper.text(_EDGE, y, "Worth a question:", colour="muted") + 10
        if not self._card.questions:
            whole = f"what the last complete {self._card.grain} says"
            words = whole if self._card.incomplete else "none"
            self.paper.text(x, y, words, colour="muted")
        each = (WIDTH - _EDGE - x) / max(len(self._card.questions), 1)
        for row in self._card.questions:
            self._shape(row.status, x + 3, y - 2.6)
            said = 9 + self.paper.text(x + 9, y, row.metric.label, bold=True, width=each * 0.55)
            rest = each - said - 14
            self.paper.text(
                x + said + 3, y, question_words(row, self._formats), colour="muted", width=rest
            )
            x += each

    def _heads(self) -> None:
        y = self._y + 8
        sides = ("IT · what we run", "Business · what it brings")
        for x, side in zip((_EDGE, _EDGE + _HALF + _GUTTER), sides, strict=True):
            right = x + _HALF
            self.paper.text(x + 4, y, side, size=6.8, bold=True)
            for words, end in (
                ("Latest · target", right - _PAST - _CHANGE - 8),
                (before_head(self._card, self._formats), right - _PAST - 4),
            ):
                self.paper.text(end, y, words, size=_SMALL, colour="muted", align="right")
            past_head = f"{len(self._periods)} {self._card.grain}s"
            self.paper.text(right - _PAST + 4, y, past_head, size=_SMALL, colour="muted")
        self._y += 13

    def _outcome(self, band: Band) -> None:
        y = self._y + 11.5
        self.paper.line([(_EDGE, self._y + 1), (WIDTH - _EDGE, self._y + 1)], width=0.9)
        counted = outcome_counted(band)
        end = WIDTH - _EDGE - 4
        end -= self.paper.text(end, y, counted, size=6.8, colour="muted", align="right") + 10
        x = _EDGE + 4
        x += self.paper.text(x, y, band.outcome.label, size=8, bold=True, width=300) + 6
        self.paper.text(
            x, y, band.outcome.definition, size=6.8, colour="muted", width=max(end - x, 20)
        )
        self._y += _HEAD - 1

    def _half(self, row: Row, x: float) -> None:
        y, right = self._y, x + _HALF
        self.paper.line([(x, y), (right, y)], colour="hairline")
        self._who(row, x, _HALF - _PAST - _CHANGE - _NUMBER - 24)
        self._number(row, right - _PAST - _CHANGE - 8)
        self._change(row, right - _PAST - 4)
        self._past(row, right - _PAST + 4, y + 2, _PAST - 8, 10)
        self._signal(row, right - _PAST + 4, y + 18, _PAST - 8)

    def _joint(self, row: Row) -> None:
        y, right = self._y, WIDTH - _EDGE
        self.paper.rectangle(_EDGE, y, _WHOLE, _ROW, "joint")
        self.paper.rectangle(_EDGE, y, 1.8, _ROW, "accent")
        self._who(row, _EDGE, 150)
        x = _EDGE + 172
        self.paper.text(x, y + 12.5, "Joint", size=_SMALL, colour="accent", bold=True)
        meaning = row.metric.definition
        self.paper.text(x + 22, y + 12.5, meaning, size=6.5, colour="muted", width=200)
        middle = _EDGE + _HALF + _GUTTER / 2
        self._number(row, middle + 108)
        self._change(row, middle + 108 + _CHANGE)
        start = middle + 162
        self._past(row, start, y + 4, 120, 13)
        self._signal(row, start + 128, y + 13, right - start - 132)
        self._y += _ROW

    def _who(self, row: Row, x: float, width: float) -> None:
        self._shape(row.status, x + 7, self._y + 6.3)
        self.paper.text(x + 14, self._y + 9, row.metric.label, bold=True, width=width)
        owners = f"{row.metric.owners.business} · {row.metric.owners.it}"
        self.paper.text(x + 14, self._y + 17.5, owners, size=_SMALL, colour="muted", width=width)

    def _number(self, row: Row, end: float) -> None:
        metric, y = row.metric, self._y
        value, unit = self._formats.figure(metric, row.value)
        margin = self._formats.margin(metric, row.margin)
        unit = (f"{margin}{unit}" if margin else unit).strip()
        x = end
        if row.restated is not None:
            x -= self.paper.text(x, y + 7, "r", size=_SMALL, colour="muted", align="right") + 1.5
        if unit:
            shown = unit if len(unit) <= 14 else unit[:13] + "…"
            x -= self.paper.text(x, y + 9.5, shown, size=6.8, colour="muted", align="right") + 2
        x -= self.paper.text(x, y + 9.5, value, size=9, bold=True, align="right") + 3
        words = other_days(row, self._card.period, self._formats)
        colour = "muted" if row.days else "near"
        self.paper.text(x, y + 9.5, words, size=_SMALL, colour=colour, align="right")
        x = end
        for words, colour, bold in reversed(list(_said(row, self._formats))):
            x -= self.paper.text(
                x, y + 17.5, words, size=_SMALL, colour=colour, bold=bold, align="right"
            )

    def _change(self, row: Row, end: float) -> None:
        y = self._y
        if row.change is None:
            self.paper.text(end, y + 9.5, NOTHING, colour="muted", align="right")
            return
        same = row.change.verdict is Verdict.SAME
        amount = self._formats.value(row.metric, abs(row.change.amount))
        colour = "muted" if same else "text"
        x = end - self.paper.text(end, y + 9.5, amount, colour=colour, align="right") - 6
        if not same:
            up = row.change.amount > 0
            low, high = (y + 9, y + 4.5) if up else (y + 4.5, y + 9)
            self.paper.shape([(x - 1, low), (x + 4, low), (x + 1.5, high)], "text", filled=True)
        verdict = row.change.verdict.value
        self.paper.text(end, y + 17.5, verdict, size=_SMALL, colour="muted", align="right")

    def _signal(self, row: Row, x: float, y: float, width: float) -> None:
        if row.signal is None:
            words = signal_words(row)
            self.paper.text(x, y, words, size=_SMALL, colour="muted", width=width)
            return
        self.paper.circle(x + 2, y - 2.2, 1.8, "accent")
        words = f"{row.signal.verdict.value.capitalize()}: {short_signal(row)}"
        self.paper.text(x + 7, y, words, size=_SMALL, colour="accent", bold=True, width=width - 7)

    def _past(self, row: Row, x: float, y: float, width: float, height: float) -> None:
        drawn = past(row, self._periods, self._formats.calendar)
        if drawn is None:
            middle = y + height / 2
            self.paper.line([(x, middle), (x + width, middle)], colour="muted", dashed=True)
            return
        edge = 1.7
        steps, reach = max(drawn.slots - 1, 1), drawn.high - drawn.low

        def at(slot: int, value: float) -> tuple[float, float]:
            share = (value - drawn.low) / reach if reach > 0 else 0.5
            across = x + edge + (width - 2 * edge) * slot / steps
            return across, y + height - edge - share * (height - 2 * edge)

        for start, end, limits in drawn.ranges:
            left, top = at(start, limits.upper)
            right, bottom = at(drawn.slots - 1 if end is None else end, limits.lower)
            right = x + width if end is None else right - edge
            self.paper.rectangle(left - edge, top, right - left + edge, bottom - top, "routine")
        for stretch in _stretches(drawn.targets):
            self.paper.line(
                [at(*point) for point in stretch], colour="muted", width=0.5, dashed=True
            )
        for stretch in _stretches([(slot, value) for slot, value, _ in drawn.known]):
            self.paper.line([at(*point) for point in stretch], width=0.7)
        *before, (slot, value, signal) = drawn.known
        for earlier, amount, signals in before:
            if signals:
                self.paper.circle(*at(earlier, amount), 1.1, "accent")
        self.paper.circle(*at(slot, value), 1.6, "accent" if signal else "text")

    def _shape(self, status: Status, x: float, y: float) -> None:
        """The shape of a status around a point."""
        paper = self.paper
        if status is Status.ON_TARGET:
            paper.circle(x, y, 2.4, "muted", filled=False)
        elif status is Status.TOO_FEW:
            paper.circle(x, y, 2.4, "muted", filled=False, dashed=True)
        elif status is Status.NEAR:
            paper.shape([(x, y - 2.7), (x + 2.9, y + 2.3), (x - 2.9, y + 2.3)], "near")
        elif status is Status.OFF_TARGET:
            corners = [(x, y - 3), (x + 3, y), (x, y + 3), (x - 3, y)]
            paper.shape(corners, "off", filled=True)
        elif status is Status.NO_TARGET:
            paper.line([(x - 2, y), (x + 2, y)], colour="muted", width=0.8)
        else:
            for place in (x - 2.4, x, x + 2.4):
                paper.circle(place, y, 0.6, "muted")


_MEANINGS = (
    (Status.ON_TARGET, "on target"),
    (Status.NEAR, "near: within tolerance"),
    (Status.OFF_TARGET, "off target"),
    (Status.TOO_FEW, "too few to judge"),
    (Status.NO_TARGET, "no target"),
    (Status.NO_DATA, "no data"),
)


def _said(row: Row, formats: Formats) -> Iterator[tuple[str, str, bool]]:
    """What stands below a number: how late it is, the target, and the status in a word."""
    late = late_words(row.late) if row.late is not None else ""
    if late:
        colour = "off" if row.late is not None and row.late.word == "failing" else "near"
        yield f"{late} · ", colour, True
    if row.target is not None:
        yield f"{formats.target(row.metric, row.target)} · ", "muted", False
    yield STATUS[row.status], _COLOURS.get(row.status, "muted"), True
    if row.status is Status.TOO_FEW:
        yield f" {formats.count(row.n)} of {formats.count(row.metric.min_sample)}", "muted", False


def _stretches(points: Sequence[tuple[int, float]]) -> Iterator[list[tuple[int, float]]]:
    """Neighbouring points: where a period is missing the pen is lifted."""
    found: list[tuple[int, float]] = []
    for point in points:
        if found and point[0] != found[-1][0] + 1:
            yield found
            found = []
        found.append(point)
    if found:
        yield found
