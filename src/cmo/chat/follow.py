"""Follow-ups: "and in women?" is asked with what it refers to. Pure, and shown to whoever asks.

::

    a question --leans on the last one?--> with its concepts, or else with its words
                `--no, or names them itself--> as it is
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Any, Final

from cmo.client.shapes import Deep, Reply

_MOST_WORDS: Final = 12
"""A longer question stands on its own."""
_MOST_CONCEPTS: Final = 4
_OPENS = re.compile(
    r"(?:and|or|but|also|then|what about|how about|und|oder|aber|auch|et|ou|mais|y|o|pero)\b", re.IGNORECASE
)
_REFERS = re.compile(
    r"\b(?:it|its|they|them|their|this|that|these|those|he|she|the same|dies\w*|davon|dabei|cela|celui|esto|eso)\b",
    re.IGNORECASE,
)
_END = re.compile(r"[\s?!.…]+$")


@dataclass(frozen=True, slots=True)
class Before:
    """What was asked before."""

    question: str
    concepts: tuple[str, ...] = ()

    @classmethod
    def of(cls, question: str, reply: Reply | Deep, leaning_on: Before | None = None) -> Before:
        """A question and its reply; where the reply names no concept, those hold that the question leans on."""
        told = None if "gaps" in reply else reply["enrichment"]
        names = tuple(node["name"] for node in told["concepts"][:_MOST_CONCEPTS]) if told else ()
        return cls(question, names or (leaning_on.concepts if leaning_on else ()))

    @classmethod
    def read(cls, facts: Any) -> Before | None:
        """What `told` told; None where it is nothing of the kind."""
        match facts:
            case {"question": str(question), "concepts": [*concepts]}:
                return cls(question, tuple(str(concept) for concept in concepts))
        return None

    def told(self) -> dict[str, Any]:
        """As plain values."""
        return {"question": self.question, "concepts": list(self.concepts)}


def followed(question: str, before: Before | None) -> str | None:
    """The question as it is to be asked, if it leans on the one before."""
    if (
        before is None
        or len(question.split()) > _MOST_WORDS
        or not (_OPENS.match(question) or _REFERS.search(question))
    ):
        return None
    plain = question.casefold()
    missing = [concept for concept in before.concepts if concept.casefold() not in plain]
    stem = _END.sub("", question)
    if before.concepts:
        return f"{stem} ({', '.join(missing)})?" if len(missing) == len(before.concepts) else None
    return f"{_END.sub('', before.question)}, {stem[:1].lower()}{stem[1:]}?"
