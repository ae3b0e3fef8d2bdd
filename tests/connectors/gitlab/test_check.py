"""A check proves what a pull of GitLab needs, and GitLab lists what it still has."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from connectors import gitlab
from connectors.contract import Context, SourceError
from tests.gitlab_server import hour, options
from tests.peer import Server, data


def checked(server: Server, tmp_path: Path, **more: Any) -> list[str]:
    chosen = gitlab.Options(connector="gitlab", **options(server, **more))
    return list(gitlab.check(chosen, Context(tmp_path, hour(100))))


def test_a_check_says_what_it_found(system, server, tmp_path):
    system.deploy(5, system.merge())

    assert checked(server, tmp_path, dora=True)[1:] == [
        "Can be read: group/shop.",
        "The last deployment of group/shop: success, to production (production), with merge "
        "requests, changed 2026-01-01T05:00:00.000Z.",
        "DORA figures will not come: they need GitLab Ultimate, and the role Reporter "
        "(401: You do not have permission to access dora metrics.).",
        "A pull reads what was deployed since 2026-01-01 into deployments and changes.",
    ]


def test_a_check_names_what_the_token_lacks(system, server, tmp_path):
    system.scopes = ["read_user"]

    with pytest.raises(SourceError, match="has the scopes read_user, and cannot read projects"):
        checked(server, tmp_path)


def test_a_token_that_does_not_tell_its_scopes_is_taken_for_its_user(system, server, tmp_path):
    system.peer.faults[1] = lambda peer, request: data({"message": "404 Not Found"}, 404)
    system.peer.route("/user", lambda request: data({"id": 1, "username": "root"}))

    assert "which does not say what its scopes are" in checked(server, tmp_path)[0]


def test_a_token_that_is_not_good_is_named_and_never_shown(system, server, tmp_path):
    with pytest.raises(SourceError, match="Write an access token that is current") as refused:
        checked(server, tmp_path, token="wr0ng")

    assert "refuses `token`" in str(refused.value)
    assert "wr0ng" not in str(refused.value)


def test_a_project_that_is_not_shown_is_named_with_the_nearest(system, server, tmp_path):
    with pytest.raises(SourceError, match=r"no project 'group/shp'.*Did you mean 'group/shop'\?"):
        checked(server, tmp_path, projects="group/shp")


def test_deployments_that_may_not_be_read_name_the_scope(system, server, landing):
    system.peer.faults[2] = lambda peer, request: data({"message": "403 Forbidden"}, 403)

    with pytest.raises(SourceError, match="deployments, `token` needs the scope read_api"):
        landing.pull(options(server), hour(9))


def test_what_gitlab_still_has_is_listed_without_its_merge_requests(system, server, tmp_path):
    for number in range(1, 6):
        system.deploy(number, system.merge())
    system.deployments.delete(101)
    chosen = gitlab.Options(connector="gitlab", **options(server, page_size=2))
    (found,) = gitlab.present(chosen, {}, Context(tmp_path, hour(9)))

    assert set(found.keys["deployment_id"].to_pylist()) == {
        f"group/shop/{number}" for number in (1, 3, 4, 5)
    }
    assert system.asked(server, "/merge_requests") == 0
