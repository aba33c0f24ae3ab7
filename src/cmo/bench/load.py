"""Load: users who ask one question after the other, more or fewer of them as a pattern says, and what that took.

::

    users (closed loop) --pattern: how many are active now--> ask --> times --> figures, a grade
"""

from __future__ import annotations

import asyncio
import itertools
import math
import time
from collections.abc import Awaitable, Callable, Iterator, Sequence
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Final, assert_never

import numpy as np

from cmo.kit.tally import quantile

_IDLE_SECONDS: Final = 0.002
_BURSTS, _WAVES, _SPIKE = 5, 3, (0.45, 0.55)
_LOW: Final = 0.2
"""Share of the users who are active outside of a burst or a spike."""


class Pattern(StrEnum):
    """How many users are active in the course of a run."""

    CONSTANT = "constant"
    RAMP_UP = "ramp_up"
    BURST = "burst"
    SPIKE = "spike"
    WAVE = "wave"
    RANDOM = "random"


class Grade(StrEnum):
    """By mean time and share of questions within the target; from the documents."""

    A_PLUS = "A+"
    A = "A"
    B_PLUS = "B+"
    B = "B"
    C = "C"
    F = "F"


_GRADES: Final = (
    (1.0, 0.99, Grade.A_PLUS),
    (1.2, 0.97, Grade.A),
    (1.4, 0.95, Grade.B_PLUS),
    (1.6, 0.90, Grade.B),
    (2.0, 0.80, Grade.C),
)


@dataclass(frozen=True, slots=True)
class Answered:
    """One question of a run."""

    at: float
    """Seconds since the run began."""
    seconds: float
    ok: bool
    cached: bool


@dataclass(frozen=True, slots=True)
class Load:
    """A run."""

    users: int
    pattern: Pattern = Pattern.CONSTANT
    questions: int | None = None
    """How many in all; None for as many as come in `seconds`."""
    seconds: float | None = None
    target_seconds: float = 1.5


@dataclass(frozen=True, slots=True)
class Measured:
    """What a run took."""

    load: Load
    count: int
    mean: float
    p50: float
    p95: float
    p99: float
    longest: float
    success: float
    within: float
    """Share within the target."""
    rate: float
    hits: float
    """Share that was decided before."""
    grade: Grade
    peak_users: int
    answers: tuple[Answered, ...] = field(repr=False, default=())


Ask = Callable[[str], Awaitable[tuple[bool, bool]]]
"""Asks; says whether there was an answer, and whether it was kept."""


def active(pattern: Pattern, users: int, progress: float, chance: float) -> int:
    """How many users are active, at least one.

    Args:
        pattern: the shape.
        users: the most.
        progress: share of the run that is over.
        chance: of [0, 1), for `RANDOM`.
    """
    match pattern:
        case Pattern.CONSTANT:
            share = 1.0
        case Pattern.RAMP_UP:
            share = progress
        case Pattern.BURST:
            share = 1.0 if math.floor(progress * 2 * _BURSTS) % 2 else _LOW
        case Pattern.SPIKE:
            share = 1.0 if _SPIKE[0] <= progress < _SPIKE[1] else _LOW
        case Pattern.WAVE:
            share = 0.5 - 0.5 * math.cos(2 * math.pi * _WAVES * progress)
        case Pattern.RANDOM:
            share = chance
        case _:
            assert_never(pattern)
    return max(1, min(users, math.ceil(share * users)))


async def run(ask: Ask, questions: Iterator[str], load: Load, *, seed: int = 0) -> Measured:
    """Let users ask.

    Args:
        ask: asks one question; what it raises counts as no answer only where it returns that.
        questions: as many as are wanted.
        load: how many users, for how long.
        seed: of the chances of `Pattern.RANDOM`.
    """
    course = _Course(load, np.random.default_rng(seed))
    answers: list[Answered] = []

    async def user(number: int) -> None:
        while not course.over:
            if number >= course.active(len(answers)):
                await asyncio.sleep(_IDLE_SECONDS)
                continue
            course.begun += 1
            began = time.perf_counter()
            ok, cached = await ask(next(questions))
            ended = time.perf_counter()
            answers.append(Answered(ended - course.began, ended - began, ok, cached))
            await asyncio.sleep(0)

    async with asyncio.TaskGroup() as group:
        for number in range(load.users):
            group.create_task(user(number))
    return measured(load, answers, course.peak)


@dataclass
class _Course:
    load: Load
    rng: np.random.Generator
    began: float = field(default_factory=time.perf_counter)
    begun: int = 0
    peak: int = 0

    @property
    def over(self) -> bool:
        if self.load.questions is not None and self.begun >= self.load.questions:
            return True
        return self.load.seconds is not None and time.perf_counter() - self.began >= self.load.seconds

    def active(self, done: int) -> int:
        by_count = done / self.load.questions if self.load.questions else 0.0
        by_time = (time.perf_counter() - self.began) / self.load.seconds if self.load.seconds else 0.0
        now = active(self.load.pattern, self.load.users, min(1.0, max(by_count, by_time)), float(self.rng.random()))
        self.peak = max(self.peak, now)
        return now


def measured(load: Load, answers: Sequence[Answered], peak: int) -> Measured:
    """Figures of a run."""
    times = sorted(answer.seconds for answer in answers)
    count = len(times) or 1
    mean = sum(times) / count
    within = sum(t <= load.target_seconds for t in times) / count
    last = max((answer.at for answer in answers), default=0.0)
    return Measured(
        load,
        len(times),
        mean,
        quantile(times, 0.5),
        quantile(times, 0.95),
        quantile(times, 0.99),
        times[-1] if times else 0.0,
        sum(answer.ok for answer in answers) / count,
        within,
        len(times) / last if last else 0.0,
        sum(answer.cached for answer in answers) / count,
        grade(mean, within) if times else Grade.F,
        peak,
        tuple(answers),
    )


def grade(mean: float, within: float) -> Grade:
    """By mean seconds and share within the target."""
    return next((name for most, least, name in _GRADES if mean < most and within > least), Grade.F)


_FORMS = (
    "What is {0}?", "How does {0} change in {1}?", "Which enzymes turn over {0}?", "Is {0} a biomarker of {1}?",
    "What are the latest findings on {0} in {1}?", "Which pathways link {0} and {1}?", "How is {0} measured in plasma?",
    "What does {0} have to do with {1}?", "Are there trials of {0} in {1} now?", "Why is {0} raised in {1}?",
    "Explain the role of {0} in {1}", "{0} and {1}",
)  # fmt: skip
_SUBJECTS = (
    "leucine", "tyrosine", "TMAO", "carnitine", "lactate", "citrate", "glutamine", "bile acids", "ceramides", "kynurenine",
    "homocysteine", "succinate", "itaconate", "urate", "choline", "betaine", "glycine", "serine", "taurine", "ornithine",
    "arginine", "proline", "alanine", "valine", "methionine", "cystine", "hippurate", "indoxyl sulfate", "sphingosine",
    "2-hydroxyglutarate",
)  # fmt: skip
_SETTINGS = (
    "phenylketonuria", "diabetes", "sepsis", "heart failure", "gout", "cystinuria", "obesity", "liver cancer", "fasting",
    "pregnancy", "kidney disease", "stroke", "exercise", "ageing", "hepatitis", "colitis", "glioma", "anorexia", "asthma",
    "porphyria",
)  # fmt: skip


def asked(repeats: float, seed: int = 0) -> Iterator[str]:
    """Questions for ever, of which a share was asked before."""
    rng = np.random.default_rng(seed)
    before: list[str] = []
    fresh = rng.permutation(len(_FORMS) * len(_SUBJECTS) * len(_SETTINGS))
    for number in itertools.cycle(fresh):
        while before and rng.random() < repeats:
            yield before[int(rng.integers(len(before)))]
        form, rest = divmod(int(number), len(_SUBJECTS) * len(_SETTINGS))
        question = _FORMS[form].format(_SUBJECTS[rest // len(_SETTINGS)], _SETTINGS[rest % len(_SETTINGS)])
        before.append(question)
        yield question
