"""Reads what one repository brought to production: its deployments, and the changes in each."""

from __future__ import annotations

import datetime as dt
import heapq
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field, replace
from typing import Any

from connectors.contract import Context, SourceError
from connectors.github_api import GitHub, Repository, moment
from connectors.github_changes import History, Merges
from connectors.github_entry import Entry, Service
from connectors.github_ledger import Deployment, Ledger, Outcome, status_of, unknown_words
from connectors.github_ledgers import ledger
from connectors.github_rows import Row, Step

# Raised when the same deployments come to give other rows: then every entry is read anew.
_READING = 2
# So many questions are asked before what they brought lands: a limit that is hit loses no more.
_QUESTIONS_A_STEP = 100
# A request merged before the first deployment may have been left alone for so long since.
_OLDER_REQUESTS = dt.timedelta(days=90)


def read(
    api: GitHub,
    repository: Repository,
    entry: Entry,
    kept: Mapping[str, Any],
    context: Context,
) -> Iterator[Step]:
    """What is new since a pull that left `kept`, the oldest first; raises SourceError."""
    yield from _Reading(api, repository, entry, kept, context).steps()


@dataclass
class _Memory:
    """What one pull leaves to the next.

    Every deployment that was created up to `cursor` has been met; of these the `waiting` ones have
    not come to an end yet, and `done` marks those that would be told again. There are rows from
    `first` on. `services` has of each service the commit that was deployed first, the tips of all
    that was, and whether any of that has rows; `former` the same of an entry that said something
    else, whose rows are to go.
    """

    asked: Mapping[str, Any]
    first: dt.datetime
    cursor: dt.datetime
    waiting: list[Deployment] = field(default_factory=list)
    done: list[str] = field(default_factory=list)
    services: dict[str, dict[str, Any]] = field(default_factory=dict)
    former: list[Mapping[str, Any]] = field(default_factory=list)

    def kept(self) -> dict[str, Any]:
        """The same as JSON."""
        return {
            **vars(self),
            "first": self.first.isoformat(),
            "cursor": self.cursor.isoformat(),
            "waiting": [each.kept() for each in self.waiting],
        }

    @classmethod
    def again(cls, kept: Mapping[str, Any]) -> _Memory:
        """From what `kept` gave."""
        return cls(
            **{
                **kept,
                "first": dt.datetime.fromisoformat(kept["first"]),
                "cursor": dt.datetime.fromisoformat(kept["cursor"]),
                "waiting": [Deployment.again(each) for each in kept["waiting"]],
            }
        )


def _begun(
    kept: Mapping[str, Any], asked: Mapping[str, Any], entry: Entry, now: dt.datetime
) -> _Memory:
    """What is known at the beginning of a pull.

    Where the entry says something else than before, or begins earlier, everything is read anew.
    """
    begin = entry.begin(now)
    if not kept:
        return _Memory(asked, begin, begin)
    before = _Memory.again(kept)
    begins_earlier = entry.start is not None and begin < before.first
    if before.asked == asked and not begins_earlier:
        return before
    first = min(begin, before.first) if entry.start else before.first
    former = {"asked": before.asked, "services": before.services}
    return _Memory(asked, first, cursor=first, former=[*before.former, former])


class _Reading:
    """One pull of one repository: what it knew, what it meets, and what waits to land.

    A deployment's changes are what it holds that no earlier one held; so the deployments have to be
    taken in the order in which they succeeded. None succeeds before it was created: once all that
    were created before some moment are known, so is the order of those that succeeded before it.
    """

    def __init__(
        self,
        api: GitHub,
        repository: Repository,
        entry: Entry,
        kept: Mapping[str, Any],
        context: Context,
    ) -> None:
        self._api, self._repository, self._entry, self._context = api, repository, entry, context
        self._memory = _begun(kept, _asked(repository, entry), entry, context.now)
        # A later `start` leaves out what it is later than, but for what has to be read anew.
        self._begin = self._memory.first
        if entry.start is not None and not self._memory.former:
            self._begin = entry.begin(context.now)
        self._ledger = ledger(api, repository, entry)
        self._history = History(api, repository)
        self._merges = Merges(api, repository, self._begin - _OLDER_REQUESTS)
        self._waiting: dict[str, Deployment] = {}
        self._done: dict[str, dt.datetime] = {}
        self._succeeded: list[tuple[dt.datetime, str, Deployment, Outcome]] = []
        self._words: set[str | None] = set()
        self._rows: dict[str, list[Row]] = {"deployments": [], "changes": []}
        self._questions = 0

    def steps(self) -> Iterator[Step]:
        """Everything, in steps that may each be the last."""
        for deployment in self._queue():
            yield from self._deliver(before=deployment.created)
            self._meet(deployment)
            self._memory.cursor = max(self._memory.cursor, deployment.created)
            yield from self._step(_QUESTIONS_A_STEP)
        yield from self._deliver(before=dt.datetime.max)
        if self._memory.former:
            self._remove_former()
        yield from self._step()
        for word in sorted(unknown_words(self._words)):
            self._context.notice(
                f"GitHub has the deployment status '{word}', which is not known here (see "
                "docs/github.md): it is unknown, and so is whether such a deployment failed."
            )

    def _queue(self) -> list[Deployment]:
        """What is to be asked about, in the order in which it was created."""
        since = max(self._memory.cursor - self._entry.lookback, self._begin)
        done = set(self._memory.done)
        for each in (*self._memory.waiting, *self._ledger.since(since, self._context.now)):
            if each.mark in done:
                self._done[each.mark] = each.created
            elif each.created >= self._begin or self._ledger.tells_all:
                self._waiting[each.mark] = each
        return sorted(self._waiting.values(), key=lambda each: (each.created, each.id))

    def _meet(self, deployment: Deployment) -> None:
        """Asks what became of a deployment."""
        outcome = self._ledger.outcome(deployment, self._context.now)
        self._questions += 1
        if outcome is None:
            self._rows["deployments"].append({"deployment_id": deployment.id, "gone": True})
            self._settle(deployment)
            return
        self._words.add(outcome.status)
        at = moment(outcome.deployed_at) if outcome.deployed_at else None
        if at is None or at >= self._begin:
            self._rows["deployments"].append(self._row(deployment, outcome))
        if at is not None and at <= self._context.now:
            heapq.heappush(self._succeeded, (at, deployment.id, deployment, outcome))
        elif at is None and outcome.is_settled:
            self._settle(deployment)

    def _deliver(self, before: dt.datetime) -> Iterator[Step]:
        """The changes of what succeeded before a moment, in the order of success."""
        while self._succeeded and self._succeeded[0][0] < before:
            at, _, deployment, outcome = heapq.heappop(self._succeeded)
            self._deploy(deployment, outcome, at)
            self._settle(deployment)
            yield from self._step(_QUESTIONS_A_STEP)

    def _deploy(self, deployment: Deployment, outcome: Outcome, at: dt.datetime) -> None:
        service = self._service(deployment)
        services = self._memory.services
        before, is_early = services.get(service), at < self._begin
        if before is None or (is_early and not before.get("has_begun", True)):
            first = {"first": outcome.sha, "tips": [outcome.sha]}
            services[service] = {**first, "has_begun": not is_early}
            if not is_early:
                self._tell(deployment, at, "there is none before it to compare with")
            return
        contents = self._history.new_in(outcome.sha, before["tips"])
        self._questions += 1
        services[service] = {**before, "tips": contents.tips, "has_begun": True}
        if is_early:
            return  # a tag that was given to an old commit, later than others to newer ones
        if contents.commits is None:
            self._tell(deployment, at, "history was written anew")
            return
        merged = self._merges.of(contents.commits, outcome.sha) if contents.commits else {}
        self._rows["changes"] += [
            {
                "change_id": commit.sha,
                "deployment_id": deployment.id,
                "service": service,
                "author": commit.author,
                "title": commit.title,
                "committed_at": commit.committed_at,
                "merged_at": merged.get(commit.sha),
                "deployed_at": outcome.deployed_at,
            }
            for commit in contents.commits
        ]

    def _tell(self, deployment: Deployment, at: dt.datetime, why: str) -> None:
        self._context.notice(
            f"{self._repository.name}: the changes in deployment {deployment.id} of "
            f"{self._service(deployment)}, {at:%Y-%m-%d %H:%M} UTC, are unknown, for {why}."
        )

    def _settle(self, deployment: Deployment) -> None:
        del self._waiting[deployment.mark]
        self._done[deployment.mark] = deployment.created

    def _service(self, deployment: Deployment) -> str:
        return self._entry.service_of(self._repository.name, deployment.environment)

    def _row(self, deployment: Deployment, outcome: Outcome) -> Row:
        return {
            "deployment_id": deployment.id,
            "service": self._service(deployment),
            "version": deployment.version,
            "status": status_of(outcome.status),
            "deployed_at": outcome.deployed_at or outcome.failed_at,
            "failed": outcome.failed,
        }

    def _step(self, at_least: int = 0) -> Iterator[Step]:
        """What waits to land and what follows from it; not before so many questions were asked."""
        if self._questions < at_least:
            return
        rows, self._rows = self._rows, {"deployments": [], "changes": []}
        self._questions = 0
        yield Step(rows, self._left())

    def _left(self) -> dict[str, Any]:
        """What the next pull has to know, beside what it will be told again anyway."""
        memory = self._memory
        again = memory.cursor - self._entry.lookback
        waiting = [each for each in self._waiting.values() if each.created <= memory.cursor]
        if self._ledger.tells_all:
            again, waiting = dt.datetime.min, []
        done = [mark for mark, created in self._done.items() if created >= again]
        left = replace(memory, waiting=waiting, done=done, services=dict(memory.services))
        return left.kept()

    def _remove_former(self) -> None:
        """Removes what an entry that said something else brought, and this one does not."""
        here = self._ids(self._ledger)
        for former in self._memory.former:
            try:
                asked = _formerly(self._entry, former["asked"])
                gone = self._ids(ledger(self._api, self._repository, asked)) - here
            except SourceError as error:
                self._context.notice(f"Former deployments of this entry stay. {error}")
                gone = set()
            self._rows["deployments"] += [
                {"deployment_id": one, "gone": True} for one in sorted(gone)
            ]
            for service, held in former["services"].items():
                now = self._memory.services.get(service, {"first": held["first"], "tips": []})
                stays = self._history.between(now["first"], now["tips"])
                were = self._history.between(held["first"], held["tips"])
                self._rows["changes"] += [
                    {"change_id": sha, "service": service, "gone": True}
                    for sha in sorted(were - stays)
                ]
        self._memory.former = []

    def _ids(self, place: Ledger) -> set[str]:
        return {each.id for each in place.since(self._memory.first, self._context.now)}


def _asked(repository: Repository, entry: Entry) -> dict[str, Any]:
    """What decides, beside GitHub itself, which rows there are and what they say."""
    keys = {"deployments", "production", "service"}
    asked = entry.model_dump(mode="json", by_alias=True, include=keys)
    return {"reading": _READING, "repository": repository.name, **asked}


def _formerly(entry: Entry, asked: Mapping[str, Any]) -> Entry:
    """The entry as it was when it asked for this."""
    return entry.model_copy(
        update={
            "deployments": asked["deployments"],
            "production": asked["production"],
            "service": Service.model_validate(asked["service"]),
        }
    )
