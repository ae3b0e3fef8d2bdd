"""Takes web addresses apart, and shows them without their secrets."""

from __future__ import annotations

from urllib.parse import SplitResult, urlsplit, urlunsplit

from connectors.contract import SourceError

_PORTS = {"http": 80, "https": 443}


def split(url: str) -> SplitResult:
    """The parts of an http address; raises SourceError for any other."""
    try:
        parts = urlsplit(url.strip())
        if parts.scheme in _PORTS and parts.hostname and parts.port != 0:
            return parts
    except ValueError:
        pass  # a port that is no number, a bracket that is not closed: no address either
    shown = "The address" if "@" in url or "?" in url else f"'{url}'"
    raise SourceError(f"{shown} is not an http address.", "Write it as https://host:port/path.")


def host(parts: SplitResult) -> str:
    """Host and port, without a user and a password."""
    return parts.netloc.rpartition("@")[2]


def shown_address(url: str) -> str:
    """The address as it may be shown: without user, password, query and fragment."""
    parts = split(url)
    return urlunsplit(parts._replace(netloc=host(parts), query="", fragment=""))


def origin(parts: SplitResult) -> tuple[str, str | None, int | None]:
    """What must be the same for a secret to be sent: the scheme, the host and the port."""
    return parts.scheme, parts.hostname, parts.port or _PORTS.get(parts.scheme)
