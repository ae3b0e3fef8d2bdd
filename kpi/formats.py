"""Numbers, days and ages as people read them, in the locale of the vocabulary."""

from __future__ import annotations

import datetime as dt
from dataclasses import dataclass, field
from functools import cached_property
from typing import TYPE_CHECKING

from kpi import locales
from kpi.expression import FactValue
from kpi.locales import DEFAULT, Around, Locality
from kpi.periods import DAY, Calendar, Period

if TYPE_CHECKING:  # a vocabulary knows how its numbers are written
    from kpi.vocabulary import Metric

NOTHING = "—"
_SHORT = {
    "hours": "h",
    "hour": "h",
    "minutes": "min",
    "minute": "min",
    "days": "d",
    "day": "d",
    "points": "pts",
    "count": "",
}
_DECIMALS = {"%": 1, "hours": 1, "days": 1, "minutes": 0, "points": 0, "count": 0}


def decimals(metric: Metric) -> int:
    """How many decimals are shown: the metric's own, else what suits its unit; none for a count."""
    if metric.decimals is not None:
        return metric.decimals
    if not metric.unit and _counts(metric):
        return 0
    if locales.currency(DEFAULT, metric.unit) is not None:
        return 0
    return _DECIMALS.get(metric.unit, 1)


def _counts(metric: Metric) -> bool:
    value = metric.value
    if not isinstance(value, FactValue) or not value.formula.is_one_slot:
        return False
    return value.aggregates[0].is_count


def age(span: dt.timedelta) -> str:
    """A span in its largest unit: '8 min', '5 h', '4 d'."""
    minutes = max(int(span.total_seconds() // 60), 0)
    if minutes < 60:
        return f"{minutes} min"
    if minutes < 48 * 60:
        return f"{minutes // 60} h"
    return f"{minutes // (24 * 60)} d"


@dataclass(frozen=True)
class Formats:
    """A calendar and a locale: how its periods are called, and how everything is written.

    Words are English in every locale; the order of a date, its names, and the signs of a number
    follow the locale. Digits are those from 0 to 9, and a minus is never a hyphen.
    """

    calendar: Calendar = field(default_factory=Calendar)
    locale: str = DEFAULT

    # --- numbers ---

    def number(self, value: float | None, places: int, *, sign: bool = False) -> str:
        """A rounded number with separators and a real minus; a dash where unknown."""
        if value is None:
            return NOTHING
        text, below = _rounded(value, places)
        shown = self.locality.digits(text)
        if below:
            return self.locality.minus + shown
        return self.locality.plus + shown if sign and text.strip("0.") else shown

    def exact(self, value: float) -> str:
        """A number with what decimals it has, at most six."""
        return self.number(value, len(f"{value:.6f}".rstrip("0").partition(".")[2]))

    def count(self, value: int) -> str:
        """A number of things."""
        return self.number(value, 0)

    def several(self, count: int, thing: str) -> str:
        """'1 row', '2,345 rows'."""
        return f"{self.count(count)} {thing}" if count == 1 else f"{self.count(count)} {thing}s"

    def value(self, metric: Metric, amount: float | None) -> str:
        """A number of this metric, rounded, without its unit."""
        return self.number(amount, decimals(metric))

    def margin(self, metric: Metric, amount: float | None) -> str:
        """'± 5', with the decimals that it takes to say how wide; empty where none is known.

        Answers that all agree have a computed margin of nothing, which would promise too much.
        """
        if not amount:
            return ""
        places = decimals(metric)
        while places < 6 and round(amount, places) == 0:
            places += 1
        return f"± {self.number(amount, places)}"

    def unit(self, metric: Metric) -> str:
        """The unit by itself; nothing for a count."""
        around = self._around(metric.unit)
        if around is None:
            return _SHORT.get(metric.unit, metric.unit)
        return around.behind[0].strip() or around.before[0].strip()

    def figure(self, metric: Metric, amount: float | None) -> tuple[str, str]:
        """A number of this metric, and the unit behind it; one that comes first is in the number.

        What stands behind begins with a space where the locale leaves one.
        """
        return (NOTHING, "") if amount is None else self._figure(metric, amount, decimals(metric))

    def difference(self, metric: Metric, amount: float, places: int, *, sign: bool = False) -> str:
        """A distance between two numbers of this metric, with its unit: '+1,200 €'."""
        return "".join(self._figure(metric, amount, places, sign=sign))

    def percent(self, share: float) -> str:
        """A share in whole percent: 0.95 is '95 %'."""
        around = self.locality.percent
        return f"{around.before[0]}{self.number(100 * share, 0)}{around.behind[0]}"

    def with_unit(self, metric: Metric, amount: float | None) -> str:
        """A number of this metric with its unit."""
        return "".join(self.figure(metric, amount))

    def target(self, metric: Metric, amount: float | None) -> str:
        """A target with its direction: '≥ 99.90'; a dash where there is none."""
        if amount is None:
            return NOTHING
        return f"{_direction(metric)} {self.target_value(metric, amount)}"

    def target_value(self, metric: Metric, amount: float) -> str:
        """A target as a number alone."""
        return self.number(amount, _places(metric, amount))

    def target_figure(self, metric: Metric, amount: float) -> tuple[str, str]:
        """A target with its direction, and the unit behind it, as `figure` says."""
        shown, behind = self._figure(metric, amount, _places(metric, amount))
        return f"{_direction(metric)} {shown}", behind

    def _figure(
        self, metric: Metric, amount: float, places: int, *, sign: bool = False
    ) -> tuple[str, str]:
        around = self._around(metric.unit)
        if around is None:
            behind = self.unit(metric)
            return self.number(amount, places, sign=sign), f" {behind}" if behind else ""
        text, below = _rounded(amount, places)
        above = sign and not below and text.strip("0.")
        plus = self.locality.plus if above else ""
        return plus + around.before[below] + self.locality.digits(text), around.behind[below]

    # --- days, moments and periods ---

    def day(self, day: dt.date) -> str:
        """'16 Nov 2026'."""
        return locales.day(self.locale, day)

    def weekday(self, day: dt.date) -> str:
        """A day with its weekday: 'Mon 16 Nov 2026'."""
        return locales.day(self.locale, day, weekday=True)

    def moment(self, at: dt.datetime, *, year: bool = True) -> str:
        """A naive UTC moment on clocks here: 'Mon 16 Nov 2026, 13:05'."""
        return locales.moment(self.locale, self.calendar.local_time(at), year=year)

    def clock(self, at: dt.datetime) -> str:
        """The time of a naive UTC moment on clocks here: '13:05'."""
        return locales.clock(self.locale, self.calendar.local_time(at))

    def weekday_clock(self, at: dt.datetime) -> str:
        """The time of a naive UTC moment on clocks here, with its weekday: 'Tue 13:05'."""
        return locales.weekday_and_clock(self.locale, self.calendar.local_time(at))

    def month(self, day: dt.date) -> str:
        """The month of a day, without its year: 'Nov'."""
        return locales.month(self.locale, day, year=False)

    def period(self, period: Period) -> str:
        """A period in a few words: 'Week 47', 'Nov 2026', 'Q4 2026', 'FY2026-Q3', '2026'."""
        start = period.start
        if period.grain == "day":
            return self.weekday(start)
        if period.grain == "week":
            # ISO numbers count Monday weeks only; other weeks are named by their first day.
            if self.calendar.week_starts == 0:
                return f"Week {start.isocalendar().week}"
            return f"Week of {locales.day(self.locale, start, year=False)}"
        if period.grain == "month":
            return locales.month(self.locale, start)
        fiscal = self.calendar.fiscal_year_starts
        year = start.year - (start.month < fiscal)
        quarter = (start.month - fiscal) % 12 // 3 + 1
        if fiscal == 1:
            return f"Q{quarter} {year}" if period.grain == "quarter" else str(year)
        return f"FY{year}-Q{quarter}" if period.grain == "quarter" else f"FY{year}"

    def days(self, period: Period) -> str:
        """The days of a period: '16–22 Nov 2026'."""
        return locales.days(self.locale, period.start, period.end - DAY)

    # --- for what writes by itself, as an axis does ---

    @cached_property
    def locality(self) -> Locality:
        """The signs of numbers."""
        return locales.locality(self.locale)

    @property
    def month_names(self) -> tuple[str, ...]:
        """The short names of the months, from January on."""
        return locales.month_names(self.locale)

    @property
    def day_comes_first(self) -> bool:
        """Whether a day stands before its month."""
        return locales.day_comes_first(self.locale)

    def _around(self, unit: str) -> Around | None:
        """Where a unit stands that locales place; None for the others, which stand behind."""
        return self.locality.percent if unit == "%" else locales.currency(self.locale, unit)


def _rounded(value: float, places: int) -> tuple[str, bool]:
    """A number without its sign, and whether it has one: what rounds to nothing has none."""
    text = f"{abs(value):.{places}f}"
    return text, value < 0 and bool(text.strip("0."))


def _places(metric: Metric, target: float) -> int:
    """The decimals of a target: a small share of one has some, or 2 would not be within '≤ 2'."""
    places = decimals(metric)
    is_share = places == 0 and abs(target) < 100 and target != round(target)
    return 1 if is_share else places


def _direction(metric: Metric) -> str:
    return "≥" if metric.good == "up" else "≤"
