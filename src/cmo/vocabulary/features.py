"""What the tagger looks at: the letters of a word, its neighbours, what stands between, and what the dictionary says.

Every feature is a number below `BUCKETS`, made of a salted hash; two that share a number share a weight (Weinberger
et al., "Feature hashing for large scale multitask learning", ICML 2009). What depends on a word alone is taken once a
word and remembered by the tagger.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache

import numpy as np

from cmo.model.concepts import Kind
from cmo.vocabulary.matches import Match
from cmo.vocabulary.names import Hashes, Ints, Text, mixed, polynomial_sums

BITS = 18
BUCKETS = 1 << BITS
OFFSETS = (-2, -1, 0, 1, 2)
"""Where a neighbour stands from the word that is judged."""
GROUPS: tuple[frozenset[Kind], ...] = (
    frozenset({Kind.METABOLITE, Kind.LIPID, Kind.DRUG}),
    frozenset({Kind.DISEASE}),
    frozenset({Kind.GENE}),
    frozenset({Kind.ORGANISM}),
    frozenset({Kind.PATHWAY, Kind.SPECIMEN, Kind.METHOD, Kind.OTHER}),
)
"""Kinds that are one to the tagger; it tags the first four."""
_PREFIX, _SUFFIX, _GRAM = (2, 3, 4, 5), (2, 3, 4, 5), (3, 4)
_GAPS = {
    gap: n
    for n, gap in enumerate(("", " ", "-", ", ", " (", ") ", "/", ",", "(", ")", ". ", ".", ": ", "; ", "\n", "'"), 1)
}
_DASHES = "‐‑−–"
_SHORT_FORM, _LONG_FORM = 3, 7
_BEGIN, _INSIDE, _END, _ALONE = range(4)


@dataclass(frozen=True, slots=True)
class WordFeatures:
    """Features of words by where the word stands from the judged one: three flat arrays of one length."""

    buckets: Ints
    words: Ints
    """Which of the words."""
    offsets: Ints
    """Position in `OFFSETS`."""


def word_features(words: Sequence[str]) -> WordFeatures:
    """Features of words, none of them empty, that depend on nothing else."""
    lengths = np.fromiter(map(len, words), np.int64, len(words))
    ends = np.cumsum(lengths + 2)
    starts = ends - lengths - 2
    codes = np.frombuffer(
        "".join(f"^{w.lower()[: len(w)].ljust(len(w))}$" for w in words).encode("utf-32-le", "surrogatepass"), "<u4"
    )
    sums, inverses = polynomial_sums(codes)

    def spans(first: Ints, last: Ints) -> Hashes:
        return (sums[last] - sums[first]) * inverses[first]

    every = np.arange(len(words))
    whole = spans(starts, ends)
    shapes = np.fromiter(map(_shape, words), np.uint64, len(words))
    found: list[tuple[Hashes, Ints, int]] = []
    for place, offset in enumerate(OFFSETS):
        found += [(_salted(whole, 1, offset), every, place), (_salted(shapes, 2, offset), every, place)]
        if abs(offset) <= 1:
            for size in _PREFIX if offset == 0 else (3,):
                long = np.flatnonzero(lengths >= size)
                found.append((_salted(spans(starts[long], starts[long] + 1 + size), 10 + size, offset), long, place))
            for size in _SUFFIX if offset == 0 else (3, 4):
                long = np.flatnonzero(lengths >= size)
                found.append((_salted(spans(ends[long] - 1 - size, ends[long]), 20 + size, offset), long, place))
    owner = np.repeat(every, lengths + 2)
    for size in _GRAM:
        at = np.arange(len(codes) - size + 1)
        at = at[owner[at] == owner[at + size - 1]]
        found.append((_salted(spans(at, at + size), 30 + size, 0), owner[at], OFFSETS.index(0)))
    return WordFeatures(
        np.concatenate([b for b, _, _ in found]).astype(np.int64),
        np.concatenate([w for _, w, _ in found]),
        np.concatenate([np.full(len(w), place) for _, w, place in found]),
    )


@dataclass(frozen=True, slots=True)
class TokenFeatures:
    """Features of tokens that depend on where they stand."""

    around: Ints
    """(features, tokens): of the words beside and of what stands between."""
    said: Ints
    """(m,): of what the dictionary says, which is nothing of most tokens."""
    of: Ints
    """(m,): which token; ascending."""


def token_features(text: Text, matches: Sequence[Match]) -> TokenFeatures:
    """Features of tokens that depend on where they stand."""
    words = mixed(text.table.hashes[text.numbers])
    before, after = _shifted(words, 1), _shifted(words, -1)
    gaps = _gaps(text)
    left, right = gaps[:-1], gaps[1:]
    sizes = text.table.lengths[text.numbers].clip(0, 8).astype(np.uint64)
    around = (
        words * _ODD ^ before, words * _ODD ^ after, before * _ODD ^ after, left, right, left * _CODES + right,
        left * _CODES + sizes, _shifted(left, 1) * _CODES + left,
    )  # fmt: skip
    salts = np.array([_salt(40 + n, 0) for n in range(len(around))], np.uint64)
    said, of = _said(dictionary_codes(len(text), matches))
    return TokenFeatures(_bucket(np.stack(around) ^ salts[:, None]).astype(np.int64), said, of)


def _said(codes: Hashes) -> tuple[Ints, Ints]:
    """Features of what the dictionary says of a token, of the one before and of the one behind, by group."""
    groups, tokens = len(codes), codes.shape[1]
    both = codes[:1] * codes[1:3] * _CODES + codes[1:3]
    columns = np.zeros((3 * groups + len(both), tokens), np.uint64)
    columns[:groups] = codes
    columns[groups : 2 * groups, 1:] = codes[:, :-1]
    columns[2 * groups : 3 * groups, :-1] = codes[:, 1:]
    columns[3 * groups :] = np.where(codes[:1] > 0, both, 0)
    of, column = np.nonzero(columns.T)
    return _bucket(columns[column, of] ^ _SAID[column]).astype(np.int64), of


def dictionary_codes(tokens: int, matches: Sequence[Match]) -> Hashes:
    """What the dictionary says of each token, by group: (groups, tokens); 0 where it knows nothing."""
    codes = np.zeros((len(GROUPS), tokens), np.uint64)
    sizes = np.zeros((len(GROUPS), tokens), np.int64)
    for match in matches:
        if match.plain:
            continue
        size = match.last - match.first + 1
        quality = 1 + (len(match.form) > _SHORT_FORM) + (len(match.form) >= _LONG_FORM)
        for group in {_GROUP_OF[named.kind] for named in match.named}:
            for place in range(match.first, match.last + 1):
                if sizes[group, place] < size:
                    sizes[group, place] = size
                    codes[group, place] = 4 * quality + _position(place, match)
    return codes


def _position(place: int, match: Match) -> int:
    if match.first == match.last:
        return _ALONE
    return _BEGIN if place == match.first else _END if place == match.last else _INSIDE


def _gaps(text: Text) -> Hashes:
    """Number of what stands before each token, and at the end what stands after the last."""
    source = text.source
    edges = zip([0, *text.ends.tolist()], [*text.starts.tolist(), len(source)], strict=True)
    return np.array([_gap(source[a:b]) for a, b in edges], np.uint64)


@lru_cache(maxsize=4096)
def _gap(gap: str) -> int:
    if gap in _DASHES:
        return _GAPS["-"] if gap else _GAPS[""]
    return _GAPS.get(gap, 20 + ("(" in gap) + 2 * (")" in gap) + 4 * ("," in gap) + 8 * ("." in gap))


def _shape(word: str) -> int:
    case = 0 if word.islower() else 1 if word.isupper() else 2 if word[1:].islower() else 3 if word.isdigit() else 4
    return case * 16 + min(len(word), 8) + 128 * (not word.isascii())


def _shifted(row: Hashes, by: int) -> Hashes:
    """What stands `by` places before; nothing where that is outside."""
    moved = np.zeros_like(row)
    if by > 0:
        moved[by:] = row[:-by]
    else:
        moved[:by] = row[-by:]
    return moved


_ODD = np.uint64(0x9E3779B97F4A7C15)
_CODES = np.uint64(64)
_GROUP_OF = {kind: n for n, kinds in enumerate(GROUPS) for kind in kinds}


def _salt(template: int, offset: int) -> int:
    return ((template * 8 + offset + 3) * 0xD1342543DE82EF95) & ((1 << 64) - 1)


def _salted(values: Hashes, template: int, offset: int) -> Hashes:
    return _bucket(values ^ np.uint64(_salt(template, offset)))


def _bucket(values: Hashes) -> Hashes:
    return np.asarray(mixed(values) >> np.uint64(64 - BITS), np.uint64)


_SAID = np.array([_salt(50 + n, 0) for n in range(3 * len(GROUPS) + 2)], np.uint64)
