"""What the service sends about itself: health, status, the kinds of problems."""

from __future__ import annotations

from typing import Literal

from cmo.web.schemas import Sent


class ComponentOut(Sent):
    """One part of the service."""

    status: Literal["healthy", "degraded", "unhealthy"]
    detail: str


class HealthOut(Sent):
    """Whether the service works, as a whole and by parts."""

    status: Literal["healthy", "degraded", "unhealthy"]
    components: dict[Literal["record", "index", "model", "reach"], ComponentOut]
    timestamp: str
    details: dict[str, str | int]


class StatusOut(Sent):
    """What the knowledge base holds."""

    papers: int
    retracted: int
    passages: int
    snapshot: str
    model: str
    up_to_date: bool
    nodes: int
    edges: int
    curated_edges: int
    facts: int
    reader: str
    stale_readings: int
    missing_readings: int


class KindOut(Sent):
    """A kind of problem."""

    code: str
    status: int
    title: str
