"""Questions for what is *not* so: they are answered by sentences that deny it or say the opposite, and by no others.

::

    "Which metabolites are not raised in PKU?" --> UP, denied --> "was not raised", "was lowered", "did not differ"
                                                     '--no such sentence--> an honest refusal

A sentence fits such a question word for word where it says the very thing that is not asked for, so likeness alone would
quote it. Cue words alone decide, nothing learned; questions that can be answered by yes or no are none of these.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from enum import StrEnum
from typing import Final

REMARK: Final = (
    "This asks for what is not so, which papers print seldom. Only sentences that deny it or say the opposite count here; "
    "ask for what is so, and compare."
)


class Sense(StrEnum):
    """What is denied."""

    UP = "up"
    DOWN = "down"
    RELATED = "related"
    CHANGED = "changed"


_WORDS: Final[Mapping[Sense, str]] = {
    Sense.UP: r"increas\w*|elevat\w*|rais\w*|rise[sn]?|rose|higher|high|accumulat\w*|upregulat\w*|enriched|build\w* up",
    Sense.DOWN: r"decreas\w*|reduc\w*(?! (?:to|into|forms?)\b)|lower\w*|(?<!diet )low|deplet\w*|diminish\w*|downregulat\w*|f[ae]lls?|fallen",
    Sense.RELATED: r"associat\w*|correlat\w*|related|linked|connected|involved",
    Sense.CHANGED: r"chang\w*|alter\w*|affected|differ\w*|influenced",
}
_OPPOSITES: Final = {Sense.UP: Sense.DOWN, Sense.DOWN: Sense.UP}
_NOT: Final = r"(?:not|never|neither|nor|no|none|cannot|hardly|\w+n['’]t)"
_BETWEEN: Final = r"(?:[^\w,;:.?]+(?!but\b)[\w-]+){0,4}?[^\w,;:.?]+"
"""Words of the same clause between a denial and what it denies."""
_UNMOVED: Final = re.compile(
    r"\b(?:unchanged|unaltered|unaffected|unrelated|independent of|(?:was|were|is|are|be|been|remain\w*|stay\w*) (?:\w+ )?(?:similar|comparable|normal)|no (?:\w+ )?differences?"
    r"|(?:not|n['’]t|nor) (?:\w+ )?(?:differ|change|alter|affect)\w*|(?:reference|normal) (?:range|interval|limits))\b",
    re.IGNORECASE,
)
_SELECTS: Final = re.compile(r"\W*(?:(?:in|of|for|by|at) )?(?:which|what|name|list|whose|who)\b", re.IGNORECASE)
_SAYS: Final = {sense: re.compile(rf"\b(?:{words})\b", re.IGNORECASE) for sense, words in _WORDS.items()}
_DENIES: Final = {
    sense: re.compile(rf"\b{_NOT}(?!\W+only\b){_BETWEEN}(?:{words})\b", re.IGNORECASE)
    for sense, words in _WORDS.items()
}


def denied(question: str) -> Sense | None:
    """What a question wants denied; None of one that asks for what is so, or whether something is."""
    if not _SELECTS.match(question):
        return None
    return next((sense for sense, cue in _DENIES.items() if cue.search(question)), None)


def bears_out(sentence: str, sense: Sense) -> bool:
    """Whether a sentence denies it; or says the opposite, or that nothing moved, and not the very thing beside it."""
    if _DENIES[sense].search(sentence):
        return True
    opposite = _OPPOSITES.get(sense)
    other = _UNMOVED.search(sentence) or (opposite is not None and _SAYS[opposite].search(sentence))
    return bool(other) and not _SAYS[sense].search(sentence)
