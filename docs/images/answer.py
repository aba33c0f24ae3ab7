# ruff: noqa: INP001 - a script: draws the screenshots, from the starter library and the real model
"""Draw answer.png, read.png and graph.png: ``python docs/images/answer.py [--dark] [--out FILE]``.

Needs the model (`cmo models install`), Playwright and Chromium.
"""

from __future__ import annotations

import argparse
import shutil
import tempfile
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import uvicorn
from PIL import Image
from playwright.sync_api import Page, sync_playwright

from cmo.app import opened
from cmo.settings import read_settings
from cmo.web import create_api

HERE = Path(__file__).parent
LIBRARY = HERE.parents[1] / "library" / "pdf"
ASKED = "Why are branched-chain amino acids raised in insulin resistance?"
CONCEPT = "phenylalanine"
COLOURS = 128
"""A palette keeps the picture small without a visible loss."""


@contextmanager
def served() -> Iterator[str]:
    """The starter library, behind the page."""
    with tempfile.TemporaryDirectory() as folder, opened(read_settings(working_dir=Path(folder) / "kb")) as house:
        with house.pipeline(2) as pipeline:
            for _ in house.curator.ingest(pipeline, sorted(LIBRARY.glob("*.pdf"))):
                pass
        server = uvicorn.Server(uvicorn.Config(create_api(house), host="127.0.0.1", port=0, log_level="error"))
        thread = threading.Thread(target=server.run)
        thread.start()
        while not server.started:
            time.sleep(0.05)
        try:
            yield f"http://127.0.0.1:{server.servers[0].sockets[0].getsockname()[1]}"
        finally:
            server.should_exit = True
            thread.join()


def shoot(address: str, out: Path, *, scheme: str, asked: str) -> None:
    """Ask, go on to the page and to the graph, and keep a picture of each."""
    with sync_playwright() as driver:
        flags = ["--no-sandbox", "--disable-gpu", "--no-first-run", "--disable-background-networking"]
        browser = driver.chromium.launch(executable_path=shutil.which("chromium"), args=flags)
        page = browser.new_page(viewport={"width": 1280, "height": 800}, color_scheme=scheme)  # type: ignore[arg-type]
        page.goto(f"{address}/?q={asked}")
        page.wait_for_selector(".facts")
        keep(page, out, "#page")
        page.goto(address + (page.locator("#open").get_attribute("href") or ""))
        page.wait_for_selector(".beside h2", timeout=60_000)
        keep(page, out.with_stem("read"), "#image")
        page.goto(f"{address}/graph?concept={CONCEPT}")
        page.wait_for_selector("svg.drawing")
        keep(page, out.with_stem("graph"))
        browser.close()


def keep(page: Page, out: Path, image: str = "") -> None:
    """A picture of what is shown, once the printed page is there."""
    if image:
        page.wait_for_function(f"() => document.querySelector('{image}').naturalWidth > 500")
    page.wait_for_timeout(500)
    page.screenshot(path=out)
    with Image.open(out) as picture:
        picture.convert("RGB").quantize(COLOURS, dither=Image.Dither.NONE).save(out, optimize=True)


if __name__ == "__main__":
    words = argparse.ArgumentParser(description=__doc__)
    words.add_argument("--dark", action="store_true")
    words.add_argument("--out", type=Path, default=HERE / "answer.png")
    words.add_argument("--ask", default=ASKED)
    given = words.parse_args()
    with served() as place:
        shoot(place, given.out, scheme="dark" if given.dark else "light", asked=given.ask)
