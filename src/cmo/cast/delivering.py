"""The part of the cast list for releases: what is known of them, who decides, who counts, who moves them.

::

    state (a moment old) --> traffic --> answers --> observer --> store <--> controller

One for each process of the service; the lease lets one controller act, whichever process it is in.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Mapping
from typing import Any, Final

import orjson

from cmo.delivery.controller import Controller, Told
from cmo.delivery.flags_provider import StoredProvider, ThroughOpenFeature, provider_at
from cmo.delivery.gates import Judged
from cmo.delivery.observed import Observer
from cmo.delivery.releases import Bundle
from cmo.delivery.rollout import Phase, Status
from cmo.delivery.state import Hears, LastKnown
from cmo.delivery.traffic import Direct, Evaluates, Traffic, prepared
from cmo.kit.clock import Clock
from cmo.model.delivery import Current, DeliveryStore, Setting, StoredRollout
from cmo.model.notices import Notice, Severity
from cmo.settings import Settings
from cmo.stories.recall import Recall

READ_SECONDS: Final = 0.2
"""Between two replies of an arm that are read for their citations, on average."""
_READ_AT_ONCE: Final = 5.0
SUPPORT_SECONDS: Final = 1.0
"""Between two answers of an arm whose support is judged: that costs as much as making one."""


class Delivering:
    """Releases in this process.

    Args:
        store: where they are kept.
        settings: what the environment says.
        clock: the time.
        prepare: builds what answers by a bundle.
        support: judges how well a reply's sentences are supported.
        told: hears of every change that this process's controller made.
        hears: has word of changes; None where every process looks by itself.
    """

    def __init__(
        self,
        store: DeliveryStore,
        settings: Settings,
        clock: Clock,
        *,
        prepare: Callable[[Bundle], object],
        support: Callable[[Mapping[str, Any]], float | None],
        told: Told,
        hears: Hears | None = None,
    ) -> None:
        given = given_by(settings)
        self.store = store
        self._clock = clock
        self._talking = settings.conversation_seconds
        self._build = prepare
        self.state = LastKnown(store, clock, prepare=self._prepare, given=given, hears=hears)
        self.observer = Observer(store, clock, scores=_Scores(self.state, clock, support))
        self.controller = Controller(store, clock, told=told, given=given)
        own = ThroughOpenFeature.with_provider(StoredProvider(self.state, defaults(settings)))
        self.flags = own.client
        elsewhere = settings.openfeature_provider
        evaluates: Evaluates = Direct(self.state.now)
        if elsewhere:
            evaluates = ThroughOpenFeature.with_provider(provider_at(elsewhere), "cmo-elsewhere")
        self.traffic = Traffic(
            self.state,
            evaluates,
            self.observer,
            clock,
            conversation=settings.conversation_seconds,
            outside=bool(elsewhere),
        )

    def start(self) -> None:
        """Look, count and move, each in a thread of its own."""
        self.state.start()
        self.observer.start()
        self.controller.start()

    def _prepare(self, current: Current) -> None:
        """Have ready what a state needs: who answers, and which conversations other processes have."""
        self.traffic.talks.learn(self.store.talks(self._clock.now().timestamp() - self._talking))
        for bundle in prepared(current):
            self._build(bundle)

    def close(self) -> None:
        """Stop; what was counted is written down first."""
        self.controller.close()
        self.state.close()
        self.observer.close()


def given_by(settings: Settings) -> dict[str, Setting]:
    """Switches as the environment gives them, where they differ from what holds anyway."""
    given: dict[str, Setting] = {}
    if not settings.lightrag_enabled:
        given["lightrag_enabled"] = False
    if settings.rollout_percentage < 100:  # noqa: PLR2004 - percent
        given["rollout_percentage"] = settings.rollout_percentage
    return given


def defaults(settings: Settings) -> dict[str, Setting]:
    """What each flag is where none is stored: what the settings say."""
    return {
        "engine": settings.engine,
        "mode": "hybrid",
        "multi_hop": settings.multi_hop,
        "max_hops": settings.max_hops,
        "reasoning": settings.reasoning,
        "routing": settings.routing,
        "min_confidence": 0.0,
        "lightrag_enabled": settings.lightrag_enabled,
        "rollout_percentage": settings.rollout_percentage,
    }


class BuiltRecalls:
    """Who answers by each bundle, built once.

    Args:
        build: makes one for an engine, a router or none, and a least confidence.
        settings: what holds where a bundle does not say.
    """

    def __init__(self, build: Callable[[str, bool, float], Recall], settings: Settings) -> None:
        self._build = build
        self._settings = settings
        self._built: dict[tuple[str, bool, float], Recall] = {}
        self._lock = threading.Lock()

    def get(self, bundle: Bundle) -> Recall | None:
        """The one that is there."""
        return self._built.get(self._key(bundle))

    def make(self, bundle: Bundle) -> Recall:
        """The same, built where it is not there."""
        key = self._key(bundle)
        with self._lock:
            if key not in self._built:
                self._built[key] = self._build(*key)
            return self._built[key]

    async def aclose(self) -> None:
        """Finish what each began in this loop."""
        for recall in self._built.values():
            await recall.aclose()

    def _key(self, bundle: Bundle) -> tuple[str, bool, float]:
        engine = self._settings.engine if bundle.engine is None else bundle.engine
        routing = self._settings.routing if bundle.routing is None else bundle.routing
        return engine, routing, bundle.min_confidence


class _Scores:
    """What replies are worth: whether sentences are cited, and of a few how well they are supported."""

    def __init__(self, state: LastKnown, clock: Clock, support: Callable[[Mapping[str, Any]], float | None]) -> None:
        self._state = state
        self._clock = clock
        self._support = support
        self._judged: dict[str, float] = {}
        self._left: dict[str, tuple[float, float]] = {}

    def __call__(self, arm: str, body: bytes) -> Mapping[str, float]:
        if not body or not self._worth_reading(arm):
            return {}
        reply = orjson.loads(body)
        found = {"citations": cited(reply)}
        if self._due(arm):
            worth = self._support(reply)
            if worth is not None:
                found["support"] = worth
        return found

    def _worth_reading(self, arm: str) -> bool:
        """Some of many: reading all replies of a busy service would cost it more than answering from what is kept."""
        now = self._clock.monotonic()
        left, since = self._left.get(arm, (_READ_AT_ONCE, now))
        left = min(_READ_AT_ONCE, left + (now - since) / READ_SECONDS)
        self._left[arm] = (left - (left >= 1), now)
        return left >= 1

    def _due(self, arm: str) -> bool:
        rollout = self._state.now().current.rollout
        if rollout is None or "support" not in rollout.spec.get("gates", {}).get("metrics", ()):
            return False
        now = self._clock.monotonic()
        if now - self._judged.get(arm, -SUPPORT_SECONDS) < SUPPORT_SECONDS:
            return False
        self._judged[arm] = now
        return True


_SEVERITY: Final = {
    Phase.BACK: Severity.CRITICAL,
    Phase.BACKING: Severity.CRITICAL,
    Phase.HELD: Severity.WARNING,
    Phase.WAITING: Severity.WARNING,
    Phase.DONE: Severity.INFO,
}
_ADVICE: Final = {
    Phase.BACK: "Everybody is answered by the baseline. See `cmo rollout history` for the evidence.",
    Phase.BACKING: "It goes down step by step; `cmo rollout back --now` stops it at once.",
    Phase.HELD: "Look at `cmo rollout status`, then `cmo rollout resume` or `cmo rollout back`.",
    Phase.WAITING: "Look at `cmo rollout status`, then `cmo rollout approve` or `cmo rollout back`.",
    Phase.DONE: "It answers everybody, and is still watched.",
}


def notice_of(rollout: StoredRollout, status: Status, judged: Judged) -> Notice | None:
    """What people are told of a change; None where they need not know."""
    if status.phase not in _SEVERITY:
        return None
    facts = [("release", rollout.release), ("percent", f"{status.percent:g}"), ("reason", status.reason)]
    facts += [(finding.gate, finding.text) for finding in judged.findings]
    return Notice(
        f"rollout/{rollout.name}/{status.phase.value}",
        f"Release {rollout.release}: {status.phase.value} at {status.percent:g} %",
        _ADVICE[status.phase],
        _SEVERITY[status.phase],
        tuple(facts),
    )


def cited(reply: Mapping[str, Any]) -> float:
    """Share of a reply's sentences that cite a source which is there, with evidence for it."""
    numbers = {source["number"] for source in reply["citations"]}
    evidence = {piece["id"] for piece in reply["evidence"]}
    sentences = reply["sentences"]
    valid = [
        bool(s["citations"]) and set(s["citations"]) <= numbers and evidence & set(s["evidence"]) for s in sentences
    ]
    return sum(map(bool, valid)) / len(valid) if valid else float(bool(evidence))
