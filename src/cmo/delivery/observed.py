"""What came of answers, counted where they are given and written down in batches.

::

    outcome --queue--> a thread: sums by rollout, stretch and arm --every second--> the store, once
                                                                      '--gone--> kept for a while and tried again

An answer waits for none of it. Who fails again and again counts as one failure a minute: gates ask how many users a
release fails, and one program that sends nonsense must not take it back.
"""

from __future__ import annotations

import logging
import math
import threading
from collections import Counter, OrderedDict, deque
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Final, TypeVar
from uuid import uuid4

from cmo.kit.clock import Clock
from cmo.kit.hashing import hex_hash
from cmo.model.delivery import DeliveryReads, Exposure, Observation, Talk

log = logging.getLogger("cmo.delivery")

EVERY_SECONDS: Final = 1.0
_QUEUED: Final = 100_000
_BATCHES: Final = 120
"""Batches that wait for a store that is gone: two minutes of them."""
_UNITS: Final = 50_000
_SAME_FAILURE_SECONDS: Final = 60.0
_FINEST: Final = 4
"""Steps of latency in each doubling."""
_LONGEST: Final = 80
T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class Place:
    """Where an answer counts: a rollout, the stretch in which its shares stood still, an arm, whose it was."""

    subject: str
    step: int
    arm: str
    unit: str

    @property
    def key(self) -> tuple[str, int, str]:
        """What is counted together."""
        return self.subject, self.step, self.arm


@dataclass(frozen=True, slots=True)
class Outcome:
    """What came of one answer."""

    seconds: float
    failed: bool = False
    refused: bool = False
    made: bool = True
    """Whether it was made now; how fast a kept one comes says nothing of a release."""
    body: bytes = b""
    """The reply, for scores that are worth a look at it."""
    scores: Mapping[str, float] = field(default_factory=dict)
    """What is known of its worth already, by metric, 0 to 1; `cost` in dollars."""


Scores = Callable[[str, bytes], Mapping[str, float]]
"""Arm and reply to scores by metric; asked in the observer's own thread."""


def no_scores(_arm: str, _body: bytes) -> Mapping[str, float]:
    """None."""
    return {}


class Observer:
    """Counts outcomes and writes them down. Threads may share it.

    Args:
        store: where they are written.
        clock: the time.
        scores: looks at replies.
        every: seconds between writes.
    """

    def __init__(
        self, store: DeliveryReads, clock: Clock, *, scores: Scores = no_scores, every: float = EVERY_SECONDS
    ) -> None:
        self._store = store
        self._clock = clock
        self._scores = scores
        self._every = every
        self._queue: deque[tuple[Place, Outcome | None]] = deque(maxlen=_QUEUED)
        self._kept: dict[bool, deque[Place]] = {refused: deque(maxlen=_QUEUED) for refused in (False, True)}
        self._talks: deque[Talk] = deque(maxlen=_QUEUED)
        self._failed: OrderedDict[tuple[str, int, str], float] = OrderedDict()
        self._waiting: deque[tuple[list[Observation], list[Exposure], list[Talk]]] = deque(maxlen=_BATCHES)
        self._writing = threading.Lock()
        self._stop = threading.Event()
        self._thread: threading.Thread | None = None
        self._silent = False

    def exposed(self, place: Place) -> None:
        """A unit was put somewhere."""
        self._queue.append((place, None))

    def talked(self, talk: Talk) -> None:
        """A conversation began, or goes on."""
        self._talks.append(talk)

    def kept(self, place: Place, *, refused: bool = False) -> None:
        """An answer was given from what is kept; all that is said of it is where, and whether it is a refusal."""
        self._kept[refused].append(place)

    def saw(self, place: Place, outcome: Outcome) -> None:
        """An answer was given, or failed."""
        self._queue.append((place, outcome))

    def flush(self) -> None:
        """Write down what waits.

        Raises:
            StoreError: the store cannot be used; what waits goes on waiting.
        """
        with self._writing:
            self._gather()
            while self._waiting:
                self._store.observe(*self._waiting[0])
                self._waiting.popleft()

    def start(self) -> None:
        """Write from now on, in a thread of its own."""
        self._thread = threading.Thread(target=self._run, name="cmo-delivery-observer", daemon=True)
        self._thread.start()

    def close(self) -> None:
        """Write what waits, and stop."""
        self._stop.set()
        if self._thread is not None:
            self._thread.join()
            self._write()

    def _run(self) -> None:
        while not self._stop.wait(self._every):
            self._write()

    def _write(self) -> None:
        try:
            self.flush()
        except Exception as error:  # noqa: BLE001 - a background loop goes on, whatever the store does
            if not self._silent:
                log.warning("releases: what was seen cannot be written down and waits: %s", error)
            self._silent = True
            return
        self._silent = False

    def _gather(self) -> None:
        sums: dict[tuple[str, int, str], dict[str, Any]] = {}
        put: dict[tuple[str, int, str], Exposure] = {}
        at = self._clock.now().timestamp()
        for _ in range(len(self._queue)):
            place, outcome = self._queue.popleft()
            if outcome is None:
                unit = hex_hash(place.subject, place.unit, size=16)
                put[place.subject, place.step, unit] = Exposure(place.subject, place.step, unit, place.arm, at)
            else:
                self._add(sums.setdefault((place.subject, place.step, place.arm), nothing()), place, outcome)
        for refused, kept in self._kept.items():
            for key, count in _counted(_drained(kept)).items():
                told = sums.setdefault(key, nothing())
                told["requests"] += count
                told["refusals"] += refused * count
        talks = {talk.name: talk for talk in _drained(self._talks)}  # the last word of each
        batch = uuid4().hex
        seen = [Observation(batch, *key, at, told) for key, told in sums.items()]
        if seen or put or talks:
            self._waiting.append((seen, list(put.values()), list(talks.values())))

    def _add(self, sums: dict[str, Any], place: Place, outcome: Outcome) -> None:
        sums["requests"] += 1
        if outcome.failed:
            sums["errors"] += self._fails_anew(place)
            return
        sums["refusals"] += outcome.refused
        if not outcome.made:
            return
        sums["made"] += 1
        bucket = str(bucket_of(outcome.seconds))
        sums["latency"][bucket] = sums["latency"].get(bucket, 0) + 1
        for metric, score in {**outcome.scores, **self._scores(place.arm, outcome.body)}.items():
            n, y, yy = sums["scores"].get(metric, (0, 0.0, 0.0))
            sums["scores"][metric] = (n + 1, y + score, yy + score * score)

    def _fails_anew(self, place: Place) -> int:
        key, now = (place.subject, place.step, place.unit), self._clock.monotonic()
        before = self._failed.get(key)
        if before is not None and now - before < _SAME_FAILURE_SECONDS:
            return 0
        self._failed[key] = now
        self._failed.move_to_end(key)
        while len(self._failed) > _UNITS:
            self._failed.popitem(last=False)
        return 1


def _counted(places: Sequence[Place]) -> dict[tuple[str, int, str], int]:
    """Answers by where they count. A place stays the same object for a conversation or a user: it is told by that."""
    found: dict[tuple[str, int, str], int] = {}
    known = {id(place): place for place in places}
    for which, count in Counter(map(id, places)).items():
        key = known[which].key
        found[key] = found.get(key, 0) + count
    return found


def _drained(queue: deque[T]) -> list[T]:
    """What is in a queue, taken out; others may go on to fill it."""
    return [queue.popleft() for _ in range(len(queue))]


def nothing() -> dict[str, Any]:
    """Sums of no answers."""
    return {"requests": 0, "made": 0, "errors": 0, "refusals": 0, "latency": {}, "scores": {}}


def bucket_of(seconds: float) -> int:
    """The step of latency that an answer fell into."""
    return max(0, min(_LONGEST, math.ceil(_FINEST * math.log2(max(seconds, 1e-3) * 1000))))


def edge_of(bucket: int) -> float:
    """The longest that an answer of a step took, in seconds."""
    return float(2 ** (bucket / _FINEST)) / 1000
