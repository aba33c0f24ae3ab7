"""The semantic tier: where the answer to the same question, asked in other words, is kept.

::

    question --equal signature--> candidate -------------------------> found
             --near by cosine---> candidates --guard: the same?------> found
                                             --otherwise-------------> nothing

It keeps no answers itself, only where they are. It answers nothing that asks for the present, and nothing at all once
its audit has stopped it.
"""

from __future__ import annotations

import threading
from collections.abc import Callable
from dataclasses import dataclass
from typing import Generic, TypeVar

from cmo.cache.semantic.audit import Audit, Evidence, Told
from cmo.cache.semantic.candidates import Candidates
from cmo.cache.semantic.guard import Sameness, SemanticGuard, Verdict
from cmo.kit.text import clean_line
from cmo.model.evidence import FloatArray
from cmo.model.ports import Embedder

T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class Same(Generic[T]):
    """A question that was asked before in other words."""

    value: T
    """Where its answer is kept."""
    question: str
    """As it was asked then."""
    sameness: Sameness
    audited: bool
    """Whether this hit is to be answered anew as well, and `SemanticTier.compared` to be told."""


@dataclass(frozen=True, slots=True)
class SemanticStatistics:
    """What happened since the process began, and how the audit stands."""

    asked: int
    found: int
    compared: int
    """Candidates that the guard looked at."""
    questions: int
    """That are kept."""
    audit: Evidence
    running: bool


class SemanticTier(Generic[T]):
    """Finds the same question. Safe to share between threads; what it does takes processor time, never a network.

    Args:
        guard: says what is the same.
        embedder: texts to vectors.
        audit: whether it may go on.
        candidates: what was asked before.
        near: the cosine below which a candidate is not looked at.
    """

    def __init__(
        self,
        guard: SemanticGuard,
        embedder: Callable[[], Embedder],
        audit: Audit,
        candidates: Candidates[T] | None = None,
        near: float = 0.6,
    ) -> None:
        self._guard = guard
        self._embedder = embedder
        self._audit = audit
        self._candidates: Candidates[T] = Candidates() if candidates is None else candidates
        self._near = near
        self._lock = threading.Lock()
        self._asked = self._found = self._compared = 0

    def find(self, question: str, scope: str) -> Same[T] | None:
        """The same question among those of a scope."""
        if not self._audit.running:
            return None
        asked = self._guard.read(question)
        if not asked.comparable:
            return None
        known = self._candidates.equal(scope, asked)
        near = [known] if known else self._candidates.nearest(scope, self._encoded(question), floor=self._near)
        judged = [(candidate, self._guard.judge(asked, candidate.asked, candidate.cosine)) for candidate in near]
        same = next((pair for pair in judged if pair[1].value is Verdict.SAME), None)
        with self._lock:
            self._asked += 1
            self._compared += len(judged)
            self._found += same is not None
        if same is None:
            return None
        candidate, sameness = same
        return Same(candidate.value, candidate.asked.text, sameness, self._audit.drawn())

    def keep(self, question: str, scope: str, value: T) -> None:
        """Remember a question and where its answer is kept."""
        asked = self._guard.read(question)
        if asked.comparable:
            self._candidates.add(scope, asked, self._encoded(question), value)

    def compared(self, kept: Told, anew: Told) -> Evidence:
        """Tell what an audited hit would have told, and what answering anew told."""
        return self._audit.record(wrong=not kept.agrees(anew))

    def drop(self, scope: str) -> None:
        """Forget a scope."""
        self._candidates.drop(scope)

    def clear(self) -> None:
        """Forget all questions; the audit stays as it stands."""
        self._candidates.clear()

    @property
    def statistics(self) -> SemanticStatistics:
        """As they stand."""
        with self._lock:
            counts = self._asked, self._found, self._compared
        return SemanticStatistics(*counts, len(self._candidates), self._audit.evidence, self._audit.running)

    def _encoded(self, question: str) -> FloatArray:
        return self._embedder().encode_query(clean_line(question))
