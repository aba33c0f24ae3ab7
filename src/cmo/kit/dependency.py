"""An outside service, and all that keeps its troubles from becoming ours.

::

    call --rate--> deadline --> kept answer? --> under way already? --> paid for? --> a slot --> breaker
                                                                                                    |
                      answer <-- work <-- timeout <-- tries again <-- a second call if it is slow <-'

Each layer is a module of its own with a pure core; here is only their order. It matters: what is refused costs
nothing further down, one slot holds all attempts of a call, and the breaker sees what came of the call, not of each
attempt. Whoever is shed is shed where it would wait: a kept answer needs no slot, however long the queue is.

What happens is told as plain values, and counted.
"""

from __future__ import annotations

import asyncio
import math
import time
from collections import Counter
from collections.abc import Awaitable, Callable, Hashable
from contextlib import nullcontext
from dataclasses import dataclass, field
from typing import Any, Final, TypeVar

from cmo.errors import NotNow, OutOfTime
from cmo.kit import deadline
from cmo.kit.admission import Rank
from cmo.kit.allowance import Purse
from cmo.kit.breaker import Outcome, Phase
from cmo.kit.chance import CHANCE, Chance
from cmo.kit.deadline import Monotonic
from cmo.kit.events import Event, Reading, What
from cmo.kit.flight import Flights
from cmo.kit.hedge import hedged
from cmo.kit.pace import Pace
from cmo.kit.policy import Gate, Kept, Pay, Policy
from cmo.kit.rate import Rates
from cmo.kit.refusal import Refused, Why, out_of_time
from cmo.kit.retry import Retrier
from cmo.kit.slots import Held, Slots
from cmo.kit.trouble import Judge

T = TypeVar("T")
Work = Callable[[], Awaitable[T]]


@dataclass(slots=True)
class _Call:
    work: Work[Any]
    rank: Rank
    repeatable: bool
    attempts: int = 0
    held: Held = field(default_factory=Held)


class Dependency:
    """One outside service; one of these for each service and model. For one event loop.

    Args:
        name: of the service, for errors and events.
        policy: how it is called.
        on: errors by which its calls fail; others are not looked at.
        judge: what such an error means.
        gate: its breaker.
        pay: reserves money for a call.
        tell: told of each event; must not raise.
        monotonic: the clock.
        chance: for pauses.
    """

    def __init__(
        self,
        name: str,
        policy: Policy,
        *,
        on: tuple[type[Exception], ...],
        judge: Judge,
        gate: Gate,
        pay: Pay = nullcontext,
        tell: Callable[[Event], None] = lambda _event: None,
        monotonic: Monotonic = time.monotonic,
        chance: Chance = CHANCE,
    ) -> None:
        self.name = name
        self.pace = Pace()
        """How long answers took."""
        self.policy = policy
        self._on: tuple[type[Exception], ...] = (*on, TimeoutError)
        self._judge = judge
        self._gate = gate
        self._pay = pay
        self._announce = tell
        self._monotonic = monotonic
        self._counts: Counter[What] = Counter()
        self._era = gate.circuit.era
        self._rates = None if policy.rate is None else Rates(policy.rate, monotonic=monotonic)
        self._slots = Slots(name, policy.law, policy.room, monotonic)
        self._flights: Flights[tuple[Hashable, Rank], Any] = Flights(monotonic)
        self._hedges = Purse(policy.hedge_share, policy.hedge_burst)
        self._retrier = Retrier(
            policy.patience,
            Purse(policy.retry_share, policy.retry_burst),
            self._on,
            lambda error: judge(error).again,
            chance=chance,
            tell=lambda wait: self._tell(What.RETRIED, wait),
        )

    async def call(
        self,
        work: Work[T],
        *,
        key: Hashable | None = None,
        kept: Kept | None = None,
        rank: Rank = Rank.INTERACTIVE,
        caller: Hashable | None = None,
        repeatable: bool = False,
    ) -> T:
        """What a piece of work comes to.

        Args:
            work: asks the service, once each time it is called.
            key: calls of one key are the same call.
            kept: answers by key.
            rank: how much it matters.
            caller: for whom, where callers have a rate.
            repeatable: whether it may be done twice: reads, and what only computes.

        Raises:
            TooMany: the caller asks too often.
            Overloaded: more is asked than can be answered in time.
            Resting: the service kept failing.
            OutOfTime: the deadline passed.
        """
        self._admit(caller)
        call = _Call(work, rank, repeatable)
        found: T
        if key is None:
            found = await self._made(call)
            return found
        if kept is not None and (answer := await kept.get(key)) is not None:
            self._tell(What.KEPT)
            found = answer
            return found
        # What matters less may wait for what matters more, not the other way round.
        flight = next((f for r in Rank if r <= rank and (f := (key, r)) in self._flights), (key, rank))
        if flight in self._flights:
            self._tell(What.JOINED)
        found = await self._flights.once(flight, lambda: self._made_to_keep(call, key, kept))
        return found

    def reading(self) -> Reading:
        """How it is doing now."""
        return Reading(
            self._gate.circuit.phase,
            self._slots.level.whole,
            self._slots.under_way,
            self._slots.waiting,
            self.pace.quantile(0.5),
            self.pace.quantile(0.95),
            {what.value: count for what, count in self._counts.items()},
        )

    def _admit(self, caller: Hashable | None) -> None:
        refused = None
        if self._rates is not None and caller is not None:
            refused = self._rates.admit(caller)
        if refused is None and deadline.remaining() <= 0:
            refused = Refused(Why.NO_TIME)
        if refused is not None:
            self._tell(What.REFUSED, why=refused.why)
            raise refused.error(self.name)

    async def _made_to_keep(self, call: _Call, key: Hashable, kept: Kept | None) -> Any:
        answer = await self._made(call)
        if kept is not None:
            await kept.set(key, answer)
        return answer

    async def _made(self, call: _Call) -> Any:
        began = self._monotonic()
        try:
            async with self._pay(), self._slots.hold(call.rank) as call.held:
                answer = await self._fused(call)
        except (NotNow, OutOfTime) as error:
            self._tell(What.REFUSED, self._monotonic() - began, error.code)
            raise
        except self._on as error:
            self._tell(What.FAILED, self._monotonic() - began, type(error).__name__)
            raise
        self._tell(What.ANSWERED, self._monotonic() - began)
        return answer

    async def _fused(self, call: _Call) -> Any:
        usual = self.pace.quantile(0.5)
        if usual is not None and deadline.share() < usual:  # more likely than not it would be work for nobody
            raise Refused(Why.LATE, usual).error(self.name)
        ticket = await self._gate.admit()
        self._look()
        if isinstance(ticket, Refused):
            raise ticket.error(self.name)
        outcome = Outcome.IGNORED
        try:
            answer = await self._hedged(call)
            outcome = Outcome.SLOW if self._slow(call.held.seconds) else Outcome.SUCCESS
        except self._on as error:
            trouble = self._judge(error)
            outcome, call.held.dropped = trouble.outcome, trouble.dropped
            raise
        except OutOfTime:
            outcome = Outcome.IGNORED if call.held.seconds is None else Outcome.SLOW
            raise
        finally:
            await self._gate.settle(ticket, outcome)
            self._look()
        return answer

    async def _hedged(self, call: _Call) -> Any:
        self._hedges.earn()
        return await hedged(
            lambda: self._retrier.run(lambda: self._paid(call), repeatable=call.repeatable),
            after=self.pace.quantile(self.policy.hedge_quantile) if call.repeatable else None,
            may=self._may_hedge,
            won=lambda: self._tell(What.OVERTAKEN),
        )

    async def _may_hedge(self) -> bool:
        idle = not self._slots.saturated and self._gate.circuit.phase is Phase.CLOSED
        if may := idle and self._hedges.spend():
            self._tell(What.HEDGED)
        return may

    async def _paid(self, call: _Call) -> Any:
        call.attempts += 1
        async with nullcontext() if call.attempts == 1 else self._pay():
            return await self._attempt(call)

    async def _attempt(self, call: _Call) -> Any:
        allowed = min(self.policy.timeout_seconds, deadline.share())
        call.held.seconds, began = None, self._monotonic()
        try:
            async with asyncio.timeout(allowed) as limit:
                with deadline.within(allowed, self._monotonic):
                    answer = await call.work()
        except TimeoutError:
            if limit.expired() and allowed < self.policy.timeout_seconds:
                took = self._monotonic() - began
                # A caller in a hurry says nothing about the service, unless most answers would have come by then.
                call.held.seconds = took if self._late(took) else None
                raise out_of_time(self.name) from None
            raise
        call.held.seconds = self._monotonic() - began
        self.pace.add(call.held.seconds)
        return answer

    def _slow(self, seconds: float | None) -> bool:
        return seconds is not None and seconds > self.policy.slow_seconds

    def _late(self, seconds: float) -> bool:
        usual = self.pace.quantile(0.95)
        return seconds > min(self.policy.slow_seconds, math.inf if usual is None else usual)

    def _look(self) -> None:
        """Tell what became of the breaker."""
        circuit = self._gate.circuit
        if circuit.era != self._era:
            self._era = circuit.era
            self._tell(_TURNED[circuit.phase], circuit.rest)

    def _tell(self, what: What, seconds: float = 0.0, why: str = "") -> None:
        self._counts[what] += 1
        self._announce(Event(self.name, what, seconds, why))


_TURNED: Final = {Phase.OPEN: What.OPENED, Phase.PROBING: What.PROBING, Phase.CLOSED: What.CLOSED}
