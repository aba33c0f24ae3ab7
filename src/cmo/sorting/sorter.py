"""The story of one question's class: admit -> kept? -> under way? -> nearly asked before? -> sort -> in doubt? -> keep.

::

    question --admit--> memory, disk, shared --> its route
                 '--nothing--> under way already? --> a question of the same gist? --> a run of several --> head
                                                                                              |
                     kept <-- its route <-- a second opinion, where the head is in doubt <----'

    whatever fails, or is not there shortly before the limit --> cue words, at once

A second opinion that does not come soon is not waited for: it is kept for who asks next.
There is always an answer within the limit. What cue words had to decide is not kept; what a language model should have
been asked about and was not is kept for moments.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Sequence
from concurrent.futures import Executor
from contextlib import nullcontext
from dataclasses import dataclass, field, replace
from functools import lru_cache
from typing import Final

from cmo.cache import Basis, Key, Made, Memory, Statistics, Tiers, Warmed, key_of, warm
from cmo.cache.entry import early
from cmo.cache.loops import PerLoop
from cmo.cache.warm import Progress
from cmo.errors import OracleError
from cmo.kit import deadline
from cmo.kit.admission import Rank
from cmo.kit.batch import Batcher, BatchReading
from cmo.kit.chance import CHANCE, Chance
from cmo.kit.clock import Clock
from cmo.kit.tally import Figures, Served, Tally
from cmo.model.ports import Router
from cmo.model.routes import Conditions, Route
from cmo.model.sorting import Plan, Sorted
from cmo.oracle import admit
from cmo.route.codec import CODEC, decode, encode
from cmo.route.counsel import Counsel, CounselReading
from cmo.sorting.near import Near
from cmo.sorting.opinions import Doubts, Opinions
from cmo.sorting.runs import Piece, batcher_of

RESERVE_SECONDS: Final = 0.025
"""Before the limit, for cue words."""
_RESERVE: Final = 0.1
"""At most this share of the limit."""
MOMENT_SECONDS: Final = 0.1
"""A change of conditions, year or era is noticed after so long."""
_NAME: Final = "sorting"
_FROM_MEMORY: Final = ("memory-cache",)
_JOINED: Final = ("deduplicated",)
_CUED = 1_024
_ADMITTED = 4_096


@dataclass(frozen=True, slots=True)
class _Moment:
    """What decisions rest on just now."""

    basis: Basis
    conditions: Conditions
    ways: Conditions
    """The part of the conditions that a kept decision depends on."""
    until: float


@dataclass(slots=True)
class _Making:
    """What is known of a decision while it is made."""

    begun: bool = False
    steps: list[str] = field(default_factory=list)
    tier: str = ""
    company: int = 1


@dataclass(frozen=True, slots=True)
class _Here:
    """What belongs to one event loop."""

    batcher: Batcher[Piece, Route]
    opinions: Opinions | None
    flying: dict[str, asyncio.Task[Sorted]] = field(default_factory=dict)
    """What is being decided, by the digest of its key."""


@dataclass(frozen=True, slots=True)
class SorterReading:
    """How sorting goes."""

    figures: Figures
    cache: Statistics
    near: int
    """Questions that went the way of one that was almost the same."""
    batch: BatchReading | None
    counsel: CounselReading | None


class Sorter:
    """Sorts questions. Everything that it needs comes in through the constructor; loops and threads may share it.

    Args:
        router: decides.
        keywords: decides at once, whatever happens.
        tiers: where decisions are kept.
        memory: the first of them, which is asked without any ado.
        basis: what they rest on now.
        conditions: what a router has to reckon with now.
        executor: where the head works, so that the event loop stays free.
        clock: for durations and ages.
        plan: what it is held to.
        near: decisions by the gist of their question; None where gists are not looked at.
        doubts: the router, if it knows when it is in doubt.
        counsel: makes, for one event loop, who is asked then; None where nobody is.
        chance: for early refreshes.
    """

    def __init__(
        self,
        router: Router,
        keywords: Router,
        tiers: Tiers,
        memory: Memory,
        *,
        basis: Callable[[], Basis],
        conditions: Callable[[], Conditions],
        executor: Executor,
        clock: Clock,
        plan: Plan,
        near: Near | None = None,
        doubts: Doubts | None = None,
        counsel: Callable[[], Counsel] | None = None,
        chance: Chance = CHANCE,
    ) -> None:
        self.plan = plan
        self.tiers = tiers
        self._memory = memory
        self._router = router
        self._by_cue_words = lru_cache(_CUED)(lambda piece, _basis: keywords.route(piece.text, piece.conditions))
        self._basis = basis
        self._conditions = conditions
        self._executor = executor
        self._clock = clock
        self._near = near
        self._doubts = doubts
        self._counsel = counsel
        self._tally = Tally(plan.window, plan.target_seconds, plan.limit_seconds)
        self._here = PerLoop(self._open)
        self._last: _Here | None = None
        self._moment: _Moment | None = None
        self._chance = chance

    async def sort(self, text: str, rank: Rank = Rank.INTERACTIVE) -> Sorted:
        """Where a question goes, within the limit.

        Raises:
            BadQuestion: it cannot be asked as it stands.
        """
        found = await self._timed(text, rank)
        marks = (*found.steps, found.route.decided_by.name, *(("fallback", f"why-{found.why}") if found.why else ()))
        ok = found.seconds <= self.plan.limit_seconds
        self._tally.add(Served(self._clock.monotonic(), found.seconds, marks, ok))
        return found

    async def warm(self, questions: Sequence[str], progress: Progress = lambda _done, _total: None) -> Warmed:
        """Have decisions ready before anybody asks; figures do not count them."""
        return await warm(questions, lambda question: self._timed(question, Rank.PREFETCH), progress=progress)

    async def clear(self, *, emergency: bool = False) -> dict[str, bool]:
        """Forget every decision; says of each tier whether it did. In an emergency no tier is waited for."""
        if self._near is not None:
            self._near.clear()
        done = await (self.tiers.emergency_clear() if emergency else self.tiers.clear_all())
        self._moment = None
        return done

    def reading(self) -> SorterReading:
        """How it goes."""
        here = self._last
        return SorterReading(
            self._tally.figures(),
            self.tiers.statistics(),
            self._near.hits if self._near else 0,
            here.batcher.reading() if here else None,
            here.opinions.reading if here and here.opinions else None,
        )

    async def aclose(self) -> None:
        """End what is under way in this loop and give back what is open."""
        if (here := self._here.pop()) is not None:
            if flying := list(here.flying.values()):
                for task in flying:
                    task.cancel()
                await asyncio.wait(flying)
            if here.opinions is not None:
                await here.opinions.aclose()
        await self.tiers.aclose()

    async def _timed(self, text: str, rank: Rank) -> Sorted:
        began = self._clock.monotonic()
        asked = _admitted(text)
        moment = self._now()
        piece = Piece(asked, moment.conditions)
        key = key_of(asked, moment.basis, _NAME, CODEC, moment.ways)
        found = self._at_hand(key) or await self._joined(piece, key, rank, moment)
        found.seconds = self._clock.monotonic() - began
        return found

    def _at_hand(self, key: Key | None) -> Sorted | None:
        """What the memory holds; nothing shortly before its time is over, so that somebody makes it anew."""
        entry = self._memory.get(key) if key is not None else None
        if entry is None or early(entry, self._clock.now().timestamp(), self._chance()):
            return None
        return Sorted(decode(entry.value), 0.0, self._memory.name, _FROM_MEMORY)

    async def _joined(self, piece: Piece, key: Key | None, rank: Rank, moment: _Moment) -> Sorted:
        """What is decided here, or for somebody who asked the same just before.

        A decision is there within the limit of who asked first, so those who join need no clock of their own.
        """
        if key is None or not self.plan.joined:
            return await self._in_time(piece, key, rank, moment)
        flying = self._here.here().flying
        first = (task := flying.get(key.digest)) is None
        if task is None:
            with deadline.under(None):
                work = self._in_time(piece, key, rank, moment)
                task = flying[key.digest] = asyncio.get_running_loop().create_task(work)
            task.add_done_callback(lambda _: flying.pop(key.digest, None))
        left = deadline.remaining()
        try:
            async with asyncio.timeout(left * (1 - _RESERVE)) if left < self.plan.limit_seconds else nullcontext():
                found = await asyncio.shield(task)
        except TimeoutError:
            return self._at_hand(key) or self._cued(piece, moment, "out-of-time")
        return found if first else replace(found, steps=(*_JOINED, *(("keywords",) if found.why else ())))

    async def _in_time(self, piece: Piece, key: Key | None, rank: Rank, moment: _Moment) -> Sorted:
        left = min(self.plan.limit_seconds, deadline.remaining())
        left -= min(RESERVE_SECONDS, left * _RESERVE)
        try:
            async with asyncio.timeout(left):
                with deadline.within(left):
                    return await self._found(piece, key, rank, moment)
        except (OracleError, TimeoutError) as error:
            if isinstance(error, TimeoutError) and (found := self._at_hand(key)) is not None:
                return found
            why = error.code if isinstance(error, OracleError) else "out-of-time"
            return self._cued(piece, moment, why)

    def _cued(self, piece: Piece, moment: _Moment, why: str) -> Sorted:
        return Sorted(self._by_cue_words(piece, moment.basis), 0.0, steps=("keywords",), why=why)

    async def _found(self, piece: Piece, key: Key | None, rank: Rank, moment: _Moment) -> Sorted:
        making = _Making()
        if key is None:
            route, _ = await self._sorted(piece, rank, making)
            return Sorted(route, 0.0, "", tuple(making.steps), making.company)

        async def make() -> Made:
            making.begun = True
            return await self._to_keep(piece, rank, moment, making)

        if self.plan.joined:
            hit = await self.tiers.get_or_make(key, make)
        else:
            hit = await self.tiers.get(key) or await self.tiers.make(key, make)
        if hit.tier:
            return Sorted(decode(hit.value), 0.0, hit.tier, (f"{hit.tier}-cache",))
        steps = tuple(making.steps) if making.begun else ("deduplicated",)
        return Sorted(decode(hit.value), 0.0, making.tier, steps, making.company)

    async def _to_keep(self, piece: Piece, rank: Rank, moment: _Moment, making: _Making) -> Made:
        near = self._near.key(piece.text, moment.basis, moment.ways) if self._near else None
        if self._near is not None and (known := self._near.get(near)) is not None:
            making.tier = "near"
            making.steps.append("near-match")
            return Made(*known)
        route, seconds = await self._sorted(piece, rank, making)
        value = encode(route)
        if self._near is not None and seconds >= self.plan.kept_seconds:
            self._near.keep(near, value, seconds)
        return Made(value, seconds)

    async def _sorted(self, piece: Piece, rank: Rank, making: _Making) -> tuple[Route, float]:
        """A route, and for how long it may be kept."""
        here = self._here.here()
        self._last = here
        gathered = await here.batcher.one(piece, rank)
        making.company = gathered.company
        if gathered.company > 1:
            making.steps.append("batched")
        route = gathered.value
        if here.opinions is None or not here.opinions.wanted(route, piece.conditions):
            return route, self.plan.kept_seconds
        heard = await here.opinions.ask(piece.text, piece.conditions, lambda better: self._keep(piece, better))
        making.steps.append(heard.step)
        return (route, self.plan.doubtful_seconds) if heard.route is None else (heard.route, self.plan.kept_seconds)

    async def _keep(self, piece: Piece, route: Route) -> None:
        """Keep what a second opinion came to after its question was answered."""
        moment = self._now()
        key = key_of(piece.text, moment.basis, _NAME, CODEC, _ways(piece.conditions))
        if key is not None:
            await self.tiers.set(key, encode(route), seconds=self.plan.kept_seconds)

    def _now(self) -> _Moment:
        """What decisions rest on, looked up a few times a second."""
        now = self._clock.monotonic()
        if (moment := self._moment) is None or now >= moment.until:
            conditions = self._conditions()
            moment = _Moment(self._basis(), conditions, _ways(conditions), now + MOMENT_SECONDS)
            self._moment = moment
        return moment

    def _open(self) -> _Here:
        batcher = batcher_of(self._router, self.plan, self._executor, self._clock.monotonic)
        if self._counsel is None or self._doubts is None:
            return _Here(batcher, None)
        return _Here(batcher, Opinions(self._counsel, self._doubts, self._executor, self.plan))


@lru_cache(_ADMITTED)
def _admitted(text: str) -> str:
    return admit(text).text


def _ways(conditions: Conditions) -> Conditions:
    """Conditions as far as a kept route depends on them: how much time there was is not part of it."""
    return replace(conditions, seconds_left=0.0, budget_left=float(conditions.budget_left > 0))
