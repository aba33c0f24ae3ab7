"""ChEBI: its official OBO file, or tables of names and mappings.

::

    chebi.obo[.gz]        names, synonyms, is-a, conjugate acids and bases, KEGG, HMDB, LIPID MAPS, CAS, InChIKey
    name_to_chebi.tsv     name, id; beside it, if they are there,
    mesh_mappings.tsv     MESH, id, name, CHEBI, id, name
    cas_to_chebi.tsv · chebi_to_pubchem.tsv
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path

from cmo.errors import VocabularyError
from cmo.model.concepts import Concept, Kind
from cmo.vocabulary.sources.ions import pairs_by_name, unite
from cmo.vocabulary.sources.notes import Notes, Problem
from cmo.vocabulary.sources.obo import Stanza, synonym, target, terms
from cmo.vocabulary.sources.rows import Item, found, headless, table

_NAMES = "name_to_chebi.tsv"
_OBO = ("chebi.obo", "chebi_lite.obo", "chebi_core.obo")
_LIPID, _NO_ENTITY = "CHEBI:18059", ("CHEBI:50906", "CHEBI:36342")
"""The roots of lipids, and of what is no chemical entity: roles and subatomic particles."""
_SAME = frozenset({"is_conjugate_acid_of", "is_conjugate_base_of", "is_tautomer_of", *(f"RO:001803{n}" for n in "346")})
"""Relations between protonation states, by the names before and since ChEBI's release of 2025."""
_SOURCES = {
    "kegg": "KEGG", "kegg compound": "KEGG", "kegg.compound": "KEGG", "hmdb": "HMDB", "lipidmaps": "LIPIDMAPS",
    "lipid_maps_instance": "LIPIDMAPS", "cas": "CAS", "pubchem": "PUBCHEM", "pubchem.compound": "PUBCHEM",
}  # fmt: skip
_KEY = re.compile(r'inchi_?key(?:_string)? "([A-Z]{14}-[A-Z]{10}-[A-Z])"')
_NO_NAMES = frozenset({"InChI", "InChIKey", "SMILES", "FORMULA"})
_ESCAPED = re.compile(r"\\([{}])")


def read(path: Path, notes: Notes) -> Iterator[Item]:
    """Concepts of ChEBI, protonation states together.

    Raises:
        VocabularyError: there is neither an OBO file nor a table of names.
    """
    if names := found(path, _NAMES):
        yield from _read_tables(names, notes)
    elif obo := found(path, *_OBO) or (path if path.is_file() else None):
        yield from _read_obo(obo, notes)
    else:
        raise VocabularyError(f"There is no {_NAMES} and no {', '.join(_OBO)} (or .gz) in {path}.")


def _read_tables(names: Path, notes: Notes) -> Iterator[Item]:
    ids: dict[str, str] = {}
    places: dict[str, str] = {}
    by_id: dict[str, list[str]] = {}
    for where, (raw, identifier, *_) in headless(names, 2, notes):
        if not raw or not re.fullmatch(r"CHEBI:\d+", identifier):
            notes.wrong(Problem.BAD_ROW, where, f"{identifier!r} is no ChEBI id")
            continue
        name = _ESCAPED.sub(r"\1", raw)
        ids.setdefault(name, identifier)
        places.setdefault(identifier, where)
        by_id.setdefault(identifier, []).append(name)
    mappings = _Mappings(names.parent, notes)
    concepts = {i: mappings.concept(i, known) for i, known in by_id.items()}
    for concept in unite(concepts, pairs_by_name(ids)):
        yield places[concept.id], concept


class _Mappings:
    """The tables beside that of the names, as far as they are there."""

    def __init__(self, folder: Path, notes: Notes) -> None:
        self._xrefs: dict[str, dict[str, list[str]]] = {}
        self._mesh: dict[str, list[str]] = {}
        if cas := found(folder, "cas_to_chebi.tsv"):
            for _, row in table(cas, ("CAS", "CHEBI"), notes):
                self._add(f"CHEBI:{row['CHEBI']}", "CAS", row["CAS"])
        if pubchem := found(folder, "chebi_to_pubchem.tsv"):
            for _, row in table(pubchem, ("CHEBI", "PUBCHEM"), notes):
                self._add(f"CHEBI:{row['CHEBI']}", "PUBCHEM", row["PUBCHEM"])
        if mesh := found(folder, "mesh_mappings.tsv"):
            for _, (_, identifier, name, source, chebi, _) in headless(mesh, 6, notes):
                if source == "CHEBI":
                    self._add(chebi, "MESH", identifier)
                    if ", " not in name:  # "Receptors, Insulin" is a heading, not a name
                        self._mesh.setdefault(chebi, []).append(name)

    def concept(self, identifier: str, names: Sequence[str]) -> Concept:
        first, *others = names
        synonyms = dict.fromkeys((*others, *self._mesh.get(identifier, ())))
        synonyms.pop(first, None)
        xrefs = {source: tuple(values) for source, values in self._xrefs.get(identifier, {}).items()}
        return Concept(identifier, first, Kind.METABOLITE, tuple(synonyms), xrefs)

    def _add(self, identifier: str, source: str, value: str) -> None:
        self._xrefs.setdefault(identifier, {}).setdefault(source, []).append(value)


def _read_obo(path: Path, notes: Notes) -> Iterator[Item]:
    places: dict[str, str] = {}
    concepts: dict[str, Concept] = {}
    pairs: list[tuple[str, str]] = []
    for where, stanza in terms(path, notes):
        concept = _concept(stanza)
        if concept.id in concepts:
            notes.wrong(Problem.DUPLICATE, where, f"{concept.id} stands at {places[concept.id]} as well")
            continue
        places[concept.id], concepts[concept.id] = where, concept
        for relation in stanza.get("relationship", ()):
            kind, _, other = relation.partition(" ")
            if kind in _SAME:
                pairs.append((concept.id, target(other)))
    roots = {identifier: _above(identifier, concepts) for identifier in concepts}
    entities = {
        i: _as_lipid(c) if _LIPID in roots[i] else c
        for i, c in concepts.items()
        if not roots[i].intersection(_NO_ENTITY)
    }
    for concept in unite(entities, pairs):
        yield places[concept.id], concept


def _concept(stanza: Stanza) -> Concept:
    xrefs: dict[str, dict[str, None]] = {}
    for value in stanza.get("xref", ()):
        prefix, _, local = target(value).partition(":")
        if source := _SOURCES.get(prefix.casefold()):
            xrefs.setdefault(source, {})[local] = None
    for value in stanza.get("property_value", ()):
        if match := _KEY.search(value):
            xrefs.setdefault("INCHIKEY", {})[match[1]] = None
    for value in stanza.get("alt_id", ()):
        xrefs.setdefault("CHEBI", {})[value.removeprefix("CHEBI:")] = None
    name = stanza["name"][0]
    synonyms = dict.fromkeys(text for text, _, kind in map(synonym, stanza.get("synonym", ())) if kind not in _NO_NAMES)
    synonyms.pop(name, None)
    synonyms.pop("", None)
    parents = tuple(dict.fromkeys(map(target, stanza.get("is_a", ()))))
    listed = {source: tuple(values) for source, values in xrefs.items()}
    return Concept(stanza["id"][0], name, Kind.METABOLITE, tuple(synonyms), listed, parents)


def _above(identifier: str, concepts: Mapping[str, Concept]) -> set[str]:
    """Itself and everything broader."""
    seen, waiting = {identifier}, [identifier]
    while waiting:
        concept = concepts.get(waiting.pop())
        for parent in concept.parents if concept else ():
            if parent not in seen:
                seen.add(parent)
                waiting.append(parent)
    return seen


def _as_lipid(concept: Concept) -> Concept:
    return Concept(concept.id, concept.name, Kind.LIPID, concept.synonyms, concept.xrefs, concept.parents)
