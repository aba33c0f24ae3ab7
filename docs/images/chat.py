# ruff: noqa: INP001 - a script: draws the screenshot of the chat, from the starter library and the real model
"""Draw chat.png: ``python docs/images/chat.py``. Needs the model, `make chat` done once, Playwright and Chromium."""

from __future__ import annotations

import re
import shutil
from pathlib import Path

from answer import ASKED, HERE, keep, served
from playwright.sync_api import sync_playwright

from cmo.bench.chat import chat

_MARK = re.compile(r"^‹\d+ · p\. \d+›$", re.IGNORECASE)


def shoot(address: str, out: Path) -> None:
    """Ask, open a sentence's page, and keep a picture."""
    with sync_playwright() as driver:
        flags = ["--no-sandbox", "--disable-gpu", "--no-first-run", "--disable-background-networking"]
        browser = driver.chromium.launch(executable_path=shutil.which("chromium"), args=flags)
        page = browser.new_page(viewport={"width": 1280, "height": 800}, locale="en-US")
        page.goto(address)
        page.get_by_text("is ready!").wait_for()
        page.locator("#chat-input").click()
        page.keyboard.type(ASKED)
        page.keyboard.press("Enter")
        page.get_by_text("References", exact=True).wait_for(timeout=60_000)
        page.get_by_text(_MARK).first.click()
        page.wait_for_function("() => document.querySelector('#side-view-content img')?.naturalWidth > 500")
        keep(page, out)
        browser.close()


if __name__ == "__main__":
    with served() as service, chat(str(HERE.parents[1] / ".venv-chat" / "bin" / "cmo"), service) as place:
        shoot(place, HERE / "chat.png")
