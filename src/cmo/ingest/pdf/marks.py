"""Where characters are printed, as far as words need it.

Asking for a box costs more than all else that a page takes, so only the first and last character of each word are
asked for, and all of a word that is set unevenly. Coordinates are points from the top left corner of the page as shown:
rotation and crop box are settled here and nowhere else. Text that runs up or down the page is given as if the page were
turned, so that it reads like any other.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from cmo.ingest.pdf import native

Floats = npt.NDArray[np.float32]

_EVEN = 0.06
"""Share of their height by which the first and last character of an even word may stand or rise apart."""


@dataclass(frozen=True, slots=True)
class Frame:
    """How page space lies on the page as shown."""

    left: float
    bottom: float
    right: float
    top: float
    turns: int
    """Quarter turns clockwise."""

    @property
    def size(self) -> tuple[float, float]:
        """Width and height as shown."""
        width, height = self.right - self.left, self.top - self.bottom
        return (height, width) if self.turns % 2 else (width, height)

    def shown(self, boxes: Floats) -> Floats:
        """Columns x0, y0, x1, y1 from columns left, top, right, bottom."""
        left, top, right, bottom = boxes.T
        match self.turns % 4:
            case 0:
                sides = (left - self.left, self.top - top, right - self.left, self.top - bottom)
            case 1:
                sides = (bottom - self.bottom, left - self.left, top - self.bottom, right - self.left)
            case 2:
                sides = (self.right - right, bottom - self.bottom, self.right - left, top - self.bottom)
            case _:
                sides = (self.top - top, self.right - right, self.top - bottom, self.right - left)
        return np.stack(sides, axis=1)


@dataclass(frozen=True, slots=True)
class Marks:
    """Characters whose boxes are known: the first and last of each word, all of a word that is set unevenly."""

    places: npt.NDArray[np.intp]
    boxes: Floats
    bound: npt.NDArray[np.bool_]
    """Whether the next of them belongs to the same word, whatever lies between."""

    def only(self, kept: npt.NDArray[np.bool_]) -> Marks:
        """These marks alone."""
        bound = self.bound[kept].copy()
        bound[:-1] &= np.diff(np.flatnonzero(kept)) == 1
        return Marks(self.places[kept], self.boxes[kept], bound)


def measure(page: int, codes: npt.NDArray[np.uint32], frame: Frame) -> Marks:
    """Boxes of as few characters as say where the words are: they cost most of the time that a page takes."""
    inked = np.flatnonzero(_is_ink(codes))
    broken = (codes[inked] == _HYPHENS[0]) | (codes[inked] == _HYPHENS[1])
    cut = np.flatnonzero((np.diff(inked) > 1) | broken[:-1])
    first = np.concatenate((inked[:1], inked[cut + 1]))
    last = np.concatenate((inked[cut], inked[-1:]))
    places = np.stack((first, last), axis=1).ravel()
    boxes = frame.shown(native.boxes(page, places.tolist()))
    ahead, behind = boxes[0::2], boxes[1::2]
    height = ahead[:, 3] - ahead[:, 1]
    even = (np.abs(ahead[:, 1::2] - behind[:, 1::2]) < _EVEN * height[:, None]).all(axis=1)
    even &= (behind[:, 2] >= ahead[:, 0]) & (behind[:, 2] - ahead[:, 0] < (last - first + 1) * height)
    bound = np.zeros(len(places), np.bool_)
    bound[0::2] = even & (last > first)
    kept = np.ones(len(places), np.bool_)
    kept[1::2] = last > first
    uneven = np.concatenate(
        [np.arange(a + 1, b) for a, b in zip(first[~even], last[~even], strict=True)] or [inked[:0]]
    )
    if len(uneven):
        places = np.concatenate((places[kept], uneven))
        boxes = np.concatenate((boxes[kept], frame.shown(native.boxes(page, uneven.tolist()))))
        bound = np.concatenate((bound[kept], np.zeros(len(uneven), np.bool_)))
        order = np.argsort(places, kind="stable")
        places, boxes, bound = places[order], boxes[order], bound[order]
    else:
        places, boxes, bound = places[kept], boxes[kept], bound[kept]
    drawn = (boxes[:, 2] > boxes[:, 0]) & (boxes[:, 3] > boxes[:, 1])
    marks = Marks(places, boxes, bound)
    return marks if drawn.all() else marks.only(drawn)


_BLANKS = ((0x00, 0x01), (0x03, 0x20), (0x7F, 0xA0), (0x2000, 0x200F), (0x3000, 0x3000), (0xD800, 0xDFFF))
"""Controls (but STX is a hyphen), spaces and surrogates, first and last of each range."""
_NOWHERE = 0x110000
"""First code that is no character."""
_HYPHENS = (0x02, 0xFFFE)
"""What PDFium writes for a hyphen that ends a line, without a space behind it."""


def _is_ink(codes: npt.NDArray[np.uint32]) -> npt.NDArray[np.bool_]:
    """ASCII, which is nearly all, is told by two comparisons; only the rest is looked at closely."""
    ink: npt.NDArray[np.bool_] = (codes > 0x20) & (codes < 0x7F)  # noqa: PLR2004
    rare = np.flatnonzero(~ink & (codes != 0x20))  # noqa: PLR2004
    ink[rare] = ~_is_blank(codes[rare])
    return ink


def _is_blank(codes: npt.NDArray[np.uint32]) -> npt.NDArray[np.bool_]:
    blank: npt.NDArray[np.bool_] = (codes == 0xFEFF) | (codes == 0xFFFF) | (codes >= _NOWHERE)  # noqa: PLR2004 - byte order mark, no character
    for first, last in _BLANKS:
        blank |= (codes >= first) & (codes <= last)
    return blank


def spell(codes: npt.NDArray[np.uint32]) -> str:
    """The characters as a string of the same length, blanks for what is no character."""
    lone = (codes >= _NOWHERE) | ((codes & 0xFFFFF800) == 0xD800)  # noqa: PLR2004 - surrogates
    return np.where(lone, 0x20, codes).astype("<u4").tobytes().decode("utf-32-le")


def sideways(marks: Marks) -> npt.NDArray[np.bool_]:
    """Whether each character belongs to text that runs up or down: its neighbours lie above or below it."""
    size, boxes = len(marks.places), marks.boxes
    if size < 2:  # noqa: PLR2004 - one character has no direction
        return np.zeros(size, np.bool_)
    middle_x = (boxes[:, 0] + boxes[:, 2]) / 2
    middle_y = (boxes[:, 1] + boxes[:, 3]) / 2
    run, rise = np.abs(np.diff(middle_x)), np.abs(np.diff(middle_y))
    near = marks.bound[:-1] | ((np.diff(marks.places) <= 2) & (run + rise < 4 * (boxes[1:, 3] - boxes[1:, 1])))  # noqa: PLR2004
    step = near & (rise > 3 * run) & (rise > 0.1)  # noqa: PLR2004
    level = near & (run >= rise)
    votes = np.zeros(size, np.int32)
    votes[1:] += step.astype(np.int32) - level
    votes[:-1] += step.astype(np.int32) - level
    return votes > 0


def turn(boxes: Floats, size: tuple[float, float]) -> tuple[int, Floats]:
    """Boxes on a page turned so that these characters read from left to right."""
    width, height = size
    upward = np.count_nonzero(np.diff(boxes[:, 1]) < 0) * 2 >= len(boxes) - 1
    x0, y0, x1, y1 = boxes.T
    sides = (height - y1, x0, height - y0, x1) if upward else (y0, width - x1, y1, width - x0)
    return (1 if upward else -1), np.stack(sides, axis=1)


def unturn(box: tuple[float, float, float, float], turn: int, width: float, height: float) -> tuple[float, ...]:
    """Where a box of sideways text lies on the page as shown, which is `width` by `height` points."""
    x0, y0, x1, y1 = box
    if turn > 0:
        return y0, height - x1, y1, height - x0
    return (width - y1, x0, width - y0, x1) if turn else box
