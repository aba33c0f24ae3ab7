"""Which release answers whom: asked of the flags once, and of what was decided until something changes.

::

    session, unit --decided in this era?--> as before
         '--no--> flag `release` --conversation (`cmo.delivery.talks`)--> arm, release, bundle --> exposure written down

A conversation keeps its arm while a release gains users. What is taken back is taken from everybody at once.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any, Final, Protocol

from cmo.delivery.flags import CONTROL, SWITCHES, Evaluated, Reason, evaluate_release, pinned, share
from cmo.delivery.observed import Observer, Outcome, Place
from cmo.delivery.releases import BASELINE, Bundle, bundle
from cmo.delivery.state import Known, LastKnown
from cmo.delivery.talks import CONVERSATION_SECONDS, Talks, begun, carried, held, name_of
from cmo.errors import SettingsError
from cmo.kit.clock import Clock
from cmo.model.delivery import Current, Setting, Talk

_REMEMBERED: Final = 50_000
_NOWHERE: Final = 1.0
"""Place of who is given a release by others than us."""


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


_NOTHING: Final = Evaluated("", CONTROL, Reason.DEFAULT)
"""No release is under way."""


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
        self._outside = outside
        self.talks = Talks(clock, conversation, observer.talked)
        self._bundles = _Bundles()
        self._era = 0
        self._units: dict[tuple[str, str], Decided] = {}

    def decide(self, asker: Asker) -> Decided:
        """By which release a question is answered."""
        known = self._state.now()
        if not asker.session:
            return self._of_unit(asker, known)
        decided = self.talks.decided(asker.session, known.era)
        return decided if isinstance(decided, Decided) else self._in_talk(asker, known)

    def kept(self, decided: Decided, *, refused: bool = False) -> None:
        """It was answered from what is kept: many are, so no more is said of it."""
        if decided.place is not None:
            self._observer.kept(decided.place, refused=refused)

    def saw(self, decided: Decided, outcome: Outcome) -> None:
        """What came of it."""
        if decided.place is not None:
            self._observer.saw(decided.place, outcome)

    def _of_unit(self, asker: Asker, known: Known) -> Decided:
        """For one question, or for a conversation that nobody names: the same in an era."""
        if known.era != self._era or len(self._units) >= _REMEMBERED:
            self._era, self._units = known.era, {}
        decided = self._units.get((asker.user, asker.cohort))
        if decided is None:
            decided = self._exposed(self._made(self._given(asker, known), asker, known.current))
            self._units[asker.user, asker.cohort] = decided
        return decided

    def _in_talk(self, asker: Asker, known: Known) -> Decided:
        given, rollout = self._given(asker, known), known.current.rollout
        if known.stale:  # it is no share that anybody gave: when the store is back, conversations go on as before
            return self._made(given, asker, known.current)
        percent, before = share(known.current), self.talks.last(asker.session)
        if before is None:
            at = float(given.facts.get("place", _NOWHERE))
            talk = begun(name_of(asker.session), rollout, percent, at, self._clock.now().timestamp())
        else:
            talk = carried(before, rollout, percent)
        decided = self._made(given if rollout is None else held(given, talk, rollout), asker, known.current)
        if _anew(before, talk):
            self._exposed(decided)
        self.talks.keep(asker.session, talk, known.era, decided)
        return decided

    def _given(self, asker: Asker, known: Known) -> Evaluated:
        if known.current.rollout is None and not self._outside:
            return _NOTHING
        return self._evaluates.release(asker)

    def _exposed(self, decided: Decided) -> Decided:
        if decided.place is not None:
            self._observer.exposed(decided.place)
        return decided

    def _made(self, given: Evaluated, asker: Asker, current: Current) -> Decided:
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


def _anew(before: Talk | None, talk: Talk) -> bool:
    """Whether a conversation was put into its arm just now; else it was seen there."""
    return before is None or (before.rollout, before.step) != (talk.rollout, talk.step)


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
