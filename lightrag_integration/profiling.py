"""`PerformanceProfiler`: the documented class over what `cmo profile` measures."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass

from cmo.app import opened
from cmo.bench.profiled import Profiled, profiled
from cmo.errors import NotFound
from cmo.ops.profile import Profile
from cmo.oracle import admit
from cmo.settings import Settings, read_settings

QUESTION = "Which metabolites are raised in phenylketonuria?"


@dataclass(frozen=True, slots=True)
class PipelineProfile:
    """Medians in seconds; 0 where a stage took no part."""

    embedding_time: float
    retrieval_time: float
    """Without the embedding."""
    llm_time: float
    total_time: float
    profile: Profile
    """Every stage."""


class PerformanceProfiler:
    """Measures where a question's time goes.

    Args:
        config: settings; read from the environment when not given.
    """

    def __init__(self, config: Settings | None = None) -> None:
        self._config = config
        self._last: Profiled | None = None

    async def profile_query_pipeline(self, query: str = QUESTION, runs: int = 15) -> PipelineProfile:
        """Ask a question several times, as new each time.

        Raises:
            BadQuestion: it cannot be asked as it stands.
        """
        return await asyncio.to_thread(self._measure, query, runs)

    def get_optimization_suggestions(self) -> list[str]:
        """What would help, by what was measured last; empty where nothing would.

        Raises:
            NotFound: nothing was measured yet.
        """
        if self._last is None:
            raise NotFound("Nothing was measured yet. Await profile_query_pipeline() first.")
        return [f"{hint.what} {hint.why}" for hint in self._last.advice]

    def _measure(self, query: str, runs: int) -> PipelineProfile:
        with opened(self._config or read_settings()) as house:
            self._last = profiled(house, admit(query), max(1, runs))
        found = self._last.profile
        encode, retrieve = found.of("encode").median, found.of("retrieve").median
        return PipelineProfile(encode, max(0.0, retrieve - encode), found.of("llm").median, found.whole.median, found)
