"""All names of a vocabulary in a text, overlapping ones too."""

from __future__ import annotations

import re
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from cmo.vocabulary.compiled import HEAD, LONGEST, WHOLE, CompiledVocabulary, Named
from cmo.vocabulary.names import SHORT, Hashes, Ints, Text
from cmo.vocabulary.words import PLAIN, STOP, is_plain

_OUTSIDE = re.compile(r"[)\]],? |, |\s[(\[]")


@dataclass(frozen=True, slots=True)
class Match:
    """A span of tokens that is a name."""

    first: int
    last: int
    """Its last token: both are part of it."""
    named: tuple[Named, ...]
    """Every concept of that name, the preferred first; never empty."""
    form: str
    plain: bool
    """Whether it is, as printed, more likely a word of plain English."""


def matches(text: Text, vocabulary: CompiledVocabulary) -> list[Match]:
    """Names in the order in which they begin, longer ones first."""
    first, last, hashes = _spans(text, vocabulary)
    rows = vocabulary.rows(hashes)
    known = rows >= 0
    found = []
    for a, b, row in zip(first[known].tolist(), last[known].tolist(), rows[known].tolist(), strict=True):
        form = text.form(a, b)
        named = vocabulary.named(row, form, text.plain(a, b) if len(form) <= SHORT else form)
        if named and b > a and _glued(printed := text.source[text.starts[a] : text.ends[b]]):
            named = tuple(n for n in named if not n.one_word)
        if named:
            printed = text.source[text.starts[a] : text.ends[b]]
            found.append(Match(a, b, named, form, is_plain(form, printed, named[0].kind)))
    found.sort(key=lambda m: (m.first, -m.last))
    return found


def _glued(printed: str) -> bool:
    """Whether words stand apart here that are no name when they are written as one: ``but in`` is not butin."""
    if _OUTSIDE.search(printed):
        return True
    words = printed.split()
    return len(words) > 1 and any(
        w.casefold() in PLAIN or w.casefold() in STOP or len(w) == 1 for w in words if w.isalpha()
    )


def _spans(text: Text, vocabulary: CompiledVocabulary) -> tuple[Ints, Ints, Hashes]:
    """Spans that may be names: first tokens, last tokens, hashes."""
    openers = np.flatnonzero(text.opens)
    near = _pairs(text, openers, np.arange(WHOLE))
    heads = openers[openers + HEAD <= len(text)]
    heads = heads[vocabulary.is_head(text.hashes(heads, heads + HEAD - 1))]
    far = _pairs(text, heads, np.arange(WHOLE, LONGEST))
    first, last = np.concatenate([near[0], far[0]]), np.concatenate([near[1], far[1]])
    hashes = text.hashes(first, last)
    keep: NDArray[np.bool_] = vocabulary.maybe(hashes)
    return first[keep], last[keep], hashes[keep]


def _pairs(text: Text, openers: Ints, sizes: Ints) -> tuple[Ints, Ints]:
    first = np.repeat(openers, len(sizes))
    last = (openers[:, None] + sizes).ravel()
    inside = last < len(text)
    first, last = first[inside], last[inside]
    whole = text.closes[last] & (text.segments[first] == text.segments[last])
    return first[whole], last[whole]
