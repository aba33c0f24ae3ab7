"""Answers to a question that was asked before in other words, and the guard that refuses most of them."""

from cmo.cache.semantic.audit import Audit, Evidence, Told
from cmo.cache.semantic.candidates import Candidate, Candidates
from cmo.cache.semantic.guard import Asked, Sameness, SemanticGuard, Verdict
from cmo.cache.semantic.likeness import Likeness
from cmo.cache.semantic.tier import Same, SemanticStatistics, SemanticTier

__all__ = [
    "Asked", "Audit", "Candidate", "Candidates", "Evidence", "Likeness", "Same", "Sameness", "SemanticGuard",
    "SemanticStatistics", "SemanticTier", "Told", "Verdict",
]  # fmt: skip
