"""What looks like a name and is none: authors of citations, buffers, units, bare Greek letters, parts of an analysis.

A name that a vocabulary has is doubted only where the text goes on as a citation does, or where MS is no sclerosis, PC
no cancer and PD not Parkinson's. One that the tagger alone proposes is doubted by its own looks as well: it learned from
abstracts, where none of this is printed.
"""

from __future__ import annotations

import re
from typing import Final

from cmo.model.concepts import Kind
from cmo.vocabulary.candidates import Candidate, Source

_ET_AL: Final = re.compile(r"(?:\s+\w\.?){0,3},?\s+et\s+al\b")
_AND_YEAR: Final = re.compile(
    r",?\s+(?:and|&)\s+[^\W\d_]\S*,?\s+\(?(?:19|20)\d\d[a-z]?\b|,?\s*\(?(?:19|20)\d\d[a-z]?\s*[;),]"
)
"""``Kumar and Singh, 2014``; ``(Walling, 2000;``."""
_METAL = r"(?:\(?NH4\)?|Na|K|Li|Ca|Mg|Fe|Zn|Cu|Mn|Ba|Al|Ag|Co|Ni)\d?"
_ACID = r"\(?(?:H\d?)?(?:PO4|SO4|SO3|S2O3|CO3|NO3|NO2|Cl|OCl|ClO4|OH|B4O7|MoO4|N3|Br|F|I|SCN|SeO[34])\)?\d?"
_SALT: Final = re.compile(rf"{_METAL}{_ACID}(?:\W*\d*H2O)?")
_FORMULA: Final = re.compile(r"C\d+H\d+(?:[A-Z][a-z]?\d*)*")
_UNIT: Final = re.compile(r"(?:k?g|[mµu]g|[mµu]?l|[cmµn]?m|min|s|h|d|mol|[mµn]mol)\s*[-−–]?\s*\d", re.IGNORECASE)
_ANALYSIS: Final = {
    "MS": re.compile(
        r"\s?/\s?MS\b|[\s-](?:spectr|data\b|scan|mode\b|peak|fragment|analy|parameter|detect|instrument|method|level)"
    ),
    "PC": re.compile(r"\s?[1-9]\b(?!:)|\s(?:score|axis|load)"),
    "PD": re.compile(r"[-\u2010-\u2013]\(?L?\)?[-\u2010-\u2013]?[12]\b"),
}
"""What follows mass spectrometry, principal components and programmed death (PD-1, PD-L1), not multiple sclerosis, pancreatic cancer and
Parkinson's disease."""
_LETTER: Final = re.compile(r"(?:alpha|beta|gamma|delta|kappa|lambda|omega)\s*\d?(?:\s*\d)*", re.IGNORECASE)


def credible(candidate: Candidate, text: str) -> bool:
    """Whether a candidate may name something, by how it is printed and how the text goes on."""
    if _ET_AL.match(text, candidate.end) or _is_analysis(candidate, text):
        return False
    if candidate.named or candidate.source is not Source.TAGGER:
        return True
    printed = text[candidate.start : candidate.end]
    if printed[:1].isupper() and _AND_YEAR.match(text, candidate.end):
        return False
    if _UNIT.fullmatch(printed) or _LETTER.fullmatch(candidate.spelled):
        return False
    return candidate.kind is not Kind.GENE or not (_SALT.fullmatch(printed) or _FORMULA.fullmatch(printed))


def _is_analysis(candidate: Candidate, text: str) -> bool:
    """Whether a short form of a disease stands for something else here."""
    if candidate.kind is not Kind.DISEASE or candidate.source is Source.DEFINITION:
        return False
    printed = text[candidate.start : candidate.end]
    follows = _ANALYSIS.get(printed)
    return follows is not None and bool(
        follows.match(text, candidate.end) or text[max(0, candidate.start - 3) : candidate.start] == f"{printed}/"
    )
