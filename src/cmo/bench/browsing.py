"""A browser without a window, and something for it to look at: papers of a folder, behind a service of their own."""

from __future__ import annotations

import shutil
import subprocess
import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from importlib.util import find_spec
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any, Final

from cmo.errors import NotFound

_QUIET: Final = (
    "--no-sandbox",
    "--disable-gpu",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
)
_KINDS: Final = frozenset({".md", ".txt", ".pdf"})


@contextmanager
def chromium() -> Iterator[Any]:
    """Chromium, driven by Playwright.

    Raises:
        NotFound: one of them is not installed.
    """
    program = shutil.which("chromium") or shutil.which("chromium-browser") or shutil.which("google-chrome")
    if find_spec("playwright") is None or program is None:
        missing = "Chromium is" if program is None else "Playwright is"
        raise NotFound(f"{missing} not installed. Install Chromium, and `pip install playwright`.")
    from playwright.sync_api import sync_playwright  # noqa: PLC0415 - for developers

    with sync_playwright() as driver:
        browser = driver.chromium.launch(executable_path=program, args=list(_QUIET))
        yield browser
        browser.close()


@contextmanager
def base(papers: Path) -> Iterator[tuple[Path, Sequence[str]]]:
    """A base of a folder's papers, and what may be asked of it.

    Raises:
        NotFound: there are no papers.
    """
    files = sorted(path for path in papers.glob("*.*") if path.suffix in _KINDS)
    if not files:
        raise NotFound(f"There are no papers in {papers}. Name a folder with some by --papers, such as library/notes.")
    with TemporaryDirectory(prefix="cmo-bench-") as folder:
        home = Path(folder) / "base"
        command = [str(Path(sys.executable).with_name("cmo")), "ingest", *map(str, files), "--home", str(home)]
        done = subprocess.run(command, capture_output=True, text=True, check=False)  # noqa: S603 - our own
        if done.returncode:
            raise NotFound(f"The papers of {papers} could not be read: {done.stderr.strip()[-300:]}")
        yield home, [f"What is known about {file.stem.replace('-', ' ')}?" for file in files]
