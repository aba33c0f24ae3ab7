"""Whether what an answer quotes says yes or no, where the question can be answered so.

::

    question --can it be?--> quoted sentences --does one conclude?--no--> unsure
                                                          | yes
                              how far all of them, and that one, agree, deny, guard --> P(yes) --near either end--> yes | no
                                                                                            '--else----------> unsure

It goes by nothing but the sentences that are shown, and names the one that concludes, so that a reader can check it. Where
none does, words say no more than a coin would (docs/explanation/quality.md), so nothing is said. Nothing is encoded.
Weights were fitted by `bench/generated/yesno.py`; `yesno.json` says on what.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any, Final

import numpy as np

from cmo.assess.comparison import Comparison, covered
from cmo.assess.heads import Head, data
from cmo.assess.polarity import Way
from cmo.assess.reading import Read, read
from cmo.assess.words import Rarity
from cmo.kit.text import clean_line
from cmo.model.answers import Answer, Leaning, Says
from cmo.model.evidence import FloatArray, Found
from cmo.model.ports import Answerer
from cmo.model.quantities import Quantities
from cmo.model.questions import Question

SURE: Final = 0.7
"""Probability from which yes or no is said: of 301 verdicts that were given so, 82 in a hundred were right."""
LONGEST: Final = 1_000
"""Characters of a sentence that are read."""
_GROUND: Final = 0.001
"""What a sentence counts that shares no word with the question."""
_UNCONCLUDING: Final = 0.05
"""What a sentence counts beside those that conclude."""
_OPENS: Final = re.compile(
    r"(?:is|are|was|were|do|does|did|has|have|had|can|could|may|might|will|would|should|shall|must)\b"
    r"(?!\s+(?:you|we|i)\b)",
    re.IGNORECASE,
)
_ASKED_OUTRIGHT: Final = re.compile(r",?\s*\byes\s+or\s+no\b\W*$", re.IGNORECASE)
_PARTS: Final = re.compile(r"[:;]\s+|[?!]\s+|(?<=[a-z]{3})\.\s+")
_BEFORE: Final = re.compile(
    r"(?:(?:and|but|so|in|after|among|as of|since|for)\b[^?,]{0,60},\s+|(?:and|but|so)\s+)", re.IGNORECASE
)
_EITHER: Final = re.compile(r"\bor\b(?!\s+not\b)", re.IGNORECASE)
_CONCLUDES: Final = re.compile(
    r"^(?:(?:conclusions?|interpretation)\b|thus,)|in conclusion|we conclude|\btherefore\b"
    r"|\b(?:our|these|this|the present) (?:results|findings|data|study) (?:suggest|show|indicat|demonstrat|confirm|support|provid)",
    re.IGNORECASE,
)
_BUT: Final = re.compile(r"\b(?:however|but|although|only|despite)\b", re.IGNORECASE)
_SIGNIFICANT: Final = re.compile(r"\bp\s*[<=]\s*0?[.·]0", re.IGNORECASE)
_OPEN: Final = re.compile(
    r"unclear|unknown|controvers|inconclus|limited evidence|further (?:stud|research)|insufficient", re.IGNORECASE
)
_WAYS: Final = {
    "none": Way.NONE,
    "better": Way.BETTER,
    "worse": Way.WORSE,
    "related": Way.RELATED,
    "up": Way.UP,
    "down": Way.DOWN,
}


@dataclass(frozen=True, slots=True)
class Concluded:
    """Quoted sentences of which one concludes, read."""

    values: Mapping[str, float]
    """What the head weighs."""
    place: int
    """Of the sentence that concludes; of several, the one that holds most of the question."""


class Decider:
    """Says which way quoted sentences lean. Threads may share it.

    Args:
        figures: a text to the quantities in it.
        head: the weights; those that ship, by default.
    """

    def __init__(self, figures: Quantities, head: Head | None = None) -> None:
        self._figures = figures
        self._head = head or Head.of(data("yesno"))
        self._rarity = Rarity.shipped()

    def decide(self, question: str, quoted: Sequence[str]) -> Leaning | None:
        """Yes, no or unsure; None where the question asks for something else, or nothing is quoted."""
        if not quoted or not polar(question):
            return None
        read = self.read(question, quoted)
        if read is None:
            return Leaning(Says.UNSURE)
        yes = self._head.probability(read.values)
        says = Says.YES if yes >= SURE else Says.NO if 1 - yes >= SURE else Says.UNSURE
        return Leaning(says, round(yes, 4), read.place)

    def read(self, question: str, quoted: Sequence[str]) -> Concluded | None:
        """What the head weighs; None where no sentence concludes."""
        concludes = np.array([bool(_CONCLUDES.search(text)) for text in quoted], np.float64)
        if not concludes.any():
            return None
        asked, *lines = (read(clean_line(text)[:LONGEST], self._rarity, self._figures) for text in (question, *quoted))
        shares = np.array([covered(asked, [line]) for line in lines])
        last = int(np.argmax(shares * concludes + concludes))
        cues = np.array([list(_cues(line).values()) for line in lines])
        values = {
            **_named("all", _compared(asked, lines)),
            **_named("last", _compared(asked, [lines[last]])),
            **_named("said", _mean(cues, shares**2 + _GROUND)),
            **_named("concluded", _mean(cues, (shares**2 + _GROUND) * (concludes + _UNCONCLUDING))),
        }
        return Concluded(values, last)


class Deciding:
    """An answerer whose answers say as well which way they lean.

    Args:
        answerer: whose answers.
        decider: reads them, where there is anything to decide.
    """

    def __init__(self, answerer: Answerer, decider: Callable[[], Decider]) -> None:
        self._answerer = answerer
        self._decider = decider

    def answer(self, question: Question, found: Found) -> Answer:
        """The same answer, and a yes or no where the question wants one."""
        answer = self._answerer.answer(question, found)
        if answer.refusal is not None or not polar(question.text):
            return answer
        quoted = [(n, evidence) for n, said in enumerate(answer.sentences) for evidence in said.evidence]
        leaning = self._decider().decide(question.text, [evidence.text for _, evidence in quoted])
        if leaning is not None and leaning.sentence is not None:
            sentence, evidence = quoted[leaning.sentence]
            leaning = replace(leaning, sentence=sentence, evidence=evidence.id)
        return replace(answer, leaning=leaning)


def polar(question: str) -> bool:
    """Whether it can be answered by yes or no; one that offers a choice (this *or* that) cannot."""
    text = clean_line(question).rstrip("? ")
    if _ASKED_OUTRIGHT.search(text):
        return True
    last = _BEFORE.sub("", _PARTS.split(text)[-1], count=1)
    return bool(_OPENS.match(last)) and not _EITHER.search(last)


def _compared(asked: Read, lines: Sequence[Read]) -> Mapping[str, float]:
    """Without vectors: words, directions, denials and opposites."""
    none: FloatArray = np.zeros(len(lines), np.float32)
    return {name: value for name, value in Comparison(asked, lines, none).values.items() if "cosine" not in name}


def _cues(line: Read) -> dict[str, float]:
    """What a sentence says of itself, whatever it is about."""
    ways = {event.way for event in line.events}
    return {
        "denies": float(line.denies),
        "denials": float(len(line.denials)),
        "hedged": float(line.hedged),
        "but": float(bool(_BUT.search(line.text))),
        "significant": float(bool(_SIGNIFICANT.search(line.text))),
        "open": float(bool(_OPEN.search(line.text))),
        **{name: float(way in ways) for name, way in _WAYS.items()},
    }


_CUES: Final = ("denies", "denials", "hedged", "but", "significant", "open", *_WAYS)


def _mean(cues: Any, weights: Any) -> dict[str, float]:
    return dict(zip(_CUES, (weights @ cues / weights.sum()).tolist(), strict=True))


def _named(group: str, values: Mapping[str, float]) -> dict[str, float]:
    return {f"{group}_{name}": value for name, value in values.items()}
