"""Bases that benchmarks ask: made once, kept, and made anew where they are of another model or an older format."""

from __future__ import annotations

from collections.abc import Callable, Iterable

from cmo.app import App
from cmo.errors import SnapshotCorrupt
from cmo.model.papers import ParsedPaper


def made(
    house: App, papers: Callable[[], Iterable[tuple[str, ParsedPaper]]], say: Callable[[int], object], least: int = 1
) -> None:
    """See to it that a base holds these papers, as the model in use encodes them.

    Args:
        house: of the base.
        papers: read only where they are needed.
        say: called with how many are in.
        least: papers that a whole base holds; one that was interrupted has fewer.
    """
    if _serves(house) and len(house.record.papers()) >= least:
        return
    with house.pipeline(1) as pipeline:
        for n, _ in enumerate(pipeline.record_parsed(papers()), 1):
            say(n)
    house.curator.rebuild()


def _serves(house: App) -> bool:
    try:
        manifest = house.shelf.current()
    except SnapshotCorrupt:  # of an older format, say: what is recorded is not encoded again
        return False
    return manifest is not None and manifest.model == house.encoder.identity
