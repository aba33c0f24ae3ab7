"""A page of a PDF as a picture, with the places of a sentence marked as if with a highlighter."""

from __future__ import annotations

import io
import math
from collections.abc import Sequence
from pathlib import Path

import orjson
import pypdfium2 as engine
from PIL import Image, ImageChops

from cmo.errors import NotFound, PaperRefused
from cmo.model.outcomes import Refusal
from cmo.model.papers import Box

_MARKER = (255, 236, 110)
"""Multiplied with the page, so that the letters below stay black."""
_MARGIN = 1.0
"""Points that a mark reaches beyond its box."""
_MOST_PIXELS = 25_000_000
"""A page that would be larger is drawn smaller: a hostile file may claim a page of a square kilometre."""


def render_page(pdf: bytes | Path, page: int, boxes: Sequence[Box], *, scale: float) -> bytes:
    """PNG of a page (1-based), `scale` pixels a point, with those of the boxes marked that lie on it.

    Raises `NotFound` for a page that the file does not have, `PaperRefused` if it cannot be opened.
    """
    try:
        document = engine.PdfDocument(pdf)
    except (engine.PdfiumError, OSError) as error:
        raise PaperRefused(
            Refusal.UNREADABLE, "The stored file of this paper cannot be opened.", "Add the paper again."
        ) from error
    try:
        if not 1 <= page <= len(document):
            raise NotFound(f"There is no page {page}: the paper has {len(document)}.")
        sheet = document[page - 1]
        width, height = sheet.get_size()
        factor = min(scale, math.sqrt(_MOST_PIXELS / max(width * height, 1.0)))
        image: Image.Image = sheet.render(scale=factor).to_pil().convert("RGB")
    finally:
        document.close()
    for box in boxes:
        if box.page == page:
            _mark(image, box, factor)
    out = io.BytesIO()
    image.save(out, "PNG", compress_level=1)
    return out.getvalue()


def draw_one(path: Path, _: int, order: bytes) -> bytes:
    """What `Drawer` orders of its worker: page, boxes and scale.

    Raises:
        PaperRefused: the file cannot be opened, or has no such page.
    """
    page, boxes, scale = orjson.loads(order)
    try:
        return render_page(path, page, [Box(*box) for box in boxes], scale=scale)
    except NotFound as error:
        raise PaperRefused(Refusal.UNREADABLE, str(error), "Add the paper again.") from error


def _mark(image: Image.Image, box: Box, factor: float) -> None:
    corners = (
        max(0, math.floor((box.x0 - _MARGIN) * factor)),
        max(0, math.floor((box.y0 - _MARGIN) * factor)),
        min(image.width, math.ceil((box.x1 + _MARGIN) * factor)),
        min(image.height, math.ceil((box.y1 + _MARGIN) * factor)),
    )
    if corners[0] >= corners[2] or corners[1] >= corners[3]:
        return
    part = image.crop(corners)
    image.paste(ImageChops.multiply(part, Image.new("RGB", part.size, _MARKER)), corners)
