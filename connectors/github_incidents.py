"""Reads a repository's issues that are incidents, and how often each was opened again."""

from __future__ import annotations

import datetime as dt
import heapq
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field, replace
from typing import Any

from connectors import github_issues
from connectors.contract import Context, SourceError
from connectors.episodes import Episode, Turn, episodes
from connectors.github_api import GitHub, Record, Repository, moment
from connectors.github_entry import Entry
from connectors.github_rows import Row, Step

# Raised when the same issues come to give other rows: then every entry is read anew.
_READING = 2
_QUESTIONS_A_STEP = 100
_ROWS_A_STEP = 5_000
_EVER = dt.datetime(1970, 1, 1)
_STATUS = {"open": "open", "closed": "resolved"}


def read(
    api: GitHub,
    repository: Repository,
    entry: Entry,
    kept: Mapping[str, Any],
    context: Context,
) -> Iterator[Step]:
    """What is new or changed since a pull that left `kept`; raises SourceError."""
    yield from _Reading(api, repository, entry, kept, context).steps()


def present(
    api: GitHub, repository: Repository, entry: Entry, kept: Mapping[str, Any], since: dt.datetime
) -> Iterator[tuple[str, int]]:
    """The ids of all incidents that changed since a moment, each with its number of episodes."""
    again = kept.get("again_open", {})
    first = _Memory.again(kept).first if kept else since
    for label in entry.incidents.labels:
        for issue in github_issues.changed(api, repository, since, {"labels": label}):
            if _counts(entry, issue, first):
                number = issue["number"]
                yield _id(repository, number), again.get(str(number), 1)


@dataclass
class _Memory:
    """What one pull leaves to the next.

    Everything that changed up to `until` has been met. There are rows from `first` on, and of all
    that was open then. Where incidents are known already, `reads_all` says that issues without a
    label of ours matter too: one that was an incident may have lost it. `open` has the numbers of
    the open incidents, `again_open` how many episodes those have that were opened again.
    """

    asked: Mapping[str, Any]
    first: dt.datetime
    until: dt.datetime
    reads_all: bool
    open: list[int] = field(default_factory=list)
    again_open: dict[str, int] = field(default_factory=dict)

    def kept(self) -> dict[str, Any]:
        """The same as JSON."""
        times = {"first": self.first.isoformat(), "until": self.until.isoformat()}
        return {**vars(self), **times}

    @classmethod
    def again(cls, kept: Mapping[str, Any]) -> _Memory:
        """From what `kept` gave."""
        times = {name: dt.datetime.fromisoformat(kept[name]) for name in ("first", "until")}
        return cls(**{**kept, **times})


def _begun(
    kept: Mapping[str, Any], asked: Mapping[str, Any], entry: Entry, context: Context
) -> _Memory:
    """What is known at the beginning of a pull.

    Where the entry says something else than before, or begins earlier, everything is read anew.
    """
    begin = entry.begin(context.now)
    if not kept:
        return _Memory(asked, begin, _EVER, reads_all=context.full)
    before = _Memory.again(kept)
    begins_earlier = entry.start is not None and begin < before.first
    if before.asked == asked and not begins_earlier:
        return before
    first = begin if begins_earlier else before.first
    return replace(before, asked=asked, first=first, until=_EVER, reads_all=True)


class _Reading:
    """One pull of one repository's issues: what it knew, what it meets, and what waits to land."""

    def __init__(
        self,
        api: GitHub,
        repository: Repository,
        entry: Entry,
        kept: Mapping[str, Any],
        context: Context,
    ) -> None:
        self._api, self._repository, self._entry, self._context = api, repository, entry, context
        self._service = entry.service_of(repository.name)
        self._memory = _begun(kept, _asked(repository, entry), entry, context)
        self._open = set(self._memory.open)
        self._unseen = set(self._memory.open)
        self._met: dict[int, str] = {}
        self._questions = 0
        self._rows: dict[str, list[Row]] = {"incidents": [], "incident_episodes": []}

    def steps(self) -> Iterator[Step]:
        """Everything, in steps that may each be the last."""
        for issue in heapq.merge(*self._streams(), key=_by_change):
            changed_at = moment(issue["updated_at"])
            if changed_at > self._context.now:
                break
            self._take(issue)
            self._memory.until = max(self._memory.until, changed_at)
            yield from self._step(_QUESTIONS_A_STEP)
        self._memory.until = max(self._memory.until, self._memory.first)
        if self._unseen:
            self._look_for_unseen()
        yield from self._step()

    def _streams(self) -> Iterator[Iterator[Record]]:
        """What may have changed, each in the order of its change."""
        again = max(self._memory.until - self._entry.lookback, _EVER)
        since = max(again, self._memory.first)
        labels = self._entry.incidents.labels
        if self._memory.reads_all:
            yield github_issues.changed(self._api, self._repository, since, {})
        else:
            for label in labels:
                yield github_issues.changed(self._api, self._repository, since, {"labels": label})
        if self._memory.until < self._memory.first:
            # What is still open counts, however long ago it was opened.
            for label in labels:
                params = {"labels": label, "state": "open"}
                yield github_issues.changed(self._api, self._repository, again, params)

    def _take(self, issue: Record) -> None:
        number = issue["number"]
        if issue.get("pull_request") is not None or self._met.get(number) == issue["updated_at"]:
            return
        self._met[number] = issue["updated_at"]
        self._unseen.discard(number)
        turns = None
        if _counts(self._entry, issue, self._memory.first):
            turns = github_issues.turns(self._api, self._repository, number)
            self._questions += 1
        if turns is None:
            self._remove(number)
        else:
            self._meet(issue, turns)

    def _meet(self, issue: Record, turns: list[Turn]) -> None:
        number, state = issue["number"], issue.get("state")
        is_open = state == "open" or (state != "closed" and issue.get("closed_at") is None)
        if state not in _STATUS:
            self._context.notice(f"GitHub has the issue state '{state}', which is not known here.")
        row = {
            "incident_id": _id(self._repository, number),
            "service": self._service,
            "severity": self._entry.severity_of(issue),
        }
        self._rows["incidents"].append(
            {
                **row,
                "title": issue.get("title"),
                "status": _STATUS.get(str(state), "unknown"),
                "opened_at": issue.get("created_at"),
                "resolved_at": None if is_open else issue.get("closed_at"),
                "reopened": sum(turn.is_open for turn in turns),
            }
        )
        self._open.discard(number)
        if is_open:
            self._open.add(number)
        closed_at = issue.get("closed_at")
        try:
            found = episodes(
                moment(issue.get("created_at")),
                turns,
                is_open=is_open,
                changed_at=moment(issue["updated_at"]),
                resolved_at=moment(closed_at) if closed_at else None,
            )
        except SourceError:
            found = ()  # of such an incident the warehouse says why it rejects it
        self._keep_episodes(row, number, found)

    def _keep_episodes(self, row: Row, number: int, found: tuple[Episode, ...]) -> None:
        """Adds the episodes of an incident, and removes those that it has no more."""
        self._rows["incident_episodes"] += [
            {
                **row,
                "episode": place,
                "opened_at": each.opened_at.isoformat(),
                "resolved_at": each.resolved_at and each.resolved_at.isoformat(),
            }
            for place, each in enumerate(found, start=1)
        ]
        self._remove_episodes(number, len(found))
        if len(found) > 1:
            self._memory.again_open[str(number)] = len(found)

    def _remove(self, number: int) -> None:
        """Removes an issue that is no incident, whether or not it ever was one."""
        gone = {"incident_id": _id(self._repository, number), "gone": True}
        self._rows["incidents"].append(gone)
        self._remove_episodes(number, 0)
        self._open.discard(number)

    def _remove_episodes(self, number: int, after: int) -> None:
        gone = {"incident_id": _id(self._repository, number), "gone": True}
        before = self._memory.again_open.pop(str(number), 1)
        self._rows["incident_episodes"] += [
            {**gone, "episode": place} for place in range(after + 1, before + 1)
        ]

    def _look_for_unseen(self) -> None:
        """Asks for those that were open, have not changed, and are not listed as open any more.

        Nothing tells that an issue was deleted, or moved to another repository.
        """
        for label in self._entry.incidents.labels:
            self._unseen -= github_issues.listed_open(self._api, self._repository, label)
        for number in sorted(self._unseen):
            issue = github_issues.single(self._api, self._repository, number)
            if issue is None:
                self._remove(number)
            else:
                self._take(issue)

    def _step(self, at_least: int = 0) -> Iterator[Step]:
        """What waits to land and what follows from it; not before it is so much."""
        if self._questions < at_least and len(self._rows["incidents"]) < _ROWS_A_STEP:
            return
        rows, self._rows = self._rows, {"incidents": [], "incident_episodes": []}
        self._questions = 0
        left = replace(
            self._memory,
            reads_all=True,
            open=sorted(self._open),
            again_open=dict(self._memory.again_open),
        )
        yield Step(rows, left.kept())


def _asked(repository: Repository, entry: Entry) -> dict[str, Any]:
    """What decides, beside GitHub itself, which rows there are and what they say."""
    asked = entry.model_dump(mode="json", by_alias=True, include={"incidents", "severity"})
    service = entry.service_of(repository.name)
    return {"reading": _READING, "repository": repository.name, "service": service, **asked}


def _counts(entry: Entry, issue: Record, first: dt.datetime) -> bool:
    """Whether an issue is an incident that was open at a moment or later.

    Of those that were over by then only some would come: the ones that somebody touched since.
    """
    if not entry.incidents.has(issue):
        return False
    try:
        closed_at = moment(issue.get("closed_at")) if issue.get("state") == "closed" else None
    except SourceError:
        return True  # the warehouse says why it rejects it
    return closed_at is None or closed_at >= first


def _by_change(issue: Record) -> tuple[dt.datetime, int]:
    return moment(issue["updated_at"]), issue["number"]


def _id(repository: Repository, number: int) -> str:
    return f"{repository.key}#{number}"
