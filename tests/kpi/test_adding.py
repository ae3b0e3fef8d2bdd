"""kpi source add: one more entry in sources.yaml, and every other byte as it was."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest
from click.testing import Result
from hypothesis import given, settings
from hypothesis import strategies as st
from typer.testing import CliRunner

from kpi import sources
from kpi.__main__ import app
from kpi.adding import NotAdded, entry, with_entry
from kpi.yaml_text import Refused, read_yaml

ENTRY = """\
version: 1
sources:
  one:
    connector: git
    repositories: [shop]
"""
SHOP = """\
  shop:                           # the web shop
    connector: sql
    url: ${SHOP_URL}
    into: purchases
    query: |
      select id
      from orders
"""


def kpi(home: Path, *words: str, **env: str) -> Result:
    return CliRunner().invoke(app, ["--home", str(home), "source", "add", *words], env=env)


def values(text: str) -> Any:
    """What a text means, once its last line ends as lines do."""
    return read_yaml(text if text.endswith("\n") else text + "\n", "sources.yaml").value


def is_text_with_more(result: str, text: str) -> bool:
    """Whether the result is the text with one piece put somewhere into it, or behind it."""
    more = len(result) - len(text)
    return any(result[:at] + result[at + more :] == text for at in range(len(text) + 1))


@pytest.mark.parametrize("name", sources.connector_names())
def test_the_entry_of_every_connector_is_taken_by_the_loader(name: str, tmp_path: Path) -> None:
    result = kpi(tmp_path, name, "mine")

    declared = sources.load(tmp_path).sources
    assert result.exit_code == 0, result.stderr
    assert [(source.name, source.connector) for source in declared] == [("mine", name)]


@pytest.mark.parametrize("name", sources.connector_names())
def test_the_entries_of_all_connectors_stand_beside_what_is_there(name: str) -> None:
    text = with_entry(ENTRY, name, "two")

    assert [source.name for source in sources.parse(text).sources] == ["one", "two"]


def test_a_file_is_made_where_there_is_none(tmp_path: Path) -> None:
    kpi(tmp_path, "git")

    text = (tmp_path / "sources.yaml").read_text()
    assert text.startswith("version: 1\nsources:\n  git:\n    connector: git\n")


def test_the_new_entry_stands_behind_the_last_with_a_blank_line_between() -> None:
    assert with_entry(ENTRY, "git", "two") == f"{ENTRY}\n{entry('git', 'two')}"


@pytest.mark.parametrize(
    "behind",
    [
        "",
        "\n\n",
        "# the end\n",
        "\n# the end\n\n",
        "    # every: 1 day\n",
        "\n    # every: 1 day\n\n  # two: later\n# the end\n",
        "sample: true\n",
        "\n# what follows is made up\nsample: true   # yes\n\n",
        "...\n",
        SHOP,
        SHOP + "\n\nsample: true\n",
        SHOP.replace("|", "|+") + "\n\n",
        SHOP.replace("|", ">-") + "    # every: 1 day\n",
        "  shop: {connector: git, repositories: [a, b]}   # in one line\n",
        "  shop: {connector: git,\n    repositories: [a,\n  b]}\n",
        '  shop:\n    connector: git\n    repositories:\n    - "a # b"\n    - c # d\n',
    ],
)
@pytest.mark.parametrize("newline", ["\n", "\r\n"])
@pytest.mark.parametrize("ends", [True, False])
def test_every_other_byte_stays(behind: str, newline: str, ends: bool) -> None:
    text = f"# ours\n{ENTRY}{behind}"
    text = (text if ends else text.rstrip("\n")).replace("\n", newline)

    result = with_entry(text, "git", "added")

    found = values(result)
    assert found["sources"].pop("added")["connector"] == "git"
    assert found == values(text)
    assert is_text_with_more(result, text)
    assert newline == "\n" or "\n" not in result.replace("\r\n", "")


def test_a_comment_within_the_last_entry_stays_with_it() -> None:
    text = ENTRY + "    # every: 1 day\n\n  # of the last entry too\n# of the file\n"

    lines = with_entry(text, "git", "two").splitlines()

    assert lines.index("  # of the last entry too") < lines.index("  two:")
    assert lines.index("  two:") < lines.index("# of the file")


@pytest.mark.parametrize(
    "text",
    [
        "",
        "# nothing yet",
        "# nothing yet\n\n",
        "version: 1\n",
        "version: 1",
        "version: 1\nsources:\n",
        "version: 1\nsources:",
        "version: 1\nsources: # none yet\n",
        "sources:\nversion: 1\n",
        "sources: # none\n\n# of ours\nversion: 1\n",
    ],
)
def test_an_entry_is_put_where_there_is_none_and_every_other_byte_stays(text: str) -> None:
    result = with_entry(text, "git", "added")

    assert [source.name for source in sources.parse(result).sources] == ["added"]
    assert is_text_with_more(result, text)


@pytest.mark.parametrize("nothing", ["{}", "~", "null"])
@pytest.mark.parametrize("rest", ["", "   # none yet\n", "\nsample: true\n"])
def test_what_stands_for_no_entry_makes_room_for_the_first(nothing: str, rest: str) -> None:
    result = with_entry(f"version: 1\nsources: {nothing}{rest}", "git", "added")

    assert [source.name for source in sources.parse(result).sources] == ["added"]
    assert is_text_with_more(result, f"version: 1\nsources:{rest}")


def test_the_indentation_is_that_of_the_file() -> None:
    text = "version: 1\nsources:\n    one:\n       connector: git\n       repositories: [a]\n"

    lines = with_entry(text, "git", "two").splitlines()

    assert lines[6:8] == ["    two:", "       connector: git"]


def test_a_mark_for_utf8_at_the_beginning_stays(tmp_path: Path) -> None:
    (tmp_path / "sources.yaml").write_bytes(b"\xef\xbb\xbf" + ENTRY.encode())

    kpi(tmp_path, "git", "two")

    written = (tmp_path / "sources.yaml").read_bytes()
    assert written.startswith(b"\xef\xbb\xbf" + ENTRY.encode())
    assert [source.name for source in sources.load(tmp_path).sources] == ["one", "two"]


def test_who_may_read_the_file_stays(tmp_path: Path) -> None:
    file = tmp_path / "sources.yaml"
    file.write_text(ENTRY)
    file.chmod(0o640)

    kpi(tmp_path, "git", "two")

    assert file.stat().st_mode & 0o777 == 0o640
    assert [path.name for path in tmp_path.iterdir()] == ["sources.yaml"]


def test_a_link_to_the_file_stays_a_link(tmp_path: Path) -> None:
    (tmp_path / "kept").mkdir()
    (tmp_path / "kept" / "sources.yaml").write_text(ENTRY)
    (tmp_path / "sources.yaml").symlink_to("kept/sources.yaml")

    kpi(tmp_path, "git", "two")

    assert (tmp_path / "sources.yaml").is_symlink()
    assert len(sources.load(tmp_path).sources) == 2


def test_what_the_entry_needs_and_what_to_do_next_is_told(tmp_path: Path) -> None:
    result = kpi(tmp_path, "sql", "shop", DATABASE_URL="")
    again = kpi(tmp_path, "sql", "other", DATABASE_URL="postgresql://db/s3cr3t")

    assert result.stderr.splitlines() == [
        "'shop' is in sources.yaml now, line 3: edit it to say what is yours.",
        "It needs the environment variable DATABASE_URL, which is not set yet.",
        "Then: python -m kpi source check shop",
    ]
    assert "DATABASE_URL, which is set." in again.stderr
    assert "s3cr3t" not in again.stderr


def test_to_print_writes_nothing(tmp_path: Path) -> None:
    result = kpi(tmp_path, "git", "mine", "--print")

    assert result.stdout == entry("git", "mine")
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize(
    ("words", "told"),
    [
        (["gti"], "There is no connector 'gti'. Did you mean 'git'?"),
        (["somewhere"], "There is no connector 'somewhere'. There are: ecb, file, git,"),
        (["git", "one"], "There is a source 'one' already (sources.yaml, line 3)."),
        (["git", "My Source"], "'My Source' cannot name a source. Write lower-case letters"),
    ],
)
def test_what_cannot_be_meant_is_refused_and_writes_nothing(
    tmp_path: Path, words: list[str], told: str
) -> None:
    (tmp_path / "sources.yaml").write_text(ENTRY)

    result = kpi(tmp_path, *words)

    assert result.exit_code == 2
    assert told in result.stderr
    assert (tmp_path / "sources.yaml").read_text() == ENTRY


@pytest.mark.parametrize(
    "text",
    [
        '{"version": 1, "sources": {"one": {"connector": "git", "repositories": ["a"]}}}',
        "version: 1\nsources: {one: {connector: git, repositories: [a]}}\n",
        "- a list\n",
    ],
)
def test_a_file_that_is_not_written_in_lines_is_left_to_its_owner(text: str) -> None:
    with pytest.raises(NotAdded, match="--print"):
        with_entry(text, "git", "two")


@pytest.mark.parametrize(
    ("text", "told"),
    [
        (ENTRY.replace("repositories", "repos"), "unknown key 'repos'"),
        (ENTRY.replace("version: 1", "sample: true"), "'version' is missing"),
        (ENTRY.replace("version: 1", "version: [1"), "is not closed"),
    ],
)
def test_a_file_with_mistakes_is_told_them_and_left_alone(
    tmp_path: Path, text: str, told: str
) -> None:
    (tmp_path / "sources.yaml").write_text(text)

    result = kpi(tmp_path, "git", "two")

    assert result.exit_code == 2
    assert told in result.stderr
    assert (tmp_path / "sources.yaml").read_text() == text


def test_a_file_that_is_no_text_is_told_so(tmp_path: Path) -> None:
    (tmp_path / "sources.yaml").write_bytes(b"version: 1\n# \xff\n")

    assert "Save it as UTF-8." in kpi(tmp_path, "git").stderr


def test_a_file_that_cannot_be_written_is_told(tmp_path: Path) -> None:
    (tmp_path / "sources.yaml").mkdir()

    result = kpi(tmp_path, "git")

    assert result.exit_code == 1
    assert "sources.yaml cannot be written: Is a directory." in result.stderr


# --- any file -----------------------------------------------------------------------------------

comments = st.sampled_from(["", "", "# a word", "  # deep", "    # deeper", "\t# odd"])
scalars = st.sampled_from(
    [
        "v*",
        '"a # b"',
        "'it''s'",
        "|\n      two\n      lines",
        "|+\n      kept\n\n",
        ">-\n      folded\n      lines",
    ]
)


@st.composite
def files(draw: st.DrawFn) -> str:
    """A good sources.yaml as people, and programs, may have written it."""
    lines = ["version: 1"] if draw(st.booleans()) else ["---", "version: 1"]
    lines += ["sources:"]
    for number in range(draw(st.integers(1, 3))):
        lines += [f"  s{number}:", "    connector: git", "    repositories: [a]"]
        if draw(st.booleans()):
            lines.append(f"    tags: {draw(scalars)}")
        lines += [line for line in draw(st.lists(comments, max_size=3)) if "\t" not in line]
    lines += draw(st.sampled_from([[], ["sample: true"], ["# the end"], ["..."]]))
    text = "\n".join(lines) + draw(st.sampled_from(["", "\n", "\n\n\n"]))
    return text.replace("\n", draw(st.sampled_from(["\n", "\r\n"])))


def sound(text: str) -> Mapping[str, Any] | None:
    try:
        sources.parse(text)
    except Refused:
        return None
    return values(text)


@pytest.mark.parametrize("examples", [10, pytest.param(100, marks=pytest.mark.slow)])
def test_whatever_the_file_looks_like_it_keeps_its_bytes_and_its_meaning(examples: int) -> None:
    @settings(max_examples=examples)
    @given(text=files())
    def keeps_its_bytes_and_its_meaning(text: str) -> None:
        before = sound(text)
        if before is None:
            return

        result = with_entry(text, "git", "added")

        after = sound(result)
        assert after is not None
        assert after["sources"].pop("added")["connector"] == "git"
        assert after == before
        assert is_text_with_more(result, text)

    keeps_its_bytes_and_its_meaning()
