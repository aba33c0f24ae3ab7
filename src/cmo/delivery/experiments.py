"""Experiments as people handle them: planned, started, stopped, read; each change with its line in the audit.

::

    plan --> start --> (what was seen) --findings--> results, looks --check--> harm or a broken draw: stopped, told
                                                                         '--> decided: told, and left to people
"""

from __future__ import annotations

import time
from collections.abc import Iterator, Mapping
from dataclasses import asdict, dataclass, replace
from typing import Any

from cmo.delivery.arms import Metric
from cmo.delivery.experiment import Phase, Spec, Status, started, stopped
from cmo.delivery.experiment_live import hashed, seen_of
from cmo.delivery.experiment_results import Look, Outcome, Results, looks, results
from cmo.delivery.experiment_scores import Scores, Seen
from cmo.delivery.releases import bundle, parsed, release
from cmo.errors import ExperimentRefused, NotFound, StoreLocked
from cmo.kit.clock import Clock
from cmo.kit.hashing import hex_hash
from cmo.model.delivery import Act, Setting
from cmo.model.notices import Notice, Notifier, Severity
from cmo.model.trials import ExperimentStore, StoredExperiment

_SERVICE = "the service"
_BEST_RATING = 5
_AT_ONCE = 100
"""Rows that are read without a pause, where others go first."""
_BREATH_SECONDS = 0.001
_DECIDED = frozenset({Outcome.BETTER, Outcome.WORSE, Outcome.NO_DIFFERENCE})


@dataclass(frozen=True, slots=True)
class Experiment:
    """One experiment."""

    spec: Spec
    status: Status
    version: int

    def as_json(self) -> dict[str, Any]:
        """As it was planned, and where it stands."""
        return {"experiment": self.spec.as_json(), "status": self.status.as_json()}


@dataclass(frozen=True, slots=True)
class Findings:
    """An experiment with what it found in its present run."""

    experiment: Experiment
    results: Results
    looks: tuple[Look, ...]

    def as_json(self) -> dict[str, Any]:
        """The experiment with what it found; JSON has no infinity, and null stands for it."""
        return {**self.experiment.as_json(), **asdict(self.results), "looks": [asdict(look) for look in self.looks]}


class Experiments:
    """The experiments of a knowledge base.

    Args:
        store: where they are kept.
        clock: the time.
    """

    def __init__(self, store: ExperimentStore, clock: Clock) -> None:
        self._store = store
        self._clock = clock

    def all(self) -> list[Experiment]:
        """The newest first."""
        return [_read(stored) for stored in self._store.experiments()]

    def get(self, name: str) -> Experiment:
        """One of them.

        Raises:
            NotFound: there is none of that name.
        """
        return _read(self._stored(name))

    def plan(
        self,
        spec: Spec,
        actor: str,
        reason: str = "",
        *,
        settings: Mapping[str, Mapping[str, Setting]] | None = None,
    ) -> Experiment:
        """Keep a plan; an experiment that is not running may be planned anew, and its next run follows that.

        Args:
            spec: what it is to find out.
            actor: who plans it.
            reason: why.
            settings: of arms whose release is to be made of them.

        Raises:
            ExperimentRefused: a release of its arms is not there, or it runs.
            StoreLocked: somebody else changed it meanwhile.
        """
        for name, given in (settings or {}).items():
            spec = self._released(spec, name, given, actor)
        for arm in spec.arms:
            known = self._store.release(arm.release) if arm.release else None
            if arm.release and known is None:
                raise ExperimentRefused(
                    f"The arm {arm.name!r} is answered by the release {arm.release!r}, and there is none. Make it first."
                )
            bundle(known.settings if known else {})
        before = self._store.experiment(spec.name)
        status = Status() if before is None else Status.of(before.status)
        if status.phase is Phase.RUNNING:
            raise ExperimentRefused(
                f"The experiment {spec.name!r} runs: what it looks for cannot change now. Stop it first."
            )
        stored = before or StoredExperiment(spec.name, {}, {}, begun_at=self._now)
        return self._write(replace(stored, spec=spec.as_json(), status=status.as_json()), "plan", actor, reason)

    def start(self, name: str, actor: str, reason: str = "") -> Experiment:
        """Draw the arms and begin.

        Raises:
            NotFound: there is none of that name.
            ExperimentRefused: it runs already, or another one does.
            StoreLocked: somebody else changed it meanwhile.
        """
        stored = self._stored(name)
        running = [one.spec for one in self.all() if one.status.phase is Phase.RUNNING]
        others = [spec.name for spec in running if spec.name != name and not spec.outside]
        if others and not Spec.of(stored.spec).outside:
            raise ExperimentRefused(
                f"The experiment {others[0]!r} runs, and one runs at a time: each user is in one arm of one. End it first "
                f"(`cmo experiment stop {others[0]}`), or plan one experiment with an arm for each."
            )
        status = started(Status.of(stored.status), self._now, reason or "started")
        begun = replace(stored, status=status.as_json(), begun_at=self._now, ended_at=None)
        return self._write(begun, "start", actor, reason)

    def stop(self, name: str, actor: str, reason: str = "") -> Experiment:
        """End it: everybody gets what is in place again, within a second or two.

        Raises:
            NotFound: there is none of that name.
            ExperimentRefused: it does not run.
            StoreLocked: somebody else changed it meanwhile.
        """
        stored = self._stored(name)
        status = stopped(Status.of(stored.status), self._now, reason or "stopped")
        return self._write(replace(stored, status=status.as_json(), ended_at=self._now), "stop", actor, reason)

    def drop(self, name: str, actor: str, reason: str = "") -> None:
        """Forget it with all that was seen.

        Raises:
            NotFound: there is none of that name.
        """
        spec = self.get(name).spec
        self._store.drop_experiment(name, spec.subject, self._act("drop", spec, actor, reason))

    def findings(self, name: str, cuts: int = 40, *, gently: bool = False) -> Findings:
        """What its present run found so far.

        Args:
            name: of the experiment.
            cuts: times at which the past is shown.
            gently: whether to let others of this process go first, again and again.

        Raises:
            NotFound: there is none of that name.
        """
        stored = self._stored(name)
        experiment = _read(stored)
        spec, run = experiment.spec, experiment.status.run
        arms = [arm.name for arm in spec.arms]
        scores = Scores.of(self._seen(spec, run, stored.begun_at, gently=gently), arms)
        exposed = self._store.exposed(spec.subject, run)
        return Findings(
            experiment,
            results(spec, [exposed.get(arm, 0) for arm in arms], scores),
            tuple(looks(spec, scores, cuts)) if cuts else (),
        )

    def check(self, notifier: Notifier) -> Findings | None:
        """Look at those that run: harm and a broken draw end it, and people hear of whatever is decided."""
        last = None
        for one in self.all():
            if one.status.phase is Phase.RUNNING:
                last = self._checked(one, notifier)
        return last

    def _checked(self, experiment: Experiment, notifier: Notifier) -> Findings:
        spec, run = experiment.spec, experiment.status.run
        found = self.findings(spec.name, cuts=0, gently=True)
        for one in found.results.compared:
            about = f"{spec.subject}/{run}/{one.arm}/{one.outcome}"
            if one.outcome in {Outcome.HARMFUL, Outcome.INVALID}:
                self._end(spec.name, one.text)
                notifier.tell(Notice(about, f"The experiment {spec.name} was stopped", one.text, Severity.CRITICAL))
                return found
            if one.outcome in _DECIDED and self._first(spec, about, one.text):
                notifier.tell(Notice(about, f"The experiment {spec.name} is decided", one.text))
        return found

    def _first(self, spec: Spec, about: str, text: str) -> bool:
        """Whether something is found for the first time; the audit remembers it, whoever looks next."""
        if any(act.facts.get("about") == about for act in self._store.history(spec.subject)):
            return False
        self._store.note(Act(self._now, _SERVICE, "decided", spec.subject, text, {"about": about}))
        return True

    @property
    def _now(self) -> float:
        return self._clock.now().timestamp()

    def _released(self, spec: Spec, arm: str, settings: Mapping[str, Setting], actor: str) -> Spec:
        """With a release of its own for an arm; releases never change, so other settings have another name."""
        name = f"{spec.name[:30]}.{arm}.{hex_hash(repr(sorted(settings.items())), size=3)}"
        made = release(name, settings, f"an arm of the experiment {spec.name}", self._now)
        self._store.add_release(made, Act(self._now, actor, "release", name, f"for {spec.name}", dict(settings)))
        arms = tuple(replace(one, release=name) if one.name == arm else one for one in spec.arms)
        return replace(spec, arms=arms)

    def _end(self, name: str, reason: str) -> None:
        try:
            self.stop(name, _SERVICE, reason)
        except (ExperimentRefused, StoreLocked):  # somebody was faster
            return

    def _seen(self, spec: Spec, run: int, since: float, *, gently: bool) -> Iterator[Seen]:
        """What was seen, and what people said of it, put to whoever was answered so."""
        rated = list(self._store.rated(since))
        wanted = {one.reply for one in rated}
        given: dict[str, list[Seen]] = {}
        for number, row in enumerate(self._store.seen(spec.subject, run)):
            if gently and number % _AT_ONCE == 0:
                time.sleep(_BREATH_SECONDS)  # somebody in this process may be waiting for an answer
            one = seen_of(row)
            if (reply := row.sums.get("reply")) in wanted:
                given.setdefault(str(reply), []).append(one)
            yield one
        for said in rated:
            answers, unit = given.get(said.reply, []), hashed(spec.subject, run, said.user)
            mine = [one for one in answers if one.unit == unit] or (answers if len(answers) == 1 else [])
            score = (said.score - 1) / (_BEST_RATING - 1)
            yield from (replace(one, values={Metric.RATING: score}, prior=None) for one in mine[-1:])

    def _stored(self, name: str) -> StoredExperiment:
        stored = self._store.experiment(name)
        if stored is None:
            raise NotFound(f"There is no experiment {name!r}. `cmo experiment status` lists those that are there.")
        return stored

    def _write(self, stored: StoredExperiment, action: str, actor: str, reason: str) -> Experiment:
        changed = _read(stored)
        if not self._store.put_experiment(stored, self._act(action, changed.spec, actor, reason)):
            raise StoreLocked(f"Somebody else changed the experiment {stored.name!r} meanwhile. Look, and try again.")
        return replace(changed, version=stored.version + 1)

    def _act(self, action: str, spec: Spec, actor: str, reason: str) -> Act:
        return Act(self._now, actor, action, spec.subject, reason, {"spec": spec.as_json()})


def inline(text: str) -> dict[str, Setting]:
    """Settings as they are written in one word: ``mode=mix,max_hops=2``.

    Raises:
        SettingsError: they are none.
    """
    return dict(parsed(part) for part in text.split(","))


def _read(stored: StoredExperiment) -> Experiment:
    return Experiment(Spec.of(stored.spec), Status.of(stored.status), stored.version)
