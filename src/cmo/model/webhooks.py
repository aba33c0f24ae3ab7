"""What other programs are told of, who is told, and what became of it: nouns of webhooks, and the port of where they are kept.

::

    something happens --in its own transaction--> Event --one for each Webhook that wants it--> Delivery --sent--> Fate

An event says which paper or release, what became of it and when. It never holds a text, a title, a question or a file's name.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from enum import StrEnum
from typing import Any, Final, Protocol, Self

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
MOST_OVERLAP_HOURS: Final = 8_760.0
"""For which an old secret may hold beside the new one."""
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


class Stand(StrEnum):
    """How a webhook stands."""

    TOLD = "told"
    PAUSED = "paused"
    """What happens meanwhile waits for it."""
    ENDED = "ended"
    """It said that it wants no more: what happens is not written down for it."""


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
    paused_at: float | None = None
    """Since when nothing is sent there for now."""
    former: str = ""
    """The secret before this one, by which it still knows us for a while."""
    former_until: float = 0.0

    @property
    def stand(self) -> Stand:
        """How it stands."""
        if self.ended:
            return Stand.ENDED
        return Stand.TOLD if self.paused_at is None else Stand.PAUSED

    def secrets(self, now: float) -> tuple[str, ...]:
        """All that a message is signed with, the newest first."""
        return (self.secret, self.former) if self.former and now < self.former_until else (self.secret,)

    def as_json(self) -> dict[str, Any]:
        """It as plain values, without its secrets and without what stands behind the question mark of its address."""
        place, mark, _ = self.url.partition("?")
        return {
            "id": self.id,
            "url": f"{place}?..." if mark else place,
            "events": list(self.kinds),
            "state": self.stand.value,
            "ended": self.ended,
            "made_at": _moment(self.made_at),
            "by": self.by,
            "former_until": _moment(self.former_until) if self.former else None,
        }

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

    def as_json(self) -> dict[str, Any]:
        """It as plain values."""
        return {
            "id": self.id,
            "webhook": self.webhook,
            "event": self.kind,
            "at": _moment(self.at),
            "about": dict(self.facts),
            "state": self.state.value,
            "attempts": self.attempts,
            "said": self.said,
            "tried_at": None if self.tried_at is None else _moment(self.tried_at),
            "due_at": _moment(self.due_at) if self.state is State.WAITING else None,
        }


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


@dataclass(frozen=True, slots=True)
class Standing:
    """How the webhooks of a base stand, counted."""

    webhooks: Mapping[Stand, int]
    waiting: int
    """Deliveries."""
    oldest_at: float | None
    """When what waits longest happened, of webhooks that are told; None where nothing waits."""

    @classmethod
    def of_all(cls, bases: Sequence[Self]) -> Self:
        """Of several bases together."""
        count = {stand: sum(base.webhooks[stand] for base in bases) for stand in Stand}
        oldest = min((base.oldest_at for base in bases if base.oldest_at is not None), default=None)
        return cls(count, sum(base.waiting for base in bases), oldest)


class Outbox(Protocol):
    """Keeps webhooks and what is on its way to them. Each method is one transaction."""

    def webhooks(self) -> Sequence[Webhook]:
        """All of them, the oldest first."""
        ...

    def add(self, webhook: Webhook, deed: Deed, most: int) -> None:
        """Keep one.

        Raises:
            WebhookRefused: there are as many as there may be.
        """
        ...

    def change(self, webhook: str, change: Callable[[Webhook], Webhook], deed: Deed) -> Webhook:
        """Change its secrets, or whether it is told.

        Raises:
            NotFound: there is none.
        """
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
        """Count an attempt before it is made; False where somebody else made it, or its webhook is told no more.

        Whoever dies loses it until then.
        """
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

    def standing(self) -> Standing:
        """How all webhooks stand, and how much waits for them."""
        ...


def _moment(seconds: float) -> str:
    return datetime.fromtimestamp(seconds, UTC).isoformat(timespec="seconds")
