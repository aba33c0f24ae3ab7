"""Questions that are sorted together: one run of the router, in a thread."""

from __future__ import annotations

from collections.abc import Sequence
from concurrent.futures import Executor
from dataclasses import dataclass, replace
from functools import partial
from typing import Final

from cmo.kit.admission import Room
from cmo.kit.batch import Batcher, Crew, RunLength
from cmo.kit.deadline import Monotonic
from cmo.model.ports import Router
from cmo.model.routes import Conditions, Route
from cmo.model.sorting import Plan

_NAME: Final = "sorting"
_FEW: Final = 2
"""Workers where their number does not follow what there is to do."""


@dataclass(frozen=True, slots=True)
class Piece:
    """A question that is to be sorted, and under which conditions."""

    text: str
    conditions: Conditions


def run(router: Router, pieces: Sequence[Piece]) -> list[Route]:
    """Where questions go. No language model is asked here: it would keep all others waiting."""
    found: dict[int, Route] = {}
    for conditions in dict.fromkeys(piece.conditions for piece in pieces):
        places = [n for n, piece in enumerate(pieces) if piece.conditions == conditions]
        alone = replace(conditions, llm=False)
        texts = [pieces[n].text for n in places]
        routes = router.routes(texts, alone) if len(texts) > 1 else [router.route(texts[0], alone)]
        found |= dict(zip(places, routes, strict=True))
    return [found[n] for n in range(len(pieces))]


def batcher_of(router: Router, plan: Plan, executor: Executor, monotonic: Monotonic) -> Batcher[Piece, Route]:
    """Who gathers questions, for one event loop."""
    most = plan.workers_most if plan.scaling else min(_FEW, plan.workers_most)
    return Batcher(
        _NAME,
        partial(run, router),
        executor,
        room=Room(max(plan.run_most, int(plan.target_rate * plan.limit_seconds * 2))),
        crew=Crew(1 if plan.scaling else most, most, plan.scale_up, plan.scale_down, plan.wait_seconds),
        length=RunLength.of(plan.run_most, plan.learn_every),
        monotonic=monotonic,
    )
