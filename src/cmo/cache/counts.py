"""What a tier did so far, counted."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class TierStatistics:
    """One tier, since the process began."""

    name: str
    hits: int
    misses: int
    hit_rate: float
    """Share of hits of what was looked for; 0 before the first."""
    size: int | None
    """Entries now; None where that is not known."""
    bytes: int | None
    limit_bytes: int | None
    evictions: int
    """Entries that went to make room."""
    errors: int
    """Times that it failed or took too long; each cost a miss at most."""
    skipped: int
    """Times that it was not asked, because it rested after errors or had too much to do."""
    age_seconds: float
    """Mean age of what it handed out."""


@dataclass(slots=True)
class Counts:
    """The counters behind it."""

    hits: int = 0
    misses: int = 0
    evictions: int = 0
    errors: int = 0
    skipped: int = 0
    ages: float = 0.0

    def hit(self, age: float) -> None:
        """Something was found."""
        self.hits += 1
        self.ages += max(0.0, age)

    def told(self, name: str, size: int | None, held: int | None, limit: int | None) -> TierStatistics:
        """All of them, with what the tier holds."""
        asked = self.hits + self.misses
        return TierStatistics(
            name=name,
            hits=self.hits,
            misses=self.misses,
            hit_rate=round(self.hits / asked, 4) if asked else 0.0,
            size=size,
            bytes=held,
            limit_bytes=limit,
            evictions=self.evictions,
            errors=self.errors,
            skipped=self.skipped,
            age_seconds=round(self.ages / self.hits, 3) if self.hits else 0.0,
        )
