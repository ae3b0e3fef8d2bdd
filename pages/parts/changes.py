"""What editions changed of the definitions: by edition, and for one metric alone."""

from __future__ import annotations

import difflib
import re
from collections.abc import Iterable, Mapping, Sequence

from kpi.editions import Edition
from kpi.redefined import Changes, Redefined
from kpi.vocabulary import Dimension, Outcome
from pages.parts.frame import escaped, link
from pages.parts.spans import moment

_SHOWN = 50
_WORD = re.compile(r"[\w.]+|\s+|[^\w\s.]")
# Comparing longer texts word by word would take longer than reading them.
_COMPARED = 600
# What a section's entries are called one by one.
_THINGS = {"outcomes": "Outcome", "tables": "Fact table", "dimensions": "Dimension"}
_WHOLE = {"calendar": "Calendar", "currency": "Currency"}
_UNSAID = '<span class="muted">not said</span>'


def changes_list(edition: Edition) -> str:
    """Every edition that changed a definition, the newest first."""
    told = edition.redefined
    if not told:
        return (
            '<div class="nothing" role="status"><h2>No definition has changed</h2><p>Since the '
            "first edition that keeps this, every metric means what it meant. What changes from "
            "now on stands here: which key, how it was, how it is, and the numbers it restated."
            "</p></div>"
        )
    shown = "".join(_edition(edition, changes) for changes in told[:_SHOWN])
    rest = len(told) - _SHOWN
    several = edition.vocabulary.formats.several
    more = f'<p class="muted small">{several(rest, "earlier edition")} changed more.</p>'
    return shown + (more if rest > 0 else "")


def metric_changes(edition: Edition, name: str) -> str:
    """What happened to one metric's entry, the newest first."""
    entry = ("metrics", name)
    told = [changes for changes in edition.redefined if entry in changes.entries]
    head = '<h2 class="section">What changed <span class="muted small">between editions</span></h2>'
    if not told:
        return f'{head}<p class="muted">No edition has changed this entry since it was kept.</p>'
    parts = "".join(
        f'<h3 class="change-of">{_when(edition, changes)}{_restated(edition, changes, name)}</h3>'
        f"{_entry(changes.entries[entry], f'Edition {changes.edition}')}"
        for changes in told[:_SHOWN]
    )
    return head + parts


def _edition(edition: Edition, changes: Changes) -> str:
    entries = changes.entries.items()
    parts = "".join(
        f'<h3 class="change-of">{_title(edition, section, name)} {_what(redefined)}'
        f"{_restated(edition, changes, name) if section == 'metrics' else ''}</h3>"
        f"{_entry(redefined, _plain(section, name))}"
        for (section, name), redefined in entries
    )
    touched = [n for n in changes.restated if ("metrics", n) not in changes.entries]
    others = ", ".join(f"{_metric(edition, n)}{_restated(edition, changes, n)}" for n in touched)
    also = f'<p class="small">Restated by it as well: {others}.</p>' if others else ""
    return (
        f'<section class="changes"><h2 class="section">{_when(edition, changes)} '
        f'<span class="muted small">{_counted(changes)}</span></h2>{parts}{also}</section>'
    )


def _when(edition: Edition, changes: Changes) -> str:
    at = moment(edition.vocabulary.formats, changes.at, edition.published_at)
    return f"Edition {changes.edition} · {at}"


def _counted(changes: Changes) -> str:
    """'1 came, 2 changed'."""
    kinds = [_kind(redefined) for redefined in changes.entries.values()]
    said = ((kinds.count(word), word) for word in ("came", "went", "changed"))
    return ", ".join(f"{count} {word}" for count, word in said if count)


def _kind(redefined: Sequence[Redefined]) -> str:
    first = redefined[0]
    if first.key is not None:
        return "changed"
    return "came" if first.old is None else "went"


def _what(redefined: Sequence[Redefined]) -> str:
    kind = _kind(redefined)
    return f'<span class="tag">{kind}</span>' if kind != "changed" else ""


def _title(edition: Edition, section: str, name: str) -> str:
    if section == "metrics":
        return _metric(edition, name)
    if not name:
        return _plain(section, name)
    vocabulary = edition.vocabulary
    there = {"outcomes": vocabulary.outcomes, "dimensions": vocabulary.dimensions}
    entry = there.get(section, {}).get(name)
    label = entry.label if isinstance(entry, (Outcome, Dimension)) else name
    return f"{_THINGS[section]} <b>{escaped(label)}</b>"


def _plain(section: str, name: str) -> str:
    return escaped(name) if name else _WHOLE.get(section, escaped(section.capitalize()))


def _metric(edition: Edition, name: str) -> str:
    metric = edition.vocabulary.metrics.get(name)
    if metric is None:
        return f"<b>{escaped(name)}</b>"
    return link("metric", escaped(metric.label), classes="name", m=name, tab="definition")


def _restated(edition: Edition, changes: Changes, name: str) -> str:
    """' · 26 weeks, 6 months restated'."""
    counts: Mapping[str, int] = changes.restated.get(name, {})
    if not counts:
        return ""
    several = edition.vocabulary.formats.several
    said = ", ".join(several(count, grain) for grain, count in counts.items())
    return f' <span class="muted small">{said} restated</span>'


def _entry(redefined: Iterable[Redefined], of: str) -> str:
    """Key by key as it was and as it is; of an entry that came or went, the whole text."""
    rows = []
    for one in redefined:
        if one.key is None:
            return f'<pre class="whole">{escaped(one.new or one.old, 4_000)}</pre>'
        rows.append(
            f'<tr><th scope="row">{escaped(one.key) or "all"}</th>'
            f'<td class="old">{_value(one.old, one.new)}</td>'
            f"<td>{_value(one.new, one.old)}</td></tr>"
        )
    heads = "".join(f'<th scope="col">{word}</th>' for word in ("Key", "Before", "Now"))
    return (
        f'<div class="box" tabindex="0" role="region" aria-label="{of}"><table class="diff">'
        f'<caption class="sr">{of}: what changed</caption>'
        f"<thead><tr>{heads}</tr></thead><tbody>{''.join(rows)}</tbody></table></div>"
    )


def _value(text: str | None, other: str | None) -> str:
    """A text with the words marked that the other has not."""
    if text is None:
        return _UNSAID
    if other is None:
        return escaped(text)
    words, others = _WORD.findall(text), _WORD.findall(other)
    if len(words) + len(others) > _COMPARED:
        return escaped(text)
    matcher = difflib.SequenceMatcher(None, words, others, autojunk=False)
    said = []
    for kind, start, end, _, _ in matcher.get_opcodes():
        piece = escaped("".join(words[start:end]))
        said.append(f"<mark>{piece}</mark>" if kind in ("replace", "delete") and piece else piece)
    return "".join(said)
