"""Takes secrets out of everything that a person or a file may come to see."""

from __future__ import annotations

import base64
import json
import re
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any
from urllib.parse import quote, quote_plus, unquote, unquote_plus, urlsplit

# The parts of a connection text or an address that are a secret on their own.
_INNER = re.compile(
    r"(?i)(?:pass|passwd|password|pwd|secret|token|key|sig|signature|credential|auth)\w*"
    r"\s*=\s*(?:'([^']+)'|\"([^\"]+)\"|([^\s;&'\"]+))"
)
_HIDDEN = re.compile(r"\$\{[A-Za-z_][A-Za-z0-9_]*\.\d+\}")
# Shorter values are no secrets, and replacing them inside words would garble every message.
_WHOLE_WORD_BELOW = 4
_LINE_AT_LEAST = 12


@dataclass(frozen=True)
class Secrets:
    """Texts to hide, each with the environment variable it came from and its number there."""

    forms: Mapping[str, tuple[str, int]]

    @classmethod
    def of(cls, values: Mapping[str, str]) -> Secrets:
        """The values of these variables, their parts, and every way they may be written."""
        forms: dict[str, tuple[str, int]] = {}
        for name, value in sorted(values.items()):
            written = dict.fromkeys(form for part in _parts(value) for form in _forms(part))
            for number, form in enumerate(written):
                forms.setdefault(form, (name, number))
        return cls(forms)

    def scrub(self, text: str) -> str:
        """The text with every secret replaced by `${NAME}`."""
        return self._replaced(text, lambda name, number: f"${{{name}}}")

    def hide(self, value: Any) -> Any:
        """A JSON value without any secret, from which `reveal` makes the same value again."""
        return _each_text(
            value,
            lambda text: self._replaced(text, lambda name, number: f"${{{name}.{number}}}"),
        )

    def reveal(self, value: Any) -> Any:
        """What was hidden, with the secrets as they are now."""
        known = {f"${{{name}.{number}}}": form for form, (name, number) in self.forms.items()}
        return _each_text(
            value, lambda text: _HIDDEN.sub(lambda match: known.get(match[0], match[0]), text)
        )

    def _replaced(self, text: str, shown: Callable[[str, int], str]) -> str:
        """Replaces in one pass, so that nothing is found in a replacement; the longest first."""
        if not self.forms:
            return text
        pattern = "|".join(map(_pattern, sorted(self.forms, key=len, reverse=True)))
        return re.sub(pattern, lambda match: shown(*self.forms[match[0]]), text)


def _each_text(value: Any, change: Callable[[str], str]) -> Any:
    if isinstance(value, str):
        return change(value)
    if isinstance(value, Mapping):
        return {change(str(key)): _each_text(item, change) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return [_each_text(item, change) for item in value]
    return value


def _parts(value: str) -> Iterator[str]:
    yield value
    stripped = value.strip()
    yield stripped
    yield from _address_parts(stripped)
    # A message may quote one line of a private key.
    yield from (line for line in stripped.splitlines() if len(line) >= _LINE_AT_LEAST)
    for match in _INNER.finditer(stripped):
        yield match[1] or match[2] or match[3]


def _address_parts(value: str) -> Iterator[str]:
    """The password of an address; the user too where it stands alone, as tokens do."""
    try:
        address = urlsplit(value)
        user, password = address.username, address.password
    except ValueError:
        return
    if password:
        yield password
        plain = f"{unquote(user or '')}:{unquote(password)}"
        yield base64.b64encode(plain.encode()).decode()
    elif user:
        yield user


def _forms(part: str) -> Iterator[str]:
    """One secret as it may be written: plain, in an address, in JSON, in a Python literal."""
    for text in (part, unquote(part), unquote_plus(part)):
        if not text.strip():
            continue
        yield from (text, json.dumps(text)[1:-1], repr(text)[1:-1])
        for encoded in (quote(text), quote(text, safe=""), quote_plus(text)):
            yield encoded
            yield re.sub(r"%[0-9A-F]{2}", lambda match: match[0].lower(), encoded)


def _pattern(form: str) -> str:
    literal = re.escape(form)
    return literal if len(form) >= _WHOLE_WORD_BELOW else rf"(?<!\w){literal}(?!\w)"
