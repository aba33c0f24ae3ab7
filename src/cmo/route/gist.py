"""What of a question its route can depend on, so that a route is found again for a question that is almost the same.

"What is metabolomics?" and "What is metabolomics analysis?" speak by the same cues of the same thing. For a *route* that
is enough, and for nothing else: an answer needs far more (`cmo.cache.semantic`). Everything that a cue, a year, an
identifier or a trap says is part of the gist; so are all other words but those that say nothing by themselves.
"""

from __future__ import annotations

from typing import Final

from cmo.route.rules import Reading

_VERBS = "is are was were be been being do does did has have had what which please tell explain describe give show"
_SMALL = "a an the of in on at about it its this that these those there any some"
_VAGUE = "analysis analyses research study studies field area topic subject concept term general overview"
_SAYING_NOTHING: Final = frozenset(f"{_VERBS} {_SMALL} {_VAGUE}".split())
_FEWEST: Final = 1
"""Words that must be left: of nothing there is no gist."""


def gist(reading: Reading) -> str | None:
    """Equal for questions that go the same way; None where too little is said for that."""
    left = sorted({word.text for word in reading.words} - _SAYING_NOTHING)
    if len(left) < _FEWEST:
        return None
    cues = ",".join(sorted(reading.cues))
    trapped = ",".join(sorted(reading.trapped))
    facts = (*map(str, reading.years), *sorted(reading.identifiers), str(reading.parts), str(reading.mixed))
    return f"{' '.join(left)} | {cues} | {trapped} | {' '.join(facts)}"
