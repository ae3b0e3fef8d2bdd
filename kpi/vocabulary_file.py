"""Reads `metrics.yaml` as a whole, and tells everything that is wrong in it at once."""

from __future__ import annotations

import datetime as dt
import re
import unicodedata
from collections.abc import Iterator, Mapping
from dataclasses import replace
from functools import lru_cache
from typing import Any, TypeVar
from zoneinfo import available_timezones

from kpi import locales
from kpi.allowlist import ExpressionRefused
from kpi.expression import FactValue, parse_condition
from kpi.grammar import (
    MONTH_NAMES,
    NAME,
    OTHER_WORDS,
    PAGE,
    RESERVED,
    SECTIONS,
    SETTLES,
    WEEKDAYS,
    CalendarEntry,
    DimensionEntry,
    Entry,
    FileEntry,
    MarksEntry,
    MetricEntry,
    OutcomeEntry,
    TableEntry,
)
from kpi.metric_entry import MetricReader, owners
from kpi.model_check import Hints, check_model, keys_of, note_beside
from kpi.periods import Calendar
from kpi.vocabulary import Dimension, Lookup, Marked, Metric, Outcome, Table, Vocabulary
from kpi.yaml_text import Document, Path, Problem, Refused, choice, nearest, read_yaml

_Entry = TypeVar("_Entry", bound=Entry)
# What stands in for a key that is missing or wrong, so that the rest of its entry is checked too.
_OWNERS = {"it": "-", "business": "-"}
_DIMENSION = {"label": "-", "definition": "-"}
_TABLE = {"row": "-", "time": "-"}
_OUTCOME = {"label": "-", "definition": "-", "owners": _OWNERS}
_METRIC = {**_OUTCOME, "side": "joint", "outcome": "-", "value": "-", "good": "up"}
_HINTS = Hints(OTHER_WORDS, PAGE)


class VocabularyRefused(Refused):
    """A vocabulary with mistakes; `sound` is what is left without them, to check that as well.

    None where there is nothing. A table whose time is not understood has an empty one in it, and
    of a value that is not understood only the table and the columns are there.
    """

    def __init__(self, problems: list[Problem], sound: Vocabulary | None) -> None:
        super().__init__(problems)
        self.sound = sound


def load_vocabulary(text: str, name: str = "metrics.yaml") -> Vocabulary:
    """The checked vocabulary; raises VocabularyRefused with every mistake of the text at once.

    A text is read once: a check, a refresh and the screens ask for the same one again and again.
    """
    return _loaded(text, name)


@lru_cache(maxsize=4)
def _loaded(text: str, name: str) -> Vocabulary:
    return checked(read_yaml(text, name))


def checked(document: Document) -> Vocabulary:
    """The vocabulary of a document; raises VocabularyRefused with every mistake in it at once."""
    vocabulary = _Reader(document).read() if document.value is not None else None
    if vocabulary is None and not document.problems:
        document.refuse((), "there is nothing in this file.", "Begin with: version: 1.")
    if document.problems or vocabulary is None:
        raise VocabularyRefused(document.problems, vocabulary)
    return vocabulary


class _Reader:
    """One pass over a document that notes problems in it and goes on."""

    def __init__(self, document: Document) -> None:
        self.document = document
        self.calendar = Calendar()
        self.dimensions: dict[str, Dimension] = {}
        self.tables: dict[str, Table] = {}
        self.outcomes: dict[str, Outcome] = {}
        self.metrics: dict[str, Metric] = {}
        # Entries that stand where they do not belong are told there, and missed nowhere else.
        self.elsewhere: set[str] = set()

    def read(self) -> Vocabulary | None:
        root = self.document.value
        if self._checked(FileEntry, root, ()) is None and not isinstance(root, Mapping):
            return None
        self.calendar = self._calendar(root)
        for key, dimension, path in self._entries(root, "dimensions", DimensionEntry, _DIMENSION):
            self.dimensions[key] = Dimension(key, dimension.label, dimension.definition)
            self._refuse_reserved(key, path)
        for key, table, path in self._entries(root, "tables", TableEntry, _TABLE):
            self.tables[key] = self._table(key, table, path)
        for key, outcome, _ in self._entries(root, "outcomes", OutcomeEntry, _OUTCOME):
            self.outcomes[key] = Outcome(
                key, outcome.label, outcome.definition, owners(outcome.owners)
            )
        self._metrics(root)
        self._resolve()
        return Vocabulary(
            self.calendar,
            root.get("currency", "EUR"),
            self._locale(root),
            self.dimensions,
            self.tables,
            self.outcomes,
            self.metrics,
            self.document,
        )

    def _entries(
        self,
        root: Mapping[str, Any],
        section: str,
        model: type[_Entry],
        instead: Mapping[str, Any],
    ) -> Iterator[tuple[str, _Entry, Path]]:
        """Each entry of a section with its name and path, what is wrong in it left out."""
        entries = root.get(section)
        if entries is None:
            return
        if not isinstance(entries, Mapping):
            fix = "Write each name with a colon, and indent its keys below it."
            self.document.refuse((section,), f"'{section}' must be a mapping of names.", fix)
            return
        beside = note_beside(
            self.document,
            entries,
            (section,),
            lambda _, key: key in keys_of(model) and _section_of(entries[key]) is None,
        )
        for key, value in entries.items():
            if key in beside:
                continue
            path: Path = (section, key)
            if not NAME.fullmatch(key):
                self.document.refuse(path, f"'{key}' is not a name.", _as_name(key), at_key=True)
            entry = self._checked(model, value, path, instead)
            if entry is not None:
                yield key, entry, path

    def _checked(
        self,
        model: type[_Entry],
        value: object,
        path: Path,
        instead: Mapping[str, Any] | None = None,
    ) -> _Entry | None:
        """The entry at a path; whole entries that stand within it by mistake are told apart."""
        if isinstance(value, Mapping):
            sections = {key: _section_of(item) for key, item in value.items()}
            own = keys_of(model)
            value = {key: item for key, item in value.items() if key in own or not sections[key]}
            for key, section in sections.items():
                if key not in value and section:
                    self._refuse_elsewhere((*path, key), section)
        return check_model(self.document, model, value, path, instead, _HINTS)

    def _refuse_elsewhere(self, path: Path, section: str) -> None:
        key = str(path[-1])
        self.elsewhere.add(key)
        entries = self.document.value.get(section)
        first = next(iter(entries), None) if isinstance(entries, Mapping) else None
        indent = self.document.key_place((section, first)).column - 1 if first else 2
        own = self.document.key_place(path).column - 1
        what = f"'{key}' stands beside '{section}:', not below it."
        if len(path) > 1:
            what = f"'{key}' stands inside '{path[-2]}'."
        only = " only" if own > indent else ""
        fix = f"Indent it by {indent}{only}, to stand under '{section}:'."
        self.document.refuse(path, what, fix, at_key=True)

    def _calendar(self, root: Mapping[str, Any]) -> Calendar:
        if root.get("calendar") is None:
            return Calendar()
        path = ("calendar",)
        entry = self._checked(CalendarEntry, root["calendar"], path, {})
        if entry is None:
            return Calendar()
        zone = entry.timezone
        if zone not in _time_zones():
            fix = nearest(zone, _time_zones()) or "For example Europe/Berlin."
            self.document.refuse((*path, "timezone"), f"there is no time zone '{zone}'.", fix)
            zone = "UTC"
        return Calendar(
            zone,
            WEEKDAYS.index(entry.week_starts),
            MONTH_NAMES.index(entry.fiscal_year_starts) + 1,
        )

    def _locale(self, root: Mapping[str, Any]) -> str:
        locale = root.get("locale")
        if not isinstance(locale, str) or not locale.strip():  # refused already, or absent
            return locales.DEFAULT
        if not locales.known(locale):
            fix = nearest(locale, locales.names()) or "For example en-GB, de-DE or fr-CH."
            self.document.refuse(("locale",), f"there is no locale '{locale}'.", fix)
            return locales.DEFAULT
        return locale

    # --- tables ---

    def _table(self, key: str, entry: TableEntry, path: Path) -> Table:
        for index, word in enumerate(entry.by):
            self._known_dimension(word, self.document.item((*path, "by"), index))
        return Table(
            key,
            entry.row,
            "" if entry.time == _TABLE["time"] else entry.time,
            tuple(entry.by),
            self._settles(entry, path),
            entry.grain,
            tuple(
                self._lookup(key, entry, table, (*path, "lookup", table)) for table in entry.lookup
            ),
            self._marks(entry.marks, (*path, "marks")),
        )

    def _marks(self, entry: MarksEntry | None, path: Path) -> Marked | None:
        if entry is None:
            return None
        condition = None
        try:
            condition = parse_condition(entry.where, prefix="marked") if entry.where else None
        except ExpressionRefused as refused:
            for mistake in refused.mistakes:
                place = self.document.place_in((*path, "where"), mistake.offset)
                problem = Problem(self.document.name, place, mistake.what + ".", mistake.fix)
                self.document.problems.append(problem)
        return Marked(entry.from_, entry.to, entry.name, condition)

    def _settles(self, entry: TableEntry, path: Path) -> dt.timedelta:
        if entry.settles_after is None:
            return dt.timedelta(0)
        match = SETTLES.fullmatch(entry.settles_after)
        if match is None:
            what = f"'{entry.settles_after}' is not a duration."
            self.document.refuse((*path, "settles_after"), what, "For example: 2 days.")
            return dt.timedelta(0)
        unit = dt.timedelta(hours=1) if match[2] == "hour" else dt.timedelta(days=1)
        return int(match[1]) * unit

    def _lookup(self, key: str, entry: TableEntry, table: str, path: Path) -> Lookup:
        lookup = entry.lookup[table]
        for index, word in enumerate(lookup.by):
            where = self.document.item((*path, "by"), index)
            if self._known_dimension(word, where) and word in entry.by:
                what = f"'{word}' is a dimension of '{key}' itself."
                self.document.refuse(where, what, "Take it from one of the two.")
        return Lookup(table, lookup.on, tuple(lookup.by))

    def _known_dimension(self, word: str, path: Path) -> bool:
        if word in self.dimensions or word in self.elsewhere:
            return True
        labels = {name: dimension.label for name, dimension in self.dimensions.items()}
        fix = choice(word, labels) or "Declare it under 'dimensions'."
        self.document.refuse(path, f"there is no dimension '{word}'.", fix)
        return False

    # --- metrics ---

    def _metrics(self, root: Mapping[str, Any]) -> None:
        names = root.get("metrics")
        reader = MetricReader(
            self.document,
            self.calendar,
            self.tables,
            self.outcomes,
            tuple(names) if isinstance(names, Mapping) else (),
            self.elsewhere,
        )
        for key, entry, path in self._entries(root, "metrics", MetricEntry, _METRIC):
            self._refuse_reserved(key, path)
            metric = reader.read(key, entry, path)
            if metric is not None:
                self.metrics[key] = metric

    def _resolve(self) -> None:
        """Follows every formula down to its facts: circles, tables and shared dimensions."""
        # None stands for a circle or what rests on one: each is told once.
        done: dict[str, Metric | None] = {}
        for name in list(self.metrics):
            self._follow(name, (), done)
        self.metrics = {name: metric for name in self.metrics if (metric := done.get(name))}

    def _follow(
        self, name: str, trail: tuple[str, ...], done: dict[str, Metric | None]
    ) -> Metric | None:
        if name in done:
            return done[name]
        if name in trail:
            circle = " -> ".join((*trail[trail.index(name) :], name))
            self.document.refuse(
                ("metrics", trail[-1], "value"),
                f"a circle of formulas: {circle}.",
                "One of them must come from facts.",
            )
            return None
        metric = self.metrics.get(name)
        if metric is None:
            return None
        if isinstance(metric.value, FactValue):
            table = self.tables[metric.value.table.name]
            done[name] = replace(metric, tables=(table.name,), dimensions=table.dimensions)
            return done[name]
        inputs = [self._follow(i, (*trail, name), done) for i in metric.inputs]
        found = [i for i in inputs if i is not None]
        if len(found) < len(inputs):
            done[name] = None
            return None
        tables = tuple(dict.fromkeys(t for i in found for t in i.tables))
        shared = tuple(d for d in found[0].dimensions if all(d in i.dimensions for i in found))
        done[name] = replace(metric, tables=tables, dimensions=shared)
        return done[name]

    def _refuse_reserved(self, key: str, path: Path) -> None:
        if key in RESERVED:
            what = f"'{key}' is a column of every answer."
            self.document.refuse(path, what, "Choose another name.", at_key=True)


def _section_of(value: object) -> str | None:
    """The section whose entries have the keys of this value, if it looks like an entry at all."""
    if not isinstance(value, Mapping):
        return None
    shared = {name: len({*value}.intersection(keys_of(model))) for name, model in SECTIONS.items()}
    section = max(shared, key=lambda name: shared[name])
    return section if shared[section] >= 2 else None


def _as_name(word: str) -> str:
    """How to write a name that is none."""
    rule = "lower-case letters, digits and _, beginning with a letter"
    parted = re.sub(r"(?<=[a-z0-9])(?=[A-Z])", "_", word)
    # Without accents: a letter and its accent are two characters then.
    plain = unicodedata.normalize("NFKD", parted).encode("ascii", "ignore").decode()
    name = re.sub(r"[^a-z0-9]+", "_", plain.lower()).strip("_")
    return f"Write {name}: {rule}." if NAME.fullmatch(name) else f"Use {rule}."


@lru_cache(maxsize=1)
def _time_zones() -> tuple[str, ...]:
    # Looking for them reads a few hundred files.
    return tuple(sorted(available_timezones()))
