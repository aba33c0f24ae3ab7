"""Fits the tagger: a conditional random field by L-BFGS on texts in which people marked the names.

Each corpus teaches the types that it marks. In a share of the texts the dictionary is hidden, so that the model does
not lean on names that another installation may lack.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from cmo.bench.annotated import TYPES, Annotated
from cmo.model.evidence import FloatArray
from cmo.vocabulary.compiled import CompiledVocabulary
from cmo.vocabulary.features import BUCKETS, OFFSETS, TokenFeatures, token_features, word_features
from cmo.vocabulary.matches import matches
from cmo.vocabulary.names import Ints, Text
from cmo.vocabulary.tagger import BEGIN, INSIDE, LABELS, OUTSIDE, TAGS, WIDTH, Weights, add_shifted

HIDDEN = 0.2
"""Share of the texts whose dictionary matches are hidden."""
RIDGE = 1.0
RARE = 2
"""Features seen less often are left out."""
STEPS = 40
_NEVER = -1e4
_MEMORY = 8
_PARAMETERS = BUCKETS * WIDTH


@dataclass(frozen=True, slots=True)
class Corpus:
    """Texts as features and labels, one after the other."""

    words: Ints
    """(tokens,) which word."""
    of_words: tuple[Ints, Ints, Ints]
    """Bucket, word and offset of each feature of the words."""
    around: Ints
    """(features, tokens)."""
    said: tuple[Ints, Ints]
    """Bucket and token of each feature that the dictionary gives."""
    labels: NDArray[np.int8]
    """(tokens, tags)."""
    taught: NDArray[np.bool_]
    """(tokens, tags): whether the text marks them."""
    texts: Ints
    """(tokens,) which text: a neighbour is of the same."""
    starts: Ints
    sizes: Ints
    """Segments, the longest first."""


def prepare(texts: Sequence[tuple[Annotated, frozenset[str]]], vocabulary: CompiledVocabulary, seed: int = 0) -> Corpus:
    """Texts, each with the types that it marks, as arrays."""
    dice = np.random.default_rng(seed)
    taken = [Text.of(t.text) for t, _ in texts]
    names = [word.plain for word in taken[0].table.words]
    buckets = word_features(names)
    segments, offset = [], 0
    features, labels, taught, begun = list[TokenFeatures](), [], [], 0
    of = []
    for text, (marked, types) in zip(taken, texts, strict=True):
        found = [] if dice.random() < HIDDEN else matches(text, vocabulary)
        features.append(token_features(text, found))
        of.append(features[-1].of + begun)
        begun += len(text)
        labels.append(_labels(text, marked))
        taught.append(np.tile([t in types for t in TYPES], (len(text), 1)))
        segments.append(text.segments + offset)
        offset += int(text.segments[-1]) + 1 if len(text) else 0
    starts = np.flatnonzero(np.diff(np.concatenate(segments), prepend=-1))
    total = sum(map(len, taken))
    sizes = np.diff(np.append(starts, total))
    order = np.argsort(-sizes, kind="stable")
    return Corpus(
        np.concatenate([t.numbers for t in taken]), (buckets.buckets, buckets.words, buckets.offsets),
        np.concatenate([f.around for f in features], axis=1),
        (np.concatenate([f.said for f in features]), np.concatenate(of)), np.concatenate(labels), np.concatenate(taught),
        np.repeat(np.arange(len(taken)), [len(t) for t in taken]), starts[order], sizes[order],
    )  # fmt: skip


def fit(corpus: Corpus, progress: Callable[[int, float], None]) -> Weights:
    """The most likely weights under a Gaussian prior."""
    seen = _seen(corpus)
    units = np.where(seen >= RARE, 1 / np.sqrt(seen.clip(1)), 0).astype(np.float32)
    start = np.zeros(_PARAMETERS + len(TAGS) * len(LABELS) ** 2, np.float32)

    def loss(parameters: FloatArray) -> tuple[float, FloatArray]:
        return _loss(parameters, corpus, units)

    found = minimise(loss, start, STEPS, progress)
    return _weights(found, units)


def _weights(parameters: FloatArray, units: FloatArray) -> Weights:
    table = parameters[:_PARAMETERS].reshape(BUCKETS, WIDTH) * units[:, None]
    scale = np.abs(table).max(axis=0) / 127 + 1e-9
    rounded = np.rint(table / scale).astype(np.int8)
    transitions = _transitions(parameters, units)
    return Weights(rounded, scale.astype(np.float32), transitions)


def _transitions(parameters: FloatArray, units: FloatArray) -> FloatArray:
    found = parameters[_PARAMETERS:].reshape(len(TAGS), len(LABELS), len(LABELS)) * units[units > 0].min()
    found[:, OUTSIDE, INSIDE] = _NEVER
    return np.asarray(found, np.float32)


def _labels(text: Text, marked: Annotated) -> NDArray[np.int8]:
    labels = np.zeros((len(text), len(TYPES)), np.int8)
    for gold in marked.gold:
        first = int(np.searchsorted(text.ends, gold.start, "right"))
        last = int(np.searchsorted(text.starts, gold.end, "left")) - 1
        if first <= last:
            kind = TYPES.index(gold.type)
            labels[first, kind] = BEGIN
            labels[first + 1 : last + 1, kind] = INSIDE
    opens = np.diff(text.segments, prepend=-1) != 0  # no name reaches across segments
    labels[opens] = np.where(labels[opens] == INSIDE, BEGIN, labels[opens])
    return labels


def _seen(corpus: Corpus) -> Ints:
    """How often each feature stands in the texts."""
    buckets, words, _ = corpus.of_words
    often = np.bincount(corpus.words, minlength=int(words.max()) + 1)
    seen = np.bincount(buckets, often[words], BUCKETS) + np.bincount(corpus.around.ravel(), minlength=BUCKETS)
    seen += np.bincount(corpus.said[0], minlength=BUCKETS)
    return np.asarray(seen, np.int64)


def _loss(parameters: FloatArray, corpus: Corpus, units: FloatArray) -> tuple[float, FloatArray]:
    table = parameters[:_PARAMETERS].reshape(BUCKETS, WIDTH) * units[:, None]
    transitions = _transitions(parameters, units)
    scores = _scores(table, corpus)
    value, by_score, by_transition = _chains(scores, transitions, corpus)
    by_table = _by_table(by_score.reshape(len(scores), WIDTH), corpus)
    ridge = RIDGE * table
    gradient = np.concatenate(
        [((by_table + ridge) * units[:, None]).ravel(), by_transition.ravel() * units[units > 0].min()]
    )
    return value + float((table * ridge).sum()) / 2, gradient.astype(np.float32)


def _scores(table: FloatArray, corpus: Corpus) -> FloatArray:
    of_words = _of_words(table, corpus)
    scores = np.zeros((len(corpus.words), WIDTH), np.float32)
    for row in corpus.around:
        scores += table[row]
    said, of = corpus.said
    for n in range(WIDTH):
        scores[:, n] += np.bincount(of, table[said, n], len(scores))
    for place, offset in enumerate(OFFSETS):
        part = of_words[:, place][corpus.words]
        add_shifted(scores, _within(part, offset, corpus), offset)
    return scores.reshape(len(scores), len(TAGS), len(LABELS))


def _of_words(table: FloatArray, corpus: Corpus) -> FloatArray:
    buckets, words, offsets = corpus.of_words
    place = words * len(OFFSETS) + offsets
    size = int(words.max()) + 1
    sums_ = [np.bincount(place, table[buckets, n], size * len(OFFSETS)) for n in range(WIDTH)]
    return np.stack(sums_, axis=1).astype(np.float32).reshape(size, len(OFFSETS), WIDTH)


def _within(part: FloatArray, offset: int, corpus: Corpus) -> FloatArray:
    """Rows that may speak to the row `offset` before them: it is of the same text."""
    if offset:
        part = part.copy()
        moved = np.roll(corpus.texts, offset)
        part[moved != corpus.texts] = 0
    return part


def _by_table(by_score: FloatArray, corpus: Corpus) -> FloatArray:
    buckets, words, offsets = corpus.of_words
    size = int(words.max()) + 1
    found = np.empty((BUCKETS, WIDTH), np.float32)
    shifted = []
    for offset in OFFSETS:
        back = np.zeros_like(by_score)
        add_shifted(back, by_score, -offset)
        shifted.append(_within(back, offset, corpus))
    flat = corpus.around.ravel()
    said, of = corpus.said
    for n in range(WIDTH):
        total = np.bincount(flat, np.tile(by_score[:, n], len(corpus.around)), BUCKETS)
        total += np.bincount(said, by_score[of, n], BUCKETS)
        for place in range(len(OFFSETS)):
            mine = offsets == place
            of_word = np.bincount(corpus.words, shifted[place][:, n], size)
            total += np.bincount(buckets[mine], of_word[words[mine]], BUCKETS)
        found[:, n] = total
    return found


def _chains(scores: FloatArray, transitions: FloatArray, corpus: Corpus) -> tuple[float, FloatArray, FloatArray]:
    """Negative log-likelihood, and its gradients by scores and by transitions."""
    value, by_score, by_transition = 0.0, np.zeros_like(scores), np.zeros_like(transitions)
    run = np.empty(len(scores), np.int64)
    run[np.concatenate([np.arange(s, s + n) for s, n in zip(corpus.starts, corpus.sizes, strict=True)])] = np.repeat(
        np.arange(len(corpus.starts)), corpus.sizes
    )
    first = np.zeros(len(scores), np.bool_)
    first[corpus.starts] = True
    ends = corpus.starts + corpus.sizes - 1
    for kind in range(len(TAGS)):
        chain, gold = scores[:, kind], corpus.labels[:, kind].astype(np.int64)
        taught = corpus.taught[:, kind]
        moves = np.broadcast_to(transitions[kind], (len(corpus.starts), *transitions[kind].shape))
        ahead, behind, total = sums(chain, corpus.starts, corpus.sizes, moves)
        before = np.where(first, OUTSIDE, np.roll(gold, 1))
        path = chain[np.arange(len(gold)), gold] + transitions[kind, before, gold]
        path[ends] += transitions[kind, gold[ends], OUTSIDE]
        value += float(total[taught[corpus.starts]].sum() - path[taught].sum())
        expected = np.exp(ahead + behind - total[run, None])
        expected[np.arange(len(gold)), gold] -= 1
        by_score[:, kind] = expected * taught[:, None]
        by_transition[kind] = _transition_gradient(
            chain=chain,
            moves=transitions[kind],
            ahead=ahead,
            behind=behind,
            total=total[run],
            before=before,
            gold=gold,
            first=first,
            ends=ends,
            taught=taught,
        )
    return value, by_score, by_transition


def _transition_gradient(
    *, chain: FloatArray, moves: FloatArray, ahead: FloatArray, behind: FloatArray, total: FloatArray, before: Ints,
    gold: Ints, first: NDArray[np.bool_], ends: Ints, taught: NDArray[np.bool_],
) -> FloatArray:  # fmt: skip
    found = np.zeros_like(moves)
    inner = ~first & taught
    came = np.roll(ahead, 1, axis=0)[inner]
    went = (behind + chain)[inner] - total[inner, None]
    for a in LABELS:
        for b in LABELS:
            found[a, b] = np.exp(came[:, a] + moves[a, b] + went[:, b]).sum()
    starts = first & taught
    found[OUTSIDE] += np.exp((ahead + behind)[starts] - total[starts, None]).sum(axis=0)
    closing = ends[taught[ends]]
    found[:, OUTSIDE] += np.exp((ahead + behind)[closing] - total[closing, None]).sum(axis=0)
    np.subtract.at(found, (before[taught], gold[taught]), 1)
    np.subtract.at(found[:, OUTSIDE], gold[closing], 1)
    return found


def sums(
    scores: FloatArray, starts: Ints, sizes: Ints, transitions: FloatArray
) -> tuple[FloatArray, FloatArray, FloatArray]:
    """Logarithms of the sums over all paths to each label, from each label, and over whole runs, the longest first."""
    longest = int(sizes[0])
    alive = np.searchsorted(-sizes, -np.arange(longest)).tolist()
    ahead = scores.copy()
    ahead[starts] += transitions[:, OUTSIDE]
    for step in range(1, longest):
        n = alive[step]
        at = starts[:n] + step
        ahead[at] += np.logaddexp.reduce(ahead[at - 1][:, :, None] + transitions[:n], axis=1)
    behind = np.zeros_like(scores)
    behind[starts + sizes - 1] = transitions[:, :, OUTSIDE]
    for step in range(longest - 2, -1, -1):
        n = alive[step + 1]
        at = starts[:n] + step
        behind[at] = np.logaddexp.reduce(transitions[:n] + (behind[at + 1] + scores[at + 1])[:, None, :], axis=2)
    ends = starts + sizes - 1
    return ahead, behind, np.logaddexp.reduce(ahead[ends] + behind[ends], axis=1)


def minimise(
    loss: Callable[[FloatArray], tuple[float, FloatArray]],
    start: FloatArray,
    steps: int,
    progress: Callable[[int, float], None],
) -> FloatArray:
    """L-BFGS with backtracking (Nocedal & Wright, "Numerical Optimization", algorithms 7.4 and 3.1)."""
    here = start
    value, gradient = loss(here)
    history: list[tuple[FloatArray, FloatArray]] = []
    for step in range(steps):
        progress(step, value)
        direction = -_two_loops(gradient, history)
        slope = float(direction @ gradient)
        rate = 1.0 if history else 1.0 / max(1e-9, float(np.linalg.norm(gradient)))
        for _ in range(20):
            there = here + np.float32(rate) * direction
            reached, steepness = loss(there)
            if reached <= value + 1e-4 * rate * slope:
                break
            rate /= 2
        else:
            return here
        moved, turned = there - here, steepness - gradient
        if float(moved @ turned) > 0:
            history = [*history[-_MEMORY + 1 :], (moved, turned)]
        here, value, gradient = there, reached, steepness
    return here


def _two_loops(gradient: FloatArray, history: Sequence[tuple[FloatArray, FloatArray]]) -> FloatArray:
    found = gradient.copy()
    kept = []
    for moved, turned in reversed(history):
        share = float(moved @ found) / float(moved @ turned)
        kept.append(share)
        found -= np.float32(share) * turned
    if history:
        moved, turned = history[-1]
        found *= np.float32(float(moved @ turned) / float(turned @ turned))
    for (moved, turned), share in zip(history, reversed(kept), strict=True):
        found += moved * np.float32(share - float(turned @ found) / float(moved @ turned))
    return found
