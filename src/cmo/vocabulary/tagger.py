"""Names that no dictionary has: a linear-chain model over words, their neighbours and what the dictionary says.

::

    tokens --features--> scores (tokens, TAGS, LABELS) --runs that may be a name--> forward-backward --> tags

Each of the `TAGS` has a chain of its own with the labels outside, begin, inside, so that a corpus that marks diseases
alone teaches diseases and says nothing of chemicals. The model is a conditional random field (Lafferty, McCallum &
Pereira, ICML 2001), fitted by `cmo.bench.tagging` on the training parts of public corpora; it holds no text of them.
"""

from __future__ import annotations

import threading
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache
from importlib.resources import files
from io import BytesIO
from typing import Self

import numpy as np
from numpy.typing import NDArray

from cmo.model.concepts import Kind
from cmo.model.evidence import FloatArray
from cmo.vocabulary.features import BUCKETS, OFFSETS, token_features, word_features
from cmo.vocabulary.matches import Match
from cmo.vocabulary.names import Ints, Text, Words

TAGS = (Kind.METABOLITE, Kind.DISEASE, Kind.GENE, Kind.ORGANISM)
"""What it tags; the first stands for every chemical."""
OUTSIDE, BEGIN, INSIDE = LABELS = range(3)
WIDTH = len(TAGS) * len(LABELS)
LENIENCE = 0.5
"""A token is taken to be inside a name if that is at least so likely."""
_MARGIN = 4.0
"""A token whose best label scores this much less than none at all is taken to be outside: its odds are below 1 : 50."""
_LEAST = np.float32(1e-12)


@dataclass(frozen=True, slots=True)
class Tag:
    """A span of tokens that is a name."""

    first: int
    last: int
    kind: Kind
    probability: float
    """The least probability of any of its tokens to be inside, and of the first to begin."""


@dataclass(frozen=True, slots=True)
class Tags:
    """What a model makes of a text."""

    tags: list[Tag]
    """In the order of the text; those of one kind do not overlap."""
    inside: FloatArray
    """(tokens,) probability of being part of a name of any kind."""

    def likely(self, first: int, last: int) -> float:
        """How likely it is that a span of tokens is, or is part of, a name."""
        return float(self.inside[first : last + 1].min())


@dataclass(frozen=True, slots=True)
class Weights:
    """A fitted model."""

    table: NDArray[np.int8]
    """(`BUCKETS`, `WIDTH`): weight of each feature for each tag and label, times `scale`."""
    scale: FloatArray
    """(`WIDTH`,)."""
    transitions: FloatArray
    """(tags, labels, labels): from the first label to the second."""

    @classmethod
    def shipped(cls) -> Self:
        """The model that comes with this package."""
        return cls.from_bytes(files("cmo.vocabulary").joinpath("tagger.npz").read_bytes())

    @classmethod
    def from_bytes(cls, data: bytes) -> Self:
        """As `to_bytes` wrote it."""
        with np.load(BytesIO(data), allow_pickle=False) as arrays:
            table = np.zeros((BUCKETS, WIDTH), np.int8)
            used = np.unpackbits(arrays["used"]).astype(np.bool_)
            table[used] = arrays["values"]
            return cls(table, arrays["scale"], arrays["transitions"])

    def to_bytes(self) -> bytes:
        """A compressed archive without the rows that hold nothing."""
        used = self.table.any(axis=1)
        out = BytesIO()
        np.savez_compressed(
            out,
            used=np.packbits(used),
            values=self.table[used],
            scale=self.scale.astype(np.float32),
            transitions=self.transitions.astype(np.float32),
        )
        return out.getvalue()


class Tagger:
    """A model with the scores of every word that it has met; safe to share between threads."""

    def __init__(self, weights: Weights) -> None:
        self._weights = weights
        self._lock = threading.Lock()
        self._words: Words | None = None
        self._scores = np.zeros((0, len(OFFSETS), WIDTH), np.float32)
        self._known = np.zeros(0, np.bool_)

    def tags(self, text: Text, matches: Sequence[Match]) -> Tags:
        """Names in a text."""
        if not len(text):
            return Tags([], np.zeros(0, np.float32))
        return decode(self.scores(text, matches), text.segments, self._weights.transitions)

    def scores(self, text: Text, matches: Sequence[Match]) -> FloatArray:
        """(tokens, tags, labels)."""
        weights, features = self._weights, token_features(text, matches)
        whole = weights.table[features.around].sum(axis=0, dtype=np.int16)
        if len(features.of):
            edges = np.flatnonzero(np.diff(features.of, prepend=-1))
            whole[features.of[edges]] += np.add.reduceat(weights.table[features.said], edges, axis=0, dtype=np.int16)
        scores = whole * weights.scale
        of_words = self._of_words(text)[text.numbers]
        for place, offset in enumerate(OFFSETS):
            add_shifted(scores, of_words[:, place], offset)
        return np.asarray(scores.reshape(len(text), len(TAGS), len(LABELS)), np.float32)

    def _of_words(self, text: Text) -> FloatArray:
        """(words, offsets, width), up to date for the words of a text."""
        with self._lock:
            if self._words is not text.table:
                self._words = text.table
                self._scores = np.zeros((0, len(OFFSETS), WIDTH), np.float32)
                self._known = np.zeros(0, np.bool_)
            self._reserve(len(text.table.hashes))
            fresh = np.unique(text.numbers[~self._known[text.numbers]])
            if len(fresh):
                self._learn(fresh, [text.table.words[n].plain for n in fresh.tolist()])
            return self._scores

    def _reserve(self, size: int) -> None:
        more = size - len(self._known)
        if more > 0:
            self._scores = np.concatenate([self._scores, np.zeros((more, len(OFFSETS), WIDTH), np.float32)])
            self._known = np.concatenate([self._known, np.zeros(more, np.bool_)])

    def _learn(self, numbers: Ints, words: Sequence[str]) -> None:
        features = word_features(words)
        place = features.words * len(OFFSETS) + features.offsets
        order = np.argsort(place, kind="stable")
        place = place[order]
        edges = np.flatnonzero(np.diff(place, prepend=-1))
        sums = np.add.reduceat(self._weights.table[features.buckets[order]], edges, axis=0, dtype=np.int32)
        scores = np.zeros((len(words) * len(OFFSETS), WIDTH), np.float32)
        scores[place[edges]] = sums * self._weights.scale
        self._scores[numbers] = scores.reshape(len(words), len(OFFSETS), WIDTH)
        self._known[numbers] = True


@cache
def shipped() -> Tagger:
    """The model that comes with this package, loaded once."""
    return Tagger(Weights.shipped())


def add_shifted(total: FloatArray, part: FloatArray, offset: int) -> None:
    """Add to each row what the row `offset` further says."""
    if offset == 0:
        total += part
    elif offset > 0:
        total[:-offset] += part[offset:]
    else:
        total[-offset:] += part[:offset]


def decode(scores: FloatArray, segments: Ints, transitions: FloatArray) -> Tags:
    """Tags by the probabilities of their labels.

    Only runs of tokens that may be part of a name are looked at, all of them side by side.
    """
    advantage = scores[:, :, BEGIN:].max(axis=2) - scores[:, :, OUTSIDE]
    kinds, tokens = np.nonzero((advantage > -_MARGIN).T)
    inside = np.zeros(len(scores), np.float32)
    if not len(tokens):
        return Tags([], inside)
    begins = np.ones(len(tokens), np.bool_)
    begins[1:] = (np.diff(kinds) != 0) | (np.diff(tokens) != 1) | (np.diff(segments[tokens]) != 0)
    starts = np.flatnonzero(begins)
    sizes = np.diff(np.append(starts, len(tokens)))
    order = np.argsort(-sizes, kind="stable")
    starts, sizes = starts[order], sizes[order]
    marginals = marginal(scores[tokens, kinds], starts, sizes, transitions[kinds[starts]])
    np.maximum.at(inside, tokens, 1 - marginals[:, OUTSIDE])
    return Tags(_tags(kinds, tokens, begins, marginals), inside)


def marginal(scores: FloatArray, starts: Ints, sizes: Ints, transitions: FloatArray) -> FloatArray:
    """Probability of each label of each token (tokens, labels) in runs between outside, the longest run first.

    The forward-backward algorithm, scaled at each step (Rabiner, Proc. IEEE 77, 1989).
    """
    # Never nought: of a word of thousands of letters each label may be ruled out, and no way through it be left.
    emitted = np.maximum(np.exp(scores - scores.max(axis=1, keepdims=True)), _LEAST)
    moves = np.exp(transitions)
    alive = np.searchsorted(-sizes, -np.arange(int(sizes[0]))).tolist()
    ahead = emitted.copy()
    ahead[starts] *= moves[:, OUTSIDE]
    for step in range(1, len(alive)):
        n = alive[step]
        at = starts[:n] + step
        ways = (ahead[at - 1][:, None, :] @ moves[:n])[:, 0] * emitted[at]
        ahead[at] = ways / ways.sum(axis=1, keepdims=True)
    behind = np.empty_like(emitted)
    behind[starts + sizes - 1] = moves[:, :, OUTSIDE]
    for step in range(len(alive) - 2, -1, -1):
        n = alive[step + 1]
        at = starts[:n] + step
        ways = (moves[:n] @ (behind[at + 1] * emitted[at + 1])[:, :, None])[:, :, 0]
        behind[at] = ways / ways.sum(axis=1, keepdims=True)
    both = ahead * behind
    return np.asarray(both / both.sum(axis=1, keepdims=True), np.float32)


def _tags(kinds: Ints, tokens: Ints, begins: NDArray[np.bool_], marginals: FloatArray) -> list[Tag]:
    """Tokens that are more likely inside than `LENIENCE` says, from begin to begin."""
    within = marginals[:, OUTSIDE] < 1 - LENIENCE
    opens = within & (begins | ~np.roll(within, 1) | (marginals[:, BEGIN] > marginals[:, INSIDE]))
    found: list[Tag] = []
    firsts = np.flatnonzero(opens)
    stops = np.flatnonzero(np.append(~within | opens, True))
    lasts = stops[np.searchsorted(stops, firsts, "right")] - 1
    sure = 1 - marginals[:, OUTSIDE]
    for first, last in zip(firsts.tolist(), lasts.tolist(), strict=True):
        probability = float(min(marginals[first, BEGIN], sure[first : last + 1].min()))
        found.append(Tag(int(tokens[first]), int(tokens[last]), TAGS[kinds[first]], probability))
    return sorted(found, key=lambda tag: (tag.first, -tag.last))
