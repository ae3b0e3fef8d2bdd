"""Every metric of the sample at every grain and by every dimension; parts add up to totals."""

from __future__ import annotations

import datetime as dt
import shutil

import pytest

from kpi.answers import Answer, ask
from kpi.editions import Edition, open_edition
from kpi.expression import FactValue
from kpi.periods import GRAINS, covering
from kpi.questions import Question, QuestionRefused
from kpi.reach import Own
from kpi.refresh import refresh
from kpi.vocabulary import Metric
from kpi.vocabulary_file import load_vocabulary
from sample.company import write
from tests.sample import exports
from tests.sample.conftest import UNTIL

VOCABULARY = load_vocabulary((exports.PROJECT / "metrics.yaml").read_text(encoding="utf-8"))
METRICS = tuple(VOCABULARY.metrics.values())
BREAKDOWNS = [(metric.name, word) for metric in METRICS for word in metric.dimensions]
# How many aggregates each metric of facts has; a formula's n is the smallest of its inputs.
OF_FACTS = {m.name: len(m.value.aggregates) for m in METRICS if isinstance(m.value, FactValue)}
# Into a second year, so that every grain has periods that are cut, whole, and not over.
START, END = dt.date(2025, 9, 10), dt.date(2026, 11, 21)
# Nobody delivers ideas yet: what rests on them is unknown, everywhere.
UNKNOWN = {"idea_to_first_use"}


def adds_up(metric: Metric) -> bool:
    """Whether a metric's values over parts add up to its value over all: sums and counts do."""
    value = metric.value
    if not isinstance(value, FactValue) or not isinstance(metric.reach, Own):
        return False
    kinds = {aggregate.kind for aggregate in value.aggregates}
    alone = len(value.aggregates) == 1 and value.formula.text == '("\x01a0\x01")'
    return alone and kinds <= {"sum", "count", "count_if"} and "DISTINCT" not in metric.text.upper()


ADDITIVE = [metric for metric in METRICS if adds_up(metric)]
MIDDLES = [m.name for m in METRICS if not (m.inputs or m in ADDITIVE or m.name in UNKNOWN)]


def asked(edition: Edition, metric: str, grain: str, *by: str) -> Answer:
    return ask(edition, Question((metric,), grain, by, start=START, end=END))


def total(answer: Answer, period: dt.date | None) -> float | None:
    """The sum of what is known in a period; None where nothing is."""
    known = [float(c.value) for c in answer.cells if c.period == period and c.value is not None]
    return sum(known) if known else None


@pytest.fixture(scope="module")
def edition(tmp_path_factory: pytest.TempPathFactory) -> Edition:
    """The sample, refreshed and published at the moment it was written."""
    home = tmp_path_factory.mktemp("published")
    for file in ("metrics.yaml", "sources.yaml"):
        shutil.copy(exports.PROJECT / file, home)
    write(home / "data" / "sample", UNTIL)
    outcome = refresh(home, now=lambda: UNTIL)

    assert outcome.exit_code == 0
    return open_edition(home)


def test_some_metrics_add_up_and_some_do_not() -> None:
    assert {"orders_placed", "revenue"} <= {metric.name for metric in ADDITIVE}
    assert len(ADDITIVE) < len(METRICS)


@pytest.mark.parametrize("grain", [*GRAINS, "total"])
@pytest.mark.parametrize("name", [metric.name for metric in METRICS])
def test_a_metric_answers_at_every_grain(edition: Edition, name: str, grain: str) -> None:
    own = {VOCABULARY.tables[table].grain for table in VOCABULARY.metrics[name].tables} - {None}
    if own and grain == "day":
        with pytest.raises(QuestionRefused, match=f"'{name}' has no {grain}"):
            asked(edition, name, grain)
        return

    cells = asked(edition, name, grain).cells

    periods: list[dt.date | None] = [None]
    if grain != "total":
        periods = [p.start for p in covering(VOCABULARY.calendar, grain, START, END)]
    assert [cell.period for cell in cells] == periods
    assert any(cell.value is not None for cell in cells) == (name not in UNKNOWN)
    assert all(cell.n >= 0 for cell in cells)


@pytest.mark.parametrize(("name", "word"), BREAKDOWNS)
def test_a_metric_answers_by_every_dimension_at_every_grain(
    edition: Edition, name: str, word: str
) -> None:
    for grain in ("week", "quarter", "year", "total"):
        cells = asked(edition, name, grain, word).cells
        periods, keys = {cell.period for cell in cells}, {cell.keys for cell in cells}

        assert len(cells) == len(periods) * len(keys)
        known = any(cell.value is not None for cell in cells)
        # A window ends with its period: over a year that is not over nothing may be known.
        assert known == (name not in UNKNOWN) or grain == "year"


@pytest.mark.parametrize(("name", "word"), [pair for pair in BREAKDOWNS if pair[0] in OF_FACTS])
def test_the_rows_of_the_parts_are_the_rows_of_the_whole(
    edition: Edition, name: str, word: str
) -> None:
    whole = {cell.period: cell.n for cell in asked(edition, name, "month").cells}

    parts = asked(edition, name, "month", word).cells

    counted = dict.fromkeys(whole, 0)
    for cell in parts:
        counted[cell.period] += cell.n
    if OF_FACTS[name] == 1:
        assert counted == whole
    else:
        # The largest of several counts in each part is at least that of the whole.
        assert all(counted[period] >= n for period, n in whole.items())


@pytest.mark.parametrize(
    ("name", "word"), [(m.name, word) for m in ADDITIVE for word in m.dimensions]
)
@pytest.mark.parametrize("grain", ["day", "month", "total"])
def test_the_parts_of_a_sum_or_a_count_add_up_to_the_whole(
    edition: Edition, name: str, word: str, grain: str
) -> None:
    whole = asked(edition, name, grain)

    parts = asked(edition, name, grain, word)

    for cell in whole.cells:
        assert total(parts, cell.period) == pytest.approx(cell.value, rel=1e-9), cell.period


@pytest.mark.parametrize("name", [metric.name for metric in ADDITIVE])
def test_the_days_of_a_sum_or_a_count_add_up_to_its_range(edition: Edition, name: str) -> None:
    days = [float(c.value) for c in asked(edition, name, "day").cells if c.value is not None]
    (all_of_it,) = asked(edition, name, "total").cells

    assert all_of_it.value is not None
    assert sum(days) == pytest.approx(all_of_it.value, rel=1e-9)


@pytest.mark.parametrize("name", [metric.name for metric in ADDITIVE])
def test_the_months_of_a_sum_or_a_count_add_up_to_its_quarters_and_years(
    edition: Edition, name: str
) -> None:
    def within(grain: str) -> float:
        question = Question((name,), grain, start=dt.date(2026, 1, 1), end=dt.date(2027, 1, 1))
        return sum(float(c.value) for c in ask(edition, question).cells if c.value is not None)

    assert within("month") == pytest.approx(within("quarter"), rel=1e-9)
    assert within("quarter") == pytest.approx(within("year"), rel=1e-9)


@pytest.mark.parametrize("name", MIDDLES)
def test_a_share_or_a_middle_of_the_whole_lies_between_those_of_its_parts(
    edition: Edition, name: str
) -> None:
    for word in VOCABULARY.metrics[name].dimensions:
        (whole,) = asked(edition, name, "total").cells
        parts = [c.value for c in asked(edition, name, "total", word).cells if c.value is not None]

        assert whole.value is not None
        assert min(parts) - 1e-9 <= whole.value <= max(parts) + 1e-9
