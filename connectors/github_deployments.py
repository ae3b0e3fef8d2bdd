"""Reads GitHub's deployments, each with the statuses that were reported for it."""

from __future__ import annotations

import datetime as dt
from collections.abc import Mapping
from typing import Any

from connectors import http
from connectors.github_api import GitHub, Record, Repository, moment
from connectors.github_entry import Entry
from connectors.github_ledger import ENDED, FAILED, SUCCEEDED, Deployment, Outcome, settled, version


class Deployments:
    """The deployments of a repository to the environments that an entry calls production."""

    tells_all = False

    def __init__(self, api: GitHub, repository: Repository, entry: Entry) -> None:
        self._api = api
        self._path = f"{repository.path}/deployments"
        self._entry = entry

    def since(self, begin: dt.datetime, now: dt.datetime) -> list[Deployment]:
        found: dict[str, Deployment] = {}
        while True:
            before, pages = len(found), 0
            for records in self._api.records(self._path, needs="Deployments"):
                pages += 1
                met = [_deployment(each) for each in records if self._counts(each)]
                found |= {each.id: each for each in met if each.created >= begin}
                # The newest come first.
                if records and moment(records[-1]["created_at"]) < begin:
                    break
            # One that is deleted while several pages are read hides another: read once more.
            if pages <= 1 or len(found) == before:
                return list(found.values())

    def outcome(self, deployment: Deployment, now: dt.datetime) -> Outcome | None:
        path = f"{self._path}/{deployment.id}/statuses"
        try:
            pages = list(self._api.records(path, needs="Deployments"))
        except http.Rejected as error:
            if error.status == 404:
                return None
            raise
        # A deployment may go from one environment to the next, as its statuses tell.
        counted = [
            (moment(each["created_at"]), each["id"], each)
            for records in pages
            for each in records
            if self._counts({"environment": each.get("environment") or deployment.environment})
        ]
        ordered = [each for *_, each in sorted(counted, key=lambda one: one[:2])]
        return outcome_of(ordered, deployment, now)

    def _counts(self, record: Mapping[str, Any]) -> bool:
        return self._entry.is_production(record.get("environment") or "")


def outcome_of(statuses: list[Record], deployment: Deployment, now: dt.datetime) -> Outcome:
    """What the statuses of a deployment, in order of time, come to.

    The first success counts, whatever comes later: `inactive` only says that another one took its
    place. GitHub itself adds that to none but those that had succeeded, so a deployment that shows
    nothing else did, at a time that is known no better than that of its first `inactive`.
    """
    states = [each.get("state") for each in statuses]
    succeeded = next((each for each in statuses if each.get("state") == SUCCEEDED), None)
    if succeeded is None and set(states) == {"inactive"}:
        succeeded = statuses[0]
    if succeeded is not None:
        at = str(succeeded["created_at"])
        return Outcome(str(succeeded["state"]), at, False, True, deployment.sha)
    failure = next((each for each in reversed(statuses) if each.get("state") in FAILED), None)
    last = failure["state"] if failure else None
    failed_at = str(failure["created_at"]) if failure else None
    told = states[-1] if states else None
    changed = moment(statuses[-1]["created_at"]) if statuses else deployment.created
    is_over = last is not None or told in ENDED or told is None
    is_settled = settled(deployment, now, changed if is_over else None)
    failed = True if last else None
    return Outcome(last or told, None, failed, is_settled, deployment.sha, failed_at)


def _deployment(record: Record) -> Deployment:
    return Deployment(
        id=str(record["id"]),
        mark=str(record["id"]),
        sha=record["sha"],
        version=version(record.get("ref"), record["sha"]),
        environment=record["environment"],
        created=moment(record["created_at"]),
    )
