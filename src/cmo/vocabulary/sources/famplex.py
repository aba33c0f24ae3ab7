"""FamPlex: families and complexes of proteins, and what papers call them and single proteins.

::

    entities.csv        AMPK                                  (no header)
    relations.csv       FPLX, AMPK_alpha, isa, FPLX, AMPK
    grounding_map.csv   AMP kinase, FPLX, AMPK, …             text, source, id, …
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

from cmo.model.concepts import Concept, Kind
from cmo.vocabulary.sources.notes import Notes, Problem
from cmo.vocabulary.sources.rows import Item, found, headless, needed

_SOURCES = {"FPLX": "FPLX", "UP": "UNIPROT"}
_SHORTEST = 2


def read(path: Path, notes: Notes) -> Iterator[Item]:
    """Families and complexes under all their names, and proteins under theirs.

    Raises:
        VocabularyError: the list of entities is not there.
    """
    entities = needed(path, "entities.csv")
    folder = entities.parent
    places = {f"FPLX:{row[0]}": where for where, row in headless(entities, 1, notes, comma=",") if row[0]}
    names = _names(folder, places, notes)
    parents = _parents(folder, places, notes)
    for identifier, where in places.items():
        name = identifier.removeprefix("FPLX:").replace("_", " ")
        others = tuple(other for other in names.get(identifier, ()) if other != name)
        yield where, Concept(identifier, name, Kind.GENE, others, {}, parents.get(identifier, ()))
    for identifier, called in names.items():
        if identifier not in places:
            first, *rest = called
            yield called[first], Concept(identifier, first, Kind.GENE, tuple(rest))


def _names(folder: Path, entities: dict[str, str], notes: Notes) -> dict[str, dict[str, str]]:
    """Names of each identifier, each with its place."""
    names: dict[str, dict[str, str]] = {}
    if grounding := found(folder, "grounding_map.csv"):
        for where, (text, source, local, *_) in headless(grounding, 3, notes, comma=","):
            identifier = f"{_SOURCES.get(source, '')}:{local}"
            if source == "FPLX" and identifier not in entities:
                notes.wrong(Problem.BAD_ROW, where, f"{local} is none of the entities")
            elif source in _SOURCES and len(text.strip()) >= _SHORTEST:
                names.setdefault(identifier, {}).setdefault(" ".join(text.split()), where)
    return names


def _parents(folder: Path, entities: dict[str, str], notes: Notes) -> dict[str, tuple[str, ...]]:
    above: dict[str, tuple[str, ...]] = {}
    if relations := found(folder, "relations.csv"):
        for _, (source, child, relation, broader, parent, *_) in headless(relations, 5, notes, comma=","):
            identifier = f"FPLX:{child}"
            if (source, relation, broader) == ("FPLX", "isa", "FPLX") and identifier in entities:
                above[identifier] = (*above.get(identifier, ()), f"FPLX:{parent}")
    return above
