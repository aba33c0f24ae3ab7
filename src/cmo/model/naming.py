"""Names that somebody else found in a text, as mentions of concepts.

::

    a given name --linker--> a known concept, else one of its own --searched--> its places in the text

Another reader's names come without places, and none is believed that does not stand in the text.
"""

from __future__ import annotations

import re
import unicodedata
from bisect import bisect_right
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from hashlib import blake2b

from cmo.model.concepts import Concept, Guess, Kind, Mention
from cmo.model.papers import Sentence
from cmo.model.ports import Linker

MOST_NAME_CHARS = 200
LLM, LIGHTRAG = "LLM", "LIGHTRAG"
"""Begin the ids of concepts that only a language model, or an import, knows."""
_SHORT = 3
"""Names of up to this many characters are searched with their case: CAT is a gene and cat an animal."""
_MARKS = re.compile(r"[\W_]+")
_BETWEEN = r"[\s\-‐‑−–]*"


@dataclass(frozen=True, slots=True)
class Given:
    """A name and what it is said to be."""

    name: str
    kind: Kind


@dataclass(frozen=True, slots=True)
class Named:
    """Given names, found."""

    ids: Mapping[str, str]
    """Concept by given name; names that do not stand in the text are not here."""
    kinds: Mapping[str, Kind]
    """By concept."""
    mentions: tuple[Mention, ...]
    """In the order of the text, not overlapping."""
    concepts: tuple[Concept, ...]
    """Those that no vocabulary has."""


class KnowsNothing:
    """A linker without a vocabulary."""

    def link(self, text: str) -> tuple[Mention, ...]:  # noqa: ARG002 - the port's own signature
        """Nothing."""
        return ()

    def link_question(self, text: str) -> tuple[Mention, ...]:  # noqa: ARG002
        """Nothing."""
        return ()

    def guesses(self, text: str) -> tuple[Guess, ...]:  # noqa: ARG002
        """Nothing."""
        return ()

    def concept(self, concept_id: str) -> Concept | None:  # noqa: ARG002
        """None."""
        return None


def fold(name: str) -> str:
    """A name without case, hyphens and spaces, so that one thing has one key."""
    if name.isascii():
        return "".join(filter(str.isalnum, name)).lower()
    return _MARKS.sub("", unicodedata.normalize("NFKC", name).casefold())


def foreign_ids(name: str) -> tuple[str, ...]:
    """The ids that a thing of this name has where only another reader knows it."""
    key = _key(name)
    return tuple(f"{prefix}:{key}" for prefix in (LLM, LIGHTRAG))


def named(text: str, given: Iterable[Given], linker: Linker, prefix: str) -> Named:
    """Find given names in a text.

    Args:
        text: of the paper.
        given: what the other reader named.
        linker: knows concepts by name.
        prefix: of the ids of concepts that it does not know: ``LIGHTRAG``.
    """
    known = linker.link(text)
    by_place = {(m.start, m.end): m for m in known}
    folded = text.casefold()
    ids: dict[str, str] = {}
    own: dict[str, Concept] = {}
    found: list[Mention] = []
    for item in given:
        name = " ".join(item.name.split())[:MOST_NAME_CHARS]
        places = list(_places(name, text, folded))
        meant = next((by_place[p] for p in places if p in by_place), None) or _whole(name, linker)
        if meant is not None:
            mine = [m for m in known if m.concept == meant.concept]
            mine += [Mention(a, b, meant.concept, meant.kind, meant.confidence) for a, b in places]
        else:
            concept = Concept(f"{prefix}:{_key(name)}", name, item.kind)
            mine = [Mention(a, b, concept.id, concept.kind, 1.0) for a, b in places]
            if mine:
                own.setdefault(concept.id, concept)
        if mine:
            ids[item.name] = mine[0].concept
            found += mine
    mentions = tuple(_longest(found))
    kept = {m.concept for m in mentions}
    return Named(
        {name: concept for name, concept in ids.items() if concept in kept},
        {m.concept: m.kind for m in mentions},
        mentions,
        tuple(concept for concept in own.values() if concept.id in kept),
    )


def by_sentence(sentences: Sequence[Sentence], mentions: Sequence[Mention]) -> list[dict[str, Mention]]:
    """For each sentence the concepts that it names, each with its first mention there."""
    starts = [s.start for s in sentences]
    found: list[dict[str, Mention]] = [{} for _ in sentences]
    for mention in mentions:
        place = bisect_right(starts, mention.start) - 1
        if place >= 0 and mention.end <= sentences[place].end:
            found[place].setdefault(mention.concept, mention)
    return found


def _key(name: str) -> str:
    return blake2b(fold(name).encode("utf-8", "replace"), digest_size=6).hexdigest()


def _whole(name: str, linker: Linker) -> Mention | None:
    """The concept that a name alone means, all of it."""
    return next((m for m in linker.link(name) if m.start == 0 and m.end == len(name)), None)


def _places(name: str, text: str, folded: str) -> Iterator[tuple[int, int]]:
    parts = re.findall(r"[^\s\-‐‑−–]+", name)
    if not parts or not fold(name) or parts[0].casefold() not in folded:
        return
    plural = "s?" if name[-1:].isalpha() and len(name) > _SHORT else ""
    pattern = rf"(?<!\w){_BETWEEN.join(map(re.escape, parts))}{plural}(?!\w)"
    flags = re.IGNORECASE if len(name) > _SHORT else 0
    yield from (match.span() for match in re.finditer(pattern, text, flags))


def _longest(mentions: list[Mention]) -> Iterator[Mention]:
    """The leftmost, of those the longest, without overlaps."""
    reached = 0
    for mention in sorted(mentions, key=lambda m: (m.start, -m.end, -m.confidence)):
        if mention.start >= reached:
            yield mention
            reached = mention.end
