"""How fast the service answers: `POST /query` of a process of its own, asked over a socket, nothing kept.

::

    cmo serve (CMO_CACHE=false) <--one after the other, then several at once-- questions
    an answer of eight sentences --judge--> how long that takes

Whoever asks runs on the same machine and takes its share of it.
"""

from __future__ import annotations

import json
import time
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing, contextmanager
from dataclasses import replace
from http import HTTPStatus
from http.client import HTTPConnection
from pathlib import Path
from typing import Final
from urllib.parse import urlsplit

import numpy as np

from cmo.app import App
from cmo.assess import reviewed
from cmo.bench.figures import Row
from cmo.bench.running import running
from cmo.errors import NotFound
from cmo.oracle import admit

_P50_MS, _P99_MS, _A_SECOND, _JUDGED_MS = 15.0, 60.0, 120.0, 60.0
_AT_ONCE: Final = 6
_WORKERS: Final = 2
_WARM: Final = 20
_SENTENCES: Final = 8
_PATIENCE: Final = 30.0


def measure(house: App, questions: Sequence[str]) -> Iterator[Row]:
    """All figures.

    Args:
        house: a base with papers.
        questions: at least some dozens, each asked once a round.

    Raises:
        NotFound: there are no papers.
    """
    if house.shelf.current() is None:
        raise NotFound(f"There are no papers in {house.folder}. Name a base with --home, or run `cmo ingest`.")
    yield from judged(house, questions)
    yield from over_http(house, questions)


def over_http(house: App, questions: Sequence[str]) -> Iterator[Row]:
    """How fast a service of two processes answers over a socket, nothing kept; each question is new to it."""
    with service(house.folder, CMO_CACHE="false") as address:
        alone = _alone(address, questions[::2])
        yield Row.at_most("POST /query, one at a time, p50", round(float(np.median(alone)), 2), "ms", _P50_MS)
        yield Row.at_most("POST /query, one at a time, p99", round(float(np.quantile(alone, 0.99)), 2), "ms", _P99_MS)
        rate = _together(address, questions[1::2])
        yield Row.at_least(f"POST /query, {_AT_ONCE} at a time", round(rate, 1), "/s", _A_SECOND)


def judged(house: App, questions: Sequence[str]) -> Iterator[Row]:
    """An answer of eight sentences, put together from answers that have fewer."""
    answers = [house.oracle.reply(admit(question)).answer for question in questions[:40]]
    pool = [s for answer in answers for s in answer.sentences]
    if len(pool) < _SENTENCES:
        return
    cited = {c.paper: c for answer in answers for c in answer.citations}
    spent = []
    for n in range(0, min(len(pool) - _SENTENCES, 160), 4):
        answer = replace(answers[0], sentences=tuple(pool[n : n + _SENTENCES]), citations=tuple(cited.values()))
        began = time.perf_counter()
        house.assessor.assess(reviewed(answer))
        spent.append((time.perf_counter() - began) * 1000)
    p50 = round(float(np.median(spent)), 2)
    yield Row.at_most(f"judging an answer of {_SENTENCES} sentences, p50", p50, "ms", _JUDGED_MS)


def _alone(address: str, questions: Sequence[str]) -> list[float]:
    spent = []
    with closing(_line(address)) as line:
        for n, question in enumerate((*questions[:_WARM], *questions)):
            began = time.perf_counter()
            _post(line, question)
            if n >= _WARM:
                spent.append((time.perf_counter() - began) * 1000)
    return spent


def _together(address: str, questions: Sequence[str]) -> float:
    """Answers a second."""

    def ask(mine: Sequence[str]) -> None:
        with closing(_line(address)) as line:
            for question in mine:
                _post(line, question)

    began = time.perf_counter()
    with ThreadPoolExecutor(_AT_ONCE) as askers:
        list(askers.map(ask, [questions[n::_AT_ONCE] for n in range(_AT_ONCE)]))
    return len(questions) / (time.perf_counter() - began)


def _line(address: str) -> HTTPConnection:
    """A connection of the standard library: whoever asks takes as little as may be of the machine that answers."""
    return HTTPConnection(urlsplit(address).netloc, timeout=_PATIENCE)


def _post(line: HTTPConnection, question: str) -> None:
    line.request("POST", "/query", json.dumps({"query": question}), {"Content-Type": "application/json"})
    reply = line.getresponse()
    text = reply.read()
    if reply.status != HTTPStatus.OK:
        raise NotFound(f"The service answered {reply.status} to {question!r}: {text[:200]!r}.")


@contextmanager
def service(folder: Path, workers: int = _WORKERS, /, **environment: str) -> Iterator[str]:
    """Address of `cmo serve` on a base, in processes of its own.

    Raises:
        NotFound: it does not begin.
    """
    with running(folder, workers, **environment) as one:
        yield one.address
