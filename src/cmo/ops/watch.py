"""Who listens to the service: what was asked, what came of it and what it took, as counts; nothing of what was said.

::

    boundary --request over----> Watch --> counts, slow traces, refusals --> /metrics, /api/metrics, /ops
    questions --reply told------>   '----> each request to the log, and to whoever exports traces
    recall --answer made-------->

What happens at each request is only noted where it happens, and counted once a second, in a thread: what is alike together.
Listening never breaks a reply: what cannot be read in an answer is not counted.

What is noted is plain, and a trace is let go of at once: it and its spans know one another, so that only the collector of
garbage would find them, and looking through a thousand of them a second cost as much as all the rest.
"""

from __future__ import annotations

import logging
import math
import threading
from collections import defaultdict, deque
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any, Final, NamedTuple, Protocol, TypeVar

from cmo.errors import Overloaded
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
SENT_AWAY: Final = {
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


_Stages = Sequence[tuple[str, float, str]]
"""Name, seconds, and the kind of error that ended it."""
_Over = tuple[str, str, int | str, float, str, _Stages]
"""Endpoint, method, status, seconds, trace and stages of a request."""
Hear = Callable[[Request, Trace], None]
"""Is told of a request that is over; must look at its stages at once."""


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
        hear: are told of each request, as this is: an exporter of traces.
        remark: are told of those alone that are refused, or slow: the log, as a rule.
        slow: seconds from which on a request is slow.
        log_questions: whether the log may hold what was asked.
    """

    def __init__(
        self,
        counts: Counts,
        clock: Clock,
        engine: str = "cmo",
        hear: Sequence[Hear] = (),
        *,
        remark: Sequence[Hear] = (),
        slow: float = math.inf,
        log_questions: bool = False,
    ) -> None:
        self.counts = counts
        self.log_questions = log_questions
        self._refusals: deque[Refusal] = deque(maxlen=REFUSALS)
        self._clock = clock
        self._engine = engine
        self._hear = tuple(hear)
        self._remark = tuple(remark)
        self._slow_seconds = slow
        self._slow: list[tuple[float, str, str, list[tuple[str, float]]]] = []
        self._lock = threading.Lock()
        self._folding = threading.Lock()
        self._requests: deque[_Over] = deque()
        self._questions: deque[tuple[str, str, float, str]] = deque()
        self.asking = 0
        """Questions that are being answered; who begins one counts it here."""
        self._active = 0

    def began(self) -> None:
        """A request came in."""
        self._active += 1

    def ended(self, request: Request, trace: Trace) -> None:
        """Its last byte was sent, or nobody waited for it any more."""
        self._active -= 1
        for hear in self._hear:
            hear(request, trace)
        status: int | str = request.status
        if request.status >= _REFUSED or request.seconds >= self._slow_seconds:
            self._remarked(request, trace)
            if request.code == Overloaded.code:
                status = c.OVERLOADED
        spans = trace.spans
        stages = [(stage.name, stage.seconds, stage.error) for stage in spans[:-1]] if len(spans) > 1 else ()
        self._requests.append((request.endpoint, request.method, status, request.seconds, trace.id, stages))
        spans.clear()
        if len(self._requests) > PENDING:
            self.fold()

    def question_ended(self, outcome: str, tier: str, seconds: float, arm: str = "") -> None:
        """What came of it: `outcome` is answered, refused, failed or cancelled; `tier` where the reply was found."""
        self.asking -= 1
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
            self.counts.set(c.QUESTIONS_ACTIVE, float(self.asking))

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

    def _fold_requests(self, ended: Sequence[_Over], at: float) -> None:
        alike: defaultdict[tuple[str, str, int | str], list[tuple[float, str]]] = defaultdict(list)
        for endpoint, method, status, seconds, trace, _ in ended:
            alike[endpoint, method, status].append((seconds, trace))
        for (endpoint, method, status), seen in alike.items():
            name = endpoint or OTHER
            self.counts.add(c.HTTP_REQUESTS, name, method, str(status), amount=len(seen))
            self.counts.observe_all(c.HTTP_SECONDS, seen, name, at=at)
        self._fold_stages([(trace, stages) for *_, trace, stages in ended if stages], at)
        self._remember(ended)

    def _fold_stages(self, ended: Sequence[tuple[str, _Stages]], at: float) -> None:
        alike: defaultdict[str, list[tuple[float, str]]] = defaultdict(list)
        for trace, stages in ended:
            for name, seconds, error in stages:
                alike[name].append((seconds, trace))
                if name in _OUTSIDE:
                    self.counts.add(c.OUTSIDE_CALLS, name, "failed" if error else "answered")
                    self.counts.observe(c.OUTSIDE_SECONDS, seconds, name)
        for name, seen in alike.items():
            self.counts.observe_all(c.STAGE_SECONDS, seen, name, at=at)

    def _fold_questions(self, ended: Sequence[tuple[str, str, float, str]]) -> None:
        alike: defaultdict[tuple[str, str, str], list[tuple[float, str]]] = defaultdict(list)
        for outcome, tier, seconds, arm in ended:
            alike[outcome, tier, arm].append((seconds, ""))
        for (outcome, tier, arm), seen in alike.items():
            place = "near" if tier.endswith("-rephrased") else tier or "made"
            self.counts.add(c.QUESTIONS, outcome, place, amount=len(seen))
            self.counts.observe_all(c.QUESTION_SECONDS, seen, place)
            if arm:
                self.counts.add(c.RELEASE_ANSWERS, arm, amount=len(seen))
            if arm == "fallback":
                self.counts.add(c.FALLBACKS, "release", amount=len(seen))

    def _remarked(self, request: Request, trace: Trace) -> None:
        for hear in self._remark:
            hear(request, trace)
        if request.status >= _REFUSED:
            self._refused(request)

    def _refused(self, request: Request) -> None:
        self.counts.add(c.HTTP_PROBLEMS, request.code or "none")
        if (why := SENT_AWAY.get(request.code)) is not None:
            self.counts.add(c.ADMISSION_REFUSED, why)
        if request.endpoint or request.status >= _FAULT:  # what nobody offers is no refusal
            self._refusals.append(
                Refusal(self._clock.now().isoformat(), request.endpoint, request.status, request.code, request.id)
            )

    def _remember(self, ended: Sequence[_Over]) -> None:
        """Keep those that are slower than what is kept."""
        with self._lock:
            least = self._slow[-1][0] if len(self._slow) >= SLOWEST else -1.0
            self._slow += [
                (seconds, endpoint, trace, [(name, took) for name, took, _ in stages])
                for endpoint, _, _, seconds, trace, stages in ended
                if seconds > least
            ]
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
