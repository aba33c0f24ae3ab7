"""The graph's part in answers: ask with it, compare with and without it, say how far it may reach."""

from __future__ import annotations

from dataclasses import replace
from typing import Annotated, Any

from fastapi import APIRouter, Request
from pydantic import BaseModel, ConfigDict, Field, StrictBool, StrictInt
from starlette.responses import Response

from cmo import wire
from cmo.app import App
from cmo.cast.delivering import given_by
from cmo.delivery.flags import completed, share
from cmo.delivery.releases import bundle
from cmo.model.access import Role
from cmo.model.questions import MAX_HOPS, Mode, Reach
from cmo.oracle import Reply, admit
from cmo.web.desk import AtDesk
from cmo.web.replies import failing, json
from cmo.web.roles import needs, payer
from cmo.web.schemas import FilterBody, Query
from cmo.web.schemas_replies import ReplyOut
from cmo.web.watching import seen

router = APIRouter(prefix="/api/query", tags=["enrichment"], dependencies=[needs(Role.READER)])
_STANDARD = Reach(multi_hop=False, hops=0, reasoning=False)
Hops = Annotated[StrictInt, Field(ge=0, le=MAX_HOPS)]
"""Strict, as switches are: who sends ``"yes"`` or ``true`` for a number has made a mistake, and should hear of it."""


class EnhancedBody(BaseModel):
    """A question to be answered with the help of the graph."""

    model_config = ConfigDict(extra="forbid", use_attribute_docstrings=True)

    query: Query
    """The question, in words."""
    mode: Mode = Mode.MIX
    """How passages are found."""
    filters: FilterBody = FilterBody()
    max_hops: Hops | None = None
    """How many relations are followed at most; left out, as it is set."""
    reasoning: StrictBool | None = None
    """Whether the answer tells how the question's concepts hang together; left out, as it is set."""


class ReachBody(BaseModel):
    """How far the graph may carry a search; what is left out stays as it is."""

    model_config = ConfigDict(extra="forbid", use_attribute_docstrings=True)

    multi_hop_enabled: StrictBool | None = None
    """Whether the graph takes part at all (`ENABLE_MULTI_HOP`)."""
    max_hops: Hops | None = None
    """How many relations are followed at most (`MAX_HOPS`)."""
    reasoning_enabled: StrictBool | None = None
    """Whether answers tell how the question's concepts hang together (`ENABLE_REASONING`)."""

    def amended(self, now: Reach) -> Reach:
        """The reach with what is said here."""
        return Reach(
            now.multi_hop if self.multi_hop_enabled is None else self.multi_hop_enabled,
            now.hops if self.max_hops is None else self.max_hops,
            now.reasoning if self.reasoning_enabled is None else self.reasoning_enabled,
        )


class ReachOut(BaseModel):
    """How far the graph may carry a search now."""

    model_config = ConfigDict(extra="forbid", use_attribute_docstrings=True)

    multi_hop_enabled: bool
    max_hops: int
    reasoning_enabled: bool
    rollout_percentage: float
    """Percent of the users: of a release under way that changes any of these, else all or none."""
    fault: str
    """Why what was set does not count and the settings do; empty where all is well."""


class DifferenceOut(BaseModel):
    """What the graph changed."""

    model_config = ConfigDict(extra="forbid", use_attribute_docstrings=True)

    shared_evidence: int
    """Sentences that both answers rest on."""
    only_standard: list[str]
    """Ids of evidence that the graph's answer gave up."""
    only_enhanced: list[str]
    """Ids of evidence that the graph's answer brought in."""
    enrichment_score: float
    added_ms: float
    """Milliseconds that the enhanced answer took longer."""


class ComparisonOut(BaseModel):
    """The same question answered without the graph and with it."""

    model_config = ConfigDict(extra="forbid", use_attribute_docstrings=True)

    standard: ReplyOut
    enhanced: ReplyOut
    difference: DifferenceOut


@router.post("/enhanced", responses={200: {"model": ReplyOut}, **failing(400, 403, 413, 415, 421, 503)})
async def enhanced(body: EnhancedBody, request: Request, desk: AtDesk) -> Response:
    """Ask with the graph: relations, how the question's concepts hang together, and the enrichment score."""
    question = admit(body.query, body.mode, body.filters.filters(), payer(request))
    work = (await desk.oracle()).ask(replace(question, reach=_reach(body, desk.house.reach.now())))
    return json(await seen(request.app.state.observing.watching, work))


@router.post("/enrichment/test", responses={200: {"model": ComparisonOut}, **failing(400, 403, 413, 415, 421, 503)})
async def compare(body: EnhancedBody, request: Request, desk: AtDesk) -> Response:
    """Answer one question without the graph and with it, side by side."""
    question = admit(body.query, body.mode, body.filters.filters(), payer(request))
    oracle = await desk.oracle()
    standard = await oracle.ask(replace(question, mode=Mode.HYBRID, reach=_STANDARD))
    reply = await oracle.ask(replace(question, reach=_reach(body, desk.house.reach.now())))
    return json(
        {"standard": wire.reply(standard), "enhanced": wire.reply(reply), "difference": _difference(standard, reply)}
    )


@router.get("/enrichment/config", responses={200: {"model": ReachOut}, **failing(421)})
async def config(desk: AtDesk) -> Response:
    """How far the graph may carry a search now."""
    part = await desk.read(_share, desk.house)
    return json(_said(desk.house.reach.now(), desk.house.reach.fault(), part))


@router.put(
    "/enrichment/config",
    dependencies=[needs(Role.OPERATOR)],
    responses={200: {"model": ReachOut}, **failing(400, 403, 413, 415, 421, 507)},
)
async def configure(body: ReachBody, desk: AtDesk) -> Response:
    """Change it, for all processes of this knowledge base, without a restart."""
    changed = await desk.write(desk.house.reach.amend, body.amended)
    return json(_said(changed, desk.house.reach.fault(), await desk.read(_share, desk.house)))


def _reach(body: EnhancedBody, now: Reach) -> Reach:
    return Reach(
        multi_hop=True,
        hops=now.hops if body.max_hops is None else body.max_hops,
        reasoning=now.reasoning if body.reasoning is None else body.reasoning,
    )


def _share(house: App) -> float | None:
    """Percent of the users who have a release that changes the graph's part; None where there is none under way."""
    if not house.settings.delivery:
        return None
    current = completed(house.delivery.current(), given_by(house.settings))
    release = current.releases.get(current.rollout.release) if current.rollout else None
    return share(current) if release is not None and bundle(release.settings).reaches else None


def _said(reach: Reach, fault: str, part: float | None) -> dict[str, Any]:
    whole = 100.0 if reach.multi_hop else 0.0
    return {
        "multi_hop_enabled": reach.multi_hop,
        "max_hops": reach.hops,
        "reasoning_enabled": reach.reasoning,
        "rollout_percentage": whole if part is None else part,
        "fault": fault,
    }


def _difference(standard: Reply, enhanced: Reply) -> dict[str, Any]:
    before, after = ([e.id for e in reply.answer.evidence] for reply in (standard, enhanced))
    told = enhanced.answer.enrichment
    return {
        "shared_evidence": len(set(before) & set(after)),
        "only_standard": [key for key in before if key not in after],
        "only_enhanced": [key for key in after if key not in before],
        "enrichment_score": told.score if told else 0.0,
        "added_ms": round(enhanced.milliseconds - standard.milliseconds, 3),
    }
