"""Experiments as they are kept, and the port of where they are kept. `spec` and `status` belong to whoever writes them."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Protocol

from cmo.model.delivery import Act, Exposure, Facts, Observation, Release


@dataclass(frozen=True, slots=True)
class StoredExperiment:
    """One experiment."""

    name: str
    spec: Facts
    status: Facts
    version: int = 0
    """Rises by one with each write; 0 before the first."""
    begun_at: float = 0.0
    ended_at: float | None = None


@dataclass(frozen=True, slots=True)
class Rated:
    """What somebody said of an answer."""

    reply: str
    user: str
    """Empty where nobody knows who."""
    score: int
    """1 to 5."""


class ExperimentStore(Protocol):
    """Where experiments and what was seen of them are kept. Each method is one transaction."""

    def experiment(self, name: str) -> StoredExperiment | None:
        """An experiment by its name."""
        ...

    def experiments(self) -> list[StoredExperiment]:
        """All, the newest first."""
        ...

    def mark(self) -> object:
        """Another one whenever `experiments` may say something else: costs less than to ask that."""
        ...

    def put_experiment(self, experiment: StoredExperiment, act: Act) -> bool:
        """Write one that is at `experiment.version` now (0: there is none); False where somebody was faster.

        A new one begins with nothing: what was on its way when one of its name was dropped is forgotten.
        """
        ...

    def drop_experiment(self, name: str, subject: str, act: Act) -> bool:
        """Forget one with all that was seen of it; False where there is none."""
        ...

    def release(self, name: str) -> Release | None:
        """A release by its name."""
        ...

    def add_release(self, release: Release, act: Act) -> bool:
        """Keep a new one; False where the name is taken by other settings."""
        ...

    def observe(self, observations: Sequence[Observation], exposures: Sequence[Exposure]) -> None:
        """Write down what was seen; twice is once."""
        ...

    def exposed(self, subject: str, step: int) -> Mapping[str, int]:
        """Units by arm."""
        ...

    def seen(self, subject: str, step: int) -> Iterator[Observation]:
        """All that was seen, in the order of its time."""
        ...

    def rated(self, since: float) -> Iterator[Rated]:
        """What people said of answers since a time, in its order."""
        ...

    def history(self, subject: str | None = None, most: int = 200) -> list[Act]:
        """Who changed what, newest first."""
        ...

    def note(self, act: Act) -> None:
        """Add a line to that."""
        ...
