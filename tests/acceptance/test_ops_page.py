"""The operations page in a real browser: what it shows, in light and dark, for a keyboard, within its weight."""

import re
from pathlib import Path
from typing import Any

import httpx

import cmo.web
from cmo.web import create_api
from tests.acceptance.browsing import IN_A_BROWSER, chromium
from tests.acceptance.services import served_here

TEXT = "Phenylketonuria in newborns\n\nPhenylalanine is raised in phenylketonuria because the enzyme is lacking.\n"
STATIC = Path(cmo.web.__file__).parent / "static"

pytestmark = IN_A_BROWSER


def test_the_operations_page_shows_what_happens(base: Any) -> None:
    base.add(pku=TEXT)
    base.app.subscribers.add("https://example.org/hook", (), "ada")
    with served_here(create_api(base.app)) as address, chromium() as browser:
        httpx.post(f"{address}/query", json={"query": "What is raised in phenylketonuria?"})
        httpx.post(f"{address}/query", json={"query": "<img src=x onerror=alert(1)>"}, headers={"X-Request-ID": "a:b"})
        httpx.post(f"{address}/query", json={"query": ""})
        sizes, faults = [], []
        for scheme in ("light", "dark"):
            page = browser.new_page(color_scheme=scheme, viewport={"width": 390, "height": 800})
            page.on("console", lambda message: faults.append(message.text))
            page.on("pageerror", lambda error: faults.append(str(error)))
            page.on("response", lambda response: sizes.append(len(response.body())))
            page.goto(f"{address}/ops")
            page.wait_for_selector(".figures")
            page.wait_for_selector("#money td:text-is('events that wait')", timeout=60_000)
            shown = page.inner_text("main")
            assert re.search(r"events that wait\s+none", shown)
            assert "Health: " in shown
            assert "retrieve" in shown
            assert "bad-question" in shown
            assert page.evaluate("document.documentElement.scrollWidth") <= 390, "it fits a telephone"
            ink, paper = (
                page.evaluate(f"getComputedStyle(document.body).{name}") for name in ("color", "backgroundColor")
            )
            assert ink != paper
            page.keyboard.press("Tab")
            assert page.evaluate("document.activeElement.textContent") == "Skip to the figures"
            page.focus("#pause")
            page.keyboard.press("Enter")
            assert page.get_attribute("#pause", "aria-pressed") == "true"
            page.close()
    assert faults == []
    assert sum(sizes) / 2 < 100_000


def test_every_plot_says_in_words_what_it_draws() -> None:
    script = (STATIC / "ops.js").read_text("utf-8")
    assert 'role: "img", "aria-label"' in script
    assert "innerHTML" not in script
