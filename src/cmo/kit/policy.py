"""How an outside service is called, and whom that takes: a breaker, a purse, a place for answers."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import AbstractAsyncContextManager
from dataclasses import dataclass, field
from typing import Any, Protocol

from cmo.kit.admission import Room
from cmo.kit.breaker import Breaker, Circuit, Fuse, Outcome, Ticket
from cmo.kit.concurrency import Gradient, Law
from cmo.kit.rate import Rate
from cmo.kit.refusal import Refused
from cmo.kit.retry import Patience

Pay = Callable[[], AbstractAsyncContextManager[object]]
"""Entered before a call and before each further attempt, left after it: reserves money, and settles. May refuse."""


@dataclass(frozen=True, slots=True)
class Policy:
    """How a service is called."""

    timeout_seconds: float = 30.0
    """Of one attempt."""
    slow_seconds: float = 5.0
    """An answer after this is a late one for the breaker."""
    fuse: Fuse = field(default_factory=Fuse)
    law: Law = field(default_factory=Gradient)
    room: Room = field(default_factory=Room)
    patience: Patience = field(default_factory=Patience)
    retry_share: float = 0.1
    retry_burst: float = 10.0
    hedge_share: float = 0.05
    hedge_burst: float = 2.0
    hedge_quantile: float = 0.95
    """A second call is made when the first one takes longer than this share of them."""
    rate: Rate | None = None
    """Of one caller."""


class Kept(Protocol):
    """Answers that are kept."""

    async def get(self, key: Any) -> Any | None:
        """One of them; None if it is not kept."""
        ...

    async def set(self, key: Any, value: Any) -> None:
        """Keep one."""
        ...


class Gate(Protocol):
    """A breaker."""

    @property
    def circuit(self) -> Circuit:
        """Its state."""
        ...

    async def admit(self) -> Ticket | Refused:
        """Whether a call may go out. Who gets a ticket must settle it."""
        ...

    async def settle(self, ticket: Ticket, outcome: Outcome) -> None:
        """Say what a call came to."""
        ...


class Here:
    """The breaker of this process as a gate. See `cmo.kit.board` for one that several processes share."""

    def __init__(self, breaker: Breaker) -> None:
        self._breaker = breaker

    @property
    def circuit(self) -> Circuit:
        """Its state."""
        return self._breaker.circuit

    async def admit(self) -> Ticket | Refused:
        """Whether a call may go out."""
        return self._breaker.admit()

    async def settle(self, ticket: Ticket, outcome: Outcome) -> None:
        """Say what a call came to."""
        self._breaker.settle(ticket, outcome)
