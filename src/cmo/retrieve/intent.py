"""What a question wants to know of concepts: which kind, which relation. Cue words, nothing learned."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass

from cmo.model.concepts import Kind, RelationType

_KINDS: Mapping[str, frozenset[Kind]] = {
    r"metabolites?|compounds?|amino acids?|acylcarnitines?|molecules?|analytes?|substances?|chemicals?": frozenset(
        {Kind.METABOLITE, Kind.LIPID, Kind.DRUG}
    ),
    r"lipids?|ceramides?|sphingolipids?|phospholipids?|fatty acids?": frozenset({Kind.LIPID, Kind.METABOLITE}),
    r"biomarkers?|markers?": frozenset({Kind.METABOLITE, Kind.LIPID, Kind.GENE}),
    r"genes?|proteins?|enzymes?|receptors?|transporters?|kinases?|cytokines?": frozenset({Kind.GENE}),
    r"diseases?|disorders?|conditions?|syndromes?|illness(?:es)?|complications?|cancers?|tumou?rs?": frozenset({Kind.DISEASE}),
    r"pathways?": frozenset({Kind.PATHWAY}),
    r"drugs?|medications?|treatments?|therap(?:y|ies)|medicines?|agents?|inhibitors?": frozenset({Kind.DRUG, Kind.METABOLITE}),
    r"species|organisms?|bacteri(?:a|um)|microbes?|gen(?:us|era)": frozenset({Kind.ORGANISM}),
    r"biofluids?|specimens?|samples?|matri(?:x|ces)|tissues?": frozenset({Kind.SPECIMEN}),
    r"methods?|techniques?|platforms?|assays?": frozenset({Kind.METHOD}),
}  # fmt: skip
_TYPES: Mapping[str, RelationType] = {
    r"increas\w+|elevat\w+|rais\w+|higher|accumulat\w+|upregulat\w+|rise[sn]?": RelationType.INCREASED_IN,
    r"decreas\w+|reduc\w+|lower(?:ed)?|deplet\w+|downregulat\w+|diminish\w+": RelationType.DECREASED_IN,
    r"biomarkers?|markers?|predict\w*|diagnos\w+": RelationType.BIOMARKER_OF,
    r"pathways?": RelationType.PART_OF_PATHWAY,
    r"convert\w*|produced? from|metaboli[sz]ed (?:in)?to|precursors?|synthesi[sz]ed from": RelationType.CONVERTED_TO,
    r"treat\w*|therap\w+|cures?": RelationType.TREATS,
    r"caus\w+|induc\w+|leads? to|risk": RelationType.CAUSES,
    r"inhibit\w*|suppress\w*|block\w*": RelationType.DECREASES,
    r"activat\w*|stimulat\w*|promot\w*": RelationType.INCREASES,
    r"measur\w+|quantif\w+|detect\w+": RelationType.MEASURED_BY,
}
_RELATES = (
    r"associat\w+|relat\w+|link\w*|connect\w*|mechanisms?|interact\w*|between|roles?|affect\w*|influenc\w+|"
    r"contribut\w+|involv\w+|mediat\w+|through|via|correlat\w+"
)


_OPPOSITES: Mapping[RelationType, RelationType] = {
    RelationType.INCREASED_IN: RelationType.DECREASED_IN,
    RelationType.DECREASED_IN: RelationType.INCREASED_IN,
    RelationType.INCREASES: RelationType.DECREASES,
    RelationType.DECREASES: RelationType.INCREASES,
}


@dataclass(frozen=True, slots=True)
class Intent:
    """What is asked about the concepts that a question names."""

    kinds: frozenset[Kind]
    """Kinds of concept that would be an answer; empty where the question does not say."""
    types: frozenset[RelationType]
    """Relations asked for by name."""
    relates: bool
    """Whether a relation, a pathway or a mechanism is asked for at all."""
    polar: bool = False
    """Whether it is to be told if something is so, not what is."""
    denied: bool = False
    """Whether what is *not* so is asked for."""
    words: frozenset[str] = frozenset()
    """By which the question says the kinds: "amino acids" names what is asked for, and nothing that it is asked of."""

    @property
    def decisive(self) -> frozenset[RelationType]:
        """What says yes or no where both ends are named: what is asked for, or its opposite."""
        return self.types | {_OPPOSITES[kind] for kind in self.types if kind in _OPPOSITES}


def intent(question: str) -> Intent:
    """Read a question for its cue words."""
    low = question.casefold()
    said = [(match, found) for cue, found in _KIND_CUES if (match := cue.search(low))]
    kinds = frozenset(kind for _, found in said for kind in found)
    types = frozenset(kind for cue, kind in _TYPE_CUES if cue.search(low))
    words = frozenset(match[1] for match, _ in said)
    relates = bool(types) or bool(_RELATES_CUE.search(low))
    return Intent(kinds, types, relates, bool(_POLAR.match(low)), bool(_DENIED.search(low)), words)


# "Which metabolites ...", "what are the genes ...": the kind stands near the question word, so that "in which disease
# are metabolites raised" asks for a disease.
_KIND_CUES = [
    (re.compile(rf"\b(?:which|what|name|list|whose)\b(?:\W+\w+){{0,2}}?\W+({cue})\b"), kinds)
    for cue, kinds in _KINDS.items()
]
_TYPE_CUES = [(re.compile(rf"\b(?:{cue})\b"), kind) for cue, kind in _TYPES.items()]
_POLAR = re.compile(r"\W*(?:is|are|was|were|do|does|did|has|have|had|can|could|may|might|will|would)\b")
_DENIED = re.compile(r"\b(?:not|never|neither|isn't|aren't|wasn't|weren't|doesn't|don't|didn't|no longer)\b(?! only)")
_RELATES_CUE = re.compile(rf"\b(?:{_RELATES})\b")
