"""Reads the runs of a workflow of GitHub Actions that does nothing but deploy to production."""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterator

from connectors import http
from connectors.columns import nearest
from connectors.contract import SourceError
from connectors.github_api import GitHub, Record, Repository, moment, written
from connectors.github_ledger import FAILED, SUCCEEDED, Deployment, Outcome, settled, version

# So many runs GitHub shows of those that were created in a stretch of time.
_CAP = 1_000
_WIDEST = dt.timedelta(days=30)
_FIELDS = (
    "id",
    "run_attempt",
    "status",
    "conclusion",
    "created_at",
    "updated_at",
    "head_sha",
    "head_branch",
)


class Runs:
    """The runs of the workflow with a name; raises SourceError where there is none."""

    tells_all = False

    def __init__(self, api: GitHub, repository: Repository, name: str) -> None:
        self._api = api
        self._path = f"{repository.path}/actions"
        self._workflows = _workflows(api, repository, name)
        self._runs: dict[str, Record] = {}

    def since(self, begin: dt.datetime, now: dt.datetime) -> list[Deployment]:
        for workflow in self._workflows:
            path = f"{self._path}/workflows/{workflow}/runs"
            self._runs |= {str(each["id"]): each for each in self._windows(path, begin, now)}
        return [_run(each) for each in self._runs.values() if moment(each["created_at"]) >= begin]

    def outcome(self, deployment: Deployment, now: dt.datetime) -> Outcome | None:
        run = self._runs.get(deployment.id) or self._one(f"runs/{deployment.id}")
        if run is None:
            return None
        last = run.get("run_attempt") or 1
        for number in range(1, last):
            attempt = self._one(f"runs/{deployment.id}/attempts/{number}")
            if attempt and attempt.get("conclusion") == SUCCEEDED:
                run, last = attempt, number
                break
        is_over = run.get("status") == "completed"
        told = run.get("conclusion") if is_over else run.get("status")
        if told == SUCCEEDED:
            return Outcome(told, self._ended(run, last), False, True, deployment.sha)
        changed = moment(run["updated_at"]) if is_over else None
        is_settled = settled(deployment, now, changed)
        if told not in FAILED:
            return Outcome(told, None, None, is_settled, deployment.sha)
        return Outcome(told, None, True, is_settled, deployment.sha, self._ended(run, last))

    def _ended(self, run: Record, attempt: int) -> str:
        """When the last job of an attempt was completed, for its run may change long after that."""
        path = f"{self._path}/runs/{run['id']}/attempts/{attempt}/jobs"
        pages = self._api.records(path, needs="Actions", records="jobs")
        ended = [job.get("completed_at") for jobs in pages for job in jobs]
        return max(filter(None, ended), default=str(run["updated_at"]))

    def _windows(self, path: str, begin: dt.datetime, end: dt.datetime) -> Iterator[Record]:
        """The runs that were created meanwhile, by stretches of which GitHub shows all."""
        width = _WIDEST
        while begin <= end:
            stop = min(begin + width, end)
            found = self._within(path, begin, stop)
            if found is None:
                width = (stop - begin) / 2
                if width < dt.timedelta(seconds=1):
                    raise SourceError(
                        f"GitHub shows no more than {_CAP:,} runs, and more were created in the "
                        f"second of {written(begin)}.",
                        "Name a workflow under `deployments` that does nothing but deploy.",
                    )
                continue
            yield from found
            width = min(2 * width, _WIDEST) if len(found) < _CAP // 4 else width
            begin = stop + dt.timedelta(seconds=1)

    def _within(self, path: str, begin: dt.datetime, end: dt.datetime) -> list[Record] | None:
        """The runs of a stretch, both ends included; None where there are too many."""
        params = {"created": f"{written(begin)}..{written(end)}", "exclude_pull_requests": True}
        found: dict[int, Record] = {}
        while True:
            before, pages = len(found), 0
            for page in self._api.pages(path, params, needs="Actions", records="workflow_runs"):
                pages += 1
                if (page.value.get("total_count") or 0) > _CAP:
                    return None
                found |= {each["id"]: _slim(each) for each in page.value["workflow_runs"]}
            # One that is deleted while several pages are read hides another: read once more.
            if pages <= 1 or len(found) == before:
                return list(found.values())

    def _one(self, path: str) -> Record | None:
        try:
            return self._api.one(f"{self._path}/{path}", needs="Actions")
        except http.Rejected as error:
            if error.status == 404:
                return None
            raise


def _workflows(api: GitHub, repository: Repository, name: str) -> list[int]:
    """The ids of the workflows of this name or file."""
    path = f"{repository.path}/actions/workflows"
    pages = list(api.records(path, needs="Actions", records="workflows"))
    known = [each for page in pages for each in page]
    found = [
        each["id"]
        for each in known
        if name in (each["name"], each["path"], each["path"].rpartition("/")[2])
    ]
    if not found and not repository.is_listed:
        names = [each["name"] for each in known]
        raise SourceError(
            f"{repository.name} has no workflow '{name}'.",
            nearest(name, names).strip() or f"It has: {', '.join(names) or 'none'}.",
        )
    return found


def _slim(record: Record) -> Record:
    """What is needed of a run: a whole one comes with two whole repositories."""
    return {name: record.get(name) for name in _FIELDS}


def _run(record: Record) -> Deployment:
    return Deployment(
        id=str(record["id"]),
        mark=str(record["id"]),
        sha=record["head_sha"],
        version=version(record.get("head_branch"), record["head_sha"]),
        environment=None,
        created=moment(record["created_at"]),
    )
