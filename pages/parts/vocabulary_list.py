"""The shared vocabulary as bands of metrics; each opens in place."""

from __future__ import annotations

import datetime as dt
import html
from collections.abc import Sequence
from dataclasses import dataclass, replace

from kpi.editions import Edition, SourceReport
from kpi.formats import NOTHING, Formats
from kpi.targets import Step
from kpi.vocabulary import Metric, Outcome, Vocabulary
from pages.parts.frame import beside, escaped, here, link
from pages.parts.rows import SIDES
from pages.parts.search import Search
from pages.parts.which_metric import nearest


@dataclass(frozen=True)
class Listed:
    """What of a vocabulary is shown: what was searched, which side, which entry stands open."""

    vocabulary: Vocabulary
    search: Search
    side: str
    opened: str
    today: dt.date
    reports: Sequence[SourceReport] = ()

    def keeps(self, metric: Metric) -> bool:
        """Whether a metric is among them."""
        outcome = self.vocabulary.outcomes[metric.outcome]
        texts = (
            metric.name,
            metric.label,
            metric.definition,
            *metric.also_called,
            metric.owners.it,
            metric.owners.business,
            outcome.label,
            metric.unit,
            *self.words_of(metric),
            *self.sources_of(metric),
        )
        return self.side in ("all", metric.side) and self.search.finds(texts)

    def words_of(self, metric: Metric) -> tuple[str, ...]:
        """What the dimensions of a metric are called, and its fact tables."""
        labels = (self.vocabulary.dimensions[word].label for word in metric.dimensions)
        return (*labels, *metric.dimensions, *metric.tables)

    def sources_of(self, metric: Metric) -> tuple[str, ...]:
        """The sources that fill its fact tables."""
        return tuple(r.source for r in self.reports if set(r.into) & set(metric.tables))

    @property
    def metrics(self) -> tuple[Metric, ...]:
        """The metrics that are shown, helpers included."""
        return tuple(m for m in self.vocabulary.metrics.values() if self.keeps(m))


def metric_list(listed: Listed) -> str:
    """Every outcome with its metrics, then the helpers that no scorecard lists."""
    bands = "".join(_band(listed, outcome) for outcome in listed.vocabulary.outcomes.values())
    heads = "".join(
        f'<span class="label {kind}">{word}</span>'
        for kind, word in (
            ("", "Metric"),
            ("", "Side"),
            ("", "Owners: business · IT"),
            ("", "Unit"),
            ("right", "Target"),
        )
    )
    return (
        f'<div class="entries"><div class="entry-heads" aria-hidden="true">{heads}</div>'
        f"{bands}{_helpers(listed)}</div>"
    )


def nothing_found(edition: Edition, listed: Listed) -> str:
    """What is said where the search, or the side, leaves nothing."""
    typed = escaped(listed.search.typed)
    if listed.side != "all" and replace(listed, side="all").metrics:
        everywhere = link("vocabulary", "Search all sides", q=listed.search.typed)
        return (
            '<div class="nothing" role="status"><h2>Nothing on this side</h2>'
            f"<p>“{typed}” is known elsewhere. {everywhere}</p></div>"
        )
    if not listed.search.words:
        return (
            '<div class="nothing" role="status"><h2>No metric yet</h2><p>metrics.yaml defines none '
            f"that is listed here. {here('Try an entry', **{'try': '1'})}</p></div>"
        )
    near = nearest(edition, listed.search.typed)
    known = f"Did you mean {_linked(near)}? " if near else ""
    return (
        f'<div class="nothing" role="status"><h2>Nothing here is called “{typed}”</h2>'
        f"<p>{known}Search other words, or {link('vocabulary', 'show everything')}. What both "
        "sides need and nobody has defined yet belongs into metrics.yaml, with an owner on each "
        f"side: {here('try an entry', **{'try': '1'})}.</p></div>"
    )


def _band(listed: Listed, outcome: Outcome) -> str:
    found = [m for m in listed.metrics if m.outcome == outcome.name and not m.internal]
    everything = listed.side == "all" and not listed.search.words
    if not found and not everything:
        return ""
    ordered = [m for side in SIDES for m in found if m.side == side]
    holes = "".join(
        f'<p class="hole muted">No {word} metric yet{beside(_attempt(outcome, side))}</p>'
        for side, word in (("it", "IT"), ("business", "business"))
        if everything and not any(m.side == side for m in found)
    )
    both = f"{escaped(outcome.owners.business)} · {escaped(outcome.owners.it)}"
    return (
        f'<section><h2 class="outcome"><span class="title">'
        f"{listed.search.marked(outcome.label)}</span>"
        f'<span class="why muted small">{escaped(outcome.definition)}</span>'
        f'<span class="counted muted small nowrap">{both}</span></h2>'
        f"{''.join(_entry(listed, m) for m in ordered)}{holes}</section>"
    )


def _attempt(outcome: Outcome, side: str) -> str:
    return here("Try an entry", **{"try": f"{outcome.name}.{side}"})


def _helpers(listed: Listed) -> str:
    found = [m for m in listed.metrics if m.internal]
    if not found:
        return ""
    return (
        '<section class="helpers"><h2 class="outcome"><span class="title">Helpers</span>'
        '<span class="why muted small">Parts of other numbers; no scorecard lists them</span></h2>'
        f"{''.join(_entry(listed, m) for m in found)}</section>"
    )


def _entry(listed: Listed, metric: Metric) -> str:
    mark, vocabulary = listed.search.marked, listed.vocabulary
    tag = "tag joint" if metric.side == "joint" else "muted small"
    goal = metric.target.at(listed.today) if metric.target else None
    is_open = " open" if metric.name == listed.opened else ""
    owners = f"{mark(metric.owners.business)} · {mark(metric.owners.it)}"
    return (
        f'<details class="entry"{is_open}><summary>'
        f'<span><b class="name strong">{mark(metric.label)}</b>{deprecated_tag(metric)}</span>'
        f'<span class="side"><span class="{tag}">{SIDES[metric.side]}</span></span>'
        f'<span class="muted small">{owners}</span>'
        f'<span class="measured muted small">{mark(metric.unit) or NOTHING}</span>'
        f'<span class="goal right">{target_words(vocabulary.formats, metric, goal)}</span>'
        f"{_found(listed, metric)}</summary>{_opened(listed, metric)}</details>"
    )


def _found(listed: Listed, metric: Metric) -> str:
    """Where a search found this metric, if not in what the row shows anyway."""
    search = listed.search
    said = [
        f"also called {search.marked(word)}" for word in metric.also_called if search.hits(word)
    ]
    if search.hits(metric.definition):
        said.append(search.marked(metric.definition))
    if search.hits(metric.name) and not search.hits(metric.label):
        said.append(f"<code>{search.marked(metric.name)}</code>")
    labels = [listed.vocabulary.dimensions[word].label for word in metric.dimensions]
    said += [f"by {search.marked(label)}" for label in labels if search.hits(label)]
    said += [f"from {search.marked(table)}" for table in metric.tables if search.hits(table)]
    said += [f"from {search.marked(s)}" for s in listed.sources_of(metric) if search.hits(s)]
    return f'<span class="found">{" · ".join(said)}</span>' if said else ""


def _opened(listed: Listed, metric: Metric) -> str:
    vocabulary, mark = listed.vocabulary, listed.search.marked
    outcome = vocabulary.outcomes[metric.outcome]
    words = [vocabulary.dimensions[word].label for word in metric.dimensions]
    used = ", ".join(map(_linked, vocabulary.used_by(metric.name)))
    facts = {
        **instead(vocabulary, metric),
        "Definition": mark(metric.definition),
        "Also called": ", ".join(map(mark, metric.also_called)) or "nothing else",
        "Owned by": f"<b>{escaped(metric.owners.business)}</b> (business) and "
        f"<b>{escaped(metric.owners.it)}</b> (IT), for {escaped(outcome.label)}",
        "Value": f"<code>{escaped(metric.text)}</code>",
        "By": ", ".join(map(mark, words)) or "no dimension",
        "Good": _good(vocabulary.formats, metric),
        **_origins(listed, metric),
        "Used by": used or "no other metric",
    }
    said = "".join(f"<dt>{what}</dt><dd>{how}</dd>" for what, how in facts.items())
    return (
        f'<div class="opened"><div><dl>{said}</dl><p class="go">'
        f"{link('metric', 'Open the metric', m=metric.name)}"
        f"{link('metric', 'Where it comes from', m=metric.name, tab='definition')}"
        f"{here('Try a change', **{'try': metric.name})}"
        f"{link('vocabulary', 'Link to this entry', open=metric.name)}</p></div>"
        f'<div><div class="label">metrics.yaml, as of this edition</div>'
        '<pre tabindex="0" role="region" aria-label="Entry in metrics.yaml">'
        f"{html.escape(metric.entry)}</pre></div></div>"
    )


def _origins(listed: Listed, metric: Metric) -> dict[str, str]:
    """What a number is made of, down to the sources."""
    vocabulary, mark = listed.vocabulary, listed.search.marked
    tables = (f"{mark(t)} ({escaped(vocabulary.tables[t].row)})" for t in metric.tables)
    sources = ", ".join(link("sources", mark(s)) for s in listed.sources_of(metric))
    inputs = ", ".join(_linked(vocabulary.metrics[name]) for name in metric.inputs)
    return {
        **({"Made of": inputs} if inputs else {}),
        "Facts": ", ".join(tables),
        "Sources": sources or "no source fills them yet",
    }


def _linked(metric: Metric) -> str:
    return link("metric", escaped(metric.label), m=metric.name)


def deprecated_tag(metric: Metric) -> str:
    """Marks a metric that is to be used no more."""
    return ' <span class="tag near">deprecated</span>' if metric.deprecated else ""


def instead(vocabulary: Vocabulary, metric: Metric) -> dict[str, str]:
    """What to use in the place of a deprecated metric, with a link to it."""
    if metric.deprecated is None:
        return {}
    other = vocabulary.metrics[metric.deprecated]
    return {"Use instead": f"<b>{link('metric', escaped(other.label), m=other.name)}</b>"}


def _good(formats: Formats, metric: Metric) -> str:
    """Direction, every step of the target, and the tolerance."""
    said = ["more is better" if metric.good == "up" else "less is better"]
    steps: Sequence[Step] = metric.target.steps if metric.target else ()
    for step in steps:
        since = f" from {formats.day(step.since)}" if step.since else ""
        said.append(f"target {target_words(formats, metric, step)}{since}")
    if not steps:
        said.append("no target")
    if metric.tolerance:
        said.append(f"near within {formats.exact(metric.tolerance)}")
    if metric.min_sample:
        said.append(f"too few below {formats.count(metric.min_sample)}")
    return " · ".join(said)


def target_words(formats: Formats, metric: Metric, step: Step | None) -> str:
    """A target as it was agreed: '≥ 99.90', '≤ 3 per week'."""
    if step is None:
        return f'<span class="muted">{NOTHING}</span>'
    per = f' <span class="muted small">per {step.per}</span>' if step.per else ""
    return f'<span class="nowrap">{formats.target(metric, step.value)}{per}</span>'
