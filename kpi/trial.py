"""Tries entries that somebody has pasted: checked as the file is, then asked of an edition."""

from __future__ import annotations

import datetime as dt
from collections.abc import Mapping
from dataclasses import dataclass, replace

from kpi import scorecard
from kpi.editions import Edition
from kpi.fitting import against_facts
from kpi.grammar import SECTIONS, MetricEntry
from kpi.model_check import keys_of
from kpi.questions import can_be_asked
from kpi.remarks import unknown_values
from kpi.scorecard import Row
from kpi.vocabulary import Metric, Vocabulary
from kpi.vocabulary_file import VocabularyRefused, checked
from kpi.yaml_text import Document, Path, Place, Problem, read_yaml

# What the problems call the pasted text.
PASTED = "entry"
# An entry has a few hundred characters; reading this many takes a fraction of a second.
LONGEST = 8_000
_SECTION = "metrics"
_GRAINS = ("week", "month", "quarter", "year")
# The keys by which an entry without its name is known.
_TELLING = 2
# Each costs a statement: beyond so many, a value is compared with what a list holds, not by slip.
_LOOKED_UP = 20


@dataclass(frozen=True)
class Trial:
    """What came of a pasted text.

    The places of `problems` and `notes` are counted in the text; `elsewhere` are what it would
    break in the edition's other definitions. `edition` answers by the pasted definitions; it is
    None where there is any problem.
    """

    names: tuple[str, ...]
    problems: tuple[Problem, ...]
    elsewhere: tuple[Problem, ...] = ()
    notes: tuple[Problem, ...] = ()
    edition: Edition | None = None

    @property
    def metrics(self) -> tuple[Metric, ...]:
        """The pasted metrics, in the order of the text."""
        if self.edition is None:
            return ()
        return tuple(self.edition.vocabulary.metrics[name] for name in self.names)


def try_entries(edition: Edition, text: str) -> Trial:
    """Checks a text with one or several entries of `metrics:` against an edition.

    An entry takes the place of the published one of its name. Nothing of the text is kept. Raises
    QuestionRefused where the edition cannot tell in time, or not within its memory.
    """
    text = text.removeprefix("\ufeff")
    if len(text) > LONGEST:
        what = f"this is longer than {LONGEST:,} characters."
        return Trial((), (Problem(PASTED, Place(1, 1), what, "Try fewer entries at once."),))
    pasted = read_yaml(text, PASTED)
    at = _entries(pasted)
    if at is None:
        return Trial((), tuple(sorted(pasted.problems)))
    published = edition.vocabulary
    document = published.document.with_entries(_SECTION, pasted, at)
    names = tuple(pasted.at(at))
    found, vocabulary = _checked(edition, document, names)
    above = published.document.lines_above
    problems = {*pasted.problems, *(_in_paste(p, above) for p in found if p.place.line > above)}
    elsewhere = [problem for problem in found if problem.place.line <= above]
    if problems or elsewhere or vocabulary is None:
        return Trial(names, tuple(sorted(problems)), tuple(sorted(elsewhere)))
    tried = edition.under(vocabulary)
    notes = [_in_paste(p, above) for name in names for p in _notes(tried, name)]
    return Trial(names, (), (), tuple(sorted(notes)), tried)


def finest_grain(vocabulary: Vocabulary, metric: Metric) -> str:
    """The grain to show a metric by: weeks, else the shortest that its facts allow."""
    return next(grain for grain in _GRAINS if can_be_asked(vocabulary, metric, grain))


def row(edition: Edition, metric: Metric, grain: str, now: dt.datetime) -> Row:
    """The metric's row as the scorecard would show it; raises QuestionRefused."""
    period = scorecard.last_period(edition, grain)
    cells = scorecard.history(edition, (metric.name,), grain, period)[metric.name]
    own = None
    if scorecard.overlaps(edition.vocabulary, metric):
        own = scorecard.history(edition, (metric.name,), grain, period, own_rows=True)[metric.name]
    return scorecard.row(edition, metric, period, cells, now, own)


def _entries(pasted: Document) -> Path | None:
    """Where the entries stand in the text; where there are none, that is noted."""
    root = pasted.value
    if pasted.problems and not isinstance(root, Mapping):
        return None
    if not isinstance(root, Mapping) or not root:
        what = "this is no entry."
        pasted.refuse((), what, "Begin with a name and a colon, and indent its keys below it.")
        return None
    others = [key for key in root if key in SECTIONS and key != _SECTION]
    if _SECTION in root or "version" in root:
        for key in (key for key in root if key != _SECTION):
            what = f"'{key}' is not tried here."
            pasted.refuse(
                (key,), what, f"Leave only what belongs under '{_SECTION}:'.", at_key=True
            )
        return _section(pasted, root)
    if not others and len(set(root).intersection(keys_of(MetricEntry))) >= _TELLING:
        what = "this entry has no name."
        fix = "Write a name and a colon above it, for example refund_rate:, and indent the rest."
        pasted.refuse((), what, fix)
        return None
    return ()


def _section(pasted: Document, root: Mapping[str, object]) -> Path | None:
    entries = root.get(_SECTION)
    if isinstance(entries, Mapping) and entries:
        return (_SECTION,)
    what = f"nothing stands under '{_SECTION}:'."
    pasted.refuse((_SECTION,), what, "Indent each name below it.", at_key=True)
    return None


def _checked(
    edition: Edition, document: Document, names: tuple[str, ...]
) -> tuple[list[Problem], Vocabulary | None]:
    """Every problem of a document, and its vocabulary or what is sound of it."""
    problems: list[Problem] = []
    try:
        vocabulary: Vocabulary | None = checked(document)
    except VocabularyRefused as refused:
        problems, vocabulary = [*refused.problems], refused.sound
    if vocabulary is None:
        return problems, None
    # All else has been computed over these facts when they were published.
    resting = {n for n in vocabulary.metrics if _rests_on(vocabulary, n, names)}
    proven = set(vocabulary.metrics) - resting
    problems += against_facts(vocabulary, edition.columns, edition.query, proven)
    return problems, vocabulary


def _rests_on(vocabulary: Vocabulary, name: str, names: tuple[str, ...]) -> bool:
    inputs = vocabulary.metrics[name].inputs
    return name in names or any(_rests_on(vocabulary, each, names) for each in inputs)


def _notes(tried: Edition, name: str) -> list[Problem]:
    """What is no mistake, but often a slip: a text that no row has."""
    document, metric = tried.vocabulary.document, tried.vocabulary.metrics[name]
    if len(getattr(metric.value, "comparisons", ())) > _LOOKED_UP:
        return []
    return [
        Problem(PASTED, document.place_in((_SECTION, name, "value"), compared.value.offset), what)
        for compared, what in unknown_values(tried, metric)
    ]


def _in_paste(problem: Problem, above: int) -> Problem:
    place = Place(problem.place.line - above, problem.place.column)
    return replace(problem, file=PASTED, place=place)
