"""Nouns of progressive delivery as they are kept, and the port of where they are kept.

JSON-shaped parts (`spec`, `status`, `evidence`, `sums`, `facts`) belong to whoever writes them; the store hands them back
unread. Times are seconds since 1970 of whoever writes.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Protocol

Facts = Mapping[str, Any]
Setting = str | bool | int | float


@dataclass(frozen=True, slots=True)
class Release:
    """A named bundle of settings that answer a question; never changed once it is there."""

    name: str
    settings: Mapping[str, Setting]
    about: str = ""
    at: float = 0.0


@dataclass(frozen=True, slots=True)
class StoredFlag:
    """One setting for a share of the users."""

    name: str
    spec: Facts
    version: int = 0
    at: float = 0.0


@dataclass(frozen=True, slots=True)
class StoredRollout:
    """A release on its way to all users, or back from there."""

    name: str
    release: str
    baseline: str
    """The release that it replaces; empty for the settings."""
    spec: Facts
    status: Facts
    evidence: Facts = field(default_factory=dict)
    version: int = 0
    """Rises by one with each write."""
    live: bool = True
    """Whether it decides over answers; one at a time does."""
    begun_at: float = 0.0
    at: float = 0.0


@dataclass(frozen=True, slots=True)
class Lease:
    """Who may act, until when."""

    name: str
    holder: str
    term: int
    """Rises with each new holder: who was overtaken can be told by it, whatever clocks say."""
    until: float


@dataclass(frozen=True, slots=True)
class Exposure:
    """Where a unit was put in a stretch in which the shares stood still."""

    subject: str
    step: int
    unit: str
    """A hash of a user or a session."""
    arm: str
    at: float


@dataclass(frozen=True, slots=True)
class Talk:
    """A conversation, with what decides its arm as long as it lasts."""

    name: str
    """A hash of its session."""
    rollout: str
    step: int
    """In which it began, or lost the release; -1 where it began before the rollout did."""
    place: float
    """Of its user, 0 to 1."""
    percent: float
    """The lowest share since it began."""
    at: float
    """When somebody last spoke, as far as it was written down."""


@dataclass(frozen=True, slots=True)
class Observation:
    """What one arm did in some moments, in sums."""

    batch: str
    """Of whoever counted: a second try to write it changes nothing."""
    subject: str
    step: int
    arm: str
    at: float
    sums: Facts


@dataclass(frozen=True, slots=True)
class StoredFinding:
    """What the gates said at one version of a rollout."""

    subject: str
    version: int
    at: float
    facts: Facts


@dataclass(frozen=True, slots=True)
class Act:
    """Who changed what, and why."""

    at: float
    actor: str
    action: str
    subject: str
    reason: str
    facts: Facts = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Current:
    """All that decides over an answer, as it is now."""

    rollout: StoredRollout | None = None
    """The live one."""
    releases: Mapping[str, Release] = field(default_factory=dict)
    flags: Mapping[str, StoredFlag] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Unseen:
    """A rollout with what was observed and not counted yet."""

    rollout: StoredRollout
    observations: tuple[Observation, ...]
    exposed: Mapping[str, int]
    """Units by arm in the present step."""


class DeliveryReads(Protocol):
    """What workers need."""

    def current(self) -> Current:
        """All that decides over an answer."""
        ...

    def mark(self) -> object:
        """Another one whenever `current` may say something else: costs less than to ask that."""
        ...

    def observe(
        self, observations: Sequence[Observation], exposures: Sequence[Exposure], talks: Sequence[Talk] = ()
    ) -> None:
        """Write down what was seen, twice is once; and who is talking, whose last word counts."""
        ...

    def talks(self, since: float) -> Sequence[Talk]:
        """Conversations that somebody had since a time."""
        ...


class DeliveryStore(DeliveryReads, Protocol):
    """Where flags, releases and rollouts are kept. Each method is one transaction: all of it or nothing."""

    def release(self, name: str) -> Release | None:
        """A release by its name."""
        ...

    def releases(self) -> list[Release]:
        """All, the newest first."""
        ...

    def add_release(self, release: Release, act: Act) -> bool:
        """Keep a new one; False where the name is taken by other settings."""
        ...

    def put_flag(self, flag: StoredFlag, act: Act) -> bool:
        """Set a flag that is at `flag.version` now (0: there is none); False where somebody was faster."""
        ...

    def drop_flag(self, name: str, act: Act) -> bool:
        """Take a flag away; False where there is none."""
        ...

    def rollout(self, name: str) -> StoredRollout | None:
        """A rollout by its name, live or not."""
        ...

    def rollouts(self) -> list[StoredRollout]:
        """All, the newest first."""
        ...

    def begin(self, rollout: StoredRollout, replaces: StoredRollout | None, act: Act) -> bool:
        """Start one; False where the live one is not `replaces` at its version any more, or the name is taken."""
        ...

    def lease(self, name: str, holder: str, now: float, seconds: float) -> Lease | None:
        """Take or renew a lease; None while somebody else has it."""
        ...

    def unseen(self, name: str) -> Unseen | None:
        """A rollout, what was observed of it, and how many units each arm has."""
        ...

    def change(
        self,
        rollout: StoredRollout,
        *,
        counted: Sequence[Observation] = (),
        act: Act | None = None,
        finding: Facts | None = None,
        lease: Lease | None = None,
    ) -> bool:
        """Write a rollout that is at `rollout.version` now, and count observations with it.

        False where somebody was faster or the lease has another term: then nothing is written.
        """
        ...

    def findings(self, name: str, most: int = 500) -> list[StoredFinding]:
        """What the gates said over time, oldest first: the newest `most`."""
        ...

    def history(self, subject: str | None = None, most: int = 200) -> list[Act]:
        """Who changed what, newest first."""
        ...

    def note(self, act: Act) -> None:
        """Add a line to that."""
        ...
