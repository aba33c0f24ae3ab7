"""The desk: what the handlers share, and where their work runs so that the event loop stays free.

Questions run in the app's own executor. Reading the record, drawing pages and changing papers have each their own
bounds, so that one long ingest delays no page and a burst of pages delays no answer.
"""

from __future__ import annotations

import logging
import threading
from collections.abc import Callable
from functools import partial
from typing import Annotated, ParamSpec, TypeVar

import anyio
from anyio import CapacityLimiter, to_thread
from fastapi import Depends, Request

from cmo.app import App
from cmo.cache import Statistics
from cmo.cast.tried import Tried
from cmo.engines import PASSAGES
from cmo.errors import OracleError, StoreError
from cmo.kit.language import language
from cmo.model.routes import Conditions
from cmo.ops.health import Grade, Health
from cmo.oracle import Oracle, admit
from cmo.stories.recall import Recall
from cmo.web.guard import Limits
from cmo.web.pings import pings
from cmo.web.sorting import Sorting

log = logging.getLogger("cmo.web")

_RETRY_SECONDS = 30.0
P = ParamSpec("P")
T = TypeVar("T")


class Desk:
    """One for each service. Cheap to make; opens what it needs when it is first needed.

    Args:
        house: the app.
        limits: how much clients may send.
        one_of_several: whether other processes answer too, from the same base.
    """

    def __init__(self, house: App, limits: Limits, *, one_of_several: bool = False) -> None:
        self.house = house
        self.limits = limits
        self.one_of_several = one_of_several
        self.fault: OracleError | None = None
        """Why questions cannot be answered, if the model or the index could not be opened."""
        self.changing = anyio.Lock()
        """Held while this process changes papers: uploads wait in line instead of refusing each other."""
        self._oracle: Oracle | None = None
        self._recall: Recall | None = None
        self._released: Tried | None = None
        self._delivering = threading.Lock()
        self._moving = False
        self._not_before = 0.0
        self._reading = CapacityLimiter(8)
        self._drawing = CapacityLimiter(1)  # the PDF library is not thread-safe, and a page can take 100 MB
        self._writing = CapacityLimiter(4)
        self._thinking = CapacityLimiter(2)
        self._calling = CapacityLimiter(2)
        self.sorting = Sorting(house)
        self.health = Health(pings(house, lambda: self.fault, lambda: self.ready))
        self.leaving = False
        """Whether the service is about to end: balancers are told to send nobody any more."""
        self._warmed = False

    def beside(self, house: App) -> Desk:
        """Another tenant's."""
        return Desk(house, self.limits, one_of_several=self.one_of_several)

    async def warm(self) -> None:
        """Load what a question needs, so that the first one asked is as fast as the next."""
        try:
            await self.oracle()
            await self.recall()
            await to_thread.run_sync(_rehearse, self.house)
            await to_thread.run_sync(language, "metabolomica")  # its model is loaded by what is not plain English
            await self.released()
        except OracleError as error:
            known = str(error) == str(self.fault)  # it is tried again every few seconds
            log.log(logging.DEBUG if known else logging.WARNING, "questions cannot be answered yet: %s", error)
            self.fault = error
        else:
            self.fault = None
        self._warmed = True

    def unready(self) -> str:
        """Why nobody should be sent here now; empty where they may be."""
        if self.leaving:
            return "draining"
        if not self._warmed:
            return "warming up"
        vital = (part.detail for part in self.health.examined().parts.values() if part.grade is Grade.UNHEALTHY)
        return next(vital, "")

    @property
    def ready(self) -> bool:
        """Whether the model is loaded."""
        return self._oracle is not None

    async def oracle(self) -> Oracle:
        """Who answers; opened on first use."""
        if self._oracle is None:
            self._oracle = await to_thread.run_sync(lambda: self.house.oracle)
            self.fault = None
        return self._oracle

    async def recall(self) -> Recall:
        """The same, who need not think where an answer is kept."""
        if self._recall is None:
            await self.oracle()
            self._recall = await to_thread.run_sync(lambda: self.house.recall)
        return self._recall

    def kept(self) -> Statistics | None:
        """How often kept answers served; None where none are kept, or nobody asked yet."""
        return None if self._recall is None else self._recall.statistics()

    async def released(self) -> Tried | None:
        """Who answers by releases; None where that is not wanted."""
        if self._released is None and self.house.settings.delivery and self.house.clock.monotonic() >= self._not_before:
            await self.recall()
            try:
                self._released = await to_thread.run_sync(self._deliver)
            except StoreError as error:
                log.warning("releases: the store cannot be used, everybody is answered by the settings: %s", error)
                self._not_before = self.house.clock.monotonic() + _RETRY_SECONDS
        return self._released

    async def aclose(self) -> None:
        """Give back what is open in this loop."""
        await self.sorting.aclose()
        self.health.close()
        if self._recall is not None:
            await self._recall.aclose()
        if self._released is not None:
            await self.house.recalls.aclose()
            await to_thread.run_sync(self.house.delivering.close)

    async def read(self, work: Callable[P, T], *args: P.args, **kwargs: P.kwargs) -> T:
        """Run something short that waits for the database or the disk."""
        return await to_thread.run_sync(partial(work, *args, **kwargs), limiter=self._reading)

    async def draw(self, work: Callable[P, T], *args: P.args, **kwargs: P.kwargs) -> T:
        """Draw a page, one at a time."""
        return await to_thread.run_sync(partial(work, *args, **kwargs), limiter=self._drawing)

    async def write(self, work: Callable[P, T], *args: P.args, **kwargs: P.kwargs) -> T:
        """Run something that changes files; goes on to its end even if the client hangs up."""
        return await to_thread.run_sync(partial(work, *args, **kwargs), limiter=self._writing)

    async def think(self, work: Callable[P, T], *args: P.args, **kwargs: P.kwargs) -> T:
        """Run something that asks many questions one after another."""
        return await to_thread.run_sync(partial(work, *args, **kwargs), limiter=self._thinking)

    async def call(self, work: Callable[P, T], *args: P.args, **kwargs: P.kwargs) -> T:
        """Run something that waits for a machine elsewhere, for seconds perhaps."""
        return await to_thread.run_sync(partial(work, *args, **kwargs), limiter=self._calling)

    def queue_of_thoughts(self) -> int:
        """How much of that waits for its turn."""
        return self._thinking.statistics().tasks_waiting

    def _deliver(self) -> Tried:
        with self._delivering:
            if not self._moving:
                self.house.delivering.start()
                self.house.trials.start()
                self._moving = True
            return self.house.tried


def _rehearse(house: App) -> None:
    """A question as far as it goes here. What is outside is not asked: it costs money, and nobody waits for the answer."""
    question = admit("Which metabolites are raised in phenylketonuria?")
    if house.settings.routing:
        house.router.route(question.text, Conditions())
    answer = house.answerer.answer(question, house.retriever.retrieve(question, PASSAGES))
    if house.judges and answer.refusal is None:
        house.judge(answer)


async def _desk(request: Request) -> Desk:
    desk = request.scope["state"]["desk"]
    assert isinstance(desk, Desk)
    return desk


AtDesk = Annotated[Desk, Depends(_desk)]
"""A handler's parameter: the desk of the tenant that asks."""
