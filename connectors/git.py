"""Brings from git repositories which commit went out first with which release."""

from __future__ import annotations

import datetime as dt
import hashlib
import json
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from fnmatch import fnmatchcase
from itertools import islice
from pathlib import Path
from typing import Annotated, Any, Literal

import pyarrow as pa
from pydantic import BaseModel, BeforeValidator, ConfigDict, Field

from connectors import contract, tables
from connectors.contract import Batch, Column, Context, Duration, Shape, SourceError
from connectors.repository import History, Repository, Tag

TABLES = ("changes",)

ENTRY = """\
connector: git
repositories: [repositories/shop]      # directories below the home folder, or absolute ones
tags: v*                               # which tags are releases
every: 1 hour
# into: [changes, deployments]         # where every such tag is a production deployment too
# service: {map: {shop: Online shop}}  # what we call the service in a directory
"""

_EPOCH = dt.datetime(1970, 1, 1)
# Raised when the same repository comes to give other rows: then every source is read anew.
_READING = 1
_ROWS_A_PIECE = 50_000
_SHOWN_TAGS = 5
_COLUMNS = {
    "changes": pa.schema(
        [
            ("change_id", pa.string()),
            ("deployment_id", pa.string()),
            ("service", pa.string()),
            ("author", pa.string()),
            ("title", pa.string()),
            ("committed_at", pa.timestamp("s")),
            ("deployed_at", pa.timestamp("s")),
        ]
    ),
    "deployments": pa.schema(
        [
            ("deployment_id", pa.string()),
            ("service", pa.string()),
            ("version", pa.string()),
            ("deployed_at", pa.timestamp("s")),
        ]
    ),
}


def _listed(value: object) -> object:
    return [value] if isinstance(value, str) else value


class Service(BaseModel):
    """What the service in a repository is called: as its directory, or as the map says."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    source: Literal["directory"] = Field(default="directory", alias="from")
    map: dict[str, str] = Field(default_factory=dict)


class Options(contract.Options):
    """What `sources.yaml` says of git repositories."""

    repositories: Annotated[tuple[str, ...], BeforeValidator(_listed), Field(min_length=1)]
    tags: str = Field(default="v*", min_length=1)
    service: Service = Service()
    into: Annotated[
        tuple[Literal["changes", "deployments"], ...],
        BeforeValidator(_listed),
        Field(min_length=1),
    ] = ("changes",)
    timeout: Duration = dt.timedelta(minutes=10)


@dataclass(frozen=True)
class _Project:
    """A repository under the name of its directory, with the tags that are releases."""

    repository: Repository
    name: str
    service: str
    tags: tuple[Tag, ...]
    other_tags: tuple[str, ...]


@dataclass(frozen=True)
class _Release:
    """A tag with the seconds since 1970 at which it came out; None where git knows no date."""

    tag: str
    commit: int
    at: int | None


def system(options: Options) -> str:
    """The system's name as people know it."""
    return "git"


def pull(options: Options, state: Mapping[str, Any], context: Context) -> Iterator[Batch]:
    """All rows of all repositories, where a tag or an option has changed; raises SourceError."""
    projects = _projects(options, context.home)
    digest = _digest(options, projects)
    is_same = state.get("releases") == digest and not context.full
    pieces: dict[str, list[pa.Table]] = {"changes": [], "deployments": []}
    for project in [] if is_same else projects:
        for table, rows in _read(project, options).items():
            pieces[table].append(rows)
        context.progress(sum(rows.num_rows for rows in pieces["changes"]), None)
    fetched = (project.repository.fetched_at() for project in projects)
    as_of = min([*filter(None, fetched), context.now])
    # A table that is no longer asked for is emptied, or it would stay as it was for ever.
    into = dict.fromkeys((*state.get("into", ()), *options.into))
    for place, table in enumerate(into, start=1):
        columns = _COLUMNS[table]
        yield Batch(
            into=table,
            rows=pa.concat_tables([columns.empty_table(), *pieces[table]]),
            shape=Shape(
                tuple(map(Column, columns.names)),
                key=tables.TABLES[table].key,
                # To upsert nothing changes nothing, and still says of which moment that is true.
                mode="upsert" if is_same else "replace",
            ),
            origin=", ".join(str(project.repository.path) for project in projects),
            state={"releases": digest, "into": list(options.into)} if place == len(into) else None,
            as_of=as_of,
        )


def check(options: Options, context: Context) -> Iterator[str]:
    """Reads each repository's tags and the commit of the last release."""
    projects = _projects(options, context.home)
    for project in projects:
        tags, repository = project.tags, project.repository
        count = len(tags) + len(project.other_tags)
        yield f"{repository.path} is a whole git repository with {count} tag{'s' * (count != 1)}."
        fetched = repository.fetched_at()
        if fetched is not None:
            yield f"It was last fetched at {fetched:%Y-%m-%d %H:%M} UTC; a pull does not fetch it."
        if not tags:
            yield f"None of its {count} tags matches {options.tags} yet: it brings nothing so far."
            continue
        last = max(tags, key=lambda tag: (tag.made_at or 0, tag.name))
        commit = repository.commit(last.commit)
        yield f"{len(tags)} match {options.tags}, such as {last.name} on “{commit.title}”."
        if undated := [tag.name for tag in tags if tag.made_at is None]:
            yield (
                f"{len(undated)} of these ({', '.join(undated[:_SHOWN_TAGS])}) have no date of "
                "their own and take their commit's. `git tag -a` makes tags that have one."
            )
    releases = sum(len(project.tags) for project in projects)
    yield f"A pull reads the history of {releases} releases into {' and '.join(options.into)}."


def first_releases(parents: list[list[int]], ranks: Mapping[int, int]) -> list[int]:
    """For each commit the least rank among the releases that contain it.

    Commits are numbered so that each comes before its parents, whose numbers `parents` gives;
    `ranks` has the rank of those that carry a release themselves. A release contains every commit
    that it can be followed back to; each commit must be in one.
    """
    worst = len(parents)
    least = [ranks.get(commit, worst) for commit in range(len(parents))]
    for commit, its_parents in enumerate(parents):
        rank = least[commit]
        for parent in its_parents:
            if rank < least[parent]:
                least[parent] = rank
    return least


def _projects(options: Options, home: Path) -> list[_Project]:
    found: dict[str, _Project] = {}
    for written in options.repositories:
        path = (home / Path(written).expanduser()).resolve()
        name = (path.parent if path.name == ".git" else path).name.removesuffix(".git")
        if name in found:
            raise SourceError(
                f"Two repositories are called {name}: {found[name].repository.path} and {path}.",
                "Make each a source of its own, or their releases cannot be told apart.",
            )
        repository = Repository(path, options.timeout)
        tags = repository.tags()
        found[name] = _Project(
            repository,
            name,
            options.service.map.get(name, name),
            tuple(tag for tag in tags if fnmatchcase(tag.name, options.tags)),
            tuple(tag.name for tag in tags if not fnmatchcase(tag.name, options.tags)),
        )
    if unknown := sorted(set(options.service.map) - set(found)):
        raise SourceError(
            f"`service` maps {unknown[0]}, but no repository's directory is called so.",
            f"The directories are: {', '.join(found)}.",
        )
    others = [name for project in found.values() for name in project.other_tags]
    if others and not any(project.tags for project in found.values()):
        raise SourceError(
            f"No tag matches {options.tags}.",
            f"Set `tags` to a pattern for those that are there: {', '.join(others[:_SHOWN_TAGS])}.",
        )
    return list(found.values())


def _digest(options: Options, projects: list[_Project]) -> str:
    """The same as long as the rows are: history cannot change under a tag that stays."""
    asked = options.model_dump(mode="json", include={"start", "into"})
    seen = [
        (project.name, project.service, sorted((tag.name, tag.object) for tag in project.tags))
        for project in projects
    ]
    return hashlib.sha256(json.dumps([_READING, asked, seen]).encode()).hexdigest()


def _read(project: _Project, options: Options) -> dict[str, pa.Table]:
    """The rows of one repository for each of the tables that are asked for."""
    since = 0
    if options.start is not None:
        since = int((dt.datetime.combine(options.start, dt.time()) - _EPOCH).total_seconds())
    history = project.repository.history(tag.commit for tag in project.tags)
    parents, known = _graph(history)
    releases = _in_order(project.tags, known)
    wanted = [release.at is None or release.at >= since for release in releases]
    found = {}
    if "changes" in options.into:
        ranks = {release.commit: rank for rank, release in reversed(list(enumerate(releases)))}
        of = first_releases(parents, ranks)
        found["changes"] = _changes(project, history, releases, of, wanted)
    if "deployments" in options.into:
        found["deployments"] = _deployments(project, releases, wanted)
    return found


def _graph(history: History) -> tuple[list[list[int]], dict[str, tuple[int, int | None]]]:
    """The parents of each commit by number, and each commit's number and date by name."""
    named: list[list[str]] = []
    known: dict[str, tuple[int, int | None]] = {}
    for name, parents, date in history.names():
        known[name] = len(named), date
        named.append(parents)
    return [[known[parent][0] for parent in parents] for parents in named], known


def _in_order(tags: Iterable[Tag], known: Mapping[str, tuple[int, int | None]]) -> list[_Release]:
    """The releases, the earliest first; at the same moment one comes before those that contain it.

    A mere name for a commit has no date but the commit's.
    """
    releases = []
    for tag in tags:
        number, committed_at = known[tag.commit]
        releases.append(_Release(tag.name, number, tag.made_at or committed_at))
    return sorted(
        releases, key=lambda each: (each.at is None, each.at or 0, -each.commit, each.tag)
    )


def _changes(
    project: _Project,
    history: History,
    releases: list[_Release],
    of: list[int],
    wanted: list[bool],
) -> pa.Table:
    pieces = [_COLUMNS["changes"].empty_table()]
    commits = ((commit, of[number]) for number, commit in enumerate(history.commits()))
    kept = ((commit, rank) for commit, rank in commits if wanted[rank])
    while some := list(islice(kept, _ROWS_A_PIECE)):
        columns = [
            [commit.name for commit, _ in some],
            [f"{project.name}/{releases[rank].tag}" for _, rank in some],
            [project.service] * len(some),
            [commit.author or None for commit, _ in some],
            [commit.title or None for commit, _ in some],
            [commit.committed_at for commit, _ in some],
            [releases[rank].at for _, rank in some],
        ]
        pieces.append(pa.table(columns, schema=_COLUMNS["changes"]))
    return pa.concat_tables(pieces)


def _deployments(project: _Project, releases: list[_Release], wanted: list[bool]) -> pa.Table:
    kept = [release for release, is_wanted in zip(releases, wanted, strict=True) if is_wanted]
    columns = [
        [f"{project.name}/{release.tag}" for release in kept],
        [project.service] * len(kept),
        [release.tag for release in kept],
        [release.at for release in kept],
    ]
    return pa.table(columns, schema=_COLUMNS["deployments"])
