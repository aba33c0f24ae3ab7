"""Whether a call may be paid for: pure, of balances and the time.

::

    spent --at this pace to the end of the period--> projected --against the limit--> a rung

    70 %  warn       all calls, and somebody should look
    85 %  sparing    no optional calls
    95 %  priority   only those that matter most
    100 % closed     none: what is set aside at its highest cost has reached the limit

The first three go by projection, so that they come before the money is gone. The last goes by what is set aside alone:
no call is made that could take an account past its limit.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from enum import IntEnum
from typing import Final

from cmo.model.money import Allowed, Balance, Draft, Micros, Need, Refused, Why, Window, dollars

STEADYING: Final = 0.5
"""A pace is measured as if so much of a period had passed quietly before it began: one early call is no pace."""
_NAMES: Final = {Window.DAY: "daily", Window.MONTH: "monthly"}


class Rung(IntEnum):
    """How scarce money is."""

    OPEN = 0
    WARN = 1
    SPARING = 2
    PRIORITY = 3
    CLOSED = 4

    def admits(self, need: Need) -> bool:
        """Whether calls that matter so much are still made."""
        if self is Rung.CLOSED:
            return False
        least = {Rung.SPARING: Need.UNCERTAIN, Rung.PRIORITY: Need.PRIORITY}.get(self, Need.OPTIONAL)
        return need >= least


@dataclass(frozen=True, slots=True)
class Ladder:
    """At which shares of a limit the rungs stand, by projected spend; and at which share of it spent somebody is told."""

    warn: float = 0.70
    sparing: float = 0.85
    priority: float = 0.95
    alert: float = 0.80

    def alerts(self, balance: Balance) -> bool:
        """Whether somebody is to be told."""
        return balance.limit is not None and balance.spent > 0 and balance.spent >= self.alert * balance.limit


def projected(balance: Balance, at: datetime) -> Micros:
    """What will be spent at the end of the period if it goes on like this."""
    elapsed = min(1.0, max(0.0, balance.window.elapsed(at)))
    pace = balance.spent / (elapsed + STEADYING)
    return balance.spent + round(pace * (1.0 - elapsed))


def rung(balance: Balance, at: datetime, ladder: Ladder, more: Micros = 0) -> Rung:
    """How scarce money is in an account, with `more` on top of what is projected."""
    if balance.limit is None:
        return Rung.OPEN
    if balance.exposed >= balance.limit:
        return Rung.CLOSED
    share = (projected(balance, at) + more) / balance.limit
    reached = [r for r, least in _rungs(ladder) if share >= least]
    return reached[-1] if reached else Rung.OPEN


def decide(draft: Draft, balances: Sequence[Balance], ladder: Ladder) -> Allowed | Refused:
    """Whether a call is paid for: every account must agree."""
    if draft.most == 0:
        return Allowed("It costs nothing.")
    for balance in balances:
        if balance.limit is not None and balance.exposed + draft.most > balance.limit:
            return _refused(Why.SPENT, balance, draft)
    scarcest = max(balances, key=lambda balance: rung(balance, draft.at, ladder, draft.expected))
    step = rung(scarcest, draft.at, ladder, draft.expected)
    if not step.admits(draft.call.need):
        return _refused(Why.SPARING, scarcest, draft)
    return Allowed(f"The money is there ({step.name.lower()}).")


def _rungs(ladder: Ladder) -> tuple[tuple[Rung, float], ...]:
    return (Rung.WARN, ladder.warn), (Rung.SPARING, ladder.sparing), (Rung.PRIORITY, ladder.priority)


def _refused(why: Why, balance: Balance, draft: Draft) -> Refused:
    after = (balance.window.ends(draft.at) - draft.at).total_seconds()
    limit = f"the {_NAMES[balance.window]} budget of {balance.account}"
    most, what = dollars(draft.most), f"{draft.call.model} for {draft.call.purpose}"
    if why is Why.SPENT:
        left = max(0, (balance.limit or 0) - balance.exposed)
        said = f"Up to ${most:.4f} for {what}, and {limit} has ${dollars(left):.4f} left of ${_of(balance)}."
    else:
        share = 100 * (projected(balance, draft.at) + draft.expected) / (balance.limit or 1)
        said = f"At this pace {limit} comes to {share:.0f} % of ${_of(balance)}; it is kept for what matters more than {what}."
    return Refused(
        why, f"{said} `cmo budget set` gives more; the next period begins in {after / 3600:.1f} h.", balance, after
    )


def _of(balance: Balance) -> str:
    return f"{dollars(balance.limit or 0):.2f}"
