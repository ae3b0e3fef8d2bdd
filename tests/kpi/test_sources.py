"""sources.yaml: read, checked, and filled in from the environment without telling a secret."""

from __future__ import annotations

import base64
import datetime as dt
from pathlib import Path

import pytest

import connectors
from connectors.contract import SourceError
from kpi import sources
from kpi.secrecy import Secrets
from kpi.yaml_text import Refused
from tests.kpi.homes import STAND_INS


@pytest.fixture(autouse=True)
def stand_ins(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(connectors, "__path__", [*connectors.__path__, STAND_INS])


def declared(entry: str) -> sources.Source:
    text = f"version: 1\nsources:\n  answers:\n    connector: scripted\n{entry}"
    return sources.parse(text).sources[0]


def problems(text: str) -> list[str]:
    with pytest.raises(Refused) as refused:
        sources.parse(text)
    return [str(problem) for problem in refused.value.problems]


def test_a_source_is_read_with_its_table_and_its_rhythm() -> None:
    source = declared("    into: incidents\n    every: 15 minutes\n")

    assert (source.name, source.connector) == ("answers", "scripted")
    assert source.into == ("incidents",)
    assert source.every == dt.timedelta(minutes=15)
    assert source.place.line == 3


@pytest.mark.parametrize(
    ("entry", "tables"),
    [
        ("connector: scripted", ("surveys",)),
        ("connector: scripted, into: orders", ("orders",)),
        ("connector: git, repositories: .", ("changes",)),
        (
            "connector: git, repositories: ., into: [changes, deployments]",
            ("changes", "deployments"),
        ),
        ("connector: prometheus, url: 'http://localhost:9090'", ("uptime",)),
    ],
)
def test_the_tables_of_a_source_are_its_own_word_or_its_connectors(
    entry: str, tables: tuple[str, ...]
) -> None:
    source = sources.parse(f"version: 1\nsources:\n  a: {{{entry}}}\n").sources[0]

    assert source.into == tables


def test_sample_data_is_declared_for_the_file_as_a_whole() -> None:
    text = "version: 1\nsample: true\nsources:\n  a: {connector: scripted}\n"

    assert sources.parse(text).sample


def test_every_mistake_is_reported_at_once_with_its_place() -> None:
    found = problems(
        "version: 2\n"
        "smaple: true\n"
        "sources:\n"
        "  Shop: {connector: scripted}\n"
        "  answers:\n"
        "    connector: scriptd\n"
        "  deploys:\n"
        "    connector: scripted\n"
        "    every: often\n"
        "    scirpt: x.json\n"
        "  nothing: 5\n"
        "  lost: {script: x.json}\n"
    )

    assert [line.split(": ")[0] for line in found] == [
        "sources.yaml:1:10",
        "sources.yaml:2:1",
        "sources.yaml:4:3",
        "sources.yaml:6:16",
        "sources.yaml:9:12",
        "sources.yaml:10:5",
        "sources.yaml:11:12",
        "sources.yaml:12:3",
    ]


@pytest.mark.parametrize(
    ("text", "hint"),
    [
        ("connector: scriptd", "Did you mean 'scripted'?"),
        ("connector: scripted, scirpt: x", "Did you mean 'script'?"),
        ("connector: scripted, every: 15 minuets", "15 minutes"),
        ("script: x", "'connector' is missing."),
        ("connector: contract", "Known connectors:"),
    ],
)
def test_a_mistake_comes_with_its_mending(text: str, hint: str) -> None:
    found = problems(f"version: 1\nsources:\n  answers: {{{text}}}\n")

    assert len(found) == 1
    assert hint in found[0]


def test_a_name_that_stands_twice_is_refused() -> None:
    found = problems(
        "version: 1\nsources:\n  a: {connector: scripted}\n  a: {connector: scripted}\n"
    )

    assert "a second time" in found[0]


def test_a_missing_file_says_what_to_do(tmp_path: Path) -> None:
    with pytest.raises(Refused, match="there is no such file"):
        sources.load(tmp_path)


def test_what_a_variable_stands_for_is_not_judged_before_it_is_filled_in() -> None:
    source = declared("    port: ${PORT}\n    every: 1 hour\n")

    assert source.entry["port"] == "${PORT}"
    assert source.every == dt.timedelta(hours=1)


def test_what_is_said_of_an_entry_as_a_whole_waits_for_its_variables() -> None:
    entry = "connector: scripted, url: '${ADDRESS}', port: 5433"

    source = sources.parse(f"version: 1\nsources:\n  a: {{{entry}}}\n").sources[0]

    with pytest.raises(SourceError, match="The port 5433 needs an https address"):
        sources.resolve(source, {"ADDRESS": "http://shop.example"})
    assert sources.resolve(source, {"ADDRESS": "https://shop.example"})


def test_a_mistake_beside_a_variable_is_still_found() -> None:
    entry = "  answers: {connector: scripted, port: '${PORT}', into: 5}\n"

    found = problems(f"version: 1\nsources:\n{entry}")

    assert len(found) == 1
    assert "'into' must be text" in found[0]


def test_variables_are_filled_in_at_every_depth() -> None:
    source = declared("    url: https://${HOST}/x\n    headers: {a: '${TOKEN}', b: '${1} $x'}\n")

    options = sources.resolve(source, {"HOST": "shop.example", "TOKEN": "abcdef"})

    assert options.url == "https://shop.example/x"
    assert options.headers == {"a": "abcdef", "b": "${1} $x"}


@pytest.mark.parametrize("env", [{}, {"TOKEN": ""}])
def test_a_missing_or_empty_variable_is_named(env: dict[str, str]) -> None:
    source = declared("    token: ${TOKEN}\n")

    with pytest.raises(SourceError) as error:
        sources.resolve(source, env)

    assert error.value.what == "The environment variable TOKEN is not set."
    assert "sources.yaml, line 3" in error.value.advice


def test_all_missing_variables_are_named_together() -> None:
    source = declared("    token: ${TOKEN}\n    url: ${ADDRESS}\n")

    with pytest.raises(SourceError, match="variables TOKEN, ADDRESS are not set"):
        sources.resolve(source, {})


def test_a_value_that_does_not_fit_is_described_without_being_shown() -> None:
    source = declared("    port: ${PORT}\n    mode: ${MODE}\n")

    with pytest.raises(SourceError) as error:
        sources.resolve(source, {"PORT": "hunter2000", "MODE": "swordfish"})

    assert "'port' must be a whole number" in error.value.what
    assert "hunter2000" not in str(error.value)
    assert "swordfish" not in str(error.value)


@pytest.mark.parametrize("entry", ["token: abc123", "url: postgresql://reader:abc123@db/shop"])
def test_a_secret_written_into_the_file_is_refused_without_repeating_it(entry: str) -> None:
    found = problems(f"version: 1\nsources:\n  a:\n    connector: scripted\n    {entry}\n")

    assert "holds a secret" in found[0]
    assert "${A_" in found[0]
    assert "abc123" not in found[0]


@pytest.mark.parametrize(
    "entry",
    [
        "{token: *s3cr3t}",
        "{token: @s3cr3t}",
        "{token: word, s3cr3t}",
        "{token: s3cr3t,s3cr3t}",
        "{token:s3cr3t}",
        "\n    token = s3cr3t\n    connector: scripted",
        "\n    url: postgresql: s3cr3t\n    connector: scripted",
        "\n    connector: scripted\n    token: [s3cr3t]",
    ],
)
def test_a_mistake_in_its_syntax_does_not_repeat_a_secret(entry: str) -> None:
    found = problems(f"version: 1\nsources:\n  a: {entry}\n")

    assert "s3cr3t" not in " ".join(found)


def test_only_modules_with_options_and_a_pull_are_connectors() -> None:
    names = sources.connector_names()

    assert "scripted" in names
    assert not {"contract", "http", "tables", "columns"} & set(names)


@pytest.mark.parametrize(
    ("value", "leak"),
    [
        ("s3cr3t word", "s3cr3t word"),
        ("s3cr3t/word", "s3cr3t%2Fword"),
        ("s3cr3t/word", "s3cr3t%2fword"),
        ("s3cr3t word", "s3cr3t+word"),
        ("postgresql://reader:s3cr3t%21@db:5432/shop", "password s3cr3t! was refused"),
        ("postgresql://reader:s3cr3t%21@db:5432/shop", "password s3cr3t%21 was refused"),
        ("https://s3cr3ttoken@host/", "token s3cr3ttoken"),
        ("https://host/feed?api_key=s3cr3t99&lang=en", "key s3cr3t99 expired"),
        ("host=db user=reader password='s3cr3t pw'", "password s3cr3t pw failed"),
        ('s3cr3t"quote', '{"token": "s3cr3t\\"quote"}'),
        (
            "https://reader:s3cr3t@host/",
            "Basic " + base64.b64encode(b"reader:s3cr3t").decode(),
        ),
        ("s3cr3t line one\ns3cr3t line two", "it began with s3cr3t line two"),
    ],
)
def test_a_secret_is_taken_out_however_it_is_written(value: str, leak: str) -> None:
    secrets = Secrets.of({"SHOP": value})

    scrubbed = secrets.scrub(f"could not connect: {leak}.")

    assert "${SHOP}" in scrubbed
    assert "s3cr3t" not in scrubbed
    assert base64.b64encode(b"reader:s3cr3t").decode() not in scrubbed


def test_what_is_no_secret_stays_readable() -> None:
    secrets = Secrets.of({"REGION": "eu", "SHOP": "postgresql://reader:s3cr3t@db:5432/shop"})

    text = "the queue of db:5432 in eu: user reader has no rights"

    assert secrets.scrub(text) == "the queue of db:5432 in ${REGION}: user reader has no rights"


def test_the_variables_of_all_sources_are_hidden_together() -> None:
    text = (
        "version: 1\nsources:\n  a: {connector: scripted, token: '${ONE}'}\n"
        "  b: {connector: scripted, token: '${TWO}'}\n"
    )

    found = sources.parse(text).sources
    hidden = sources.secrets(found, {"ONE": "first", "TWO": "second", "X": "third"})

    assert hidden.scrub("first second third") == "${ONE} ${TWO} third"


def test_what_a_connector_remembers_is_hidden_and_comes_back_whole() -> None:
    secrets = Secrets.of({"SHOP": "https://reader:s3cr3t%21@db/x?lang=en", "REGION": "eu"})
    state = {
        "files": {"https://reader:s3cr3t%21@db/x": "eu"},
        "pages": 3,
        "said": ["s3cr3t!", None],
    }

    hidden = secrets.hide(state)

    assert "s3cr3t" not in str(hidden)
    assert secrets.reveal(hidden) == state
