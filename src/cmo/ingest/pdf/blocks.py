"""Blocks: lines that were set as one, such as a paragraph, a heading, a caption, a cell.

Blocks are cut rather too small than too large: passages put the pieces of a paragraph together again, and they cannot
take apart what is mixed.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache, lru_cache
from itertools import pairwise

from cmo.ingest.pdf.lines import Line

_TERMINAL = re.compile(r"[.!?:;][\"'”’)\]]*\W?[\d,–-]{0,8}$")
_ABBREVIATED = re.compile(r"(?:^|[\s(])(?:[A-Z]|Figs?|al|vs|e\.g|i\.e|cf|ca|Drs?|Nos?|Refs?|Eqs?|sp|spp|St)\.$")
_BULLET = re.compile(r"[•▪■◦‣●○–—*✓➢]\s?\S|\(?(?:[ivx]{1,4}|[a-z]|\d{1,2})\)\s")
LABEL = re.compile(
    r"(?:(?:supplement(?:ary|al)|extended data|additional|appendix)\s+)?"
    r"(?P<kind>fig(?:ure)?s?|tab(?:le)?|scheme|chart|plate|box|algorithm)s?\b\s*\.?\s*"
    r"(?P<number>[A-Z]?\d{1,3}[A-Za-z]?|[IVX]{1,5}\b|[A-Z]\b)(?P<after>\s*[.:|)–—-]?)",
    re.IGNORECASE,
)
"""The label that a caption begins with."""
_FACE = re.compile(
    r"(?:[-,._]?(?:bold|italic|oblique|regular|roman|medium|semibold|light|black|it|bd|obl|ps|mt|md|i|b|r))+$",
    re.IGNORECASE,
)


@dataclass(slots=True, eq=False)
class Block:
    """Consecutive lines of one column and one type."""

    lines: list[Line]
    left: float
    right: float
    """Edges of the column that it stands in."""
    gap: float
    """White space above, in lines; large at the top of a column."""

    @property
    def page(self) -> int:
        """1-based."""
        return self.lines[0].page

    _text: str = ""
    _size: float = 0.0

    @property
    def text(self) -> str:
        """As printed, lines joined by spaces. To be asked once the block has all its lines."""
        if not self._text:
            self._text = " ".join(line.text for line in self.lines)
        return self._text

    @property
    def size(self) -> float:
        """Of its type, in points. To be asked once the block has all its lines."""
        if not self._size:
            sizes = sorted(line.size for line in self.lines)
            self._size = sizes[len(sizes) // 2]
        return self._size

    @property
    def bold(self) -> bool:
        """Whether all of it is bold."""
        return all(line.bold for line in self.lines)

    @property
    def italic(self) -> bool:
        """Whether all of it is italic."""
        return all(line.italic for line in self.lines)

    @property
    def family(self) -> str:
        """Its typeface without weight and slope."""
        return family(self.lines[0].font.name)


@cache
def family(name: str) -> str:
    """A typeface's name without weight and slope."""
    return _FACE.sub("", name)


def ends_sentence(text: str) -> bool:
    """Whether a line may be the last of a sentence."""
    return _ends(text[-12:])


@lru_cache(maxsize=1024)  # every rule asks anew about the same few lines
def _ends(tail: str) -> bool:
    return bool(_TERMINAL.search(tail)) and not _ABBREVIATED.search(tail[-8:])


def cut(lines: Sequence[Line]) -> list[Block]:
    """The blocks of a page's lines, which are in reading order."""
    edges = _edges(lines)
    pitch = _pitch(lines)
    blocks: list[Block] = []
    for i, line in enumerate(lines):
        before = lines[i - 1] if i else None
        left, right = edges[line.column]
        if before is not None and not _parts(before, line, blocks[-1], pitch):
            blocks[-1].lines.append(line)
            continue
        gap = 9.0
        if before is not None and before.column == line.column and line.y1 > before.y1:
            gap = (line.y1 - before.y1) / max(pitch * line.size, 1)
        blocks.append(Block([line], left, right, gap))
    return blocks


def _edges(lines: Sequence[Line]) -> dict[int, tuple[float, float]]:
    edges = {}
    for column in {line.column for line in lines}:
        inside = [line for line in lines if line.column == column]
        lefts: Counter[int] = Counter()
        for line in inside:
            lefts[round(line.x0)] += len(line.words)
        rights = sorted(line.x1 for line in inside if len(line.words) > 3) or [line.x1 for line in inside]  # noqa: PLR2004
        usual = max(lefts.values())
        left = min(x for x, count in lefts.items() if count * 4 >= usual)
        edges[column] = (float(left), rights[int(0.9 * (len(rights) - 1))])
    return edges


def _pitch(lines: Sequence[Line]) -> float:
    """The usual distance from line to line, in em."""
    steps = [
        (line.y1 - before.y1) / line.size
        for before, line in pairwise(lines)
        if before.column == line.column and 0 < line.y1 - before.y1 < 3 * line.size and line.size > 0
    ]
    return max(sorted(steps)[len(steps) // 2], 0.9) if steps else 1.2


def _parts(before: Line, line: Line, block: Block, pitch: float) -> bool:
    """Whether a block ends between two lines."""
    size = max(before.size, line.size)
    if not _follows(before, line, pitch):
        return True
    if abs(before.size - line.size) > 0.07 * size and _lettered(before) and _lettered(line):
        return True
    flows = before.x1 > block.right - 1.5 * size and not ends_sentence(before.text)
    if before.bold != line.bold or (not flows and _changes_face(before, line, block)):
        return True
    label = LABEL.match(line.text)
    if label and (ends_sentence(before.text) or before.x1 < block.right - 3 * size) and is_label(label, line.text):
        return True
    return _begins_paragraph(before, line, block)


def is_label(label: re.Match[str], text: str) -> bool:
    """Whether "Table 2" labels a caption; "Table 2 shows" does not."""
    rest = text[label.end() :].lstrip()
    return bool(label["after"].strip()) or not rest or not (rest[0].islower() or rest[0] in ",;(")


def _lettered(line: Line) -> bool:
    """Whether a line has enough letters for its size to mean something."""
    return len(line.words) > 1 or (len(line.words[0]) > 3 and line.words[0].strip(".:").isalpha())  # noqa: PLR2004


def _follows(before: Line, line: Line, pitch: float) -> bool:
    """Whether a line stands right below another, or beside it in the same row."""
    if before.column != line.column and not (before.column < 0 and line.column == 0):
        return False
    if before.column == line.column >= 0 and before.band != line.band:
        return False
    step = line.y1 - before.y1
    if abs(step) < 0.3 * line.size:
        return line.x0 > before.x1
    if line.y0 - before.y1 > (pitch - 0.6) * min(before.size, line.size):
        return False
    return 0 < step < (1.33 * pitch) * max(before.size, line.size) + 0.5


def _changes_face(before: Line, line: Line, block: Block) -> bool:
    if before.italic != line.italic and (before.italic or ends_sentence(before.text)):
        return True
    if before.italic != line.italic and len(before.words) <= 3:  # noqa: PLR2004 - one heading above another
        return True
    if family(before.font.name) == family(line.font.name):
        return False
    worded = len(before.words) > 2 and len(line.words) > 2  # noqa: PLR2004 - a short line may be all symbols
    return worded or _is_short_title(before, block)


def _is_short_title(line: Line, block: Block) -> bool:
    """Whether a line may be a heading: short, alone, begun with a capital, no end of a sentence."""
    short = line.x1 < block.right - 0.25 * (block.right - block.left)
    return short and len(block.lines) == 1 and line.text[:1].isupper() and not ends_sentence(line.text)


def _begins_paragraph(before: Line, line: Line, block: Block) -> bool:
    size = line.size
    if _BULLET.match(line.text) and ends_sentence(before.text):
        return True
    complete = ends_sentence(before.text)
    short = before.x1 < block.right - 0.15 * (block.right - block.left)
    indented = 0.7 * size < line.x0 - block.left < 5 * size and before.x0 - block.left < 0.5 * size
    if complete and (short or indented):
        return True
    hangs = len(block.lines) > 1 and before.x0 - block.left > 0.7 * size and line.x0 - block.left < 0.5 * size
    return hangs and abs(before.x0 - block.lines[-2].x0) < 1
