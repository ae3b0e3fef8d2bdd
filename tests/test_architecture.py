"""Imports run one way, each library has one home, and nothing happens when a module is imported."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cache, cached_property
from pathlib import Path

import pytest

PROJECT = Path(__file__).parents[1]
PACKAGES = ("kpi", "connectors", "pages", "sample", "benchmarks")

# What screens may know: how an edition is read. None of these knows how one is written.
READING = {
    f"kpi.{name}"
    for name in (
        "allowlist",
        "annotations",
        "answers",
        "association",
        "comparisons",
        "compiler",
        "contributions",
        "csv_export",
        "editions",
        "elsewhere",
        "event_study",
        "events",
        "excel_export",
        "explanation",
        "export",
        "expression",
        "files",
        "fitting",
        "formats",
        "grammar",
        "hourly",
        "intervals",
        "judge",
        "locales",
        "metric_entry",
        "model_check",
        "moving_together",
        "paper",
        "past",
        "period_rows",
        "periods",
        "plan",
        "prewhitening",
        "questions",
        "reach",
        "reader",
        "redefined",
        "refusal",
        "rejected",
        "remarks",
        "reports",
        "restated",
        "rollups",
        "row_words",
        "rows",
        "scorecard",
        "scorecard_export",
        "scorecard_pdf",
        "so_far",
        "spark_literals",
        "spark_sql",
        "spark_types",
        "summands",
        "targets",
        "trial",
        "vocabulary",
        "vocabulary_file",
        "ways",
        "written_numbers",
        "yaml_syntax",
        "yaml_text",
    )
}
# What several connectors share; every other module beside them is one connector or a part of one.
SHARED_BY_CONNECTORS = {
    "addresses",
    "answers",
    "bundles",
    "columns",
    "contract",
    "credentials",
    "episodes",
    "http",
    "limits",
    "paging",
    "patience",
    "pointers",
    "published",
    "refusals",
    "tables",
    "told_rows",
}
# A library is imported where it is wrapped, so that it can be exchanged in one place.
HOMES = {
    "ruamel": ("kpi/yaml_text.py",),
    "babel": ("kpi/locales.py",),
    # What people write is read in the first three; what is compiled is translated in the others.
    "sqlglot": (
        "kpi/allowlist.py",
        "kpi/expression.py",
        "kpi/summands.py",
        "kpi/spark_sql.py",
        "kpi/spark_types.py",
    ),
    "pyspark": ("kpi/spark.py",),
    "typer": ("kpi/__main__.py",),
    "requests": ("connectors/http.py",),
    "urllib3": ("connectors/answers.py", "connectors/refusals.py"),
    "openpyxl": ("connectors/workbook.py",),
    "xlsxwriter": ("kpi/excel_export.py",),
    "fpdf": ("kpi/paper.py",),
    "fontTools": ("kpi/paper.py",),
    "psycopg": ("connectors/databases/",),
    "sqlite3": ("connectors/databases/", "sample/"),
    "plotly": (
        "pages/parts/chart_layout.py",
        "pages/parts/charts.py",
        "pages/parts/relation_charts.py",
        "pages/parts/together_charts.py",
        "pages/parts/weeks_and_months_chart.py",
    ),
    "scipy": ("kpi/intervals.py",),
    "streamlit": ("dashboard.py", "pages/"),
    "starlette": ("dashboard.py",),
    "brotli": ("pages/parts/delivery.py",),
    "duckdb": ("kpi/",),
}
# Names that say nothing about what is inside.
EMPTY_NAMES = {"utils", "util", "helpers", "helper", "common", "core", "misc", "manager", "tools"}
# Searched for and not parsed, so that it is also found in scripts that tests write.
IMPORT_OF_A_TEST = re.compile(
    r"^ *(?:from|import) tests[\w.]*\.test_.*|^ *from tests[\w.]* import (?:\([^)]*|.*)\btest_.*",
    re.MULTILINE,
)
# What reaches outside the process.
REACHING = {
    "connect",
    "open",
    "read_text",
    "read_bytes",
    "write_text",
    "mkdir",
    "execute",
    "getenv",
    "urlopen",
    "Popen",
    "check_output",
    "mkdtemp",
}


@dataclass(frozen=True)
class Module:
    """One source file: its dotted name, its path in the project, and its tree."""

    name: str
    path: str
    tree: ast.Module

    @cached_property
    def imports(self) -> set[str]:
        """Every module that it imports, also inside functions."""
        return {name for node in ast.walk(self.tree) for name in imported(node)}

    @property
    def imports_at_once(self) -> set[str]:
        """The modules that are imported as soon as this one is."""
        return {name for node in at_import(self.tree) for name in imported(node)}


def imported(node: ast.AST) -> Iterator[str]:
    """The modules that an import statement names."""
    if isinstance(node, ast.Import):
        yield from (alias.name for alias in node.names)
    elif isinstance(node, ast.ImportFrom):
        assert node.level == 0, "imports name the whole way"
        yield from (_module_of(f"{node.module}.{alias.name}") for alias in node.names)


def _module_of(name: str) -> str:
    """A name without what is not a module of ours: a class, a function."""
    return (
        name if name in names() or name.split(".")[0] not in PACKAGES else name.rpartition(".")[0]
    )


def at_import(tree: ast.AST) -> Iterator[ast.AST]:
    """Everything that runs when a module is imported: not what functions do, nor type checkers."""
    for node in ast.iter_child_nodes(tree):
        if isinstance(node, (ast.FunctionDef, ast.AsyncFunctionDef, ast.Lambda)):
            continue
        if isinstance(node, ast.If) and ast.unparse(node.test) in (
            "TYPE_CHECKING",
            "__name__ == '__main__'",
        ):
            continue
        yield node
        yield from at_import(node)


@cache
def paths() -> tuple[Path, ...]:
    """Every Python file of the program, tests left out."""
    found = [path for package in PACKAGES for path in (PROJECT / package).rglob("*.py")]
    # What benchmarks compare with is installed there.
    data = PROJECT / "benchmarks" / "data"
    ours = sorted(path for path in found if not path.is_relative_to(data))
    return (PROJECT / "dashboard.py", *ours)


@cache
def names() -> frozenset[str]:
    """The dotted names of all modules of the program."""
    return frozenset(_dotted(path) for path in paths())


def _dotted(path: Path) -> str:
    parts = path.relative_to(PROJECT).with_suffix("").parts
    return ".".join(parts[:-1] if parts[-1] == "__init__" else parts)


@cache
def modules() -> tuple[Module, ...]:
    """Every module of the program, parsed."""
    return tuple(
        Module(_dotted(path), path.relative_to(PROJECT).as_posix(), ast.parse(path.read_text()))
        for path in paths()
    )


def within(*packages: str) -> list[Module]:
    """The modules of these packages."""
    return [m for m in modules() if m.name.split(".")[0] in packages]


def wrong(modules: list[Module], *forbidden: str) -> list[str]:
    """Imports from these packages or modules, as `who -> what`."""
    return [
        f"{module.name} -> {name}"
        for module in modules
        for name in sorted(module.imports)
        if any(name == each or name.startswith(f"{each}.") for each in forbidden)
    ]


# --- directions ---------------------------------------------------------------------------------


def test_modules_do_not_import_each_other_in_a_circle() -> None:
    graph = {module.name: module.imports_at_once & names() for module in modules()}
    done: set[str] = set()

    def circle(name: str, trail: tuple[str, ...]) -> tuple[str, ...] | None:
        if name in trail:
            return (*trail[trail.index(name) :], name)
        if name in done:
            return None
        found = next(filter(None, (circle(n, (*trail, name)) for n in graph[name])), None)
        done.add(name)
        return found

    assert [found for name in graph if (found := circle(name, ()))] == []


def test_screens_know_only_how_an_edition_is_read() -> None:
    screens = within("pages", "dashboard")
    kpi = {name for name in names() if name.startswith("kpi.")}

    assert wrong(screens, *(kpi - READING), "connectors", "sample", "benchmarks") == []


def test_what_reads_an_edition_does_not_know_how_one_is_written() -> None:
    reading = [module for module in modules() if module.name in READING]
    kpi = {name for name in names() if name.startswith("kpi.")}

    assert {module.name for module in reading} == READING
    assert wrong(reading, *(kpi - READING), "connectors") == []


def test_numbers_know_no_screen() -> None:
    assert wrong(within("kpi", "connectors", "sample"), "pages", "dashboard") == []


def test_connectors_know_nothing_of_what_becomes_of_their_rows() -> None:
    assert wrong(within("connectors"), "kpi", "sample", "duckdb") == []


def test_the_sample_company_knows_nothing_of_the_program() -> None:
    assert wrong(within("sample"), "kpi", "connectors", "duckdb") == []


def test_no_page_imports_a_page() -> None:
    pages = {name for name in names() if name.startswith("pages.") and name.count(".") == 1}
    pages -= {"pages.parts"}

    assert pages
    assert wrong(within("pages"), *pages) == []


def test_no_connector_imports_a_connector() -> None:
    beside = [module for module in within("connectors") if module.name.count(".") == 1]
    connectors = {module.name for module in beside if _is_connector(module)}

    assert connectors
    assert {name.partition(".")[2] for name in connectors}.isdisjoint(SHARED_BY_CONNECTORS)
    assert wrong(within("connectors"), *connectors) == []


def _is_connector(module: Module) -> bool:
    defined = {getattr(node, "name", None) for node in module.tree.body}
    return {"Options", "pull"} <= defined


def test_no_test_module_imports_another_test_module() -> None:
    found = [
        f"{path.relative_to(PROJECT).as_posix()}: {' '.join(match[0].split())}"
        for path in (PROJECT / "tests").rglob("*.py")
        for match in IMPORT_OF_A_TEST.finditer(path.read_text())
    ]

    assert found == []


@pytest.mark.parametrize(
    "name",
    [
        "allowlist",
        "compiler",
        "contributions",
        "expression",
        "formats",
        "judge",
        "locales",
        "period_rows",
        "periods",
        "plan",
        "questions",
        "spark_sql",
        "summands",
        "targets",
        "vocabulary",
    ],
)
def test_what_decides_is_pure(name: str) -> None:
    (module,) = [module for module in modules() if module.name == f"kpi.{name}"]

    assert wrong([module], "duckdb", "pandas", "pyarrow", "pathlib", "os", "kpi.editions") == []


# --- homes --------------------------------------------------------------------------------------


@pytest.mark.parametrize("library", HOMES)
def test_a_library_has_one_home(library: str) -> None:
    users = {m.path for m in modules() if any(n.split(".")[0] == library for n in m.imports)}
    users = {path for path in users if not path.startswith("benchmarks/")}

    assert users
    assert {path for path in users if not path.startswith(HOMES[library])} == set()


def test_duckdb_is_opened_for_writing_and_for_reading_in_one_place_each() -> None:
    openers = [
        module.path
        for module in within("kpi", "connectors", "pages", "sample", "dashboard")
        for node in ast.walk(module.tree)
        if isinstance(node, ast.Call) and ast.unparse(node.func) == "duckdb.connect"
    ]

    assert sorted(openers) == ["kpi/editions.py", "kpi/warehouse.py"]


def test_nothing_needs_spark_to_be_imported() -> None:
    waiting = [m.path for m in modules() if any(n.startswith("pyspark") for n in m.imports_at_once)]

    assert waiting == []


def test_a_pull_and_a_publish_do_not_wait_for_pandas() -> None:
    graph = {module.name: module.imports_at_once for module in modules()}
    reached, waiting = set(), ["kpi.__main__", "kpi.refresh"]
    while waiting:
        name = waiting.pop()
        reached.add(name)
        waiting += graph.get(name, set()) - reached

    assert "kpi.answers" in reached
    assert "pandas" not in reached


# --- names, docstrings, imports -----------------------------------------------------------------


def test_no_module_has_a_name_that_says_nothing() -> None:
    files = [*paths(), *(PROJECT / "tests").rglob("*.py")]
    named = {part for path in files for part in path.relative_to(PROJECT).with_suffix("").parts}

    assert named & EMPTY_NAMES == set()


def test_every_file_opens_with_a_sentence() -> None:
    files = [*paths(), *(PROJECT / "tests").rglob("*.py")]
    silent = [
        path.relative_to(PROJECT).as_posix()
        for path in files
        if path.read_text().strip() and not _opens_with_a_sentence(path)
    ]

    assert silent == []


def _opens_with_a_sentence(path: Path) -> bool:
    # Not parsed: that takes a hundred times as long as to look at its first lines.
    opening = re.match(r'"""(.+?)(?:\n\n|""")', path.read_text(), re.DOTALL)
    return opening is not None and opening[1].rstrip().endswith((".", ":", "?"))


def test_nothing_reaches_outside_when_a_module_is_imported() -> None:
    reaching = [
        f"{module.path}:{node.lineno}: {ast.unparse(node)}"
        for module in within("kpi", "connectors", "sample")
        for node in at_import(module.tree)
        if (isinstance(node, ast.Call) and _last_name(node.func) in REACHING)
        or (isinstance(node, ast.Attribute) and ast.unparse(node) == "os.environ")
    ]

    assert reaching == []


def _last_name(function: ast.expr) -> str:
    return ast.unparse(function).rpartition(".")[2]
