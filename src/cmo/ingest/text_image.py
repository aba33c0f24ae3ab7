"""A page of a paper that is text, drawn as an image, so that evidence can be looked at whatever its format.

The page is set again from the stored text (see `pages`). The font is DejaVu Sans Mono 2.37, shipped with its licence:
it has the Greek letters, arrows and signs of measurement that Pillow's own font lacks.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from functools import lru_cache
from importlib.resources import files
from io import BytesIO

from PIL import Image, ImageDraw, ImageFont

from cmo.errors import NotFound
from cmo.ingest.pages import CELL, FONT_SIZE, HEIGHT, LEADING, MARGIN, WIDTH, Setting
from cmo.model.papers import Box

HIGHLIGHT = (255, 236, 130)
INK = (20, 20, 30)
PAPER = (255, 255, 255)
_MAX_SCALE = 8.0
_WORD = re.compile(r"\S+")


def render_text_page(text: str, page: int, boxes: Iterable[Box] = (), *, scale: float = 2.0) -> bytes:
    """A page of the text as PNG with boxes highlighted, `scale` pixels a point.

    Raises:
        NotFound: the text has no such page.
        ValueError: the scale is not above 0 and at most 8.
    """
    if not 0 < scale <= _MAX_SCALE:
        raise ValueError(f"The scale ({scale}) must be above 0 and at most {_MAX_SCALE:g}.")
    setting = Setting(text)
    if not 1 <= page <= len(setting.pages):
        raise NotFound(f"There is no page {page}; the paper has {len(setting.pages)}.")
    image = Image.new("RGB", (round(WIDTH * scale), round(HEIGHT * scale)), PAPER)
    draw = ImageDraw.Draw(image)
    for box in boxes:
        if box.page == page:
            draw.rectangle([v * scale for v in (box.x0, box.y0, box.x1, box.y1)], fill=HIGHLIGHT)
    font = _font(FONT_SIZE * scale)
    for top, line in setting.rows(page):
        baseline = (top + (LEADING + FONT_SIZE) / 2 - 1) * scale
        for word in _WORD.finditer(text, line.start, line.end):
            left = (MARGIN + (word.start() - line.start) * CELL) * scale
            draw.text((left, baseline), word.group(), font=font, fill=INK, anchor="ls")
    return _png(image)


def _png(image: Image.Image) -> bytes:
    out = BytesIO()
    image.quantize(64).save(out, "PNG")
    return out.getvalue()


@lru_cache(maxsize=8)
def _font(size: float) -> ImageFont.FreeTypeFont:
    data = (files("cmo.ingest") / "fonts" / "DejaVuSansMono.ttf").read_bytes()
    return ImageFont.truetype(BytesIO(data), size)
