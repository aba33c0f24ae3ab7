"""Whether the semantic tier may go on: some of its hits are answered anew as well, and what differs is counted.

::

    hit --one in so many--> answered anew --tells the same?--> Evidence --E >= 1/alpha--> stopped

The evidence is an e-process for the hypothesis that at most `epsilon` of the hits are wrong: the product of likelihood
ratios of several worse shares, averaged. While the hypothesis holds it is a supermartingale, so the chance that it ever
reaches 1/alpha, however often it is looked at, is at most alpha (Ville's inequality). Once stopped, the tier stays so
until a person starts it again.
"""

from __future__ import annotations

import json
import logging
import math
import threading
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Self

from cmo.errors import StoreFull
from cmo.kit.chance import Chance
from cmo.kit.files import exclusive
from cmo.kit.hot import HotFile

log = logging.getLogger("cmo.cache")

WORSE = (1.5, 2.0, 4.0, 8.0, 16.0)
"""Shares of wrong hits that the evidence looks for, in multiples of `epsilon`."""
_SURELY = 0.95


@dataclass(frozen=True, slots=True)
class Told:
    """What an answer says, for comparison."""

    papers: frozenset[str]
    """That it cites."""
    sentences: frozenset[str]
    refused: bool = False

    def agrees(self, other: Told, *, papers: float = 0.5, sentences: float = 0.5) -> bool:
        """Whether two answers tell the same: these shares of the papers and sentences of the shorter are the other's."""
        if self.refused or other.refused:
            return self.refused and other.refused
        return _shared(self.papers, other.papers) >= papers and _shared(self.sentences, other.sentences) >= sentences


@dataclass(frozen=True, slots=True)
class Evidence:
    """How many hits were looked at, and what follows. Frozen: each look makes a new one."""

    epsilon: float
    """The share of wrong hits that is put up with."""
    alpha: float
    """The chance of stopping a tier that keeps to it."""
    looked: int = 0
    wrong: int = 0
    stopped: bool = False

    @property
    def e_value(self) -> float:
        """Evidence against the hypothesis that at most `epsilon` are wrong; 1 before the first look."""
        right = self.looked - self.wrong
        shares = [min(_SURELY, self.epsilon * times) for times in WORSE]
        logs = [
            self.wrong * math.log(q / self.epsilon) + right * math.log((1 - q) / (1 - self.epsilon)) for q in shares
        ]
        top = max(logs)
        mean = top + math.log(sum(math.exp(value - top) for value in logs) / len(logs))
        return math.exp(min(mean, 700.0))

    def after(self, *, wrong: bool) -> Self:
        """With one more hit looked at. Evidence that was once enough stays enough."""
        seen = replace(self, looked=self.looked + 1, wrong=self.wrong + wrong)
        return replace(seen, stopped=self.stopped or seen.e_value >= 1 / seen.alpha)

    @classmethod
    def of(cls, data: bytes) -> Self:
        """From a file.

        Raises:
            ValueError: it is not what `encoded` writes.
        """
        facts = json.loads(data)
        try:
            found = cls(**facts)
        except TypeError as error:
            raise ValueError(str(error)) from error
        sound = isinstance(found.stopped, bool) and isinstance(found.looked, int) and isinstance(found.wrong, int)
        if not (sound and 0 < found.epsilon < _SURELY and 0 < found.alpha < 1 and 0 <= found.wrong <= found.looked):
            raise ValueError("numbers out of range")
        return found

    def encoded(self) -> bytes:
        """For a file."""
        return json.dumps(asdict(self)).encode()


class Audit:
    """Draws the hits to look at, and keeps what was found, for all processes that share the file.

    Args:
        path: the file.
        chance: numbers of [0, 1).
        share: of the hits that are looked at.
        epsilon: the share of wrong hits that is put up with.
        alpha: the chance of stopping a tier that keeps to it.
    """

    def __init__(
        self, path: Path, chance: Chance, *, share: float = 0.05, epsilon: float = 0.05, alpha: float = 0.05
    ) -> None:
        self._path = path
        self._chance = chance
        self._share = share
        self._start = Evidence(epsilon, alpha)
        self._kept = HotFile(path, decode=Evidence.of, encode=Evidence.encoded, default=lambda: self._start)
        self._unwritten: Evidence | None = None
        self._lock = threading.Lock()

    @property
    def evidence(self) -> Evidence:
        """As it stands."""
        return self._unwritten or self._kept.now()

    @property
    def running(self) -> bool:
        """Whether the tier may answer."""
        return not (self._kept.now().stopped or (self._unwritten is not None and self._unwritten.stopped))

    def drawn(self) -> bool:
        """Whether this hit is one to look at."""
        return self._chance() < self._share

    def record(self, *, wrong: bool) -> Evidence:
        """What looking at a hit found. Where the file cannot be written, this process goes by it all the same."""
        with self._lock:
            try:
                with exclusive(self._path.with_suffix(".lock"), "semantic cache audit", wait=True):
                    seen = self.evidence.after(wrong=wrong)
                    self._kept.change(seen)
                    self._unwritten = None
            except (OSError, StoreFull) as error:
                seen = self._unwritten = self.evidence.after(wrong=wrong)
                log.warning("%s cannot be written; the audit is kept in memory alone: %s", self._path, error)
        if seen.stopped:
            log.warning(
                "the semantic cache has stopped itself: %d of %d hits that were looked at were wrong",
                seen.wrong,
                seen.looked,
            )
        return seen

    def start_again(self) -> None:
        """Let the tier answer again, with no evidence against it."""
        with self._lock, exclusive(self._path.with_suffix(".lock"), "semantic cache audit", wait=True):
            self._kept.change(self._start)
            self._unwritten = None


def _shared(one: frozenset[str], other: frozenset[str]) -> float:
    least = min(len(one), len(other))
    return len(one & other) / least if least else float(not (one or other))
