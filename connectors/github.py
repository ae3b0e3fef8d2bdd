"""Brings from GitHub production deployments, the changes in each, and issues that are incidents."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

import pyarrow as pa

from connectors import github_check, github_incidents, github_production, http
from connectors.contract import Batch, Context, Present
from connectors.github_api import connected, repositories
from connectors.github_entry import Entry
from connectors.github_rows import batches

TABLES = ("deployments", "changes", "incidents", "incident_episodes")
ENTRY = """\
connector: github
token: ${GITHUB_TOKEN}               # may read deployments, contents, pull requests and issues
repositories: [acme/shop]            # or acme/* for all that the token may see
# deployments: workflow:Deploy       # the runs of a workflow, or tags:v*; by default deployments
# production: "(?i)^prod"            # a pattern in the names of the production environments
# service: {from: repository, map: {shop: Online shop}}    # or from: environment
# incidents: {labels: [incident]}    # issues with one of these labels; by default none
# severity: {from: labels, map: {critical: sev1, major: sev2}}
# start: 2025-01-01                  # by default one year back
# url: https://HOST/api/v3           # GitHub Enterprise Server
every: 1 hour
"""


class Options(Entry):
    """What `sources.yaml` says of GitHub; see docs/github.md."""


def system(options: Options) -> str:
    """The system's name as people know it."""
    return "GitHub"


def pull(options: Options, state: Mapping[str, Any], context: Context) -> Iterator[Batch]:
    """What is new or changed in each repository since the last pull; raises SourceError."""
    known: dict[str, Any] = {} if context.full else dict(state.get("repositories", {}))
    done = 0
    with connected(options, context) as api:
        for repository in repositories(api, options):
            parts = {"deployments": github_production.read}
            if options.incidents.labels and repository.has_issues:
                parts["incidents"] = github_incidents.read
            elif options.incidents.labels and not repository.is_listed:
                context.notice(f"{repository.name} has its issues turned off, so no incidents.")
            for part, read in parts.items():
                before = known.get(repository.key, {})
                for step in read(api, repository, options, before.get(part, {}), context):
                    known = {
                        **known,
                        repository.key: {**known.get(repository.key, {}), part: step.memory},
                    }
                    done += sum(map(len, step.rows.values()))
                    context.progress(done, None)
                    yield from batches(
                        step,
                        f"{http.shown_address(options.url)} {repository.name}",
                        {"repositories": known},
                        has_severity=options.severity is not None,
                    )


def present(options: Options, state: Mapping[str, Any], context: Context) -> Iterator[Present]:
    """The incidents that GitHub still has; deployments took place, whether or not it keeps them.

    Raises SourceError.
    """
    if not options.incidents.labels:
        return
    known: Mapping[str, Any] = state.get("repositories", {})
    memories = {key: parts["incidents"] for key, parts in known.items() if "incidents" in parts}
    begin = options.begin(context.now)
    ids: list[str] = []
    episodes: list[tuple[str, int]] = []
    with connected(options, context) as api:
        for repository in repositories(api, options):
            if repository.has_issues:
                memory = memories.get(repository.key, {})
                for incident, count in github_incidents.present(
                    api, repository, options, memory, begin
                ):
                    ids.append(incident)
                    episodes += [(incident, place) for place in range(1, count + 1)]
    keys = {
        "incidents": pa.table({"incident_id": pa.array(ids, pa.string())}),
        "incident_episodes": pa.table(
            {
                "incident_id": pa.array([incident for incident, _ in episodes], pa.string()),
                "episode": pa.array([str(place) for _, place in episodes], pa.string()),
            }
        ),
    }
    for table, there in keys.items():
        yield Present(table, "opened_at", begin, context.now, there)


def check(options: Options, context: Context) -> Iterator[str]:
    """Proves, one sentence at a time, that a pull will do; raises SourceError."""
    with connected(options, context) as api:
        yield from github_check.sentences(api, options, context)
