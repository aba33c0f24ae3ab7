"""Markdown to a paper: headings give sections, front matter gives the facts.

Code is left out, a link is its text, a picture is its description as a caption. Everything is read as CommonMark with
tables, by markdown-it-py.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from itertools import pairwise
from pathlib import Path

from markdown_it import MarkdownIt
from markdown_it.token import Token

from cmo.errors import PaperRefused
from cmo.ingest import files
from cmo.ingest.blocks import Block, assemble, clean
from cmo.ingest.captions import role_of
from cmo.ingest.encoding import decode
from cmo.ingest.front_matter import metadata_of, parted
from cmo.ingest.outline import Outline
from cmo.model.outcomes import Refusal
from cmo.model.papers import Format, Metadata, ParsedPaper, Role, Section

__all__ = ["MarkdownParser"]

MAX_NESTING = 60
"""Quotes and lists within one another; deeper ones are read as text."""


class MarkdownParser:
    """CommonMark files with tables and YAML front matter."""

    def parse(self, path: Path, max_bytes: int = files.MAX_BYTES) -> ParsedPaper:
        """Read the file. Raises `PaperRefused`."""
        text = decode(files.read(path, max_bytes), path.name)
        if not text.strip():
            raise PaperRefused(Refusal.EMPTY, f"{path.name} holds only white space.", "Add a file with text in it.")
        front, body = parted(text)
        reader = MarkdownIt("commonmark", {"maxNesting": MAX_NESTING}).enable("table")
        tokens = reader.parse(body)
        metadata = metadata_of(front, _first_title(tokens))
        return assemble(Format.MARKDOWN, _Document(tokens, metadata).blocks(), metadata, path.name)


def _first_title(tokens: Sequence[Token]) -> str:
    """The first heading if it is of the highest level."""
    for opening, inline in pairwise(tokens):
        if opening.type == "heading_open":
            return _plain(inline) if opening.tag == "h1" else ""
    return ""


class _Document:
    """Walks the tokens of a document once."""

    def __init__(self, tokens: Sequence[Token], metadata: Metadata) -> None:
        self._tokens = tokens
        self._metadata = metadata
        self._outline = Outline()

    def blocks(self) -> Iterator[Block]:
        """Title, authors, then everything in reading order."""
        title = self._metadata.title
        yield Block(title, Role.HEADING, Section.TITLE, title)
        yield Block(", ".join(self._metadata.authors), Role.FRONT, Section.TITLE)
        rows: list[str] = []
        for at, token in enumerate(self._tokens):
            match token.type:
                case "heading_open":
                    yield from self._heading(int(token.tag[1]), _plain(self._tokens[at + 1]))
                case "paragraph_open":
                    yield self._paragraph(self._tokens[at + 1])
                case "tr_open":
                    rows.append(" | ".join(self._cells(at)))
                case "table_close":
                    yield Block("\n".join(rows), Role.TABLE, self._outline.section, self._outline.heading)
                    rows = []
                case _:
                    pass

    def _heading(self, level: int, heading: str) -> Iterator[Block]:
        if level == 1 and heading == self._metadata.title:
            return
        if heading:
            yield Block(heading, Role.HEADING, self._outline.enter(level, heading), heading)

    def _paragraph(self, inline: Token) -> Block:
        text = _plain(inline)
        if self._outline.section is Section.REFERENCES:
            role = Role.REFERENCE
        elif all(child.type == "image" or not child.content.strip() for child in inline.children or ()):
            role = Role.CAPTION
        else:
            role = role_of(text)
        return Block(text, role, self._outline.section, self._outline.heading)

    def _cells(self, row: int) -> Iterator[str]:
        for at in range(row, len(self._tokens)):
            match self._tokens[at].type:
                case "th_open" | "td_open":
                    yield _plain(self._tokens[at + 1])
                case "tr_close":
                    return
                case _:
                    pass


def _plain(inline: Token) -> str:
    """The text of a line of Markdown without its marks."""
    return clean("".join(_text_of(child) for child in inline.children or ()))


def _text_of(token: Token) -> str:
    match token.type:
        case "softbreak" | "hardbreak":
            return " "
        case "html_inline":
            return " " if re.match(r"<br\b", token.content, re.IGNORECASE) else ""
        case "image":
            return "".join(_text_of(child) for child in token.children or ())
        case _:
            return token.content
