"""Says in an operator's words why a system gave no good answer, and what to do about it."""

from __future__ import annotations

import ssl
from collections.abc import Iterator

from urllib3 import exceptions

from connectors.contract import SourceError


class Rejected(SourceError):
    """The system answered, and said no: its status code, and its own words where it gave any."""

    def __init__(self, status: int, said: str, what: str, advice: str) -> None:
        super().__init__(what, advice)
        self.status = status
        self.said = said


class Unanswered(SourceError):
    """There was no answer, or only a part of one."""


def rejected(where: str, status: int, reason: str, said: str, *, is_limit: bool) -> Rejected:
    """For any answer that says no but 401 and 403; `said` are the system's own words, or "".

    `is_limit` says that the system means that it is asked too often.
    """
    words = _words(status, reason, said)
    if status in (404, 410):
        what = f"There is nothing at {where} ({words})."
        advice = (
            "Check the path: a prefix may be missing or too much. Some systems say this too "
            "where the credential may not look."
        )
    elif is_limit:
        what = f"{where} is asked too often ({words})."
        advice = "Refresh this source less often with `every`."
    elif status >= 500:
        what = f"{where} has failed ({words})."
        advice = "Its own log says more; the next refresh asks again."
    else:
        what = f"{where} refuses the question ({words})."
        advice = "Check this source's keys."
    return Rejected(status, said, what, advice)


def unauthorised(
    where: str,
    status: int,
    reason: str,
    said: str,
    key: str | None,
    *,
    held_back: bool,
    was_taken: bool,
) -> Rejected:
    """For 401 and 403: `key` names the credential we have, `held_back` says it was not sent.

    `was_taken` says that the system has answered to the same credential before.
    """
    words = _words(status, reason, said)
    if held_back:
        what = f"{where} wants a credential ({words}), and ours stays at the host in `url`."
        advice = "Write the address after the redirect, if it is to be trusted."
    elif key is None:
        what = f"{where} wants to know who asks ({words})."
        advice = "Give this source its credential."
    elif status == 401 and was_taken:
        what = f"{where} takes {key} no longer ({words})."
        advice = "It was good a moment ago, so it has expired or was withdrawn: write a new one."
    else:
        what = f"{where} refuses {key} ({words})."
        advice = "Check that it is current and may read what this source asks for."
    return Rejected(status, said, what, advice)


def unreached(where: str, error: Exception, timeout: float) -> SourceError:
    """For no answer at all, or half of one; `timeout` in seconds.

    Unanswered, unless it is sure that another try would end alike.
    """
    causes = list(_causes(error))

    def is_a(*kinds: type[BaseException]) -> bool:
        return any(isinstance(cause, kinds) for cause in causes)

    if is_a(exceptions.ProxyError):
        what = f"The proxy on the way to {where} does not let us through."
        advice = "Check HTTPS_PROXY, HTTP_PROXY and NO_PROXY where the refresh runs."
    elif is_a(ssl.SSLError, exceptions.SSLError):
        said = next((c.verify_message for c in causes if hasattr(c, "verify_message")), "")
        what = f"There is no secure connection to {where}" + (f": {said}." if said else ".")
        advice = "For a certificate of your own, name its authority's file in REQUESTS_CA_BUNDLE."
        if said:
            return SourceError(what, advice)
    elif is_a(exceptions.NameResolutionError):
        what = f"The host of {where} has no address."
        advice = "Check the spelling of the host, and that this machine's DNS knows it."
    elif is_a(exceptions.NewConnectionError):
        what = f"Nothing answers at {where}: no connection."
        advice = "Check host and port, that the system runs, and that this machine may reach it."
    elif is_a(exceptions.TimeoutError):
        what = f"{where} did not answer within {timeout:g} seconds."
        advice = "Check that the system is well and can be reached from here, or raise `timeout`."
    else:
        what = f"{where} broke off its answer ({type(causes[-1]).__name__})."
        advice = "The next refresh asks again; if it stays, look into the system's own log."
    return Unanswered(what, advice)


def _words(status: int, reason: str, said: str) -> str:
    return f"{status} {reason}".strip() + (f": {said}" if said else "")


def _causes(error: BaseException) -> Iterator[BaseException]:
    """The error and those inside it: the libraries keep the first cause in the innermost one."""
    cause: object = error
    while isinstance(cause, BaseException):
        yield cause
        inner = getattr(cause, "reason", None) or getattr(cause, "original_error", None)
        cause = inner if isinstance(inner, BaseException) else next(iter(cause.args), None)
