"""Checks a home folder as a whole: both files, against each other and against the facts."""

from __future__ import annotations

from collections.abc import Iterable, Sized
from pathlib import Path

from kpi import sources as declared
from kpi.editions import Edition, NoEdition, latest
from kpi.fitting import against_facts, alone
from kpi.history import computed_before
from kpi.remarks import unknown_values
from kpi.sources import Sources
from kpi.vocabulary import Vocabulary
from kpi.vocabulary_file import VocabularyRefused, load_vocabulary
from kpi.yaml_text import Place, Problem, Refused, nearest

VOCABULARY = "metrics.yaml"


def check_home(home: Path) -> tuple[list[Problem], list[str]]:
    """Every mistake in the folder's two files, and a few words on what was checked."""
    edition = _edition(home, with_vocabulary=False)
    problems: list[Problem] = []
    vocabulary = sources = None
    try:
        vocabulary = read_vocabulary(home)
    except VocabularyRefused as refused:
        problems += refused.problems
        if refused.sound is not None:
            # One look tells all: a misspelt key must not hide a misspelt column beside it.
            problems += _misfits(refused.sound, edition)
    except Refused as refused:
        problems += refused.problems
    try:
        sources = declared.load(home)
    except Refused as refused:
        problems += refused.problems
    notes = [_counted(vocabulary, sources)]
    if vocabulary is None:
        return sorted(problems), notes
    notes += _deprecated(vocabulary)
    problems += _misfits(vocabulary, edition)
    if edition is None:
        notes.append("Columns are not checked: there are no facts yet. Run `kpi refresh` first.")
        return sorted(problems), notes
    if sources is not None:
        problems += _lookups_from_nowhere(vocabulary, sources, {*edition.columns})
    notes += _unfilled(vocabulary, edition)
    if not problems:
        notes += _never_true(vocabulary, edition)
    return sorted(problems), notes


def unpublished(home: Path, published: Vocabulary, names: Iterable[str]) -> list[str]:
    """Those of the names that the file knows and the edition that is asked does not."""
    try:
        known = read_vocabulary(home).metrics
    except Refused:
        return []
    return [name for name in names if name in known and name not in published.metrics]


def _misfits(vocabulary: Vocabulary, edition: Edition | None) -> list[Problem]:
    """What the vocabulary asks that the facts cannot give, as far as there are facts."""
    if edition is None:
        return alone(vocabulary)
    proven = computed_before(vocabulary, edition.query)
    return against_facts(vocabulary, edition.columns, edition.query, proven)


def read_vocabulary(home: Path) -> Vocabulary:
    """The vocabulary that stands in the file; raises Refused with every mistake in it."""
    return load_vocabulary(vocabulary_text(home), VOCABULARY)


def current_edition(home: Path) -> Edition | None:
    """The edition whose facts a file is checked against, None before the first."""
    return _edition(home, with_vocabulary=True)


def _edition(home: Path, *, with_vocabulary: bool) -> Edition | None:
    try:
        return latest(home, with_vocabulary=with_vocabulary)
    except NoEdition:
        return None


def vocabulary_text(home: Path) -> str:
    """The text of a home folder's metrics.yaml; raises Refused where it cannot be read."""
    try:
        return (home / VOCABULARY).read_text(encoding="utf-8-sig")
    except FileNotFoundError:
        what, fix = f"there is no such file in {home}.", "Write one, or choose --home."
    except UnicodeDecodeError:
        what, fix = "this is not UTF-8 text.", "Save it as UTF-8."
    raise Refused([Problem(VOCABULARY, Place(1, 1), what, fix)])


def _counted(vocabulary: Vocabulary | None, sources: Sources | None) -> str:
    said = []
    if vocabulary is not None:
        said += [_many(vocabulary.metrics, "metric"), _many(vocabulary.outcomes, "outcome")]
    if sources is not None:
        said.append(_many(sources.sources, "source"))
    return f"Checked {', '.join(said)}." if said else "Nothing could be read."


def _many(things: Sized, word: str) -> str:
    return f"{len(things)} {word}{'s' * (len(things) != 1)}"


def _deprecated(vocabulary: Vocabulary) -> list[str]:
    """Who still rests on a metric that is to be used no more."""
    return [
        f"'{metric.name}' is deprecated, but {', '.join(users)} still "
        f"{'uses' if len(users) == 1 else 'use'} it. Use '{metric.deprecated}' instead."
        for metric in vocabulary.metrics.values()
        if metric.deprecated and (users := [m.name for m in vocabulary.used_by(metric.name)])
    ]


def _never_true(vocabulary: Vocabulary, edition: Edition) -> list[str]:
    """New values that compare a column with a text that no row has: often a slip, not always."""
    proven = computed_before(vocabulary, edition.query)
    document = vocabulary.document
    said = []
    for metric in vocabulary.metrics.values():
        if metric.name in proven or any(t not in edition.columns for t in metric.tables):
            continue
        for compared, what in unknown_values(edition, metric):
            place = document.place_in(("metrics", metric.name, "value"), compared.value.offset)
            said.append(f"{document.name}:{place.line}:{place.column}: note: {what}")
    return said


def _unfilled(vocabulary: Vocabulary, edition: Edition) -> list[str]:
    looked_up = [lookup.table for table in vocabulary.tables.values() for lookup in table.lookup]
    named = dict.fromkeys((*vocabulary.tables, *looked_up))
    missing = [name for name in named if name not in edition.columns]
    return [f"No source has filled {', '.join(missing)} yet; not checked."] if missing else []


def _lookups_from_nowhere(
    vocabulary: Vocabulary, sources: Sources, there: set[str]
) -> list[Problem]:
    """Looked-up tables that nothing has filled and nothing is going to."""
    if not all(source.into for source in sources.sources):
        # A source that fills whatever tables its answers call for may fill this one too.
        return []
    known = there.union(*(source.into for source in sources.sources))
    problems = []
    for table in vocabulary.tables.values():
        for lookup in table.lookup:
            if lookup.table not in known:
                place = vocabulary.document.key_place(
                    ("tables", table.name, "lookup", lookup.table)
                )
                fix = nearest(lookup.table, known) or "Name a table that a source fills."
                what = f"no source fills a table '{lookup.table}'."
                problems.append(Problem(vocabulary.document.name, place, what, fix))
    return problems
