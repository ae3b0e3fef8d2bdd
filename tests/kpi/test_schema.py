"""The editor's schema says of `metrics.yaml` what the loader says, and is kept in step with it."""

from __future__ import annotations

import datetime as dt
import json
import subprocess
import sys
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import pytest
from jsonschema import Draft7Validator
from pydantic import BaseModel, ValidationError

from kpi import grammar
from kpi.schema import schema, schema_text
from kpi.yaml_text import as_yaml, read_yaml

PROJECT = Path(__file__).parents[2]
FILE = PROJECT / "metrics.schema.json"
VOCABULARIES = (PROJECT / "metrics.yaml", PROJECT / "examples" / "service-desk" / "metrics.yaml")
HEAD = """\
version: 1
tables:
  orders: {row: one order, time: ordered_at, by: region}
metrics:
  orders:
    label: Orders
    definition: What was ordered.
    side: business
    outcome: sold
    owners: {it: Platform, business: Sales}
    value: count(*) from orders
    good: up
"""


def seen(text: str) -> Any:
    """The values of a YAML text as an editor hands them to a schema: a date is a text there."""

    def plain(value: Any) -> Any:
        if isinstance(value, Mapping):
            return {key: plain(each) for key, each in value.items()}
        if isinstance(value, list):
            return [plain(each) for each in value]
        return value.isoformat() if isinstance(value, dt.date) else value

    return plain(read_yaml(text, "metrics.yaml").value)


def underlined(text: str) -> list[str]:
    """Where an editor finds something to underline."""
    errors = Draft7Validator(schema()).iter_errors(seen(text))
    return sorted("/".join(map(str, error.absolute_path)) for error in errors)


def with_key(line: str) -> str:
    """A good text with one more line in its metric."""
    return f"{HEAD}    {line}\n"


def objects(node: Any) -> Iterator[Mapping[str, Any]]:
    """Every part of a schema that describes keys."""
    if isinstance(node, Mapping):
        if isinstance(node.get("properties"), Mapping) and "type" in node:
            yield node
        for each in node.values():
            yield from objects(each)
    elif isinstance(node, list):
        for each in node:
            yield from objects(each)


def test_the_file_is_what_the_loader_s_types_make() -> None:
    assert FILE.read_text(encoding="utf-8") == schema_text()


def test_the_command_prints_the_file() -> None:
    command = [sys.executable, "-m", "kpi", "schema"]
    printed = subprocess.run(command, cwd=PROJECT, capture_output=True, text=True, check=True)

    assert printed.stdout == FILE.read_text(encoding="utf-8")


def test_the_schema_is_a_schema() -> None:
    Draft7Validator.check_schema(json.loads(FILE.read_text(encoding="utf-8")))


def test_no_level_takes_an_unknown_key_and_every_key_is_described() -> None:
    found = list(objects(schema()))
    silent = [
        key
        for each in found
        for key, value in each["properties"].items()
        if not value.get("description")
    ]

    assert len(found) == 12
    assert [each for each in found if each["additionalProperties"] is not False] == []
    assert silent == []


def examples() -> Iterator[tuple[type[BaseModel], str, Any]]:
    """Every example of the grammar, with the key that it is one of."""
    models = {model for model in vars(grammar).values() if isinstance(model, type)}
    for model in models:
        if issubclass(model, grammar.Entry):
            for name, info in model.model_fields.items():
                for example in info.examples or []:
                    yield model, info.alias or name, example


def test_every_example_is_one_that_the_loader_takes() -> None:
    found = list(examples())
    refused = []
    for model, key, example in found:
        read = read_yaml(f"{key}: {as_yaml(example)}\n", "f")
        try:
            model.model_validate(read.value)
        except ValidationError as errors:
            refused += [error for error in errors.errors() if error["type"] != "missing"]

    assert len(found) > 20
    assert refused == []


def test_an_editor_takes_the_examples_that_it_is_shown() -> None:
    whole = schema()
    shown = [
        (each, {**each, "definitions": whole["definitions"]})
        for node in objects(whole)
        for each in node["properties"].values()
        if "examples" in each
    ]

    assert len(shown) > 15
    for each, alone in shown:
        for example in each["examples"]:
            assert list(Draft7Validator(alone).iter_errors(example)) == []


@pytest.mark.parametrize("path", VOCABULARIES, ids=["sample", "service-desk"])
def test_a_vocabulary_of_ours_names_the_schema_and_has_nothing_underlined(path: Path) -> None:
    text = path.read_text(encoding="utf-8")
    named = text.partition("\n")[0].removeprefix("# yaml-language-server: $schema=")

    assert (path.parent / named).resolve() == FILE
    assert underlined(text) == []


@pytest.mark.parametrize(
    "line",
    [
        "target: 99.9",
        "target: 1_200_000 per quarter",
        "target: {from 2026-07: 1200000 per quarter, from 2026-10-15: 1300000 per quarter}",
        "window: 90 days",
        "window: all",
        "to_date: year",
        "as_of: {from: opened_at, to: resolved_at}",
        "latest: user_id",
        "latest: {per: user_id, carry: false}",
        "also_called: sales",
        "also_called: [sales, turnover]",
        "changed: {2026-06-01: refunds are left out}",
        "deprecated: orders_placed",
        "test: {period: 2025-03, where: \"region = 'EMEA'\", equals: 964.2}",
        "test: [{period: 2025, equals: 9}, {period: 2025-03-14, equals: 1}]",
        "margin: nps",
        "empty: 0",
    ],
)
def test_what_the_grammar_has_is_not_underlined(line: str) -> None:
    assert underlined(with_key(line)) == []


@pytest.mark.parametrize(
    ("line", "where"),
    [
        ("labell: Orders", "metrics/orders"),
        ("decimals: 1.5", "metrics/orders/decimals"),
        ("decimals: 7", "metrics/orders/decimals"),
        ("tolerance: -1", "metrics/orders/tolerance"),
        ("target: 1200000 per fortnight", "metrics/orders/target"),
        ("target: {since 2026-07: 3}", "metrics/orders/target"),
        ("window: a while", "metrics/orders/window"),
        ("to_date: week", "metrics/orders/to_date"),
        ("as_of: {form: opened_at}", "metrics/orders/as_of"),
        ("latest: {pre: user_id}", "metrics/orders/latest"),
        ("changed: {June: what}", "metrics/orders/changed"),
        ("test: {period: 2025-03, equal: 3}", "metrics/orders/test"),
        ("internal: 'yes'", "metrics/orders/internal"),
        ("unit:", "metrics/orders/unit"),
    ],
)
def test_what_the_grammar_does_not_have_is_underlined(line: str, where: str) -> None:
    assert {*underlined(with_key(line))} == {where}


@pytest.mark.parametrize(
    ("old", "new", "where"),
    [
        ("version: 1", "version: 2", "version"),
        ("version: 1", "versoin: 1", ""),
        ("side: business", "side: sales", "metrics/orders/side"),
        ("good: up", "good: more", "metrics/orders/good"),
        ("{it: Platform, business: Sales}", "{it: Platform}", "metrics/orders/owners"),
        ("  orders:\n", "  Orders:\n", "metrics"),
        ("  orders:\n", "  value:\n", "metrics"),
        ("by: region}", "byy: region}", "tables/orders"),
        ("by: region}", "by: region, settles_after: soon}", "tables/orders/settles_after"),
        ("by: region}", "by: region, grain: hour}", "tables/orders/grain"),
        (
            "by: region}",
            "by: region, lookup: {places: {on: region}}}",
            "tables/orders/lookup/places",
        ),
        ("tables:", "calendar: {timezon: UTC}\ntables:", "calendar"),
        ("tables:", "calendar: {week_starts: Monday}\ntables:", "calendar/week_starts"),
    ],
)
def test_a_mistake_anywhere_is_underlined(old: str, new: str, where: str) -> None:
    assert {*underlined(HEAD.replace(old, new))} == {where}
