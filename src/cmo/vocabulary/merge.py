"""Vocabularies put together: concepts that are one thing become one, under the best of their names and ids.

::

    starter ─┐   ids that one lists and another has     ┐
    ChEBI   ─┼─► ids that both list, if neither knows    ├─► groups ─► one concept each
    …       ─┘   them apart                              │
                 preferred names that are the same       ┘

The order of the vocabularies is that of trust: the first one's name and id win. An identifier that two concepts of
one vocabulary share says nothing and is not used; nor is one that would join two concepts which some vocabulary keeps
apart, unless one that is trusted more lists the ids of both. Those are counted, and the first are told. A name joins
only what is of one kind, of two vocabularies, in neither of which another thing has it, and of no two structures.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace

from cmo.model.concepts import Concept, CuratedEdge, Kind
from cmo.vocabulary.hierarchy import circular

IDENTIFYING = frozenset({
    "CHEBI", "HMDB", "KEGG", "LIPIDMAPS", "INCHIKEY", "DOID", "HGNC", "ENSEMBL", "NCBIGENE", "UNIPROT", "REACTOME",
    "WIKIPATHWAYS", "NCBITAXON", "UBERON", "FPLX", "GOSLIN", "HUMANGEM", "CMO",
})  # fmt: skip
"""Sources whose identifiers mean one thing. Those of MeSH, OMIM, ICD or PubChem often stand for several concepts."""
_MOST_TOLD = 500
_STRUCTURE = 14
"""Letters of an InChIKey that say how the atoms hang together; the others tell isomers and charges apart."""
_SIGNS = str.maketrans({"−": "-", "–": "-", "‐": "-"})
_ALIKE = frozenset({Kind.METABOLITE, Kind.LIPID, Kind.DRUG})
"""A statin is a drug to one vocabulary and a metabolite to another."""


@dataclass(frozen=True, slots=True)
class Vocabulary:
    """What one vocabulary states."""

    name: str
    concepts: Sequence[Concept]
    edges: Sequence[CuratedEdge] = ()


@dataclass(frozen=True, slots=True)
class Merged:
    """What all of them state together."""

    concepts: tuple[Concept, ...]
    """In the order of trust, then that of their vocabulary."""
    edges: tuple[CuratedEdge, ...]
    """Between these concepts, each statement once."""
    counts: Mapping[str, int]
    """How often something did not fit: ``shared within a vocabulary``, ``kept apart``, ``kinds differ``,
    ``unknown parent``, ``cycle``, ``unknown end``."""
    apart: tuple[Apart, ...]
    """The first of those that stay two although something speaks for one."""


@dataclass(frozen=True, slots=True)
class Apart:
    """Two concepts that share an identifier or a name and were not made one."""

    one: Concept
    other: Concept
    why: str
    """``kinds differ``, or ``kept apart`` by a vocabulary that has both."""
    vocabularies: tuple[str, str]
    """Whose they are."""

    def __str__(self) -> str:
        names = (
            f"{c.id} {c.name!r} ({c.kind}, of {v})"
            for c, v in zip((self.one, self.other), self.vocabularies, strict=True)
        )
        return f"{self.why}: {' and '.join(names)} share an identifier and stay two"


def merge(vocabularies: Sequence[Vocabulary]) -> Merged:
    """Put vocabularies together, the most trusted first; the same every time."""
    counts: Counter[str] = Counter()
    groups = _Groups(vocabularies, counts)
    groups.join()
    concepts = tuple(groups.concepts())
    homes = groups.homes()
    concepts = tuple(_with_parents(concepts, homes, counts))
    edges = tuple(_edges((e for v in vocabularies for e in v.edges), homes, counts))
    return Merged(concepts, edges, dict(+counts), tuple(groups.apart))


def curies(concept: Concept) -> Iterator[str]:
    """Its id, then its identifiers elsewhere that mean one thing, as CURIEs."""
    yield concept.id
    for source, values in concept.xrefs.items():
        if source in IDENTIFYING:
            for value in values:
                curie = f"{source}:{value}"
                if curie != concept.id:
                    yield curie


class _Groups:
    """Concepts by number, and which of them are one."""

    def __init__(self, vocabularies: Sequence[Vocabulary], counts: Counter[str]) -> None:
        self._concepts = [c for v in vocabularies for c in v.concepts]
        ranks = [rank for rank, v in enumerate(vocabularies) for _ in v.concepts]
        self._counts = counts
        self._refused: set[tuple[int, int]] = set()
        self._vocabularies = [v.name for v in vocabularies]
        self.apart: list[Apart] = []
        self._root = list(range(len(ranks)))
        self._ranks = ranks
        self._members = [1 << rank for rank in ranks]
        """By root: a bit for each vocabulary that has a concept in the group."""
        self._keys = list(map(list, _own_keys(self._concepts, ranks, counts)))

    def join(self) -> None:
        """First by ids that a concept lists and another has, then by identifiers that both list."""
        self._join_listed()
        first: dict[str, int] = {}
        for number, keys in enumerate(self._keys):
            for key in keys:
                other = first.setdefault(key, number)
                if other != number:
                    self._unite(other, number, allowed=0)
        self._join_namesakes()

    def _join_namesakes(self) -> None:
        """By preferred names, of which each vocabulary knows one owner."""
        named: dict[str, dict[int, list[int]]] = {}
        for number, concept in enumerate(self._concepts):
            named.setdefault(_name_key(concept), {}).setdefault(self._ranks[number], []).append(number)
        for key, owners in named.items():
            if (
                len(owners) > 1
                and key
                and all(len({self._find(n) for n in numbers}) == 1 for numbers in owners.values())
            ):
                first, *others = (numbers[0] for numbers in owners.values())
                for other in others:
                    if self._alike(first, other):
                        self._unite(first, other, allowed=0, shared="name")

    def _alike(self, one: int, other: int) -> bool:
        """Whether no structure speaks against two namesakes being one."""
        blocks = [{key[:_STRUCTURE] for key in self._concepts[n].xrefs.get("INCHIKEY", ())} for n in (one, other)]
        same = not all(blocks) or bool(blocks[0] & blocks[1])
        return same and _compatible(self._concepts[one].kind, self._concepts[other].kind)

    def _join_listed(self) -> None:
        owners: dict[str, list[int]] = {}
        for number, concept in enumerate(self._concepts):
            owners.setdefault(concept.id, []).append(number)
        for number, keys in enumerate(self._keys):
            for key in keys:
                for other in owners.get(key, ()):
                    if other != number:
                        trusted = self._ranks[number] < self._ranks[other]
                        self._unite(number, other, allowed=1 << self._ranks[other] if trusted else 0)

    def _unite(self, one: int, other: int, *, allowed: int, shared: str = "identifier") -> None:
        """Make two groups one unless a vocabulary that is not `allowed` to has concepts in both."""
        whose = one, other
        one, other = sorted((self._find(one), self._find(other)))
        if one == other:
            return
        if not _compatible(self._concepts[one].kind, self._concepts[other].kind):
            self._refuse(one, other, whose, "kinds differ")
        elif self._members[one] & self._members[other] & ~allowed:
            if shared == "identifier":
                self._refuse(one, other, whose, "kept apart")
        else:
            self._root[other] = one
            self._members[one] |= self._members[other]

    def _refuse(self, one: int, other: int, whose: tuple[int, int], why: str) -> None:
        """Count and tell two groups that stay two, once however many identifiers they share."""
        if (one, other) not in self._refused:
            self._refused.add((one, other))
            self._counts[why] += 1
            if len(self.apart) < _MOST_TOLD:
                a, b = (self._concepts[n] for n in whose)
                self.apart.append(Apart(a, b, why, (self._of(whose[0]), self._of(whose[1]))))

    def _of(self, number: int) -> str:
        return self._vocabularies[self._ranks[number]]

    def _find(self, number: int) -> int:
        while self._root[number] != number:
            self._root[number] = number = self._root[self._root[number]]
        return number

    def concepts(self) -> Iterator[Concept]:
        """One concept a group, parents not yet translated."""
        groups: dict[int, list[Concept]] = {}
        for number, concept in enumerate(self._concepts):
            groups.setdefault(self._find(number), []).append(concept)
        for members in groups.values():
            yield members[0] if len(members) == 1 else _one(members)

    def homes(self) -> dict[str, str]:
        """The id under which each identifier is found now; an id before an identifier elsewhere."""
        homes: dict[str, str] = {}
        for number, concept in enumerate(self._concepts):
            homes.setdefault(concept.id, self._concepts[self._find(number)].id)
        for number, keys in enumerate(self._keys):
            for key in keys:
                homes.setdefault(key, self._concepts[self._find(number)].id)
        return homes


def _own_keys(concepts: Sequence[Concept], ranks: Sequence[int], counts: Counter[str]) -> Iterator[Iterator[str]]:
    """Identifiers of each concept that no other concept of its vocabulary has; an id belongs to whose id it is."""
    owners: dict[tuple[int, str], int] = {}
    for number, (concept, rank) in enumerate(zip(concepts, ranks, strict=True)):
        owners[rank, concept.id] = number
    ids = dict(owners)
    for number, (concept, rank) in enumerate(zip(concepts, ranks, strict=True)):
        for curie in curies(concept):
            if owners.setdefault((rank, curie), number) != number and (rank, curie) not in ids:
                owners[rank, curie] = -1
                counts["shared within a vocabulary"] += 1
    for number, (concept, rank) in enumerate(zip(concepts, ranks, strict=True)):
        yield (curie for curie in curies(concept) if owners[rank, curie] == number)


def _name_key(concept: Concept) -> str:
    """A preferred name without case, hyphens and spaces, by its kind; charges and turns of light stay."""
    name = concept.name.translate(_SIGNS).casefold().replace("(-)", "minus")
    folded = re.sub(r"[^\w+,]|_", "", re.sub(r"(?<=\d)[\W_]+(?=\d)", ",", name))
    kind = Kind.METABOLITE if concept.kind in _ALIKE else concept.kind
    return f"{kind} {folded}" if folded else ""


def _compatible(one: Kind, other: Kind) -> bool:
    return one is other or Kind.OTHER in {one, other} or {one, other} <= _ALIKE


def _one(members: Sequence[Concept]) -> Concept:
    """One concept for several; the first is trusted most."""
    first = members[0]
    names = dict.fromkeys(name for c in members for name in (c.name, *c.synonyms))
    names.pop(first.name)
    kind = next((c.kind for c in members if c.kind is not Kind.OTHER), Kind.OTHER)
    parents = dict.fromkeys(parent for c in members for parent in c.parents)
    return Concept(first.id, first.name, kind, tuple(names), _all_xrefs(members), tuple(parents))


def _all_xrefs(members: Sequence[Concept]) -> dict[str, tuple[str, ...]]:
    found: dict[str, dict[str, None]] = {}
    for concept in members:
        for source, values in concept.xrefs.items():
            found.setdefault(source, {}).update(dict.fromkeys(values))
    for concept in members[1:]:
        source, _, local = concept.id.partition(":")
        found.setdefault(source, {})[local] = None
    source, _, local = members[0].id.partition(":")
    found.get(source, {}).pop(local, None)
    return {source: tuple(values) for source, values in found.items() if values}


def _with_parents(concepts: Iterable[Concept], homes: Mapping[str, str], counts: Counter[str]) -> Iterator[Concept]:
    """Concepts whose parents exist and never lead back to them."""
    concepts = list(concepts)
    parents: dict[str, tuple[str, ...]] = {}
    for concept in concepts:
        known = dict.fromkeys(homes[p] for p in concept.parents if p in homes)
        counts["unknown parent"] += sum(p not in homes for p in concept.parents)
        known.pop(concept.id, None)
        parents[concept.id] = tuple(known)
    for child, parent in circular(parents):
        counts["cycle"] += 1
        parents[child] = tuple(p for p in parents[child] if p != parent)
    for concept in concepts:
        yield concept if concept.parents == parents[concept.id] else replace(concept, parents=parents[concept.id])


def _edges(edges: Iterable[CuratedEdge], homes: Mapping[str, str], counts: Counter[str]) -> Iterator[CuratedEdge]:
    seen: set[tuple[str, str, str, str]] = set()
    for edge in edges:
        subject, target = homes.get(edge.subject), homes.get(edge.object)
        if subject is None or target is None:
            counts["unknown end"] += 1
            continue
        key = (subject, target, edge.type, edge.source)
        if subject != target and key not in seen:
            seen.add(key)
            yield replace(edge, subject=subject, object=target)
