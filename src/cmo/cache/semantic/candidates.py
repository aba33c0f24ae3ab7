"""Questions that were asked before, and the few that a new one may be the same as. Bounded, in memory.

Questions are kept by scope: the state of the papers, for whom, and how they are answered. No question ever meets one
of another scope.
"""

from __future__ import annotations

import threading
from collections import OrderedDict
from dataclasses import dataclass
from typing import Generic, TypeVar

import numpy as np

from cmo.cache.semantic.guard import Asked
from cmo.model.evidence import FloatArray

T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class Candidate(Generic[T]):
    """A question that was asked before."""

    asked: Asked
    value: T
    """Where its answer is kept."""
    cosine: float = 1.0
    """With the question that it was found for."""


class _Scope(Generic[T]):
    """A ring: the oldest question makes room for the newest."""

    def __init__(self, most: int) -> None:
        self._most = most
        self._kept: list[Candidate[T]] = []
        self._next = 0
        self._vectors: FloatArray = np.zeros((0, 0), np.float32)
        self._places: dict[str, int] = {}

    def add(self, candidate: Candidate[T], vector: FloatArray) -> None:
        if self._vectors.shape[1] != len(vector):
            self.__init__(self._most)  # type: ignore[misc] # another encoder: nothing that was kept compares with it
            self._vectors = np.zeros((self._most, len(vector)), np.float32)
        key = candidate.asked.signature.key
        place = self._places.get(key, self._next)
        if place == len(self._kept):
            self._kept.append(candidate)
        else:
            self._places.pop(self._kept[place].asked.signature.key, None)
            self._kept[place] = candidate
        self._vectors[place] = vector
        self._places[key] = place
        if place == self._next:
            self._next = (place + 1) % self._most

    def equal(self, key: str) -> Candidate[T] | None:
        place = self._places.get(key)
        return None if place is None else self._kept[place]

    def nearest(self, vector: FloatArray, limit: int, floor: float) -> list[Candidate[T]]:
        if not self._kept or self._vectors.shape[1] != len(vector):
            return []
        cosines = self._vectors[: len(self._kept)] @ vector
        best = np.argsort(-cosines, kind="stable")[:limit]
        near = [(self._kept[n], float(cosines[n])) for n in best if cosines[n] >= floor]
        return [Candidate(c.asked, c.value, cosine) for c, cosine in near]

    def __len__(self) -> int:
        return len(self._kept)


class Candidates(Generic[T]):
    """Safe to share between threads.

    Args:
        most: questions of one scope.
        most_scopes: the one that was asked least lately makes room.
    """

    def __init__(self, most: int = 4096, most_scopes: int = 8) -> None:
        self._most = most
        self._most_scopes = most_scopes
        self._scopes: OrderedDict[str, _Scope[T]] = OrderedDict()
        self._lock = threading.Lock()

    def add(self, scope: str, asked: Asked, vector: FloatArray, value: T) -> None:
        """Keep a question; one of equal signature is replaced. What asks for the present is not kept."""
        if not asked.comparable:
            return
        with self._lock:
            self._of(scope).add(Candidate(asked, value), vector)

    def equal(self, scope: str, asked: Asked) -> Candidate[T] | None:
        """The question of equal signature; finding it takes no vector."""
        with self._lock:
            found = self._scopes.get(scope) if asked.comparable else None
            return found.equal(asked.signature.key) if found else None

    def nearest(self, scope: str, vector: FloatArray, limit: int = 5, floor: float = 0.6) -> list[Candidate[T]]:
        """The nearest by cosine, at least `floor` near, best first."""
        with self._lock:
            found = self._scopes.get(scope)
            return found.nearest(vector, limit, floor) if found else []

    def drop(self, scope: str) -> None:
        """Forget a scope."""
        with self._lock:
            self._scopes.pop(scope, None)

    def clear(self) -> None:
        """Forget everything."""
        with self._lock:
            self._scopes.clear()

    def __len__(self) -> int:
        """How many questions are kept."""
        with self._lock:
            return sum(map(len, self._scopes.values()))

    def _of(self, scope: str) -> _Scope[T]:
        found = self._scopes.setdefault(scope, _Scope(self._most))
        self._scopes.move_to_end(scope)
        while len(self._scopes) > self._most_scopes:
            self._scopes.popitem(last=False)
        return found
