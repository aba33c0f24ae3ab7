"""`ResponseValidator`: two engines on the same questions, and whether the second may take the first one's place."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from cmo.assess.migration import Advice, Compared, decide
from cmo.settings import Settings
from lightrag_integration.quality import QualityAssessment, QualityAssessmentSuite

_SOURCES = ("evidence", "source_documents", "sources")


@dataclass(frozen=True, slots=True)
class EnhancedResponse:
    """An answer with what it is worth."""

    content: str
    quality_score: float
    source: str
    quality_details: Mapping[str, Any] = field(default_factory=dict)

    def __str__(self) -> str:
        return self.content


@dataclass(frozen=True, slots=True)
class ResponseComparison:
    """Two answers to one question."""

    query: str
    a: QualityAssessment
    b: QualityAssessment

    @property
    def preferred(self) -> str:
        """``a``, ``b``, or ``tie`` where both are as likely to be acceptable."""
        gap = self.b.acceptable - self.a.acceptable
        return "tie" if abs(gap) < 0.01 else "b" if gap > 0 else "a"  # noqa: PLR2004 - what nobody would notice


@dataclass(frozen=True, slots=True)
class MigrationReport:
    """Whether the second engine may take over, with the figures behind it."""

    migration_recommended: bool
    issues: tuple[str, ...]
    advice: str
    """``pass``, ``fail``, or ``unsure``, which recommends nothing."""
    questions: int
    difference: float
    """Of the mean P(acceptable), second less first."""
    interval: tuple[float, float]
    lost: int
    won: int


class ResponseValidator:
    """Compares answers of the present engine (a) and of the one that would follow (b).

    Args:
        test_queries: questions to ask both.
        config: settings; read from the environment when not given.
    """

    def __init__(self, test_queries: Iterable[str] = (), config: Settings | None = None) -> None:
        self.test_queries = list(test_queries)
        self._suite = QualityAssessmentSuite(config)

    async def compare_responses(self, query: str, response_a: object, response_b: object) -> ResponseComparison:
        """Judge both, each by the sources that it brings; one that brings none, by the other's."""
        own = [_sources(response_a), _sources(response_b)]
        a = await self._suite.assess_response(query, _content(response_a), own[0] or own[1])
        b = await self._suite.assess_response(query, _content(response_b), own[1] or own[0])
        return ResponseComparison(query, a, b)

    def generate_migration_report(self, results: Sequence[ResponseComparison]) -> MigrationReport:
        """Recommend the second engine only where its answers are shown not to be worse."""
        found = decide([Compared(one.query, one.a.acceptable, one.b.acceptable) for one in results])
        return MigrationReport(
            found.advice is Advice.PASS,
            found.issues,
            found.advice.value,
            found.questions,
            round(found.difference, 4),
            (round(found.low, 4), round(found.high, 4)),
            found.lost,
            found.won,
        )


class ValidationSuite(ResponseValidator):
    """The same under its second documented name."""


def _content(response: object) -> str:
    content = response.get("content") if isinstance(response, Mapping) else getattr(response, "content", None)
    return content if isinstance(content, str) else str(response)


def _sources(response: object) -> object:
    for name in _SOURCES:
        found = response.get(name) if isinstance(response, Mapping) else getattr(response, name, None)
        if found:
            return found
    return None
