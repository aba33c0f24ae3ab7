"""Second opinions on routes that the head is in doubt about, without making anybody wait for long.

::

    in doubt --ask--> there soon? --> the route after it
                         `--no--> the head's route now; what the opinion comes to is kept for who asks next
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from concurrent.futures import Executor
from dataclasses import dataclass
from functools import partial
from typing import Any, Final, Protocol

from cmo.kit import deadline
from cmo.model.routes import Conditions, Route
from cmo.model.sorting import Plan
from cmo.route.counsel import Counsel, CounselReading
from cmo.route.opinion import Opinion

AT_ONCE: Final = 64
"""Opinions that are waited for; beyond that the head decides alone."""


class Doubts(Protocol):
    """A router that knows when it is in doubt."""

    def doubtful(self, route: Route) -> bool:
        """Whether a second opinion might change a route."""
        ...

    def reconsidered(self, text: str, opinion: Opinion, conditions: Conditions) -> Route:
        """Where a question goes after one."""
        ...


@dataclass(frozen=True, slots=True)
class Heard:
    """What came of asking."""

    step: str
    """``second-opinion``, ``second-opinion-later`` or ``no-second-opinion``."""
    route: Route | None = None
    """After the opinion, if it was there soon enough."""


class Opinions:
    """Asks for second opinions. For one event loop.

    Args:
        counsel: makes who is asked, when it is first needed: a client of HTTP takes its time.
        doubts: who is in doubt.
        executor: where a route is reconsidered.
        plan: how long to wait, and how long to wait at all.
    """

    def __init__(self, counsel: Callable[[], Counsel], doubts: Doubts, executor: Executor, plan: Plan) -> None:
        self._make = counsel
        self._counsel: Counsel | None = None
        self._making = asyncio.Lock()
        self._doubts = doubts
        self._executor = executor
        self._plan = plan
        self._under_way: set[asyncio.Task[Any]] = set()

    @property
    def reading(self) -> CounselReading | None:
        """How the counsel is doing, if it tells."""
        reading = getattr(self._counsel, "reading", None)
        return reading if isinstance(reading, CounselReading) else None

    def wanted(self, route: Route, conditions: Conditions) -> bool:
        """Whether to ask for one."""
        return conditions.llm and conditions.budget_left > 0 and self._doubts.doubtful(route)

    async def ask(self, text: str, conditions: Conditions, keep: Callable[[Route], Awaitable[object]]) -> Heard:
        """A second opinion on a question.

        Args:
            text: the question.
            conditions: what the route has to reckon with.
            keep: keeps a route that came too late for this one.
        """
        if len(self._under_way) >= AT_ONCE:
            return Heard("no-second-opinion")
        with deadline.under(None):  # it outlives who asked
            task = self._begun(self._heard(text, conditions))
        await asyncio.wait({task}, timeout=min(self._plan.patience_seconds, deadline.share()))
        if task.done():
            route: Route | None = task.result()
            return Heard("no-second-opinion" if route is None else "second-opinion", route)
        task.add_done_callback(lambda done: self._learn(done, keep))
        return Heard("second-opinion-later")

    async def aclose(self) -> None:
        """Wait for nobody."""
        if under_way := list(self._under_way):
            for task in under_way:
                task.cancel()
            await asyncio.wait(under_way)
        if self._counsel is not None:
            await self._counsel.close()

    async def _heard(self, text: str, conditions: Conditions) -> Route | None:
        async with self._making:
            if self._counsel is None:
                self._counsel = await asyncio.to_thread(self._make)
        opinion = await self._counsel.ask(text, self._plan.opinion_seconds)
        if opinion is None:
            return None
        work = partial(self._doubts.reconsidered, text, opinion, conditions)
        return await asyncio.get_running_loop().run_in_executor(self._executor, work)

    def _learn(self, done: asyncio.Task[Any], keep: Callable[[Route], Awaitable[object]]) -> None:
        if not done.cancelled() and done.exception() is None and (route := done.result()) is not None:
            self._begun(_finished(keep(route)))

    def _begun(self, work: Any) -> asyncio.Task[Any]:
        task: asyncio.Task[Any] = asyncio.get_running_loop().create_task(work)
        self._under_way.add(task)
        task.add_done_callback(self._under_way.discard)
        return task


async def _finished(work: Awaitable[object]) -> None:
    await work
