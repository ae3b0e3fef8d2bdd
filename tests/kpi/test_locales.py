"""Numbers, days and times are written as the locale of the vocabulary has it."""

from __future__ import annotations

import datetime as dt
from decimal import Decimal

import pytest
from babel.numbers import format_decimal, parse_decimal
from hypothesis import given
from hypothesis import strategies as st

from kpi import locales
from kpi.formats import Formats
from kpi.periods import Calendar, Period, period_of
from kpi.vocabulary import Metric
from tests.kpi.memory import metric

EVERY = locales.names()
# Where an apostrophe parts thousands, as in Switzerland, Babel takes two of them for quotation
# marks and leaves them out.
WITHOUT_APOSTROPHES = [name for name in EVERY if locales.locality(name).group != "'"]
NOVEMBER = dt.date(2026, 11, 16)
WEEK = Period("week", NOVEMBER, dt.date(2026, 11, 23))
EVENING = dt.datetime(2026, 9, 16, 18, 5)


def read(locale: str, shown: str) -> Decimal:
    """The number that Babel reads in a text; it takes a hyphen only for a minus."""
    plain = shown.replace("\u200e", "").replace("−", "-").replace("+", "")
    return parse_decimal(plain, locale=locale.replace("-", "_"))


@given(st.sampled_from(EVERY), st.floats(-1e12, 1e12), st.integers(0, 6))
def test_a_shown_number_reads_back_as_the_rounded_one(
    locale: str, value: float, places: int
) -> None:
    shown = Formats(locale=locale).number(value, places)

    assert all(sign.isascii() for sign in shown if sign.isdigit())
    assert read(locale, shown) == Decimal(f"{value:.{places}f}")


@given(st.sampled_from(WITHOUT_APOSTROPHES), st.floats(0, 1e12), st.integers(0, 6))
def test_a_number_has_the_separators_that_babel_gives_it(
    locale: str, value: float, places: int
) -> None:
    text = f"{value:.{places}f}"
    asked = {"locale": locale.replace("-", "_"), "decimal_quantization": False}
    # Babel leaves out zeros at the end.
    kept = format_decimal(Decimal(f"{text}1" if places else text), **asked)

    assert Formats(locale=locale).number(value, places) == (kept[:-1] if places else kept)


@pytest.mark.parametrize("unit", ["", "%", "EUR", "CHF", "hours", "kWh"])
def test_a_number_below_zero_has_a_minus_and_no_hyphen_in_every_locale(unit: str) -> None:
    of = metric(value="sum(x) from t", unit=unit)
    for locale in EVERY:
        shown = Formats(locale=locale).with_unit(of, -1234.5)

        assert shown.count("−") == 1 and "-" not in shown, (locale, shown)


def test_every_locale_writes_every_kind_of_day_and_time() -> None:
    for locale in EVERY:
        formats = Formats(Calendar(week_starts=6), locale)
        written = (
            formats.days(WEEK),
            formats.days(Period("week", dt.date(2026, 12, 28), dt.date(2027, 1, 4))),
            formats.moment(EVENING),
            formats.moment(EVENING, year=False),
            formats.clock(EVENING),
            formats.weekday_clock(EVENING),
            *(
                formats.period(period_of(formats.calendar, g, NOVEMBER))
                for g in ("day", "week", "month")
            ),
        )

        assert all(any(c.isdigit() for c in text) for text in written), (locale, written)
        assert len(set(formats.month_names)) >= 9, (locale, formats.month_names)


@pytest.mark.parametrize(
    ("locale", "number", "share", "euros", "francs"),
    [
        ("en-150", "−1,234,567.5", "−4.2 %", "−1,235 €", "−1,235 CHF"),
        ("en-GB", "−1,234,567.5", "−4.2%", "−€1,235", "−CHF 1,235"),
        ("en-US", "−1,234,567.5", "−4.2%", "−€1,235", "−CHF 1,235"),
        ("de-DE", "−1.234.567,5", "−4,2 %", "−1.235 €", "−1.235 CHF"),
        ("fr-FR", "−1\u202f234\u202f567,5", "−4,2 %", "−1\u202f235 €", "−1\u202f235 CHF"),
        ("fr-CH", "−1'234'567,5", "−4,2%", "−1'235 €", "−1'235 CHF"),
        ("es-ES", "−1.234.567,5", "−4,2 %", "−1.235 €", "−1.235 CHF"),
        ("hi-IN", "−12,34,567.5", "−4.2%", "−€1,235", "−CHF 1,235"),
        ("tr-TR", "−1.234.567,5", "−%4,2", "−€1.235", "−CHF 1.235"),
        (
            "ar",
            "\u200e−1,234,567.5",
            "\u200e−4.2%",
            "\u200f\u200e−1,235 €",
            "\u200f\u200e−1,235 CHF",
        ),
    ],
)
def test_signs_and_units_stand_where_the_locale_has_them(
    locale: str, number: str, share: str, euros: str, francs: str
) -> None:
    formats = Formats(locale=locale)

    def of(unit: str) -> Metric:
        return metric(value="sum(x) from t", unit=unit)

    assert formats.number(-1234567.5, 1) == number
    assert formats.with_unit(of("%"), -4.2) == share
    assert formats.with_unit(of("EUR"), -1234.6) == euros
    assert formats.with_unit(of("CHF"), -1234.6) == francs


@pytest.mark.parametrize(
    ("locale", "unit", "alone", "target"),
    [
        ("en-150", "EUR", "€", ("≥ 1,235", " €")),
        ("en-US", "EUR", "€", ("≥ €1,235", "")),
        ("de-DE", "EUR", "€", ("≥ 1.235", " €")),
        ("en-US", "%", "%", ("≥ 1,234.6", "%")),
        ("de-DE", "hours", "h", ("≥ 1.234,6", " h")),
        ("de-DE", "", "", ("≥ 1.234,6", "")),
    ],
)
def test_a_target_and_its_unit_stand_apart(
    locale: str, unit: str, alone: str, target: tuple[str, str]
) -> None:
    of = metric(value="sum(x) from t", unit=unit)
    formats = Formats(locale=locale)

    assert formats.unit(of) == alone
    assert formats.target_figure(of, 1234.6) == target


@pytest.mark.parametrize(
    ("locale", "day", "weekday", "days", "month", "moment", "clock"),
    [
        (
            "en-150",
            "16 Nov 2026",
            "Mon 16 Nov 2026",
            "16–22 Nov 2026",
            "Nov 2026",
            "Wed 16 Sep 2026, 18:05",
            "Wed 18:05",
        ),
        (
            "en-US",
            "Nov 16, 2026",
            "Mon, Nov 16, 2026",
            "Nov 16 – 22, 2026",
            "Nov 2026",
            "Wed, Sep 16, 2026, 6:05 PM",
            "Wed 6:05 PM",
        ),
        (
            "de-DE",
            "16. Nov. 2026",
            "Mo., 16. Nov. 2026",
            "16.–22. Nov. 2026",
            "Nov. 2026",
            "Mi., 16. Sept. 2026, 18:05",
            "Mi., 18:05",
        ),
        (
            "fr-FR",
            "16 nov. 2026",
            "lun. 16 nov. 2026",
            "16–22 nov. 2026",
            "nov. 2026",
            "mer. 16 sept. 2026, 18:05",
            "mer. 18:05",
        ),
        (
            "ja-JP",
            "2026年11月16日",
            "2026年11月16日(月)",
            "2026年11月16日～22日",
            "2026年11月",
            "2026年9月16日(水) 18:05",
            "18:05 (水)",
        ),
    ],
)
def test_days_and_times_are_in_the_order_and_the_words_of_the_locale(
    locale: str, day: str, weekday: str, days: str, month: str, moment: str, clock: str
) -> None:
    formats = Formats(locale=locale)

    assert formats.day(NOVEMBER) == day
    assert formats.weekday(NOVEMBER) == weekday
    assert formats.days(WEEK) == days
    assert formats.period(period_of(formats.calendar, "month", NOVEMBER)) == month
    assert formats.moment(EVENING) == moment
    assert formats.weekday_clock(EVENING) == clock


@pytest.mark.parametrize(
    "locale",
    ["en-GB", "en_GB", "EN-gb", "de", "zh-TW", "pt-BR", "sr-Latn-RS", "en-150"],
)
def test_a_locale_may_be_written_as_browsers_or_as_systems_do(locale: str) -> None:
    assert locales.known(locale)


@pytest.mark.parametrize("locale", ["", "english", "xx", "de-XX", "de DE", "de-DE@x", "../de", "C"])
def test_what_is_no_locale_is_not_known(locale: str) -> None:
    assert not locales.known(locale)
