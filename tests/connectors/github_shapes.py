"""GitHub's records as its REST interface sends them: every field that its schema requires."""

from __future__ import annotations

import datetime as dt
import hashlib
from typing import Any

Record = dict[str, Any]

API = "https://api.github.com"
WEB = "https://github.com"

_USER_LINKS = {
    "followers_url": "/followers",
    "following_url": "/following{/other_user}",
    "gists_url": "/gists{/gist_id}",
    "starred_url": "/starred{/owner}{/repo}",
    "subscriptions_url": "/subscriptions",
    "organizations_url": "/orgs",
    "repos_url": "/repos",
    "events_url": "/events{/privacy}",
    "received_events_url": "/received_events",
}
_REPOSITORY_LINKS = {
    "archive_url": "/{archive_format}{/ref}",
    "assignees_url": "/assignees{/user}",
    "blobs_url": "/git/blobs{/sha}",
    "branches_url": "/branches{/branch}",
    "collaborators_url": "/collaborators{/collaborator}",
    "comments_url": "/comments{/number}",
    "commits_url": "/commits{/sha}",
    "compare_url": "/compare/{base}...{head}",
    "contents_url": "/contents/{+path}",
    "contributors_url": "/contributors",
    "deployments_url": "/deployments",
    "downloads_url": "/downloads",
    "events_url": "/events",
    "forks_url": "/forks",
    "git_commits_url": "/git/commits{/sha}",
    "git_refs_url": "/git/refs{/sha}",
    "git_tags_url": "/git/tags{/sha}",
    "hooks_url": "/hooks",
    "issue_comment_url": "/issues/comments{/number}",
    "issue_events_url": "/issues/events{/number}",
    "issues_url": "/issues{/number}",
    "keys_url": "/keys{/key_id}",
    "labels_url": "/labels{/name}",
    "languages_url": "/languages",
    "merges_url": "/merges",
    "milestones_url": "/milestones{/number}",
    "notifications_url": "/notifications{?since,all,participating}",
    "pulls_url": "/pulls{/number}",
    "releases_url": "/releases{/id}",
    "stargazers_url": "/stargazers",
    "statuses_url": "/statuses/{sha}",
    "subscribers_url": "/subscribers",
    "subscription_url": "/subscription",
    "tags_url": "/tags",
    "teams_url": "/teams",
    "trees_url": "/git/trees{/sha}",
}


def stamp(time: dt.datetime) -> str:
    """A naive UTC time as GitHub writes it."""
    return f"{time:%Y-%m-%dT%H:%M:%SZ}"


def sha_of(text: str) -> str:
    """A commit's or tag's name that belongs to a text."""
    return hashlib.sha1(text.encode()).hexdigest()


def node_id(kind: str, number: int) -> str:
    return f"{kind}_{number:x}"


def number_of(text: str) -> int:
    """A number that belongs to a text, as ids do."""
    return int(sha_of(text)[:7], 16)


def user(login: str) -> Record:
    here = f"{API}/users/{login}"
    links = {name: here + rest for name, rest in _USER_LINKS.items()}
    return {
        "login": login,
        "id": number_of(login),
        "node_id": node_id("U", number_of(login)),
        "avatar_url": f"https://avatars.githubusercontent.com/u/{number_of(login)}?v=4",
        "gravatar_id": "",
        "url": here,
        "html_url": f"{WEB}/{login}",
        **links,
        "type": "User",
        "site_admin": False,
    }


def repository(name: str, *, has_issues: bool = True) -> Record:
    owner, _, short = name.partition("/")
    here, there = f"{API}/repos/{name}", f"{WEB}/{name}"
    return {
        "id": number_of(name),
        "node_id": node_id("R", number_of(name)),
        "name": short,
        "full_name": name,
        "owner": user(owner),
        "private": True,
        "html_url": there,
        "description": None,
        "fork": False,
        "url": here,
        **{link: here + rest for link, rest in _REPOSITORY_LINKS.items()},
        "clone_url": f"{there}.git",
        "git_url": f"git://github.com/{name}.git",
        "ssh_url": f"git@github.com:{name}.git",
        "svn_url": there,
        "mirror_url": None,
        "homepage": None,
        "language": "Python",
        "license": None,
        "default_branch": "main",
        "forks": 0,
        "forks_count": 0,
        "stargazers_count": 0,
        "watchers": 0,
        "watchers_count": 0,
        "size": 108,
        "open_issues": 0,
        "open_issues_count": 0,
        "subscribers_count": 1,
        "network_count": 0,
        "has_issues": has_issues,
        "has_projects": False,
        "has_wiki": False,
        "has_pages": False,
        "has_downloads": True,
        "has_discussions": False,
        "archived": False,
        "disabled": False,
        "visibility": "private",
        "created_at": "2020-01-01T00:00:00Z",
        "updated_at": "2026-01-01T00:00:00Z",
        "pushed_at": "2026-01-01T00:00:00Z",
    }


def deployment(
    repo: str, number: int, sha: str, environment: str, at: dt.datetime, ref: str = "main"
) -> Record:
    here = f"{API}/repos/{repo}/deployments/{number}"
    return {
        "url": here,
        "id": number,
        "node_id": node_id("DE", number),
        "sha": sha,
        "ref": ref,
        "task": "deploy",
        "payload": {},
        "original_environment": environment,
        "environment": environment,
        "description": None,
        "creator": user("deployer"),
        "created_at": stamp(at),
        "updated_at": stamp(at),
        "statuses_url": f"{here}/statuses",
        "repository_url": f"{API}/repos/{repo}",
        "transient_environment": False,
        "production_environment": environment == "production",
    }


def status(
    repo: str, number: int, of: int, state: str, at: dt.datetime, environment: str
) -> Record:
    here = f"{API}/repos/{repo}/deployments/{of}"
    return {
        "url": f"{here}/statuses/{number}",
        "id": number,
        "node_id": node_id("DES", number),
        "state": state,
        "creator": user("deployer"),
        "description": "",
        "environment": environment,
        "target_url": "",
        "created_at": stamp(at),
        "updated_at": stamp(at),
        "deployment_url": here,
        "repository_url": f"{API}/repos/{repo}",
        "environment_url": "",
        "log_url": "",
    }


def commit(
    repo: str,
    sha: str,
    parents: tuple[str, ...],
    message: str,
    at: dt.datetime,
    author: str | None,
) -> Record:
    here = f"{API}/repos/{repo}"
    # The name and the address in a commit are its maker's own words; an account may be unknown.
    maker = {"name": "Somebody", "email": "somebody@example.com", "date": stamp(at)}
    return {
        "url": f"{here}/commits/{sha}",
        "sha": sha,
        "node_id": f"C_{sha}",
        "html_url": f"{WEB}/{repo}/commit/{sha}",
        "comments_url": f"{here}/commits/{sha}/comments",
        "commit": {
            "url": f"{here}/git/commits/{sha}",
            "author": maker,
            "committer": maker,
            "message": message,
            "tree": {"sha": sha_of(sha), "url": f"{here}/git/trees/{sha_of(sha)}"},
            "comment_count": 0,
            "verification": {
                "verified": False,
                "reason": "unsigned",
                "signature": None,
                "payload": None,
                "verified_at": None,
            },
        },
        "author": None if author is None else user(author),
        "committer": None if author is None else user(author),
        "parents": [
            {
                "sha": each,
                "url": f"{here}/commits/{each}",
                "html_url": f"{WEB}/{repo}/commit/{each}",
            }
            for each in parents
        ],
    }


def comparison(
    repo: str, base: Record, head: Record, common: Record, ahead: int, behind: int
) -> Record:
    """All of a comparison but its commits."""
    name = f"{base['sha']}...{head['sha']}"
    there = f"{WEB}/{repo}/compare/{name}"
    words = {(False, False): "identical", (True, False): "ahead", (False, True): "behind"}
    return {
        "url": f"{API}/repos/{repo}/compare/{name}",
        "html_url": there,
        "permalink_url": there,
        "diff_url": f"{there}.diff",
        "patch_url": f"{there}.patch",
        "base_commit": base,
        "merge_base_commit": common,
        "status": words.get((ahead > 0, behind > 0), "diverged"),
        "ahead_by": ahead,
        "behind_by": behind,
        "total_commits": ahead,
        "files": [],
    }


def label(repo: str, name: str) -> Record:
    return {
        "id": number_of(name),
        "node_id": node_id("LA", number_of(name)),
        "url": f"{API}/repos/{repo}/labels/{name}",
        "name": name,
        "description": None,
        "color": "d73a4a",
        "default": False,
    }


def pull_request(
    repo: str,
    number: int,
    *,
    updated_at: dt.datetime,
    merged_at: dt.datetime | None,
    merge_commit_sha: str | None,
    author: str | None = "dev",
) -> Record:
    here, issue = f"{API}/repos/{repo}/pulls/{number}", f"{API}/repos/{repo}/issues/{number}"
    there = f"{WEB}/{repo}/pull/{number}"
    owner = user(repo.partition("/")[0])
    side = {"sha": sha_of(f"{repo}{number}"), "user": owner, "repo": repository(repo)}
    closed = merged_at or updated_at
    links = {
        "self": here,
        "html": there,
        "issue": issue,
        "comments": f"{issue}/comments",
        "review_comments": f"{here}/comments",
        "review_comment": f"{API}/repos/{repo}/pulls/comments{{/number}}",
        "commits": f"{here}/commits",
        "statuses": f"{API}/repos/{repo}/statuses/{side['sha']}",
    }
    return {
        "url": here,
        "id": number_of(here),
        "node_id": node_id("PR", number),
        "html_url": there,
        "diff_url": f"{there}.diff",
        "patch_url": f"{there}.patch",
        "issue_url": issue,
        "commits_url": links["commits"],
        "review_comments_url": links["review_comments"],
        "review_comment_url": links["review_comment"],
        "comments_url": links["comments"],
        "statuses_url": links["statuses"],
        "number": number,
        "state": "closed",
        "locked": False,
        "title": f"Request {number}",
        "user": None if author is None else user(author),
        "body": None,
        "labels": [],
        "milestone": None,
        "active_lock_reason": None,
        "created_at": "2025-01-01T00:00:00Z",
        "updated_at": stamp(updated_at),
        "closed_at": stamp(closed),
        "merged_at": None if merged_at is None else stamp(merged_at),
        "merge_commit_sha": merge_commit_sha,
        "assignee": None,
        "assignees": [],
        "requested_reviewers": [],
        "requested_teams": [],
        "head": {"label": f"{owner['login']}:topic", "ref": "topic", **side},
        "base": {"label": f"{owner['login']}:main", "ref": "main", **side},
        "_links": {name: {"href": address} for name, address in links.items()},
        "author_association": "MEMBER",
        "auto_merge": None,
        "draft": False,
    }


def issue(
    repo: str,
    number: int,
    *,
    at: dt.datetime,
    labels: tuple[str, ...] = (),
    title: str = "Checkout is down",
    author: str | None = "dev",
    is_request: bool = False,
) -> Record:
    here, there = f"{API}/repos/{repo}/issues/{number}", f"{WEB}/{repo}/issues/{number}"
    request = {
        "url": f"{API}/repos/{repo}/pulls/{number}",
        "html_url": f"{WEB}/{repo}/pull/{number}",
        "diff_url": f"{WEB}/{repo}/pull/{number}.diff",
        "patch_url": f"{WEB}/{repo}/pull/{number}.patch",
        "merged_at": None,
    }
    return {
        "id": number_of(here),
        "node_id": node_id("I", number),
        "url": here,
        "repository_url": f"{API}/repos/{repo}",
        "labels_url": f"{here}/labels{{/name}}",
        "comments_url": f"{here}/comments",
        "events_url": f"{here}/events",
        "html_url": there,
        "number": number,
        "state": "open",
        "state_reason": None,
        "title": title,
        "body": None,
        "user": None if author is None else user(author),
        "labels": [label(repo, name) for name in labels],
        "assignee": None,
        "assignees": [],
        "milestone": None,
        "locked": False,
        "active_lock_reason": None,
        "comments": 0,
        "closed_at": None,
        "created_at": stamp(at),
        "updated_at": stamp(at),
        "author_association": "MEMBER",
        **({"pull_request": request} if is_request else {}),
    }


def event(repo: str, number: int, word: str, at: dt.datetime, **more: Any) -> Record:
    return {
        "id": number,
        "node_id": node_id("EV", number),
        "url": f"{API}/repos/{repo}/issues/events/{number}",
        "actor": user("dev"),
        "event": word,
        "commit_id": None,
        "commit_url": None,
        "created_at": stamp(at),
        "performed_via_github_app": None,
        **more,
    }


def workflow(repo: str, number: int, name: str, path: str) -> Record:
    return {
        "id": number,
        "node_id": node_id("W", number),
        "name": name,
        "path": path,
        "state": "active",
        "created_at": "2025-01-01T00:00:00Z",
        "updated_at": "2025-01-01T00:00:00Z",
        "url": f"{API}/repos/{repo}/actions/workflows/{number}",
        "html_url": f"{WEB}/{repo}/blob/main/{path}",
        "badge_url": f"{WEB}/{repo}/workflows/{name}/badge.svg",
    }


def run(
    repo: str,
    number: int,
    workflow_id: int,
    sha: str,
    *,
    at: dt.datetime,
    status: str,
    conclusion: str | None,
    updated_at: dt.datetime,
    attempt: int = 1,
    branch: str | None = "main",
) -> Record:
    here = f"{API}/repos/{repo}/actions/runs/{number}"
    return {
        "id": number,
        "name": "Deploy",
        "node_id": node_id("WFR", number),
        "check_suite_id": number,
        "check_suite_node_id": node_id("CS", number),
        "head_branch": branch,
        "head_sha": sha,
        "path": ".github/workflows/deploy.yml",
        "run_number": number,
        "run_attempt": attempt,
        "event": "push",
        "status": status,
        "conclusion": conclusion,
        "workflow_id": workflow_id,
        "url": here,
        "html_url": f"{WEB}/{repo}/actions/runs/{number}",
        "pull_requests": [],
        "created_at": stamp(at),
        "updated_at": stamp(updated_at),
        "run_started_at": stamp(at),
        "actor": user("dev"),
        "triggering_actor": user("dev"),
        "jobs_url": f"{here}/jobs",
        "logs_url": f"{here}/logs",
        "check_suite_url": f"{API}/repos/{repo}/check-suites/{number}",
        "artifacts_url": f"{here}/artifacts",
        "cancel_url": f"{here}/cancel",
        "rerun_url": f"{here}/rerun",
        "previous_attempt_url": None,
        "workflow_url": f"{API}/repos/{repo}/actions/workflows/{workflow_id}",
        "head_commit": None,
        "repository": repository(repo),
        "head_repository": repository(repo),
        "display_title": "Deploy",
    }


def job(repo: str, of: Record, place: int, completed_at: str | None) -> Record:
    """A job of a run, under way without a time of completion."""
    number = of["id"] * 100 + of["run_attempt"] * 10 + place
    here = f"{API}/repos/{repo}/actions/jobs/{number}"
    return {
        "id": number,
        "run_id": of["id"],
        "run_url": of["url"],
        "run_attempt": of["run_attempt"],
        "node_id": node_id("CR", number),
        "head_sha": of["head_sha"],
        "url": here,
        "html_url": None,
        "status": "completed" if completed_at else "in_progress",
        "conclusion": of["conclusion"] if completed_at else None,
        "created_at": of["created_at"],
        "started_at": of["created_at"],
        "completed_at": completed_at,
        "name": f"deploy {place}",
        "steps": [],
        "check_run_url": f"{API}/repos/{repo}/check-runs/{number}",
        "labels": ["ubuntu-latest"],
        "runner_id": 1,
        "runner_name": "one",
        "runner_group_id": 1,
        "runner_group_name": "all",
        "workflow_name": of["name"],
        "head_branch": of["head_branch"],
    }


def git_reference(repo: str, tag: str, kind: str, sha: str) -> Record:
    here = f"{API}/repos/{repo}/git"
    kinds = {"tag": "tags", "commit": "commits", "blob": "blobs"}
    return {
        "ref": f"refs/tags/{tag}",
        "node_id": f"REF_{sha_of(tag)}",
        "url": f"{here}/refs/tags/{tag}",
        "object": {"type": kind, "sha": sha, "url": f"{here}/{kinds[kind]}/{sha}"},
    }


def git_tag(repo: str, sha: str, tag: str, target: Record, at: dt.datetime) -> Record:
    return {
        "node_id": f"TA_{sha}",
        "tag": tag,
        "sha": sha,
        "url": f"{API}/repos/{repo}/git/tags/{sha}",
        "message": tag,
        "tagger": {"name": "Somebody", "email": "somebody@example.com", "date": stamp(at)},
        "object": target,
    }


def git_commit(of: Record) -> Record:
    """A commit as the git part of the interface shows it."""
    inner = of["commit"]
    return {
        "sha": of["sha"],
        "node_id": of["node_id"],
        "url": inner["url"],
        "html_url": of["html_url"],
        "author": inner["author"],
        "committer": inner["committer"],
        "message": inner["message"],
        "tree": inner["tree"],
        "parents": of["parents"],
        "verification": inner["verification"],
    }


def rate_limit(limit: int, remaining: int, reset: int) -> Record:
    one = {"limit": limit, "remaining": remaining, "reset": reset, "used": limit - remaining}
    return {"resources": {"core": one, "search": one}, "rate": one}


def account(login: str) -> Record:
    """The account of a token."""
    return {
        **user(login),
        "name": None,
        "company": None,
        "blog": "",
        "location": None,
        "email": None,
        "hireable": None,
        "bio": None,
        "public_repos": 0,
        "public_gists": 0,
        "followers": 0,
        "following": 0,
        "created_at": "2020-01-01T00:00:00Z",
        "updated_at": "2026-01-01T00:00:00Z",
        "user_view_type": "public",
    }


def refusal(message: str, status: int) -> Record:
    return {
        "message": message,
        "documentation_url": "https://docs.github.com/rest",
        "status": str(status),
    }
