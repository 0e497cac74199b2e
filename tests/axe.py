"""axe-core's opinion of a page: what somebody could not see, hear, reach or understand."""

from typing import Any

from playwright.sync_api import Page

from shared.config import ROOT

AXE = ROOT / "services" / "web" / "node_modules" / "axe-core" / "axe.min.js"
RUN = "async () => (await axe.run(document, { resultTypes: ['violations'] })).violations"
STILL = "() => Promise.all(document.getAnimations().map((moves) => moves.finished.catch(() => undefined)))"


def violations(page: Page) -> list[str]:
    """Return each rule that is broken, with the elements that break it; colours are looked at when nothing moves."""
    page.emulate_media(reduced_motion="reduce")
    page.evaluate(STILL)
    if not page.evaluate("() => 'axe' in window"):
        page.evaluate(AXE.read_text())
    return [_told(rule) for rule in page.evaluate(RUN)]


def _told(rule: dict[str, Any]) -> str:
    where = "; ".join(node["html"][:160] for node in rule["nodes"][:4])
    return f"{rule['id']} ({len(rule['nodes'])}): {where}"
