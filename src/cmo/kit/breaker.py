"""A circuit breaker: an outside service that keeps failing is left alone for a while, then tried with care.

::

    closed --half of the last calls failed, or most were slow--> open --a rest, longer each time--> probing
       ^------------------ three successes in a row ----------------------------------------------- |
                                                             open <----------- one failure ---------'

Pure: `admit` and `settle` take a state, the time and a chance, and make the next state. What happens after a call was
admitted counts only if nothing changed since: a slow failure from before the rest says nothing about what is now.
Calls that say nothing about the service (a wrong request, a cancelled caller, a budget that is spent) do not count.
`Breaker` keeps such a state for the threads or tasks of one process; `cmo.kit.board` for several processes.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from dataclasses import dataclass, replace
from enum import StrEnum
from typing import assert_never

import orjson

from cmo.kit.chance import CHANCE, Chance
from cmo.kit.refusal import Refused, Why


class Phase(StrEnum):
    """What a breaker does now."""

    CLOSED = "closed"
    """It lets calls through and counts."""
    OPEN = "open"
    """It refuses."""
    PROBING = "probing"
    """It lets a few through, to see."""


class Outcome(StrEnum):
    """What a call said about the service."""

    SUCCESS = "s"
    SLOW = "l"
    """An answer, but a late one."""
    FAILURE = "f"
    IGNORED = "i"
    """Nothing."""


@dataclass(frozen=True, slots=True)
class Fuse:
    """When a breaker opens, and for how long."""

    window: int = 50
    """Calls that are looked back on."""
    least: int = 10
    """Calls below which it does not open."""
    failing: float = 0.5
    """Share of failures at which it opens."""
    ailing: float = 0.8
    """Share of failures and slow answers together at which it opens."""
    rest_seconds: float = 5.0
    """The first time; doubles with each."""
    longest_rest_seconds: float = 120.0
    probes: int = 3
    """At once."""
    successes: int = 3
    """In a row, after which it closes."""
    probe_seconds: float = 300.0
    """After this a probe of which nothing was heard no longer counts: who sent it is gone. Longer than any call."""


@dataclass(frozen=True, slots=True)
class Ticket:
    """What an admitted call shows when it is over."""

    era: int
    probe: int = 0


@dataclass(frozen=True, slots=True)
class Circuit:
    """The state of a breaker."""

    phase: Phase = Phase.CLOSED
    era: int = 0
    """Rises with each change of phase."""
    seen: str = ""
    """Outcomes of the last calls, a letter each."""
    since: float = 0.0
    """When it opened."""
    rest: float = 0.0
    """For how long."""
    openings: int = 0
    """Since it was last closed."""
    probes: tuple[tuple[int, float], ...] = ()
    """Under way, and when each began."""
    sent: int = 0
    """Probes so far, for their numbers."""
    streak: int = 0
    """Probes that succeeded in a row."""


def admit(fuse: Fuse, circuit: Circuit, now: float) -> tuple[Circuit, Ticket | Refused]:
    """Whether a call may go out, and the state after that."""
    match circuit.phase:
        case Phase.CLOSED:
            return circuit, Ticket(circuit.era)
        case Phase.OPEN:
            if now < circuit.since:  # a clock that was set back must not make the rest longer
                circuit = replace(circuit, since=now)
            if (left := circuit.since + min(circuit.rest, fuse.longest_rest_seconds) - now) > 0:
                return circuit, Refused(Why.BROKEN, left)
            probing = replace(circuit, phase=Phase.PROBING, era=circuit.era + 1, probes=(), streak=0)
            return _probe(fuse, probing, now)
        case Phase.PROBING:
            return _probe(fuse, circuit, now)
        case _:
            assert_never(circuit.phase)


def settle(fuse: Fuse, circuit: Circuit, ticket: Ticket, outcome: Outcome, *, now: float, chance: float) -> Circuit:
    """The state after a call that was admitted.

    Args:
        fuse: when to open.
        circuit: the state before.
        ticket: what `admit` gave.
        outcome: what the call said.
        now: seconds, of the same clock as in `admit`.
        chance: of [0, 1), for the length of a rest.
    """
    if ticket.era != circuit.era:
        return circuit
    if circuit.phase is Phase.PROBING:
        return _probed(fuse, circuit, ticket, outcome, now=now, chance=chance)
    if outcome is Outcome.IGNORED:
        return circuit
    seen = (circuit.seen + outcome)[-fuse.window :]
    failed, slow = seen.count(Outcome.FAILURE), seen.count(Outcome.SLOW)
    circuit = replace(circuit, seen=seen)
    if len(seen) < fuse.least or (failed < fuse.failing * len(seen) and failed + slow < fuse.ailing * len(seen)):
        return circuit
    return _opened(fuse, circuit, now, chance)


def _probe(fuse: Fuse, circuit: Circuit, now: float) -> tuple[Circuit, Ticket | Refused]:
    alive = tuple(p for p in circuit.probes if p[1] <= now < p[1] + fuse.probe_seconds)
    if len(alive) >= fuse.probes:
        return replace(circuit, probes=alive), Refused(Why.BROKEN, 1.0)
    number = circuit.sent + 1
    return replace(circuit, probes=(*alive, (number, now)), sent=number), Ticket(circuit.era, number)


def _probed(fuse: Fuse, circuit: Circuit, ticket: Ticket, outcome: Outcome, *, now: float, chance: float) -> Circuit:
    others = tuple(p for p in circuit.probes if p[0] != ticket.probe)
    if len(others) == len(circuit.probes):
        return circuit
    circuit = replace(circuit, probes=others)
    match outcome:
        case Outcome.IGNORED:
            return circuit
        case Outcome.SLOW:
            return replace(circuit, streak=0)
        case Outcome.FAILURE:
            return _opened(fuse, circuit, now, chance)
        case Outcome.SUCCESS:
            if circuit.streak + 1 < fuse.successes:
                return replace(circuit, streak=circuit.streak + 1)
            return Circuit(era=circuit.era + 1, sent=circuit.sent)
        case _:
            assert_never(outcome)


def _opened(fuse: Fuse, circuit: Circuit, now: float, chance: float) -> Circuit:
    """At rest. Between half and all of the time, so that processes do not come back in step, nor at once."""
    longest = min(fuse.longest_rest_seconds, fuse.rest_seconds * 2.0 ** min(circuit.openings, 30))
    return Circuit(
        Phase.OPEN, circuit.era + 1, "", now, longest * (0.5 + 0.5 * chance), circuit.openings + 1, (), circuit.sent
    )


def encode(circuit: Circuit) -> bytes:
    """A state as JSON, for other processes."""
    return orjson.dumps(circuit)


def decode(data: bytes) -> Circuit:
    """A state from JSON.

    Raises:
        ValueError: it is none.
    """
    said = orjson.loads(data)
    try:
        return Circuit(
            phase=Phase(said["phase"]),
            era=int(said["era"]),
            seen="".join(Outcome(letter) for letter in said["seen"]),
            since=float(said["since"]),
            rest=float(said["rest"]),
            openings=int(said["openings"]),
            probes=tuple((int(number), float(began)) for number, began in said["probes"]),
            sent=int(said["sent"]),
            streak=int(said["streak"]),
        )
    except (TypeError, LookupError) as error:
        raise ValueError("this is no state of a circuit breaker") from error


class Breaker:
    """A breaker for the threads and tasks of one process.

    Args:
        fuse: when it opens.
        monotonic: the clock.
        chance: for the lengths of rests.
    """

    def __init__(self, fuse: Fuse, monotonic: Callable[[], float] = time.monotonic, chance: Chance = CHANCE) -> None:
        self._fuse = fuse
        self._monotonic = monotonic
        self._chance = chance
        self._lock = threading.Lock()
        self._circuit = Circuit()

    @property
    def circuit(self) -> Circuit:
        """The state now."""
        return self._circuit

    def admit(self) -> Ticket | Refused:
        """Whether a call may go out. Who gets a ticket must settle it."""
        with self._lock:
            self._circuit, decision = admit(self._fuse, self._circuit, self._monotonic())
        return decision

    def settle(self, ticket: Ticket, outcome: Outcome) -> None:
        """Say what a call came to."""
        with self._lock:
            self._circuit = settle(
                self._fuse, self._circuit, ticket, outcome, now=self._monotonic(), chance=self._chance()
            )
