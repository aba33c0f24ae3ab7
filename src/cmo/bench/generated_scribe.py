"""A model of rules that writes from the passages it is given, and of whose every sentence it is known whether it is true.

::

    passages ──> sentences that share the question's words ──> as they are, or shortened: true
                                                          └──> one thing in them changed: untrue
    what no passage says ─────────────────────────────────────────────────────────────> untrue

It stands in for a language model where none is at hand, and where truth must be known: it says more that is wrong than
any model in use, and cites as small models do, at random.
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Iterator, Sequence

import numpy as np

from cmo.answer.cite_marks import bare
from cmo.answer.generate_prose import Split
from cmo.bench.corruptions import denied, miscounted, misnamed, turned
from cmo.model.chat import Message

_INVENTED = (
    "Napoleon ate 4711 apples in Moscow.",
    "Ivermectin is safe for newborns.",
    "Patients should take 500 mg of aspirin every day.",
    "Most experts agree that the effect is well established.",
    "The findings have since been confirmed in a large clinical trial.",
    "This makes it a promising cure for cancer.",
)
_LEAD = re.compile(
    r"^(?:(?:The|Our|These) (?:results|findings|data) (?:showed|show|indicate|indicated|suggest|suggested|demonstrated?|revealed?) that"
    r"|In conclusion,|In this study,|Furthermore,|Moreover,|However,|In addition,|Interestingly,|Additionally,)\s+",
)
_ASIDE = re.compile(r"\s*\([^()]*\)")
_TAIL = re.compile(
    r",\s+(?:which|while|whereas|especially|including|such as|thus|thereby|leading|resulting|suggesting|indicating)\b[^.]*(?=\.$)"
)
_LEAST_WORDS, _MOST_WORDS = 7, 45
_TRUE, _UNTRUE, _MADE_UP = 4, 3, 1
"""Sentences of each sort that a reply holds."""


class Scribe:
    """Writes replies of sentences known to be true or untrue.

    Args:
        split: a paragraph to the spans of its sentences.
        seed: of what it chooses.
    """

    name = "scribe"

    def __init__(self, split: Split, seed: int = 0) -> None:
        self._split = split
        self._chance = np.random.default_rng(seed)
        self._known: dict[str, bool] = {}

    def stream(self, messages: Sequence[Message], *, most_tokens: int) -> Iterator[str]:
        """A reply, a sentence a piece; it is never long enough for a limit."""
        assert most_tokens > 0
        data = json.loads(messages[-1].text)
        texts = [p["text"] for p in data["passages"]]
        lines = [text[a:b] for text in texts for a, b in self._split(text)]
        for sentence in self._written(data["question"], [line for line in lines if _quotable(line)]):
            yield f"{sentence.removesuffix('.')} [{int(self._chance.integers(1, 9))}]. "

    def true(self, sentence: str) -> bool | None:
        """Whether a sentence is true of what it was given; None where it never said it."""
        return self._known.get(bare(sentence))

    def _written(self, question: str, lines: Sequence[str]) -> Iterator[str]:
        wanted = set(re.findall(r"\w{4,}", question.casefold()))
        ranked = sorted(lines, key=lambda line: -len(wanted & set(re.findall(r"\w{4,}", line.casefold()))))
        said = [(self._shortened(line), True) for line in ranked[:_TRUE]]
        said += [(untrue, False) for line in ranked[:_UNTRUE] if (untrue := self._spoiled(line, ranked))]
        made_up = self._chance.choice(len(_INVENTED), _MADE_UP, replace=False)
        said += [(_INVENTED[n], False) for n in made_up.tolist()]
        for n in self._chance.permutation(len(said)).tolist():
            sentence, true = said[n]
            self._known.setdefault(bare(sentence), true)
            yield sentence

    def _shortened(self, line: str) -> str:
        """Less of what it says, as summaries do; what is left is as true as it was."""
        cuts: list[Callable[[str], str]] = [
            lambda s: s, lambda s: _ASIDE.sub("", s), lambda s: _LEAD.sub("", s), lambda s: _TAIL.sub("", _ASIDE.sub("", _LEAD.sub("", s)))
        ]  # fmt: skip
        short = cuts[int(self._chance.integers(len(cuts)))](line)
        return short[:1].upper() + short[1:]

    def _spoiled(self, line: str, lines: Sequence[str]) -> str:
        """The same with one thing in it changed; nothing where that cannot be done."""
        other = lines[(lines.index(line) + 1) % len(lines)]
        ways: list[Callable[[str], str]] = [
            denied, turned, lambda s: miscounted(s, self._chance), lambda s: misnamed(s, other)
        ]  # fmt: skip
        for n in self._chance.permutation(len(ways)).tolist():
            short = self._shortened(line)
            changed = str(ways[n](short))
            if changed != short and changed not in lines:
                return changed
        return ""


def _quotable(line: str) -> bool:
    return _LEAST_WORDS <= len(line.split()) <= _MOST_WORDS and line.endswith(".")
