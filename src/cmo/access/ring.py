"""The ring of keys: made, rotated, revoked. Each change and the line that tells of it are one.

::

    make --> holds --rotate--> both hold for a while --> the old one is refused
               '--revoke, or its day--> refused
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, datetime
from typing import Any

from cmo.access.keys import Minted, mint, over
from cmo.errors import AccessRefused, NotFound
from cmo.kit.clock import Clock
from cmo.model.access import AccessStore, Deed, Key

_DAY = 86_400.0


class KeyRing:
    """Changes keys, and writes down what was done.

    Args:
        store: opens what they are kept in.
        clock: the time.
        made: told of each key that was made, once it is kept.
    """

    def __init__(self, store: Callable[[], AccessStore], clock: Clock, made: Callable[[], None] = lambda: None) -> None:
        self._store = store
        self._clock = clock
        self._made = made

    def make(self, wish: Key, actor: str, days: float | None = None) -> tuple[Key, Minted]:
        """Make a key; its text is known to whoever gets it and to nobody else.

        Args:
            wish: its name, role, tenant and allowance; the rest is filled in.
            actor: who makes it.
            days: after which it is refused; None for never.

        Raises:
            AccessRefused: its name could be that of another key's user.
        """
        if "/" in wish.name:
            raise AccessRefused(
                f"No key can be called {wish.name!r}: with a / an application names its users. Leave it out."
            )
        minted, now = mint(), self._now()
        until = None if days is None else now + days * _DAY
        key = replace(wish, id=minted.id, digest=minted.digest, made_at=now, expires_at=until)
        facts = {"name": key.name, "role": key.role.value, "tenant": key.tenant, "until": _told(until)}
        self._store().add(key, Deed(now, actor, "key-made", key.id, facts))
        self._made()
        return key, minted

    def rotate(self, key: str, actor: str, overlap_seconds: float) -> tuple[Key, Minted]:
        """Another key in the place of one, which goes on for a while.

        Raises:
            NotFound: there is no such key.
            AccessRefused: it holds no longer.
        """
        old, minted, now = self.one(key), mint(), self._now()
        if old.of_person:
            raise AccessRefused(
                f"{key} stands for somebody who signs in with a provider. Make a key: `cmo keys create`."
            )
        if old.replaced_by:
            raise AccessRefused(f"The key {key} was rotated already, into {old.replaced_by}. Rotate that one.")
        if (why := over(old, now)) is not None:
            raise AccessRefused(f"The key {key} is {why.value}. Make another one with `cmo keys create`.")
        fresh = replace(old, id=minted.id, digest=minted.digest, made_at=now, used_at=None)
        until = now + overlap_seconds
        deed = Deed(now, actor, "key-rotated", key, {"into": fresh.id, "until": _told(until)})
        self._store().end(key, until, deed, fresh)
        return fresh, minted

    def revoke(self, key: str, actor: str, reason: str) -> Key:
        """Refuse a key from now on.

        Raises:
            NotFound: there is no such key.
        """
        now = self._now()
        self._store().end(key, now, Deed(now, actor, "key-revoked", key, {"reason": reason}))
        return self.one(key)

    def readmit(self, key: str, actor: str, reason: str) -> Key:
        """Let somebody sign in again who was shut out by revoking what stands for them.

        Raises:
            NotFound: there is no such key.
            AccessRefused: it is one that is shown; whoever had it may still have it.
        """
        if not self.one(key).of_person:
            raise AccessRefused(f"The key {key} stays revoked. Make another one with `cmo keys create`.")
        self._store().end(key, None, Deed(self._now(), actor, "key-readmitted", key, {"reason": reason}))
        return self.one(key)

    def one(self, key: str) -> Key:
        """A key by its id.

        Raises:
            NotFound: there is no such key.
        """
        found = self._store().key(key)
        if found is None:
            raise NotFound(f"There is no key {key!r}. See `cmo keys list`.")
        return found

    def all(self) -> list[Key]:
        """All keys, the newest first."""
        return self._store().keys()

    def state(self, key: Key) -> str:
        """How a key stands, in a word."""
        if (why := over(key, self._now())) is not None:
            return why.value
        return "rotating" if key.replaced_by else "holds"

    def note(self, actor: str, action: str, subject: str = "", **facts: Any) -> None:
        """Write down what somebody did."""
        self._store().note(Deed(self._now(), actor, action, subject, facts))

    def _now(self) -> float:
        return self._clock.now().timestamp()


def _told(moment: float | None) -> str | None:
    """A moment as people read it in the audit."""
    return None if moment is None else datetime.fromtimestamp(moment, UTC).isoformat(timespec="minutes")
