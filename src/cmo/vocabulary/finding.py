"""Concepts by an identifier or a name, without compiling anything: for a person who asks once.

Names are compared as the linker compares them. The names of many concepts are hashed at once as one text; those whose
hash is that of the wanted one are then compared.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import numpy as np

from cmo.model.concepts import Concept
from cmo.vocabulary.compiled import identifiers
from cmo.vocabulary.names import Text, form

_BATCH = 2_000
"""Concepts whose names are hashed at once."""
_BETWEEN = "\n\n"


def find(concepts: Sequence[Concept], wanted: str) -> tuple[Concept, ...]:
    """Concepts of an id or identifier, ``HMDB0000925`` or ``HMDB:HMDB0000925``; if there is none, of a name."""
    key = wanted.strip().casefold()
    if found := tuple(c for c in concepts if key in identifiers(c)):
        return found
    return tuple(_named(concepts, " ".join(wanted.split())))


def _named(concepts: Sequence[Concept], wanted: str) -> Iterator[Concept]:
    folded, text = form(wanted), Text.of(wanted)
    if not folded:
        return
    aim = text.hashes(np.array([0]), np.array([len(text) - 1]))[0]
    for start in range(0, len(concepts), _BATCH):
        for concept, name in _of_hash(concepts[start : start + _BATCH], int(aim)):
            if form(name) == folded:
                yield concept


def _of_hash(concepts: Sequence[Concept], aim: int) -> Iterator[tuple[Concept, str]]:
    """Concepts with a name of a hash, each once."""
    named = [(c, " ".join(name.split())) for c in concepts for name in (c.name, *c.synonyms)]
    text = Text.of(_BETWEEN.join(name for _, name in named))
    lengths = np.fromiter((len(name) + len(_BETWEEN) for _, name in named), np.int64, len(named))
    after = np.cumsum(lengths)
    first, end = np.searchsorted(text.starts, after - lengths), np.searchsorted(text.starts, after)
    sound = np.flatnonzero(end > first)
    hit = sound[text.hashes(first[sound], end[sound] - 1) == np.uint64(aim)]
    yield from {named[n][0].id: named[n] for n in reversed(hit.tolist())}.values()
