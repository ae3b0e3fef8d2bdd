"""The command line: `python -m kpi COMMAND`; data goes to stdout, narration to stderr."""

from __future__ import annotations

import contextlib
import datetime as dt
import os
import signal
import sys
import time
from collections.abc import Iterable
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

try:
    import typer
except ModuleNotFoundError:
    # Almost always the system's own Python, where the project's stands in .venv.
    sys.exit("This Python lacks what requirements.txt lists. Use .venv/bin/python -m kpi ...")

from kpi.stdout import Format, write

if TYPE_CHECKING:
    from kpi.answers import Answer
    from kpi.editions import Edition
    from kpi.questions import Question

PROJECT = Path(__file__).parents[1]
FAILED = 1
WRONG = 2
_LOOK_EVERY = 0.3  # seconds between two looks at the files

app = typer.Typer(
    name="kpi",
    help="One vocabulary, one edition of the numbers, for IT and business alike.",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
)


source = typer.Typer(no_args_is_help=True, help="Sets sources up.")
app.add_typer(source, name="source")


def _day(text: str) -> dt.date:
    """A day, or the first one of a month, a quarter or a year, as people write them."""
    from kpi.periods import Calendar, parse_period

    period = parse_period(Calendar(), text)
    if period is None:
        raise typer.BadParameter(f"'{text}' is no day. Write 2026-09-01, or 2026-09.")
    return period.start


@app.callback()
def main(
    context: typer.Context,
    home: Annotated[
        Path,
        typer.Option(
            envvar="KPI_HOME",
            help="The folder with metrics.yaml, sources.yaml and data/.",
            show_default="the project",
            exists=True,
            file_okay=False,
            resolve_path=True,
        ),
    ] = PROJECT,
) -> None:
    context.obj = home


@app.command()
def sample(context: typer.Context) -> None:
    """Writes the sample company's exports under data/sample/."""
    from sample import company

    folder = context.obj / "data" / "sample"
    files = company.write(folder)
    _say(f"{len(files)} exports of the sample company are in {folder}.")


@app.command()
def refresh(
    context: typer.Context,
    sources: Annotated[list[str] | None, typer.Argument(metavar="[SOURCE]...")] = None,
    due: Annotated[bool, typer.Option("--due", help="Only sources whose time has come.")] = False,
    full: Annotated[bool, typer.Option("--full", help="Start these sources over.")] = False,
    reconcile: Annotated[
        bool, typer.Option("--reconcile", help="Then mark what the systems have no more.")
    ] = False,
    reconcile_anyway: Annotated[
        bool, typer.Option("--reconcile-anyway", help="Also where very many rows would vanish.")
    ] = False,
    no_pull: Annotated[bool, typer.Option("--no-pull", help="Only publish.")] = False,
    publish_anyway: Annotated[
        bool, typer.Option("--publish-anyway", help="Also where a known answer does not hold.")
    ] = False,
) -> None:
    """Pulls from the sources, merges what is new, and publishes an edition."""
    from kpi import timetable
    from kpi.clock import utc_now

    if due and not (sources or no_pull) and timetable.is_idle(context.obj, os.environ, utc_now()):
        return
    # Everything that follows takes a second to import: a timer that has nothing to do spares it.
    from kpi.refresh import refresh as run

    outcome = run(
        context.obj,
        sources or (),
        full=full,
        no_pull=no_pull,
        due=due,
        reconcile=reconcile,
        reconcile_anyway=reconcile_anyway,
        publish_anyway=publish_anyway,
    )
    raise typer.Exit(outcome.exit_code)


@app.command()
def schedule(context: typer.Context) -> None:
    """Refreshes whenever a source is due, until it is stopped: for where there is no cron."""
    from kpi.clock import utc_now
    from kpi.scheduling import schedule as run
    from kpi.voice import TerminalVoice

    raise typer.Exit(run(context.obj, TerminalVoice(), utc_now, os.environ))


@app.command()
def check(
    context: typer.Context,
    again: Annotated[
        bool,
        typer.Option("--watch", help="Check at every save; show the values of edited entries."),
    ] = False,
) -> None:
    """Checks both YAML files, against each other and the facts; then asks the known answers."""
    from kpi.check import check_home
    from kpi.known_answers import check_known_answers

    if again:
        _watch(context.obj)
        return
    problems, notes = check_home(context.obj)
    for note in notes:
        _say(note)
    for problem in problems:
        _say(str(problem))
    if problems:
        _say(f"{len(problems)} mistake{'s' * (len(problems) > 1)}.")
        raise typer.Exit(WRONG)
    failures, notes = check_known_answers(context.obj)
    for said in (*notes, *failures):
        _say(str(said))
    if failures:
        raise typer.Exit(FAILED)


@app.command()
def schema() -> None:
    """Prints metrics.schema.json, by which an editor completes and checks metrics.yaml."""
    from kpi.schema import schema_text

    print(schema_text(), end="")


@app.command()
def query(
    context: typer.Context,
    metrics: Annotated[list[str], typer.Argument(metavar="METRIC...")],
    grain: Annotated[
        str, typer.Option(help="day, week, month, quarter, year, or total.")
    ] = "month",
    by: Annotated[list[str] | None, typer.Option(help="A dimension; may be repeated.")] = None,
    where: Annotated[
        list[str] | None,
        typer.Option(help="A condition over dimensions, \"region = 'EMEA'\"; may be repeated."),
    ] = None,
    start: Annotated[
        dt.date | None,
        typer.Option("--from", parser=_day, metavar="DAY", help="First day, or 2026-03, 2026-Q1."),
    ] = None,
    end: Annotated[
        dt.date | None,
        typer.Option("--to", parser=_day, metavar="DAY", help="Day after the last."),
    ] = None,
    format: Annotated[Format, typer.Option(help="How to write the answer.")] = Format.table,
    sql: Annotated[bool, typer.Option("--sql", help="Print the statement instead.")] = False,
    explain: Annotated[
        bool, typer.Option("--explain", help="Say instead which way each number is computed.")
    ] = False,
    spark: Annotated[
        str | None,
        typer.Option(help="The Spark cluster that answers, sc://host:15002; or SPARK_REMOTE."),
    ] = None,
    lake: Annotated[
        Path | None, typer.Option(help="Have a cluster answer, from the facts in this lake.")
    ] = None,
) -> None:
    """Answers from the current edition."""
    from kpi.questions import QuestionRefused
    from kpi.remarks import remarks

    question = _question(metrics, grain, by or (), where or (), start, end)
    edition = _latest(context.obj)
    _say_deprecated(edition, question)
    try:
        if sql:
            _print_statement(edition, question)
            return
        if explain:
            _write_ways(edition, question, format)
            return
        answer = _answer(context.obj, edition, question, spark, lake)
    except QuestionRefused as error:
        _say(str(error))
        _say_unpublished(context.obj, edition, question)
        raise typer.Exit(WRONG) from None
    _write_answer(question, answer, format)
    for remark in remarks(edition, question, answer):
        _say(remark)


def _question(
    metrics: Iterable[str],
    grain: str,
    by: Iterable[str],
    where: Iterable[str],
    start: dt.date | None,
    end: dt.date | None,
) -> Question:
    """What is asked; a metric or a dimension that is named twice is asked for once."""
    from kpi.questions import Question

    once = dict.fromkeys
    return Question(tuple(once(metrics)), grain, tuple(once(by)), tuple(where), start, end)


def _say_deprecated(edition: Edition, question: Question) -> None:
    for name in question.metrics:
        metric = edition.vocabulary.metrics.get(name)
        if metric is not None and metric.deprecated:
            _say(f"'{name}' is deprecated. Use '{metric.deprecated}' instead.")


def _print_statement(edition: Edition, question: Question) -> None:
    from kpi.answers import statement

    print(statement(edition, question).sql)


def _write_ways(edition: Edition, question: Question, format: Format) -> None:
    from kpi.ways import ways

    rows = [{**vars(way), "way": str(way)} for way in ways(edition, question)]
    write(format, ["metric", "of", "table", "way"], rows)


def _answer(
    home: Path, edition: Edition, question: Question, spark: str | None, lake: Path | None
) -> Answer:
    """The answer of a cluster where one or a lake is named, else that of the edition."""
    from kpi.answers import ask

    if spark is not None or lake is not None:
        return _ask_cluster(edition, question, spark, lake)
    if any(facts.reader is not None for facts in edition.facts.values()):
        return _ask_lakes(home, edition, question)
    return ask(edition, question)


def _ask_lakes(home: Path, edition: Edition, question: Question) -> Answer:
    """The answer of an edition and of the lakes in which some of its facts lie."""
    from connectors.contract import SourceError
    from kpi.answers import ask
    from kpi.engines import Engines, asking
    from kpi.sources import EngineAddress, engine_address, load
    from kpi.yaml_text import Refused

    try:
        # Looked up only when something has to be asked there.
        def address(source: str) -> EngineAddress:
            return engine_address(load(home).sources, os.environ)(source)

        with Engines(address) as engines:
            readable, reader = asking(edition, engines)
            answer = ask(readable, question)
            reader.refuse_changed()
            return answer
    except SourceError as error:
        _say(str(error))
        raise typer.Exit(FAILED) from None
    except Refused as refused:
        _say(str(refused))
        raise typer.Exit(WRONG) from None


def _ask_cluster(
    edition: Edition, question: Question, address: str | None, lake: Path | None
) -> Answer:
    """The answer of a cluster, or the end of the command with what is wrong."""
    from connectors.contract import SourceError
    from kpi.answers import ask
    from kpi.lake import NoLake, on_cluster
    from kpi.spark import cluster

    address = address or os.environ.get("SPARK_REMOTE")
    if lake is None:
        _say("--spark needs the facts that the cluster reads: --lake DIR.")
        raise typer.Exit(WRONG)
    if address is None:
        _say("--lake needs the cluster that reads it: --spark sc://host:15002, or SPARK_REMOTE.")
        raise typer.Exit(WRONG)
    try:
        with cluster(address) as opened:
            asked = on_cluster(edition, question.metrics, opened, lake)
            answer = ask(asked, question)
            asked.refuse_changed()
            return answer
    except NoLake as error:
        _say(str(error))
        raise typer.Exit(WRONG) from None
    except SourceError as error:
        _say(str(error))
        raise typer.Exit(FAILED) from None


def _say_unpublished(home: Path, edition: Edition, question: Question) -> None:
    """Says which of the metrics were written after the edition was published."""
    from kpi.check import unpublished

    for name in unpublished(home, edition.vocabulary, question.metrics):
        _say(
            f"'{name}' stands in metrics.yaml and is not published yet: "
            "python -m kpi refresh --no-pull"
        )


def _write_answer(question: Question, answer: Answer, format: Format) -> None:
    """Writes a row for each number."""
    rows = [
        {
            "metric": cell.metric,
            "period": cell.period.isoformat() if cell.period else None,
            **dict(zip(question.by, map(_plain, cell.keys), strict=True)),
            "value": cell.value,
            "n": cell.n,
            "complete": cell.complete,
        }
        for cell in answer.cells
    ]
    write(format, ["metric", "period", *question.by, "value", "n", "complete"], rows)


@app.command("lake")
def write_lake(
    context: typer.Context,
    folder: Annotated[Path, typer.Argument(help="Where to; the cluster must see it, too.")],
) -> None:
    """Writes the facts of the current edition as Parquet, by table and month, for a cluster."""
    from kpi import lake

    edition = _latest(context.obj)
    try:
        rows = lake.write(edition, folder)
    except OSError as error:
        _say(f"The facts could not be written to {folder}: {error}.")
        raise typer.Exit(FAILED) from None
    _say(f"Wrote {rows:,} rows of edition {edition.number} to {folder / str(edition.number)}.")


@app.command("scorecard")
def scorecard_file(
    context: typer.Context,
    out: Annotated[Path, typer.Option(help="Where to: its ending says what, .pdf .xlsx .csv.")],
    grain: Annotated[str, typer.Option(help="day, week, month, quarter, or year.")] = "week",
) -> None:
    """Writes the scorecard of the current edition into a file, to be sent."""
    from kpi.clock import utc_now
    from kpi.csv_export import csv_text
    from kpi.excel_export import excel_bytes
    from kpi.periods import GRAINS
    from kpi.scorecard import scorecard
    from kpi.scorecard_export import scorecard_export
    from kpi.scorecard_pdf import scorecard_pdf

    if grain not in GRAINS or out.suffix not in (".pdf", ".xlsx", ".csv"):
        _say(f"A grain is one of {', '.join(GRAINS)}; a file ends with .pdf, .xlsx or .csv.")
        raise typer.Exit(WRONG)
    edition = _latest(context.obj)
    card = scorecard(edition, grain, now=utc_now())
    vocabulary = edition.vocabulary
    if out.suffix == ".pdf":
        written = scorecard_pdf(edition, card, lambda row: True)
    else:
        made = scorecard_export(edition, card, lambda row: True)
        if out.suffix == ".xlsx":
            written = excel_bytes(made, vocabulary.formats)
        else:
            written = csv_text(made.columns, made.rows, vocabulary.calendar).encode()
    try:
        out.write_bytes(written)
    except OSError as error:
        _say(f"{out} cannot be written: {error.strerror}.")
        raise typer.Exit(FAILED) from None
    _say(f"The scorecard of edition {edition.number} is in {out}.")


@app.command()
def metrics(
    context: typer.Context,
    words: Annotated[list[str] | None, typer.Argument(metavar="[WORD]...")] = None,
    format: Annotated[Format, typer.Option(help="How to write the list.")] = Format.table,
) -> None:
    """The metrics that can be asked for; with words those that are called so."""
    from kpi import listing

    write(format, listing.METRICS, listing.metrics(_latest(context.obj).vocabulary, words or []))


@app.command()
def tables(
    context: typer.Context,
    names: Annotated[list[str] | None, typer.Argument(metavar="[TABLE]...")] = None,
    format: Annotated[Format, typer.Option(help="How to write the list.")] = Format.table,
) -> None:
    """The fact tables with their columns: what a value can be made of."""
    from kpi import listing
    from kpi.yaml_text import nearest

    edition = _latest(context.obj)
    unknown = [name for name in names or () if name not in edition.tables]
    for name in unknown:
        hint = nearest(name, edition.tables) or f"There are: {', '.join(sorted(edition.tables))}."
        _say(f"There is no fact table '{name}'. {hint}")
    if unknown:
        raise typer.Exit(WRONG)
    write(format, listing.TABLES, listing.tables(edition, names or []))


@app.command()
def restated(
    context: typer.Context,
    metrics: Annotated[list[str] | None, typer.Argument(metavar="[METRIC]...")] = None,
    format: Annotated[Format, typer.Option(help="How to write the list.")] = Format.table,
) -> None:
    """Published numbers that a later edition changed, the newest first; times are UTC."""
    from kpi.restated import read_log
    from kpi.yaml_text import nearest

    edition = _latest(context.obj)
    log = read_log(edition.query)
    # What is defined no more may still have been restated while it was.
    known = dict.fromkeys((*edition.vocabulary.metrics, *(key[0] for key, _ in log)))
    unknown = [name for name in metrics or () if name not in known]
    for name in unknown:
        hint = nearest(name, known) or "See the vocabulary for what there is."
        _say(f"There is no metric '{name}'. {hint}")
    if unknown:
        raise typer.Exit(WRONG)
    rows = [
        {
            "metric": metric,
            "grain": grain,
            "period": period.isoformat(),
            "old": what.old,
            "new": what.new,
            "edition": what.edition,
            "at": what.at.isoformat(timespec="seconds"),
            "cause": what.cause,
        }
        for (metric, grain, period), what in log
        if not metrics or metric in metrics
    ]
    columns = ["metric", "grain", "period", "old", "new", "edition", "at", "cause"]
    write(format, columns, rows)
    if not rows:
        _say("Nothing was restated.")


@app.command()
def sources(context: typer.Context) -> None:
    """What each source last brought, its age and its rejects."""
    from kpi.clock import utc_now
    from kpi.editions import freshness
    from kpi.formats import age

    edition = _latest(context.obj)
    rows = []
    for report in edition.reports:
        fresh = freshness(report, utc_now())
        rows.append(
            {
                "source": report.source,
                "system": report.system,
                "freshness": fresh.word,
                "age": age(fresh.age) if fresh.age is not None else None,
                "rows": report.rows_total,
                "new": report.new_rows,
                "changed": report.changed_rows,
                "rejected (7 d)": report.rejected_7d,
                "error": " ".join(filter(None, (report.error, report.advice))) or None,
            }
        )
    columns = ["source", "system", "freshness", "age", "rows", "new", "changed"]
    write(Format.table, [*columns, "rejected (7 d)", "error"], rows)


@source.command("check")
def source_check(
    context: typer.Context,
    names: Annotated[list[str] | None, typer.Argument(metavar="[SOURCE]...")] = None,
) -> None:
    """Proves that sources can be pulled: reached, let in, one record read. Pulls nothing."""
    from kpi.clock import utc_now
    from kpi.proving import prove
    from kpi.voice import TerminalVoice

    raise typer.Exit(prove(context.obj, names or (), TerminalVoice(), utc_now, os.environ))


@source.command("add")
def source_add(
    context: typer.Context,
    system: Annotated[str, typer.Argument(help="A connector: file, sql, ...")],
    name: Annotated[str | None, typer.Argument(show_default="as the system")] = None,
    print_: Annotated[bool, typer.Option("--print", help="Only print the entry.")] = False,
) -> None:
    """Writes an entry for a system into sources.yaml, ready to be edited."""
    from kpi.adding import NotAdded, add, entry
    from kpi.yaml_text import Refused

    name = name or system
    try:
        if print_:
            print(entry(system, name), end="")
            return
        added = add(context.obj, system, name)
    except Refused as refused:
        for problem in refused.problems:
            _say(str(problem))
        raise typer.Exit(WRONG) from None
    except NotAdded as error:
        _say(str(error))
        raise typer.Exit(WRONG) from None
    except OSError as error:
        _say(f"sources.yaml cannot be written: {error.strerror}. Check who may write there.")
        raise typer.Exit(FAILED) from None
    _say(f"'{name}' is in sources.yaml now, line {added.line}: edit it to say what is yours.")
    for variable in added.variables:
        is_set = "is set" if os.environ.get(variable) else "is not set yet"
        _say(f"It needs the environment variable {variable}, which {is_set}.")
    _say(f"Then: python -m kpi source check {name}")


def _latest(home: Path) -> Edition:
    """The current edition; ends the command where there is none."""
    from kpi.editions import NoEdition, latest

    try:
        return latest(home)
    except NoEdition as error:
        _say(str(error))
        raise typer.Exit(FAILED) from None


def _plain(value: Any) -> Any:
    return value if value is None or isinstance(value, (str, int, float, bool)) else str(value)


def _watch(home: Path) -> None:
    from kpi.watching import watch

    # Ctrl-C is how it is meant to end, also where a shell that started it has that ignored.
    signal.signal(signal.SIGINT, signal.default_int_handler)
    with contextlib.suppress(KeyboardInterrupt):
        watch(home, _say, lambda: time.sleep(_LOOK_EVERY))


def _say(text: str) -> None:
    print(text, file=sys.stderr)


if __name__ == "__main__":
    app(prog_name="kpi")
