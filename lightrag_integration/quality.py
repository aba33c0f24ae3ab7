"""The documented quality classes over `cmo.assess`: an answer and its sources to scores with reasons.

Sources may be texts, mappings or objects with a text; `sources=` and `source_documents=` are the same.
"""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Callable, Iterable, Mapping
from functools import cache
from typing import Any, Self, TypeVar

from cmo.app import App
from cmo.assess import Assessor, Reviewed, Said, claims_of
from cmo.ingest.sentences import split
from cmo.model.assessments import WEIGHTS, Assessment, Verdict, indicator
from cmo.settings import Settings, read_settings

T = TypeVar("T")
_TEXTS = ("text", "content", "abstract", "snippet", "page_content", "sentence", "passage")


class Score(float):
    """A number, 0 to 1, that says how it came about."""

    details: dict[str, Any]

    @classmethod
    def of(cls, value: float, details: dict[str, Any]) -> Self:
        """With what is behind it."""
        score = cls(round(value, 4))
        score.details = details
        return score


class QualityAssessment(dict[str, Any]):
    """The quality of one answer: a dictionary that can be printed as JSON, its entries attributes as well.

    Args:
        relevance_score: probability that the answer bears on the question.
        accuracy_score: mean probability that the sources bear its sentences out.
        factual_accuracy: mean probability that they do not contradict them.
        composite_score: .4, .3 and .3 of these, where it is not given.
        meets_threshold: whether that is enough; from .8 on, where it is not given.
        issues: what is wrong, a line each.
        details: what else is known, such as `acceptable`, `coverage`, `citation_precision` and `limits`.
    """

    def __init__(  # noqa: PLR0917 - the documented order
        self,
        relevance_score: float = 0.0,
        accuracy_score: float = 0.0,
        factual_accuracy: float = 0.0,
        composite_score: float | None = None,
        meets_threshold: bool | None = None,
        issues: Iterable[str] = (),
        **details: Any,
    ) -> None:
        parts = (relevance_score, accuracy_score, factual_accuracy)
        composite = _composite(*parts) if composite_score is None else composite_score
        enough = composite >= 0.8 if meets_threshold is None else meets_threshold  # noqa: PLR2004 - as documented
        super().__init__(
            relevance_score=relevance_score,
            accuracy_score=accuracy_score,
            factual_accuracy=factual_accuracy,
            composite_score=composite,
            meets_threshold=enough,
            issues=list(issues),
            **details,
        )

    def __bool__(self) -> bool:
        return True

    def __getattr__(self, name: str) -> Any:
        try:
            return self[name]
        except KeyError:
            raise AttributeError(name) from None

    @property
    def indicator(self) -> str:
        """How it is shown to a reader."""
        return get_quality_indicator(self["composite_score"])


class _Judge:
    """Opens what judges when it is first needed, off the event loop."""

    def __init__(self, config: Settings) -> None:
        self.config = config
        self._app = App(config)
        self._opening = threading.Lock()

    async def run(self, work: Callable[[Assessor], T]) -> T:
        return await asyncio.to_thread(self._run, work)

    def _run(self, work: Callable[[Assessor], T]) -> T:
        with self._opening:  # several tasks may come at once, and the model is loaded once
            assessor = self._app.assessor
        return work(assessor)


class _Scorer:
    """What the classes have in common."""

    def __init__(self, config: Settings | None = None) -> None:
        self._judge = _Judge(config) if config is not None else _shared()


class RelevanceScorer(_Scorer):
    """Does an answer bear on the question?"""

    async def score_response(self, query: str, response: object) -> Score:
        """Probability that it does."""
        sentences = [one.text for one in claims_of(str(response), split)]
        value = await self._judge.run(lambda assessor: assessor.relevance(query, sentences))
        return Score.of(value, {"sentences": len(sentences)})


class AccuracyScorer(_Scorer):
    """Do sources bear an answer out?"""

    async def validate_against_sources(
        self, response: object, sources: object = None, *, source_documents: object = None, query: str = ""
    ) -> Score:
        """Mean probability that they do, rare words weighing more; 0 without sources."""
        reviewed = review(query, response, sources if sources is not None else source_documents)
        found = await self._judge.run(lambda assessor: assessor.assess(reviewed))
        return Score.of(found.accuracy, _details(found))


class FactualAccuracyValidator(_Scorer):
    """Does anything in an answer contradict its sources?"""

    async def validate_claims(
        self, response: object, sources: object = None, *, source_documents: object = None
    ) -> QualityAssessment:
        """`.confidence` that nothing does, and `.issues`, a line for each sentence that is flagged or not borne out."""
        reviewed = review("", response, sources if sources is not None else source_documents)
        found = await self._judge.run(lambda assessor: assessor.assess(reviewed))
        issues = _issues(found, reviewed)
        return QualityAssessment(
            accuracy_score=found.accuracy, factual_accuracy=found.factual, issues=issues, confidence=found.factual
        )


class QualityAssessmentSuite(_Scorer):
    """All of it."""

    async def assess_response(
        self, query: str, response: object, source_documents: object = None, *, sources: object = None
    ) -> QualityAssessment:
        """Judge an answer by its question and its sources."""
        reviewed = review(query, response, sources if sources is not None else source_documents)
        found = await self._judge.run(lambda assessor: assessor.assess(reviewed))
        return _assessment(found, reviewed, self._judge.config)


class QualityManager(QualityAssessmentSuite):
    """The same under the names of the integration document."""

    async def assess_response_quality(self, query: str, response: object, sources: object = None) -> QualityAssessment:
        """Judge an answer."""
        return await self.assess_response(query, response, sources)

    def calculate_composite_score(self, relevance: float, accuracy: float, factual: float) -> float:
        """``.4 relevance + .3 accuracy + .3 factual``."""
        return _composite(relevance, accuracy, factual)


def get_quality_indicator(score: float) -> str:
    """The sign that the chat shows beside an answer of this quality."""
    return indicator(score)


def review(query: str, response: object, sources: object) -> Reviewed:
    """An answer as text, with sources in any of the usual shapes; ``[2]`` cites the second of them."""
    texts = [text for text in map(_text, _each(sources)) if text.strip()]
    lines = {str(n): tuple(text[a:b] for a, b in split(text)) or (text,) for n, text in enumerate(texts, 1)}
    sentences = tuple(Said(one.text, tuple(map(str, one.cites))) for one in claims_of(str(response), split))
    return Reviewed(query, sentences, lines)


@cache
def _shared() -> _Judge:
    return _Judge(read_settings())


def _each(sources: object) -> Iterable[object]:
    if sources is None:
        return ()
    if isinstance(sources, str | bytes | Mapping) or not isinstance(sources, Iterable):
        return (sources,)
    return sources


def _text(source: object) -> str:
    """Of a text, a mapping or an object; a title is no text."""
    if isinstance(source, str):
        return source
    if isinstance(source, bytes):
        return source.decode("utf-8", "replace")
    values = [source.get(name) if isinstance(source, Mapping) else getattr(source, name, None) for name in _TEXTS]
    return next((value for value in values if isinstance(value, str) and value.strip()), "")


def _assessment(found: Assessment, reviewed: Reviewed, config: Settings) -> QualityAssessment:
    issues = _issues(found, reviewed)
    for name, value, least in (
        ("Relevance", found.relevance, config.relevance_threshold),
        ("Accuracy", found.accuracy, config.accuracy_threshold),
    ):
        if value < least:
            issues.append(f"{name} is {value:.2f}, below {least:g}.")
    return QualityAssessment(
        round(found.relevance, 4),
        round(found.accuracy, 4),
        round(found.factual, 4),
        round(found.composite, 4),
        found.composite >= config.quality_threshold,
        issues,
        **_details(found),
    )


def _details(found: Assessment) -> dict[str, Any]:
    return {
        "acceptable": round(found.acceptable, 4),
        "coverage": round(found.coverage, 4),
        "citation_precision": found.citation_precision,
        "citation_recall": found.citation_recall,
        "agreement": found.agreement,
        "sentences": [
            {
                "text": claim.claim,
                "verdict": claim.verdict.value,
                "supported": round(claim.supported, 4),
                "contradicted": round(claim.contradicted, 4),
                "verbatim": claim.verbatim,
                "reasons": [{"flag": reason.flag.value, "text": reason.text} for reason in claim.reasons],
            }
            for claim in found.claims
        ],
        "limits": list(found.limits),
    }


def _issues(found: Assessment, reviewed: Reviewed) -> list[str]:
    if not found.claims:
        return ["The answer claims nothing that could be checked."]
    if not reviewed.sources:
        return ["There are no sources, so nothing in the answer could be checked."]
    issues: list[str] = []
    for claim in found.claims:
        if claim.reasons:
            issues += [f"{reason.text} ({claim.claim})" for reason in claim.reasons]
        elif claim.verdict is not Verdict.SUPPORTED:
            said = "contradict" if claim.verdict is Verdict.CONTRADICTED else "do not bear out"
            issues.append(f"The sources {said} this: {claim.claim}")
    return issues


def _composite(relevance: float, accuracy: float, factual: float) -> float:
    return sum(weight * part for weight, part in zip(WEIGHTS, (relevance, accuracy, factual), strict=True))
