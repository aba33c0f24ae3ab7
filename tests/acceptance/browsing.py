"""Chromium for tests, one way for all of them."""

import os
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import pytest

playwright = pytest.importorskip("playwright.sync_api")

_CHROMIUM = shutil.which("chromium")
_ON_CI = "CI" in os.environ  # noqa: TID251 - CI is no setting of ours
_QUIET = [
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
]
IN_A_BROWSER = [
    pytest.mark.browser,
    pytest.mark.skipif(_CHROMIUM is None and not _ON_CI, reason="Chromium is not installed"),
]
"""What a file of such tests is marked with: without Chromium they are skipped, and fail where CI is set."""


@contextmanager
def chromium() -> Iterator[Any]:
    """A browser, closed afterwards."""
    with playwright.sync_playwright() as driver:
        opened = driver.chromium.launch(executable_path=_CHROMIUM, args=_QUIET)
        yield opened
        opened.close()


@contextmanager
def tab(browser: Any, address: str, **options: Any) -> Iterator[Any]:
    """A fresh tab; nothing may go wrong in it unseen, and nothing may leave for another site."""
    context = browser.new_context(viewport={"width": 1280, "height": 800}, base_url=address, **options)
    page = context.new_page()
    page.set_default_timeout(20_000)
    wrong: list[str] = []
    page.on("pageerror", lambda error: wrong.append(str(error)))
    page.on("console", lambda message: wrong.append(message.text) if "Content Security" in message.text else None)
    page.on("request", lambda request: None if request.url.startswith(address) else wrong.append(request.url))
    yield page
    context.close()
    assert wrong == []
