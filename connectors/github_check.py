"""Proves with a few cheap questions that a pull from GitHub will do, and shows what it would do."""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterator
from itertools import islice

from connectors import http
from connectors.columns import nearest
from connectors.contract import Context, SourceError
from connectors.github_api import GitHub, Record, Repository, repositories
from connectors.github_entry import Entry
from connectors.github_ledgers import ledger

_SHOWN = 5
_ONE = {"per_page": 1}
_ELSEWHERE = "Check `url`: https://api.github.com, or https://HOST/api/v3 of a server of your own."
# A trial looks so far back for a deployment; a pull goes on to its beginning.
_LATELY = dt.timedelta(days=30)


def sentences(api: GitHub, entry: Entry, context: Context) -> Iterator[str]:
    """One sentence for each thing that holds; raises SourceError for the first that does not."""
    yield _reached(api, entry)
    found = repositories(api, entry)
    yield f"All there: {_listed([each.name for each in found])}."
    for repository in found:
        yield _deployments(api, repository, entry, context)
        for what, needs in (("commits", "Contents"), ("pulls", "Pull requests")):
            _may_read(api, repository, what, needs)
        yield f"{repository.name}: commits and pull requests can be read."
        if entry.incidents.labels:
            yield _incidents(api, repository, entry)
    yield _plan(entry, found, context)


def _reached(api: GitHub, entry: Entry) -> str:
    try:
        core = api.one("rate_limit", needs="Metadata")["resources"]["core"]
        left = f"{core['remaining']:,} of {core['limit']:,} questions are left this hour"
    except http.Rejected as error:
        # A server of one's own may have no limits; any other 404 comes from elsewhere.
        if error.status != 404:
            raise
        if "rate limit" not in error.said.lower():
            raise SourceError(error.what, _ELSEWHERE) from None
        left = "there are no limits"
    except (KeyError, TypeError):
        raise SourceError("The answer is not one of GitHub's.", _ELSEWHERE) from None
    return f"Reached {http.shown_address(entry.url)}, which takes {_whose(api)}; {left}."


def _whose(api: GitHub) -> str:
    """Whose token this is; one of an app has no account."""
    try:
        user = api.one("user", needs="Metadata")
    except http.Rejected as error:
        if error.status not in (403, 404):
            raise
        return "`token`, one of an app"
    return f"`token`, one of the account {user.get('login')}"


def _deployments(api: GitHub, repository: Repository, entry: Entry, context: Context) -> str:
    place = ledger(api, repository, entry)
    since = max(context.now - _LATELY, entry.begin(context.now))
    found = sorted(place.since(since, context.now), key=lambda each: (each.created, each.id))
    what = f"{repository.name}: {len(found)} by `{entry.deployments}`"
    if not place.tells_all:
        what += f" since {since.date()}"
    if not found:
        return f"{what}. {_others(api, repository, entry)}".strip()
    last = place.outcome(found[-1], context.now)
    if last is None:
        return f"{what}."
    ended = f"succeeded {last.deployed_at}" if last.deployed_at else f"{last.status or 'untold'}"
    service = entry.service_of(repository.name, found[-1].environment)
    return f"{what}; the last one: {found[-1].version} of {service}, {ended}."


def _others(api: GitHub, repository: Repository, entry: Entry) -> str:
    """Which environments there are, where none is in production."""
    if entry.deployments != "deployments":
        return ""
    path = f"{repository.path}/deployments"
    some = next(api.records(path, needs="Deployments"), [])
    names = sorted({each["environment"] for each in some})
    others = [name for name in names if not entry.is_production(name)]
    if not others:
        return ""
    return f"No environment that `production` describes was met, but {_listed(others)}."


def _may_read(api: GitHub, repository: Repository, what: str, needs: str) -> None:
    params = {**_ONE, "state": "closed"} if what == "pulls" else _ONE
    try:
        next(api.records(f"{repository.path}/{what}", params, needs=needs), None)
    except http.Rejected as error:
        if error.status != 409:  # a repository without any commit
            raise


def _incidents(api: GitHub, repository: Repository, entry: Entry) -> str:
    if not repository.has_issues:
        return f"{repository.name}: its issues are turned off, so it has no incidents."
    path = f"{repository.path}/labels"
    known = [each["name"] for some in api.records(path, needs="Issues") for each in some]
    folded = {name.casefold() for name in known}
    for label in entry.incidents.labels:
        if label.casefold() not in folded and not repository.is_listed:
            raise SourceError(
                f"{repository.name} has no label '{label}'.",
                nearest(label, known).strip() or f"It has: {_listed(known)}.",
            )
    for label in entry.incidents.labels:
        params = {"labels": label, "state": "all", **_ONE}
        some = next(api.records(f"{repository.path}/issues", params, needs="Issues"), [])
        for issue in filter(entry.incidents.has, islice(some, 1)):
            return f"{repository.name}: issues can be read; one incident: {_shown(issue, entry)}."
    return f"{repository.name}: issues can be read; none is an incident yet."


def _shown(issue: Record, entry: Entry) -> str:
    """An incident in words, without its title, which may name somebody."""
    severity = entry.severity_of(issue)
    which = f"severity {severity}, " if severity else ""
    return f"#{issue['number']}, {which}{issue['state']}, opened {issue['created_at']}"


def _plan(entry: Entry, found: list[Repository], context: Context) -> str:
    tables = "deployments and changes"
    if entry.incidents.labels:
        labels = " or ".join(entry.incidents.labels)
        tables += f", and issues labelled {labels} into incidents and incident_episodes"
    begin = entry.begin(context.now).date()
    return f"A pull reads {len(found)} repositories from {begin} on into {tables}."


def _listed(names: list[str]) -> str:
    more = f" and {len(names) - _SHOWN} more" if len(names) > _SHOWN else ""
    return ", ".join(names[:_SHOWN]) + more if names else "none"
