"""The words of a page: what is printed, where, and in which type.

::

    PDFium's characters --white space, gaps, jumps--> words --same line, no gap--> runs

A run is as much of a printed line as the file draws in one go. Coordinates are points from the top left corner of the
page as shown, so rotation and crop box are settled here and nowhere else.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import lru_cache

import numpy as np
import numpy.typing as npt

from cmo.ingest.pdf import marks, native, signs
from cmo.ingest.pdf.letters import cleaned
from cmo.ingest.pdf.marks import Floats, Frame, Marks

_RUN_GAP, _WORD_GAP = 0.9, 0.32
"""In em: a wider gap ends a run; a wider gap parts words even where the file has no space."""
_OVERLAP = 0.3
"""Share of the lower of two neighbours that must lie beside the other for both to be on one line."""
_HEAVY = 700
_SMALLEST = 1.5
"""Points: no smaller type is meant to be read."""
_BOLD_NAMES = ("bold", "black", "heavy", "demi", "semibold", "cmbx")
_BOLD_CUT, _ITALIC_CUT = re.compile(r"[.,-]B(?:I|d|O)?$"), re.compile(r"[.,-]B?I$")
"""As typesetters' systems shorten the names of cuts: AdvTT86d47313.B."""
_PLAIN_NAMES = ("regular", "roman", "light", "book", "medium", "-it", "italic")
_ITALIC_NAMES = ("italic", "oblique", "slanted", "cmti", "cmmi")
_ITALIC_FLAG = 1 << 6
_DEFAULT_EXTENT = 1.2


@dataclass(frozen=True, slots=True, eq=False)
class Font:
    """A typeface as the file names it."""

    name: str
    bold: bool
    italic: bool
    extent: float
    """Height of a line of it, in em."""
    flags: int = 0
    """As PDF 1.7, table 123, has them."""


@dataclass(frozen=True, slots=True)
class Words:
    """The words of a page in the order in which the file draws them; columns of equal length."""

    texts: list[str]
    boxes: Floats
    sizes: Floats
    fonts: list[Font]
    begins_run: npt.NDArray[np.bool_]
    turn: int = 0
    """0 for upright text; 1 or -1 for text that runs up or down the page, given as if the page were turned."""


Ground = Callable[[], Floats]
"""Asked for the boxes of what is painted below the text, as shown, where white words need it."""


def read(page: int, text_page: int, count: int, frame: Frame) -> tuple[Words, Words]:
    """The upright words of a page, and those that are printed sideways (turned upright, as if the page were).

    `page` and `text_page` are the addresses of PDFium's objects.
    """
    codes = native.codes(text_page, count)
    text = _mark_signs(page, text_page, marks.spell(codes))
    placed = marks.measure(text_page, codes, frame)
    sideways = marks.sideways(placed)

    def ground() -> Floats:
        return frame.shown(native.painted(page))

    if not sideways.any():
        return _words(text_page, text, placed, ground), _none(1)
    turn, turned = marks.turn(placed.boxes[sideways], frame.size)
    aside = placed.only(sideways)
    return (
        _words(text_page, text, placed.only(~sideways), ground),
        _words(text_page, text, Marks(aside.places, turned, aside.bound), unpainted, turn),
    )


def unpainted() -> Floats:
    """Nothing is painted below the text."""
    return np.zeros((0, 4), np.float32)


def _none(turn: int) -> Words:
    return Words([], np.zeros((0, 4), np.float32), np.zeros(0, np.float32), [], np.zeros(0, np.bool_), turn)


def _words(page: int, text: str, placed: Marks, ground: Ground, turn: int = 0) -> Words:
    if not len(placed.places):
        return _none(turn)
    first, last, begins_run = _cut(placed)
    starts, ends = placed.places[first].tolist(), (placed.places[last] + 1).tolist()
    drawn = _drawn(native.objects(page, starts))
    texts = cleaned(text[a:b] for a, b in zip(starts, ends, strict=True))
    box = placed.boxes
    boxes = np.stack(
        (
            box[first, 0],
            np.minimum.reduceat(box[:, 1], first),
            np.maximum.reduceat(box[:, 2], first),
            np.maximum.reduceat(box[:, 3], first),
        ),
        axis=1,
    )
    sizes: Floats = (np.maximum.reduceat(box[:, 3] - box[:, 1], first) / drawn.extents).astype(np.float32)
    seen = _seen(drawn, boxes, ground) & (sizes >= _SMALLEST) & np.fromiter(map(bool, texts), np.bool_, len(texts))
    found = Words(texts, boxes, sizes, drawn.fonts, begins_run, turn)
    return found if seen.all() else _only(found, seen)


def _cut(placed: Marks) -> tuple[npt.NDArray[np.intp], npt.NDArray[np.intp], npt.NDArray[np.bool_]]:
    """Where among the marks each word begins and ends, and whether it begins a run."""
    box, free = placed.boxes, ~placed.bound[:-1]
    height = box[:, 3] - box[:, 1]
    gap = box[1:, 0] - box[:-1, 2]
    em = np.maximum(height[1:], height[:-1]) / _DEFAULT_EXTENT
    beside = np.minimum(box[1:, 3], box[:-1, 3]) - np.maximum(box[1:, 1], box[:-1, 1])
    off = beside < _OVERLAP * np.minimum(height[1:], height[:-1])
    jump = (off | (gap > _RUN_GAP * em) | (gap < -em)) & free
    part = jump | (((np.diff(placed.places) > 1) | (gap > _WORD_GAP * em)) & free)
    first = np.concatenate(([0], np.flatnonzero(part) + 1))
    last = np.concatenate((first[1:], [len(box)])) - 1
    return first, last, np.concatenate(([True], jump[first[1:] - 1]))


def _mark_signs(page: int, text_page: int, text: str) -> str:
    """The text with the characters marked that may be mathematical signs under another name."""
    fonts = [font for font in native.page_fonts(page) if signs.is_obscure(native.font_name(font))]
    names = {font.name for font in map(_describe, fonts) if signs.is_symbolic(font.flags)}
    if not names:
        return text
    used: dict[str, list[int]] = {}
    for i, font in enumerate(_drawn(native.objects(text_page, range(len(text)))).fonts):
        if font.name in names and not text[i].isspace():
            used.setdefault(font.name, []).append(i)
    letters = list(text)
    for name, places in used.items():
        if signs.are_keys(text[i] for i in places):
            for i in places:
                letters[i] = signs.mark(name, text[i])
    return "".join(letters)


@dataclass(frozen=True, slots=True)
class _Drawn:
    """How characters or words are drawn; columns of equal length."""

    fonts: list[Font]
    extents: Floats
    clipped: npt.NDArray[np.bool_]
    white: npt.NDArray[np.bool_]


def _drawn(objects: Sequence[int]) -> _Drawn:
    """Each text object is asked once: it may draw many words. To PDFium, 0 is one without font, clip and colour."""
    things = list(set(objects))
    handles = native.fonts_of(things)
    known = {handle: _describe(handle) for handle in set(handles)}
    fonts = [known[handle] for handle in handles]
    number = dict(zip(things, range(len(things)), strict=True))
    which = np.fromiter(map(number.__getitem__, objects), np.intp, len(objects))
    return _Drawn(
        [fonts[i] for i in which.tolist()],
        np.array([font.extent for font in fonts], np.float32)[which],
        np.array(native.clipped(things))[which],
        np.array(native.white(things))[which],
    )


def _seen(drawn: _Drawn, boxes: Floats, ground: Ground) -> npt.NDArray[np.bool_]:
    """Whether each word can be seen: it is not clipped away, nor white on white."""
    seen = ~drawn.clipped
    white = np.flatnonzero(drawn.white)
    if len(white):
        colour = ground()
        x = (boxes[white, 0] + boxes[white, 2])[:, None] / 2
        y = (boxes[white, 1] + boxes[white, 3])[:, None] / 2
        on = (colour[:, 0] < x) & (x < colour[:, 2]) & (colour[:, 1] < y) & (y < colour[:, 3])
        seen[white] &= on.any(axis=1)
    return seen


def _only(words: Words, kept: npt.NDArray[np.bool_]) -> Words:
    """These words alone; what followed a word that is gone begins a run."""
    begins = words.begins_run.copy()
    begins[1:] |= ~kept[:-1]
    places = np.flatnonzero(kept)
    texts, fonts = [words.texts[i] for i in places], [words.fonts[i] for i in places]
    return Words(texts, words.boxes[kept], words.sizes[kept], fonts, begins[kept], words.turn)


def _describe(handle: int) -> Font:
    if not handle:
        return Font("", bold=False, italic=False, extent=_DEFAULT_EXTENT)
    name = native.font_name(handle)
    weight, flags, extent = native.font_facts(handle)
    bold, italic = _cut_of(name, heavy=weight >= _HEAVY)
    italic = italic or bool(flags & _ITALIC_FLAG)
    return Font(name, bold, italic, extent if 0.5 < extent < 3 else _DEFAULT_EXTENT, flags)  # noqa: PLR2004 - sane faces


@lru_cache(maxsize=1024)  # every page has the fonts of the page before
def _cut_of(name: str, *, heavy: bool) -> tuple[bool, bool]:
    """Whether a font of this name is bold, and whether it is italic. Weights are guessed from stems."""
    low = name.lower()
    bold = bool(_BOLD_CUT.search(name)) or any(mark in low for mark in _BOLD_NAMES)
    bold = bold or (heavy and not any(mark in low for mark in _PLAIN_NAMES))
    return bold, bool(_ITALIC_CUT.search(name)) or any(mark in low for mark in _ITALIC_NAMES)
