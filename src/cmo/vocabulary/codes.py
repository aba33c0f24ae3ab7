"""Three-letter codes of amino acids: ``Phe and Tyr were raised`` names two metabolites, ``Arg408`` and ``Arg-Gly`` none.

A code counts where another one stands near and measured things are spoken of, not parts of a protein. One that the text
defines, ``phenylalanine (Phe)``, needs none of this.
"""

from __future__ import annotations

import re
from typing import Final

_NAMES = "Ala Arg Asn Asp Cys Gln Glu Gly His Ile Leu Lys Met Phe Pro Ser Thr Trp Tyr Val Cit Orn Hcy Kyn"
CODES: Final = frozenset(_NAMES.split())
_CODE: Final = re.compile(rf"(?<![\w.>→-])(?:{'|'.join(sorted(CODES))})(?![\w>→]|-\w|\s?\d)")
_PROTEIN: Final = re.compile(
    r"residue|substitut|mutat|mutant|variant|codon|polymorphi|side chain|peptid|sequence|motif|active site|catalytic|domain|kinase|phosphorylat",
    re.IGNORECASE,
)
_MEASURED: Final = re.compile(
    r"amino acid|plasma|serum|blood|urin|concentration|level|mol\b|mol/|metabol|ratio|raised|elevated|higher|increas|lower|decreas|reduced|PKU|MSUD|cycle",
    re.IGNORECASE,
)
_AROUND: Final = 100
"""Characters on both sides that are looked at."""


def measured(text: str, start: int, end: int) -> bool:
    """Whether a code that stands here names an amino acid by itself, as a thing that is measured."""
    if text[start:end] not in CODES or not _CODE.match(text, start, end + 2):
        return False
    around = text[max(0, start - _AROUND) : end + _AROUND]
    others = {found.group() for found in _CODE.finditer(around)} - {text[start:end]}
    return bool(others) and bool(_MEASURED.search(around)) and not _PROTEIN.search(around)
