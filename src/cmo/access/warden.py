"""The warden: who asks, by what they show, and a line for what matters.

::

    nothing made, nothing shown --> the one user of this machine
    key ------------> kept? holds? --> principal
    cookie -> session -> its key --'     '--> why not, written down (so many a minute)
    vouched for (`signin`) -> key -'

What the store said holds for half a second, so a key that is revoked is refused by every process within one. That no key was
made yet holds only as long as no other process says (`mark`) that it made one.
"""

from __future__ import annotations

import hmac
import logging
import secrets
from collections.abc import Callable
from dataclasses import dataclass, replace
from enum import StrEnum
from typing import Final

from cmo.access.attempt import challenge_of
from cmo.access.keys import Why, digest, over, split, standing
from cmo.errors import StoreError
from cmo.kit.clock import Clock
from cmo.kit.lately import Lately
from cmo.kit.rate import Rate, Rates
from cmo.model.access import AccessStore, Deed, Key, Person, Principal, Role, Session

log = logging.getLogger("cmo.access")

TOKEN: Final = "admin-token"  # noqa: S105 - a name
"""Name, and id, of whoever shows the token of the settings."""
LOCAL: Final = "local"
"""Name of the one user of a service that asks for no key."""
TICKET_SECONDS: Final = 120.0
_ALL: Final = "*"
_NOTED: Final = Rate(1 / 60, 5)
"""Refusals of one kind from one place that are written down; more are counted, not kept."""
_MOST_MISSED: Final = 10_000
"""Places of which such a number is kept: a flood of them gains nothing."""


class Mode(StrEnum):
    """When a key is needed."""

    AUTO = "auto"
    """As soon as one was made."""
    KEYS = "keys"
    """Always."""
    OPEN = "open"
    """Never: somebody else asks who it is, before the service."""


@dataclass(frozen=True, slots=True)
class Rules:
    """How a service lets in."""

    mode: Mode = Mode.AUTO
    tenant: str = ""
    """Of the service itself, and of its one user where no key is needed."""
    token: str = ""
    """What opens as a key of an admin would; empty for none."""
    session_seconds: float = 43_200.0


@dataclass(frozen=True, slots=True)
class Shown:
    """What a request shows of who sent it."""

    key: str = ""
    cookie: str = ""


class Warden:
    """Lets in. Threads may share it.

    Args:
        store: what keys are kept in; None where nothing is there yet, so that looking makes nothing.
        clock: both clocks.
        rules: how to let in.
        marked: another number whenever a key was made, by whichever process.
    """

    def __init__(
        self, store: Callable[[], AccessStore | None], clock: Clock, rules: Rules, marked: Callable[[], int] = lambda: 0
    ) -> None:
        self._store = store
        self._clock = clock
        self.rules = rules
        self._marked = marked
        self._guarded = Lately(self._ask_guarded, clock, most=1)
        self._keys = Lately(self._ask_key, clock)
        self._sessions = Lately(self._ask_session, clock)
        self._noted = Rates(_NOTED, monotonic=clock.monotonic)
        self._missed: dict[tuple[str, str], int] = {}

    # -- who asks ------------------------------------------------------------------------------------------------

    def at_once(self, shown: Shown) -> Principal | Why | None:
        """Who asks, or why they are not let in; None where that takes a look at the store."""
        if self.rules.mode is Mode.OPEN:
            return self._token(shown) or self._local()
        if (told := self._token(shown)) is not None:
            return told
        guarded = self._guarded.known(_ALL)
        if guarded is None or self._outdated(*guarded.value):
            return None
        return self._judged(shown, look=False) if self._needed(guarded=guarded.value[0]) else self._local()

    def look(self, shown: Shown) -> Principal | Why:
        """The same with a look at the store, where it takes one.

        Raises:
            StoreError: the store is silent, and nothing is known that could be gone by.
        """
        if (told := self.at_once(shown)) is not None:
            return told
        if not self._needed(guarded=self._is_guarded()):
            return self._local()
        judged = self._judged(shown, look=True)
        assert judged is not None
        return judged

    def needed(self) -> bool:
        """Whether a key is needed.

        Raises:
            StoreError: the store is silent.
        """
        return self.rules.mode is not Mode.OPEN and self._needed(guarded=self._is_guarded())

    def refuse(self, why: Why, shown: Shown, place: str) -> None:
        """Write down that somebody was not let in, unless nothing was shown."""
        if why is Why.NOTHING:
            return
        parsed = split(shown.key)
        subject = parsed[0] if parsed else ""
        self.note_some(Deed(self._now(), place, "key-refused", subject, {"why": why.value}))

    # -- sessions ------------------------------------------------------------------------------------------------

    def log_in(self, text: str, place: str) -> tuple[str, Principal] | Why:
        """A cookie's value for who shows a key, or why there is none."""
        shown = Shown(key=text.strip())
        told = self.look(shown)
        if not isinstance(told, Principal) or not told.known or told.key == TOKEN:
            why = told if isinstance(told, Why) else Why.UNKNOWN
            self.refuse(why, shown, place)
            return why
        cookie = secrets.token_urlsafe(32)
        session = Session(digest(cookie), told.key, self._now() + self.rules.session_seconds)
        store = self._store()
        assert store is not None, "a key is known, so it is kept somewhere"
        store.begin(session, Deed(self._now(), told.name, "login", told.key, {"from": place}))
        return cookie, told

    def greet(self, person: Person, place: str) -> tuple[str, Principal] | Why:
        """A cookie's value for somebody whom the provider vouches for, or why there is none."""
        if (why := self._shut_out(person)) is not None:
            return why
        cookie, now = secrets.token_urlsafe(32), self._now()
        session = Session(digest(cookie), person.id, now + self.rules.session_seconds)
        key = self._welcome(person, {"from": place, "by": "oidc"}, session)
        return cookie, _principal(key)

    def vouched(self, person: Person) -> Principal | Why:
        """Who shows a token by which the provider vouches for them; what they may is what it says.

        Raises:
            StoreError: the store is silent.
        """
        if (why := self._shut_out(person)) is not None:
            return why
        key = self._keys.now(person.id)
        if key is None or not key.name:
            key = self._welcome(person, {"by": "oidc-token"})
        return Principal(key.name, person.role, person.tenant, key.id, key.allowance)

    def log_out(self, cookie: str, who: Principal) -> None:
        """Let a session be over, everywhere."""
        if (store := self._store()) is not None:
            store.leave(digest(cookie), Deed(self._now(), who.name, "logout", who.key))
        self._sessions.forget(digest(cookie))

    # -- handing a session on ------------------------------------------------------------------------------------

    def offer(self, who: Principal, challenge: str, to: str) -> str:
        """A ticket for a session of the same person elsewhere: for a minute or two, once, and for who has the verifier.

        Args:
            who: is in, with a key that is kept.
            challenge: of the verifier (PKCE, S256).
            to: where it is taken, for the audit.
        """
        ticket, now = secrets.token_urlsafe(32), self._now()
        offered = Session(_ticket(ticket, challenge), who.key, now + TICKET_SECONDS)
        store = self._store()
        assert store is not None, "a key is known, so it is kept somewhere"
        store.begin(offered, Deed(now, who.name, "login-offered", who.key, {"to": to}))
        return ticket

    def take(self, ticket: str, verifier: str, place: str) -> tuple[str, Principal] | Why:
        """A cookie's value for who brings a ticket, or why there is none."""
        store, now = self._store(), self._now()
        name = store.take(_ticket(ticket, challenge_of(verifier)), now) if store is not None else ""
        key = self._keys.now(name) if name else None
        if store is None or key is None or over(key, now):
            return Why.LEFT
        cookie = secrets.token_urlsafe(32)
        session = Session(digest(cookie), key.id, now + self.rules.session_seconds)
        store.begin(session, Deed(now, key.name, "login", key.id, {"from": place, "by": "ticket"}))
        return cookie, _principal(key)

    # -- writing down --------------------------------------------------------------------------------------------

    def note_some(self, deed: Deed) -> None:
        """Write down what anybody could do as often as they like: so many a minute, the rest as a number."""
        kind = deed.actor, deed.action
        store = self._store()
        if store is None or self._noted.admit(kind) is not None:
            self._miss(kind, 1)
            return
        missed = self._missed.pop(kind, 0)
        try:
            store.note(replace(deed, facts={**deed.facts, "missed": missed}) if missed else deed)
        except StoreError as error:  # a full disk turns no refusal into a fault
            log.warning("what was refused cannot be written down for now: %s", error)
            self._miss(kind, missed + 1)

    def _miss(self, kind: tuple[str, str], times: int) -> None:
        if len(self._missed) < _MOST_MISSED or kind in self._missed:
            self._missed[kind] = self._missed.get(kind, 0) + times

    # -- within --------------------------------------------------------------------------------------------------

    def _needed(self, *, guarded: bool) -> bool:
        return guarded or self.rules.mode is Mode.KEYS

    def _local(self) -> Principal:
        return Principal(LOCAL, Role.OPERATOR, self.rules.tenant)

    def _token(self, shown: Shown) -> Principal | None:
        token = self.rules.token
        if token and shown.key and hmac.compare_digest(shown.key.encode(), token.encode()):
            return Principal(TOKEN, Role.ADMIN, self.rules.tenant, TOKEN)
        return None

    def _judged(self, shown: Shown, *, look: bool) -> Principal | Why | None:
        if shown.key:
            parsed = split(shown.key)
            if parsed is None:
                return Why.MALFORMED
            return self._by_key(*parsed, look=look)
        return self._by_session(digest(shown.cookie), look=look) if shown.cookie else Why.NOTHING

    def _by_key(self, name: str, secret: str, *, look: bool) -> Principal | Why | None:
        heard = self._keys.known(name)
        if heard is None and not look:
            return None
        key = heard.value if heard else self._keys.now(name)
        why = standing(key, secret, self._now())
        return why if why or key is None else _principal(key)

    def _by_session(self, name: str, *, look: bool) -> Principal | Why | None:
        heard = self._sessions.known(name)
        if heard is None and not look:
            return None
        session = heard.value if heard else self._sessions.now(name)
        if session is None or self._now() >= session.expires_at:
            return Why.LEFT
        known = self._keys.known(session.key)
        if known is None and not look:
            return None
        key = known.value if known else self._keys.now(session.key)
        return Why.LEFT if key is None or over(key, self._now()) else _principal(key)

    def _shut_out(self, person: Person) -> Why | None:
        key = self._keys.now(person.id)
        if key is None:
            return None
        return over(key, self._now()) if hmac.compare_digest(key.digest, person.digest) else Why.UNKNOWN

    def _welcome(self, person: Person, facts: dict[str, str], session: Session | None = None) -> Key:
        store, now = self._store(), self._now()
        assert store is not None, "where people sign in, there is one"
        wish = Key(person.id, person.digest, person.name, person.role, person.tenant, now)
        told = {**facts, "role": person.role.value, "tenant": person.tenant}
        key = store.welcome(wish, Deed(now, person.name, "login", person.id, told), session)
        self._keys.forget(person.id)
        return key

    def _is_guarded(self) -> bool:
        guarded, mark = self._guarded.now(_ALL)
        if self._outdated(guarded, mark):
            self._guarded.forget(_ALL)
            guarded, _ = self._guarded.now(_ALL)
        return guarded

    def _outdated(self, guarded: bool, mark: int) -> bool:
        """Whether a key was made since it was heard that there was none."""
        return not guarded and self._marked() != mark

    def _ask_guarded(self, _: str) -> tuple[bool, int]:
        mark = self._marked()  # before the store is asked: what is made meanwhile is noticed
        store = self._store()
        return store is not None and store.guarded(), mark

    def _ask_key(self, name: str) -> Key | None:
        store = self._store()
        return None if store is None else store.key(name)

    def _ask_session(self, name: str) -> Session | None:
        store = self._store()
        return None if store is None else store.session(name)

    def _now(self) -> float:
        return self._clock.now().timestamp()


def _ticket(ticket: str, challenge: str) -> str:
    """What is kept of a ticket: beside sessions, and by no cookie's digest, which is hexadecimal throughout."""
    return f"ticket:{digest(f'{challenge} {ticket}')[:57]}"


def _principal(key: Key) -> Principal:
    return Principal(key.name, key.role, key.tenant, key.id, key.allowance)
