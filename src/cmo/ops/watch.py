"""Who listens to the service: what was asked, what came of it and what it took, as counts; nothing of what was said.

::

    boundary --request over----> Watch --> counts, slow traces, refusals --> /metrics, /api/metrics, /ops
    questions --reply told------>   '----> each request to the log, and to whoever exports traces
    recall --answer made-------->

What happens at each request is only noted where it happens, and counted once a second, in a thread.
Listening never breaks a reply: what cannot be read in an answer is not counted.
"""

from __future__ import annotations

import logging
import threading
from collections import Counter, deque
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any, Final, NamedTuple, Protocol, TypeVar

from cmo.kit.clock import Clock
from cmo.kit.spans import Trace
from cmo.ops import catalogue as c
from cmo.ops.counts import Counts
from cmo.ops.metric import OTHER

log = logging.getLogger("cmo.ops")
T = TypeVar("T")

REFUSALS: Final = 50
SLOWEST: Final = 20
PENDING: Final = 1000
"""Requests that wait to be counted, at most."""
_FAULT: Final = 500
_REFUSED: Final = 400
_SENT_AWAY: Final = {
    "too-many": "rate",
    "overloaded": "full",
    "not-now": "full",
    "resting": "broken",
    "out-of-time": "no-time",
}
"""Problems by which the service protects itself, and why."""
_OUTSIDE: Final = frozenset({"llm", "web"})
"""Stages that are calls to services of that name."""


class Request(NamedTuple):
    """One that was answered, as logs and metrics see it; made for each, so it is a tuple."""

    id: str
    endpoint: str
    """The route, such as ``/papers/{paper_id}``; empty where there is none."""
    method: str
    status: int
    seconds: float
    code: str = ""
    """Of a problem; empty where the reply is none."""
    key: str = ""
    """Id of the key that was used, if any; never the key."""


@dataclass(frozen=True, slots=True)
class Refusal:
    """A request that was not granted."""

    at: str
    endpoint: str
    status: int
    code: str
    request_id: str


class Listener(Protocol):
    """Is told of requests."""

    def began(self) -> None:
        """One came in."""
        ...

    def ended(self, request: Request, trace: Trace) -> None:
        """One is over: its last byte was sent, or nobody waited for it any more. Never fails."""
        ...


class Watch:
    """Counts what happens in one process. Threads may share it.

    Args:
        counts: where.
        clock: both clocks.
        engine: that answers, as the settings say.
        hear: are told of each request, as this is: the log, an exporter of traces.
        log_questions: whether the log may hold what was asked.
    """

    def __init__(
        self,
        counts: Counts,
        clock: Clock,
        engine: str = "cmo",
        hear: Sequence[Callable[[Request, Trace], None]] = (),
        *,
        log_questions: bool = False,
    ) -> None:
        self.counts = counts
        self.log_questions = log_questions
        self._refusals: deque[Refusal] = deque(maxlen=REFUSALS)
        self._clock = clock
        self._engine = engine
        self._hear = tuple(hear)
        self._slow: list[tuple[float, str, str, list[tuple[str, float]]]] = []
        self._lock = threading.Lock()
        self._folding = threading.Lock()
        self._requests: deque[tuple[Request, Trace]] = deque()
        self._questions: deque[tuple[str, str, float, str]] = deque()
        self._active = self._asking = 0

    def began(self) -> None:
        """A request came in."""
        self._active += 1

    def ended(self, request: Request, trace: Trace) -> None:
        """Its last byte was sent, or nobody waited for it any more."""
        self._active -= 1
        self._requests.append((request, trace))
        if request.status >= _REFUSED:
            self._refused(request)
        for hear in self._hear:
            hear(request, trace)
        if len(self._requests) > PENDING:
            self.fold()

    def question_began(self) -> None:
        """Somebody asked."""
        self._asking += 1

    def question_ended(self, outcome: str, tier: str, seconds: float, arm: str = "") -> None:
        """What came of it: `outcome` is answered, refused, failed or cancelled; `tier` where the reply was found."""
        self._asking -= 1
        self._questions.append((outcome, tier, seconds, arm))
        if len(self._questions) > PENDING:
            self.fold()

    def made(self, reply: Mapping[str, Any]) -> None:
        """An answer was made; `reply` as it is sent."""
        try:
            self._count(reply)
        except (KeyError, TypeError, ValueError, AttributeError) as error:
            log.warning("an answer cannot be counted: %r", error)

    def fold(self) -> None:
        """Let the counts tell all that happened until now, and how much is under way."""
        with self._folding:
            at = self._clock.now().timestamp()
            self._fold_requests(_taken(self._requests), at)
            self._fold_questions(_taken(self._questions))
            self.counts.set(c.HTTP_ACTIVE, float(self._active))
            self.counts.set(c.QUESTIONS_ACTIVE, float(self._asking))

    def show(self) -> None:
        """Let the counts tell the slowest requests and the last refusals."""
        self.counts.show("slowest", self._slowest())
        self.counts.show("refusals", [asdict(refusal) for refusal in list(self._refusals)])

    def _slowest(self) -> list[dict[str, Any]]:
        """The slowest requests since the process began, with what their stages took."""
        with self._lock:
            kept = list(self._slow)
        return [
            {
                "endpoint": endpoint,
                "trace_id": trace,
                "ms": round(seconds * 1000, 3),
                "stages": [{"stage": name, "ms": round(took * 1000, 3)} for name, took in stages],
            }
            for seconds, endpoint, trace, stages in kept
        ]

    def _fold_requests(self, ended: Sequence[tuple[Request, Trace]], at: float) -> None:
        many = Counter((request.endpoint or OTHER, request.method, request.status) for request, _ in ended)
        for (endpoint, method, status), count in many.items():
            self.counts.add(c.HTTP_REQUESTS, endpoint, method, str(status), amount=count)
        took: dict[str, list[tuple[float, str]]] = {}
        stages: dict[str, list[tuple[float, str]]] = {}
        for request, trace in ended:
            took.setdefault(request.endpoint or OTHER, []).append((request.seconds, trace.id))
            if len(trace.spans) > 1:
                for stage in trace.spans[:-1]:
                    stages.setdefault(stage.name, []).append((stage.seconds, trace.id))
                    if stage.name in _OUTSIDE:
                        self.counts.add(c.OUTSIDE_CALLS, stage.name, "failed" if stage.error else "answered")
                        self.counts.observe(c.OUTSIDE_SECONDS, stage.seconds, stage.name)
                self._remember(request, trace)
        for endpoint, seen in took.items():
            self.counts.observe_all(c.HTTP_SECONDS, seen, endpoint, at=at)
        for name, seen in stages.items():
            self.counts.observe_all(c.STAGE_SECONDS, seen, name, at=at)

    def _fold_questions(self, ended: Sequence[tuple[str, str, float, str]]) -> None:
        took: dict[str, list[tuple[float, str]]] = {}
        for outcome, tier, seconds, _ in ended:
            place = "near" if tier.endswith("-rephrased") else tier or "made"
            self.counts.add(c.QUESTIONS, outcome, place)
            took.setdefault(place, []).append((seconds, ""))
        for place, seen in took.items():
            self.counts.observe_all(c.QUESTION_SECONDS, seen, place)
        for arm, count in Counter(arm for *_, arm in ended if arm).items():
            self.counts.add(c.RELEASE_ANSWERS, arm, amount=count)
            if arm == "fallback":
                self.counts.add(c.FALLBACKS, "release", amount=count)

    def _refused(self, request: Request) -> None:
        self.counts.add(c.HTTP_PROBLEMS, request.code or "none")
        if (why := _SENT_AWAY.get(request.code)) is not None:
            self.counts.add(c.ADMISSION_REFUSED, why)
        if request.endpoint or request.status >= _FAULT:  # what nobody offers is no refusal
            self._refusals.append(
                Refusal(self._clock.now().isoformat(), request.endpoint, request.status, request.code, request.id)
            )

    def _remember(self, request: Request, trace: Trace) -> None:
        with self._lock:
            if len(self._slow) >= SLOWEST and request.seconds <= self._slow[-1][0]:
                return
            stages = [(stage.name, stage.seconds) for stage in trace.spans[:-1]]
            self._slow.append((request.seconds, request.endpoint, trace.id, stages))
            self._slow.sort(key=lambda row: -row[0])
            del self._slow[SLOWEST:]

    def _count(self, reply: Mapping[str, Any]) -> None:
        counts, refusal = self.counts, reply["refusal"]
        counts.add(c.ANSWERS, reply["source"], self._engine)
        counts.add(c.COST, amount=float(reply["cost_usd"]))
        if (route := reply["route"]) is not None:
            counts.add(c.ROUTES, route["destination"], route["category"], route["decided_by"])
        if reply["source"] == "perplexity_fallback":
            counts.add(c.FALLBACKS, "web")
        elif reply["notice"]:
            counts.add(c.FALLBACKS, "notice")
        if refusal is not None:
            counts.add(c.ABSTENTIONS, refusal["reason"])
            return
        counts.observe(c.CONFIDENCE, float(reply["confidence"]))
        counts.add(c.CITATIONS, amount=len(reply["citations"]))
        counts.add(c.SENTENCES, "cited", amount=len(reply["sentences"]))
        counts.add(c.SENTENCES, "unsupported", amount=len(reply["unsupported"]))
        if (quality := reply["quality"]) is not None:
            counts.observe(c.QUALITY, float(quality["composite"]))
        if (enrichment := reply["enrichment"]) is not None:
            counts.observe(c.ENRICHMENT, float(enrichment["enrichment_score"]))
            counts.add(c.RELATIONSHIPS, amount=float(enrichment["relationships_used"]))


def _taken(waiting: deque[T]) -> list[T]:
    """What waits, taken out while more may come."""
    return [waiting.popleft() for _ in range(len(waiting))]
