"""Meets the header of a file with the columns that its source declares."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace

from connectors.columns import nearest
from connectors.contract import Column, SourceError

_LISTED = 12


@dataclass(frozen=True)
class Header:
    """The columns of a file."""

    shown: str  # the file, as the operator knows it
    written: tuple[str, ...]  # as they stand there
    names: tuple[str, ...]  # as they are read, each once

    def raw_name(self, wanted: str, where: str) -> str:
        """The name under which a column is read; `where` is the key that asks for it.

        Raises SourceError where the file has no such column, or more than one.
        """
        twice = self.written.count(wanted)
        if twice > 1:
            raise SourceError(
                f"{self.shown} has {twice} columns named {wanted!r}, and `{where}` could mean "
                "each of them.",
                "Rename them in the file; if they are alike, take away all but one.",
            )
        if wanted in self.written:
            return self.names[self.written.index(wanted)]
        folded = wanted.strip().casefold()
        for name in self.names:
            if name.casefold() == folded:
                return name
        raise SourceError(
            f"{self.shown} has no column {wanted!r} (`{where}`).{nearest(wanted, self.names)}",
            self._listed(),
        )

    def refuse_without(self, key: tuple[str, ...], there: set[str], into: str) -> None:
        """Raises SourceError where a key column of `into` is not among those `there`."""
        for name in key:
            if name not in there:
                raise SourceError(
                    f"{self.shown} has no column {name!r}, which is the key of {into}."
                    f"{nearest(name, self.names)}",
                    f"Map it under `columns`. {self._listed()}",
                )

    def alike(self, wanted: tuple[str, ...]) -> dict[str, str]:
        """Those of the wanted names that the file has, blind to case: name -> as it is read."""
        folded = {name.casefold(): name for name in self.names}
        return {name: folded[name.casefold()] for name in wanted if name.casefold() in folded}

    def _listed(self) -> str:
        more = ", …" if len(self.names) > _LISTED else ""
        return f"Its columns are: {', '.join(self.names[:_LISTED])}{more}."


def taken(
    header: Header,
    declared: tuple[Column, ...],
    *,
    canonical: Mapping[str, str] | None,
    key: tuple[str, ...],
    like: Column,
) -> tuple[Column, ...]:
    """The declared columns as the file names them, and those taken under their own name.

    A canonical table takes what is called like its own columns; a table of one's own the key
    beside what is declared, or everything where nothing is. `like` has what holds for them all.
    Raises SourceError that names every declared column that the file does not have.
    """
    columns: list[Column] = []
    problems: list[SourceError] = []
    for column in declared:
        if column.constant is not None:
            columns.append(column)
            continue
        try:
            raw = header.raw_name(column.source or column.name, f"columns: {column.name}")
        except SourceError as error:
            problems.append(error)
            continue
        missing = (*column.missing, *like.missing)
        columns.append(replace(column, source=raw, missing=missing))
    if problems:
        raise SourceError(" ".join(problem.what for problem in problems), problems[0].advice)
    mapped = {column.name for column in columns}
    wanted = tuple(canonical) if canonical is not None else key if declared else header.names
    for name, raw in header.alike(wanted).items():
        if name not in mapped:
            columns.append(replace(like, name=name, source=raw))
    return tuple(columns)


def unique_names(header: tuple[str, ...]) -> tuple[str, ...]:
    """Names that the database, blind to case, can tell apart; an empty one is named by place."""
    names: list[str] = []
    there: set[str] = set()
    for place, text in enumerate(header, start=1):
        name = base = text.strip() or f"column {place}"
        again = 1
        while name.casefold() in there:
            again += 1
            name = f"{base} ({again})"
        there.add(name.casefold())
        names.append(name)
    return tuple(names)
