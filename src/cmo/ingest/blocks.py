"""Blocks of text with their part in the article, and how a paper is made of them.

Every format that is text (JATS, Markdown, plain text) is read into blocks; here they become one string, sentences and
pages. PDF is not: there the pages come first.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterable, Iterator
from dataclasses import dataclass

from cmo.errors import PaperRefused
from cmo.ingest import captions, sentences
from cmo.ingest.pages import Setting
from cmo.model.outcomes import Refusal
from cmo.model.papers import CITABLE, Format, Metadata, ParsedPaper, Role, Section, Sentence

_UNPRINTABLE = re.compile(
    r"[\x00-\x08\x0e-\x1f\x7f-\x84\x86-\x9f\u00ad\u200b-\u200f\u202a-\u202e\u2060-\u206f\ufeff\ud800-\udfff]"
)


@dataclass(frozen=True, slots=True)
class Block:
    """A paragraph, heading, caption, reference or table (one row a line)."""

    text: str
    role: Role
    section: Section
    heading: str = ""
    """The nearest heading above it; a heading is its own."""


def clean(text: str) -> str:
    """Composed characters, single spaces, nothing invisible: soft hyphens, controls and direction marks are gone."""
    return " ".join(unicodedata.normalize("NFC", _UNPRINTABLE.sub("", text)).split())


def assemble(format: Format, blocks: Iterable[Block], metadata: Metadata, name: str) -> ParsedPaper:  # noqa: A002 - the field's name
    """A paper of these blocks, in their order. Raises `PaperRefused` (too-short) where nothing could be cited."""
    kept = [block for block in blocks if block.text]
    if not any(block.role in CITABLE for block in kept):
        detail = f"{name} holds no paragraph, caption or table to cite."
        raise PaperRefused(Refusal.TOO_SHORT, detail, "Add a file with the article's text.")
    text = "\n\n".join(block.text for block in kept)
    setting = Setting(text)
    return ParsedPaper(format, text, setting.pages, tuple(_sentences(kept, setting)), metadata)


def _sentences(blocks: Iterable[Block], setting: Setting) -> Iterator[Sentence]:
    at = 0
    for block in blocks:
        for first, last in _spans(block):
            boxes = setting.boxes(at + first, at + last)
            page = boxes[0].page if boxes else 1
            yield Sentence(at + first, at + last, page, block.section, block.heading, block.role, boxes)
        at += len(block.text) + 2


def _spans(block: Block) -> list[tuple[int, int]]:
    match block.role:
        case Role.PROSE:
            return sentences.split(block.text)
        case Role.CAPTION:
            return captions.split(block.text)
        case Role.TABLE:
            return [row.span() for row in re.finditer(r"[^\n]+", block.text)]
        case _:
            return [(0, len(block.text))]
