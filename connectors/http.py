"""Asks systems over HTTP: timeouts everywhere, bounded retries, no secret to a stranger."""

from __future__ import annotations

import base64
import contextlib
import datetime as dt
import json
import os
import tempfile
import time
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from email.message import Message
from pathlib import Path, PurePosixPath
from types import TracebackType
from typing import Any
from urllib.parse import SplitResult, unquote, urljoin, urlsplit, urlunsplit

import requests
from urllib3 import BaseHTTPResponse, Retry, exceptions

from connectors.contract import SourceError
from connectors.refusals import Rejected, rejected, unauthorised, unreached

__all__ = ["Credential", "Rejected", "Session", "basic", "bearer", "download", "shown_address"]

# A longer wait belongs to the next refresh: the other sources are queueing behind this one.
_LONGEST_WAIT = 60.0
_LARGEST_ANSWER = 256 * 2**20
_LARGEST_FILE = 2 * 2**30
# `timeout` bounds a silence; a whole body may take this many of them, however slowly it drips.
_TIMEOUTS_A_BODY = 10
_PIECE = 64 * 1024
# So much of the beginning shows what a body is, or makes a sentence of an error.
_HEAD = 512
_EXCERPT = 300

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


@dataclass(frozen=True)
class Credential:
    """Secret headers, and what an operator calls them: the key in `sources.yaml`."""

    key: str
    headers: Mapping[str, str] = field(repr=False)


def bearer(token: str) -> Credential:
    """A token as most systems want it."""
    return Credential("`token`", {"Authorization": f"Bearer {token}"})


def basic(user: str, password: str, key: str = "`user` and `password`") -> Credential:
    """A user with a password (HTTP Basic)."""
    pair = base64.b64encode(f"{user}:{password}".encode()).decode()
    return Credential(key, {"Authorization": f"Basic {pair}"})


def shown_address(url: str) -> str:
    """The address as it may be shown: without user, password, query and fragment."""
    parts = _split(url)
    return urlunsplit(parts._replace(netloc=_host(parts), query="", fragment=""))


class Session:
    """Asks one system, at one base address, with one credential; close it after use.

    `timeout` bounds the connecting and every silence. `headers` are sent along with the
    credential's; none of either ever goes to another host.
    """

    def __init__(
        self,
        url: str,
        *,
        timeout: dt.timedelta,
        credential: Credential | None = None,
        headers: Mapping[str, str] | None = None,
    ) -> None:
        parts = _split(url)
        if parts.username is not None and credential is None:
            user, password = unquote(parts.username), unquote(parts.password or "")
            credential = basic(user, password, "the user and password in the address")
        self._base = parts._replace(netloc=_host(parts), fragment="")
        self._key = credential.key if credential else None
        self._timeout = timeout.total_seconds()
        self._session = _Redirecting({**(headers or {}), **(credential or _NOBODY).headers})

    def __enter__(self) -> Session:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.close()

    def close(self) -> None:
        """Closes the connections."""
        self._session.close()

    def json(
        self,
        path: str,
        params: Mapping[str, Any] | None = None,
        data: Mapping[str, Any] | None = None,
    ) -> Any:
        """What the system answers at `path` under the base address.

        With `data` it is sent as a form (POST), which long questions need. Only for reading: an
        answer that does not come is asked for again. Raises Rejected for an answer that says no,
        SourceError for none, for one that is no JSON, or for more than 256 MiB.
        """
        with self.answer(path, params, data) as response:
            body = b"".join(self.body(response, _LARGEST_ANSWER))
            where, is_page = shown_address(response.url), _is_page(response, body)
        if is_page:
            raise SourceError(
                f"{where} answered with a web page instead of data.",
                "Check `url`: it may lead to a login or to a start page, not to the interface.",
            )
        try:
            return json.loads(body)
        except (ValueError, RecursionError):
            raise SourceError(
                f"{where} answered with something that is not JSON: {_excerpt(body)!r}.",
                "Check that `url` leads to the right system.",
            ) from None

    @contextlib.contextmanager
    def answer(
        self,
        path: str = "",
        params: Mapping[str, Any] | None = None,
        data: Mapping[str, Any] | None = None,
    ) -> Iterator[requests.Response]:
        """A good answer, its body still unread; raises Rejected or SourceError for any other."""
        url = self._address(path)
        try:
            response = self._session.request(
                "GET" if data is None else "POST",
                url,
                params=params,
                data=data,
                timeout=self._timeout,
                stream=True,
                # A redirected form becomes a bare GET, or goes on to a stranger.
                allow_redirects=data is None,
            )
        except _Postponed as error:
            raise SourceError(
                f"{shown_address(url)} asks us to wait {error.seconds:.0f} seconds.",
                "The next refresh asks again; refresh this source less often with `every`.",
            ) from None
        except requests.TooManyRedirects:
            raise SourceError(
                f"{shown_address(url)} sends us in a circle.",
                "Open it in a browser without a login, and write the address where you end.",
            ) from None
        except requests.RequestException as error:
            # Its text holds the whole address with its secrets, so it is not chained either.
            raise unreached(shown_address(url), error, self._timeout) from None
        with response:
            self._refuse_all_but_good(response)
            yield response

    def body(self, response: requests.Response, largest: int) -> Iterator[bytes]:
        """The body in pieces; raises SourceError where it breaks off, drags on or is too large."""
        where = shown_address(response.url)
        deadline = time.monotonic() + _TIMEOUTS_A_BODY * self._timeout
        size = 0
        try:
            # read1 gives what has come so far: read would wait for a full piece, past the deadline.
            while piece := response.raw.read1(_PIECE, decode_content=True):
                size += len(piece)
                if size > largest:
                    raise SourceError(
                        f"{where} sends more than {largest // 2**20} MiB.", "Ask for less at once."
                    )
                if time.monotonic() > deadline:
                    raise SourceError(
                        f"{where} was still sending after {_TIMEOUTS_A_BODY} times `timeout`.",
                        "Ask for less at once, or raise `timeout`.",
                    )
                yield piece
        except (exceptions.HTTPError, OSError) as error:
            raise unreached(where, error, self._timeout) from None

    def _address(self, path: str) -> str:
        if path:
            path = f"{self._base.path.rstrip('/')}/{path.lstrip('/')}"
        return urlunsplit(self._base._replace(path=path or self._base.path))

    def _refuse_all_but_good(self, response: requests.Response) -> None:
        where, status, reason = shown_address(response.url), response.status_code, response.reason
        if 200 <= status < 300:
            return
        if response.is_redirect:
            target = shown_address(urljoin(response.url, response.headers["Location"]))
            raise SourceError(
                f"{where} has moved to {target}.",
                "Write that address as `url`; if it is a login page, a credential is missing.",
            )
        said = self._said(response)
        if status in (401, 403):
            held_back = self._session.held_back(response.request)
            raise unauthorised(where, status, reason, said, self._key, held_back)
        raise rejected(where, status, reason, said)

    def _said(self, response: requests.Response) -> str:
        """The system's own words for its refusal, in one line; a web page has none."""
        try:
            body = next(self.body(response, _LARGEST_ANSWER), b"")
        except SourceError:
            return ""
        try:
            said = json.loads(body)
        except (ValueError, RecursionError):
            return "" if _is_page(response, body) else _excerpt(body)
        for key in ("error", "message", "detail"):
            if isinstance(said, dict):
                said = said.get(key) or said
        return _excerpt((said if isinstance(said, str) else json.dumps(said)).encode())


def download(url: str, folder: Path, timeout: dt.timedelta) -> Path:
    """A published file, in `folder`, named after its address with the extension of what it is.

    Raises SourceError where it cannot be had, is a web page, or is larger than 2 GiB.
    """
    with (
        Session(url, timeout=timeout) as session,
        session.answer() as response,
        _half_done(folder) as part,
    ):
        head = b""
        with part.open("wb") as file:
            for piece in session.body(response, _LARGEST_FILE):
                head += piece[: _HEAD - len(head)]
                file.write(piece)
        if _is_page(response, head):
            raise SourceError(
                f"{shown_address(url)} is a web page, not a file.",
                "Publish the file itself (a sheet: publish to the web, as CSV), and check that it "
                "opens without a login.",
            )
        name = _file_name(url, response)
        if name.endswith(".gz") and not head.startswith(b"\x1f\x8b"):
            name = name.removesuffix(".gz")  # unpacked on its way, as its headers said
        return part.replace(folder / name)


_NOBODY = Credential("", {})


class _Postponed(Exception):
    def __init__(self, seconds: float) -> None:
        super().__init__(seconds)
        self.seconds = seconds


class _Patience(Retry):
    """Waits as long as the system asks, within reason."""

    def get_retry_after(self, response: BaseHTTPResponse) -> float | None:
        try:
            seconds = super().get_retry_after(response)
        except exceptions.InvalidHeader:
            return None  # the usual wait will do
        if seconds is not None and seconds > _LONGEST_WAIT:
            raise _Postponed(seconds)
        return seconds


class _Redirecting(requests.Session):
    """A session whose own headers stay behind when a redirect leads to another host."""

    def __init__(self, own: Mapping[str, str]) -> None:
        super().__init__()
        self._own = own
        for name, value in own.items():
            if not (value.isascii() and value.isprintable() and value == value.strip()):
                raise SourceError(
                    f"The value for the header {name} has a line break, an outer space or a "
                    "letter that no header can carry.",
                    "Check the environment variable that it comes from.",
                )
        # A callable, because with none requests would look for a password in ~/.netrc.
        self.auth = self._introduce
        self.max_redirects = 10
        patience = _Patience(
            total=4,
            connect=2,
            read=2,
            other=2,
            status_forcelist=(429, 500, 502, 503, 504),
            allowed_methods=None,  # a form is a long question here, nothing that is done twice
            backoff_factor=0.5,
            backoff_jitter=0.5,
            raise_on_status=False,
        )
        for scheme in ("https://", "http://"):
            self.mount(scheme, requests.adapters.HTTPAdapter(max_retries=patience))

    def _introduce(self, request: requests.PreparedRequest) -> requests.PreparedRequest:
        request.headers.update(self._own)
        return request

    def rebuild_auth(
        self, prepared_request: requests.PreparedRequest, response: requests.Response
    ) -> None:
        """Takes all our headers off where a redirect leaves the host; requests takes off one."""
        before, after = response.request.url, prepared_request.url
        if self.should_strip_auth(before, after):  # type: ignore[no-untyped-call]
            for name in self._own:
                prepared_request.headers.pop(name, None)

    def held_back(self, request: requests.PreparedRequest) -> bool:
        """Whether this request went out without our headers."""
        return any(name not in request.headers for name in self._own)


def _split(url: str) -> SplitResult:
    try:
        parts = urlsplit(url.strip())
        if parts.scheme in ("http", "https") and parts.hostname and parts.port != 0:
            return parts
    except ValueError:
        pass  # a port that is no number, a bracket that is not closed: no address either
    shown = "The address" if "@" in url or "?" in url else f"'{url}'"
    raise SourceError(f"{shown} is not an http address.", "Write it as https://host:port/path.")


def _host(parts: SplitResult) -> str:
    return parts.netloc.rpartition("@")[2]


def _is_page(response: requests.Response, head: bytes) -> bool:
    """Whether a body is a web page: some scripts send a CSV file under a page's type."""
    start = head[:_HEAD].removeprefix(b"\xef\xbb\xbf").lstrip().lower()
    if start.startswith((b"<!doctype html", b"<html", b"<head")):
        return True
    return start.startswith(b"<") and "html" in response.headers.get("Content-Type", "").lower()


def _excerpt(body: bytes) -> str:
    line = " ".join(body[: 4 * _EXCERPT].decode(errors="replace").split())
    return line if len(line) <= _EXCERPT else line[:_EXCERPT] + "…"


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


def _file_name(url: str, response: requests.Response) -> str:
    """A harmless file name; what the address says comes before what the answer says."""
    disposition = Message()
    disposition["Content-Disposition"] = response.headers.get("Content-Disposition", "")
    asked = unquote(urlsplit(url).path)
    names = (asked, disposition.get_filename() or "", unquote(urlsplit(response.url).path))
    kind = response.headers.get("Content-Type", "").partition(";")[0].strip().lower()
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
