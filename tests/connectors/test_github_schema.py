"""What our played GitHub answers, and what it is asked, is what GitHub's published schema says."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

import pytest

from connectors.contract import SourceError
from tests.connectors.github_home import DAY, HOUR, START, Home, home_of
from tests.connectors.github_peer import World
from tests.connectors.github_schema import Schema
from tests.peer import Answer, Request
from tests.programs import file

_SCHEMA = ".venv/octokit/node_modules/@octokit/openapi/generated/api.github.com.json"
_LABELLED = {"incidents": {"labels": ["incident"]}}

Asked = list[tuple[Request, Answer]]


@pytest.fixture(scope="module")
def schema() -> Schema:
    return Schema(file(_SCHEMA, package="@octokit/openapi"))


@pytest.fixture(scope="module")
def asked(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Asked]:
    """Every question of some pulls and checks of all kinds, with its answer."""
    world = World("acme/shop", "acme/mail")
    found: Asked = []
    good = world.peer.good

    def noted(request: Request) -> Answer:
        answer = good(request)
        found.append((request, answer))
        return answer

    world.peer.good = noted  # type: ignore[method-assign]
    with home_of(tmp_path_factory.mktemp("home"), world) as home:
        live(home)
        for entry in (
            {**_LABELLED, "repositories": ["acme/*"]},
            {"deployments": "workflow:Deploy"},
            {"deployments": "tags"},
        ):
            home.pull(**entry)
            home.check(**entry)
        home.shop.issues.delete(home.shop.issues.all("number")[0]["number"])
        home.pull(**_LABELLED)
        home.present(**_LABELLED)
        with pytest.raises(SourceError):
            home.pull(repositories=["nobody/nothing"])
        yield found


def live(home: Home) -> None:
    """Something of everything happens."""
    shop = home.shop
    one = shop.commit(at=START)
    two = shop.commit(one, at=START + HOUR, author=None)
    three = shop.commit(one, two, at=START + 2 * HOUR)
    shop.merged(three, START + 2 * HOUR)
    shop.merged(None, None)
    for place, sha in enumerate((one, two, three, "f" * 40)):
        at = START + place * DAY
        states = ("queued", "in_progress", "success", "inactive")
        shop.deploy(sha, at, *((state, at + HOUR) for state in states))
    shop.deploy(three, START + 5 * DAY, ("failure", START + 5 * DAY))
    open_one, closed, again = (shop.open(START, "incident", "sev1") for _ in range(3))
    shop.close(closed, START + DAY)
    shop.close(again, START + DAY, "not_planned")
    shop.reopen(again, START + 2 * DAY)
    shop.open(START, is_request=True, author=None)
    workflow = shop.workflow("Deploy", ".github/workflows/deploy.yml")
    shop.run(workflow, one, START)
    number = shop.run(workflow, two, START + DAY, conclusion="failure", branch=None)
    shop.try_again(number, conclusion="success")
    shop.run(workflow, three, START + 2 * DAY, status="in_progress", conclusion=None)
    shop.tag("v1", one)
    shop.tag("v2", three, START + 3 * DAY)
    assert open_one != again


@pytest.mark.servers
def test_every_answer_of_the_played_github_is_one_that_github_could_give(schema, asked):
    mistakes: list[str] = []
    for request, answer in asked:
        assert isinstance(answer.body, bytes)
        place = schema.place(request.path)
        assert place is not None, request.path
        mistakes += schema.mistakes(place, answer.status, json.loads(answer.body))

    assert mistakes == []


@pytest.mark.servers
def test_every_kind_of_question_was_asked(schema, asked):
    asked_about: set[Any] = {schema.place(request.path) for request, _ in asked}

    here = "/repos/{owner}/{repo}"
    assert asked_about == {
        "/rate_limit",
        "/user",
        "/orgs/{org}/repos",
        "/users/{username}/repos",
        here,
        f"{here}/deployments",
        f"{here}/deployments/{{deployment_id}}/statuses",
        f"{here}/compare/{{basehead}}",
        f"{here}/commits",
        f"{here}/commits/{{ref}}",
        f"{here}/pulls",
        f"{here}/labels",
        f"{here}/issues",
        f"{here}/issues/{{issue_number}}",
        f"{here}/issues/{{issue_number}}/events",
        f"{here}/actions/workflows",
        f"{here}/actions/workflows/{{workflow_id}}/runs",
        f"{here}/actions/runs/{{run_id}}/attempts/{{attempt_number}}",
        f"{here}/actions/runs/{{run_id}}/attempts/{{attempt_number}}/jobs",
        f"{here}/git/matching-refs/{{ref}}",
        f"{here}/git/tags/{{tag_sha}}",
        f"{here}/git/commits/{{commit_sha}}",
    }


@pytest.mark.servers
def test_no_question_has_a_parameter_that_github_does_not_know(schema, asked):
    strange = {request.path: schema.strange(request.path) for request, _ in asked}

    assert {path: names for path, names in strange.items() if names} == {}


@pytest.mark.servers
def test_an_answer_that_lacks_a_field_would_be_noticed(schema):
    (mistake,) = schema.mistakes("/repos/{owner}/{repo}/git/matching-refs/{ref}", 200, [{}])[:1]

    assert "is a required property" in mistake
