"""The experiment that runs, as a process of the service sees it: who is in which arm, and what came of their answers.

::

    store --every second--> the running experiment --decide--> arm, bundle --answer--> saw
                                                                  drawn: support of the answer, and of the control's
    rows of answers, exposures <--every second-- queue <-----------------------------------------'

One runs at a time. While the store cannot be read what was last known holds for a minute; then nobody is in an
experiment, and everybody gets what is in place.
"""

from __future__ import annotations

import logging
import math
import threading
from collections import OrderedDict, deque
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any, Final
from uuid import uuid4

from cmo.delivery.arms import Metric
from cmo.delivery.compare import Pair
from cmo.delivery.experiment import Phase, Spec, Status, assigned
from cmo.delivery.experiment_scores import Seen
from cmo.delivery.releases import BASELINE, Bundle, bundle
from cmo.delivery.shadow import Candidate, Shadow
from cmo.errors import OracleError, SettingsError
from cmo.kit.clock import Clock
from cmo.kit.hashing import hex_hash
from cmo.model.delivery import Exposure, Observation
from cmo.model.questions import Question
from cmo.model.trials import ExperimentStore

log = logging.getLogger("cmo.delivery")

EVERY_SECONDS: Final = 1.0
STALE_SECONDS: Final = 60.0
_QUEUED: Final = 100_000
_AT_ONCE: Final = 2_000
_REMEMBERED: Final = 50_000


@dataclass(frozen=True, slots=True)
class Trial:
    """The experiment that runs."""

    spec: Spec
    status: Status
    bundles: Mapping[str, Bundle]
    """By arm."""

    @property
    def control(self) -> Bundle:
        """What answers in the first arm."""
        return self.bundles[self.spec.arms[0].name]


@dataclass(frozen=True, slots=True)
class Enrolled:
    """One asker in one arm."""

    trial: Trial
    arm: str
    release: str
    unit: str
    bundle: Bundle
    part: str = ""


@dataclass(frozen=True, slots=True)
class Answered:
    """What came of one question."""

    question: Question
    reply_id: str
    """A reply that was kept may go to several askers; empty where there is none."""
    seconds: float
    failed: bool = False
    refused: bool = False
    made: bool = True
    """Whether it was made now, and not kept from before."""
    reply: Callable[[], Mapping[str, Any]] | None = None
    scores: Mapping[Metric, float] = field(default_factory=dict)


Answers = Callable[[Bundle, Question], Mapping[str, Any]]
"""A reply as it would be sent, made in the calling thread, unseen by the asker."""


class Laboratory:
    """Puts askers into arms and writes down what came of it. Threads may share it.

    Args:
        store: where experiments are kept.
        clock: the time.
        answers: who answers by a bundle, for the control's score of a question.
        shadow: in whose thread and within whose limits answers are judged; None where none are.
        every: seconds between looks.
    """

    def __init__(
        self,
        store: ExperimentStore,
        clock: Clock,
        *,
        answers: Answers | None = None,
        shadow: Shadow | None = None,
        every: float = EVERY_SECONDS,
    ) -> None:
        self._store = store
        self._clock = clock
        self._answers = answers
        self._shadow = shadow
        self._every = every
        self._trial: Trial | None = None
        self._mark: object = None
        self._heard = clock.monotonic()
        self._queue: deque[Observation | Exposure] = deque(maxlen=_QUEUED)
        self._exposed: OrderedDict[tuple[str, int, str], None] = OrderedDict()
        self._lock = threading.Lock()
        self._stop = threading.Event()
        self._thread: threading.Thread | None = None
        self._silent = False

    def trial(self) -> Trial | None:
        """The experiment that runs; None where none does, or nobody could say so for too long."""
        stale = self._clock.monotonic() - self._heard > STALE_SECONDS
        return None if stale else self._trial

    def decide(self, unit: str, part: str = "") -> Enrolled | None:
        """The arm of an asker (a user; a session where none is known); None where they are in no experiment.

        Args:
            unit: empty where nobody knows who asks: then nobody could stay in an arm.
            part: of the traffic, known before the answer, such as a cohort.
        """
        trial = self.trial()
        return None if trial is None or not unit else self.enrol(trial, unit, part)

    def enrol(self, trial: Trial, unit: str, part: str = "") -> Enrolled | None:
        """The same for an experiment that is known, such as one whose arms somebody else answers."""
        arm = assigned(trial.spec, trial.status, unit)
        if arm is None:
            return None
        enrolled = Enrolled(trial, arm.name, arm.release, unit, trial.bundles[arm.name], part)
        self._expose(enrolled)
        return enrolled

    def saw(self, enrolled: Enrolled, answered: Answered) -> None:
        """What came of a question."""
        spec = enrolled.trial.spec
        values = {Metric.ERRORS: float(answered.failed), **answered.scores}
        if not answered.failed:
            values[Metric.REFUSALS] = float(answered.refused)
            if answered.made:  # how fast a kept one comes says nothing of an arm
                values[Metric.LATENCY] = 1_000 * answered.seconds
                values[Metric.SLOW] = float(1_000 * answered.seconds > spec.slow_ms)
        asking = uuid4().hex
        self.note(enrolled, asking, values, reply=answered.reply_id)
        if answered.reply is not None and not answered.refused:
            self._judge(enrolled, answered, asking)

    def note(
        self,
        enrolled: Enrolled,
        asking: str,
        values: Mapping[Metric, float],
        prior: float | None = None,
        reply: str = "",
    ) -> None:
        """Write down what was seen of an answer: one row a thing, and the same again is the same row.

        Args:
            enrolled: who asked, in which arm.
            asking: which answer it was; what comes later with the same is put to it.
            values: by metric; what is not finite is left out.
            prior: what the control is worth on the same question.
            reply: its id, where people may rate it.
        """
        trial = enrolled.trial
        facts: dict[str, Any] = {"unit": _hashed(enrolled), "answer": asking}
        facts["values"] = {name.value: value for name, value in values.items() if math.isfinite(value)}
        given = {"prior": prior, "part": enrolled.part, "reply": reply}
        facts |= {name: value for name, value in given.items() if value not in {None, ""}}
        batch = hex_hash(asking, *sorted(facts["values"]), size=16)
        at = self._clock.now().timestamp()
        self._queue.append(Observation(batch, trial.spec.subject, trial.status.run, enrolled.arm, at, facts))

    def refresh(self) -> None:
        """Look which experiment runs.

        Raises:
            StoreError: the store cannot be used; what was known stays.
        """
        mark = self._store.mark()
        if mark == self._mark:
            self._heard = self._clock.monotonic()
            return
        running = [s for s in self._store.experiments() if s.status.get("phase") == Phase.RUNNING]
        trial = None
        for stored in running:
            spec, status = Spec.of(stored.spec), Status.of(stored.status)
            if spec.outside:
                continue
            if self._trial is not None and (self._trial.spec, self._trial.status) == (spec, status):
                trial = self._trial
            else:
                trial = Trial(spec, status, {arm.name: self._bundle(arm.release) for arm in spec.arms})
        self._trial, self._mark, self._heard = trial, mark, self._clock.monotonic()

    def flush(self) -> None:
        """Write down what waits.

        Raises:
            StoreError: the store cannot be used; what waits goes on waiting.
        """
        while self._queue:
            batch = [self._queue.popleft() for _ in range(min(_AT_ONCE, len(self._queue)))]
            try:
                self._store.observe(
                    [one for one in batch if isinstance(one, Observation)],
                    [one for one in batch if isinstance(one, Exposure)],
                )
            except OracleError:
                self._queue.extendleft(reversed(batch))
                raise

    def start(self) -> None:
        """Look and write from now on, in a thread of its own."""
        self._look()
        self._thread = threading.Thread(target=self._run, name="cmo-laboratory", daemon=True)
        self._thread.start()

    def close(self) -> None:
        """Write what waits, and stop."""
        self._stop.set()
        if self._shadow is not None:
            self._shadow.close()
        if self._thread is not None:
            self._thread.join()
            self._look()

    def _run(self) -> None:
        while not self._stop.wait(self._every):
            self._look()

    def _look(self) -> None:
        try:
            self.refresh()
            self.flush()
        except OracleError as error:
            if not self._silent:
                log.warning("experiments: the store cannot be used, what was last known holds: %s", error)
            self._silent = True
            return
        self._silent = False

    def _bundle(self, name: str) -> Bundle:
        """Settings of an arm.

        Raises:
            SettingsError: the release is gone, or of another version of this program.
        """
        if not name:
            return BASELINE
        release = self._store.release(name)
        if release is None:
            raise SettingsError(f"An arm is answered by the release {name!r}, and there is none.")
        return bundle(release.settings)

    def _expose(self, enrolled: Enrolled) -> None:
        place = enrolled.trial.spec.subject, enrolled.trial.status.run
        with self._lock:
            if (key := (*place, enrolled.unit)) in self._exposed:
                return
            self._exposed[key] = None
            if len(self._exposed) > _REMEMBERED:
                self._exposed.popitem(last=False)
        self._queue.append(Exposure(*place, _hashed(enrolled), enrolled.arm, self._clock.now().timestamp()))

    def _judge(self, enrolled: Enrolled, answered: Answered, asking: str) -> None:
        """How well the answer is borne out, and what the control says to the same question.

        Both arms are drawn, bounded and judged alike: what is missing is missing in both. Each asking is drawn anew, as
        many people may ask the same.
        """
        shadow, answers, trial = self._shadow, self._answers, enrolled.trial
        if shadow is None or answers is None or answered.reply is None:
            return
        own = answered.reply
        control: Candidate = (
            (lambda _: own()) if enrolled.bundle == trial.control else lambda q: answers(trial.control, q)
        )

        def keep(_question: Question, pair: Pair) -> None:
            values = {} if pair.now.support is None else {Metric.SUPPORT: pair.now.support}
            self.note(enrolled, asking, values, prior=pair.candidate.support)

        shadow.offer(answered.question, own, draw=asking, candidate=control, keep=keep)


def hashed(subject: str, run: int, unit: str) -> str:
    """An asker, as nobody can read it back, and different in every run."""
    return hex_hash(subject, str(run), unit, size=16)


def _hashed(enrolled: Enrolled) -> str:
    return hashed(enrolled.trial.spec.subject, enrolled.trial.status.run, enrolled.unit)


def seen_of(row: Observation) -> Seen:
    """What a row says.

    Raises:
        SettingsError: it is no row of an experiment.
    """
    facts = row.sums
    try:
        values = {Metric(name): float(value) for name, value in facts["values"].items()}
        return Seen(
            row.at, row.arm, str(facts["unit"]), str(facts["answer"]), values, facts.get("prior"), facts.get("part", "")
        )
    except (KeyError, TypeError, ValueError, AttributeError) as error:
        raise SettingsError(f"A stored score cannot be read: {error}.") from error
