"""The page at / and its files: plain HTML, CSS and JavaScript, served from here and from nowhere else."""

from __future__ import annotations

from pathlib import Path

from fastapi import APIRouter
from starlette.responses import FileResponse, Response
from starlette.staticfiles import StaticFiles

from cmo.model.access import Role
from cmo.web.roles import for_everybody, needs

router = APIRouter(include_in_schema=False)

FOLDER = Path(__file__).parent / "static"
FRESH = {"Cache-Control": "no-cache"}


@router.get("/", dependencies=[needs(Role.READER)])
async def page() -> Response:
    """The page to ask on."""
    return FileResponse(FOLDER / "index.html", headers=FRESH)


@router.get("/docs", dependencies=[needs(Role.READER)])
async def interface() -> Response:
    """The interface, described from its OpenAPI document."""
    return FileResponse(FOLDER / "docs.html", headers=FRESH)


@router.get("/read", dependencies=[needs(Role.READER)])
async def read() -> Response:
    """A page of a paper, with a sentence highlighted and what stands beside it."""
    return FileResponse(FOLDER / "read.html", headers=FRESH)


@router.get("/graph", dependencies=[needs(Role.READER)])
async def graph() -> Response:
    """The graph around a concept."""
    return FileResponse(FOLDER / "graph.html", headers=FRESH)


@router.get("/releases", dependencies=[needs(Role.OPERATOR)])
async def releases() -> Response:
    """Releases: stage, share, evidence, who did what."""
    return FileResponse(FOLDER / "releases.html", headers=FRESH)


@router.get("/favicon.ico", dependencies=[for_everybody()])
async def icon() -> Response:
    """The mark of the service."""
    return FileResponse(FOLDER / "mark.svg", headers=FRESH)


class _Files(StaticFiles):
    def file_response(self, *args: object, **kwargs: object) -> Response:
        response = super().file_response(*args, **kwargs)  # type: ignore[arg-type]
        response.headers.update(FRESH)
        return response


def files() -> StaticFiles:
    """Everything in the folder, asked for anew each time: an update of the package shows at once."""
    return _Files(directory=FOLDER)
