"""Comparisons kept to be read: one line of JSON each, in a file that only its owner reads and that never grows large.

::

    pair --> a line at the end of shadow.jsonl --too long?--> it becomes shadow.1.jsonl, the one before that goes

Several processes may write. A line that was cut off, by a full disk or a killed process, is skipped.
"""

from __future__ import annotations

import os
from collections import Counter, deque
from collections.abc import Iterator, Mapping
from contextlib import suppress
from dataclasses import asdict, dataclass
from datetime import datetime
from pathlib import Path
from typing import Any

import numpy as np
import orjson

from cmo.delivery.compare import Kind, Pair, Scored
from cmo.delivery.means import Interval, Moments, paired
from cmo.kit.clock import Clock
from cmo.kit.files import exclusive
from cmo.model.questions import Question

MOST_BYTES = 16_000_000
ALPHA = 0.05
LEAST = 20
"""Judged comparisons before a difference of support is told."""


@dataclass(frozen=True, slots=True)
class Entry:
    """A comparison as it was kept."""

    at: str
    candidate: str
    question: str
    """Empty where questions are not kept."""
    pair: Pair


@dataclass(frozen=True, slots=True)
class Summary:
    """What comparisons come to."""

    pairs: int
    kinds: Mapping[str, int]
    passages: float
    """Mean overlap of cited passages, 0 to 1."""
    papers: float
    sentences: float
    support: Interval | None
    """Of the difference, candidate less present, right at every look; None where few were judged."""
    judged: int
    milliseconds: tuple[float, float]
    """Median of the present one, and of the candidate."""
    slowest: tuple[float, float]
    """95th percentiles."""
    cost: tuple[float, float]
    """Dollars an answer."""


class Book:
    """Keeps comparisons of one candidate and reads those of all.

    Args:
        folder: where the files are.
        candidate: what it is called.
        clock: for the time of each.
        questions: whether the question is kept as well.
        most_bytes: of one of the two files.
    """

    def __init__(
        self, folder: Path, candidate: str, clock: Clock, *, questions: bool = True, most_bytes: int = MOST_BYTES
    ) -> None:
        self._path = folder / "shadow.jsonl"
        self._before = folder / "shadow.1.jsonl"
        self._candidate = candidate
        self._clock = clock
        self._questions = questions
        self._most = most_bytes

    def keep(self, question: Question, pair: Pair) -> None:
        """Add a comparison.

        Raises:
            OSError: the disk is full, or refuses.
        """
        told = question.text if self._questions else ""
        facts = {"at": self._clock.now().isoformat(), "candidate": self._candidate, "question": told}
        line = orjson.dumps(facts | {"pair": asdict(pair)}) + b"\n"
        if len(line) > self._most:
            return
        self._path.parent.mkdir(parents=True, exist_ok=True)
        with exclusive(self._path.with_suffix(".lock"), "shadow", wait=True):
            descriptor = os.open(self._path, os.O_WRONLY | os.O_APPEND | os.O_CREAT, 0o600)
            try:
                if os.fstat(descriptor).st_size + len(line) > self._most:
                    self._path.replace(self._before)
                    os.close(descriptor)
                    descriptor = os.open(self._path, os.O_WRONLY | os.O_APPEND | os.O_CREAT, 0o600)
                os.write(descriptor, line)
            finally:
                os.close(descriptor)

    def entries(self) -> Iterator[Entry]:
        """All that are kept, oldest first."""
        for path in (self._before, self._path):
            try:
                with path.open("rb") as file:
                    yield from (entry for line in file if (entry := _read(line)) is not None)
            except FileNotFoundError:
                continue

    def differences(self, limit: int = 20, candidate: str = "") -> list[Entry]:
        """The newest ones in which the two differ, newest first."""
        found: deque[Entry] = deque(maxlen=limit)
        found.extend(
            e for e in self.entries() if e.pair.kind is not Kind.SAME and (not candidate or e.candidate == candidate)
        )
        return list(reversed(found))

    def summary(self, candidate: str = "") -> Summary:
        """What they come to."""
        return summed([e.pair for e in self.entries() if not candidate or e.candidate == candidate])

    def forget(self, before: datetime) -> int:
        """Delete what is older; returns how many comparisons that were.

        Raises:
            OSError: the disk refuses.
        """
        limit, gone = before.isoformat(), 0
        with exclusive(self._path.with_suffix(".lock"), "shadow", wait=True):
            for path in (self._before, self._path):
                lines = path.read_bytes().splitlines(keepends=True) if path.exists() else []
                kept = [line for line in lines if (entry := _read(line)) is not None and entry.at >= limit]
                if len(kept) < len(lines):
                    gone += len(lines) - len(kept)
                    _rewrite(path, b"".join(kept))
        return gone

    def clear(self) -> None:
        """Forget all."""
        for path in (self._before, self._path):
            with suppress(FileNotFoundError):
                path.unlink()


def _rewrite(path: Path, data: bytes) -> None:
    """As a whole, and at no moment readable by others."""
    fresh = path.with_suffix(".new")
    fresh.unlink(missing_ok=True)
    descriptor = os.open(fresh, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    with os.fdopen(descriptor, "wb") as file:
        file.write(data)
        os.fsync(descriptor)
    fresh.replace(path)


def summed(pairs: list[Pair]) -> Summary:
    """What some comparisons come to; failures count in `kinds` alone."""
    told = [pair for pair in pairs if pair.kind is not Kind.FAILED]
    differences = [d for pair in told if (d := pair.difference) is not None]
    sides = [(pair.now, pair.candidate) for pair in told]
    times = np.array([[one.milliseconds for one in side] for side in sides]).reshape(-1, 2)
    costs = np.array([[one.cost for one in side] for side in sides]).reshape(-1, 2)
    overlaps = np.array([[p.passages, p.papers, p.sentences] for p in told]).reshape(-1, 3)
    passages, papers, sentences = (round(float(share), 4) for share in (overlaps.mean(axis=0) if told else np.ones(3)))
    return Summary(
        pairs=len(pairs),
        kinds=dict(Counter(pair.kind.value for pair in pairs)),
        passages=passages,
        papers=papers,
        sentences=sentences,
        support=paired(Moments.of(differences), ALPHA) if len(differences) >= LEAST else None,
        judged=len(differences),
        milliseconds=_both(np.median(times, axis=0) if told else np.zeros(2)),
        slowest=_both(np.quantile(times, 0.95, axis=0) if told else np.zeros(2)),
        cost=_both(costs.mean(axis=0) if told else np.zeros(2)),
    )


def _both(values: Any) -> tuple[float, float]:
    return float(values[0]), float(values[1])


def _read(line: bytes) -> Entry | None:
    try:
        facts = orjson.loads(line)
        pair = facts["pair"]
        sides = {
            name: Scored(**{**pair[name], "sentences": tuple(pair[name]["sentences"])}) for name in ("now", "candidate")
        }
        return Entry(
            facts["at"], facts["candidate"], facts["question"], Pair(**{**pair, "kind": Kind(pair["kind"]), **sides})
        )
    except (ValueError, KeyError, TypeError):
        return None
