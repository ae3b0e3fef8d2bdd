"""The shared vocabulary as bands of metrics; each opens in place."""

from __future__ import annotations

import datetime as dt
import html
from collections.abc import Sequence
from dataclasses import dataclass

from kpi.formats import NOTHING, Formats
from kpi.targets import Step
from kpi.vocabulary import Metric, Outcome, Vocabulary
from pages.parts.frame import escaped, link
from pages.parts.rows import SIDES
from pages.parts.search import Search


@dataclass(frozen=True)
class Listed:
    """What of a vocabulary is shown: what was searched, which side, which entry stands open."""

    vocabulary: Vocabulary
    search: Search
    side: str
    opened: str
    today: dt.date

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
        )
        return self.side in ("all", metric.side) and self.search.finds(texts)

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


def _band(listed: Listed, outcome: Outcome) -> str:
    found = [m for m in listed.metrics if m.outcome == outcome.name and not m.internal]
    everything = listed.side == "all" and not listed.search.words
    if not found and not everything:
        return ""
    ordered = [m for side in SIDES for m in found if m.side == side]
    holes = "".join(
        f'<p class="hole muted">No {word} metric yet</p>'
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
        f'<span class="measured muted small">{escaped(metric.unit or NOTHING)}</span>'
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
    return f'<span class="found">{" · ".join(said)}</span>' if said else ""


def _opened(listed: Listed, metric: Metric) -> str:
    vocabulary, mark = listed.vocabulary, listed.search.marked
    outcome = vocabulary.outcomes[metric.outcome]
    words = [vocabulary.dimensions[word].label for word in metric.dimensions]
    used = ", ".join(
        link("metric", escaped(m.label), m=m.name) for m in vocabulary.used_by(metric.name)
    )
    facts = {
        **instead(vocabulary, metric),
        "Definition": mark(metric.definition),
        "Also called": ", ".join(map(mark, metric.also_called)) or "nothing else",
        "Owned by": f"<b>{escaped(metric.owners.business)}</b> (business) and "
        f"<b>{escaped(metric.owners.it)}</b> (IT), for {escaped(outcome.label)}",
        "Value": f"<code>{escaped(metric.text)}</code>",
        "By": escaped(", ".join(words)) or "no dimension",
        "Good": _good(vocabulary.formats, metric),
        "Used by": used or "no other metric",
    }
    said = "".join(f"<dt>{what}</dt><dd>{how}</dd>" for what, how in facts.items())
    return (
        f'<div class="opened"><div><dl>{said}</dl><p class="go">'
        f"{link('metric', 'Open the metric', m=metric.name)}"
        f"{link('metric', 'Its definition', m=metric.name, tab='Definition')}"
        f"{link('vocabulary', 'Link to this entry', open=metric.name)}</p></div>"
        f'<div><div class="label">metrics.yaml, as of this edition</div>'
        f"<pre>{html.escape(metric.entry)}</pre></div></div>"
    )


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
