"""What proves to a system who asks, and must never be shown."""

from __future__ import annotations

import base64
from collections.abc import Mapping
from dataclasses import dataclass, field


@dataclass(frozen=True)
class Credential:
    """Secret headers, and what an operator calls them: the key in `sources.yaml`."""

    key: str
    headers: Mapping[str, str] = field(repr=False)

    @property
    def secrets(self) -> tuple[str, ...]:
        """What no error may show, should a system repeat it: long ones first."""
        found = set(self.headers.values())
        for value in self.headers.values():
            scheme, _, last = value.rpartition(" ")
            found.add(last.removeprefix("token="))
            if scheme == "Basic":
                found.add(base64.b64decode(last).decode().partition(":")[2])
        return tuple(sorted(filter(None, found), key=len, reverse=True))


def bearer(token: str) -> Credential:
    """A token as most systems want it."""
    return Credential("`token`", {"Authorization": f"Bearer {token}"})


def basic(user: str, password: str, key: str = "`user` and `password`") -> Credential:
    """A user with a password (HTTP Basic)."""
    pair = base64.b64encode(f"{user}:{password}".encode()).decode()
    return Credential(key, {"Authorization": f"Basic {pair}"})
