"""Publishes editions: the working database is marked, copied whole, and then pointed at."""

from __future__ import annotations

import contextlib
import datetime as dt
import errno
import hashlib
import os
import re
import shutil
import time
import uuid
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from connectors.contract import SourceError
from kpi import currency, editions, history, imprint, known_answers, segments, touched
from kpi.currency import Gap
from kpi.draft import Draft
from kpi.edition_parts import put_parts
from kpi.editions import DatabaseError, NoEdition, Pointer
from kpi.engines import Engines, LakeReader, lake_reader
from kpi.files import UNFINISHED, flush, parts_folder
from kpi.history import Publication
from kpi.imprint import Declarations, Imprint
from kpi.known_answers import Failure
from kpi.refusal import Refusal, refusal_file
from kpi.rolling_up import roll_up
from kpi.segments import Segment
from kpi.sources import engine_address
from kpi.touched import Touched
from kpi.vocabulary_file import load_vocabulary
from kpi.warehouse import Warehouse
from kpi.yaml_text import Refused

if TYPE_CHECKING:
    import duckdb

_KEPT = 3
_EDITION = re.compile(r"(\d{6,})-[0-9a-f]+\.duckdb")
# A reader that was killed leaves the folder into which it had spilled.
_ABANDONED_AFTER = dt.timedelta(days=1)
Despite = Callable[[Sequence[Failure]], None]
_FULL = (errno.ENOSPC, errno.EDQUOT, errno.EFBIG)
_FULL_WORDS = tuple(os.strerror(number) for number in _FULL)
# The kernel cannot copy between these two files by itself.
_NO_SHORTCUT = (errno.EXDEV, errno.ENOSYS, errno.EOPNOTSUPP, errno.EINVAL, errno.EBADF)
_CHUNK = 1 << 24


class NotPublished(Exception):
    """The edition could not be written and the one before it stays."""

    def __init__(self, what: str, advice: str, *, unconfirmed: int = 0) -> None:
        super().__init__(f"{what} {advice}")
        self.what = what
        self.advice = advice
        self.unconfirmed = unconfirmed  # how many known answers did not hold


def is_current(home: Path, version: int, vocabulary_text: str, declarations: Declarations) -> bool:
    """Whether the pointer's edition already holds exactly this, and its file is there."""
    try:
        pointer = editions.current(home)
    except NoEdition:
        return False
    if pointer is None or not (editions.editions_folder(home) / pointer.file).exists():
        return False
    wanted = (version, _digest(vocabulary_text), declarations.fingerprint())
    return (pointer.version, pointer.vocabulary, pointer.sources) == wanted


@dataclass(frozen=True)
class Published:
    """What readers are pointed at now, and the money in it that has no exchange rate."""

    pointer: Pointer
    gaps: tuple[Gap, ...]


def publish(
    home: Path,
    warehouse_path: Path,
    vocabulary_text: str,
    sources: Declarations,
    now: dt.datetime,
    despite: Despite | None = None,
) -> Pointer:
    """Opens a working database and publishes it, as `publish_open` does."""
    with Warehouse(warehouse_path) as warehouse:
        return publish_open(home, warehouse, vocabulary_text, sources, now, despite).pointer


def publish_open(
    home: Path,
    warehouse: Warehouse,
    vocabulary_text: str,
    sources: Declarations,
    now: dt.datetime,
    despite: Despite | None = None,
    large: int = segments.LARGE,
    engines: Engines | None = None,
) -> Published:
    """Makes the working database and these definitions the current edition, and closes it.

    Whoever is killed in between leaves the edition before it in place. Raises Refused for a
    vocabulary with mistakes, NotPublished where the files cannot be written or a known answer does
    not hold; but where `despite` is given, that is told of such answers and nothing is held back.
    Tables with at least `large` rows are not copied: editions share the files of their rows. What
    lies in lakes is computed by `engines`.
    """
    vocabulary = load_vocabulary(vocabulary_text)
    columns = imprint.columns_of_facts(warehouse.connection)
    folder = editions.editions_folder(home)
    try:
        if problems := imprint.mismatches(warehouse.connection, vocabulary, columns):
            raise Refused(problems)
        folder.mkdir(parents=True, exist_ok=True)
        number = _next_number(home)
        # The unique part keeps a cleared folder's numbers from naming an old file again, which
        # a process that still has it open would then go on reading.
        name = f"{number:06d}-{uuid.uuid4().hex[:6]}.duckdb"
        _clear_leftovers(home)
        version = warehouse.version()
        gaps = currency.convert(warehouse.connection, vocabulary.currency, vocabulary.calendar)
        new = Imprint(number, now, version, vocabulary, sources, columns)
        reader = lake_reader(
            warehouse.connection, vocabulary, columns, engines or Engines(engine_address((), {}))
        )
        in_segments = _bring_up(home, warehouse.connection, new, large, reader)
        draft = Draft(warehouse.connection, vocabulary, reader)
        if failures := known_answers.failures(draft, vocabulary):
            if despite is None:
                raise _not_confirmed(home, failures)
            despite(failures)
        history.record(
            warehouse.connection, draft, Publication(number, name, now, _current_file(home))
        )
        reader.refuse_changed()
        touched.forget(warehouse.connection)
        if in_segments:
            put_parts(warehouse.connection, _segments_folder(home), in_segments, folder / name)
        segments.clear(warehouse.connection, _segments_folder(home))
        warehouse.checkpoint_and_close()
        vocabulary_digest = _digest(vocabulary_text)
        pointer = Pointer(number, name, now, version, vocabulary_digest, sources.fingerprint())
        if not in_segments:
            _put_copy(warehouse.path, folder / name)
        _point_at(home, pointer)
        clear_refusal(home)
        _clear_old(home, pointer)
    except SourceError as error:
        raise NotPublished(error.what, error.advice) from error
    except (OSError, DatabaseError) as error:
        # What nobody points at only takes up the space that is missing.
        with contextlib.suppress(OSError):
            _clear_leftovers(home)
        raise _not_published(home, error) from error
    return Published(pointer, gaps)


def _bring_up(
    home: Path,
    connection: duckdb.DuckDBPyConnection,
    new: Imprint,
    large: int,
    reader: LakeReader,
) -> dict[str, list[Segment]]:
    """Computes and writes what was touched since the last time; the segments of large tables."""
    changed = Touched(connection)
    imprint.write(connection, new, changed, reader)
    roll_up(connection, new.vocabulary, Draft(connection, new.vocabulary, reader).facts, changed)
    folder = _segments_folder(home)
    here = {table: kinds for table, kinds in new.columns.items() if table not in reader.tables}
    return segments.bring_up(connection, folder, new.vocabulary, here, changed, large)


def _segments_folder(home: Path) -> Path:
    return home / "data" / "segments"


def note_refusal(home: Path, refusal: Refusal) -> None:
    """Leaves word for the readers of the edition that stays; without one there is nobody to tell.

    That it cannot be written changes nothing: whoever refreshes is told the reason anyway.
    """
    if editions.editions_folder(home).is_dir():
        with contextlib.suppress(OSError):
            _put_text(refusal_file(home), refusal.to_json())


def clear_refusal(home: Path) -> None:
    """Takes back what was left there, because the edition holds what the files say."""
    with contextlib.suppress(OSError):
        refusal_file(home).unlink(missing_ok=True)


def full_disk(error: BaseException) -> BaseException | None:
    """The error itself or its cause that says that nothing more can be written to disk."""
    if isinstance(error, OSError) and error.errno in _FULL:
        return error
    if any(words in str(error) for words in _FULL_WORDS):
        return error
    cause = error.__cause__ or error.__context__
    return full_disk(cause) if cause is not None else None


def _put_copy(source: Path, target: Path) -> None:
    """A whole copy under its final name, or nothing under that name."""
    log = source.with_name(source.name + ".wal")
    if log.exists() and log.stat().st_size:
        # A copy without its log would silently lack committed rows.
        raise NotPublished(
            f"{log.name} is still there after a checkpoint.",
            "Run the refresh again; if it stays, another program has the database open.",
        )
    unfinished = target.with_name(target.name + UNFINISHED)
    try:
        _copy(source, unfinished)
        unfinished.replace(target)
    finally:
        unfinished.unlink(missing_ok=True)
    flush(target.parent)


def _copy(source: Path, target: Path) -> None:
    with source.open("rb", buffering=0) as reading, target.open("xb", buffering=0) as writing:
        size = os.fstat(reading.fileno()).st_size
        if not _copied_by_kernel(reading.fileno(), writing.fileno(), size):
            shutil.copyfileobj(reading, writing, _CHUNK)
        os.fsync(writing.fileno())


def _copied_by_kernel(reading: int, writing: int, size: int) -> bool:
    """Lets the file system share blocks where it can; False before the first byte if it cannot."""
    if not hasattr(os, "copy_file_range"):
        return False
    done = 0
    while done < size:
        try:
            step = os.copy_file_range(reading, writing, size - done)
        except OSError as error:
            if done == 0 and error.errno in _NO_SHORTCUT:
                return False
            raise
        if step == 0:
            raise OSError(errno.EIO, "the working database became shorter while it was copied")
        done += step
    return True


def _point_at(home: Path, pointer: Pointer) -> None:
    _put_text(editions.pointer_file(home), pointer.to_json())


def _put_text(file: Path, text: str) -> None:
    """The whole text under this name, or what was there before."""
    # Two processes may be refused at once, outside the lock.
    unfinished = file.with_name(f"{file.name}-{uuid.uuid4().hex[:6]}{UNFINISHED}")
    try:
        with unfinished.open("w", encoding="utf-8") as writing:
            writing.write(text)
            writing.flush()
            os.fsync(writing.fileno())
        unfinished.replace(file)
    finally:
        unfinished.unlink(missing_ok=True)
    flush(file.parent)


def _current_file(home: Path) -> str | None:
    """The file that readers are reading; None where no pointer says so."""
    try:
        pointer = editions.current(home)
    except NoEdition:
        return None
    return pointer.file if pointer else None


def _next_number(home: Path) -> int:
    """One more than every number that was ever used here, published or not."""
    used = [number for number, _ in _numbered(editions.editions_folder(home))]
    with contextlib.suppress(NoEdition):
        pointer = editions.current(home)
        used.append(pointer.number if pointer else 0)
    return max(used, default=0) + 1


def _clear_leftovers(home: Path) -> None:
    """What a killed publish or a killed reader left behind."""
    folder = editions.editions_folder(home)
    # A database that was being written has its log beside it.
    for file in folder.glob(f"*{UNFINISHED}*"):
        file.unlink(missing_ok=True)
    long_ago = time.time() - _ABANDONED_AFTER.total_seconds()
    for spilled in folder.glob("*.duckdb.tmp"):
        if spilled.stat().st_mtime < long_ago:
            shutil.rmtree(spilled, ignore_errors=True)
    try:
        pointer = editions.current(home)
    except NoEdition:
        return
    for number, file in _numbered(folder):
        # Copied, but never pointed at.
        if pointer is None or number > pointer.number:
            _remove(file)
    editions_there = {parts_folder(file) for _, file in _numbered(folder)}
    for parts in set(folder.glob("*.parts")) - editions_there:
        shutil.rmtree(parts, ignore_errors=True)


def _clear_old(home: Path, pointer: Pointer) -> None:
    published = sorted(_numbered(editions.editions_folder(home)))
    for number, file in published[:-_KEPT]:
        if number != pointer.number:
            _remove(file)


def _remove(edition: Path) -> None:
    """Removes an edition, its own file first: without it nobody looks for the rest."""
    edition.unlink(missing_ok=True)
    shutil.rmtree(parts_folder(edition), ignore_errors=True)


def _numbered(folder: Path) -> Iterator[tuple[int, Path]]:
    for file in folder.iterdir():
        match = _EDITION.fullmatch(file.name)
        if match:
            yield int(match[1]), file


def _not_confirmed(home: Path, failures: Sequence[Failure]) -> NotPublished:
    one = len(failures) == 1
    first = f"{'A known answer does' if one else f'{len(failures)} known answers do'} not hold:"
    stays = "The edition before it stays." if _current_file(home) else "Nothing is published."
    return NotPublished(
        "\n".join((first, *map(str, failures), f"{stays} Mend the facts or the entry;")),
        "where the number is right, change `equals` or refresh with --publish-anyway.",
        unconfirmed=len(failures),
    )


def _not_published(home: Path, error: OSError | DatabaseError) -> NotPublished:
    where = editions.editions_folder(home)
    if full := full_disk(error):
        what = f"The new edition could not be written to {where}: the disk is full ({full})."
        return NotPublished(what, "Free some space and run `python -m kpi refresh` again.")
    what = f"The new edition could not be written to {where}: {error}."
    return NotPublished(what, "Mend that and run `python -m kpi refresh` again.")


def _digest(text: str) -> str:
    return hashlib.sha256(text.encode()).hexdigest()
