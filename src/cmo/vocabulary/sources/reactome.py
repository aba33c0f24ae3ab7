"""Reactome: human pathways and the metabolites in them.

::

    ChEBI2Reactome.txt              ChEBI number, pathway, address, name, evidence code, species (no header)
    ReactomePathwaysRelation.txt    pathway above, pathway below (no header); beside it, if it is there
    reactome_human_pathway_chebi.tsv  or pathway_id, pathway_name, chebi

    metabolite --part of pathway--> pathway
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from dataclasses import replace
from pathlib import Path

from cmo.errors import VocabularyError
from cmo.model.concepts import Concept, CuratedEdge, Kind, RelationType
from cmo.vocabulary.sources.notes import Notes, Problem
from cmo.vocabulary.sources.rows import Item, found, headless, table

SOURCE = "Reactome"
_TABLE = "reactome_human_pathway_chebi.tsv"
_OFFICIAL = ("ChEBI2Reactome.txt", "ChEBI2Reactome_All_Levels.txt")
_HUMAN = re.compile(r"R-HSA-\d+")
_WIDTH = 6


def read(path: Path, notes: Notes) -> Iterator[Item]:
    """Pathways, and edges from their metabolites.

    Raises:
        VocabularyError: there is no table of pathways and metabolites.
    """
    if file := found(path, _TABLE):
        rows = ((w, (r["chebi"], r["pathway_id"], r["pathway_name"])) for w, r in table(file, _COLUMNS, notes))
    elif file := found(path, *_OFFICIAL):
        rows = ((w, (f"CHEBI:{r[0]}", r[1], r[3])) for w, r in headless(file, _WIDTH, notes) if _HUMAN.fullmatch(r[1]))
    else:
        raise VocabularyError(f"There is no {_OFFICIAL[0]} and no {_TABLE} at {path}.")
    above = _above(file.parent, notes)
    seen: set[str] = set()
    for where, (chebi, pathway, name) in rows:
        if not _HUMAN.fullmatch(pathway) or not name or not re.fullmatch(r"CHEBI:\d+", chebi):
            notes.wrong(Problem.BAD_ROW, where, f"{pathway!r} and {chebi!r} are no human pathway and metabolite")
            continue
        identifier = f"REACTOME:{pathway}"
        if pathway not in seen:
            seen.add(pathway)
            yield where, replace(Concept(identifier, name, Kind.PATHWAY), parents=above.get(identifier, ()))
        yield where, CuratedEdge(chebi, identifier, RelationType.PART_OF_PATHWAY, SOURCE, pathway)


_COLUMNS: Sequence[str] = ("pathway_id", "pathway_name", "chebi")


def _above(folder: Path, notes: Notes) -> dict[str, tuple[str, ...]]:
    above: dict[str, tuple[str, ...]] = {}
    if relations := found(folder, "ReactomePathwaysRelation.txt"):
        for _, row in headless(relations, 2, notes):
            child = f"REACTOME:{row[1]}"
            above[child] = (*above.get(child, ()), f"REACTOME:{row[0]}")
    return above
