"""Every page by keyboard alone and as a screen reader meets it: axe-core over each in light and dark, and Tab through each.

axe looks at names, labels, headings, landmarks and contrast (WCAG 2.2 A and AA, and what is known to be good). That
everything can be reached, in the order in which it stands, and that it is seen where one is, it cannot tell.
"""

from collections.abc import Callable, Iterator
from typing import Any

import httpx
import pytest
from axe_playwright_python.base import AXE_SCRIPT

from cmo.delivery.desk import Desk, Wish
from cmo.delivery.releases import release
from cmo.delivery.rollout import plan
from cmo.web import create_api
from tests.acceptance.browsing import IN_A_BROWSER, chromium, tab
from tests.acceptance.services import served_here
from tests.acceptance.test_reading import TEXTS

pytestmark = IN_A_BROWSER

QUESTION = "Is phenylalanine raised in phenylketonuria?"
PLACES = {
    "/": "#question",
    "/?q=" + QUESTION: ".facts, .refusal",
    "/#library": "#papers li",
    "/read?evidence={evidence}": ".beside h2",
    "/graph?concept=phenylketonuria": "svg.drawing",
    "/releases": ".card",
    "/ops": "main",
    "/docs": ".route",
    "/login": "#key, input",
}
"""Each page, and what is on it once it is there."""
_AXE = """async rules => (await axe.run(document, {resultTypes: ['violations'], ...rules})).violations.map(
  found => `${found.id}: ${found.nodes.map(node => node.target.join(' ')).slice(0, 3).join(', ')} (${found.help})`)"""
_FEWER = "() => [...document.querySelectorAll('.route')].slice(4).forEach(route => route.remove())"
"""Of the hundred endpoints some are enough: one function draws them all."""
_RULES: dict[str, Any] = {"light": {}, "dark": {"runOnly": ["color-contrast"]}}
"""All of them once, and again what differs."""
_REACHABLE = """() => {
  const all = 'a[href], button:not([disabled]), input:not([disabled]), select, textarea, summary, [tabindex="0"]';
  window.wanted = [...document.querySelectorAll(all)].filter(
    e => e.checkVisibility({visibilityProperty: true}) && e.tabIndex >= 0
      && (e.type !== 'radio' || e.checked || !document.querySelector(`input[name="${e.name}"]:checked`)));
  document.body.tabIndex = -1;
  document.body.focus();  // an address with a # begins further down
  document.body.removeAttribute('tabindex');
  return window.wanted.length;
}"""
_HERE = """() => {
  const e = document.activeElement, at = window.wanted.indexOf(e), name = e === document.body ? '' : e.outerHTML.slice(0, 90);
  if (at < 0) return {at, seen: true, name};
  const parts = [e, e.closest('label, .box') ?? e, ...e.querySelectorAll('circle')];
  const shown = () => parts.map(o => { const s = getComputedStyle(o); return s.outline + s.boxShadow + s.stroke + s.left; }).join();
  const there = shown();
  e.blur();
  const seen = shown() !== there;
  e.focus({focusVisible: true, preventScroll: true});
  return {at, seen, name};
}"""


@pytest.fixture(scope="module")
def browser() -> Iterator[Any]:
    with chromium() as opened:
        yield opened


@pytest.fixture
def served(open_base: Callable[..., Any]) -> Iterator[tuple[str, str]]:
    """A service that has something to show on each page, and a sentence to read."""
    with open_base(delivery=True) as base:
        base.add(**TEXTS)
        desk = Desk(base.app.delivery, base.app.clock)
        desk.keep(release("two-hops", {"max_hops": 2}, "more relations"), "ada", "")
        desk.start(Wish("two-hops", plan("fast"), "r1"), "ada", "try it")
        with served_here(create_api(base.app)) as address:
            reply = httpx.post(f"{address}/query", json={"query": QUESTION}).json()
            yield address, reply["evidence"][0]["id"]


def test_no_page_hides_from_a_keyboard_or_a_screen_reader(browser: Any, served: tuple[str, str]) -> None:
    address, evidence = served
    wrong: list[str] = []
    for scheme, rules in _RULES.items():
        with tab(browser, address, color_scheme=scheme, reduced_motion="reduce") as page:
            for place, there in PLACES.items():
                page.goto("about:blank")
                page.goto(place.format(evidence=evidence))
                page.locator(there).first.wait_for()
                page.evaluate(_FEWER)
                page.evaluate(AXE_SCRIPT)
                wrong += [f"{scheme} {place}: {found}" for found in page.evaluate(_AXE, rules)]
                if scheme == "light":
                    wrong += [f"{place}: {what}" for what in by_keyboard(page)]
    assert not wrong, "\n".join(wrong)


def by_keyboard(page: Any) -> Iterator[str]:
    """What goes wrong on the way from the first thing to the last by Tab alone."""
    wanted, visited, before = page.evaluate(_REACHABLE), list[int](), -1
    for _ in range(2 * wanted + 10):  # a browser lets it into what can be scrolled, too
        page.keyboard.press("Tab")
        here = page.evaluate(_HERE)
        if not here["name"]:
            break
        if here["at"] >= 0 and here["at"] not in visited:
            visited.append(here["at"])
            if not here["seen"]:
                yield f"nobody sees that the keyboard is at {here['name']}"
        if here["at"] == before >= 0:
            yield f"the keyboard does not leave {here['name']}"
            return
        before = here["at"]
    if visited != sorted(visited):
        yield f"the keyboard goes in another order than the page: {visited}"
    for missing in sorted(set(range(wanted)) - set(visited)):
        yield f"not reached: {page.evaluate('n => window.wanted[n].outerHTML.slice(0, 90)', missing)}"
