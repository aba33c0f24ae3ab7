"""The story of people's data: told on request, erased on request, and each kind deleted when its days are over.

::

    user --> answers, ratings, exposures, threads (of the base) --.
         |-> what it cost (of the service, whose money it is) -----+--> told, or erased and written down
         '-> conversations (of the chat, where there is one) ------'
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from datetime import datetime, timedelta
from typing import Any, Final, Protocol

from cmo.kit.clock import Clock

_LATE_DAYS: Final = 2.0


class Persons(Protocol):
    """What is kept of one person."""

    def said(self, user: str) -> Mapping[str, Any]:
        """What somebody asked and thought."""
        ...

    def spent(self, user: str, tenant: str | None) -> Mapping[str, Any]:
        """What their questions cost."""
        ...

    def erase_said(self, user: str) -> Mapping[str, int]:
        """Delete what somebody asked and thought."""
        ...

    def erase_spent(self, user: str, tenant: str | None) -> Mapping[str, int]:
        """Let what it cost be nobody's."""
        ...


class Talks(Protocol):
    """Conversations of the chat."""

    def said(self, user: str) -> Sequence[Mapping[str, Any]]:
        """All of somebody."""
        ...

    def threads(self, user: str) -> Sequence[str]:
        """Names of the threads in which they asked deeply, if they did."""
        ...

    def erase(self, user: str) -> int:
        """Delete them; returns how many."""
        ...


class NoTalks:
    """Where there is no chat."""

    def said(self, _user: str) -> Sequence[Mapping[str, Any]]:
        """None."""
        return ()

    def threads(self, _user: str) -> Sequence[str]:
        """None."""
        return ()

    def erase(self, _user: str) -> int:
        """None."""
        return 0


class Notes(Protocol):
    """Writes down what was done."""

    def note(self, actor: str, action: str, subject: str = "", **facts: Any) -> None:
        """Write a deed down."""
        ...


class Privacy:
    """Tells and erases what is kept of somebody.

    Args:
        said: of the base.
        spent: of the service, whose money it is.
        tenant: of the base, where money of several lies together; None for all.
        talks: conversations of the chat.
        forget: deletes a thread of deep questions.
        notes: where what was done is written down.
        clock: the time.
    """

    def __init__(
        self,
        said: Persons,
        spent: Persons,
        tenant: str | None,
        *,
        talks: Talks,
        forget: Callable[[str], None],
        notes: Notes,
        clock: Clock,
    ) -> None:
        self._said = said
        self._spent = spent
        self._tenant = tenant
        self._talks = talks
        self._forget = forget
        self._notes = notes
        self._clock = clock

    def export(self, user: str, actor: str) -> dict[str, Any]:
        """All that is kept of somebody."""
        talks = {"conversations": self._talks.said(user)}
        facts = {**self._said.said(user), **self._spent.spent(user, self._tenant), **talks}
        self._notes.note(actor, "privacy-exported", rows=_counts(facts))
        return {"user": user, "at": self._clock.now(), **facts}

    def open_keys(self, user: str) -> list[str]:
        """Ids of keys by their name that nobody revoked: what is erased does not close them."""
        facts = {**self._said.said(user), **self._spent.spent(user, self._tenant)}
        return [key["id"] for key in facts.get("keys", ()) if key["revoked_at"] is None]

    def erase(self, user: str, actor: str) -> dict[str, int]:
        """Delete it; returns how many rows of each kind. Who it was is not written down, only that it was done."""
        threads = {answer["reply"].get("thread_id") for answer in self._said.said(user)["answers"]} - {None, ""}
        for thread in sorted(threads.union(self._talks.threads(user))):
            self._forget(thread)
        said = {**self._said.erase_said(user), "threads": len(threads), "conversations": self._talks.erase(user)}
        done = {**said, **self._spent.erase_spent(user, self._tenant)}
        self._notes.note(actor, "privacy-erased", rows=done)
        return done


def _counts(facts: Mapping[str, Any]) -> dict[str, int]:
    return {name: len(rows) for name, rows in facts.items()}


class Forgets(Protocol):
    """Deletes what is old."""

    def forget(self, kind: str, before: datetime) -> int:
        """Delete what is older of one kind; returns how many rows."""
        ...

    def older(self, kind: str, before: datetime) -> int:
        """How many rows that would be."""
        ...


def tidy(store: Forgets, days: Mapping[str, float], now: datetime) -> dict[str, int]:
    """Delete what is kept longer than it may be.

    Args:
        store: of the base.
        days: for how many days each kind is kept; a kind with 0 is kept for good.
        now: the time.
    """
    return {kind: store.forget(kind, now - timedelta(days=most)) for kind, most in days.items() if most}


def overdue(store: Forgets, days: Mapping[str, float], now: datetime) -> dict[str, int]:
    """Rows of each kind that should have been deleted two days ago: a service does so each day."""
    since = now - timedelta(days=_LATE_DAYS)
    return {kind: store.older(kind, since - timedelta(days=most)) for kind, most in days.items() if most}
