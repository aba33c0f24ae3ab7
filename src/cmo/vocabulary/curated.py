"""What the vocabularies of a knowledge base state, as publishing takes it in."""

from __future__ import annotations

from collections.abc import Iterable
from functools import cached_property

from cmo.model.concepts import CuratedEdge
from cmo.vocabulary.currency import telling
from cmo.vocabulary.installed import Vocabularies

_DIGITS = 8
_HOW = "2"
"""Counts up when other edges are chosen of the same vocabularies."""


class InstalledEdges:
    """Curated edges of the installed vocabularies; nothing is read before it is asked for."""

    def __init__(self, vocabularies: Vocabularies) -> None:
        self._vocabularies = vocabularies

    @cached_property
    def identity(self) -> str:
        """``vocabulary@1a2b3c4d.2``: changes with any concept or edge."""
        return f"vocabulary@{self._vocabularies.digest[:_DIGITS]}.{_HOW}"

    def edges(self) -> Iterable[CuratedEdge]:
        """Those that tell something of their ends; reads every vocabulary."""
        merged = self._vocabularies.merged()
        return telling(merged.concepts, merged.edges)
