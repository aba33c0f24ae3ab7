"""Which blocks are headings, and which of them open a part of the article.

A heading differs from the body in size, weight, slope, face or case, is short, and is no sentence. The headings with
known names (Introduction, Methods ...) show the style of the main headings; other styles stand below it.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache

from cmo.ingest import sections
from cmo.ingest.pdf.blocks import LABEL, Block, family
from cmo.ingest.pdf.letters import count_letters
from cmo.model.papers import Section

_MOST_WORDS, _MOST_LINES = 24, 4
_NUMBERED = re.compile(r"(?:\d{1,2}(?:\.\d{1,2}){0,3}|[IVX]{1,5}|[A-H])[.)]?\s+(?=[A-Z])")
_MARKER = re.compile(r"^\(?(?:[ivx]{1,4}|[a-h]|\d{1,2})\)\s+")
_DEPTH = re.compile(r"\d{1,2}(?:\.\d{1,2})*")
_MAIN = frozenset(
    {Section.INTRODUCTION, Section.METHODS, Section.RESULTS, Section.DISCUSSION, Section.CONCLUSION, Section.REFERENCES}
)
_ROUNDING = 0.35
"""Points."""
_NAME_WORDS = 7
"""A heading that opens a part by its name alone has no more words."""

Look = tuple[float, str, bool, bool]
"""Size, typeface, bold, capitals."""


section_named = lru_cache(maxsize=1024)(sections.section_named)
"""The part of an article that a heading opens; rule after rule asks about the same few."""


@dataclass(frozen=True, slots=True)
class Body:
    """The type in which most of the document is set."""

    size: float
    family: str
    bold: bool


def body_of(blocks: Sequence[Block]) -> Body:
    """The type that most words are set in, the list of references left aside."""
    ends = [i for i, block in enumerate(blocks) if _names_references(block.text)]
    article = blocks[: ends[-1]] if ends and ends[-1] else blocks
    letters: Counter[tuple[float, str, bool]] = Counter()
    for block in article:
        for line in block.lines:
            letters[round(line.size, 1), family(line.font.name), line.bold] += len(line.words)
    size, name, bold = letters.most_common(1)[0][0]
    return Body(size, name, bold)


def _names_references(text: str) -> bool:
    return len(text) < 40 and section_named(text) is Section.REFERENCES  # noqa: PLR2004 - a heading, no sentence


def look(block: Block) -> Look:
    """How a heading is set."""
    return block.size, block.family, block.bold, block.text.isupper()


def is_heading(block: Block, body: Body) -> bool:
    """Whether a block is a heading."""
    text = block.text
    words = text.split()
    if len(block.lines) > _MOST_LINES or len(words) > _MOST_WORDS or not _reads_as_heading(text):
        return False
    if LABEL.match(text):
        return False
    named = section_named(text) is not None and len(words) <= _NAME_WORDS
    if named and (len(words) <= 3 or _stands_out(block, body)):  # noqa: PLR2004 - "Materials and methods"
        return len(block.lines) <= 2 and (block.gap > 1.1 or _stands_out(block, body))  # noqa: PLR2004
    return _stands_out(block, body) and not text.rstrip().endswith((",", ";"))


def _reads_as_heading(text: str) -> bool:
    letters = count_letters(text)
    if letters < 3 or letters < 0.55 * len(text.replace(" ", "")) or "@" in text:  # noqa: PLR2004
        return False
    first = _MARKER.sub("", text).lstrip("•▪■*[(\"'“‘0123456789. ")[:1]
    if not first.isupper() and not (first.isalpha() and ord(first) > 0x36F):  # noqa: PLR2004 - Greek and beyond
        return False
    return not text.rstrip().endswith(".") or len(text) < 60 or bool(_NUMBERED.match(text))  # noqa: PLR2004


def _stands_out(block: Block, body: Body) -> bool:
    text = block.text
    if block.size < 0.93 * body.size:
        lone = len(block.lines) == 1 and block.gap > 1.3  # noqa: PLR2004 - typefaces of one size differ in height
        return block.bold and not body.bold and block.size > (0.7 if lone else 0.8) * body.size
    if block.size > 1.07 * body.size or (block.bold and not body.bold) or block.italic:
        return True
    if block.family != body.family and len(block.lines) <= 2:  # noqa: PLR2004
        return True
    return text.isupper() and len(text) > 4  # noqa: PLR2004


def main_look(headings: Sequence[Block], body: Body) -> Look | None:
    """The look of the main headings: that of most headings with the names of an article's parts.

    Such names in small type may stand in a table, so they count only where there are no others.
    """
    named = [b for b in headings if section_named(b.text) in _MAIN and len(b.text.split()) <= _NAME_WORDS]
    large = [block for block in named if block.size > 0.95 * body.size]
    looks = [look(block) for block in (large or named)]
    if not looks:
        return None
    return max(looks, key=lambda one: (sum(alike(one, other) for other in looks), one[0]))


def sets_apart(headings: Sequence[Block], main: Look | None) -> bool:
    """Whether the look of the main headings is theirs alone, so that one of unknown name is a main heading too."""
    if main is None:
        return False
    alikes = [block for block in headings if alike(look(block), main)]
    named = sum(section_named(block.text) is not None for block in alikes)
    return 2 * named >= len(alikes)


def alike(first: Look, second: Look) -> bool:
    """Whether two headings are set alike; sizes may differ by a rounding error."""
    return abs(first[0] - second[0]) <= _ROUNDING and first[1:] == second[1:]


def depth(text: str) -> int | None:
    """1 for "2. Methods", 2 for "2.1 Patients"; None without a number."""
    if not _NUMBERED.match(text):
        return None
    digits = _DEPTH.match(text)
    return digits[0].count(".") + 1 if digits else 1
