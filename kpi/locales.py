"""How a locale writes numbers, days and times: what CLDR knows of it, read once."""

from __future__ import annotations

import datetime as dt
import re
from dataclasses import dataclass
from functools import lru_cache

from babel import Locale, UnknownLocaleError, localedata
from babel.dates import format_date, format_interval, format_skeleton, format_time
from babel.numbers import NumberPattern, get_currency_symbol

# English as it is written in Europe: days before months, and a currency behind its amount. It is
# CLDR's but for four habits, each where `DEFAULT` is asked for: $ and ¥ stand alone, % is set
# apart, no comma stands behind a weekday, and September has three letters as every month has.
DEFAULT = "en-150"
MINUS = "−"
_NAME = re.compile("[A-Za-z]{2,3}([-_][A-Za-z0-9]{2,8})*")
_PLAIN_SYMBOLS = {"USD": "$", "JPY": "¥"}
# Spaces of a certain width, and those at which no line breaks.
_SPACES = str.maketrans("\u2009\u202f\xa0", "   ")


@dataclass(frozen=True)
class Around:
    """What stands before and behind the digits of a number, and of one below zero."""

    before: tuple[str, str]
    behind: tuple[str, str]


@dataclass(frozen=True)
class Locality:
    """What of a locale it takes to write numbers; digits are the ones from 0 to 9 everywhere."""

    decimal: str
    group: str
    sizes: tuple[int, int]  # of the last group of digits, and of those before it
    minus: str
    plus: str
    percent: Around

    def digits(self, text: str) -> str:
        """The text of a number without sign, '1234.5', with separators."""
        whole, _, rest = text.partition(".")
        last, before = self.sizes
        groups = [whole[-last:]]
        whole = whole[:-last]
        while whole:
            groups.append(whole[-before:])
            whole = whole[:-before]
        whole = self.group.join(reversed(groups))
        return f"{whole}{self.decimal}{rest}" if rest else whole


def known(locale: str) -> bool:
    """Whether there is such a locale: 'en-GB', 'de-CH', 'pt-BR', 'hi'."""
    if not _NAME.fullmatch(locale):
        return False
    try:
        _babel(locale)
    except (UnknownLocaleError, ValueError):
        return False
    return True


def names() -> tuple[str, ...]:
    """Every locale that is known, as it is written in a vocabulary."""
    return tuple(sorted(name.replace("_", "-") for name in localedata.locale_identifiers()))


@lru_cache(maxsize=16)
def locality(locale: str) -> Locality:
    """The signs and patterns of a locale's numbers."""
    found = _babel(locale)
    signs = found.number_symbols["latn"]
    plain: NumberPattern = found.decimal_formats[None]
    minus = signs["minusSign"].replace("-", MINUS)
    percent = _around(found.percent_formats[None], minus, "%")
    if locale == DEFAULT:
        percent = Around(("", minus), (" %", " %"))
    return Locality(
        decimal=signs["decimal"],
        group=signs["group"],
        sizes=plain.grouping,
        minus=minus,
        plus=signs["plusSign"],
        percent=percent,
    )


@lru_cache(maxsize=64)
def currency(locale: str, code: str) -> Around | None:
    """Where a currency stands; None for what is the code of none."""
    found = _babel(locale)
    if code not in found.currencies:
        return None
    symbol = get_currency_symbol(code, found)
    if locale == DEFAULT:
        symbol = _PLAIN_SYMBOLS.get(code, symbol)
    around = _around(found.currency_formats["standard"], locality(locale).minus, symbol)
    if not symbol[-1].isalpha():
        return around
    # A code is a word, which is set apart from digits: CHF 12.
    above, below = (f"{b} " if b.endswith(symbol) else b for b in around.before)
    return Around((above, below), around.behind)


# --- days and times -----------------------------------------------------------------------------

# The parts of a date that are asked for, in the letters of CLDR; their order is the locale's.
_DAY, _WEEKDAY_AND_DAY, _MONTH = "yMMMd", "yMMMEd", "yMMM"
_DAY_OF_YEAR, _WEEKDAY_AND_DAY_OF_YEAR = "MMMd", "MMMEd"


# A page names the same few periods again and again.
@lru_cache(maxsize=4096)
def day(locale: str, at: dt.date, *, weekday: bool = False, year: bool = True) -> str:
    """'16 Nov 2026', with its weekday 'Mon 16 Nov 2026', without its year '16 Nov'."""
    parts = (_DAY_OF_YEAR, _DAY, _WEEKDAY_AND_DAY_OF_YEAR, _WEEKDAY_AND_DAY)[2 * weekday + year]
    if weekday and locale == DEFAULT:
        return f"{_written(locale, 'E', at)} {day(locale, at, year=year)}"
    return _written(locale, parts, at)


@lru_cache(maxsize=1024)
def days(locale: str, first: dt.date, last: dt.date) -> str:
    """'16–22 Nov 2026', '30 Nov – 6 Dec 2026'."""
    if first == last:
        return day(locale, first)
    return _plainly(locale, str(format_interval(first, last, _DAY, locale=_babel(locale))))


@lru_cache(maxsize=1024)
def month(locale: str, at: dt.date, *, year: bool = True) -> str:
    """'Nov 2026', without its year 'Nov'."""
    if year:
        return _written(locale, _MONTH, at)
    return _plainly(locale, format_date(at, "LLL", locale=_babel(locale)))


def clock(locale: str, at: dt.datetime) -> str:
    """'13:05', or '1:05 PM'."""
    return _plainly(locale, format_time(at.time(), "short", locale=_babel(locale)))


def weekday_and_clock(locale: str, at: dt.datetime) -> str:
    """'Tue 13:05'."""
    hours = "EHm" if "H" in _babel(locale).time_formats["short"].pattern else "Ehm"
    return _written(locale, hours, at)


def moment(locale: str, at: dt.datetime, *, year: bool = True) -> str:
    """'Mon 16 Nov 2026, 13:05'."""
    both = str(_babel(locale).datetime_formats["medium"])
    both = both.replace("{1}", day(locale, at.date(), weekday=True, year=year))
    return both.replace("{0}", clock(locale, at))


def month_names(locale: str) -> tuple[str, ...]:
    """The short names of the months, as they stand alone."""
    return tuple(month(locale, dt.date(2000, number, 1), year=False) for number in range(1, 13))


def day_comes_first(locale: str) -> bool:
    """Whether the day of a month stands before its name."""
    pattern = re.sub(r"'[^']*'", "", _babel(locale).datetime_skeletons[_DAY_OF_YEAR].pattern)
    return pattern.find("d") < max(pattern.find("M"), pattern.find("L"))


def _written(locale: str, parts: str, at: dt.date) -> str:
    # Babel takes a day for a moment, whose midnight would be another zone's.
    moment = at if isinstance(at, dt.datetime) else dt.datetime.combine(at, dt.time())
    return _plainly(locale, format_skeleton(parts, moment, locale=_babel(locale)))


def _plainly(locale: str, text: str) -> str:
    plain = text.translate(_SPACES)
    return plain.replace("Sept", "Sep") if locale == DEFAULT else plain


def _around(pattern: NumberPattern, minus: str, symbol: str) -> Around:
    def told(text: str) -> str:
        marked = text.replace("-", minus).replace("%", symbol).replace("¤", symbol)
        return marked.translate(_SPACES)

    above, below = (told(text) for text in pattern.prefix)
    behind, behind_below = (told(text) for text in pattern.suffix)
    return Around((above, below), (behind, behind_below))


@lru_cache(maxsize=16)
def _babel(locale: str) -> Locale:
    return Locale.parse(locale.replace("-", "_"))
