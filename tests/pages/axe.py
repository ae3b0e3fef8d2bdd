"""What axe-core, the checker of accessibility, says of a page as it is drawn."""

from __future__ import annotations

from dataclasses import dataclass

from playwright.sync_api import Page

from tests.programs import file

PACKAGE = "axe-core@4.14.1"
_SCRIPT = ".venv/axe/node_modules/axe-core/axe.min.js"
_RUN = """async () => {
  const found = await axe.run(document, { resultTypes: ["violations"] });
  return found.violations.flatMap(({ id, nodes }) => nodes.map((node) => ({
    rule: id, place: node.target.flat().join(" "), html: node.html, why: node.failureSummary,
  })));
}"""


@dataclass(frozen=True)
class Violation:
    """One element that breaks one rule; its place goes through shadow roots."""

    rule: str
    place: str
    html: str
    why: str


def violations(page: Page) -> list[Violation]:
    """Every rule that an element of this page breaks, whoever drew it."""
    if not page.evaluate("typeof axe === 'object'"):
        page.evaluate(file(_SCRIPT, package=PACKAGE).read_text(encoding="utf-8"))
    return [Violation(**found) for found in page.evaluate(_RUN)]
