"""How questions are sorted, and what came of one."""

from __future__ import annotations

from dataclasses import dataclass

from cmo.model.routes import Route


@dataclass(frozen=True, slots=True)
class Plan:
    """What sorting is held to."""

    target_seconds: float = 1.5
    """A question should take no longer."""
    limit_seconds: float = 2.0
    """No question takes longer: what is not decided by then is decided by cue words."""
    target_rate: float = 100.0
    """Questions a second that should be possible; so many may wait as that makes in the limit."""
    run_most: int = 10
    """Questions that are encoded together at most."""
    wait_seconds: float = 0.05
    """Longer nobody should wait for a worker."""
    workers_most: int = 2
    scaling: bool = True
    """Whether workers come and go with what there is to do."""
    scale_up: float = 0.8
    scale_down: float = 0.3
    learn_every: int = 100
    """Questions between two decisions on how long runs are; 0 leaves them at `run_most`."""
    window: int = 1_000
    """Questions that figures are of."""
    joined: bool = True
    """Whether the same question, asked by many at once, is decided once."""
    near: int = 2_000
    """Gists that are remembered; 0 for none."""
    kept_seconds: float = 86_400.0
    """A decision may be kept for so long; each tier may keep it for less."""
    doubtful_seconds: float = 5.0
    """One that a language model should have been asked about, and was not."""
    opinion_seconds: float = 1.6
    """Longest time for a second opinion."""
    patience_seconds: float = 0.05
    """So long a question waits for one; what comes later is for who asks next."""


@dataclass(slots=True)
class Sorted:
    """A route, and what it took."""

    route: Route
    seconds: float
    tier: str = ""
    """Where it was kept: ``memory``, ``disk``, ``shared``, or ``near`` for a question that is almost the same."""
    steps: tuple[str, ...] = ()
    """What made it cheaper, such as ``memory-cache``, ``deduplicated``, ``batched``; or what was left out."""
    company: int = 1
    """Questions that were encoded together."""
    why: str = ""
    """Why cue words had to do; empty where they had not."""

    @property
    def cached(self) -> bool:
        """Whether it was decided before."""
        return bool(self.tier)
