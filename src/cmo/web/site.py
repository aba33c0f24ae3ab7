"""The pages and their files: plain HTML, CSS and JavaScript, served from here and from nowhere else.

Every page is one frame (`pages/frame.html`) around what is its own (`pages/NAME.html`); it is put together once::

    Page("graph") ── title, styles, scripts, where to skip to ──▶ frame ──▶ bytes ──▶ GET /graph
"""

from __future__ import annotations

import functools
import re
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from string import Template
from typing import Final

from fastapi import APIRouter
from starlette.middleware.gzip import GZipMiddleware
from starlette.responses import FileResponse, HTMLResponse, Response
from starlette.staticfiles import StaticFiles
from starlette.types import ASGIApp

from cmo.model.access import Role
from cmo.web.roles import for_everybody, needs

router = APIRouter(include_in_schema=False)

_FOLDER: Final = Path(__file__).parent / "static"
_PAGES: Final = Path(__file__).parent / "pages"
FRESH: Final = {"Cache-Control": "no-cache"}
_NAME: Final = "Clinical Metabolomics Oracle"
_NAV: Final = (
    ("/", "Ask", "ask"),
    ("/#library", 'Library <span class="count" id="paper-count"></span>', "library"),
    ("/graph", "Graph", "graph"),
)
_IMPORT: Final = re.compile(r'from "\./(\w+)\.js"')
_CURRENT: Final = ' aria-current="page"'
_FOOT: Final = (("/releases", "Releases"), ("/ops", "Operations"), ("/docs", "Interface"))


@dataclass(frozen=True, slots=True, kw_only=True)
class Page:
    """What one page has of its own beside the body in `pages/<body>.html`."""

    body: str
    title: str = ""
    skip: tuple[str, str]
    """The element that the keyboard may skip to, and its name in a sentence."""
    styles: tuple[str, ...]
    scripts: tuple[str, ...]
    here: str = ""
    """Which link of the navigation leads to this page."""
    outside: bool = False
    """Whether it is for those who are not let in yet: no ways lead on from it."""

    def told(self) -> bytes:
        """The whole page, UTF-8."""
        return _told(self)


@functools.cache
def _told(page: Page) -> bytes:
    frame = Template((_PAGES / "frame.html").read_text("utf-8"))
    parts = [f'  <link rel="stylesheet" href="/static/{name}.css">' for name in ("base", *page.styles)]
    parts += [f'  <link rel="modulepreload" href="/static/{name}.js">' for name in _imported(page.scripts)]
    parts += [f'  <script type="module" src="/static/{name}.js"></script>' for name in page.scripts]
    return frame.substitute(
        title=f"{page.title} · {_NAME}" if page.title else _NAME,
        parts="\n".join(parts),
        skip=page.skip[0],
        skipped=page.skip[1],
        home="/login" if page.outside else "/",
        nav="" if page.outside else _nav(page.here),
        main=(_PAGES / f"{page.body}.html").read_text("utf-8").rstrip("\n"),
        foot="" if page.outside else _foot(),
    ).encode()


def _imported(scripts: Sequence[str]) -> list[str]:
    """What scripts import, and what that imports: told at once, it is loaded at once, not a layer after another."""
    found = list(scripts)
    for name in found:  # grows meanwhile
        found += dict.fromkeys(
            n for n in _IMPORT.findall((_FOLDER / f"{name}.js").read_text("utf-8")) if n not in found
        )
    return found[len(scripts) :]


def _nav(here: str) -> str:
    links = [
        f'      <a href="{path}" data-view="{view}"{_CURRENT if view == here else ""}>{word}</a>'
        for path, word, view in _NAV
    ]
    return "\n".join(['    <nav aria-label="Main">', *links, "    </nav>"])


def _foot() -> str:
    links = " · ".join(f'<a href="{path}">{word}</a>' for path, word in _FOOT)
    return f'  <footer class="foot">\n    <span id="state">&nbsp;</span>\n    <span>{links}</span>\n  </footer>'


_ASK: Final = Page(
    body="index",
    skip=("question", "the question"),
    styles=("ask", "library", "graph"),
    scripts=("main", "who"),
    here="ask",
)
_DOCS: Final = Page(
    body="docs", title="Interface", skip=("routes", "the endpoints"), styles=("docs",), scripts=("docs", "who")
)
_READ: Final = Page(body="read", title="Read", skip=("sheet", "the page"), styles=("read",), scripts=("read", "who"))
_GRAPH: Final = Page(
    body="graph",
    title="Graph",
    skip=("concept", "the concept"),
    styles=("graph",),
    scripts=("around", "who"),
    here="graph",
)
_RELEASES: Final = Page(
    body="releases",
    title="Releases",
    skip=("rollout", "the rollout"),
    styles=("releases",),
    scripts=("releases", "who"),
)


def served(page: Page) -> Response:
    """A page as a reply, asked for anew each time: an update of the package shows at once."""
    return HTMLResponse(page.told(), headers=FRESH)


@router.get("/", dependencies=[needs(Role.READER)])
async def ask() -> Response:
    """The page to ask on."""
    return served(_ASK)


@router.get("/docs", dependencies=[needs(Role.READER)])
async def interface() -> Response:
    """The interface, described from its OpenAPI document."""
    return served(_DOCS)


@router.get("/read", dependencies=[needs(Role.READER)])
async def read() -> Response:
    """A page of a paper, with a sentence highlighted and what stands beside it."""
    return served(_READ)


@router.get("/graph", dependencies=[needs(Role.READER)])
async def graph() -> Response:
    """The graph around a concept."""
    return served(_GRAPH)


@router.get("/releases", dependencies=[needs(Role.OPERATOR)])
async def releases() -> Response:
    """Releases: stage, share, evidence, who did what."""
    return served(_RELEASES)


@router.get("/favicon.ico", dependencies=[for_everybody()])
async def icon() -> Response:
    """The mark of the service."""
    return FileResponse(_FOLDER / "mark.svg", headers=FRESH)


class _Files(StaticFiles):
    def file_response(self, *args: object, **kwargs: object) -> Response:
        response = super().file_response(*args, **kwargs)  # type: ignore[arg-type]
        response.headers.update(FRESH)
        return response


def files() -> ASGIApp:
    """Everything in the folder, packed, asked for anew each time: an update of the package shows at once."""
    return GZipMiddleware(_Files(directory=_FOLDER))
