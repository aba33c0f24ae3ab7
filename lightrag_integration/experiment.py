"""`ABTestManager` and `ShadowModeIntegration`: the documented classes over the experiments of a knowledge base.

Whoever calls them answers the questions; what stands here puts users into arms, keeps what came of it, and judges.
"""

from __future__ import annotations

import asyncio
import inspect
import logging
import math
import re
from collections import deque
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, replace
from typing import Any, Final

from cmo.app import App
from cmo.delivery.arms import Metric
from cmo.delivery.compare import Pair, Shown, compare, shown
from cmo.delivery.experiment import Arm, Phase, Spec, Status, assigned
from cmo.delivery.experiment_live import Enrolled, Laboratory, Trial
from cmo.delivery.experiment_results import LEAST_UNITS, Outcome
from cmo.delivery.power import least_mean
from cmo.delivery.releases import BASELINE
from cmo.delivery.report_page import page
from cmo.delivery.shadow import Fate, Sampling, Shadow
from cmo.delivery.shadow_book import Book
from cmo.errors import OracleError, SettingsError
from cmo.kit.hashing import hex_hash
from cmo.kit.text import clean_line
from cmo.model.questions import MAX_QUESTION_CHARS, Question
from cmo.settings import Settings, read_settings

log = logging.getLogger("lightrag_integration")

ACTOR: Final = "lightrag_integration"
SPREAD: Final = 0.18
"""Standard deviation of a quality score where nobody knows better: that of judged answers."""
SLOW_MS: Final = 5_000.0
_BEST_RATING: Final = 5
_SECONDS: Final = 1.0
"""Between two writes."""
_DECIDED: Final = 100_000
"""Users who wait to be written down."""
_SENTENCE = re.compile(r"(?<=[.!?])\s+")
Answers = Callable[[str], Any]
"""A question to a response, or to something that can be awaited for one."""


@dataclass(frozen=True, slots=True)
class GroupAssignment:
    """Where a user belongs."""

    group: str
    """``control``, ``treatment``, or ``none`` where the groups leave somebody out."""
    test_name: str
    user_id: str


@dataclass(frozen=True, slots=True)
class ABTestResults:
    """What a test found so far; may be looked at as often as one likes."""

    test_name: str
    is_significant: bool
    """Whether one group is better; the chance that this is ever said wrongly is 5 %, over all looks."""
    winner: str
    """``treatment``, ``control``, or empty."""
    outcome: str
    summary: str
    """In words."""
    control_mean: float
    treatment_mean: float
    difference: float
    interval: tuple[float, float]
    control_users: int
    treatment_users: int
    sample_ratio_ok: bool
    minimum_reached: bool
    """Whether there are as many users as were asked for."""
    guardrails: Mapping[str, str]


class ABTestManager:
    """One test of two ways to answer.

    Args:
        test_name: names it; the same name goes on with the same test.
        control_group_size: share of the users, 0 to 1.
        treatment_group_size: the same; whom both leave out is in no group.
        minimum_sample_size: users that both groups should have together.
        statistical_power: chance to find the least difference that so many users can show.
        config: settings; read from the environment when not given.

    Raises:
        SettingsError: sizes or a name that cannot be used.
    """

    def __init__(
        self,
        test_name: str,
        control_group_size: float = 0.5,
        treatment_group_size: float = 0.5,
        minimum_sample_size: int = 1000,
        statistical_power: float = 0.8,
        *,
        config: Settings | None = None,
    ) -> None:
        planned = max(2, math.ceil(minimum_sample_size / 2))
        self.test_name = test_name
        self.minimum_sample_size = minimum_sample_size
        self.minimum_detectable_effect = least_mean(SPREAD, planned, power=statistical_power)
        """The smallest difference of quality that so many users show, with that power, at any look."""
        self.spec = Spec(
            re.sub(r"[^a-z0-9]+", "-", test_name.casefold()).strip("-"),
            (Arm("control", control_group_size), Arm("treatment", treatment_group_size)),
            least=self.minimum_detectable_effect,
            planned=planned,
            slow_ms=SLOW_MS,
            about=f"{test_name}: treatment against control",
            outside=True,
        )
        self._trial = Trial(self.spec, Status(Phase.RUNNING, 1), {arm.name: BASELINE for arm in self.spec.arms})
        self._app = App(config or read_settings())
        self._opening = asyncio.Lock()
        self._laboratory: Laboratory | None = None
        self._flushed = -math.inf
        self._decided: deque[str] = deque(maxlen=_DECIDED)

    def get_user_assignment(self, user_id: str) -> GroupAssignment:
        """The group of a user: the same one every time, everywhere. It is written down with the next metrics."""
        arm = assigned(self.spec, self._trial.status, user_id)
        if arm is not None:
            self._decided.append(user_id)
        return GroupAssignment(arm.name if arm else "none", self.test_name, user_id)

    async def track_metrics(
        self,
        user_id: str,
        query: str,
        response: object,
        source: str = "",
        metrics: Mapping[str, float | None] | None = None,
    ) -> None:
        """Keep what came of an answer; a later call for the same user and query adds to it, such as a rating.

        It is on the disk within a second of the next call, and when results are asked for.

        Args:
            user_id: who asked.
            query: what; it is kept as a hash.
            response: None, an exception or an empty text is a failure.
            source: which engine answered; a part of the traffic in the report.
            metrics: `response_time` in milliseconds, `quality_score` 0 to 1, `user_rating` 1 to 5; None is not known yet.

        Raises:
            SettingsError: a metric that there is not, or out of range.
        """
        values = measured(response, metrics or {})
        laboratory = await self._opened()
        while self._decided:  # whoever was put into a group counts there, even if nothing came of it
            laboratory.enrol(self._trial, self._decided.popleft())
        enrolled = laboratory.enrol(self._trial, user_id)
        if enrolled is None:
            return
        enrolled = replace(enrolled, part=source)
        laboratory.note(enrolled, _asking(enrolled, query), values)
        if self._app.clock.monotonic() - self._flushed >= _SECONDS:
            self._flushed = self._app.clock.monotonic()
            await asyncio.to_thread(laboratory.flush)

    async def get_results(self) -> ABTestResults:
        """What was found so far."""
        await asyncio.to_thread((await self._opened()).flush)
        found = await asyncio.to_thread(self._app.trials.experiments.findings, self.spec.name, 0)
        one = found.results.compared[0]
        return ABTestResults(
            self.test_name,
            one.outcome in {Outcome.BETTER, Outcome.WORSE},
            {Outcome.BETTER: "treatment", Outcome.WORSE: "control"}.get(one.outcome, ""),
            one.outcome.value,
            one.text,
            one.primary.control,
            one.primary.new,
            one.primary.difference,
            (one.primary.low, one.primary.high),
            one.primary.units[0],
            one.primary.units[1],
            found.results.valid,
            min(one.primary.units) >= max(LEAST_UNITS, self.spec.planned),
            {guard.metric.value: guard.text for guard in one.guards},
        )

    async def generate_report(self) -> str:
        """The same as a page of HTML with plots, which loads nothing."""
        await asyncio.to_thread((await self._opened()).flush)
        found = await asyncio.to_thread(self._app.trials.experiments.findings, self.spec.name)
        return page(found, self._app.clock.now())

    async def close(self) -> None:
        """Write down what waits, and close the database."""
        if self._laboratory is not None:
            await asyncio.to_thread(self._laboratory.flush)
        await asyncio.to_thread(self._app.close)

    async def _opened(self) -> Laboratory:
        async with self._opening:
            if self._laboratory is None:
                self._laboratory = await asyncio.to_thread(self._begun)
            return self._laboratory

    def _begun(self) -> Laboratory:
        """The test in the store, begun where it is not; another process may have been faster."""
        experiments = self._app.trials.experiments
        known = {one.spec.name: one for one in experiments.all()}.get(self.spec.name)
        if known is not None and known.spec.arms != self.spec.arms:
            raise SettingsError(
                f"A test {self.test_name!r} is there with other groups. Give this one another name, or "
                f"`cmo experiment drop {self.spec.name}`."
            )
        if known is None or known.status.run == 0:
            try:
                experiments.plan(self.spec, ACTOR)
                experiments.start(self.spec.name, ACTOR, "ABTestManager")
            except OracleError:
                if experiments.get(self.spec.name).status.run == 0:
                    raise
        return Laboratory(self._app.record.experiments, self._app.clock)


class ShadowModeIntegration:
    """Users get the primary answer; the candidate answers the same questions unseen, in a thread of its own.

    Args:
        primary: answers users, such as ``perplexity_query``.
        candidate: answers unseen, such as ``rag.query``.
        sampling: how many questions the candidate gets; all of them, one at a time, by default.
        config: settings; read from the environment when not given.
    """

    def __init__(
        self,
        primary: Answers,
        candidate: Answers,
        *,
        sampling: Sampling = Sampling(share=1.0, per_minute=6_000, remembered=0),  # noqa: B008 - frozen
        config: Settings | None = None,
    ) -> None:
        self._primary = primary
        self._candidate = candidate
        self._app = App(config or read_settings())
        self.comparisons = Book(self._app.folder, "candidate", self._app.clock)
        """What was compared, to be read."""
        self.shadow = Shadow(
            lambda question: as_reply(_awaited(self._candidate, question.text)),
            self.comparisons.keep,
            sampling,
            monotonic=self._app.clock.monotonic,
        )

    async def shadow_mode_query(self, query: str, user_id: str = "") -> Any:
        """The primary's response; the candidate is asked afterwards, and nobody waits for it."""
        response = self._primary(query)
        if inspect.isawaitable(response):
            response = await response
        fate = self.shadow.offer(Question(clean_line(query)[:MAX_QUESTION_CHARS]), lambda: as_reply(response))
        if fate not in {Fate.TAKEN, Fate.PASSED}:
            log.debug("a question of %s was not compared: %s", user_id or "somebody", fate)
        return response

    async def compare_responses(self, query: str, response_a: object, response_b: object) -> Pair | None:
        """Compare two responses and keep what differs; errors are logged, and never raised."""
        try:
            pair = compare(_shown(response_a), _shown(response_b))
            await asyncio.to_thread(self.comparisons.keep, Question(clean_line(query)), pair)
        except (OracleError, OSError, ValueError, TypeError) as error:
            log.warning("two responses could not be compared: %s", type(error).__name__)
            return None
        return pair

    async def close(self) -> None:
        """Stop comparing; a candidate that hangs is not waited for."""
        await asyncio.to_thread(self.shadow.close)
        await asyncio.to_thread(self._app.close)


def measured(response: object, metrics: Mapping[str, float | None]) -> dict[Metric, float]:
    """Documented metrics as the core's.

    Raises:
        SettingsError: one that there is not, or out of range.
    """
    failed = response is None or isinstance(response, BaseException) or not str(response).strip()
    values = {Metric.ERRORS: float(failed)}
    for name, value in metrics.items():
        if value is None:
            continue
        match name:
            case "response_time" if value >= 0:
                values |= {Metric.LATENCY: float(value), Metric.SLOW: float(value > SLOW_MS)}
            case "quality_score" if 0 <= value <= 1:
                values[Metric.SUPPORT] = float(value)
            case "user_rating" if 1 <= value <= _BEST_RATING:
                values[Metric.RATING] = (value - 1) / (_BEST_RATING - 1)
            case _:
                raise SettingsError(
                    f"{name} cannot be {value!r}. Give response_time in milliseconds, quality_score from 0 to 1, "
                    "user_rating from 1 to 5."
                )
    return values


def as_reply(response: object) -> dict[str, Any]:
    """A response as the service would send it: sentences, and what they cite where it says so."""
    content = response.get("content", "") if isinstance(response, Mapping) else getattr(response, "content", response)
    text = "" if response is None else str(content)
    evidence = list(getattr(response, "evidence", ()))
    sentences = [sentence for sentence in _SENTENCE.split(text.strip()) if sentence]
    return {
        "answered": bool(sentences) and bool(getattr(response, "answered", True)),
        "confidence": float(getattr(response, "confidence", 0.0)),
        "sentences": [{"text": s, "citations": [], "evidence": [e["id"] for e in evidence]} for s in sentences],
        "evidence": evidence,
        "citations": list(getattr(response, "citations", ())),
        "timings": {"total_time_ms": float(getattr(response, "processing_time", 0.0))},
    }


def _shown(response: object) -> Shown:
    return shown(as_reply(response))


def _awaited(answers: Answers, query: str) -> object:
    """A response in the calling thread, which has no event loop."""
    response = answers(query)
    if not inspect.isawaitable(response):
        return response

    async def wait(pending: Awaitable[object]) -> object:
        return await pending

    return asyncio.run(wait(response))


def _asking(enrolled: Enrolled, query: str) -> str:
    return hex_hash(enrolled.trial.spec.name, enrolled.unit, query, size=16)
