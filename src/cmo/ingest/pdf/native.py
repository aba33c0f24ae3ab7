"""PDFium's functions, bound so that thousands of calls a page cost little.

pypdfium2's own bindings build a typed pointer for every argument. Here addresses travel as plain integers and
`map` does the looping: 0.3 µs a call instead of 1–2, which makes a box for every character affordable
(a page has 3,000–6,000). The interpreter lock is kept during these calls, which each take nanoseconds.
"""

from __future__ import annotations

import ctypes
from collections import deque
from collections.abc import Sequence
from itertools import repeat
from typing import Any

import numpy as np
import numpy.typing as npt
import pypdfium2.raw as pdfium

_ADDRESS, _INT, _FLOAT = ctypes.c_void_p, ctypes.c_int, ctypes.c_float
_PAPER = 250
"""Each part of a colour that is white, of 255."""
_MOST_OBJECTS = 5_000
_MOST_PATHS, _MOST_SEGMENTS = 4, 8


def _bind(name: str, result: Any, *arguments: Any) -> Any:
    address = ctypes.cast(getattr(pdfium, name), _ADDRESS).value or 0
    return ctypes.PYFUNCTYPE(result, *arguments)(address)


_char_box = _bind("FPDFText_GetLooseCharBox", _INT, _ADDRESS, _INT, _ADDRESS)
_char_object = _bind("FPDFText_GetTextObject", _ADDRESS, _ADDRESS, _INT)
_char_code = _bind("FPDFText_GetUnicode", ctypes.c_uint, _ADDRESS, _INT)
_char_unmapped = _bind("FPDFText_HasUnicodeMapError", _INT, _ADDRESS, _INT)
_object_font = _bind("FPDFTextObj_GetFont", _ADDRESS, _ADDRESS)
_object_bounds = _bind("FPDFPageObj_GetBounds", _INT, *[_ADDRESS] * 5)
_object_colour = _bind("FPDFPageObj_GetFillColor", _INT, *[_ADDRESS] * 5)
_object_clip = _bind("FPDFPageObj_GetClipPath", _ADDRESS, _ADDRESS)
_page_objects = _bind("FPDFPage_CountObjects", _INT, _ADDRESS)
_page_object = _bind("FPDFPage_GetObject", _ADDRESS, _ADDRESS, _INT)
_object_type = _bind("FPDFPageObj_GetType", _INT, _ADDRESS)
_clip_paths = _bind("FPDFClipPath_CountPaths", _INT, _ADDRESS)
_clip_segments = _bind("FPDFClipPath_CountPathSegments", _INT, _ADDRESS, _INT)
_clip_segment = _bind("FPDFClipPath_GetPathSegment", _ADDRESS, _ADDRESS, _INT, _INT)
_segment_point = _bind("FPDFPathSegment_GetPoint", _INT, _ADDRESS, _ADDRESS, _ADDRESS)
_font_name = _bind("FPDFFont_GetBaseFontName", ctypes.c_ulong, _ADDRESS, _ADDRESS, ctypes.c_ulong)
_font_weight = _bind("FPDFFont_GetWeight", _INT, _ADDRESS)
_font_flags = _bind("FPDFFont_GetFlags", _INT, _ADDRESS)
_font_ascent = _bind("FPDFFont_GetAscent", _INT, _ADDRESS, _FLOAT, _ADDRESS)
_font_descent = _bind("FPDFFont_GetDescent", _INT, _ADDRESS, _FLOAT, _ADDRESS)


def codes(page: int, count: int) -> npt.NDArray[np.uint32]:
    """The code point of each character of a text page."""
    buffer = np.zeros(count + 1, np.uint16)
    pointer = buffer.ctypes.data_as(ctypes.POINTER(ctypes.c_ushort))
    handle = ctypes.cast(page, pdfium.FPDF_TEXTPAGE)
    written = int(pdfium.FPDFText_GetText(handle, 0, count, pointer))
    text = buffer[:count].astype(np.uint32)
    if written != count + 1:
        text = np.fromiter(map(_char_code, repeat(page), range(count)), np.uint32, count)
    return _pair(text)


def _pair(text: npt.NDArray[np.uint32]) -> npt.NDArray[np.uint32]:
    """Surrogate pairs as one code point at the place of the first, and nothing at the second (RFC 2781)."""
    high = np.flatnonzero((text[:-1] >> 10 == 0xD800 >> 10) & (text[1:] >> 10 == 0xDC00 >> 10))
    if len(high):
        text[high] = 0x10000 + ((text[high] & 0x3FF) << 10) + (text[high + 1] & 0x3FF)
        text[high + 1] = 0
    return text


def boxes(page: int, characters: list[int]) -> npt.NDArray[np.float32]:
    """Left, top, right and bottom of these characters in page space, one row each."""
    out = np.zeros((len(characters), 4), np.float32)
    base = out.ctypes.data
    deque(map(_char_box, repeat(page), characters, range(base, base + 16 * len(out), 16)), maxlen=0)
    return out


def objects(page: int, characters: Sequence[int]) -> list[int]:
    """The text object that each of these characters belongs to; 0 for a character that PDFium made up."""
    return [found or 0 for found in map(_char_object, repeat(page), characters)]


def unmapped(page: int, characters: Sequence[int]) -> int:
    """How many of these characters have no Unicode value in the file."""
    return list(map(_char_unmapped, repeat(page), characters)).count(1)


def fonts_of(text_objects: list[int]) -> list[int]:
    """The font of each text object; 0 if it has none."""
    return [found or 0 for found in map(_object_font, text_objects)]


def font_name(font: int) -> str:
    """The name of a font in the file, without the mark of a subset."""
    name = ctypes.create_string_buffer(128)
    length = _font_name(font, ctypes.addressof(name), len(name))
    spelt = name.value.decode("utf-8", "replace") if length <= len(name) else ""
    return spelt.partition("+")[2] or spelt


def font_facts(font: int) -> tuple[int, int, float]:
    """Weight, flags and ascent minus descent in em of a font."""
    up, down = _FLOAT(0), _FLOAT(0)
    _font_ascent(font, 1.0, ctypes.addressof(up))
    _font_descent(font, 1.0, ctypes.addressof(down))
    return _font_weight(font), _font_flags(font), up.value - down.value


def white(text_objects: list[int]) -> list[bool]:
    """Whether each object is painted in the colour of paper."""
    parts = np.zeros((len(text_objects), 4), np.uint32)
    at, end = parts.ctypes.data, parts.ctypes.data + parts.nbytes
    columns = (range(at + shift, end + shift, 16) for shift in (0, 4, 8, 12))
    deque(map(_object_colour, text_objects, *columns), maxlen=0)
    found: list[bool] = (parts[:, :3].min(axis=1) >= _PAPER).tolist()
    return found


def page_fonts(page: int) -> list[int]:
    """The fonts of the text objects of a page, each once; those inside forms are not looked at."""
    things = map(_page_object, repeat(page), range(min(_page_objects(page), _MOST_OBJECTS)))
    return [font for font in set(map(_object_font, things)) if font]  # what is no text has none


def painted(page: int) -> npt.NDArray[np.float32]:
    """Left, top, right and bottom of what is painted on a page below its text: areas of colour, pictures, forms."""
    count = min(_page_objects(page), _MOST_OBJECTS)
    things = [_page_object(page, i) for i in range(count)]
    things = [thing for thing in things if thing and _object_type(thing) != pdfium.FPDF_PAGEOBJ_TEXT]
    if not things:
        return np.zeros((0, 4), np.float32)
    pale = white(things)
    paths = (_object_type(thing) == pdfium.FPDF_PAGEOBJ_PATH for thing in things)
    coloured = [thing for thing, path, blank in zip(things, paths, pale, strict=True) if not (path and blank)]
    sides = np.zeros((len(coloured), 4), np.float32)
    at, end = sides.ctypes.data, sides.ctypes.data + sides.nbytes
    columns = (range(at + shift, end + shift, 16) for shift in (0, 12, 8, 4))  # left, bottom, right, top
    deque(map(_object_bounds, coloured, *columns), maxlen=0)
    return sides


def clipped(text_objects: list[int]) -> list[bool]:
    """Whether each object lies outside the region that it is allowed to paint in."""
    clips = list(map(_object_clip, text_objects))
    counts = map(_clip_paths, clips)  # mostly none; -1 where there is no clip
    return [
        paths > 0 and _is_clipped(one, clip, paths)
        for one, clip, paths in zip(text_objects, clips, counts, strict=True)
    ]


def _is_clipped(text_object: int, clip: int, paths: int) -> bool:
    sides = (_FLOAT * 4)()
    at = ctypes.addressof(sides)
    if not _object_bounds(text_object, at, at + 4, at + 8, at + 12):
        return False
    x, y = (sides[0] + sides[2]) / 2, (sides[1] + sides[3]) / 2
    return any(not _holds(clip, path, x, y) for path in range(min(paths, _MOST_PATHS)))


def _holds(clip: int, path: int, x: float, y: float) -> bool:
    """Whether a point lies within the rectangle around a clipping path; yes for paths that are no rectangles."""
    count = _clip_segments(clip, path)
    if not 3 <= count <= _MOST_SEGMENTS:  # noqa: PLR2004 - a rectangle has three corners at least
        return True
    point = (_FLOAT * 2)()
    at = ctypes.addressof(point)
    xs, ys = [], []
    for i in range(count):
        _segment_point(_clip_segment(clip, path, i), at, at + 4)
        xs.append(point[0])
        ys.append(point[1])
    return min(xs) - 1 <= x <= max(xs) + 1 and min(ys) - 1 <= y <= max(ys) + 1
