"""What may be named in a window of a text: dictionary names, tagged names, lipid shorthand."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from enum import IntEnum

from cmo.model.concepts import Kind
from cmo.vocabulary.acylcarnitines import chains
from cmo.vocabulary.compiled import CompiledVocabulary, Named
from cmo.vocabulary.lipids import species
from cmo.vocabulary.matches import Match, matches
from cmo.vocabulary.names import Text, taken_apart
from cmo.vocabulary.tagger import Tagger, Tags

CHEMICALS = frozenset({Kind.METABOLITE, Kind.LIPID, Kind.DRUG})
KNOWN_ENOUGH = 0.25
"""A short dictionary name counts where the tagger gives it this probability of being a name at all."""
SURE_OF_KIND = 0.7
"""A known name of another kind than the tagger says is what the vocabulary says, unless the tagger is so sure."""
SURE = 0.9
"""A name that only the tagger knows counts in a question if it is so likely."""


class Source(IntEnum):
    """How a name was found; of two that overlap the higher wins."""

    DICTIONARY = 0
    TAGGER = 1
    SHORTHAND = 2
    DEFINITION = 3
    MISSPELLED = 4


@dataclass(frozen=True, slots=True)
class Candidate:
    """A span of a text that may name something."""

    start: int
    end: int
    kind: Kind
    """Of its first concept; where it has none, what the tagger says."""
    named: tuple[Named, ...]
    """Concepts of exactly this name."""
    form: str
    source: Source
    tagged: float
    """Probability of being a name, as the tagger sees it; .5 where nobody asked."""
    spelled: str
    """Its tokens, folded: what a concept is called by that no vocabulary has; empty for the others."""
    plain: bool = False
    """Whether it is a word of plain English."""


def candidates(window: str, offset: int, vocabulary: CompiledVocabulary, tagger: Tagger | None) -> Iterator[Candidate]:
    """Candidates of a window, overlapping ones too; `offset` is where the window begins in its text."""
    text = taken_apart(window)
    found = matches(text, vocabulary)
    tags = tagger.tags(text, found) if tagger else None
    for candidate in (
        *_of_dictionary(text, found, tags),
        *_of_tagger(text, found, tags),
        *_of_shorthand(window, vocabulary),
    ):
        yield replace(candidate, start=candidate.start + offset, end=candidate.end + offset) if offset else candidate


def of_kind(named: Sequence[Named], kind: Kind) -> tuple[Named, ...]:
    """Concepts that the tagger may mean by a kind."""
    kinds = CHEMICALS if kind in CHEMICALS else {kind}
    return tuple(n for n in named if n.kind in kinds)


def _of_dictionary(text: Text, found: Sequence[Match], tags: Tags | None) -> Iterator[Candidate]:
    for match in found:
        start, end = int(text.starts[match.first]), int(text.ends[match.last])
        likely = tags.likely(match.first, match.last) if tags else 0.5
        yield Candidate(
            start, end, match.named[0].kind, match.named, match.form, Source.DICTIONARY, likely, "", match.plain
        )  # fmt: skip


def _of_tagger(text: Text, found: Sequence[Match], tags: Tags | None) -> Iterator[Candidate]:
    if not tags:
        return
    names = {(match.first, match.last): match.named for match in found}
    for tag in tags.tags:
        start, end = _with_parentheses(text.source, int(text.starts[tag.first]), int(text.ends[tag.last]))
        known = names.get((tag.first, tag.last), ())
        named = of_kind(known, tag.kind) or (known if tag.probability < SURE_OF_KIND else ())
        yield Candidate(
            start, end, named[0].kind if named else tag.kind, named, text.form(tag.first, tag.last), Source.TAGGER,
            tag.probability, "" if named else text.spelled(tag.first, tag.last),
        )  # fmt: skip


def _with_parentheses(text: str, start: int, end: int) -> tuple[int, int]:
    """A span with the parenthesis that it opens or closes: PGE(2), (R)-carvone."""
    name = text[start:end]
    for opening, closing in ("()", "[]"):
        if name.count(opening) > name.count(closing) and text[end : end + 1] == closing:
            return start, end + 1
        if name.count(closing) > name.count(opening) and text[start - 1 : start] == opening:
            return start - 1, end
    return start, end


def _of_shorthand(window: str, vocabulary: CompiledVocabulary) -> Iterator[Candidate]:
    for lipid in species(window):
        named = vocabulary.lookup(lipid.name)
        yield Candidate(
            lipid.start, lipid.end, Kind.LIPID, named, lipid.name, Source.SHORTHAND, 1.0, lipid.name
        )  # fmt: skip
    yield from of_chains(window, vocabulary)


def of_chains(text: str, vocabulary: CompiledVocabulary, *, asked: bool = False) -> Iterator[Candidate]:
    """Acylcarnitines by the length of their chains, in a paper or (`asked`) in a question."""
    for chain in chains(text, asked=asked):
        named = vocabulary.lookup(chain.name) if chain.name else ()
        kind = named[0].kind if named else Kind.LIPID
        yield Candidate(
            chain.start, chain.end, kind, named, chain.name or chain.species, Source.SHORTHAND, 1.0, chain.species
        )  # fmt: skip
