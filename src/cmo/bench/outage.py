"""Fifty users, and everything outside fails, in turn and together: what each of them hears, and what was paid for.

::

    users ──POST /query, deadline──> cmo serve ──> language model, web search: servers on loopback, with faults
                                         └───────> shared cache: gone, or one that never says a word
    what they hear: an answer | an honest refusal | nothing in time
    requests that were sent, beside what the ledger holds: none may be missing there
"""

from __future__ import annotations

import socket
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from decimal import Decimal
from enum import StrEnum
from pathlib import Path
from typing import Final, Self

import httpx
import numpy as np

from cmo.app import opened
from cmo.bench.outage_faults import Outage, drawn, found, speaks
from cmo.bench.served import service
from cmo.bench.slow_model import SlowModel
from cmo.model.money import dollars
from cmo.settings import read_settings
from cmo.spend import Price

USERS: Final = 50
SECONDS: Final = 5.0
"""That a user gives a question."""
PATIENCE: Final = 0.5
"""That it takes at most to say so when they are over: fifty users on two cores."""
_LONG: Final = 60.0
_RECOVERS: Final = 60.0
"""That breakers take at most to close."""
_PAUSE: Final = 0.5
_AT_ONCE: Final = 4
_STATUS_REFUSED: Final = frozenset({429, 503, 504})
_MODEL: Final = "m"


class Heard(StrEnum):
    """What a user heard."""

    ANSWER = "an answer"
    REFUSAL = "a refusal"
    """That the papers do not say enough, or that it takes too long, or is too much now: always with a reason."""
    ERROR = "an error"


@dataclass(frozen=True, slots=True)
class Drilled:
    """What came of an outage."""

    outage: str
    heard: Sequence[tuple[Heard, float]]
    """By each user, and after how many seconds."""
    sent: int
    """Requests that reached the outside."""
    entries: int
    """Of the ledger."""
    beyond: float
    """Dollars that were paid beyond what was set aside."""

    @property
    def in_time(self) -> float:
        """Share of users that heard an answer or a refusal in time."""
        return float(np.mean([h is not Heard.ERROR and s <= SECONDS + PATIENCE for h, s in self.heard]))

    @property
    def answered(self) -> float:
        """Share of users that heard an answer."""
        return float(np.mean([h is Heard.ANSWER for h, _ in self.heard]))

    @property
    def slowest(self) -> float:
        """Seconds."""
        return max(s for _, s in self.heard)

    @property
    def unreserved(self) -> float:
        """Cents: what was paid beyond what was set aside, and one for each request that nobody had paid for."""
        return 100 * self.beyond + max(0, self.sent - self.entries)


def together(ask: Callable[[int], Heard], users: int = USERS) -> list[tuple[Heard, float]]:
    """All users ask at once, each from a thread of their own."""
    ready = threading.Barrier(users)

    def timed(n: int) -> tuple[Heard, float]:
        ready.wait()
        began = time.monotonic()
        return ask(n), time.monotonic() - began

    with ThreadPoolExecutor(users) as threads:
        return list(threads.map(timed, range(users)))


class Drill:
    """A service with everything outside it on loopback, to be failed. Serves while entered.

    Args:
        folder: a base with papers; its ledger is added to.
        questions: asked in turn; every other one asks for news, so that the web is wanted.
        cache: of the service, as in `Outage`.
    """

    def __init__(self, folder: Path, questions: Sequence[str], cache: str = "none") -> None:
        self._folder = folder
        self._questions = questions
        self._cache = cache
        self._model, self._web = SlowModel(0, fault=speaks), SlowModel(0, fault=found)
        self._held = ExitStack()
        self._round = 0
        self._address = ""

    def __enter__(self) -> Self:
        _priced(self._folder)
        with ExitStack() as stack:
            cache = stack.enter_context(_cache(self._cache))
            stack.enter_context(self._model)
            stack.enter_context(self._web)
            environment = _environment(self._model.url, self._web.url, cache)
            self._address = stack.enter_context(service(self._folder, **environment))
            self._held = stack.pop_all()
        self._works()
        return self

    def __exit__(self, *_: object) -> None:
        self._held.close()

    def run(self, outage: Outage, users: int = USERS) -> Drilled:
        """One outage, from a state in which everything works."""
        self._works()
        before, sent = _ledger(self._folder), self._sent
        self._model.fault, self._web.fault = drawn(outage.model, speaks), drawn(outage.web, found)
        heard = together(lambda n: self._ask(n, SECONDS), users)
        self._model.fault, self._web.fault = speaks, found
        self._settled()
        after = _ledger(self._folder)
        return Drilled(outage.name, heard, self._sent - sent, after[0] - before[0], after[1] - before[1])

    @property
    def _sent(self) -> int:
        return self._model.requests + self._web.requests

    def _works(self) -> None:
        """Wait until the model and the web are asked again: whatever was loaded is loaded, no breaker is open."""
        ends = time.monotonic() + _RECOVERS
        while time.monotonic() < ends:
            model, web = self._model.requests, self._web.requests
            with ThreadPoolExecutor(_AT_ONCE) as threads:
                heard = list(threads.map(lambda n: self._ask(n, _LONG), range(2 * _AT_ONCE)))
            self._round += 1
            asked = self._model.requests > model and self._web.requests > web
            if asked and all(h is not Heard.ERROR for h in heard):
                return
            time.sleep(_PAUSE)

    def _settled(self) -> None:
        """Wait for those whose users have gone."""
        self._round += 1
        ends = time.monotonic() + _LONG
        while (self._model.at_once or self._web.at_once) and time.monotonic() < ends:
            time.sleep(_PAUSE)

    def _ask(self, n: int, seconds: float) -> Heard:
        question = self._questions[n % len(self._questions)]
        wanted = "What is the latest news of this year on this: " if n % 2 else ""
        body = {"query": f"{wanted}{question} ({self._round})", "deadline_ms": int(1000 * seconds)}
        try:
            reply = httpx.post(f"{self._address}/query", json=body, timeout=_LONG)
            facts = reply.json()
        except (httpx.TransportError, ValueError):
            return Heard.ERROR
        if reply.status_code == httpx.codes.OK:
            return Heard.ANSWER if facts["answered"] else Heard.REFUSAL
        return Heard.REFUSAL if reply.status_code in _STATUS_REFUSED and facts.get("detail") else Heard.ERROR


def _priced(folder: Path) -> None:
    """What the model and the search of the drill cost: a dollar for a thousand tokens that come back."""
    with opened(read_settings(working_dir=folder, database_url="")) as house:
        for name in (_MODEL, "sonar"):
            house.treasury.own_prices.put(Price(name, output=Decimal(1000)))


def _environment(model: str, web: str, cache: str) -> dict[str, str]:
    return {
        "CMO_LLM_URL": model,
        "CMO_LLM_MODEL": _MODEL,
        "CMO_ANSWERS": "generated",
        "CMO_ROUTING": "true",
        "PERPLEXITY_API_KEY": "none",
        "CMO_PERPLEXITY_URL": web,
        "CMO_WEB_PAGE_SECONDS": "0",
        "LIGHTRAG_MAX_DAILY_BUDGET": "1000000",
        "LIGHTRAG_MONTHLY_BUDGET": "1000000",
        "CMO_CACHE": "true" if cache else "false",
        "CMO_REDIS_URL": cache,
    }


def _ledger(folder: Path) -> tuple[int, float]:
    """Calls that it holds, and dollars that were paid beyond what was set aside."""
    with opened(read_settings(working_dir=folder, database_url="")) as house:
        report = house.treasury.report(1)
    return report.calls, float(dollars(report.unreserved))


@contextmanager
def _cache(state: str) -> Iterator[str]:
    """Address of a shared cache in that state; empty where there is none."""
    if state == "none":
        yield ""
        return
    with socket.socket() as door:
        door.bind(("127.0.0.1", 0))
        if state == "hangs":
            door.listen(200)  # connections are taken by the system, and nobody ever reads them
        yield f"redis://127.0.0.1:{door.getsockname()[1]}/0"
