"""`HighPerformanceClassificationSystem`: the documented names over the sorter (`cmo.sorting`).

There is always an answer within `max_response_time_ms`: whatever is slow, gone or wrong, cue words decide in time.
"""

from __future__ import annotations

import asyncio
import threading
import time
from collections import Counter, deque
from collections.abc import AsyncIterator, Callable, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import asynccontextmanager
from typing import Any, Final, Self

from cmo.app import App
from cmo.errors import BadQuestion, OracleError
from cmo.kit.admission import Rank
from cmo.model.routes import Conditions
from cmo.model.sorting import Sorted
from cmo.oracle import admit
from cmo.route import KeywordRouter, shipped_rules
from cmo.route.counsel import Counsel
from cmo.settings import Settings, read_settings
from cmo.sorting.cast import OpenSorter, counsel_of, open_sorter, warm_up
from cmo.sorting.figures import advise, stats, told
from cmo.sorting.sorter import RESERVE_SECONDS
from lightrag_integration.classification_config import HighPerformanceConfig
from lightrag_integration.enhanced_llm_classifier import ClassificationResult, EnhancedLLMClassifier, Foreign

_RANKS: Final = {
    "critical": Rank.HEALTH,
    "high": Rank.HEALTH,
    "normal": Rank.INTERACTIVE,
    "low": Rank.PREFETCH,
    "background": Rank.SHADOW,
}


class ClassificationCache:
    """The kept decisions of a system."""

    def __init__(self, system: HighPerformanceClassificationSystem) -> None:
        self._system = system

    async def warm_cache(self, queries: Sequence[str] | None = None) -> dict[str, Any]:
        """Decide questions before anybody asks.

        Args:
            queries: which; by default those of the configuration and those that were asked most of late.

        Returns:
            ``ready``: how many are; ``failed``: why, by question.
        """
        asked = list(queries) if queries is not None else self._system.expected_queries()
        opened = await self._system.opened()
        warmed = await opened.sorter.warm(list(dict.fromkeys(asked)))
        return {"ready": warmed.ready, "failed": dict(warmed.failed)}

    def get_cache_stats(self) -> dict[str, Any]:
        """Size and hit rate of each tier."""
        cache: dict[str, Any] = self._system.get_comprehensive_performance_stats()["cache"]
        return cache

    async def clear_all(self) -> dict[str, bool]:
        """Forget every decision; says of each tier whether it did."""
        opened = await self._system.opened()
        return await opened.sorter.clear()

    async def emergency_clear(self) -> dict[str, bool]:
        """The same, at once and whatever the state of the tiers."""
        opened = await self._system.opened()
        return await opened.sorter.clear(emergency=True)


class HighPerformanceClassificationSystem:
    """Classifies questions, fast. Opened by `async with`, or by the first question.

    Args:
        config: bounds.
        enhanced_classifier: who is asked where the head is in doubt: what `create_enhanced_llm_classifier` gives, or
            anything with ``await classify_query(text)`` that returns something with ``category``.
        settings: of the knowledge base; read from the environment when not given.
    """

    def __init__(
        self,
        config: HighPerformanceConfig | None = None,
        enhanced_classifier: Any = None,
        *,
        settings: Settings | None = None,
    ) -> None:
        if enhanced_classifier is not None and not callable(getattr(enhanced_classifier, "classify_query", None)):
            raise TypeError("enhanced_classifier must have an async method classify_query(text).")
        self.config = config or HighPerformanceConfig()
        self.enhanced_classifier = enhanced_classifier
        self.settings = settings or read_settings()
        self.cache = ClassificationCache(self)
        self._house = App(self.settings)
        self._opening: Future[OpenSorter] | None = None
        self._lock = threading.Lock()
        self._asked: deque[str] = deque(maxlen=self.config.learning_window_size)

    async def __aenter__(self) -> Self:
        await self.initialize()
        return self

    async def __aexit__(self, *_: object) -> None:
        await self.cleanup()

    async def initialize(self) -> None:
        """Load the model, and decide `cache_warm_queries`."""
        await self.opened()
        if self.config.enable_cache_warming and self.config.cache_warm_queries:
            await self.cache.warm_cache(self.config.cache_warm_queries)

    async def classify_query_optimized(
        self, query_text: str, priority: str = "normal"
    ) -> tuple[ClassificationResult, dict[str, Any]]:
        """The class of a question, and what it took.

        Args:
            query_text: the question.
            priority: ``critical``, ``high``, ``normal``, ``low`` or ``background``: who goes first when there is much to do.

        Returns:
            The result, and a dictionary with ``response_time_ms``, ``target_met``, ``cache_hit``,
            ``optimizations_applied``, ``fallback`` and more. What is no question gets GENERAL with confidence 0, and
            ``error`` says why.

        Raises:
            ValueError: there is no such priority.
        """
        if priority not in _RANKS:
            raise ValueError(f"There is no priority {priority!r}. The priorities are: {', '.join(_RANKS)}.")
        began = time.perf_counter()
        try:
            found = await self._sorted(query_text, _RANKS[priority])
        except BadQuestion as error:
            return _refused(error, began)
        seconds = time.perf_counter() - began
        facts = told(found, self.config.target_response_time_ms / 1000)
        return ClassificationResult.of(found), {
            **facts,
            "response_time_ms": round(seconds * 1000, 4),
            "target_met": seconds * 1000 <= self.config.target_response_time_ms,
            "optimizations_applied": facts["optimizations"],
            "priority": priority,
            "batch_size": found.company,
        }

    def get_comprehensive_performance_stats(self) -> dict[str, Any]:
        """Requests, times, compliance, caches, batching, tuning and resources; fit for JSON."""
        opened = self._now()
        if opened is None:
            opened = self._begin().result()
        return stats(opened)

    def get_optimization_recommendations(self) -> list[dict[str, Any]]:
        """What to do, each with the measurement that it follows from; empty where all is well, or little was asked."""
        return [advice.as_json() for advice in advise(self.get_comprehensive_performance_stats())]

    def expected_queries(self) -> list[str]:
        """What is worth deciding before anybody asks."""
        common = Counter(list(self._asked)).most_common(self.config.predictive_cache_depth)
        return [*self.config.cache_warm_queries, *(question for question, _ in common)]

    async def cleanup(self) -> None:
        """Give back threads, files and connections. A further question opens them anew."""
        with self._lock:
            opening, self._opening = self._opening, None
        if opening is not None:
            opened = await asyncio.wrap_future(opening)
            await opened.sorter.aclose()
            await asyncio.to_thread(opened.close)
        await asyncio.to_thread(self._house.close)
        self._house = App(self.settings)

    async def opened(self) -> OpenSorter:
        """The sorter, once it is open."""
        if (opened := self._now()) is not None:
            return opened
        return await asyncio.shield(asyncio.wrap_future(self._begin()))

    async def _sorted(self, query_text: str, rank: Rank) -> Sorted:
        if not isinstance(query_text, str):
            raise BadQuestion(f"A question is text, not {type(query_text).__name__}.")
        self._asked.append(query_text[:1_000])
        opened = self._now()
        if opened is not None:
            return await opened.sorter.sort(query_text, rank)
        text, limit = admit(query_text).text, self.config.max_response_time_ms / 1000
        began = time.perf_counter()
        try:
            async with asyncio.timeout(limit - min(RESERVE_SECONDS * 2, limit / 2)):
                opened = await self.opened()
                return await opened.sorter.sort(query_text, rank)
        except (TimeoutError, OracleError):  # the model is still being loaded, or cannot be
            route = KeywordRouter(shipped_rules(), self._house.year).route(text, Conditions(web=False, llm=False))
        return Sorted(route, time.perf_counter() - began, steps=("keywords",), why="opening")

    def _now(self) -> OpenSorter | None:
        opening = self._opening
        return opening.result() if opening is not None and opening.done() and opening.exception() is None else None

    def _begin(self) -> Future[OpenSorter]:
        """Open it, once, in a thread of its own, so that it goes on whoever stops waiting."""
        with self._lock:
            if self._opening is None or (self._opening.done() and self._opening.exception() is not None):
                thread = ThreadPoolExecutor(1, thread_name_prefix="cmo-open")
                self._opening = thread.submit(self._open)
                thread.shutdown(wait=False)
            return self._opening

    def _open(self) -> OpenSorter:
        config = self.config
        opened = open_sorter(
            self._house,
            config.plan(),
            config.shelves(),
            counsel=self._counsel(),
            monitoring_seconds=config.monitoring_interval_seconds,
        )
        if not opened.fault:
            warm_up(self._house)
        return opened

    def _counsel(self) -> Callable[[], Counsel] | None:
        classifier = self.enhanced_classifier
        if classifier is None:
            return counsel_of(self._house, self.config.asking(), may=self.settings.llm_classification)
        if isinstance(classifier, EnhancedLLMClassifier):
            return classifier.counsel_for(self._house, self.config)
        return lambda: Foreign(classifier, type(classifier).__qualname__)


@asynccontextmanager
async def high_performance_classification_context(
    config: HighPerformanceConfig | None = None,
) -> AsyncIterator[HighPerformanceClassificationSystem]:
    """A system that is open inside, and closed after."""
    async with HighPerformanceClassificationSystem(config) as system:
        yield system


async def create_high_performance_system(
    target_response_time_ms: float = 1200,
    enable_distributed_cache: bool = True,
    daily_budget: float | None = None,
    **config: Any,
) -> HighPerformanceClassificationSystem:
    """A system that is open; `cleanup` closes it.

    Args:
        target_response_time_ms: a question should take no longer.
        enable_distributed_cache: whether machines share decisions, where CMO_REDIS_URL is set.
        daily_budget: dollars a day for all calls of this knowledge base, where `cmo budget set` says nothing else.
        config: further fields of `HighPerformanceConfig`.
    """
    budget = None if daily_budget is None else str(daily_budget)
    bounds = HighPerformanceConfig(
        target_response_time_ms=target_response_time_ms, l3_cache_enabled=enable_distributed_cache, **config
    )
    system = HighPerformanceClassificationSystem(bounds, settings=read_settings(daily_budget=budget))
    await system.initialize()
    return system


def _refused(error: BadQuestion, began: float) -> tuple[ClassificationResult, dict[str, Any]]:
    milliseconds = round((time.perf_counter() - began) * 1000, 4)
    result = ClassificationResult("GENERAL", 0.0, str(error), "NEITHER", "general")
    return result, {
        "response_time_ms": milliseconds, "target_met": True, "cache_hit": False, "cache_tier": "",
        "optimizations_applied": [], "fallback": error.code, "error": str(error),
    }  # fmt: skip


__all__ = [
    "ClassificationResult",
    "HighPerformanceClassificationSystem",
    "HighPerformanceConfig",
    "create_high_performance_system",
    "high_performance_classification_context",
]
