"""WikiPathways: a gene set file (GMT) of human pathways.

::

    name%WikiPathways_20220613%WP5187%Homo sapiens <tab> address <tab> NCBI gene <tab> NCBI gene …

    gene --part of pathway--> pathway
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path

from cmo.errors import VocabularyError
from cmo.model.concepts import Concept, CuratedEdge, Kind, RelationType
from cmo.vocabulary.sources.notes import Notes, Problem
from cmo.vocabulary.sources.rows import Item, headless

SOURCE = "WikiPathways"
_PATHWAY = re.compile(r"(?P<name>.+)%WikiPathways_(?P<version>\d+)%(?P<id>WP\d+)%Homo sapiens")


def read(path: Path, notes: Notes) -> Iterator[Item]:
    """Pathways, and edges from their genes.

    Raises:
        VocabularyError: there is no GMT file.
    """
    files = [path] if path.is_file() else sorted(path.glob("*.gmt")) + sorted(path.glob("*.gmt.gz"))
    if not files:
        raise VocabularyError(f"There is no .gmt file in {path}.")
    for where, (first, *rest) in headless(files[-1], 2, notes):  # the last by name is the newest
        match = _PATHWAY.fullmatch(first)
        if match is None:
            notes.wrong(Problem.BAD_ROW, where, f"{first[:60]!r} is no human pathway of WikiPathways")
            continue
        notes.version, identifier = match["version"], f"WIKIPATHWAYS:{match['id']}"
        yield where, Concept(identifier, match["name"].strip(), Kind.PATHWAY)
        for gene in filter(str.isdigit, rest[1:]):
            yield where, CuratedEdge(f"NCBIGENE:{gene}", identifier, RelationType.PART_OF_PATHWAY, SOURCE, match["id"])
