"""The definitions that the documentation offers fit the canonical tables as they stand there."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import pytest

from connectors.tables import TABLES
from kpi.fitting import against_facts
from kpi.vocabulary import Vocabulary
from kpi.vocabulary_file import load_vocabulary
from kpi.yaml_text import read_yaml
from tests.kpi.memory import Memory, Rows

_PAGE = Path(__file__).parents[1] / "docs" / "definitions.md"
_BLOCK = re.compile(r"```yaml\n(.*?)```", re.S)
_HEAD = """\
version: 1
dimensions: {{{dimensions}}}
{tables}
outcomes:
  good: {{label: Good, definition: It is good., owners: {{it: Platform, business: Sales}}}}
metrics:
"""
_OURS = "    side: joint\n    outcome: good\n    owners: {it: Platform, business: Sales}\n"


@pytest.fixture(scope="module")
def vocabulary() -> Vocabulary:
    """All the entries of the page, each with what its reader has to add."""
    tables, *blocks = _BLOCK.findall(_PAGE.read_text())
    words = {word for table in TABLES.values() for word in table.columns}
    dimensions = ", ".join(f"{word}: {{label: A, definition: B.}}" for word in sorted(words))
    entries = "".join(block.removeprefix("metrics:\n") for block in blocks)
    whole = re.sub(r"(?m)^(    label: .*\n)", rf"\1{_OURS}", entries)
    return load_vocabulary(_HEAD.format(dimensions=dimensions, tables=tables) + whole)


def test_every_definition_fits_the_canonical_tables(vocabulary: Vocabulary) -> None:
    described = {
        name: ", ".join(f'"{column}" {kind}' for column, kind in table.columns.items())
        for name, table in TABLES.items()
    }
    memory = Memory(vocabulary, {name: Rows(columns) for name, columns in described.items()})
    types: dict[str, Any] = {name: facts.columns for name, facts in memory.facts.items()}

    assert against_facts(vocabulary, types, memory.query) == []


def test_every_block_of_the_page_is_read(vocabulary: Vocabulary) -> None:
    blocks = [read_yaml(text, "definitions.md") for text in _BLOCK.findall(_PAGE.read_text())]
    named = {name for block in blocks for name in block.value.get("metrics", {})}

    assert [block.problems for block in blocks] == [[]] * len(blocks)
    assert named == set(vocabulary.metrics)
