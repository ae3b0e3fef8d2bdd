"""Which release brought which commit first: in repositories with every trap we know of."""

from __future__ import annotations

import datetime as dt
import os
import random
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pyarrow as pa
import pytest
from pydantic import ValidationError

from connectors.contract import Batch, Context, SourceError
from connectors.git import Options, check, pull
from kpi.warehouse import Warehouse
from tests.git_repository import GitRepository
from tests.working_database import working_database

slow = pytest.mark.slow
NOW = dt.datetime(2026, 6, 1, 12)
DAY = 86400
START = 1_700_000_000


def day(number: float) -> int:
    return START + round(number * DAY)


def moment(seconds: int) -> dt.datetime:
    return dt.datetime(1970, 1, 1) + dt.timedelta(seconds=seconds)


@pytest.fixture
def shop(tmp_path: Path) -> GitRepository:
    return GitRepository(tmp_path / "shop")


def options(*repositories: GitRepository | Path, **more: Any) -> Options:
    paths = [str(getattr(each, "path", each)) for each in repositories]
    return Options(connector="git", repositories=paths, **more)


def pulled(
    chosen: Options, state: dict[str, Any] | None = None, full: bool = False, home: Path = Path("/")
) -> list[Batch]:
    return list(pull(chosen, state or {}, Context(home=home, now=NOW, full=full)))


def rows(batches: list[Batch], into: str = "changes") -> list[dict[str, Any]]:
    return [row for batch in batches if batch.into == into for row in batch.rows.to_pylist()]


def releases(*repositories: GitRepository, **more: Any) -> dict[str, str]:
    """The release of each commit, without the repository's name."""
    found = rows(pulled(options(*repositories, **more)))
    return {row["change_id"]: row["deployment_id"].partition("/")[2] for row in found}


def failure(chosen: Options, home: Path = Path("/")) -> str:
    with pytest.raises(SourceError) as caught:
        pulled(chosen, home=home)
    return str(caught.value)


# --- which release ------------------------------------------------------------------------------


def test_a_commit_belongs_to_the_first_release_that_contains_it(shop):
    one, two, three, _unreleased = shop.commits(day(0), day(1), day(2), day(3))
    shop.tag("v1", one, day(0.5))
    shop.tag("v2", three, day(2.5))

    assert releases(shop) == {one: "v1", two: "v2", three: "v2"}


def test_a_row_says_when_the_commit_was_made_and_when_its_release(shop):
    (one,) = shop.commits(day(0))
    shop.tag("v1", one, day(3))

    assert rows(pulled(options(shop))) == [
        {
            "change_id": one,
            "deployment_id": "shop/v1",
            "service": "shop",
            "author": "Author",
            "title": f"change at {day(0)}",
            "committed_at": moment(day(0)),
            "deployed_at": moment(day(3)),
        }
    ]


def test_a_backport_and_the_main_line_each_keep_their_own_commits(shop):
    base, main = shop.commits(day(0), day(4))
    fix, more = shop.commits(day(2), day(7), after=[base])
    shop.tag("v1.0", base, day(1))
    shop.tag("v1.1", fix, day(3))
    shop.tag("v2.0", main, day(5))
    shop.tag("v1.2", more, day(8))

    assert releases(shop) == {base: "v1.0", fix: "v1.1", main: "v2.0", more: "v1.2"}


def test_what_two_branches_share_belongs_to_the_one_released_first(shop):
    base = shop.commit("shared", day(0))
    old = shop.commit("on the old line", day(1), base)
    new = shop.commit("on the new line", day(1), base)
    shop.tag("v2.0", new, day(2))
    shop.tag("v1.9", old, day(3))

    assert releases(shop) == {base: "v2.0", old: "v1.9", new: "v2.0"}


def test_a_merge_brings_all_the_commits_of_its_branch(shop):
    base = shop.commit("base", day(0))
    side = shop.commits(day(1), day(2), after=[base])
    merge = shop.commit("merge", day(4), base, side[-1])
    shop.tag("v1", base, day(3))
    shop.tag("v2", merge, day(5))

    assert releases(shop) == {base: "v1", side[0]: "v2", side[1]: "v2", merge: "v2"}


def test_an_old_commit_that_is_tagged_late_stays_with_the_release_it_went_out_with(shop):
    old, new = shop.commits(day(0), day(1))
    shop.tag("v1.0", new, day(2))
    shop.tag("v0.9-for-the-record", old, day(400))

    assert releases(shop) == {old: "v1.0", new: "v1.0"}


def test_names_say_nothing_about_the_order_of_releases(shop):
    one, two = shop.commits(day(0), day(1))
    shop.tag("v9", one, day(0.5))
    shop.tag("v10", two, day(1.5))

    assert releases(shop) == {one: "v9", two: "v10"}


def test_of_releases_at_the_same_moment_the_one_inside_the_other_is_first(shop):
    one, two = shop.commits(day(0), day(0))
    shop.tag("va", two, day(1))
    shop.tag("vb", one, day(1))

    assert releases(shop) == {one: "vb", two: "va"}


def test_a_tag_may_hold_what_unicode_takes_for_the_end_of_a_line(shop):
    (one,) = shop.commits(day(0))
    shop.tag("v1\u2028beta", one, day(1))

    assert releases(shop) == {one: "v1\u2028beta"}


def test_two_tags_on_one_commit_are_told_apart_by_their_dates(shop):
    (one,) = shop.commits(day(0))
    shop.tag("v1-final", one, day(1))
    shop.tag("v1", one, day(2))

    assert releases(shop) == {one: "v1-final"}


def test_a_mere_name_has_the_date_of_its_commit(shop):
    one, two = shop.commits(day(0), day(1))
    shop.tag("v1", two)

    found = {row["change_id"]: row["deployed_at"] for row in rows(pulled(options(shop)))}
    assert found == {one: moment(day(1)), two: moment(day(1))}


def test_a_tag_on_a_tag_is_a_release_and_a_tag_on_a_file_is_none(shop):
    (one,) = shop.commits(day(0))
    shop.tag("inner", one, day(1))
    shop.tag("v1", "inner", day(2))
    shop.tag("v2", shop.git("hash-object", "-w", "--stdin", asks="text"))

    assert releases(shop) == {one: "v1"}


@pytest.mark.parametrize("seed", [0, *(pytest.param(n, marks=slow) for n in range(1, 6))])
def test_any_history_gives_what_git_says_contains_each_commit(tmp_path, seed):
    chance = random.Random(seed)
    shop = GitRepository(tmp_path / "shop")
    names = [shop.commit("first", day(0))]
    for number in range(1, 50):
        parents = dict.fromkeys(chance.choices(names[-6:], k=chance.choice([1, 1, 1, 2, 3])))
        # Clocks go wrong: a commit may be older than its parents.
        names.append(shop.commit(f"{number}", day(number + chance.uniform(-5, 5)), *parents))
    for number, at in enumerate(chance.sample(range(100), 10)):
        # And tags are made long after, or by such a clock.
        shop.tag(f"v{number}", chance.choice(names), day(at) if at % 4 else None)

    date = "%(refname:short) %(creatordate:unix)"
    dates = dict(line.split() for line in shop.git("tag", f"--format={date}").splitlines())
    expected = {}
    for name in names:
        within = shop.git("tag", "--contains", name).split()
        if within:
            expected[name] = min(within, key=lambda tag: int(dates[tag]))
    assert expected
    assert releases(shop) == expected


# --- odd commits --------------------------------------------------------------------------------


def committed(shop: GitRepository) -> dict[str, dt.datetime | None]:
    return {row["change_id"]: row["committed_at"] for row in rows(pulled(options(shop)))}


def test_a_commit_from_the_future_is_kept_with_its_date(shop):
    future, after = shop.commits(4_102_444_800, day(1))
    shop.tag("v1", after, day(2))

    assert committed(shop) == {future: dt.datetime(2100, 1, 1), after: moment(day(1))}


@pytest.mark.parametrize("date", ["-86400 +0000", "0 +0000", "99999999999999 +0000", "once"])
def test_a_date_that_nobody_can_believe_is_unknown(shop, date):
    odd = shop.raw_commit(date)
    after = shop.commit("after", day(1), odd)
    shop.tag("v1", after, day(2))

    assert committed(shop) == {odd: None, after: moment(day(1))}


def test_a_release_without_any_date_comes_after_all_others(shop):
    odd = shop.raw_commit("once")
    shop.tag("v0", odd)
    after = shop.commit("after", day(1), odd)
    shop.tag("v1", after, day(2))

    assert releases(shop) == {odd: "v1", after: "v1"}


@pytest.mark.parametrize(
    ("raw", "title"),
    [
        (
            b'tabs\tand "quotes", \\0 and 100%\n\nthe body',
            'tabs\tand "quotes", \\0 and 100%',
        ),
        ("größer 🚀\u2028still the title".encode(), "größer 🚀\u2028still the title"),
        ("gr\u00f6\u00dfer".encode("latin-1"), "gr\ufffd\ufffder"),
        (b"", None),
        (b"two\nlines\n\nbody", "two lines"),
    ],
)
def test_any_title_survives(shop, raw, title):
    odd = shop.raw_commit(f"{day(0)} +0000", raw)
    after = shop.commit("after", day(1), odd)
    shop.tag("v1", after, day(2))

    titles = {row["change_id"]: row["title"] for row in rows(pulled(options(shop)))}
    assert titles == {odd: title, after: "after"}


def test_histories_larger_than_one_block_are_read_whole(shop, monkeypatch):
    monkeypatch.setattr("connectors.repository._BLOCK", 50)
    monkeypatch.setattr("connectors.git._ROWS_A_PIECE", 3)
    names = shop.commits(*map(day, range(10)))
    shop.tag("v1", names[-1], day(11))

    assert releases(shop) == dict.fromkeys(names, "v1")


# --- odd repositories ---------------------------------------------------------------------------


def test_an_empty_repository_brings_nothing(shop):
    (batch,) = pulled(options(shop))

    assert (batch.rows.num_rows, batch.shape.mode) == (0, "replace")


def test_a_repository_without_a_release_brings_nothing(shop):
    shop.commits(day(0))

    assert rows(pulled(options(shop))) == []


def test_a_bare_repository_is_read_like_any_other(tmp_path):
    shop = GitRepository(tmp_path / "shop.git", bare=True)
    (one,) = shop.commits(day(0))
    shop.tag("v1", one, day(1))

    (row,) = rows(pulled(options(shop)))
    assert (row["deployment_id"], row["service"]) == ("shop/v1", "shop")


def test_a_path_is_taken_from_the_home_folder(shop, tmp_path):
    (one,) = shop.commits(day(0))
    shop.tag("v1", one, day(1))

    found = rows(pulled(options(Path("shop/.git")), home=tmp_path))
    assert [row["deployment_id"] for row in found] == ["shop/v1"]


def copy(shop: GitRepository, *how: str) -> Path:
    path = shop.path.parent / "copy"
    for allowed in ("allowFilter", "allowAnySHA1InWant"):
        shop.git("config", f"uploadpack.{allowed}", "true")
    shop.git("clone", "--quiet", *how, shop.path.as_uri(), str(path))
    return path


def test_a_shallow_copy_is_refused_with_the_command_that_mends_it(shop):
    names = shop.commits(day(0), day(1))
    shop.tag("v1", names[-1], day(2))
    path = copy(shop, "--depth=1")

    assert f"git -C {path} fetch --unshallow" in failure(options(path))


def test_a_copy_without_the_files_is_enough_and_nothing_is_fetched(shop):
    (one,) = shop.commits(day(0))
    shop.tag("v1", one, day(1))
    path = copy(shop, "--no-checkout", "--filter=tree:0")
    shop.path.rename(shop.path.with_name("away"))

    assert [row["change_id"] for row in rows(pulled(options(path)))] == [one]


def test_a_commit_that_is_missing_is_not_fetched_from_elsewhere(shop):
    (one,) = shop.commits(day(0))
    shop.tag("v1", one, day(1))
    path = copy(shop, "--no-checkout", "--filter=tree:0")
    for pack in (path / ".git" / "objects" / "pack").glob("pack-*.pack"):
        aside = pack.rename(path / "aside.pack")
        for rest in pack.parent.glob("pack-*"):
            rest.unlink()
        shop.git("-C", str(path), "unpack-objects", "-q", asks=aside.read_bytes())
    (path / ".git" / "objects" / one[:2] / one[2:]).unlink()

    assert "what the tag v1 stands on is missing" in failure(options(path))


def test_replaced_commits_are_not_what_history_says(shop):
    one, two = shop.commits(day(0), day(1))
    shop.tag("v1", two, day(2))
    shop.git("replace", "--graft", two)

    assert set(releases(shop)) == {one, two}


def test_the_users_settings_change_nothing(shop, tmp_path, monkeypatch):
    signature = ("-----BEGIN PGP SIGNATURE-----", "", "x", "-----END PGP SIGNATURE-----")
    one = shop.raw_commit(f"{day(0)} +0000", "größer".encode(), "gpgsig " + "\n ".join(signature))
    shop.tag("v1", one, day(1))
    plain = rows(pulled(options(shop)))
    told, script = tmp_path / "told", tmp_path / "script"
    script.write_text(f"#!/bin/sh\necho run >> {told}\n")
    script.chmod(0o755)
    settings = tmp_path / "gitconfig"
    settings.write_text(
        f"""
        [color]
            ui = always
        [core]
            pager = {script}
            fsmonitor = {script}
        [format]
            pretty = "%h"
        [gpg]
            program = {script}
        [i18n]
            logOutputEncoding = latin-1
        [log]
            showSignature = true
        [notes]
            displayRef = *
        """
    )
    monkeypatch.setenv("GIT_CONFIG_GLOBAL", str(settings))
    monkeypatch.setenv("GIT_PAGER", str(script))

    assert rows(pulled(options(shop))) == plain
    assert plain[0]["title"] == "größer"
    assert not told.exists()


def test_a_repository_named_in_the_environment_is_not_taken(shop, tmp_path, monkeypatch):
    (one,) = shop.commits(day(0))
    shop.tag("v1", one, day(1))
    other = GitRepository(tmp_path / "other")
    monkeypatch.setenv("GIT_DIR", str(other.path / ".git"))

    assert releases_of_path(shop.path) == [one]


def releases_of_path(path: Path) -> list[str]:
    return [row["change_id"] for row in rows(pulled(options(path)))]


def test_a_directory_that_is_not_there_is_named(tmp_path):
    assert f"There is no directory {tmp_path / 'gone'}" in failure(options(Path("gone")), tmp_path)


def test_a_directory_inside_a_repository_is_none(shop):
    (shop.path / "docs").mkdir()

    assert "is not a git repository" in failure(options(shop.path / "docs"))


def test_somebody_elses_repository_comes_with_the_command_to_trust_it(shop, monkeypatch):
    monkeypatch.setenv("GIT_TEST_ASSUME_DIFFERENT_OWNER", "1")
    monkeypatch.setenv("GIT_CONFIG_GLOBAL", os.devnull)

    said = failure(options(shop))

    assert f"{shop.path} belongs to somebody else" in said
    assert f"git config --global --add safe.directory {shop.path}" in said


def test_a_broken_repository_is_told_in_gits_own_words(shop):
    one, two = shop.commits(day(0), day(1))
    shop.tag("v1", two, day(2))
    (shop.path / ".git" / "objects" / one[:2] / one[2:]).unlink()

    said = failure(options(shop))

    assert f"git cannot read {shop.path}: " in said
    assert one in said


def test_a_git_that_hangs_is_given_up(shop, tmp_path, monkeypatch):
    slow = tmp_path / "bin" / "git"
    slow.parent.mkdir()
    slow.write_text("#!/bin/sh\nexec sleep 30\n")
    slow.chmod(0o755)
    monkeypatch.setenv("PATH", f"{slow.parent}:{os.environ['PATH']}")

    assert "git took longer than 1 seconds" in failure(options(shop, timeout="1 second"))


def test_a_machine_without_git_is_told_so(shop, monkeypatch):
    monkeypatch.setenv("PATH", "")

    assert "There is no program git" in failure(options(shop))


# --- several repositories, names and tags -------------------------------------------------------


@pytest.fixture
def two(tmp_path: Path) -> list[GitRepository]:
    found = [GitRepository(tmp_path / name) for name in ("shop", "mail")]
    for repository in found:
        (one,) = repository.commits(day(0))
        repository.tag("v1", one, day(1))
    return found


def test_releases_of_several_repositories_are_told_apart(two):
    found = rows(pulled(options(*two, service={"map": {"shop": "Online shop"}})))

    assert [(row["deployment_id"], row["service"]) for row in found] == [
        ("shop/v1", "Online shop"),
        ("mail/v1", "mail"),
    ]


def test_two_repositories_of_one_name_are_refused(two, tmp_path):
    other = GitRepository(tmp_path / "old" / "shop.git", bare=True)

    assert "Two repositories are called shop" in failure(options(*two, other))


def test_a_service_for_a_directory_that_is_not_there_is_refused(two):
    said = failure(options(*two, service={"map": {"shp": "Online shop"}}))

    assert "`service` maps shp" in said
    assert "The directories are: shop, mail" in said


def test_only_tags_that_match_the_pattern_are_releases(shop):
    one, two = shop.commits(day(0), day(1))
    shop.tag("nightly-1", one, day(0.5))
    shop.tag("mail/v1", one, day(0.6))
    shop.tag("shop/v1", two, day(2))

    assert releases(shop, tags="shop/v*") == {one: "shop/v1", two: "shop/v1"}


def test_a_pattern_that_matches_nothing_is_refused_with_what_is_there(shop):
    (one,) = shop.commits(day(0))
    shop.tag("release-1", one, day(1))

    said = failure(options(shop))

    assert "No tag matches v*" in said
    assert "release-1" in said


def test_releases_before_the_start_are_left_out_with_their_commits(shop):
    one, two = shop.commits(day(0), day(10))
    shop.tag("v1", one, day(1))
    shop.tag("v2", two, day(11))

    assert releases(shop, start=moment(day(5)).date()) == {two: "v2"}


def test_a_release_is_a_deployment_only_where_the_operator_says_so(shop):
    (one,) = shop.commits(day(0))
    shop.tag("v1", one, day(1))
    shop.tag("v1-again", one, day(2))

    said = pulled(options(shop, into=["changes", "deployments"]))

    assert {batch.into for batch in pulled(options(shop))} == {"changes"}
    assert rows(said, "deployments") == [
        {
            "deployment_id": f"shop/{tag}",
            "service": "shop",
            "version": tag,
            "deployed_at": moment(at),
        }
        for tag, at in (("v1", day(1)), ("v1-again", day(2)))
    ]


@pytest.mark.parametrize(
    "more", [{"into": "incidents"}, {"into": []}, {"service": {"from": "tag"}}]
)
def test_options_that_make_no_sense_are_refused(more):
    with pytest.raises(ValidationError):
        options(Path("shop"), **more)


# --- the next pull ------------------------------------------------------------------------------


def test_nothing_is_read_again_while_the_tags_stay(shop):
    names = shop.commits(day(0), day(1))
    shop.tag("v1", names[0], day(2))
    first = pulled(options(shop))
    shop.commit("not released yet", day(3), names[-1])

    (again,) = pulled(options(shop), state=first[-1].state)

    assert (again.rows.num_rows, again.shape.mode) == (0, "upsert")


def move(shop: GitRepository) -> None:
    shop.tag("v1", "main~1", day(9))


def delete(shop: GitRepository) -> None:
    shop.git("tag", "--delete", "v1")


@pytest.mark.parametrize("change", [move, delete])
def test_a_tag_that_was_moved_or_deleted_is_seen(shop, change: Callable[[GitRepository], None]):
    names = shop.commits(day(0), day(1))
    shop.tag("v1", names[-1], day(2))
    first = pulled(options(shop))
    change(shop)

    (again,) = pulled(options(shop), state=first[-1].state)

    assert again.shape.mode == "replace"
    assert again.rows.num_rows < 2


@pytest.mark.parametrize(
    ("more", "full"),
    [({"service": {"map": {"shop": "Shop"}}}, False), ({"start": "2024-01-01"}, False), ({}, True)],
)
def test_other_options_and_starting_over_read_everything_again(shop, more, full):
    (one,) = shop.commits(day(60))
    shop.tag("v1", one, day(61))
    first = pulled(options(shop))

    again = pulled(options(shop, **more), state=first[-1].state, full=full)

    assert [row["change_id"] for row in rows(again)] == [one]


def test_a_copy_speaks_of_the_moment_it_was_fetched(shop):
    (one,) = shop.commits(day(0))
    shop.tag("v1", one, day(1))
    path = copy(shop)
    os.utime(path / ".git" / "config", (day(2), day(2)))
    cloned = pulled(options(path))
    shop.git("-C", str(path), "fetch", "--quiet")
    os.utime(path / ".git" / "FETCH_HEAD", (day(3), day(3)))
    fetched = pulled(options(path, shop), state=cloned[-1].state)

    assert cloned[-1].as_of == moment(day(2))
    assert fetched[-1].as_of == moment(day(3))
    assert pulled(options(shop))[-1].as_of == NOW


def landed(warehouse: Warehouse, chosen: Options) -> None:
    run = warehouse.begin("releases", NOW)
    for batch in pull(chosen, warehouse.state("releases"), Context(home=Path("/"), now=NOW)):
        warehouse.land(run, "releases", batch)
    warehouse.finish(run, error=None, advice=None, finished_at=NOW, as_of=None)


def held(warehouse: Warehouse, into: str) -> list[tuple[Any, ...]]:
    return warehouse.connection.execute(f"select deployment_id from {into} order by all").fetchall()


def test_the_fact_tables_follow_the_tags_and_the_options(shop, tmp_path):
    one, two = shop.commits(day(0), day(1))
    shop.tag("v1", one, day(2))
    shop.tag("v2", two, day(3))
    both = options(shop, into=["changes", "deployments"])
    with Warehouse(working_database(tmp_path / "warehouse.duckdb")) as warehouse:
        landed(warehouse, both)
        landed(warehouse, both)
        before = held(warehouse, "changes"), held(warehouse, "deployments")
        shop.git("tag", "--delete", "v1")
        landed(warehouse, both)
        moved = held(warehouse, "changes"), held(warehouse, "deployments")
        landed(warehouse, options(shop))
        after = held(warehouse, "changes"), held(warehouse, "deployments")
        (kinds,) = warehouse.connection.execute(
            "select typeof(committed_at), deployed_at from changes limit 1"
        ).fetchall()

    assert before == ([("shop/v1",), ("shop/v2",)], [("shop/v1",), ("shop/v2",)])
    assert moved == ([("shop/v2",), ("shop/v2",)], [("shop/v2",)])
    assert after == ([("shop/v2",), ("shop/v2",)], [])
    assert kinds == ("TIMESTAMP", moment(day(3)))


def test_no_rows_still_have_their_columns(shop):
    (batch,) = pulled(options(shop))

    assert isinstance(batch.rows, pa.Table)
    assert batch.rows.column_names == [column.name for column in batch.shape.columns]


# --- check --------------------------------------------------------------------------------------


def checked(chosen: Options) -> list[str]:
    return list(check(chosen, Context(home=Path("/"), now=NOW)))


def test_a_check_names_the_tags_that_match_and_reads_the_last_release(shop):
    one, two = shop.commits(day(0), day(1))
    shop.tag("v1", one, day(0.5))
    shop.tag("v2", two, day(1.5))
    shop.tag("nightly", two, day(1.6))

    assert checked(options(shop)) == [
        f"{shop.path} is a whole git repository with 3 tags.",
        f"2 match v*, such as v2 on “change at {day(1)}”.",
        "A pull reads the history of 2 releases into changes.",
    ]


def test_a_check_names_the_tags_that_have_no_date(shop):
    (one,) = shop.commits(day(0))
    shop.tag("v1", one)

    assert any(
        "1 of these (v1) have no date of their own" in each for each in checked(options(shop))
    )


def test_a_check_of_a_copy_says_when_it_was_fetched(shop, tmp_path):
    (one,) = shop.commits(day(0))
    shop.tag("v1", one, day(1))
    shop.git("clone", "--quiet", "--bare", str(shop.path), str(tmp_path / "copy"))

    told = checked(options(tmp_path / "copy"))

    assert any("It was last fetched at " in each for each in told)


def test_a_check_of_a_repository_without_tags_says_that_it_brings_nothing(shop):
    shop.commits(day(0))

    told = checked(options(shop, into=["changes", "deployments"]))

    assert told[1:] == [
        "None of its 0 tags matches v* yet: it brings nothing so far.",
        "A pull reads the history of 0 releases into changes and deployments.",
    ]


def test_a_check_refuses_a_pattern_that_no_tag_matches(shop):
    (one,) = shop.commits(day(0))
    shop.tag("release-1", one, day(1))

    with pytest.raises(SourceError, match=r"No tag matches v\*.*release-1"):
        checked(options(shop))
