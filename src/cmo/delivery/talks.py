"""Conversations: each has one arm from its first question to its last, in every process, while a release gains users.

::

    first question --> Talk: place of the user, share of the moment --written behind--> the store
    the share moves, or a process starts --> what the others wrote is read first
    place < lowest share since the conversation began --> the release; else what it replaces

So a conversation changes once at most, and only towards the baseline: where the release is taken back. One that began
before the rollout did carries a share of nothing.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterable
from dataclasses import dataclass, replace
from hashlib import blake2b
from itertools import islice
from typing import Final

from cmo.delivery.flags import CONTROL, NEW, Evaluated
from cmo.kit.clock import Clock
from cmo.model.delivery import StoredRollout, Talk

CONVERSATION_SECONDS: Final = 1_800.0
BEFORE: Final = -1
"""Step of a conversation that began before the rollout did: nobody drew its arm, so it counts in none."""
_REMEMBERED: Final = 50_000
_ALL = 100.0


def carried(talk: Talk, rollout: StoredRollout | None, percent: float) -> Talk:
    """A conversation as it goes on at a share.

    Args:
        talk: as it was when somebody last spoke.
        rollout: the live one.
        percent: of the users that it gives the release now.
    """
    if rollout is None:
        return talk
    if talk.rollout != rollout.name:
        return replace(talk, rollout=rollout.name, step=BEFORE, percent=0.0)
    if percent < talk.percent:  # who loses the release, and who does not, is put anew: all of them alike
        return replace(talk, percent=percent, step=int(rollout.status["steps"]))
    return talk


def begun(name: str, rollout: StoredRollout | None, percent: float, place: float, now: float) -> Talk:
    """A conversation at its first question."""
    if rollout is None:
        return Talk(name, "", BEFORE, place, 0.0, now)
    return Talk(name, rollout.name, int(rollout.status["steps"]), place, percent, now)


def held(given: Evaluated, talk: Talk, rollout: StoredRollout) -> Evaluated:
    """What a conversation has, whatever a new one would get; lists and switches come first."""
    if not given.facts.get("counted"):
        return given
    has = talk.place < talk.percent / _ALL
    if has == (given.variant == NEW) and talk.step == given.facts["step"]:
        return given
    facts = {**given.facts, "step": talk.step, "counted": talk.step != BEFORE}
    return replace(
        given, value=rollout.release if has else rollout.baseline, variant=NEW if has else CONTROL, facts=facts
    )


@dataclass(slots=True)
class _Going:
    """A conversation in this process, with what was decided for it."""

    talk: Talk
    era: int
    decided: object
    seen: float
    written: float


class Talks:
    """The conversations that a process knows. Threads may share it.

    Args:
        clock: both clocks.
        seconds: of silence after which a conversation is over.
        write: hears of what other processes should know; must not wait for anything.
    """

    def __init__(self, clock: Clock, seconds: float, write: Callable[[Talk], None]) -> None:
        self._clock = clock
        self._seconds = seconds
        self._write = write
        self._going: dict[str, _Going] = {}
        self._learned: dict[str, Talk] = {}
        self._lock = threading.Lock()

    def decided(self, session: str, era: int) -> object | None:
        """What was decided for a conversation that goes on; None where it has to be decided anew."""
        going = self._going.get(session)
        if going is None or going.era != era:
            return None
        now = self._clock.monotonic()
        if now - going.seen >= self._seconds:
            return None
        going.seen = now
        if now - going.written >= self._seconds / 4:
            self._renew(going, now)
        return going.decided

    def last(self, session: str) -> Talk | None:
        """A conversation that goes on, here or in another process; None where this is a new one."""
        going, told = self._going.get(session), None
        if self._learned:
            told = self._learned.get(name_of(session))
            if told is not None and self._clock.now().timestamp() - told.at >= self._seconds:
                told = None
        if going is None or self._clock.monotonic() - going.seen >= self._seconds:
            return told
        return going.talk if told is None else _lower(going.talk, told)

    def keep(self, session: str, talk: Talk, era: int, decided: object) -> None:
        """What was decided holds until the era is another one."""
        now, before = self._clock.monotonic(), self._going.get(session)
        going = _Going(talk, era, decided, now, before.written if before else now)
        if before is None and talk.name not in self._learned:  # it was made just now
            self._write(talk)
        elif before is None or talk != before.talk or now - before.written >= self._seconds / 4:
            self._renew(going, now)
        with self._lock:
            self._going[session] = going
            if len(self._going) > _REMEMBERED:
                for oldest in list(islice(self._going, _REMEMBERED // 10)):
                    del self._going[oldest]

    def learn(self, talks: Iterable[Talk]) -> None:
        """What all processes wrote."""
        self._learned = {talk.name: talk for talk in talks}

    def _renew(self, going: _Going, now: float) -> None:
        going.written = now
        going.talk = replace(going.talk, at=self._clock.now().timestamp())
        self._write(going.talk)


def _lower(mine: Talk, told: Talk) -> Talk:
    """One conversation as two processes know it: what it lost in one is lost; of two rollouts the later one counts."""
    if mine.rollout == told.rollout:
        return min(mine, told, key=lambda talk: talk.percent)
    return max(mine, told, key=lambda talk: talk.at)


def name_of(session: str) -> str:
    """A session, as nobody can read it back."""
    return blake2b(session.encode("utf-8", "surrogatepass"), digest_size=16, person=b"cmo-talk").hexdigest()
