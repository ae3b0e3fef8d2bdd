"""Asks systems over HTTP: timeouts everywhere, bounded retries, no secret to a stranger."""

from __future__ import annotations

import datetime as dt
import json
from collections.abc import Callable, Mapping
from types import TracebackType
from typing import Any, TypeVar
from urllib.parse import unquote, urljoin, urlunsplit

import requests

from connectors.addresses import host, origin, shown_address, split
from connectors.answers import Answer, Page, excerpt
from connectors.contract import SourceError
from connectors.credentials import Credential, basic, bearer
from connectors.limits import Limits, system_time
from connectors.patience import Patience, Tries
from connectors.refusals import Rejected, Unanswered, rejected, unauthorised, unreached

__all__ = [
    "Answer",
    "Credential",
    "Limits",
    "Page",
    "Rejected",
    "Session",
    "basic",
    "bearer",
    "shown_address",
]

_PATIENCE = dt.timedelta(minutes=15)
_LARGEST_PAGE = 256 * 2**20

Made = TypeVar("Made")


class Session:
    """Asks one system, at one base address, with one credential; close it after use.

    `timeout` bounds the connecting and every silence, `patience` all waits together: between the
    tries of a question, and those that the system asks for in the way that `limits` describes.
    `waiting` is told of each wait, in seconds, and why. `headers` are sent along with the
    credential's; none of either ever goes to another host.
    """

    def __init__(
        self,
        url: str,
        *,
        timeout: dt.timedelta,
        credential: Credential | None = None,
        headers: Mapping[str, str] | None = None,
        limits: Limits | None = None,
        patience: dt.timedelta = _PATIENCE,
        waiting: Callable[[float, str], None] = lambda seconds, why: None,
    ) -> None:
        parts = split(url)
        if parts.username is not None and credential is None:
            user, password = unquote(parts.username), unquote(parts.password or "")
            credential = basic(user, password, "the user and password in the address")
        self._base = parts._replace(netloc=host(parts), fragment="")
        self._key = credential.key if credential else None
        self._secrets = credential.secrets if credential else ()
        self._was_taken = False
        self._last_headers: Mapping[str, str] = {}
        self._timeout = timeout.total_seconds()
        self._patience = Patience(patience, limits or Limits(), waiting)
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

    def by_its_clock(self, ours: dt.datetime) -> dt.datetime:
        """A moment (naive UTC), or that of the system's last answer where it is earlier.

        Where our clock is ahead, what was read up to now was not: the system's now is still before.
        """
        moment = ours.replace(tzinfo=dt.UTC)
        theirs = system_time(self._last_headers, moment.timestamp())
        return min(moment, dt.datetime.fromtimestamp(theirs, dt.UTC)).replace(tzinfo=None)

    def json(
        self,
        path: str,
        params: Mapping[str, Any] | None = None,
        *,
        form: Mapping[str, Any] | None = None,
        body: Any = None,
    ) -> Any:
        """What the system answers, as `page` asks for it; raises SourceError for no JSON too."""
        return self.page(path, params, form=form, body=body).value

    def page(
        self,
        path: str,
        params: Mapping[str, Any] | None = None,
        *,
        form: Mapping[str, Any] | None = None,
        body: Any = None,
    ) -> Page:
        """What the system answers at `path` under the base address, or at an address on its host.

        A `form`, or a `body` as JSON, is sent as a POST, which long questions need. Only for
        reading: an answer that does not come, or not whole, is asked for again. Raises Rejected for
        an answer that says no, SourceError for none, for a web page, or for more than 256 MiB.
        """

        def read(answer: Answer) -> Page:
            content = b"".join(answer.pieces(_LARGEST_PAGE))
            if answer.is_web_page(content):
                raise SourceError(
                    f"{shown_address(answer.url)} answered with a web page instead of data.",
                    "Check `url`: it may lead to a login or to a start page, not to the interface.",
                )
            return Page(answer.url, answer.headers, content, self._secrets)

        return self.read(read, path, params, form=form, body=body)

    def read(
        self,
        make: Callable[[Answer], Made],
        path: str = "",
        params: Mapping[str, Any] | None = None,
        *,
        form: Mapping[str, Any] | None = None,
        body: Any = None,
    ) -> Made:
        """What `make` makes of a good answer; it begins anew where an answer breaks off.

        Raises Rejected or SourceError for any other answer, as `page` does.
        """
        url = self._address(path)
        tries = Tries(self._patience, shown_address(url))
        while True:
            try:
                with self._sent(url, params, form, body) as response:
                    if 200 <= response.status_code < 300:
                        self._was_taken = True
                        self._last_headers = response.headers
                        return make(
                            Answer(response.url, response.headers, response.raw, self._timeout)
                        )
                    said = self._said(response)
            except Unanswered:
                if not tries.again_after_silence():
                    raise
            else:
                if not tries.again_after(response.status_code, response.headers, said):
                    raise self._refusal(response, said)

    def _sent(
        self, url: str, params: Mapping[str, Any] | None, form: Mapping[str, Any] | None, body: Any
    ) -> requests.Response:
        """Whatever answer comes, its body unread."""
        is_get = form is None and body is None
        try:
            return self._session.request(
                "GET" if is_get else "POST",
                url,
                params={name: _plain(value) for name, value in (params or {}).items()},
                data=form,
                json=body,
                timeout=self._timeout,
                stream=True,
                # A redirected form becomes a bare GET, or goes on to a stranger.
                allow_redirects=is_get,
            )
        except requests.TooManyRedirects:
            raise SourceError(
                f"{shown_address(url)} sends us in a circle.",
                "Open it in a browser without a login, and write the address where you end.",
            ) from None
        except requests.RequestException as error:
            # Its text holds the whole address with its secrets, so it is not chained either.
            raise unreached(shown_address(url), error, self._timeout) from None

    def _address(self, path: str) -> str:
        if path.lower().startswith(("http://", "https://")):
            parts = split(path)
            if origin(parts) != origin(self._base):
                raise SourceError(
                    f"{self._base.scheme}://{host(self._base)} sends us on to "
                    f"{parts.scheme}://{host(parts)}, where our credential does not go.",
                    "Write as `url` the address under which the system knows itself.",
                )
            return urlunsplit(parts._replace(netloc=host(parts), fragment=""))
        if path:
            path = f"{self._base.path.rstrip('/')}/{path.lstrip('/')}"
        return urlunsplit(self._base._replace(path=path or self._base.path))

    def _refusal(self, response: requests.Response, said: str) -> SourceError:
        where, status, reason = shown_address(response.url), response.status_code, response.reason
        if response.is_redirect:
            target = shown_address(urljoin(response.url, response.headers["Location"]))
            return SourceError(
                f"{where} has moved to {target}.",
                "Write that address as `url`; if it is a login page, a credential is missing.",
            )
        is_limit = self._patience.limits.hit(status, response.headers, said)
        if status in (401, 403) and not is_limit:
            held_back = self._session.held_back(response.request)
            return unauthorised(
                where,
                status,
                reason,
                said,
                self._key,
                held_back=held_back,
                was_taken=self._was_taken,
            )
        return rejected(where, status, reason, said, is_limit=is_limit)

    def _said(self, response: requests.Response) -> str:
        """The system's own words for its refusal, in one line; a web page has none."""
        answer = Answer(response.url, response.headers, response.raw, self._timeout)
        try:
            body = next(answer.pieces(_LARGEST_PAGE), b"")
        except SourceError:
            return ""
        try:
            said = json.loads(body)
        except (ValueError, RecursionError):
            return "" if answer.is_web_page(body) else excerpt(body, self._secrets)
        for key in ("error", "message", "detail", "errorMessages"):
            if isinstance(said, dict):
                said = said.get(key) or said
        return excerpt(
            (said if isinstance(said, str) else json.dumps(said)).encode(), self._secrets
        )


_NOBODY = Credential("", {})


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


def _plain(value: Any) -> Any:
    """A parameter as systems read it: Python would write True."""
    return str(value).lower() if isinstance(value, bool) else value
