"""What is said to whom cannot be served now: why, and after how many seconds to ask again."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from enum import StrEnum
from typing import Final

from cmo.errors import OracleError, OutOfTime, Overloaded, Resting, TooMany


class Why(StrEnum):
    """The reason of a refusal."""

    RATE = "rate"
    """One caller asks too often."""
    FULL = "full"
    """No place is left to wait in."""
    SHED = "shed"
    """It waited, and others had to go before it."""
    LATE = "late"
    """Waiting would take longer than there is time."""
    BROKEN = "broken"
    """The outside service keeps failing and rests."""
    NO_TIME = "no-time"
    """The deadline has passed."""


@dataclass(frozen=True, slots=True)
class Refused:
    """A decision against."""

    why: Why
    after: float = 0.0
    """Seconds after which asking again may help."""

    def error(self, what: str) -> OracleError:
        """As an error, for `what` was asked of."""
        wait = f"Try again in {max(self.after, 0.1):.1f} s."
        return _ERRORS[self.why](what, wait, self.after)


_ERRORS: Final[Mapping[Why, Callable[[str, str, float], OracleError]]] = {
    Why.RATE: lambda what, wait, after: TooMany(f"{what} is asked too often by one caller. {wait}", after),
    Why.FULL: lambda what, wait, after: Overloaded(f"No place is left to wait for {what}. {wait}", after),
    Why.SHED: lambda what, wait, after: Overloaded(f"{what} has more to do than it can; this had to go. {wait}", after),
    Why.LATE: lambda what, wait, after: Overloaded(f"{what} could not answer before the deadline. {wait}", after),
    Why.BROKEN: lambda what, wait, after: Resting(f"{what} kept failing and is left alone. {wait}", after),
    Why.NO_TIME: lambda what, _wait, _after: out_of_time(what),
}


def out_of_time(what: str) -> OutOfTime:
    """The error of a deadline that passed during, or before, `what`."""
    return OutOfTime(f"No time was left for {what}. Allow more with X-Deadline-Ms or deadline_ms, or ask for less.")
