"""How heavy the service's pages are, and how soon they can be used: in Chromium, nothing kept from before.

::

    a fresh profile --navigate--> DOM interactive --> Tab is pressed --> its picture is drawn
                       '--everything that is loaded, in kB: what is the page's own, and images of printed pages beside it
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final
from urllib.parse import quote

import httpx
import numpy as np

from cmo.bench.browsing import base, chromium
from cmo.bench.figures import Row
from cmo.bench.served import service
from cmo.errors import NotFound

PLACES: Final = (
    "/",
    "/?q={question}",
    "/#library",
    "/read?evidence={evidence}",
    "/graph?concept={concept}",
    "/releases",
    "/ops",
    "/docs",
    "/login",
)
"""Every page; those that show something are measured with something to show."""
_KB, _MS = 100.0, 500.0
_TURNS: Final = 7
_PATIENCE_MS: Final = 30_000
_CONCEPT: Final = "phenylalanine"
_WATCH: Final = """addEventListener('keydown', () => requestAnimationFrame(() => { window.handled ??= performance.now(); }), true);"""
_TIMES: Final = "() => [performance.getEntriesByType('navigation')[0].domInteractive, window.handled]"


@dataclass(frozen=True, slots=True)
class Seen:
    """One page, loaded once."""

    interactive_ms: float
    handled_ms: float
    own_kb: float
    images_kb: float
    """Of printed pages, which are what a reader asks for."""


def measure(papers: Path, said: Callable[[str], None]) -> Iterator[Row]:
    """All figures, a page after another.

    Args:
        papers: a folder with some.
        said: hears what is being done.

    Raises:
        NotFound: there are no papers or no browser, or a page does not load.
    """
    said(f"a base of the papers in {papers}")
    with base(papers) as (home, questions), service(home, 1) as address, chromium() as browser:
        filled = _filled(address, questions)
        for place in PLACES:
            said(place)
            path = place.format_map(filled)
            seen = [_loaded(browser, address + path) for _ in range(1 + _TURNS)]
            yield from figures(place.partition("{")[0], seen[1:])  # the first one wakes the browser


def figures(place: str, seen: Sequence[Seen]) -> Iterator[Row]:
    """What was seen of one page, as rows."""
    own = max(one.own_kb for one in seen)
    yield _at_most(place, "transferred", round(own, 1), "kB", _KB)
    for what, spent in (
        ("interactive", [one.interactive_ms for one in seen]),
        ("first key handled", [one.handled_ms for one in seen]),
    ):
        for label, share in (("p50", 0.5), ("p95", 0.95)):
            yield _at_most(place, f"{what}, {label}", round(float(np.quantile(spent, share)), 1), "ms", _MS)
    if images := max(one.images_kb for one in seen):
        yield Row("images of printed pages", round(images, 1), "kB", part=place)


def _at_most(place: str, what: str, value: float, unit: str, most: float) -> Row:
    return Row(what, value, unit, f"≤ {most:g}", value <= most, part=place)


def _filled(address: str, questions: Sequence[str]) -> Mapping[str, str]:
    """Something to show: a question that has an answer, and a sentence of it."""
    for question in questions:
        reply = httpx.post(f"{address}/query", json={"query": question}, timeout=60).json()
        if reply.get("evidence"):
            evidence = reply["evidence"][0]["id"]
            return {"question": quote(question), "evidence": evidence, "concept": _CONCEPT}
    raise NotFound("No question about the papers has an answer. Name other papers by --papers.")


def _loaded(browser: Any, url: str) -> Seen:
    context = browser.new_context(viewport={"width": 1280, "height": 800})
    try:
        tab = context.new_page()
        tab.add_init_script(_WATCH)
        sizes, kinds = dict[str, float](), dict[str, str]()
        lines = context.new_cdp_session(tab)
        lines.on("Network.responseReceived", lambda e: kinds.update({e["requestId"]: e["response"]["mimeType"]}))
        lines.on("Network.loadingFinished", lambda e: sizes.update({e["requestId"]: e["encodedDataLength"]}))
        lines.send("Network.enable")
        reply = tab.goto(url, wait_until="domcontentloaded")
        if reply is None or not reply.ok:
            raise NotFound(f"{url} is answered by {reply.status if reply else 'nothing'}.")
        tab.keyboard.press("Tab")
        tab.wait_for_function("() => window.handled")
        tab.wait_for_load_state("networkidle", timeout=_PATIENCE_MS)
        interactive, handled = tab.evaluate(_TIMES)
        images = sum(size for key, size in sizes.items() if kinds.get(key) == "image/png")
        return Seen(interactive, handled, (sum(sizes.values()) - images) / 1000, images / 1000)
    finally:
        context.close()
