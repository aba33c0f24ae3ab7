"""Leaning to words where a question names things by identifier: an encoder blurs what a database tells apart."""

from __future__ import annotations

import re

from cmo.retrieve.fuse import Weights

IDENTIFIERS = Weights(dense=0.05, sentence=0.10, words=0.55, grams=0.30)
"""With an identifier in the question."""

IDENTIFIER = re.compile(
    r"""\b(?i:HMDB)\d{5,7}\b       # Human Metabolome Database
      | \b(?i:CHEBI|DOID|MESH|MIM|KEGG|HMDB):\w+\b
      | \b[CDGHKMR]\d{5}\b         # KEGG
      | \bLM[A-Z]{2}\d{8,}\b       # LIPID MAPS
      | \bPMC?\s?(?:ID:?\s?)?\d{5,}\b
      | \b10\.\d{4,9}/\S+          # DOI
      | \b[A-Z]{14}-[A-Z]{10}-[A-Z]\b  # InChIKey
      | \brs\d{3,}\b               # dbSNP
      | \bR-HSA-\d+\b              # Reactome
      | \b[OPQ]\d[A-Z0-9]{3}\d\b   # UniProt
      | \bNCT\d{8}\b               # ClinicalTrials.gov
    """,
    re.VERBOSE,
)
"""What a database calls a thing, a paper or a study."""


def leaning(question: str, weights: Weights) -> Weights:
    """The weights for a question."""
    return IDENTIFIERS if IDENTIFIER.search(question) else weights
