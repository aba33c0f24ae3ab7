"""Who gets the new one: the same unit the same answer, and nobody who has it loses it while a ramp goes up.

::

    salt, unit --SHA-256--> a place in [0, 1) --share--> in or out

A ramp and an experiment use different salts; otherwise those who came first would all be in one arm.
"""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass, field
from enum import StrEnum

from cmo.errors import SettingsError

_SCALE = float(1 << 64)
_FULL = 100.0


class Why(StrEnum):
    """What decided an assignment."""

    SHARE = "share"
    ALLOWED = "allowed"
    DENIED = "denied"
    COHORT = "cohort"


@dataclass(frozen=True, slots=True)
class Assigned:
    """An assignment with its reason."""

    exposed: bool
    why: Why
    place: float
    """Where the unit lies in [0, 1)."""


@dataclass(frozen=True, slots=True)
class Ramp:
    """A share of all units, and those who are in or out whatever it is."""

    salt: str
    percent: float
    """0 to 100."""
    allowed: frozenset[str] = field(default_factory=frozenset)
    denied: frozenset[str] = field(default_factory=frozenset)
    """Wins over `allowed`."""
    cohorts: frozenset[str] = field(default_factory=frozenset)
    """Where not empty, only these take part."""

    def __post_init__(self) -> None:
        if not 0 <= self.percent <= _FULL:
            raise SettingsError(f"{self.percent:g} is no percentage. Give one from 0 to 100.")
        if not self.salt:
            raise SettingsError("A ramp needs a salt: without one all ramps would take the same users first.")


def place(salt: str, unit: str) -> float:
    """Where a unit lies in [0, 1): evenly spread, and of two salts unrelated."""
    digest = hashlib.sha256(f"{salt}:{unit}".encode()).digest()
    return int.from_bytes(digest[:8], "big") / _SCALE


def assign(ramp: Ramp, unit: str, cohort: str = "") -> Assigned:
    """Whether a unit (a user; a session where none is known) is exposed."""
    at = place(ramp.salt, unit)
    if unit in ramp.denied:
        return Assigned(exposed=False, why=Why.DENIED, place=at)
    if unit in ramp.allowed:
        return Assigned(exposed=True, why=Why.ALLOWED, place=at)
    if ramp.cohorts and cohort not in ramp.cohorts:
        return Assigned(exposed=False, why=Why.COHORT, place=at)
    return Assigned(exposed=at < ramp.percent / _FULL, why=Why.SHARE, place=at)


def arm(salt: str, unit: str, shares: Sequence[float]) -> int:
    """The arm of an experiment that a unit is in: its number among `shares`, -1 where they leave it out.

    Raises:
        SettingsError: the shares are no parts of at most 1.
    """
    if not shares or min(shares) < 0 or sum(shares) > 1 + 1e-9:
        raise SettingsError(f"{list(shares)} are no shares of the traffic. Give parts of at most 1 together.")
    at, edge = place(salt, unit), 0.0
    for number, share in enumerate(shares):
        edge += share
        if at < edge:
            return number
    return -1
