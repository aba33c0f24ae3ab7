"""Papers: list, show, upload, retract."""

from __future__ import annotations

import shutil
import tempfile
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from dataclasses import replace
from pathlib import Path
from typing import Annotated, Any

from fastapi import APIRouter, Query, Request
from fastapi import Path as Segment
from starlette.exceptions import HTTPException
from starlette.responses import Response

from cmo import wire
from cmo.app import App
from cmo.errors import OracleError
from cmo.kit.files import full_disk_is_store_full
from cmo.kit.text import clean_line
from cmo.model.access import Role
from cmo.model.outcomes import Outcome, Refusal, Status
from cmo.model.record import PaperSummary
from cmo.web import problems
from cmo.web.desk import AtDesk, Desk
from cmo.web.replies import failing, json
from cmo.web.roles import needs
from cmo.web.schemas import Listing, PaperOut
from cmo.web.schemas_papers import OutcomesOut, PaperDetailOut, PapersOut
from cmo.web.upload import Intake, Received, gathered

router = APIRouter(prefix="/papers", tags=["papers"], dependencies=[needs(Role.READER)])

PaperId = Annotated[str, Segment(min_length=1, max_length=64)]
_PARSERS = 2
_INCOMING = ".incoming-"
_KEPT_SECONDS = 86_400.0
_UPLOAD = {
    "requestBody": {
        "required": True,
        "content": {
            "multipart/form-data": {
                "schema": {
                    "type": "object",
                    "required": ["files"],
                    "properties": {
                        "files": {
                            "type": "array",
                            "minItems": 1,
                            "items": {"type": "string", "contentMediaType": "application/octet-stream"},
                        }
                    },
                }
            }
        },
    }
}


@router.get("", responses={200: {"model": PapersOut}, **failing(421, 503)})
async def listing(asked: Annotated[Listing, Query()], desk: AtDesk) -> Response:
    """The papers of the base, newest first, and what was retracted."""
    return json(await desk.read(_listed, desk.house, asked))


@router.get("/{paper_id}", responses={200: {"model": PaperDetailOut}, **failing(404, 421, 503)})
async def detail(paper_id: PaperId, desk: AtDesk) -> Response:
    """One paper and its pages."""
    return json(await desk.read(_detailed, desk.house, paper_id))


@router.post("", responses={200: {"model": OutcomesOut}, **failing(400, 403, 409, 413, 415, 421, 503, 507)},
             openapi_extra=_UPLOAD, dependencies=[needs(Role.CURATOR)])  # fmt: skip
async def upload(request: Request, desk: AtDesk) -> Response:
    """Add papers (PDF, JATS XML, Markdown, text); tells what became of each file.

    A file that cannot become a paper is refused with a reason and a remedy; the others are ingested all the same.
    Every outcome is durable when it is told.
    """
    outcomes: list[Outcome] = []
    async with _room(desk) as folder:
        received = await _receive(request, desk, folder)
        try:
            async with desk.changing:
                await desk.write(_ingest, desk.house, received, outcomes)
        except OracleError as error:
            return problems.of_error(request.scope, error, outcomes=_told(outcomes, received))
    return json({"outcomes": _told(outcomes, received)})


@router.delete(
    "/{paper_id}",
    dependencies=[needs(Role.CURATOR)],
    responses={200: {"model": PaperOut}, **failing(403, 404, 409, 421, 503, 507)},
)
async def retract(
    paper_id: PaperId,
    desk: AtDesk,
    reason: Annotated[str, Query(min_length=1, max_length=500, description="Why; kept for good.")],
) -> Response:
    """Take a paper out of everything that can be found or cited. It stays out until it is readmitted."""
    said = clean_line(reason)
    if not said:
        raise HTTPException(422, "Say why the paper is retracted.")
    async with desk.changing:
        return json(wire.paper(await desk.write(lambda: desk.house.curator.retract(paper_id, said))))


def sweep(house: App) -> None:
    """Remove what uploads left behind whose process was killed."""
    oldest = house.clock.now().timestamp() - _KEPT_SECONDS
    for folder in house.folder.glob(f"{_INCOMING}*"):
        if folder.stat().st_mtime < oldest:
            shutil.rmtree(folder, ignore_errors=True)


def _listed(house: App, asked: Listing) -> dict[str, Any]:
    words = asked.match.casefold().split()
    found = [paper for paper in house.record.papers() if all(word in _about(paper) for word in words)]
    shown = found[asked.offset : asked.offset + asked.limit]
    return {"papers": [wire.summary(p) for p in shown], "total": len(found), "retracted": house.record.retracted()}


def _about(paper: PaperSummary) -> str:
    facts = paper.ref.metadata
    return " ".join((facts.title, *facts.authors, facts.journal, facts.doi, paper.ref.source)).casefold()


def _detailed(house: App, paper_id: str) -> dict[str, Any]:
    ref = house.record.paper(paper_id)
    return wire.paper_with_pages(ref, house.record.pages(ref))


@asynccontextmanager
async def _room(desk: Desk) -> AsyncIterator[Path]:
    """A folder on the disk of the base, gone afterwards."""

    def opened() -> Path:
        desk.house.folder.mkdir(parents=True, exist_ok=True)
        return Path(tempfile.mkdtemp(prefix=_INCOMING, dir=desk.house.folder))

    folder = await desk.write(opened)
    try:
        yield folder
    finally:
        await desk.write(shutil.rmtree, folder, ignore_errors=True)


async def _receive(request: Request, desk: Desk, folder: Path) -> list[Received]:
    """Write the files of a body into a folder.

    Raises:
        HTTPException: the body is no multipart form, holds no file, or too many.
        StoreFull: the disk is full.
    """
    intake = Intake(request.headers["content-type"], folder, desk.limits)
    try:
        with full_disk_is_store_full(folder.parent):
            async for chunk in gathered(request.stream()):
                await desk.write(intake.feed, chunk)
    finally:
        intake.close()
    received = intake.finish()
    if not received:
        raise HTTPException(422, "The form holds no file. Send each as a part with a file name.")
    return received


def _ingest(house: App, received: Sequence[Received], outcomes: list[Outcome]) -> None:
    """Ingest what arrived whole, noting each outcome as it becomes durable."""
    outcomes += [_too_large(house, file) for file in received if not file.whole]
    for outcome in outcomes:
        house.curator.tell_refused(outcome)
    whole = [file.path for file in received if file.whole]
    if whole:
        with house.pipeline(min(_PARSERS, len(whole))) as pipeline:
            outcomes.extend(house.curator.ingest(pipeline, whole))


def _too_large(house: App, file: Received) -> Outcome:
    limit = house.settings.max_file_megabytes
    return Outcome(
        file.name,
        Status.REFUSED,
        reason=Refusal.TOO_LARGE,
        detail=f"{file.name} has {file.size / 1e6:,.0f} MB; the limit is {limit:,} MB.",
        remedy="Split it, or raise CMO_MAX_FILE_MEGABYTES.",
    )


def _told(outcomes: Sequence[Outcome], received: Sequence[Received]) -> list[dict[str, Any]]:
    """Outcomes in the order in which their files were sent, by name alone: where they lay is our affair."""
    order = {file.name: n for n, file in enumerate(received)}
    named = [replace(outcome, source=Path(outcome.source).name) for outcome in outcomes]
    return [wire.outcome(outcome) for outcome in sorted(named, key=lambda o: order[o.source])]
