"""The README and the documentation say what is there."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
from typer.testing import CliRunner

from kpi import sources
from kpi.__main__ import app
from kpi.allowlist import AGGREGATES, SCALARS
from kpi.vocabulary_file import load_vocabulary

PROJECT = Path(__file__).parents[1]
PAGES = [PROJECT / "README.md", *sorted((PROJECT / "docs").glob("*.md"))]
README = (PROJECT / "README.md").read_text(encoding="utf-8")
VOCABULARY = (PROJECT / "metrics.yaml").read_text(encoding="utf-8")
METRICS = (PROJECT / "docs" / "metrics.md").read_text(encoding="utf-8")


def commands() -> list[tuple[str, ...]]:
    """The words of every command, those of a group included."""
    groups = [
        (app, ()),
        *((group.typer_instance, (group.name,)) for group in app.registered_groups),
    ]
    return [
        (*before, command.name or command.callback.__name__)
        for group, before in groups
        for command in group.registered_commands
    ]


def test_the_readme_names_both_commands_before_anything_else():
    first_screen = "\n".join(README.splitlines()[:20])

    assert "make run" in first_screen
    assert "make test" in first_screen


def test_the_readme_is_one_page():
    assert len(README.splitlines()) <= 80


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_every_link_of_a_page_leads_somewhere(page: Path):
    text = page.read_text(encoding="utf-8")
    links = [link for link in re.findall(r"\]\(([^)#]+)\)", text) if "://" not in link]

    assert [link for link in links if not (page.parent / link).exists()] == []


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_every_command_that_a_page_names_exists(page: Path):
    text = page.read_text(encoding="utf-8")
    named = set(re.findall(r"python -m kpi (?:--home \S+ )?(source [a-z]+|[a-z]+)", text))

    assert named <= {" ".join(words) for words in commands()}


def test_the_readme_links_every_connector():
    linked = set(re.findall(r"\[(\w+)\]\(docs/\w+\.md\)", README))

    assert set(sources.connector_names()) <= linked


def entry() -> str:
    """The entry that the README shows."""
    found = re.search(r"```yaml\n(.*?)```", README, re.DOTALL)
    assert found is not None
    return "".join(f"{line.removeprefix('   ')}\n" for line in found[1].splitlines())


def examples() -> list[str]:
    """Every example of a key on the analysts' page, as it stands there."""
    blocks = re.findall(r"```yaml\n(.*?)```", METRICS, re.DOTALL)
    return [each for block in blocks for each in re.split(r"\n(?=\w)", block.strip())]


def test_the_entry_in_the_readme_is_a_whole_metric():
    vocabulary = load_vocabulary(f"{VOCABULARY}\n{entry()}")

    assert "deployments_per_week" in vocabulary.metrics


def test_the_commands_for_a_metric_work_as_they_are_pasted():
    section = README.partition("## Add a metric\n")[2].partition("\n## ")[0]
    commands = re.findall(r"\S*python -m kpi \w+", section)

    assert len(commands) == 3
    assert all(command.startswith(".venv/bin/python") for command in commands)


@pytest.mark.parametrize("example", examples())
def test_every_example_of_the_analysts_page_is_understood(example: str):
    key = example.partition(":")[0]
    lines = [line for line in entry().splitlines() if not line.startswith(f"    {key}:")]
    lines += [f"    {line}" for line in example.splitlines()]

    vocabulary = load_vocabulary("\n".join((VOCABULARY, *lines, "")))

    assert example.splitlines()[0] in vocabulary.metrics["deployments_per_week"].entry


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_every_metric_that_a_page_asks_for_exists(page: Path):
    known = load_vocabulary(f"{VOCABULARY}\n{entry()}").metrics
    asked = re.findall(r"python -m kpi query((?: [a-z0-9_]+)+)", page.read_text(encoding="utf-8"))

    assert {name for names in asked for name in names.split()} <= {*known}


def test_the_analysts_page_lists_every_function_of_a_value():
    assert [name for name in (*AGGREGATES, *SCALARS) if name not in METRICS] == []


def test_every_command_explains_itself():
    for words in commands():
        result = CliRunner().invoke(app, [*words, "--help"])

        assert result.exit_code == 0
        assert "Usage" in result.output
