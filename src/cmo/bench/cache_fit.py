"""Fits the model of the semantic cache's guard, and the threshold that labelled pairs allow.

::

    pairs + slips and strangers made from them --features--> logistic model --cross-validated by topic--> probabilities
    probabilities, from the surest down --Learn then Test--> the lowest threshold whose wrong hits are provably few

The threshold follows Learn then Test with fixed-sequence testing (Angelopoulos et al., 2021): from the surest hits down,
it is lowered while the exact bound on the share of wrong hits stays below epsilon. Where the pairs are too few to prove
the bound at all, the threshold is the safest that there is, and `proven` is false.
"""

from __future__ import annotations

import math
import random
import re
from collections import Counter
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from cmo.bench.cache_pairs import Pair, prepared
from cmo.bench.exact import upper
from cmo.cache.semantic import Likeness, SemanticGuard
from cmo.cache.semantic.likeness import FEATURES
from cmo.kit.text import clean_line
from cmo.model.ports import Embedder

_RIDGE = 3.0
_ROUNDS = 40
_PARTS = 10
_SHORT = 3
"""Words of so few letters make no topic."""
_SLACK = 1.6
"""Testing begins at so many times the hits that would prove the bound without a single wrong one."""
_SAFEST = 0.99
_DIGITS = 4
_POLITE = ("Could you tell me {}", "Please: {}", "{} Thank you!", "I would like to know {}")


@dataclass(frozen=True, slots=True)
class Trial:
    """A pair as the model sees it."""

    features: tuple[float, ...]
    same: bool
    passed: bool
    """Whether no guard sees a difference."""
    equal: bool
    """Whether both have one signature, so that the threshold does not matter."""
    group: int
    """Pairs of one topic are in one group: none is judged by a model that saw its topic."""


@dataclass(frozen=True, slots=True)
class Threshold:
    """What Learn then Test allows."""

    value: float
    hits: int
    wrong: int
    bound: float
    """Exact upper bound on the share of wrong hits at this threshold."""
    proven: bool = True


def trials(guard: SemanticGuard, embedder: Embedder, pairs: Sequence[Pair]) -> list[Trial]:
    """Pairs with their features."""
    topics = groups(pairs)
    found = []
    for pair, topic in zip(pairs, topics, strict=True):
        a, b, cosine = prepared(guard, embedder, pair)
        seen, values = guard.compare(a, b, cosine)
        equal = a.form == b.form or (not seen.differences and a.signature.key == b.signature.key)
        row = tuple(values[name] for name in FEATURES)
        found.append(Trial(row, pair.same, equal or not seen.differences, equal, topic))
    return found


def groups(pairs: Sequence[Pair]) -> list[int]:
    """A number a pair: pairs whose questions share the same rarest word that other pairs have as well are of one topic."""
    words = [_words(pair.a) & _words(pair.b) or _words(pair.a) for pair in pairs]
    held = Counter(word for mine in words for word in mine)
    topics = [min(((held[w], w) for w in mine if held[w] > 1), default=(1, min(mine, default=""))) for mine in words]
    numbers = {topic: n for n, topic in enumerate(sorted(set(topics)))}
    return [numbers[topic] for topic in topics]


def _words(text: str) -> frozenset[str]:
    return frozenset(word for word in re.findall(r"[^\W_]+", text.lower()) if len(word) > _SHORT)


def slips(pairs: Sequence[Pair], seed: int = 0) -> list[Pair]:
    """The same questions misspelled, in other case or with courtesies: what people do, made by rule."""
    chance = random.Random(seed)  # noqa: S311 - reproducible, not secret
    questions = list(dict.fromkeys(text for pair in pairs for text in (pair.a, pair.b)))
    made = [Pair(q, _misspelled(q, chance), same=True, kind="slip") for q in questions]
    made += [Pair(q, chance.choice(_POLITE).format(q), same=True, kind="courtesy") for q in questions]
    return [pair for pair in made if pair.a != pair.b]


def strangers(embedder: Embedder, pairs: Sequence[Pair], seed: int = 0) -> list[Pair]:
    """Each question beside one of another topic, the nearest and any: what most candidates of a cache are."""
    topics = groups(pairs)
    vectors = np.stack([embedder.encode_query(clean_line(pair.a)) for pair in pairs])
    other = np.array([[one != two for two in topics] for one in topics])
    nearest = np.where(other, vectors @ vectors.T, -1.0).argmax(axis=1)
    chance = random.Random(seed)  # noqa: S311 - reproducible, not secret
    anyone = [chance.choice(np.flatnonzero(row).tolist()) for row in other if row.any()]
    ends = [*enumerate(nearest.tolist()), *enumerate(anyone)] if other.any(axis=1).all() else []
    return [Pair(pairs[n].a, pairs[m].a, same=False, kind="stranger") for n, m in ends]


def _misspelled(text: str, chance: random.Random) -> str:
    words = text.split()
    long = [n for n, word in enumerate(words) if word.isalpha() and word.islower() and len(word) > _SHORT * 2]
    if not long:
        return text
    n = chance.choice(long)
    at = chance.randrange(2, len(words[n]) - 2)
    word = words[n]
    words[n] = chance.choice([
        word[:at] + word[at + 1] + word[at] + word[at + 2 :],
        word[:at] + word[at + 1 :],
        word[:at] + word[at] + word[at:],
    ])  # fmt: skip
    return " ".join(words)


def fit(found: Sequence[Trial]) -> tuple[float, dict[str, float]]:
    """Bias and weights, maximum a posteriori by Newton's method."""
    rows = np.array([[1.0, *t.features] for t in found])
    right = np.array([t.same for t in found], np.float64)
    weights = np.zeros(rows.shape[1])
    prior = np.diag([1e-6, *([_RIDGE] * len(FEATURES))])
    for _ in range(_ROUNDS):
        p = 1 / (1 + np.exp(-np.clip(rows @ weights, -30, 30)))
        gradient = rows.T @ (p - right) + prior @ weights
        weights -= np.linalg.solve((rows * (p * (1 - p))[:, None]).T @ rows + prior, gradient)
    values = [round(float(w), _DIGITS) for w in weights]
    return values[0], dict(zip(FEATURES, values[1:], strict=True))


def cross_validated(found: Sequence[Trial], more: Sequence[Trial] = ()) -> NDArray[np.float64]:
    """P(same) of each pair by a model that saw no pair of its topic; `more` is learned from alone."""
    order = sorted({t.group for t in found})
    part = {group: n % _PARTS for n, group in enumerate(order)}
    judged = np.zeros(len(found))
    for out in range(_PARTS):
        bias, weights = fit([*(t for t in found if part[t.group] != out), *more])
        rows = np.array([weights[name] for name in FEATURES])
        for n, trial in enumerate(found):
            if part[trial.group] == out:
                judged[n] = 1 / (1 + math.exp(-(bias + float(rows @ np.array(trial.features)))))
    return judged


def threshold(
    found: Sequence[Trial], probabilities: Sequence[float] | NDArray[np.float64], epsilon: float, delta: float = 0.05
) -> Threshold:
    """The lowest threshold whose wrong hits are at most `epsilon`, with confidence `1 - delta`."""
    sure = [(2.0 if t.equal else float(p), t.same) for t, p in zip(found, probabilities, strict=True) if t.passed]
    sure.sort(key=lambda pair: -pair[0])
    least = math.ceil(_SLACK * math.log(delta) / math.log(1 - epsilon))
    best: Threshold | None = None
    wrong = 0
    for hits, (probability, same) in enumerate(sure, 1):
        wrong += not same
        tied = hits < len(sure) and sure[hits][0] == probability
        if hits < least or tied:
            continue
        bound = upper(wrong, hits, delta)
        if bound > epsilon:
            break
        best = Threshold(min(_SAFEST, math.floor(probability * 1000) / 1000), hits, wrong, round(bound, _DIGITS))
    if best:
        return best
    kept = [(p, same) for p, same in sure if p >= _SAFEST]
    missed = sum(not same for _, same in kept)
    return Threshold(_SAFEST, len(kept), missed, round(upper(missed, len(kept), delta), _DIGITS), proven=False)


@dataclass(frozen=True, slots=True)
class Fitted:
    """What `model` makes."""

    likeness: Likeness
    threshold: Threshold
    auc: float
    """Of the cross-validated probabilities: the chance that a pair that is the same is judged likelier than another."""

    def as_json(self) -> dict[str, Any]:
        """Plain values."""
        return {**asdict(self.likeness), "learn_then_test": asdict(self.threshold), "auc_cross_validated": self.auc}


def model(guard: SemanticGuard, embedder: Embedder, pairs: Sequence[Pair], epsilon: float, name: str) -> Fitted:
    """Fit on pairs, slips and strangers; choose the threshold by how pairs of unseen topics are judged."""
    found = trials(guard, embedder, pairs)
    more = [t for t in trials(guard, embedder, slips(pairs)) if t.passed]
    more += trials(guard, embedder, strangers(embedder, pairs))
    probabilities = cross_validated(found, more)
    chosen = threshold(found, probabilities, epsilon)
    bias, weights = fit([*found, *more])
    likeness = Likeness(bias, weights, chosen.value, epsilon, chosen.proven, f"{name}, {len(pairs)} pairs")
    return Fitted(likeness, chosen, round(_auc(probabilities, np.array([t.same for t in found])), _DIGITS))


def _auc(values: NDArray[np.float64], right: NDArray[np.bool_]) -> float:
    above = values[right][:, None] - values[~right][None, :]
    return float(np.mean((above > 0) + 0.5 * (above == 0))) if above.size else 0.5
