"""Texts in which people marked how names are related: PubTator with relations, also gzipped.

``id|t|title``, ``id|a|abstract``, names as ``id<TAB>start<TAB>end<TAB>name<TAB>type<TAB>concepts``, relations as
``id<TAB>type<TAB>concept<TAB>concept``; an empty line ends a text.
"""

from __future__ import annotations

import gzip
import re
import zlib
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final

from cmo.bench.annotated import amiss, misplaced
from cmo.errors import BadData, NotFound
from cmo.ingest.sentences import split
from cmo.model.concepts import Kind, Mention
from cmo.relate.layout import Window

KINDS: Final[Mapping[str, Kind]] = {
    "ChemicalEntity": Kind.METABOLITE, "Chemical": Kind.METABOLITE, "DiseaseOrPhenotypicFeature": Kind.DISEASE,
    "Disease": Kind.DISEASE, "GeneOrGeneProduct": Kind.GENE, "Gene": Kind.GENE, "SequenceVariant": Kind.OTHER,
    "OrganismTaxon": Kind.ORGANISM, "Species": Kind.ORGANISM,
}  # fmt: skip
"""Names of other types are no concepts here."""
SIGNS: Final[Mapping[str, int]] = {"Positive_Correlation": 1, "Negative_Correlation": -1}
"""All other types of relation have no sign."""
_SECTION = re.compile(r"([^|\t]+)\|([ta])\|(.*)")
_NAME_CELLS, _RELATION_CELLS = 6, 4
_UNKNOWN = "-"


@dataclass(frozen=True, slots=True)
class Related:
    """A text, its names, and its related pairs."""

    name: str
    text: str = field(repr=False)
    title_ends: int
    mentions: tuple[Mention, ...] = field(repr=False)
    """By the ids of the file; a name that means several concepts stands once for each."""
    relations: Mapping[frozenset[str], int] = field(repr=False)
    """Pairs of two ids to their sign: 1, -1, or 0 for none."""

    def window(self, mentions: Sequence[Mention] | None = None) -> Window:
        """The text as it is read, with its own names or with others."""
        body = self.title_ends + 1
        spans = [(0, self.title_ends)] if self.title_ends else []
        spans += [(body + start, body + end) for start, end in split(self.text[body:])]
        return Window(self.text, spans, self.mentions if mentions is None else mentions, titled=self.title_ends > 0)


def read(path: Path) -> list[Related]:
    """Read a file.

    Raises:
        NotFound: there is no such file.
        BadData: it is damaged or marks no relation; the message names the line.
    """
    if not path.is_file():
        raise NotFound(f"There is no file {path}.")
    try:
        opener = gzip.open if path.suffix == ".gz" else open
        with opener(path, "rt", encoding="utf-8") as file:
            lines = file.read().split("\n")
    except (OSError, EOFError, UnicodeDecodeError, zlib.error) as error:
        raise BadData(f"{path} cannot be read as text: {error}.") from error
    found = [_text(path, block) for block in _blocks(lines)]
    if not any(text.relations for text in found):
        raise BadData(f"{path} marks no relation. It should be in PubTator's format, with lines of relations.")
    return found


def _blocks(lines: Sequence[str]) -> Iterator[list[tuple[int, str]]]:
    block: list[tuple[int, str]] = []
    for number, line in enumerate([*lines, ""], 1):
        if line.strip():
            block.append((number, line.rstrip("\r")))
        elif block:
            yield block
            block = []


def _text(path: Path, block: Sequence[tuple[int, str]]) -> Related:
    parts: dict[str, str] = {}
    rows: list[tuple[int, list[str]]] = []
    name = ""
    for number, line in block:
        if section := _SECTION.fullmatch(line):
            name, parts[section[2]] = section[1], section[3]
        else:
            rows.append((number, line.split("\t")))
    if not parts:
        raise BadData(f"{path}, line {block[0][0]}: a text should begin with its title, ID|t|TITLE.")
    text = f"{parts.get('t', '')}\n{parts.get('a', '')}"
    mentions: list[Mention] = []
    relations: dict[frozenset[str], int] = {}
    lines: dict[frozenset[str], int] = {}
    for number, cells in rows:
        where = f"{path}, line {number}"
        if len(cells) >= _NAME_CELLS and cells[1].isdigit() and cells[2].isdigit():
            mentions += _mentions(where, cells, text)
        elif len(cells) in {_RELATION_CELLS, _RELATION_CELLS + 1} and not cells[1].isdigit():
            pair = _pair(where, cells)
            if len(pair) > 1:
                relations[pair] = SIGNS.get(cells[1], 0)
                lines.setdefault(pair, number)
        else:
            raise BadData(f"{where}: {amiss(cells)}.")
        if cells[0] != name:
            raise BadData(
                f"{where}: it is of text {cells[0][:40]!r} and stands under {name!r}. An empty line ends a text."
            )
    _check(path, lines, name, mentions)
    mentions.sort(key=lambda m: (m.start, m.end))
    return Related(name, text, len(parts.get("t", "")), tuple(mentions), relations)


def _mentions(where: str, cells: Sequence[str], text: str) -> Iterator[Mention]:
    start, end, name, kind = int(cells[1]), int(cells[2]), cells[3], KINDS.get(cells[4])
    if not start < end <= len(text) or text[start:end] != name:
        raise BadData(f"{where}: {misplaced(text, start, end, name)}.")
    for concept in cells[5].split(","):
        if kind and concept not in {"", _UNKNOWN}:
            yield Mention(start, end, concept, kind, 1.0)


def _pair(where: str, cells: Sequence[str]) -> frozenset[str]:
    """Of one concept where it is said to be related to itself, as complexes of a protein with itself are."""
    if not (cells[2] and cells[3]):
        raise BadData(f"{where}: a relation needs two concepts: {cells[2]!r} and {cells[3]!r}.")
    return frozenset(cells[2:4])


def _check(path: Path, relations: Mapping[frozenset[str], int], name: str, mentions: Sequence[Mention]) -> None:
    """Refuse relations, by their lines, of concepts that the text does not name: nobody could find them."""
    known = {m.concept for m in mentions}
    for pair, line in relations.items():
        if missing := sorted(pair - known):
            raise BadData(f"{path}, line {line}: text {name} relates {missing[0]!r}, which it does not name.")
