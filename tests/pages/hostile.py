"""A company whose every text tries to be more than text, in its definitions and in its rows."""

from __future__ import annotations

import datetime as dt
import json
from pathlib import Path

from kpi.editions import Edition
from tests.pages.company import DAY, WEEK, weeks
from tests.published import Home

# What would run, load or look like something if any screen took it for more than text.
EVIL = (
    "<script>window.hacked=1</script><img src=x onerror=window.hacked=1>"
    "</style></title></textarea><svg onload=window.hacked=1> "
    "[link](https://evil.example/) ![i](https://evil.example/i.png) https://evil.example "
    "# head **bold** `code` $\\alpha$ :material/home: :red[red] :smile: {{7*7}} ${7*7} "
    "\u202eright to left\u202c \u2066in\u2069 \U0001f600 é́ %s %d &lt;b&gt; \" ' "
)
UNBROKEN = "W" * 10_000
LONG = "many words " * 900
ROW_TEXTS = (EVIL, UNBROKEN, LONG, f"a\x00b{EVIL}", "\x1b[31m\x07", "", " ", "\r\n\t")
LABELS = {"evil": EVIL, "unbroken": f"{UNBROKEN}x", "long": LONG}


def vocabulary() -> str:
    """A vocabulary of these texts, wherever it takes one."""
    quoted = {name: json.dumps(text, ensure_ascii=False) for name, text in LABELS.items()}
    lines = [
        "version: 1",
        "calendar: {timezone: Europe/Berlin}",
        "currency: EUR",
        "dimensions:",
        *(f"  by_{name}: {{label: {t}, definition: {t}}}" for name, t in quoted.items()),
        "tables:",
        f"  words: {{row: {quoted['evil']}, time: at, by: [by_evil, by_unbroken, by_long]}}",
        "outcomes:",
    ]
    for name, text in quoted.items():
        owners = f"{{it: {text}, business: {text}}}"
        lines.append(f"  {name}: {{label: {text}, definition: {text}, owners: {owners}}}")
    lines.append("metrics:")
    for name, text in quoted.items():
        for side in ("joint", "it", "business"):
            lines += [
                f"  {name}_{side}:",
                f"    label: {text}",
                f"    definition: {text}",
                f"    also_called: [{text}]",
                f"    side: {side}",
                f"    outcome: {name}",
                f"    owners: {{it: {text}, business: {text}}}",
                "    value: sum(amount) from words",
                f"    unit: {text}",
                "    good: down",
                "    target: 3 per week",
            ]
    return "\n".join(lines) + "\n"


def hostile(folder: Path, now: dt.datetime) -> Edition:
    """The company's first edition, published in this folder."""
    home = Home(folder, vocabulary(), sample=True)
    rows = [
        {
            "id": f"{back}-{number}",
            "at": at,
            "amount": 1.0 + (back + number) % 3 + (50 if back == 0 else 0),
            "by_evil": text,
            "by_unbroken": UNBROKEN + str(number % 2),
            "by_long": LONG + str(number % 2),
            "comment": text,
        }
        for back, at in weeks(now)
        for number, text in enumerate(ROW_TEXTS)
    ]
    home.declare("words", "words", every=DAY, system=EVIL)
    home.bring("words", "words", rows, at=now - DAY, key=("id",))
    for number, text in enumerate(LABELS.values()):
        home.declare(f"{text} {number}", "words", every=DAY, system=text)
        home.fail(f"{text} {number}", text, text, at=now - DAY)
    answers = [
        {"response_id": f"r{number}", "answered_at": "2026-03-09 10:00:00", "score": text}
        for number, text in enumerate(("9", *ROW_TEXTS))
    ]
    home.declare("forms", "surveys", every=WEEK, system=UNBROKEN)
    home.bring("forms", "surveys", answers, at=now - DAY, key=("response_id",))
    return home.publish(now)
