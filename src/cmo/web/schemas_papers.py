"""What the service sends about papers: lists, pages, places, outcomes of an upload."""

from __future__ import annotations

from cmo.stories.beside import Stance
from cmo.web.schemas import BoxOut, OutcomeOut, PaperOut, Sent
from cmo.web.schemas_replies import EvidenceOut


class SummaryOut(PaperOut):
    """A paper in a list."""

    added_at: str
    pages: int
    sentences: int
    chunks: int


class PapersOut(Sent):
    """Papers, newest first, and the reasons of those that were retracted."""

    papers: list[SummaryOut]
    total: int
    retracted: dict[str, str]


class PageOut(Sent):
    """A page and its size in points."""

    number: int
    width: float
    height: float


class PaperDetailOut(PaperOut):
    """A paper with its pages."""

    pages: list[PageOut]


class PlaceOut(Sent):
    """Where a piece of evidence is printed."""

    id: str
    paper: PaperOut
    page: int
    start: int
    end: int
    text: str
    boxes: list[BoxOut]
    image: str


class NeighbourOut(Sent):
    """A sentence of the same paper."""

    id: str
    text: str
    page: int


class OtherOut(Sent):
    """The nearest sentence of another paper."""

    stance: Stance
    probability: float
    """Of the stance, calibrated; the likeness of the two sentences where it is `near`."""
    paper: PaperOut
    evidence: EvidenceOut


class BesideOut(Sent):
    """What stands beside a sentence."""

    id: str
    before: list[NeighbourOut]
    after: list[NeighbourOut]
    others: list[OtherOut]
    """For first, then against, then near."""


class OutcomesOut(Sent):
    """What became of each file, in the order sent."""

    outcomes: list[OutcomeOut]
