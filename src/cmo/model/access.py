"""Who may ask, what they may, and what they did: keys, sessions, principals, deeds.

::

    a secret, shown once --SHA-256--> Key (kept) --shown with a request--> Principal (role, tenant, limits)
    what anybody did --> Deed --chained to the one before--> Line
"""

from __future__ import annotations

import hashlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Any, Final, Protocol

import orjson

TENANT: Final = r"[a-z0-9][a-z0-9-]{0,39}"
"""How a tenant may be called; it names a folder and a schema too."""
PERSON: Final = "p"
"""Begins the ids of keys that stand for people; those that can be shown are hexadecimal."""


class Role(StrEnum):
    """What somebody may do; each may all that those before it may."""

    READER = "reader"
    """Ask, and look at papers and answers."""
    CURATOR = "curator"
    """Add and retract papers."""
    OPERATOR = "operator"
    """See how the service runs, and set how far it searches."""
    ADMIN = "admin"
    """Change how everybody is answered: releases, flags, experiments."""

    @property
    def rank(self) -> int:
        """Its place among them."""
        return list(Role).index(self)

    def covers(self, wanted: Role) -> bool:
        """Whether who has this role may do what that one may."""
        return self.rank >= wanted.rank


@dataclass(frozen=True, slots=True)
class Allowance:
    """How much a key may ask; 0 means as the settings say."""

    per_minute: int = 0
    per_day: int = 0


@dataclass(frozen=True, slots=True)
class Key:
    """A key, without its secret. Times are seconds since 1970."""

    id: str
    digest: str
    """SHA-256 of the secret, as hexadecimal digits."""
    name: str
    role: Role
    tenant: str
    made_at: float
    expires_at: float | None = None
    revoked_at: float | None = None
    """From when on it is refused; a rotated key has a moment that is still to come."""
    replaced_by: str = ""
    """Id of the key that came in its place, where it was rotated."""
    allowance: Allowance = Allowance()
    used_at: float | None = None
    """About when it was last used."""

    @property
    def of_person(self) -> bool:
        """Whether it stands for somebody whom a provider knows: nobody can show it, and it has no secret."""
        return of_person(self.id)


def of_person(key: str) -> bool:
    """Whether the id of a key is that of somebody whom a provider knows."""
    return key.startswith(PERSON)


@dataclass(frozen=True, slots=True)
class Person:
    """Somebody whom a provider knows (OpenID Connect), and what they may here."""

    issuer: str
    subject: str
    """By which the provider knows them; names and addresses change, and are given to others."""
    name: str
    role: Role
    tenant: str

    @property
    def digest(self) -> str:
        """What is kept of who they are."""
        return hashlib.sha256(f"{self.issuer}\n{self.subject}".encode()).hexdigest()

    @property
    def id(self) -> str:
        """Id of the key that stands for them."""
        return PERSON + self.digest[:11]


@dataclass(frozen=True, slots=True)
class Session:
    """Somebody who logged in, in a browser."""

    digest: str
    """SHA-256 of the cookie's value."""
    key: str
    expires_at: float


@dataclass(frozen=True, slots=True)
class Principal:
    """Who asks, as far as the service knows."""

    name: str
    role: Role
    tenant: str
    key: str = ""
    """Id of the key that was shown; empty for the one user of an open service."""
    allowance: Allowance = Allowance()

    @property
    def known(self) -> bool:
        """Whether somebody said who they are."""
        return bool(self.key)

    def speaking_for(self, user: str) -> str:
        """Under which name is kept what they do for a user whom they name: nobody speaks for who has a key of their own."""
        return f"{self.name}/{user}" if user and user != self.name else self.name

    def sees(self, user: str) -> bool:
        """Whether they may see what is kept under a name: their own, that of their users; whoever runs the service, all."""
        everything = not self.known or self.role.covers(Role.OPERATOR)
        return everything or user == self.name or user.startswith(f"{self.name}/")


@dataclass(frozen=True, slots=True)
class Deed:
    """An act that matters for who may do what."""

    at: float
    actor: str
    action: str
    subject: str = ""
    facts: Mapping[str, Any] = field(default_factory=dict)

    def as_json(self) -> dict[str, Any]:
        """It as plain values."""
        return {name: getattr(self, name) for name in ("at", "actor", "action", "subject")} | {
            "facts": dict(self.facts)
        }


@dataclass(frozen=True, slots=True)
class Line:
    """A deed as it was written down."""

    number: int
    """From 1 on, without a gap."""
    deed: Deed
    before: str
    """Hash of the line before; empty for the first."""
    hash: str

    @classmethod
    def after(cls, number: int, before: str, deed: Deed) -> Line:
        """The line of a deed that follows on line `number`, whose hash is `before`."""
        return cls(number + 1, deed, before, _link(before, {"number": number + 1, **deed.as_json()}))


def _link(before: str, facts: Mapping[str, Any]) -> str:
    """Hash of a line, over what it says and the hash of the one before it."""
    said = orjson.dumps(facts, option=orjson.OPT_SORT_KEYS)
    return hashlib.sha256(before.encode() + b"\n" + said).hexdigest()


class AccessStore(Protocol):
    """Keeps keys, sessions and deeds. A change and the line that tells of it are one transaction."""

    def guarded(self) -> bool:
        """Whether a key was ever made: from then on everybody needs one."""
        ...

    def key(self, key: str) -> Key | None:
        """A key by its id."""
        ...

    def keys(self) -> list[Key]:
        """All, the newest first."""
        ...

    def add(self, key: Key, deed: Deed) -> None:
        """Keep a key."""
        ...

    def end(self, key: str, at: float | None, deed: Deed, successor: Key | None = None) -> None:
        """Let a key end at a moment, or not (None), and keep the one that comes in its place, if one does.

        Raises:
            NotFound: there is no such key.
        """
        ...

    def session(self, digest: str) -> Session | None:
        """A session by its digest."""
        ...

    def begin(self, session: Session, deed: Deed) -> None:
        """Keep a session; those that are over are deleted."""
        ...

    def leave(self, digest: str, deed: Deed) -> None:
        """Delete a session."""
        ...

    def take(self, digest: str, now: float) -> str:
        """Delete a session, of which whoever comes second finds nothing; returns its key, empty where none holds."""
        ...

    def welcome(self, key: Key, deed: Deed, session: Session | None = None) -> Key:
        """Keep who was vouched for, with the role and tenant of now, and a session; returns the key as it is kept.

        The name stays that of the first time; one that is somebody else's gets the id behind it.
        """
        ...

    def used(self, key: str, day: str, times: int, at: float) -> int:
        """Count uses of a key; returns how many there were that day, in all processes."""
        ...

    def note(self, deed: Deed) -> Line:
        """Write a deed down."""
        ...

    def lines(self, after: int = 0, most: int = 1_000) -> Sequence[Line]:
        """Lines after a number, in order."""
        ...

    def height(self) -> tuple[int, str]:
        """Number and hash of the line that was written last, as they were noted beside it."""
        ...
