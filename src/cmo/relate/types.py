"""What to call a relation, and which of the two is its subject.

::

    "S levels were higher in patients with O"   --a phrase-------------------> S increased in O
    drug, disease, sign -                       --kinds, sign, amounts or not-> S treats O
    no phrase, no sign                          ------------------------------> associated with

That a level is raised or lowered in a disease is told only where a rise or a fall is spoken of, and neither the risk of the
disease nor those with it who are treated and those who are not.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Final

from cmo.model.concepts import Kind, RelationType
from cmo.relate.layout import CHEMICAL, CLASS, DISEASE, GENE, OTHER
from cmo.relate.patterns import Phrases
from cmo.relate.scope import Meeting

BACK, AHEAD = 8, 10
"""Terms before the first name and after the second that belong to a frame."""
_T = RelationType
_BY_SIGN: Final[Mapping[tuple[int, int], tuple[RelationType, RelationType]]] = {
    (CHEMICAL, DISEASE): (_T.CAUSES, _T.TREATS),
    (GENE, DISEASE): (_T.CAUSES, _T.DECREASES),
    (OTHER, DISEASE): (_T.CAUSES, _T.DECREASES),
}
"""Names for + and -, by the classes of subject and object; all others increase and decrease."""
_OWN: Final = frozenset({Kind.METABOLITE, Kind.LIPID})
"""What a body makes itself goes up or down in a disease; only a phrase can say that it causes or treats one."""
_LEVELS: Final = frozenset({_T.INCREASED_IN, _T.DECREASED_IN})
POSITIVE: Final = frozenset({_T.INCREASED_IN, _T.INCREASES, _T.CAUSES})
NEGATIVE: Final = frozenset({_T.DECREASED_IN, _T.DECREASES, _T.TREATS})


@dataclass(frozen=True, slots=True)
class Named:
    """What a sentence says of two names."""

    type: RelationType
    turned: bool
    """The second name is the subject."""
    probability: float = 0.0
    """Of the phrase that named it; 0 where the models judge alone."""


def frame(here: Meeting) -> str:
    """The words about two names, A and B; every other name is x."""
    start = max(here.opening, here.left - BACK)
    words = ["x" if term[0] == "@" else term for term in here.terms[start : min(here.closing, here.right + AHEAD)]]
    words[here.left - start] = "A"
    if here.right > here.left:
        words[here.right - start] = "B"
    return " ".join(words)


def name(first: Kind, second: Kind, sign: int, text: str, phrases: Phrases) -> Named:
    """Name what a frame says; `sign` is 1, -1, or 0 where it is not decided."""
    said = phrase(first, second, text, phrases) or _by_sign(first, second, sign, text, phrases)
    if said.type in _LEVELS and not _is_level(said.type, _seen_from(text, turned=said.turned), phrases):
        return replace(said, type=RelationType.ASSOCIATED_WITH)
    return said


def _is_level(kind: RelationType, text: str, phrases: Phrases) -> bool:
    guarded = phrases.at_risk.search(text) or phrases.treated.search(text)
    spoken = phrases.rises if kind is RelationType.INCREASED_IN else phrases.falls
    return not guarded and bool(spoken.search(text))


def _by_sign(first: Kind, second: Kind, sign: int, text: str, phrases: Phrases) -> Named:
    turned = _is_turned(first, second, text, phrases)
    if not sign:
        return Named(RelationType.ASSOCIATED_WITH, turned)
    subject, object_ = (second, first) if turned else (first, second)
    classes = CLASS[subject], CLASS[object_]
    up, down = _BY_SIGN.get(classes, (_T.INCREASES, _T.DECREASES))
    levels = classes in {(CHEMICAL, DISEASE), (GENE, DISEASE)} and phrases.levels.search(
        _seen_from(text, turned=turned)
    )
    if levels or (subject in _OWN and classes[1] == DISEASE):
        up, down = _T.INCREASED_IN, _T.DECREASED_IN
    return Named(up if sign > 0 else down, turned)


def phrase(first: Kind, second: Kind, text: str, phrases: Phrases) -> Named | None:
    """What a phrase in the frame names outright."""
    for subject, object_, turned in ((first, second, False), (second, first, True)):
        rule = (
            phrases.first(subject, object_, _seen_from(text, turned=turned))
            if phrases.knows(subject, object_)
            else None
        )
        if rule:
            return Named(rule.type, turned, rule.probability)
    return None


def _is_turned(first: Kind, second: Kind, text: str, phrases: Phrases) -> bool:
    """A disease is an object and a chemical acts on a gene; of equals the first acts, unless in the passive."""
    ranks = {CHEMICAL: 0, OTHER: 1, GENE: 2, DISEASE: 3}
    a, b = ranks.get(CLASS[first], 4), ranks.get(CLASS[second], 4)
    if a != b:
        return a > b
    return bool(phrases.passive.search(_seen_from(text, turned=True)))


def _seen_from(text: str, *, turned: bool) -> str:
    """A and B as S and O."""
    return text.translate(_TURNED if turned else _STRAIGHT)


_STRAIGHT: Final = str.maketrans("AB", "SO")
_TURNED: Final = str.maketrans("AB", "OS")
