"""A document's entities and relations, as a reading of the paper that it became.

::

    entities --named in the text?--> mentions --+
    relations --chunks--> sentences of them ----+--> the best sentence that names both --> Relation
                                                     none --> without evidence: counted, and kept out

**Probability.** LightRAG gives none, and how often it repeats itself is no measure of truth. So what can be checked
is counted: of the `n` chunks that it read the relation in, `k` have a sentence that names both ends. The probability is
Laplace's rule of succession, (k + 1) / (n + 2): two in three for one of one, never certainty.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace

from cmo.lightrag.holdings import ChunkText, Document, Entity, Holdings, Link
from cmo.lightrag.types import Typed, holds, rules, typed, words
from cmo.model.concepts import Kind, Mention, Reading, Relation
from cmo.model.naming import LIGHTRAG, Given, by_sentence, fold, named
from cmo.model.papers import CITABLE, ParsedPaper
from cmo.model.ports import Linker

READER = "lightrag"
PREFIX = LIGHTRAG
_SETTING = frozenset({Kind.SPECIMEN, Kind.ORGANISM, Kind.METHOD})
_EDGE_CHARS = 40
"""A sentence belongs to a chunk that holds this much of its beginning or its end: chunks cut through sentences."""
_SCOPE_CHARS = 40
"""How far before the two names a "no" still denies what is said of them."""
_KINDS = {
    Kind.METABOLITE: ("metabolite", "compound", "chemical", "chemicalcompound", "chemicalentity", "molecule"),
    Kind.LIPID: ("lipid",),
    Kind.GENE: ("gene", "protein", "enzyme", "geneorgeneproduct"),
    Kind.DISEASE: ("disease", "disorder", "condition", "syndrome", "diseaseorphenotypicfeature"),
    Kind.PATHWAY: ("pathway", "biologicalprocess"),
    Kind.ORGANISM: ("organism", "creature", "species", "organismtaxon"),
    Kind.SPECIMEN: ("specimen", "biospecimen", "tissue", "biofluid"),
    Kind.METHOD: ("method", "technique", "technology", "procedure"),
    Kind.DRUG: ("drug", "medication"),
}
_KIND_OF = {name: kind for kind, names in _KINDS.items() for name in names}


@dataclass(frozen=True, slots=True)
class Found:
    """A reading, and what did not come into it."""

    reading: Reading
    entities: int
    """That LightRAG named in this document."""
    not_in_text: int
    """Of those, names that do not stand in it."""
    unlinked: int
    """Concepts that no vocabulary of ours has."""
    relations: int
    """That LightRAG told of this document."""
    without_evidence: int
    """Of those, such as no sentence of its chunks names both ends of."""
    same: int
    """Of those, such as relate two names of one concept, or were told twice."""


def read_document(document: Document, holdings: Holdings, paper: ParsedPaper, linker: Linker) -> Found:
    """What LightRAG found in a document, in the text of its paper."""
    mine = {key: chunk for key, chunk in holdings.chunks.items() if chunk.document == document.id}
    entities = [e for e in holdings.entities.values() if not mine.keys().isdisjoint(e.chunks)]
    links = [link for link in holdings.links if not mine.keys().isdisjoint(link.chunks)]
    found = named(paper.text, map(_given, entities), linker, PREFIX)
    places = _Places(paper, mine, by_sentence(paper.sentences, found.mentions))
    told = [
        relation
        for link in links
        if link.a in found.ids and link.b in found.ids
        for relation in places.relation(link, found.ids[link.a], found.ids[link.b])
    ]
    distinct = sum(_distinct(link, found.ids) for link in links)
    kept = tuple(_once(told))
    return Found(
        Reading(READER, found.mentions, kept, found.concepts),
        entities=len(entities),
        not_in_text=sum(e.name not in found.ids for e in entities),
        unlinked=len(found.concepts),
        relations=len(links),
        without_evidence=distinct - len(told),
        same=len(links) - distinct + len(told) - len(kept),
    )


class _Places:
    """The sentences of a paper: which concepts they name, and which chunks they stand in."""

    def __init__(self, paper: ParsedPaper, chunks: Mapping[str, ChunkText], naming: list[dict[str, Mention]]) -> None:
        self._paper = paper
        self._naming = naming
        folded = [fold(paper.text[s.start : s.end]) for s in paper.sentences]
        self._within = {key: frozenset(_within(fold(chunk.text), folded)) for key, chunk in chunks.items()}

    def relation(self, link: Link, a: str, b: str) -> Iterator[Relation]:
        """The relation with its best sentence, if there is one."""
        if a == b:
            return
        chunks = [self._within[key] for key in link.chunks if key in self._within]
        both = [n for n, concepts in enumerate(self._naming) if a in concepts and b in concepts]
        bearing = [[n for n in both if n in sentences] for sentences in chunks]
        candidates = sorted({n for sentences in bearing for n in sentences})
        if candidates:
            said = f"{link.keywords} {link.description}"
            best = max(candidates, key=lambda n: self._fit(n, said))
            probability = (sum(map(bool, bearing)) + 1) / (len(chunks) + 2)
            yield self._stated(best, said, a, b, probability)

    def _stated(self, place: int, said: str, a: str, b: str, probability: float) -> Relation:
        concepts, sentence = self._naming[place], self._paper.sentences[place]
        text = self._paper.text[sentence.start : sentence.end]
        first, second = sorted((concepts[a], concepts[b]), key=lambda m: m.start)
        ends: Typed = typed(said, text, first, second, sentence.start)
        about = self._paper.text[max(sentence.start, first.start - _SCOPE_CHARS) : second.end]
        return Relation(
            ends.subject.concept,
            ends.object.concept,
            ends.type,
            round(probability, 4),
            place,
            negated=holds(rules().negated, about),
            hedged=holds(rules().hedged, text),
            context=tuple(c for c, m in concepts.items() if m.kind in _SETTING and c not in {a, b}),
        )

    def _fit(self, place: int, said: str) -> tuple[bool, float, int]:
        """Prose before headings; then the sentence that shares most words with what was said; then the earlier one."""
        sentence = self._paper.sentences[place]
        mine, theirs = set(words(self._paper.text[sentence.start : sentence.end])), set(words(said))
        return sentence.role in CITABLE, len(mine & theirs) / len(mine | theirs), -place


def _given(entity: Entity) -> Given:
    return Given(entity.name, _KIND_OF.get(fold(entity.type), Kind.OTHER))


def _within(chunk: str, sentences: Sequence[str]) -> Iterator[int]:
    for n, sentence in enumerate(sentences):
        if sentence and (sentence[:_EDGE_CHARS] in chunk or sentence[-_EDGE_CHARS:] in chunk):
            yield n


def _distinct(link: Link, ids: Mapping[str, str]) -> bool:
    """Whether a relation's ends are not two names of one concept."""
    return link.a not in ids or link.b not in ids or ids[link.a] != ids[link.b]


def _once(relations: Iterable[Relation]) -> Iterator[Relation]:
    """Each statement once, as surely as any of its tellings has it, in the order of the text."""
    best: dict[Relation, Relation] = {}
    for relation in relations:
        key = replace(relation, probability=0.0, sentence=0, negated=False, hedged=False, context=())
        known = best.get(key)
        if known is None or relation.probability > known.probability:
            best[key] = relation
    yield from sorted(best.values(), key=lambda r: (r.sentence, r.subject, r.object, r.type))
