"""What each block is printed as, and what part of the article it stands in.

::

    front ──abstract or first heading──> body ──"References"──> references ──other main heading──> body

One pass in reading order. A table reaches from its label to the next text in the body's type.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise

from cmo.ingest.pdf import headings, references
from cmo.ingest.pdf.blocks import LABEL, Block, ends_sentence, is_label
from cmo.ingest.pdf.headings import Body, Look, section_named
from cmo.ingest.pdf.letters import count_letters
from cmo.model.papers import Role, Section

_ABSTRACT = re.compile(r"\W*(?:a\s?b\s?s\s?t\s?r\s?a\s?c\s?t|summary)\b\s*[.:—–-]?\s*", re.IGNORECASE)
_KEYWORDS = re.compile(r"\W*(?:key[\s-]?words?|index terms|abbreviations)\b", re.IGNORECASE)
_FRONT = re.compile(
    r"\W*(?:©|\(c\)|copyright|received|accepted|published|revised|submitted|correspond|e-?mail|address|citation\b|"
    r"cite this|how to cite|academic editor|edited by|reviewed by|handling editor|editor\b|doi\b|https?:|www\.|issn|"
    r"open access|this (?:is an|article is|work is|article was)|this open|funding:|competing interests?:|"
    r"data availability|competing|full list of|licen[cs]e|these authors|present address|\*|†|‡|§|¶|author|"
    r"article|original (?:article|paper)|research(?: article)?$|available online|access this|downloaded|keywords|"
    r"creative commons|specialty section|how to|quick response|website|review article|subject (?:area|categor|editor|code))",
    re.IGNORECASE,
)
_PLACE = re.compile(
    r"universit|departm|institut|hospital|school of|college|faculty|laborator|academy|@|\b\d{5}\b|\bcent(?:er|re) ",
    re.IGNORECASE,
)
_BACK = frozenset({Section.BACK, Section.REFERENCES})
_LOOSE = frozenset({Section.OTHER, Section.ABSTRACT, Section.BACK, Section.REFERENCES})
_ENDS = frozenset({Section.INTRODUCTION, Section.CONCLUSION})
"""Parts that a main heading of unknown name ends; in methods, results and discussion it stands within."""
_PROSE_WORDS = 30
_TITLE_LETTERS, _TITLE_WORDS = 12, 30


@dataclass(frozen=True, slots=True)
class Placed:
    """A block with its part in the article."""

    block: Block
    role: Role
    section: Section
    heading: str


def place(blocks: Sequence[Block], title: str = "") -> list[Placed]:
    """Every block with its role, section and heading. `title` is what the file itself says."""
    if not blocks:
        return []
    body = headings.body_of(blocks)
    found = [block for block in blocks if headings.is_heading(block, body)]
    reader = _Reader(body, found, _title(blocks, title, body), blocks[-1].page, announced=_announced(blocks))
    return [reader.read(block) for block in blocks]


def _announced(blocks: Sequence[Block]) -> bool:
    """Whether the first page prints the word "Abstract" on a line of its own: then what stands above is no abstract."""
    first = [block for block in blocks if block.page == blocks[0].page]
    return any(_ABSTRACT.fullmatch(block.text.strip()) for block in first)


def _title(blocks: Sequence[Block], known: str, body: Body) -> list[Block]:
    """The blocks of the title: the largest type on the first page, or what the file says the title is."""
    page = blocks[0].page
    wordy = [b for b in blocks if b.page == page and count_letters(b.text) >= _TITLE_LETTERS]
    wordy = [b for b in wordy if len(b.text.split()) > 1] or wordy
    if not wordy:
        return []
    wanted = _plain(known)
    named = [b for b in wordy if len(wanted) > _TITLE_LETTERS and wanted.startswith(_plain(b.text))]
    printed = _plain(" ".join(block.text for block in blocks if block.page == page))
    largest = (
        named[0] if named else max(wordy, key=lambda b: (round(b.size * _titleness(b, printed), 1), -b.lines[0].y0))
    )
    if largest.size < 1.02 * body.size and len(largest.text.split()) > _TITLE_WORDS:
        return []
    at = wordy.index(largest)
    title = [largest]
    for block in wordy[at + 1 :]:
        if abs(block.size - largest.size) > 0.04 * largest.size or block.gap > 2.5:  # noqa: PLR2004
            break
        title.append(block)
    return title


def _titleness(block: Block, printed: str) -> float:
    """How much a block reads as a title: of several words, no label of the kind of article, no journal's name."""
    if _FRONT.match(block.text) or _numbered_in(_plain(block.text), printed):
        return 0.5
    words = len(block.text.split())
    return 1.0 if words > 4 else 0.8 if words > 2 else 0.6  # noqa: PLR2004


def _numbered_in(name: str, printed: str) -> bool:
    """Whether a figure follows this text elsewhere on the page, as the year or volume follows a journal's name."""
    at = printed.find(name)
    while at >= 0:
        if printed[at + len(name) : at + len(name) + 1].isdigit():
            return True
        at = printed.find(name, at + 1)
    return False


def _plain(text: str) -> str:
    return re.sub(r"\W+", "", text).lower()


class _Reader:
    """Where the reading has got to."""

    def __init__(self, body: Body, heads: list[Block], title: list[Block], last_page: int, *, announced: bool) -> None:
        self._announced = announced
        self._body, self._heads = body, set(map(id, heads))
        self._main: Look | None = headings.main_look(heads, body)
        self._apart = headings.sets_apart(heads, self._main)
        self._title = set(map(id, title))
        self._titled = not title
        self._first = title[0].page if title else 1
        self._last = last_page
        self._section = Section.OTHER
        self._heading = ""
        self._front = True
        self._table: Block | None = None
        self._caption: Block | None = None
        self._entry_size = 0.0
        self._note: Block | None = None
        self._seen: set[Section] = set()

    def read(self, block: Block) -> Placed:
        """The next block in reading order."""
        if id(block) in self._title:
            self._titled = True
            return Placed(block, Role.HEADING, Section.TITLE, "")
        role = self._captioned(block) or self._noted(block)
        if role is None and id(block) in self._heads:
            placed = self._enter(block)
            if placed is not None:
                return placed
        if role is None:
            role = self._plain_role(block)
        return Placed(block, role, Section.REFERENCES if role is Role.REFERENCE else self._section, self._heading)

    def _captioned(self, block: Block) -> Role | None:
        """Captions, what belongs to them, and the tables below them."""
        text = block.text
        label = LABEL.match(text)
        set_apart = block.bold != self._body.bold or block.size < 0.95 * self._body.size
        if label and (set_apart or is_label(label, text)) and self._section is not Section.REFERENCES:
            table = label["kind"].lower().startswith("tab")
            self._table = block if table else None
            self._caption = block
            return Role.CAPTION
        if self._caption is not None:
            if self._continues(block, self._caption):
                self._caption = block
                return Role.CAPTION
            self._caption = None
        if self._table is not None:
            if self._in_table(block):
                return Role.TABLE
            self._table = None
        return None

    def _noted(self, block: Block) -> Role | None:
        """Footnotes of the first page (addresses, dates, licence) and what belongs to them."""
        note, self._note = self._note, None
        if block.page > self._first + 1 or block.size > 0.95 * self._body.size or self._front:
            return None
        goes_on = note is not None and note.page == block.page and abs(note.left - block.left) < 2  # noqa: PLR2004
        if (goes_on and block.gap < 1.5) or _FRONT.match(block.text):  # noqa: PLR2004
            self._note = block
            return Role.FRONT
        return None

    def _continues(self, block: Block, caption: Block) -> bool:
        """Whether a block goes on with a caption: right below it, in its type, and not in the body's."""
        if block.page != caption.page or abs(block.left - caption.left) > 2 or block.gap > 1.35:  # noqa: PLR2004
            return False
        like = abs(block.size - caption.size) < 0.05 * caption.size
        body = abs(block.size - self._body.size) < 0.04 * self._body.size and block.family == self._body.family
        if body and not caption.bold:
            return False
        return like and not _tabular(block) and not (self._table and ends_sentence(caption.text) and body)

    def _in_table(self, block: Block) -> bool:
        table = self._table
        if table is None or block.page != table.page:
            return False
        if block.size < 0.95 * self._body.size:
            return not (references.opens(block) or (self._section is Section.REFERENCES))
        if id(block) in self._heads and section_named(block.text) and len(block.text.split()) < 5:  # noqa: PLR2004
            return False
        short = len(block.lines) == 1 and len(block.text.split()) < 8  # noqa: PLR2004
        return _tabular(block) or (short and not ends_sentence(block.text))

    def _enter(self, block: Block) -> Placed | None:
        """Open the part of the article that a heading names; None if it is no heading here."""
        text = block.text
        named = section_named(text) if len(text.split()) <= 10 else None  # noqa: PLR2004
        is_main = self._main is not None and headings.alike(headings.look(block), self._main)
        if self._front:
            if named is None or (named is Section.BACK and not is_main):
                return None
            self._front = False
        small = block.size < 0.93 * self._body.size and self._section is Section.OTHER
        if named is None and (small or (self._section is Section.REFERENCES and not is_main)):
            return None
        if self._opens(block, named, is_main=is_main):
            self._section = named or Section.OTHER
            self._seen.add(self._section)
        self._heading = text
        return Placed(block, Role.HEADING, self._section, text)

    def _opens(self, block: Block, named: Section | None, *, is_main: bool) -> bool:
        """Whether a heading opens a part, rather than standing within the present one."""
        depth = headings.depth(block.text)
        if depth is not None and depth > 1:
            return False
        if self._section is Section.ABSTRACT:
            return is_main or named is Section.REFERENCES or (named is not None and self._main is None)
        if is_main:
            return (
                named is not None or depth == 1 or self._section in _LOOSE or (self._apart and self._section in _ENDS)
            )
        if named in _BACK:
            late = bool(self._seen & {Section.RESULTS, Section.DISCUSSION, Section.CONCLUSION, Section.BACK})
            return named is Section.REFERENCES or late or block.page * 2 > self._last
        if named is None:
            return False
        bigger = self._main is None or block.size >= self._main[0] - 0.3
        return named is Section.ABSTRACT or bigger or self._section in {Section.OTHER, Section.REFERENCES}

    def _plain_role(self, block: Block) -> Role:
        text = block.text
        if self._front:
            return self._front_role(block, text)
        if self._section is Section.REFERENCES:
            self._entry_size = self._entry_size or block.size
            return Role.REFERENCE
        if self._section is Section.ABSTRACT and _KEYWORDS.match(text):
            self._section = Section.INTRODUCTION
            self._heading = ""
            return Role.FRONT
        if _KEYWORDS.match(text) and block.page == self._first:
            return Role.FRONT
        if self._is_entry(block):
            self._entry_size = block.size
            return Role.REFERENCE
        return Role.PROSE if self._is_prose(block, text) else Role.FRONT

    def _front_role(self, block: Block, text: str) -> Role:
        words = len(text.split())
        marked = _ABSTRACT.match(text)
        if marked and words < 4:  # noqa: PLR2004 - the word alone
            self._front, self._section, self._heading = False, Section.ABSTRACT, text
            return Role.HEADING
        prose = (
            not self._announced
            and words >= _PROSE_WORDS
            and not _FRONT.match(text)
            and not _PLACE.search(text[:300])
            and self._titled
        )
        if (
            (marked and words >= _PROSE_WORDS)
            or (prose and block.size > 0.8 * self._body.size)
            or block.page > self._first + 1
        ):
            self._front = False
            self._section = Section.ABSTRACT if block.page == self._first else Section.OTHER
            return Role.PROSE
        return Role.FRONT

    def _is_entry(self, block: Block) -> bool:
        """Whether a block outside the list of references is one of its entries all the same."""
        if block.size > 0.95 * self._body.size:
            return False
        alike = abs(block.size - self._entry_size) < 0.03 * block.size
        return references.opens(block) or (alike and references.goes_on(block))

    def _is_prose(self, block: Block, text: str) -> bool:
        """Whether a block is running text, rather than a footnote, an imprint or the lettering of a figure."""
        words = text.split()
        small = block.size < 0.93 * self._body.size
        if small and _FRONT.match(text) and (block.page == self._first or len(words) < _PROSE_WORDS):
            return False
        if block.page == self._first and _FRONT.match(text) and (_PLACE.search(text) or len(words) < 15):  # noqa: PLR2004
            return False
        letters = count_letters(text)
        wordy = letters > 0.6 * len(text.replace(" ", ""))
        if small or block.family != self._body.family:
            return wordy and len(words) >= 12 and not _tabular(block)  # noqa: PLR2004
        return letters > 0 and (wordy or len(words) > 6 or ends_sentence(text))  # noqa: PLR2004


def _tabular(block: Block) -> bool:
    """Whether a block looks like rows of cells: wide gaps within lines, or lines that fill little of the column."""
    rows = block.lines
    gaps = sum(any(b - a > 1.4 * line.size for a, b in zip(line.rights, line.lefts[1:], strict=False)) for line in rows)
    beside = sum(abs(a.y1 - b.y1) < 0.3 * b.size for a, b in pairwise(rows))
    figures = sum(map(str.isdigit, block.text))
    return (gaps + beside) * 3 > len(rows) or figures > 0.25 * len(block.text)
