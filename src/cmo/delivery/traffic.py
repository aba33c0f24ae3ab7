"""Which release answers whom: asked of the flags, kept for the length of a conversation, told to the observer.

::

    unit --seen lately?--> as before, unless the release lost users since
         '--no--> flag `release` --> arm, release, bundle --> exposure written down

A conversation keeps its arm while a release gains users. What is taken back is taken from everybody at once.
"""

from __future__ import annotations

import threading
from collections import OrderedDict
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any, Final, Protocol

from cmo.delivery.flags import CONTROL, SWITCHES, Evaluated, evaluate_release, pinned, share
from cmo.delivery.observed import Observer, Outcome, Place
from cmo.delivery.releases import BASELINE, Bundle, bundle
from cmo.delivery.state import Known, LastKnown
from cmo.errors import SettingsError
from cmo.kit.clock import Clock
from cmo.model.delivery import Current, Setting

CONVERSATION_SECONDS: Final = 1_800.0
_REMEMBERED: Final = 50_000


@dataclass(frozen=True, slots=True)
class Asker:
    """Who asks, as far as anybody said."""

    user: str = ""
    session: str = ""
    cohort: str = ""

    @property
    def unit(self) -> str:
        """What is assigned: the user; the session where none is known; nobody."""
        return self.user or self.session


@dataclass(frozen=True, slots=True)
class Decided:
    """By which release a question is answered, and why."""

    bundle: Bundle
    release: str = ""
    """Empty for the settings."""
    arm: str = CONTROL
    why: str = ""
    place: Place | None = None
    """Where its outcome counts; None where it does not."""
    baseline: Bundle = BASELINE
    """What answers where the release cannot."""


class Evaluates(Protocol):
    """Says which release a unit gets, such as an OpenFeature client."""

    def release(self, asker: Asker) -> Evaluated:
        """The flag `release`."""
        ...


@dataclass(frozen=True, slots=True)
class Direct:
    """Evaluates what is last known, as our OpenFeature provider does, and at a quarter of the cost."""

    known: Callable[[], Known]

    def release(self, asker: Asker) -> Evaluated:
        """The flag `release`."""
        known = self.known()
        return evaluate_release(known.current, asker.unit, asker.cohort, stale=known.stale)


@dataclass(slots=True)
class _Pin:
    decided: Decided
    rollout: str
    percent: float
    flags: Mapping[str, Any]
    seen: float


@dataclass(slots=True)
class _Bundles:
    """Bundles by the release and the flags that they are made of."""

    made: dict[tuple[Any, ...], Bundle] = field(default_factory=dict)

    def of(self, current: Current, name: str, flags: Mapping[str, Setting]) -> Bundle:
        release = current.releases.get(name)
        if release is None and not flags:
            return BASELINE  # the very same, by which it is known
        key = (name, *sorted(flags.items()))
        if key not in self.made:
            if len(self.made) > 100:  # noqa: PLR2004 - flags were changed often
                self.made.clear()
            self.made[key] = bundle({**(release.settings if release else {}), **flags})
        return self.made[key]


class Traffic:
    """Decides by which release questions are answered. Threads may share it.

    Args:
        state: what was last known.
        evaluates: says which release a unit gets.
        observer: is told who was put where, and what came of it.
        clock: for durations.
        conversation: seconds of silence after which a conversation is over.
        outside: whether flags come from elsewhere, so that what is stored does not say whether any is set.
    """

    def __init__(
        self,
        state: LastKnown,
        evaluates: Evaluates,
        observer: Observer,
        clock: Clock,
        *,
        conversation: float = CONVERSATION_SECONDS,
        outside: bool = False,
    ) -> None:
        self._state = state
        self._evaluates = evaluates
        self._observer = observer
        self._clock = clock
        self._conversation = conversation
        self._outside = outside
        self._pins: OrderedDict[str, _Pin] = OrderedDict()
        self._bundles = _Bundles()
        self._lock = threading.Lock()

    def decide(self, asker: Asker) -> Decided:
        """By which release a question is answered."""
        known = self._state.now()
        current = known.current
        if current.rollout is None and not current.flags and not self._outside:
            return Decided(BASELINE, why="no release is under way")
        percent, key = share(current), asker.session
        pin = self._pinned(key, current, percent, stale=known.stale) if key else None
        if pin is not None:
            return pin.decided
        decided = self._anew(asker, current)
        if key and current.rollout is not None and not known.stale:
            self._pin(key, _Pin(decided, current.rollout.name, percent, current.flags, self._clock.monotonic()))
        if decided.place is not None:
            self._observer.exposed(decided.place)
        return decided

    def saw(self, decided: Decided, outcome: Outcome) -> None:
        """What came of it."""
        if decided.place is not None:
            self._observer.saw(decided.place, outcome)

    def _anew(self, asker: Asker, current: Current) -> Decided:
        given = self._evaluates.release(asker)
        flags = pinned(current, asker.unit, asker.cohort) if current.flags else {}
        base = current.rollout.baseline if current.rollout else ""
        try:
            chosen = self._bundles.of(current, str(given.value), flags)
            fallback = self._bundles.of(current, base, flags)
        except SettingsError as error:  # kept by another version of this program: its rooms are not ours
            return Decided(BASELINE, why=str(error))
        facts, place = given.facts, None
        if facts.get("counted"):
            place = Place(str(facts["rollout"]), int(facts["step"]), given.variant, asker.unit)
        return Decided(chosen, str(given.value), given.variant, str(given.reason), place, fallback)

    def _pinned(self, key: str, current: Current, percent: float, *, stale: bool) -> _Pin | None:
        with self._lock:
            pin = self._pins.get(key)
            if pin is None or current.rollout is None or stale:
                return None
            now = self._clock.monotonic()
            over = now - pin.seen >= self._conversation
            if over or pin.rollout != current.rollout.name or percent < pin.percent or pin.flags != current.flags:
                del self._pins[key]
                return None
            pin.seen = now
            return pin

    def _pin(self, key: str, pin: _Pin) -> None:
        with self._lock:
            self._pins[key] = pin
            self._pins.move_to_end(key)
            while len(self._pins) > _REMEMBERED:
                self._pins.popitem(last=False)


def prepared(current: Current) -> list[Bundle]:
    """The bundles that a state needs, so that they can be built before anybody is answered by them.

    Raises:
        SettingsError: one of them is of another version of this program.
    """
    made = _Bundles()
    everybody = {name: flag.spec["value"] for name, flag in current.flags.items() if name not in SWITCHES}
    rollout = current.rollout
    names = [rollout.baseline, rollout.release] if rollout else [""]
    return [made.of(current, name, flags) for name in names for flags in ({}, everybody)]
