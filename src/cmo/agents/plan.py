"""A question to the questions that it is made of, by rules.

::

    question --two sentences, ", and how ..."--> parts
        | one part
        v
      compare A and B in C --> A in C, B in C
      ... in A and B       --> ... in A, ... in B
      A .. B, far apart in the graph --> A - M, M - B

The question itself is always asked first: it is routed as it stands, so that what is refused is refused whole, and
when time or money runs short there is an answer already.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import Final

from cmo.model.concepts import Kind, Mention

MOST_STEPS: Final = 5
"""Questions of one plan, the question itself among them."""
WHOLE: Final = "the question itself"

Name = Callable[[str], Sequence[Mention]]
"""A question to the concepts that it names."""
Chain = Callable[[str], Sequence[str]]
"""A question to the names along the surest way between two of its concepts; empty where they are neighbours."""

_ASKS = (
    r"(?:which|what|how|why|when|where|who|whose|is|are|was|were|does|do|did|can|could|should|has|have|will|would)\b"
)
_SEAM = re.compile(rf"\s*(?:,\s*(?:and|but|or|then)?|;|\band|\bbut)\s+(?={_ASKS})", re.IGNORECASE)
_SENTENCE = re.compile(r"(?<=[?])\s+")
_POINTS_BACK = re.compile(r"\b(?:it|they|them|its|their|these|those)\b", re.IGNORECASE)
_RESOLVED = frozenset({"it", "they", "them", "its", "their"})
_TAIL = r"(?P<tail>\s+(?:in|for|as|during|of|among)\s.+)?[?.]*$"
_COMPARES = tuple(
    re.compile(pattern + _TAIL, re.IGNORECASE)
    for pattern in (
        r"^(?:compare|contrast)\s+(?P<a>.+?)\s+(?:and|with|to|versus|vs\.?)\s+(?P<b>.+?)",
        r"^(?:what|how|which) .*?differences?.*? between\s+(?P<a>.+?)\s+and\s+(?P<b>.+?)",
        r"^how (?:do|does|did)\s+(?P<a>.+?)\s+(?:and|differ from|compare (?:with|to))\s+(?P<b>.+?)(?:\s+(?:differ|compare))",
        r"^how (?:do|does|did)\s+(?P<a>.+?)\s+(?:differ from|compare (?:with|to))\s+(?P<b>.+?)",
        r"^(?P<a>[^?,]+?)\s+(?:versus|vs\.?)\s+(?P<b>.+?)",
    )
)
_BETWEEN = re.compile(
    r"\b(?:between|relate[sd]?|link(?:s|ed)?|connect(?:s|ed)?|associated|both|together)\b", re.IGNORECASE
)
_JOINS = re.compile(r"\s*(?:,|,?\s*(?:and|or|as well as))\s*", re.IGNORECASE)
_FEW_WORDS = 2
_LONGEST_COMPARED = 300
"""Characters of a comparison: its patterns take time by the third power of them."""


@dataclass(frozen=True, slots=True)
class Asked:
    """A question of a plan, and what it is asked for."""

    text: str
    why: str


@dataclass(frozen=True, slots=True)
class Plan:
    """What is to be asked, and who says so."""

    questions: tuple[Asked, ...]
    """The question itself first."""
    by: str = "rules"
    """``rules`` or the name of a language model."""
    remark: str = ""
    """Why it is not by the language model that is set."""


class Planner:
    """Plans by rules.

    Args:
        name: finds the concepts of a question; finds none where there is no vocabulary.
        chain: the way between the question's concepts in the graph; empty where there is none.
    """

    def __init__(self, name: Name = lambda _: (), chain: Chain = lambda _: ()) -> None:
        self._name = name
        self._chain = chain

    def plan(self, question: str) -> list[Asked]:
        """The question itself, then those that it is made of: at most `MOST_STEPS` in all."""
        return planned(question, self.parts(question))

    def parts(self, question: str) -> list[Asked]:
        """Those that it is made of, without the question itself; none for a simple one."""
        clauses = self._clauses(question)
        if len(clauses) > 1:
            return [Asked(clause, "a part") for clause in clauses]
        return (
            [Asked(text, "one side") for text in _sides(question)]
            or [Asked(text, "one side") for text in self._each(question)]
            or [Asked(text, "a link of a chain") for text in _links(self._chain(question))]
        )

    def named(self, question: str) -> frozenset[str]:
        """Ids of the concepts that a question names."""
        return frozenset(mention.concept for mention in self._name(question))

    def _clauses(self, question: str) -> list[str]:
        """Its clauses that ask something, each so that it can stand alone."""
        pieces = [piece for sentence in _SENTENCE.split(question) for piece in _SEAM.split(sentence)]
        pieces = [piece.strip(" ,;.?") for piece in pieces if len(piece.split()) > _FEW_WORDS]
        standing: list[str] = []
        for piece in pieces:
            if not standing or not (found := _POINTS_BACK.search(piece)):
                standing.append(piece)
            elif found[0].casefold() not in _RESOLVED or not (about := self._last_named(standing[-1])):
                standing[-1] = f"{standing[-1]}, and {piece}"  # what it points back to is not known: they stay together
            else:
                its = "'s" if found[0].casefold() in {"its", "their"} else ""
                standing.append(f"{piece[: found.start()]}{about}{its}{piece[found.end() :]}")
        return [f"{text[0].upper()}{text[1:]}?" for text in standing]

    def _last_named(self, text: str) -> str:
        """What a clause is about: the last disease that it names, else the last concept."""
        mentions = self._name(text)
        of_note = [m for m in mentions if m.kind is Kind.DISEASE] or list(mentions)
        return text[of_note[-1].start : of_note[-1].end] if of_note else ""

    def _each(self, question: str) -> list[str]:
        """A question about A and B as one about A and one about B, where both are of one kind."""
        if _BETWEEN.search(question):
            return []
        mentions = self._name(question)
        run: list[Mention] = []
        for first, second in pairwise(mentions):
            if first.kind is second.kind and _JOINS.fullmatch(question[first.end : second.start]):
                run = [*(run or [first]), second]
            elif run:
                break
        if not run:
            return []
        head, tail = question[: run[0].start], question[run[-1].end :]
        return [f"{head}{question[m.start : m.end]}{tail}" for m in run]


def planned(question: str, parts: Iterable[Asked]) -> list[Asked]:
    """The question itself and its parts, each once."""
    each = {_key(part.text): part for part in (Asked(question, WHOLE), *parts) if _key(part.text)}
    each[_key(question)] = Asked(question, WHOLE)
    return list(each.values())[:MOST_STEPS]


def _sides(question: str) -> list[str]:
    """Both sides of a comparison, each asked about alone."""
    if len(question) > _LONGEST_COMPARED:
        return []
    found = next((match for pattern in _COMPARES if (match := pattern.match(question))), None)
    if not found:
        return []
    tail = (found["tail"] or "").rstrip(" ?.")
    sides = [re.sub(r"^(?:the|a|an)\s+", "", found[side].strip(" ,"), flags=re.IGNORECASE) for side in "ab"]
    return [f"What is known about {side}{tail}?" for side in sides]


def _links(names: Sequence[str]) -> list[str]:
    return [f"How is {one} related to {other}?" for one, other in pairwise(names)]


def _key(text: str) -> str:
    return " ".join(re.findall(r"\w+", text.casefold()))
