"""Plain text to a paper.

Plain text marks nothing, so headings are guessed, and only where the guess is safe: a short line alone that names a
section of an article, is numbered, underlined or in capitals. Everything else is prose.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path

from cmo.errors import PaperRefused
from cmo.ingest import files
from cmo.ingest.blocks import Block, assemble, clean
from cmo.ingest.captions import role_of
from cmo.ingest.encoding import decode
from cmo.ingest.outline import Outline
from cmo.ingest.sections import section_named
from cmo.model.outcomes import Refusal
from cmo.model.papers import Format, Metadata, ParsedPaper, Role, Section

_HEADING_CHARS, _HEADING_WORDS = 80, 10
_SECTION_WORDS, _SECTION_WORDS_RUN_IN = 5, 3
"""Words of a line that names a section: on a line alone, and right above its paragraph."""
_TITLE_CHARS, _TITLE_WORDS = 300, 2
_UNWRAPPED_CHARS = 120
"""Lines longer than this are whole paragraphs, one a line."""
_FRONT_PARAGRAPHS = 12
"""How far below the title the labelled facts (DOI, authors ...) are looked for."""
_NUMBER = re.compile(r"(\d{1,2}(?:\.\d{1,2})*)[.)]?\s+[A-Z]")
_UNDERLINE = re.compile(r"[=\-~*_]{3,}")
_FACT = re.compile(r"(doi|pmid|authors?|year|published|journal|licen[cs]e|title)\s*:\s*(.+)", re.IGNORECASE)
_DOI = re.compile(r"10\.\d{4,9}/[^\s\"<>]+")
_YEAR = re.compile(r"\b(19|20)\d\d\b")


class TextParser:
    """Plain text files."""

    def parse(self, path: Path, max_bytes: int = files.MAX_BYTES) -> ParsedPaper:
        """Read the file. Raises `PaperRefused`."""
        text = decode(files.read(path, max_bytes), path.name)
        paragraphs = list(_paragraphs(text))
        if not paragraphs:
            raise PaperRefused(Refusal.EMPTY, f"{path.name} holds only white space.", "Add a file with text in it.")
        title = _title(paragraphs)
        rest = paragraphs[1:] if title else paragraphs
        facts, body = _facts(rest)
        return assemble(Format.TEXT, _blocks(title, facts, body), _metadata(title, facts), path.name)


def _paragraphs(text: str) -> Iterator[list[str]]:
    """Runs of lines between blank lines; a long line is a paragraph by itself."""
    for part in re.split(r"\n[ \t]*(?:\n[ \t]*)+|\f", text.replace("\r\n", "\n").replace("\r", "\n")):
        lines = [line for line in part.split("\n") if line.strip()]
        if any(len(line) > _UNWRAPPED_CHARS for line in lines):
            yield from ([line] for line in lines)
        elif lines:
            yield lines


def _title(paragraphs: list[list[str]]) -> str:
    """The first paragraph if it reads like a title, else nothing."""
    first = clean(" ".join(line for line in paragraphs[0] if not _UNDERLINE.fullmatch(line.strip())))
    words = len(first.split())
    plausible = (
        len(paragraphs) > 1
        and len(first) <= _TITLE_CHARS
        and words >= _TITLE_WORDS
        and not first.endswith((".", ";", ",", ":"))
        and not _FACT.match(first)
        and (section_named(first) is None or words > _SECTION_WORDS)
    )
    return first if plausible else ""


def _facts(paragraphs: list[list[str]]) -> tuple[list[tuple[str, str]], list[list[str]]]:
    """Labelled lines ("DOI: ...") near the top, and the paragraphs without them."""
    facts: list[tuple[str, str]] = []
    body: list[list[str]] = []
    for number, lines in enumerate(paragraphs):
        matches = [_FACT.fullmatch(line.strip()) for line in lines]
        if number < _FRONT_PARAGRAPHS and all(matches):
            facts.extend((m[1].lower(), clean(m[2])) for m in matches if m)
        else:
            body.append(lines)
    return facts, body


def _metadata(title: str, facts: list[tuple[str, str]]) -> Metadata:
    said = dict(facts)
    doi = _DOI.search(said.get("doi", "").lower())
    year = _YEAR.search(said.get("year") or said.get("published", ""))
    authors = said.get("authors") or said.get("author", "")
    return Metadata(
        title=said.get("title") or title,
        authors=tuple(clean(a) for a in re.split(r";|,| and ", authors) if a.strip()),
        doi=doi.group().rstrip(".,;)") if doi else "",
        pmid="".join(re.findall(r"\d+", said.get("pmid", ""))[:1]),
        year=int(year.group()) if year else None,
        journal=said.get("journal", ""),
        licence=said.get("license") or said.get("licence", ""),
    )


def _blocks(title: str, facts: list[tuple[str, str]], body: list[list[str]]) -> Iterator[Block]:
    yield Block(title, Role.HEADING, Section.TITLE, title)
    for label, value in facts:
        yield Block(f"{label}: {value}", Role.FRONT, Section.TITLE)
    outline = Outline()
    for lines in body:
        level, taken = _heading(lines, outline.section)
        if taken:
            heading = clean(lines[0])
            yield Block(heading, Role.HEADING, outline.enter(level, heading), heading)
        yield from _prose(lines[taken:], outline)


def _prose(lines: list[str], outline: Outline) -> Iterator[Block]:
    if outline.section is Section.REFERENCES:
        yield Block(clean(" ".join(lines)), Role.REFERENCE, outline.section, outline.heading)
    else:
        text = _joined(lines)
        yield Block(text, role_of(text), outline.section, outline.heading)


def _joined(lines: list[str]) -> str:
    """Lines as one paragraph. A hyphen at a line's end stays, since "beta-" and "alanine" need theirs."""
    return clean(re.sub(r"(?<=\w)-\n(?=[a-z])(?!(?:and|or|to)\b)", "-", "\n".join(line.strip() for line in lines)))


def _heading(lines: list[str], within: Section) -> tuple[int, int]:
    """Level of the heading at the start of a paragraph and how many of its lines it takes; no lines if none.

    A heading that names a section is of the highest level; one that does not belongs below it.
    """
    first = clean(lines[0])
    underlined = len(lines) > 1 and bool(_UNDERLINE.fullmatch(lines[1].strip()))
    if not _short(first):
        return 0, 0
    number = _NUMBER.match(first)
    alone = len(lines) == 1 or underlined
    limit = _SECTION_WORDS if alone else _SECTION_WORDS_RUN_IN
    named = section_named(first) is not None and len(first.split()) <= limit + bool(number)
    if not (named or (alone and (underlined or number or first.isupper()))):
        return 0, 0
    if within is Section.REFERENCES and not named:
        return 0, 0
    top = named or within in {Section.ABSTRACT, Section.BACK}
    level = number[1].count(".") + 1 if number else (1 if top else 2)
    return level, 1 + underlined


def _short(line: str) -> bool:
    words = line.split()
    return len(line) <= _HEADING_CHARS and len(words) <= _HEADING_WORDS and not line.endswith((".", ",", ";", "?", "!"))
