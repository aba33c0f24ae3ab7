"""The budget: money is set aside before a call, and what it cost is written down after it.

::

    with budget.reserved(call) as held:      # OverBudget: do without it
        reply = ask(...)                     # one attempt
        held.settle(usage)                   # else all that it may have cost counts as spent

A retry, a hedge and a fallback are calls of their own. Where the process dies, the entry stays and expires as spent.
"""

from __future__ import annotations

import logging
import threading
from collections.abc import Callable
from contextlib import AbstractAsyncContextManager, AbstractContextManager, suppress
from dataclasses import dataclass, replace
from typing import Final

from cmo.errors import NotNow, OracleError, OverBudget, SettingsError, StoreError
from cmo.kit.clock import Clock
from cmo.model.money import (
    Allowed,
    Asked,
    Balance,
    Call,
    Closing,
    Draft,
    Ledger,
    Micros,
    Payer,
    Refused,
    State,
    Usage,
    Window,
    dollars,
)
from cmo.spend.estimate import HISTORY, expected_output
from cmo.spend.hold import AwaitedBlock, Block, Hold
from cmo.spend.ladder import Ladder, Rung, decide, projected, rung
from cmo.spend.prices import PriceList
from cmo.spend.purse import current

Unspent = tuple[type[Exception], ...]
UNSPENT: Final[Unspent] = (NotNow,)
"""Errors that are raised before anything is sent."""
_HISTORY_SECONDS = 60.0
_SWEEP_SECONDS = 60.0
_MOST_KINDS = 256
log = logging.getLogger("cmo.spend")


@dataclass(frozen=True, slots=True)
class NearlySpent:
    """Somebody is to look: an account has spent most of its limit."""

    balance: Balance
    share: float


def log_alert(event: NearlySpent) -> None:
    """Tell the log."""
    limit, b = dollars(event.balance.limit or 0), event.balance
    log.warning("%.0f %% of the $%.2f that %s may spend in %s is spent", 100 * event.share, limit, b.account, b.period)


@dataclass(frozen=True, slots=True)
class Account:
    """How an account stands."""

    balance: Balance
    projected: Micros
    """At the end of the period, at this pace."""
    rung: Rung
    alert: bool
    """Whether most of its limit is spent."""


class Budget:
    """Sets money aside around calls. Threads, tasks, processes and machines share what the ledger is kept in.

    Args:
        ledger: where entries are kept.
        prices: what calls cost.
        clock: the time; days and months are those of UTC.
        ladder: how calls are left out when money runs short.
        tell: told once of each limit that is nearly spent; must not raise.
    """

    def __init__(
        self,
        ledger: Ledger,
        prices: PriceList,
        clock: Clock,
        *,
        ladder: Ladder = Ladder(),  # noqa: B008 - frozen
        tell: Callable[[NearlySpent], None] = lambda _event: None,
    ) -> None:
        self._ledger = ledger
        self._prices = prices
        self._clock = clock
        self._ladder = ladder
        self._tell = tell
        self._known: dict[tuple[str, str, str], tuple[float, list[int]]] = {}
        self._swept: float | None = None
        self._lock = threading.Lock()

    # -- around a call -------------------------------------------------------------------------------------------

    def reserved(self, call: Call, unspent: Unspent = UNSPENT) -> AbstractContextManager[Hold]:
        """Set money aside for the length of a block, in which the call is made.

        Args:
            call: one attempt.
            unspent: errors of the block that mean that nothing was sent.

        Raises:
            OverBudget: the call is not to be made now.
            PriceUnknown: nobody said what it costs.
            StoreError: the ledger cannot be used, so nothing may be spent.
        """
        return Block(lambda: self._hold(call), lambda hold, error: self._close(hold, error, unspent))

    def areserved(self, call: Call, unspent: Unspent = UNSPENT) -> AbstractAsyncContextManager[Hold]:
        """The same, for coroutines: the event loop never waits for the ledger, and a cancelled task settles too."""
        return AwaitedBlock(lambda: self._hold(call), lambda hold, error: self._close(hold, error, unspent))

    def _hold(self, call: Call) -> Hold:
        purse = current()
        draft = self.draft(purse.billed(call))
        self._sweep()
        purse.take(draft.most)
        try:
            reserved = self._ledger.reserve(draft, self._decide(draft), self._ladder.alerts)
            if isinstance(reserved, Refused):
                raise OverBudget(reserved.reason, reserved.after)
        except OracleError:
            purse.give(draft.most)
            raise
        self._tell_of(reserved.told)
        return Hold(reserved.id, draft, self._clock.monotonic(), purse)

    def _close(self, hold: Hold, error: BaseException | None, unspent: Unspent) -> None:
        closing = self._closing(hold, error, unspent)
        if closing.state is not State.UNKNOWN:
            hold.purse.give(hold.draft.most - closing.cost)
        try:
            self._tell_of(self._ledger.close(hold.entry, closing, self._ladder.alerts))
        except StoreError as trouble:  # the answer is there; the entry stays, and expires as spent
            log.warning("What a call cost could not be written down, so all that it may have cost counts: %s", trouble)

    def _closing(self, hold: Hold, error: BaseException | None, unspent: Unspent) -> Closing:
        seconds = max(0.0, self._clock.monotonic() - hold.began)
        failed = error is not None
        if not hold.spent or isinstance(error, unspent):
            return Closing(State.VOID, failed=failed, seconds=seconds)
        usage = hold.usage or Usage()
        cost = hold.billed
        if cost is None and hold.usage is not None:
            with suppress(SettingsError):  # its price was taken away while the call ran
                cost = self._cost(hold.draft.call, usage, hold.draft)
        if cost is None:
            return Closing(State.UNKNOWN, usage=usage, failed=failed, seconds=seconds)
        return Closing(State.SETTLED, cost, usage, failed=failed, seconds=seconds)

    # -- looking -------------------------------------------------------------------------------------------------

    def draft(self, call: Call) -> Draft:
        """What a call would cost: at most, and in 19 of 20 cases.

        Raises:
            PriceUnknown: nobody said.
        """
        draft = Draft(call, 0, 0, self._clock.now())
        most = self._cost(call, call.most, draft)
        output = expected_output(self._outputs(call), call.most.output_tokens)
        expected = self._cost(call, replace(call.most, output_tokens=output), draft)
        return replace(draft, expected=min(expected, most), most=most)

    def may(self, call: Call) -> Allowed | Refused:
        """Whether a call would be paid for now; nothing is set aside, so it may be otherwise a moment later.

        Raises:
            PriceUnknown: nobody said what it costs.
        """
        draft = self.draft(call)
        return self._decide(draft)(self._ledger.balances(call.payer, draft.at))

    def accounts(self, payer: Payer = Payer()) -> list[Account]:  # noqa: B008 - frozen
        """How everybody, a tenant and a user stand, days before months."""
        now = self._clock.now()
        self._ledger.expire(now)
        found = self._ledger.balances(payer, now)
        ladder = self._ladder
        return [Account(b, projected(b, now), rung(b, now, ladder), ladder.alerts(b)) for b in found]

    def set_limit(self, account: Payer, window: Window, limit: Micros | None) -> None:
        """Change a limit; it holds from the next call on, everywhere. None: none of its own."""
        self._ledger.set_limit(account, window, limit)

    def note(self, asked: Asked) -> None:
        """Remember a question."""
        self._ledger.note(asked)

    # -- helpers -------------------------------------------------------------------------------------------------

    def _decide(self, draft: Draft) -> Callable[..., Allowed | Refused]:
        return lambda balances: decide(draft, balances, self._ladder)

    def _cost(self, call: Call, usage: Usage, draft: Draft) -> Micros:
        return self._prices.cost(call.provider, call.model, usage, draft.at)

    def _outputs(self, call: Call) -> list[int]:
        """What came back from such calls, as it was known a minute ago at the latest."""
        kind, now = (call.provider, call.model, call.purpose), self._clock.monotonic()
        with self._lock:
            at, known = self._known.get(kind, (None, []))
        if at is not None and now - at < _HISTORY_SECONDS:
            return known
        known = self._ledger.outputs(*kind, HISTORY)
        with self._lock:
            if len(self._known) >= _MOST_KINDS:
                self._known.clear()
            self._known[kind] = (now, known)
        return known

    def _sweep(self) -> None:
        """Once in a while look for what expired; it counts in any case, so there is no hurry."""
        now = self._clock.monotonic()
        with self._lock:
            if self._swept is not None and now - self._swept < _SWEEP_SECONDS:
                return
            self._swept = now
        self._ledger.expire(self._clock.now())

    def _tell_of(self, balances: tuple[Balance, ...]) -> None:
        for balance in balances:
            self._tell(NearlySpent(balance, balance.spent / balance.limit if balance.limit else 1.0))
