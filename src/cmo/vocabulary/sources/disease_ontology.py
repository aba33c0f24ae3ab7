"""The Human Disease Ontology: its OBO file, or the tables and slims that its project publishes as well.

::

    doid.obo                            names, synonyms, is-a, MeSH, OMIM, ICD-10
    HumanDO.tsv                         id, label, name of the parent; beside it, if they are there,
    DO_rare_slim.obo · DO_cancer_slim.json                synonyms and parents
    MESHinDO.tsv · OMIMinDO.tsv · ICD10inDO.tsv           identifiers elsewhere
    do_…_terms.tsv                      older names, of ids that are still in use
"""

from __future__ import annotations

import gzip
import json
import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

from cmo.errors import VocabularyError
from cmo.model.concepts import Concept, Kind
from cmo.vocabulary.sources.notes import Notes, Problem
from cmo.vocabulary.sources.obo import Stanza, synonym, target, terms
from cmo.vocabulary.sources.rows import Item, found, split, table

_TABLE = "HumanDO.tsv"
_OBO = ("doid.obo", "HumanDO.obo", "doid-non-classified.obo")
_XREFS = ("MESHinDO.tsv", "OMIMinDO.tsv", "ICD10inDO.tsv")
_SOURCES = {"MESH": "MESH", "MIM": "MIM", "OMIM": "MIM", "ICD10CM": "ICD10CM", "UMLS_CUI": "UMLS", "ORDO": "ORDO"}
_DOID = re.compile(r"DOID:\d+")
_TERM = re.compile(r"DOID_\d+$")


def read(path: Path, notes: Notes) -> Iterator[Item]:
    """Diseases.

    Raises:
        VocabularyError: there is neither an OBO file nor the table of the diseases.
    """
    if diseases := found(path, _TABLE):
        yield from _read_tables(diseases, notes)
    elif obo := found(path, *_OBO) or (path if path.is_file() else None):
        for where, stanza in terms(obo, notes):
            yield where, _of_stanza(stanza)
    else:
        raise VocabularyError(f"There is no {_TABLE} and no {', '.join(_OBO)} (or .gz) in {path}.")


@dataclass(slots=True)
class _Disease:
    """What the files say of one disease; dictionaries without values, for their order."""

    name: str
    place: str
    above: dict[str, None] = field(default_factory=dict)
    """Names of what is broader."""
    names: dict[str, None] = field(default_factory=dict)
    parents: dict[str, None] = field(default_factory=dict)
    xrefs: dict[str, dict[str, None]] = field(default_factory=dict)

    def concept(self, identifier: str, ids: dict[str, str]) -> Concept:
        parents = dict.fromkeys(ids[name] for name in self.above if name in ids) | self.parents
        synonyms = tuple(name for name in self.names if name != self.name)
        xrefs = {source: tuple(values) for source, values in self.xrefs.items()}
        return Concept(identifier, self.name, Kind.DISEASE, synonyms, xrefs, tuple(parents))


def _read_tables(path: Path, notes: Notes) -> Iterator[Item]:
    diseases: dict[str, _Disease] = {}
    for where, row in table(path, ("id", "label", "subClassOf"), notes):
        if not _DOID.fullmatch(row["id"]) or not row["label"]:
            notes.wrong(Problem.BAD_ROW, where, "a disease needs an id such as DOID:9352 and a label")
        else:  # a disease stands once for each of its parents
            disease = diseases.setdefault(row["id"], _Disease(row["label"], where))
            disease.above |= dict.fromkeys(split(row["subClassOf"], "|"))
    folder = path.parent
    _add_older_names(folder, diseases, notes)
    _add_obo(folder, diseases, notes)
    _add_json(folder, diseases)
    _add_xrefs(folder, diseases, notes)
    ids = {disease.name: identifier for identifier, disease in diseases.items()}
    for identifier, disease in diseases.items():
        yield disease.place, disease.concept(identifier, ids)


def _add_older_names(folder: Path, diseases: dict[str, _Disease], notes: Notes) -> None:
    for file in sorted(folder.glob("do_*_terms.tsv*")):
        for _, row in table(file, ("term", "doid"), notes):
            if row["doid"] in diseases and not row["term"].startswith("obsolete "):
                diseases[row["doid"]].names[row["term"]] = None


def _add_obo(folder: Path, diseases: dict[str, _Disease], notes: Notes) -> None:
    if slim := found(folder, "DO_rare_slim.obo"):
        for _, stanza in terms(slim, notes):
            concept = _of_stanza(stanza)
            if disease := diseases.get(concept.id):
                disease.names |= dict.fromkeys(concept.synonyms)
                disease.parents |= dict.fromkeys(concept.parents)
                for source, values in concept.xrefs.items():
                    disease.xrefs.setdefault(source, {}).update(dict.fromkeys(values))


def _add_json(folder: Path, diseases: dict[str, _Disease]) -> None:
    slim = found(folder, "DO_cancer_slim.json")
    if slim is None:
        return
    try:
        data = slim.read_bytes()
        nodes = json.loads(gzip.decompress(data) if slim.suffix == ".gz" else data)["graphs"][0]["nodes"]
        for node in nodes:
            match = _TERM.search(node["id"])
            disease = diseases.get(match[0].replace("_", ":")) if match else None
            for said in node.get("meta", {}).get("synonyms", ()) if disease else ():
                if disease and said["pred"] == "hasExactSynonym":
                    disease.names[said["val"]] = None
    except (OSError, EOFError, ValueError, KeyError, TypeError, IndexError, AttributeError) as error:
        raise VocabularyError(f"{slim} is no OBO graph in JSON: {error}. Download it again.") from error


def _add_xrefs(folder: Path, diseases: dict[str, _Disease], notes: Notes) -> None:
    for file in filter(None, (found(folder, name) for name in _XREFS)):
        for _, row in table(file, ("id", "xrefs"), notes):
            for xref in split(row["xrefs"], ","):
                if row["id"] in diseases:
                    _add_xref(diseases[row["id"]].xrefs, xref)


def _of_stanza(stanza: Stanza) -> Concept:
    xrefs: dict[str, dict[str, None]] = {}
    for value in stanza.get("xref", ()):
        _add_xref(xrefs, target(value))
    for value in stanza.get("alt_id", ()):
        xrefs.setdefault("DOID", {})[value.removeprefix("DOID:")] = None
    said = [text for text, scope, _ in map(synonym, stanza.get("synonym", ())) if scope == "EXACT" and text]
    parents = dict.fromkeys(target(value) for value in stanza.get("is_a", ()))
    name = stanza["name"][0]
    names = tuple(dict.fromkeys(text for text in said if text != name))
    listed = {source: tuple(values) for source, values in xrefs.items()}
    return Concept(stanza["id"][0], name, Kind.DISEASE, names, listed, tuple(parents))


def _add_xref(xrefs: dict[str, dict[str, None]], xref: str) -> None:
    prefix, _, local = xref.partition(":")
    if source := _SOURCES.get(prefix):
        xrefs.setdefault(source, {})[local] = None
