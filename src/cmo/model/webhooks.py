"""What other programs are told of, who is told, and what became of it: nouns of webhooks, and the port of where they are kept.

::

    something happens --in its own transaction--> Event --one for each Webhook that wants it--> Delivery --sent--> Fate

An event says which paper or release, what became of it and when. It never holds a text, a title, a question or a file's name.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import Any, Final, Protocol

from cmo.model.access import Deed

Facts = Mapping[str, Any]


class Kind(StrEnum):
    """What happened."""

    PAPER_ADDED = "paper.added"
    PAPER_REPLACED = "paper.replaced"
    PAPER_RETRACTED = "paper.retracted"
    PAPER_REFUSED = "paper.refused"
    RELEASE_STARTED = "release.started"
    RELEASE_STEP = "release.step"
    RELEASE_ROLLED_BACK = "release.rolled_back"
    RELEASE_FINISHED = "release.finished"
    TEST = "webhook.test"


OFFERED: Final = tuple(kind for kind in Kind if kind is not Kind.TEST)
"""What can be wished for."""
_GOING_BACK: Final = frozenset({"backing", "back"})


def moved(change: Facts) -> Kind | None:
    """What others are told of a rollout that went ``from`` one ``percent``, ``phase`` and ``stage`` ``to`` others; None: nothing."""
    before, after = change.get("from"), change.get("to")
    if not before or not after:
        return None
    if after["phase"] in _GOING_BACK:
        first = before["phase"] not in _GOING_BACK
        return Kind.RELEASE_ROLLED_BACK if first else _step(before, after)
    if after["phase"] == "done" != before["phase"]:
        return Kind.RELEASE_FINISHED
    return _step(before, after)


def _step(before: Facts, after: Facts) -> Kind | None:
    same = all(before[name] == after[name] for name in ("percent", "stage"))
    return None if same else Kind.RELEASE_STEP


class State(StrEnum):
    """How a delivery stands."""

    WAITING = "waiting"
    """It is still to be sent, or to be sent again."""
    DELIVERED = "delivered"
    GIVEN_UP = "given-up"
    """It was sent as often as it is, or the webhook ended."""


@dataclass(frozen=True, slots=True)
class Webhook:
    """An address that is told."""

    id: str
    url: str
    kinds: tuple[str, ...]
    """Of `OFFERED`."""
    secret: str
    """By which it knows that it is us."""
    made_at: float
    by: str
    """Who made it."""
    ended: str = ""
    """Why nothing is sent there any more; empty while something is."""

    def __repr__(self) -> str:
        return f"Webhook({self.id})"


@dataclass(frozen=True, slots=True)
class Event:
    """Something that happened, seconds since 1970 of when."""

    kind: Kind
    at: float
    facts: Facts


@dataclass(frozen=True, slots=True)
class Delivery:
    """One event on its way to one webhook."""

    id: str
    """The same at each attempt, so that who gets it twice can tell."""
    webhook: str
    kind: str
    at: float
    """When it happened."""
    facts: Facts
    state: State = State.WAITING
    attempts: int = 0
    due_at: float = 0.0
    """When it is sent next."""
    said: str = ""
    """What came of the last attempt, in a word or two."""
    tried_at: float | None = None


@dataclass(frozen=True, slots=True)
class Fate:
    """What came of an attempt."""

    state: State
    said: str
    at: float
    due_at: float = 0.0
    """When it is sent again, where it is."""
    ends: str = ""
    """Why the webhook ends with it; empty where it goes on."""


class Outbox(Protocol):
    """Keeps webhooks and what is on its way to them. Each method is one transaction."""

    def webhooks(self) -> Sequence[Webhook]:
        """All of them, the oldest first."""
        ...

    def add(self, webhook: Webhook, deed: Deed) -> None:
        """Keep one."""
        ...

    def remove(self, webhook: str, deed: Deed) -> None:
        """Delete one, with what was on its way to it.

        Raises:
            NotFound: there is none.
        """
        ...

    def publish(self, events: Sequence[Event]) -> None:
        """Put events on their way to all that want them."""
        ...

    def due(self, now: float, of_each: int) -> Mapping[Webhook, Sequence[Delivery]]:
        """What is to be sent now, the longest due first; of one webhook so many at most, so that a dead one starves no other."""
        ...

    def claim(self, delivery: Delivery, until: float) -> bool:
        """Count an attempt before it is made; False where somebody else made it. Whoever dies loses it until then."""
        ...

    def settle(self, delivery: Delivery, fate: Fate) -> None:
        """Write down what came of an attempt."""
        ...

    def deliveries(self, *, webhook: str = "", state: str = "", most: int = 50) -> Sequence[Delivery]:
        """The latest, newest first."""
        ...

    def again(self, delivery: str, now: float, deed: Deed) -> Delivery:
        """Put a delivery on its way once more, as if it had never been tried.

        Raises:
            NotFound: there is none, or its webhook ended.
        """
        ...

    def waiting(self) -> int:
        """How many deliveries wait."""
        ...
