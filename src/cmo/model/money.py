"""Money: what a call may cost, who pays, what is left; and the Protocols of those who keep it.

::

    Call --estimate--> Draft --reserve--> an entry: reserved --settle--> settled (what it cost)
                         |                             |---- no answer --> unknown (all that it may have cost)
                         `--> Refused                  `---- not made ---> void (nothing)

Amounts are whole millionths of a dollar, rounded up where they are made. Days and months are those of UTC.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from contextlib import AbstractAsyncContextManager, AbstractContextManager
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from decimal import ROUND_CEILING, Decimal
from enum import IntEnum, StrEnum
from typing import Final, Protocol

Micros = int
"""Millionths of a dollar."""
DOLLAR: Final = 1_000_000
EACH: Final = "*"
"""As the name in a limit: each tenant, or each user, who has no limit of their own."""


def micros(dollars: Decimal) -> Micros:
    """Dollars as whole millionths, rounded up, so that no cost is lost."""
    return int((dollars * DOLLAR).to_integral_value(ROUND_CEILING))


def dollars(amount: Micros) -> float:
    """Millionths as dollars, for people and JSON."""
    return amount / DOLLAR


class Service(StrEnum):
    """What is paid for."""

    LLM = "llm"
    EMBEDDING = "embedding"
    WEB = "web"


class Need(IntEnum):
    """How much a call matters; the less, the sooner it is left out when money runs short."""

    OPTIONAL = 0
    """The answer would be as good without it, in all likelihood."""
    UNCERTAIN = 1
    """What can be done without it is probably not good enough."""
    PRIORITY = 2
    """Somebody asked for it, or nothing else will do."""


class Window(StrEnum):
    """How long a limit goes on."""

    DAY = "day"
    MONTH = "month"

    def period(self, at: datetime) -> str:
        """Which one: ``2026-01-31``, ``2026-01``."""
        return at.astimezone(UTC).strftime("%Y-%m-%d" if self is Window.DAY else "%Y-%m")

    def begins(self, at: datetime) -> datetime:
        """When it began."""
        day = at.astimezone(UTC).replace(hour=0, minute=0, second=0, microsecond=0)
        return day if self is Window.DAY else day.replace(day=1)

    def ends(self, at: datetime) -> datetime:
        """When the next one begins."""
        begins = self.begins(at)
        if self is Window.DAY:
            return begins + timedelta(days=1)
        return (begins + timedelta(days=32)).replace(day=1)

    def elapsed(self, at: datetime) -> float:
        """Which part of it has passed, 0 to 1."""
        begins = self.begins(at)
        return (at - begins) / (self.ends(at) - begins)


@dataclass(frozen=True, slots=True, order=True)
class Payer:
    """Whose money: a user's, of a tenant; one's own where neither is named."""

    tenant: str = ""
    user: str = ""

    @property
    def accounts(self) -> tuple[Payer, ...]:
        """All whose limits count: everybody together, the tenant, the user."""
        return tuple(sorted({Payer(), Payer(self.tenant), self}))

    def __str__(self) -> str:
        told = [f"{what} {name}" for what, name in (("tenant", self.tenant), ("user", self.user)) if name]
        return ", ".join(told) or "everybody"


@dataclass(frozen=True, slots=True)
class Usage:
    """What one call took, or may take at most."""

    input_tokens: int = 0
    output_tokens: int = 0
    cached_tokens: int = 0
    """Those of the input that the provider had in its cache."""


@dataclass(frozen=True, slots=True)
class Call:
    """A call that costs, before it is made. One attempt: a retry, a hedge and a fallback are calls of their own."""

    provider: str
    """Its name, such as ``openai``, or its address, such as ``api.openai.com/v1``; no password in it."""
    model: str
    service: Service
    purpose: str
    """What for, in a word: ``generate``, ``route``, ``translate``; the report sums by it."""
    most: Usage
    """Tokens of what is sent, and the most that may come back."""
    need: Need = Need.UNCERTAIN
    payer: Payer = field(default_factory=Payer)
    question: str = ""
    """Id of the question that it serves."""
    seconds: float = 600.0
    """After so long without an outcome all that it may have cost counts as spent."""


@dataclass(frozen=True, slots=True)
class Draft:
    """A call with what it costs."""

    call: Call
    expected: Micros
    """In 19 of 20 cases it costs no more (p95)."""
    most: Micros
    """What it can cost at all."""
    at: datetime

    @property
    def expires_at(self) -> datetime:
        """When no outcome is waited for any more."""
        return self.at + timedelta(seconds=self.call.seconds)


@dataclass(frozen=True, slots=True)
class Balance:
    """One account in one period."""

    account: Payer
    window: Window
    period: str
    limit: Micros | None
    """None where nobody set one."""
    spent: Micros = 0
    """Settled, unknown, and what is reserved now at its expected cost."""
    exposed: Micros = 0
    """The same with what is reserved now at its highest cost: this never passes the limit."""
    alerted: Micros = -1
    """The limit for which somebody was told that it is nearly spent."""


class State(StrEnum):
    """Where an entry of the ledger stands."""

    RESERVED = "reserved"
    SETTLED = "settled"
    UNKNOWN = "unknown"
    """The call may have been made, and nobody knows what it cost: counts as the highest."""
    VOID = "void"
    """The call was not made."""


@dataclass(frozen=True, slots=True)
class Closing:
    """How a call ended."""

    state: State
    cost: Micros = 0
    """What it cost, where that is known."""
    usage: Usage = field(default_factory=Usage)
    failed: bool = False
    seconds: float = 0.0


class Why(StrEnum):
    """Why a call is not paid for."""

    SPENT = "spent"
    """It might cost more than is left."""
    SPARING = "sparing"
    """What is left is kept for calls that matter more."""


@dataclass(frozen=True, slots=True)
class Allowed:
    """A decision for."""

    reason: str


@dataclass(frozen=True, slots=True)
class Refused:
    """A decision against."""

    why: Why
    reason: str
    balance: Balance
    """Which limit stands against it."""
    after: float
    """Seconds until its next period."""


Decide = Callable[[Sequence[Balance]], Allowed | Refused]
Watch = Callable[[Balance], bool]
"""Whether somebody is to be told of a balance."""


@dataclass(frozen=True, slots=True)
class Reserved:
    """Money that is set aside."""

    id: int
    told: tuple[Balance, ...] = ()
    """Balances of which somebody is to be told now, and was not before."""


@dataclass(frozen=True, slots=True)
class Asked:
    """A question that was answered, or failed: what costs are divided by."""

    id: str
    at: datetime
    payer: Payer = field(default_factory=Payer)
    source: str = ""
    seconds: float = 0.0
    failed: bool = False


@dataclass(frozen=True, slots=True)
class Total:
    """Entries of one kind, added up."""

    provider: str
    model: str
    service: Service
    purpose: str
    state: State
    failed: bool
    calls: int
    cost: Micros
    expected: Micros
    most: Micros
    input_tokens: int
    output_tokens: int
    cached_tokens: int
    seconds: float
    above_expected: int
    """Calls that cost more than was expected."""
    above_most: Micros
    """What was paid beyond what was set aside."""


@dataclass(frozen=True, slots=True)
class Tally:
    """The ledger of some days, added up."""

    totals: tuple[Total, ...]
    payers: tuple[tuple[Payer, Micros], ...]
    """Who spent most, at most ten."""
    questions: int
    failed_questions: int


class Ledger(Protocol):
    """Where entries are kept. Each method is one transaction; processes and machines may share it."""

    def reserve(self, draft: Draft, decide: Decide, watch: Watch) -> Reserved | Refused:
        """Set money aside if `decide` allows it; nobody else reserves between its look and the entry."""
        ...

    def close(self, entry: int, closing: Closing, watch: Watch) -> tuple[Balance, ...]:
        """Say how a call ended, also after it expired; a second time changes nothing.

        Returns:
            Balances of which somebody is to be told.
        """
        ...

    def expire(self, now: datetime) -> int:
        """Take as spent what has waited too long for an outcome; returns how many entries."""
        ...

    def balances(self, payer: Payer, at: datetime) -> list[Balance]:
        """Those of a payer's accounts, days before months."""
        ...

    def set_limit(self, account: Payer, window: Window, limit: Micros | None) -> None:
        """Set a limit for everybody, a tenant or a user; None takes it away."""
        ...

    def outputs(self, provider: str, model: str, purpose: str, count: int) -> list[int]:
        """Output tokens of the latest settled calls of a kind."""
        ...

    def note(self, asked: Asked) -> None:
        """Remember a question; once, however often it is told."""
        ...

    def tally(self, since: datetime, until: datetime) -> Tally:
        """Add up the days from `since` on, up to and with that of `until`."""
        ...


class Held(Protocol):
    """Money that is set aside for one call."""

    def settle(self, usage: Usage | None, billed: Micros | None = None) -> None:
        """Say what the call took; None where nobody knows. `billed` is what the provider says that it charged."""
        ...

    def nothing_spent(self) -> None:
        """Say that the call was not made, or surely cost nothing."""
        ...


class Payments(Protocol):
    """Sets money aside around a call. Each attempt (a retry, a hedge, a fallback) asks again.

    Raises:
        OverBudget: the call is not to be made now.
        PriceUnknown: nobody said what it costs.
    """

    def reserved(self, call: Call) -> AbstractContextManager[Held]:
        """For the length of a block, in which the call is made."""
        ...

    def areserved(self, call: Call) -> AbstractAsyncContextManager[Held]:
        """The same, for coroutines."""
        ...
