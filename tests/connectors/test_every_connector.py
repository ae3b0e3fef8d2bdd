"""Every connector gives what the contract asks for, and writes its own entry."""

from __future__ import annotations

import inspect
import textwrap

import pytest

from connectors import contract, tables
from kpi import sources

NAMES = sources.connector_names()


@pytest.mark.parametrize("name", NAMES)
def test_a_connector_gives_what_the_contract_asks_for(name: str) -> None:
    module = sources.connector(name)

    assert issubclass(module.Options, contract.Options)
    assert list(inspect.signature(module.system).parameters) == ["options"]
    assert list(inspect.signature(module.pull).parameters) == ["options", "state", "context"]
    assert list(inspect.signature(module.check).parameters) == ["options", "context"]
    assert set(module.TABLES) <= set(tables.TABLES)


@pytest.mark.parametrize("name", NAMES)
def test_a_connectors_entry_is_one_that_sources_yaml_takes(name: str) -> None:
    entry = sources.connector(name).ENTRY

    declared = sources.parse(
        f"version: 1\nsources:\n  mine:\n{textwrap.indent(entry, '    ')}"
    ).sources

    assert [(source.name, source.connector) for source in declared] == [("mine", name)]


@pytest.mark.parametrize("name", NAMES)
def test_a_connectors_entry_explains_itself_and_fits_a_line(name: str) -> None:
    lines = sources.connector(name).ENTRY.splitlines()

    assert lines[0] == f"connector: {name}"
    assert any("#" in line for line in lines)
    assert [line for line in lines if len(line) > 100 or line != line.rstrip()] == []
