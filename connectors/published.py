"""Downloads published files, such as a sheet that is published as CSV."""

from __future__ import annotations

import contextlib
import datetime as dt
import os
import tempfile
from collections.abc import Iterator
from email.message import Message
from pathlib import Path, PurePosixPath
from urllib.parse import unquote, urlsplit

from connectors.contract import SourceError
from connectors.http import Answer, Session, shown_address

_LARGEST_FILE = 2 * 2**30
# So much of the beginning shows what a file is.
_HEAD = 512

_DATA_SUFFIXES = {".csv", ".tsv", ".txt", ".json", ".parquet", ".xlsx", ".xlsm", ".xls", ".gz"}
_SUFFIX_OF_TYPE = {
    "text/csv": ".csv",
    "application/csv": ".csv",
    "text/tab-separated-values": ".tsv",
    "application/json": ".json",
    "application/vnd.apache.parquet": ".parquet",
    "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet": ".xlsx",
    "application/vnd.ms-excel": ".xls",
}


def download(url: str, folder: Path, timeout: dt.timedelta) -> Path:
    """A published file, in `folder`, named after its address with the extension of what it is.

    Raises SourceError where it cannot be had, is a web page, or is larger than 2 GiB.
    """
    with Session(url, timeout=timeout) as session, _half_done(folder) as part:

        def save(answer: Answer) -> str:
            head = b""
            with part.open("wb") as file:
                for piece in answer.pieces(_LARGEST_FILE):
                    head += piece[: _HEAD - len(head)]
                    file.write(piece)
            if answer.is_web_page(head):
                raise SourceError(
                    f"{shown_address(url)} is a web page, not a file.",
                    "Publish the file itself (a sheet: publish to the web, as CSV), and check that "
                    "it opens without a login.",
                )
            name = _file_name(url, answer)
            # Unpacked on its way, as its headers said, it is no longer what its name says.
            return name if head.startswith(b"\x1f\x8b") else name.removesuffix(".gz")

        return part.replace(folder / session.read(save))


@contextlib.contextmanager
def _half_done(folder: Path) -> Iterator[Path]:
    """A file to write to that is gone afterwards, unless it was moved away."""
    folder.mkdir(parents=True, exist_ok=True)
    handle, name = tempfile.mkstemp(dir=folder, prefix=".download-")
    os.close(handle)
    try:
        yield Path(name)
    finally:
        Path(name).unlink(missing_ok=True)


def _file_name(url: str, answer: Answer) -> str:
    """A harmless file name; what the address says comes before what the answer says."""
    disposition = Message()
    disposition["Content-Disposition"] = answer.headers.get("Content-Disposition", "")
    asked = unquote(urlsplit(url).path)
    names = (asked, disposition.get_filename() or "", unquote(urlsplit(answer.url).path))
    kind = answer.headers.get("Content-Type", "").partition(";")[0].strip().lower()
    suffix = next(filter(None, map(_data_suffix, names)), _SUFFIX_OF_TYPE.get(kind, ""))
    stem = PurePosixPath(asked).name.removesuffix(_data_suffix(asked))
    plain = "".join(letter if letter.isalnum() or letter in "-_" else "-" for letter in stem)
    return (plain.strip("-")[:80] or "download") + suffix.lower()


def _data_suffix(name: str) -> str:
    """The ending that says what a file holds, such as .csv or .csv.gz; "" for any other."""
    suffixes = PurePosixPath(name).suffixes[-2:]
    while suffixes and not {suffix.lower() for suffix in suffixes} <= _DATA_SUFFIXES:
        suffixes.pop(0)
    return "".join(suffixes)
