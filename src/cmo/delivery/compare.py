"""Two answers to one question, side by side: what they share, and what each is worth.

::

    reply as it was sent --shown--> Shown ---+
                                             +--compare--> Pair (kind, overlaps, support, time, cost)
    what the candidate said --shown--> Shown +

Numbers are of both; the texts stay with a pair only where the two differ, for a person to read.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Any

from cmo.kit.text import clean_line


class Kind(StrEnum):
    """How two answers differ."""

    SAME = "same"
    """The same sentences from the same places, or both refuse."""
    REWORDED = "reworded"
    """Other sentences from the same papers."""
    OTHER_PAPERS = "other-papers"
    """They rest on different papers."""
    GAINED = "gained"
    """Only the candidate answers."""
    LOST = "lost"
    """Only the candidate refuses."""
    FAILED = "failed"
    """The candidate ended in an error, or did not end."""


@dataclass(frozen=True, slots=True)
class Shown:
    """What of a reply can be compared."""

    answered: bool
    sentences: tuple[str, ...] = ()
    cites: tuple[tuple[int, ...], ...] = ()
    """Numbers of the sources of each sentence."""
    sources: Mapping[int, tuple[str, ...]] = field(default_factory=dict)
    """What each source says, verbatim."""
    passages: frozenset[str] = frozenset()
    """Ids of the cited passages."""
    papers: frozenset[str] = frozenset()
    confidence: float = 0.0
    milliseconds: float = 0.0
    cost: float = 0.0
    """Dollars."""


@dataclass(frozen=True, slots=True)
class Scored:
    """What one answer is worth, and what it took."""

    answered: bool
    support: float | None
    """How well its sentences are borne out, 0 to 1; None where nothing was said or nobody judged."""
    milliseconds: float
    cost: float
    sentences: tuple[str, ...] = ()
    """Only where the two differ."""


@dataclass(frozen=True, slots=True)
class Pair:
    """Two answers to one question."""

    kind: Kind
    passages: float
    """Share of the cited passages that both cite, of those that either does."""
    papers: float
    sentences: float
    now: Scored
    candidate: Scored
    why: str = ""
    """What went wrong, where the candidate failed."""

    @property
    def difference(self) -> float | None:
        """Of support, candidate less present; None where one has none."""
        if self.now.support is None or self.candidate.support is None:
            return None
        return self.candidate.support - self.now.support


def shown(reply: Mapping[str, Any]) -> Shown:
    """What of a reply, as it is sent, can be compared.

    Raises:
        ValueError: it is none.
    """
    try:
        sentences = reply["sentences"]
        sources: dict[int, dict[str, None]] = {}
        for one in reply["evidence"]:
            sources.setdefault(int(one["citation"]), {})[str(one["text"])] = None
        return Shown(
            answered=bool(reply["answered"]),
            sentences=tuple(str(said["text"]) for said in sentences),
            cites=tuple(tuple(map(int, said["citations"])) for said in sentences),
            sources={number: tuple(lines) for number, lines in sources.items()},
            passages=frozenset(str(key) for said in sentences for key in said["evidence"]),
            papers=frozenset(str(cited["paper_id"]) for cited in reply["citations"]),
            confidence=float(reply["confidence"]),
            milliseconds=float(reply["timings"]["total_time_ms"]),
            cost=float(reply.get("cost_usd") or 0.0),
        )
    except (KeyError, TypeError, AttributeError) as error:
        message = f"no reply that could be compared: {type(error).__name__} {error}"
        raise ValueError(message) from error


def compare(now: Shown, candidate: Shown, support: tuple[float | None, float | None] = (None, None)) -> Pair:
    """Put two answers side by side.

    Args:
        now: what the user saw.
        candidate: what nobody saw.
        support: how well each is borne out.
    """
    said = [frozenset(clean_line(line).casefold() for line in one.sentences) for one in (now, candidate)]
    papers, sentences = _overlap(now.papers, candidate.papers), _overlap(*said)
    passages = _overlap(now.passages, candidate.passages)
    kind = _kind(now, candidate, papers, same=sentences == passages == 1.0)
    texts = ((), ()) if kind is Kind.SAME else (now.sentences, candidate.sentences)
    return Pair(
        kind, passages, papers, sentences, _scored(now, support[0], texts[0]), _scored(candidate, support[1], texts[1])
    )  # fmt: skip


def failed(now: Shown, why: str, milliseconds: float = 0.0) -> Pair:
    """What remains where the candidate said nothing."""
    nothing = Scored(answered=False, support=None, milliseconds=milliseconds, cost=0.0)
    return Pair(Kind.FAILED, 0.0, 0.0, 0.0, _scored(now, None, ()), nothing, why)


def _kind(now: Shown, candidate: Shown, papers: float, *, same: bool) -> Kind:
    match now.answered, candidate.answered:
        case False, True:
            return Kind.GAINED
        case True, False:
            return Kind.LOST
        case False, False:
            return Kind.SAME
    if same:
        return Kind.SAME
    return Kind.REWORDED if papers == 1.0 else Kind.OTHER_PAPERS


def _scored(one: Shown, support: float | None, texts: Sequence[str]) -> Scored:
    return Scored(one.answered, support, one.milliseconds, one.cost, tuple(texts))


def _overlap(one: frozenset[str], other: frozenset[str]) -> float:
    """Jaccard's; 1 where both are empty."""
    return len(one & other) / len(one | other) if one or other else 1.0
