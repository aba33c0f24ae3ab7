"""The page at / and its files: plain HTML, CSS and JavaScript, served from here and from nowhere else."""

from __future__ import annotations

from pathlib import Path

from fastapi import APIRouter
from starlette.responses import FileResponse, Response
from starlette.staticfiles import StaticFiles

router = APIRouter(include_in_schema=False)

_FOLDER = Path(__file__).parent / "static"
_FRESH = {"Cache-Control": "no-cache"}


@router.get("/")
async def page() -> Response:
    """The page to ask on."""
    return FileResponse(_FOLDER / "index.html", headers=_FRESH)


@router.get("/docs")
async def interface() -> Response:
    """The interface, described from its OpenAPI document."""
    return FileResponse(_FOLDER / "docs.html", headers=_FRESH)


@router.get("/releases")
async def releases() -> Response:
    """Releases: stage, share, evidence, who did what."""
    return FileResponse(_FOLDER / "releases.html", headers=_FRESH)


@router.get("/favicon.ico")
async def icon() -> Response:
    """The mark of the service."""
    return FileResponse(_FOLDER / "mark.svg", headers=_FRESH)


class _Files(StaticFiles):
    def file_response(self, *args: object, **kwargs: object) -> Response:
        response = super().file_response(*args, **kwargs)  # type: ignore[arg-type]
        response.headers.update(_FRESH)
        return response


def files() -> StaticFiles:
    """Everything in the folder, asked for anew each time: an update of the package shows at once."""
    return _Files(directory=_FOLDER)
