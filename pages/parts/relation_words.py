"""What is said of a relation: whether two metrics move together, and what an event came with."""

from __future__ import annotations

import html
from collections.abc import Mapping

from kpi.association import ENOUGH_PAIRS, Association, Lag
from kpi.event_study import ENOUGH_EVENTS, TOO_NEAR, Cost, Effect
from kpi.formats import Formats, decimals
from kpi.hourly import Hourly
from kpi.moving_together import LOOKED_AT, shared_facts
from kpi.vocabulary import Metric, Vocabulary
from pages.parts.frame import escaped

Metrics = Mapping[str, Metric]
_SURE = 0.95  # how sure the intervals of associations and of effects are


def when(formats: Formats, lag: int, grain: str) -> str:
    """'in the same week', '3 weeks later'."""
    return f"in the same {grain}" if lag == 0 else f"{formats.several(abs(lag), grain)} later"


def interval(formats: Formats, lag: Lag) -> str:
    """'−0.39 (95 % interval −0.61 to −0.10)'."""
    shown, low, high = (strength(formats, value) for value in (lag.strength, lag.low, lag.high))
    return f"{shown} ({how_sure(formats)} {low} to {high})"


def how_sure(formats: Formats) -> str:
    """'95 % interval'."""
    return f"{formats.percent(_SURE)} interval"


def strength(formats: Formats, value: float) -> str:
    """A correlation, -1 to 1."""
    return formats.number(value, 2)


def sentence(formats: Formats, metrics: Metrics, found: Association) -> str:
    """The association in one sentence, as HTML."""
    if not found.lags:
        return f"<b>Too little data.</b> {_too_little(formats, found)}"
    lag = found.strongest
    assert lag is not None
    over = formats.several(lag.pairs, found.grain)
    if not lag.is_clear:
        return (
            f"<b>No clear association.</b> The strongest of "
            f"{formats.several(len(found.lags), 'lag')}, "
            f"{_which(formats, metrics, found, lag)}, is {interval(formats, lag)}, {over}."
        )
    first, second = _ordered(metrics, found, lag)
    direction = "higher" if lag.strength > 0 else "lower"
    return (
        f"Higher <b>{escaped(first.label)}</b> goes with <b>{direction} {escaped(second.label)} "
        f"{when(formats, lag.periods, found.grain)}</b>: strength {interval(formats, lag)}, {over}."
    )


def short(formats: Formats, metrics: Metrics, found: Association, metric: Metric) -> str:
    """The same in a few words beside the name of the other metric, as plain text."""
    if not found.lags:
        return f"too little data: both known in {formats.several(found.pairs, found.grain)}"
    lag = found.clear
    if lag is None:
        return "no clear association"
    direction = "higher" if lag.strength > 0 else "lower"
    first, _ = _ordered(metrics, found, lag)
    if lag.periods == 0:
        moved = f"{direction} {when(formats, 0, found.grain)}"
    elif first == metric:
        moved = f"{direction} {when(formats, lag.periods, found.grain)}"
    else:
        moved = f"{direction} {formats.several(abs(lag.periods), found.grain)} before"
    return f"{moved}, {interval(formats, lag)}, {formats.several(lag.pairs, found.grain)}"


def grounds(vocabulary: Vocabulary, found: Association) -> str:
    """What was taken into account, and what it does not mean, as HTML."""
    metrics, formats = vocabulary.metrics, vocabulary.formats
    one, other = metrics[found.first], metrics[found.second]
    said = []
    if found.lags:
        earlier = one if found.lags[-1].periods > 0 else other
        said.append(
            f"Rank correlation of what trend, season and the past of {escaped(earlier.label)} do "
            f"not foretell, over up to {formats.several(LOOKED_AT[found.grain], found.grain)}; the "
            f"interval is widened for {formats.several(len(found.lags), 'lag')}."
        )
    shared = shared_facts(one, other)
    if shared:
        tables = escaped(" and ".join(shared))
        said.append(f"Both are computed from {tables}, so that part of it may be arithmetic.")
    said.append("Moving together is not proof of cause.")
    return " ".join(said)


def _too_little(formats: Formats, found: Association) -> str:
    if found.pairs >= ENOUGH_PAIRS:
        return f"One of the two hardly moved, or is known in too few {found.grain}s in a row."
    return (
        f"Both are known in {formats.several(found.pairs, found.grain)} of the last "
        f"{formats.count(LOOKED_AT[found.grain])}; {formats.count(ENOUGH_PAIRS)} are needed."
    )


def _ordered(metrics: Metrics, found: Association, lag: Lag) -> tuple[Metric, Metric]:
    """The metric that is earlier at this lag, and the one that is later."""
    one, other = metrics[found.first], metrics[found.second]
    return (one, other) if lag.periods >= 0 else (other, one)


def _which(formats: Formats, metrics: Metrics, found: Association, lag: Lag) -> str:
    if lag.periods == 0:
        return when(formats, 0, found.grain)
    _, later = _ordered(metrics, found, lag)
    return f"{escaped(later.label)} {when(formats, lag.periods, found.grain)}"


# --- what did it cost ----------------------------------------------------------------------------


def cost_sentence(formats: Formats, metric: Metric, cost: Cost, event: str) -> str:
    """What an event came with, in one sentence with its interval, as HTML."""
    if cost.total is None:
        return (
            f"<b>Too few events.</b> {formats.several(cost.events, 'event')} can be held against "
            f"usual weeks; {formats.count(ENOUGH_EVENTS)} are needed."
        )
    total, name = cost.total, escaped(metric.label)
    first = f"the first {formats.several(cost.around.first, cost.step)} after {escaped(event)}"
    low = amount(formats, metric, total.low, sign=True)
    high = with_unit(formats, metric, total.high, sign=True)
    between = f"{how_sure(formats)} {low} to {high}"
    usual = with_unit(formats, metric, cost.usual)
    if not total.is_clear:
        seen = with_unit(formats, metric, total.mean, sign=True)
        against = f"{usual} {_each(cost)} usually" if cost.is_sum else f"{usual} usually"
        return (
            f"<b>No clear difference</b> in {name} over {first}: {seen} ({between}), "
            f"against {against}."
        )
    if not cost.is_sum:
        direction = "higher" if total.mean > 0 else "lower"
        return (
            f"<b>{name} {with_unit(formats, metric, abs(total.mean))} {direction}</b> over {first} "
            f"({between}) than the usual {usual}."
        )
    direction = "more" if total.mean > 0 else "less"
    each = with_unit(formats, metric, abs(total.mean) / cost.around.first)
    return (
        f"<b>{with_unit(formats, metric, abs(total.mean))} {direction} {name}</b> over {first} "
        f"({between}): <b>{each} {_each(cost)}</b> of the usual {usual}."
    )


def cost_grounds(formats: Formats, metric: Metric, cost: Cost, hourly: Hourly) -> str:
    """How many events there are, which were left out and why, and what the hours before say."""
    first, last = hourly.days
    events = formats.several(cost.events, "event")
    said = [f"<b>{events}</b> from {formats.day(first)} to {formats.day(last)}"]
    out = sum(cost.left_out.values())
    if out:
        near = f" ({_near(formats, cost)})" if TOO_NEAR in cost.left_out else ""
        why = "; ".join(
            f"{formats.count(count)} because {why}" for why, count in cost.left_out.items()
        )
        why = _of_step(cost, why.replace(TOO_NEAR, TOO_NEAR + near))
        said.append(f"{formats.count(out)} more left out: {why}")
    text = f"<p>{'; '.join(said)}.</p>"
    if cost.total is not None and cost.is_sum and cost.total.is_clear:
        mean, low, high = (
            cost.events * value for value in (cost.total.mean, cost.total.low, cost.total.high)
        )
        text += (
            f"<p>Over these events together about <b>{with_unit(formats, metric, mean, sign=True)}"
            f"</b> ({span(formats, metric, low, high)}).</p>"
        )
    if cost.control is not None:
        text += f"<p>{_control(formats, metric, cost, cost.control)}</p>"
    return text + (
        f"<p>Usual is the mean of the same {cost.step}s of the week in the "
        f"{formats.several(cost.around.weeks, 'week')} before and after, without those of another "
        "event. What happens after an event is not proof that it was the cause.</p>"
    )


def _control(formats: Formats, metric: Metric, cost: Cost, control: Effect) -> str:
    before = formats.several(cost.around.before, cost.step)
    seen = with_unit(formats, metric, control.mean, sign=True)
    within = span(formats, metric, control.low, control.high)
    each = f" {_each(cost)}" if cost.is_sum else ""
    if control.is_clear:
        verdict = "they differ too, so that something else may be behind it"
    else:
        verdict = "no clear difference, as it should be"
    return f"The {before} before: {seen}{each} ({within}): {verdict}."


def _each(cost: Cost) -> str:
    return "an hour" if cost.step == "hour" else "a day"


def _near(formats: Formats, cost: Cost) -> str:
    back = cost.around.before + cost.around.first
    before, after = (formats.several(n, cost.step) for n in (back, cost.around.after))
    return f"within {before} before or {after} after"


def _of_step(cost: Cost, why: str) -> str:
    return why if cost.step == "hour" else why.replace("an hour", "a day")


def amount(formats: Formats, metric: Metric, value: float, *, sign: bool = False) -> str:
    """An effect of this metric, with at least two digits of it where it is small."""
    return formats.number(value, _places(metric, value), sign=sign)


def with_unit(formats: Formats, metric: Metric, value: float, *, sign: bool = False) -> str:
    """An effect with its unit, as HTML."""
    return escaped(formats.difference(metric, value, _places(metric, value), sign=sign))


def span(formats: Formats, metric: Metric, low: float, high: float) -> str:
    """The interval of an effect: '−61 to +10'."""
    ends = (amount(formats, metric, end, sign=True) for end in (low, high))
    return " to ".join(ends)


def _places(metric: Metric, value: float) -> int:
    places = decimals(metric)
    while places < 4 and abs(value) < 10 ** (1 - places):
        places += 1
    return places


def plain(said: str) -> str:
    """A sentence without its marks, for those to whom a chart is read aloud."""
    return html.unescape(said.replace("<b>", "").replace("</b>", ""))


def by_lag(formats: Formats, found: Association) -> str:
    """Strength by lag as a table that opens below its chart."""
    lines = "".join(
        f'<tr><th scope="row">{_lag_name(formats, found, lag)}</th>'
        f'<td class="right">{strength(formats, lag.strength)}</td>'
        f'<td class="right muted nowrap">{strength(formats, lag.low)} to '
        f"{strength(formats, lag.high)}</td>"
        f'<td class="right muted">{formats.count(lag.pairs)}</td></tr>'
        for lag in found.lags
    )
    return (
        '<details class="drawn"><summary>The numbers of this chart</summary>'
        '<div class="box" tabindex="0" role="region" aria-label="The numbers of this chart">'
        '<table><thead><tr><th scope="col">Lag</th><th scope="col" class="right">Strength</th>'
        f'<th scope="col" class="right">{how_sure(formats)}</th><th scope="col" class="right">'
        f"{found.grain.capitalize()}s</th></tr></thead><tbody>{lines}</tbody></table></div></details>"
    )


def _lag_name(formats: Formats, found: Association, lag: Lag) -> str:
    if lag.periods < 0 and found.lags[-1].periods > 0:
        return f"{formats.several(-lag.periods, found.grain)} earlier"
    return when(formats, lag.periods, found.grain)
