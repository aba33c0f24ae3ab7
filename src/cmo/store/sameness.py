"""Whether two files are of the same paper.

A DOI alone does not say so: a commentary prints the DOI of what it comments on, a reader mistakes a cited DOI for the
paper's own, and merging two papers loses one. So where both titles are known they have to agree as well.
"""

from __future__ import annotations

import hashlib
import re

from cmo.model.papers import Metadata

_SHORTEST_TELLING_TITLE = 20
_SHARED = 0.6
"""Share of the shorter title's words that the longer one must hold: a reader may have lost a line of it."""
_TELLING_WORDS = 3


def same_paper(one: Metadata, other: Metadata) -> bool:
    """Whether the facts speak for one paper."""
    if _titles_differ(one.title, other.title):
        return False
    if one.doi and other.doi:
        return one.doi == other.doi
    if one.pmid and other.pmid:
        return one.pmid == other.pmid
    return bool(title_key(one)) and title_key(one) == title_key(other)


def title_key(metadata: Metadata) -> str:
    """Hash of a title without case, punctuation and space; empty for titles too short to tell papers apart."""
    letters = re.sub(r"\W+", "", metadata.title.casefold())
    return (
        hashlib.blake2b(letters.encode(), digest_size=12).hexdigest() if len(letters) >= _SHORTEST_TELLING_TITLE else ""
    )


def _titles_differ(one: str, other: str) -> bool:
    words, others = set(re.findall(r"\w+", one.casefold())), set(re.findall(r"\w+", other.casefold()))
    fewer = min(len(words), len(others))
    return fewer >= _TELLING_WORDS and len(words & others) < _SHARED * fewer
