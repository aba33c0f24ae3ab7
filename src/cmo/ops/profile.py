"""Where the time of a question goes: the spans of several runs, put together, and what they say would help. Pure.

::

    runs (a trace each)  -->  stages: median, interval, share of the whole, what is its own  -->  advice, each with its figure
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from math import comb
from statistics import median
from typing import Final

from cmo.kit.spans import Span, Trace

Path = tuple[str, ...]
SURE: Final = 0.95
"""Of an interval around a median."""
LONGEST_SECONDS: Final[Mapping[str, float]] = {"encode": 2.0, "retrieve": 3.0, "llm": 10.0}
"""Of a stage, as the integration document bounds them."""
LARGE_SHARE: Final = 0.3
"""Of the whole: a stage below it is not worth anybody's work (Amdahl)."""


@dataclass(frozen=True, slots=True)
class Run:
    """One time that the question was asked."""

    trace: Trace
    cpu_seconds: float


@dataclass(frozen=True, slots=True)
class Measured:
    """A median of the runs with its interval."""

    median: float
    low: float
    high: float


@dataclass(frozen=True, slots=True)
class Stage:
    """One stage of the question."""

    path: Path
    """From the whole down to it."""
    seconds: Measured
    began: float
    """Seconds after the whole began, on the median."""
    share: float
    """Of the whole."""
    own: float
    """Of the whole, in it and in none of its stages."""
    calls: int
    """In one run, at most."""

    @property
    def name(self) -> str:
        """Its own."""
        return self.path[-1]


@dataclass(frozen=True, slots=True)
class Profile:
    """Where the time went."""

    runs: int
    first_seconds: float
    """Of the first asking, which loads what is needed; not among the runs."""
    whole: Measured
    cpu_seconds: float
    """Of all threads, on the median."""
    stages: tuple[Stage, ...]
    """As a tree, from the top down."""

    def of(self, name: str) -> Measured:
        """All stages of a name together; zero where there is none."""
        found = [stage.seconds for stage in self.stages if stage.name == name]
        return Measured(sum(m.median for m in found), sum(m.low for m in found), sum(m.high for m in found))


@dataclass(frozen=True, slots=True)
class Trial:
    """The same question asked in another way, in turns with the usual one."""

    name: str
    seconds: Measured
    saved: Measured
    """Share of the usual time that it saves, pair by pair; less than 0 where it takes longer."""
    same: float
    """Share of the usual answer's sentences that its answer holds too."""


@dataclass(frozen=True, slots=True)
class Advice:
    """What would help, and the figure behind it."""

    what: str
    why: str


def profile(runs: Sequence[Run], first_seconds: float) -> Profile:
    """Put runs together.

    Args:
        runs: at least one.
        first_seconds: of an asking before them.
    """
    tables = [_by_path(run.trace) for run in runs]
    wholes = [run.trace.spans[-1].seconds for run in runs]
    usual = median(wholes)
    order: dict[Path, float] = {}
    for table in tables:
        for path, spans in table.items():
            order.setdefault(path, min(span.began for span in spans) - _root(spans[0]).began)
    paths = sorted(order, key=lambda path: [order[path[:n]] for n in range(1, len(path) + 1)])
    made = [_stage(path, tables, usual) for path in paths]
    return Profile(
        len(runs),
        first_seconds,
        measured(wholes),
        median(run.cpu_seconds for run in runs),
        tuple(made),
    )


def measured(values: Sequence[float]) -> Measured:
    """A median, and the order statistics that hold it between them in 95 of 100 (all of them where there are few)."""
    ordered, count = sorted(values), len(values)
    outside, below = 0.0, 0
    while below < count // 2 and (outside := outside + comb(count, below) / 2**count) <= (1 - SURE) / 2:
        below += 1
    low = max(0, below - 1)
    return Measured(median(ordered), ordered[low], ordered[count - 1 - low])


def trial(name: str, pairs: Sequence[tuple[float, float]], same: float) -> Trial:
    """Compare, by pairs of the usual time and the other one."""
    saved = measured([1 - other / usual for usual, other in pairs])
    return Trial(name, measured([other for _, other in pairs]), saved, same)


def advise(found: Profile, trials: Sequence[Trial] = ()) -> list[Advice]:
    """What would help, by what was measured; nothing where nothing would."""
    return [*_too_long(found), *_large(found), *_waiting(found), *_cold(found), *_tried(trials)]


def _too_long(found: Profile) -> Iterator[Advice]:
    for name, most in LONGEST_SECONDS.items():
        if (seconds := found.of(name).median) > most:
            yield Advice(
                _REMEDIES.get(name, "Look which of its stages is the largest."),
                f"{name} takes {seconds:.2f} s; it should take {most:g} s at most.",
            )


def _large(found: Profile) -> Iterator[Advice]:
    for stage in found.stages:
        if stage.own >= LARGE_SHARE and stage.name in _REMEDIES and len(stage.path) > 1:
            said = f"{stage.name} is {stage.own:.0%} of the whole ({1000 * stage.seconds.median:.1f} ms)"
            if stage.seconds.median <= LONGEST_SECONDS.get(stage.name, float("inf")):
                yield Advice(_REMEDIES[stage.name], f"{said}: it is what a change would pay for most.")


def _waiting(found: Profile) -> Iterator[Advice]:
    spread = found.whole.high / found.whole.low if found.whole.low else 1.0
    if spread > _UNSTEADY:
        yield Advice(
            "Measure again with less beside it, or with more --runs.",
            f"The median lies somewhere between {1000 * found.whole.low:.1f} and {1000 * found.whole.high:.1f} ms.",
        )


def _cold(found: Profile) -> Iterator[Advice]:
    if found.first_seconds > _COLD * found.whole.median and found.first_seconds > 1:
        yield Advice(
            "Ask a running `cmo serve`, which is warm before its first question.",
            f"The first asking takes {found.first_seconds:.1f} s, each further one {1000 * found.whole.median:.1f} ms.",
        )


def _tried(trials: Sequence[Trial]) -> Iterator[Advice]:
    for one in trials:
        if one.saved.low > _WORTH:
            stays = "all" if one.same >= 1 else f"{one.same:.0%}"
            yield Advice(
                f"{one.name[0].upper()}{one.name[1:]}, where what it leaves of an answer is enough for you.",
                f"It saves {one.saved.median:.0%} of the time (between {one.saved.low:.0%} and {one.saved.high:.0%}); "
                f"{stays} of this answer stays.",
            )


_COLD: Final = 10
_UNSTEADY: Final = 2.0
_WORTH: Final = 0.05
_REMEDIES: Final[Mapping[str, str]] = {
    "encode": "Give the encoder cores (CMO_THREADS, CMO_USE_GPU), or let kept answers serve (CMO_CACHE, `cmo cache warm`).",
    "walk": "Let a search follow fewer relations: MAX_HOPS, or ENABLE_MULTI_HOP=false.",
    "search": "Search fewer passages: filters of year, journal or section; `cmo bench` shows the index alone.",
    "web": "Lower CMO_WEB_PAGE_SECONDS: pages are read side by side within it.",
    "llm": "Use a smaller or nearer language model, or CMO_ANSWERS=extractive, which asks none.",
    "answer": "Let kept answers serve: CMO_CACHE, `cmo cache warm`.",
    "assess": "Judge fewer answers: ENABLE_QUALITY_VALIDATION=false.",
    "route": "Route by a head of your own (`cmo route train`), or set CMO_ROUTING=false.",
    "translate": "CMO_TRANSLATE=false answers in English.",
}


def _by_path(trace: Trace) -> dict[Path, list[Span]]:
    found: dict[Path, list[Span]] = {}
    for span in trace.spans:
        found.setdefault(_path(span), []).append(span)
    return found


def _path(span: Span) -> Path:
    return (*(_path(span.parent) if span.parent else ()), span.name)


def _root(span: Span) -> Span:
    return _root(span.parent) if span.parent else span


def _stage(path: Path, tables: Sequence[Mapping[Path, list[Span]]], usual: float) -> Stage:
    runs = [table.get(path, []) for table in tables]
    seconds = measured([sum(span.seconds for span in spans) for spans in runs])
    began = [min(span.began for span in spans) - _root(spans[0]).began for spans in runs if spans]
    within = [
        sum(span.seconds for inner, spans in table.items() if inner[:-1] == path for span in spans) for table in tables
    ]
    own = max(0.0, seconds.median - median(within))
    return Stage(path, seconds, median(began), seconds.median / usual, own / usual, max(len(spans) for spans in runs))
