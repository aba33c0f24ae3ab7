"""How likely it is that two questions ask the same, from how alike they are.

A logistic model over cosine, shared words and what the guards saw, fitted on labelled pairs (`cmo eval cache --fit`).
The threshold is the one that labelled pairs allow for a chosen bound on wrong hits; `proven` tells whether they were
enough to prove the bound.
"""

from __future__ import annotations

import json
import math
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from importlib.resources import files
from typing import Self

from cmo.cache.semantic.comparison import Comparison
from cmo.cache.semantic.lexicon import Lexicon
from cmo.cache.semantic.signature import Signature

_GRAM = 3
_STEEP = 30.0
FEATURES = (
    "cosine", "cosine2", "jaccard", "containment", "asks", "rarest_left", "rarest_right", "length", "grams", "guards",
    "slight", "misspelled", "synonyms", "moved",
)  # fmt: skip


@dataclass(frozen=True, slots=True)
class Likeness:
    """A calibrated logistic model and its threshold."""

    bias: float
    weights: Mapping[str, float]
    threshold: float
    """Candidates below this probability are refused."""
    epsilon: float
    """The share of wrong hits that the threshold was chosen for."""
    proven: bool
    """Whether the pairs were enough to prove it with the confidence `1 - delta`."""
    fitted_on: str = ""

    @classmethod
    def shipped(cls) -> Self:
        """As `model.json` has it."""
        return cls.of_json(files("cmo.cache.semantic").joinpath("model.json").read_text("utf-8"))

    @classmethod
    def of_json(cls, text: str) -> Self:
        """As `to_json` wrote it."""
        return cls(**json.loads(text))

    def to_json(self) -> str:
        """For `model.json`."""
        return json.dumps(asdict(self), indent=2) + "\n"

    def probability(self, features: Mapping[str, float]) -> float:
        """P(both ask the same)."""
        z = self.bias + sum(weight * features[name] for name, weight in self.weights.items())
        return 1.0 / (1.0 + math.exp(-max(-_STEEP, min(_STEEP, z))))


def features(  # noqa: PLR0917 - two questions and what was seen of them
    a: Signature,
    b: Signature,
    seen: Comparison,
    cosine: float,
    grams: tuple[frozenset[str], frozenset[str]],
    lexicon: Lexicon,
) -> dict[str, float]:
    """What the model judges by, all about 0 to 1."""
    mine, theirs = _weighed(a, lexicon), _weighed(b, lexicon)
    shared = sum(min(weight, theirs[word]) for word, weight in mine.items() if word in theirs)
    total = sum(mine.values()) + sum(theirs.values())
    least = min(sum(mine.values()), sum(theirs.values()))
    left, right = sum(len(t.words) for t in a.terms), sum(len(t.words) for t in b.terms)
    return {
        "cosine": cosine,
        "cosine2": cosine * cosine,
        "jaccard": shared / (total - shared) if total > shared else 1.0,
        "containment": shared / least if least else 0.0,
        "asks": _overlap(frozenset(a.asks), frozenset(b.asks)),
        "rarest_left": max(map(lexicon.rarity, seen.left), default=0.0),
        "rarest_right": max(map(lexicon.rarity, seen.right), default=0.0),
        "length": min(left, right) / max(left, right, 1),
        "grams": _overlap(*grams),
        "guards": float(min(3, len(seen.differences))) / 3,
        "slight": float(min(3, len(seen.slight))) / 3,
        "misspelled": float(min(2, seen.misspelled + a.mended + b.mended)) / 2,
        "synonyms": float(min(2, seen.synonyms)) / 2,
        "moved": float(seen.moved),
    }


def grams(folded: str) -> frozenset[str]:
    """Runs of three letters of a line."""
    padded = f" {folded} "
    return frozenset(padded[n : n + _GRAM] for n in range(len(padded) - _GRAM + 1))


def _weighed(signature: Signature, lexicon: Lexicon) -> Mapping[str, float]:
    counted: Counter[str] = Counter(word for term in signature.terms for word in term.words)
    return {word: count * lexicon.rarity(word) for word, count in counted.items()}


def _overlap(one: frozenset[str], other: frozenset[str]) -> float:
    both = len(one & other)
    either = len(one) + len(other) - both
    return both / either if either else 1.0


def table(rows: Sequence[Mapping[str, float]]) -> list[list[float]]:
    """Features as rows of numbers, in the order of `FEATURES`."""
    return [[row[name] for name in FEATURES] for row in rows]
