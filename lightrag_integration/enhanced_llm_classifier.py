"""`create_enhanced_llm_classifier`: a language model that is asked where the head is in doubt.

It is the one at CMO_LLM_URL, called with what `cmo.kit` has against slow and failing services, and paid for from the
budget. Without one the head decides alone, and `available` and `note` say so.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any, Protocol

from cmo.app import App
from cmo.model.routes import Category, ResearchCategory
from cmo.model.sorting import Sorted
from cmo.route.counsel import Counsel
from cmo.route.head import Need
from cmo.route.opinion import Opinion
from cmo.settings import Settings, read_settings
from cmo.sorting.cast import OpenSorter, counsel_of, open_sorter
from cmo.sorting.figures import confidence
from lightrag_integration.classification_config import HighPerformanceConfig

_ALONE = "No language model is set (CMO_LLM_URL, CMO_LLM_MODEL): the head decides alone."
_NEEDS = {
    Category.KNOWLEDGE_GRAPH: Need.LIGHTRAG,
    Category.REAL_TIME: Need.PERPLEXITY,
    Category.GENERAL: Need.EITHER,
}


@dataclass(frozen=True, slots=True)
class ClassificationResult:
    """The class of a question."""

    category: str
    """``KNOWLEDGE_GRAPH``, ``REAL_TIME`` or ``GENERAL``."""
    confidence: float
    """Probability of the category."""
    reasoning: str
    destination: str = ""
    research_category: str = ""
    alternatives: tuple[tuple[str, float], ...] = ()
    """The other destinations, likeliest first."""
    interval: tuple[float, float] = (0.0, 1.0)
    """Bounds of the destination's probability."""

    @classmethod
    def of(cls, value: Sorted) -> ClassificationResult:
        """Of what the sorter says."""
        route = value.route
        others = sorted(
            ((d.value, p) for d, p in route.probabilities.items() if d is not route.destination), key=lambda o: -o[1]
        )
        return cls(
            route.category.value,
            confidence(route),
            "; ".join(reason.text for reason in route.reasons) or f"decided by {route.decided_by.value}",
            route.destination.value,
            route.research.value,
            tuple(others),
            route.interval,
        )


class Classifier(Protocol):
    """What `HighPerformanceClassificationSystem` takes as `enhanced_classifier`, besides ours."""

    async def classify_query(self, query_text: str) -> Any:
        """Something with ``category``."""
        ...


@dataclass
class Foreign:
    """Somebody else's classifier as one who is asked in doubt."""

    classifier: Classifier
    version: str = field(default="")

    async def ask(self, question: str, seconds: float) -> Opinion | None:
        """Its category as an opinion; None where it says none in time."""
        try:
            async with asyncio.timeout(seconds):
                said = await self.classifier.classify_query(question)
            category = Category(str(getattr(said, "category", said)))
        except (TimeoutError, ValueError, OSError, RuntimeError):
            return None
        return Opinion(_NEEDS[category], ResearchCategory.GENERAL)

    async def close(self) -> None:
        """Nothing is open here."""


class EnhancedLLMClassifier:
    """The head, and a language model where it is in doubt.

    Args:
        config: bounds; the documented defaults when not given.
        settings: read from the environment when not given.
    """

    def __init__(self, config: HighPerformanceConfig | None = None, *, settings: Settings | None = None) -> None:
        self.config = config or HighPerformanceConfig()
        self.settings = settings or read_settings()
        self._house = App(self.settings)
        self._opened: OpenSorter | None = None

    @property
    def available(self) -> bool:
        """Whether a language model is set."""
        return bool(self.settings.llm_url and self.settings.llm_model)

    @property
    def note(self) -> str:
        """What to know of it; empty where a language model is asked."""
        return "" if self.available else _ALONE

    def counsel_for(self, house: App, config: HighPerformanceConfig) -> Callable[[], Counsel] | None:
        """Makes who is asked in doubt, for one event loop; None where there is nobody."""
        return counsel_of(house, config.asking()) if self.available else None

    async def classify_query(self, query_text: str) -> ClassificationResult:
        """The class of a question.

        Raises:
            BadQuestion: it cannot be asked as it stands.
        """
        if self._opened is None:
            self._opened = await asyncio.to_thread(self._open)
        return ClassificationResult.of(await self._opened.sorter.sort(query_text))

    def get_status(self) -> dict[str, Any]:
        """Whether it is there, and which."""
        return {
            "available": self.available,
            "model": self.settings.llm_model if self.available else "",
            "note": self.note,
        }

    async def cleanup(self) -> None:
        """Give back what is open."""
        if self._opened is not None:
            await self._opened.sorter.aclose()
            await asyncio.to_thread(self._opened.close)
        await asyncio.to_thread(self._house.close)

    def _open(self) -> OpenSorter:
        counsel = self.counsel_for(self._house, self.config)
        return open_sorter(self._house, self.config.plan(), self.config.shelves(), counsel=counsel)


async def create_enhanced_llm_classifier(config: HighPerformanceConfig | None = None) -> EnhancedLLMClassifier:
    """A classifier with the settings of the environment."""
    return EnhancedLLMClassifier(config)


__all__ = ["ClassificationResult", "EnhancedLLMClassifier", "create_enhanced_llm_classifier"]
