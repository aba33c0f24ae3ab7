"""The vocabulary that ships with the package: what papers on clinical metabolomics name most.

Its tables in ``starter/`` are curated by hand; identifiers were joined to them by name from ChEBI, Human-GEM, the
Disease Ontology, Reactome and MeSH, and a test holds each against its source. A metabolite's acid, its ions and its
form without stereochemistry are one concept, because papers do not tell them apart.
"""

from __future__ import annotations

import hashlib
from functools import cache
from pathlib import Path

from cmo.errors import VocabularyCorrupt
from cmo.model.concepts import Concept
from cmo.vocabulary.sources.notes import Notes
from cmo.vocabulary.sources.table import read

NAME = "starter"
LICENCE = "CC BY 4.0 (ChEBI, Human-GEM), CC0 (Disease Ontology, Reactome), public domain (MeSH)"
FOLDER = Path(__file__).parent / "starter"


@cache
def starter() -> tuple[Concept, ...]:
    """Its concepts, file by file.

    Raises:
        VocabularyCorrupt: a table was changed and cannot be read whole.
    """
    notes = Notes()
    concepts = tuple(item for _, item in read(FOLDER, notes) if isinstance(item, Concept))
    if notes.counts:
        raise VocabularyCorrupt(f"The starter vocabulary in {FOLDER} is damaged: {notes.places}. Install cmo again.")
    return concepts


@cache
def starter_digest() -> str:
    """SHA-256 over the tables."""
    digest = hashlib.sha256()
    for file in sorted(FOLDER.glob("*.tsv")):
        digest.update(file.read_bytes())
    return digest.hexdigest()
