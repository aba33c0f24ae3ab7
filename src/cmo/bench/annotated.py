"""Texts in which people marked the names: PubTator and IOB files, also gzipped.

PubTator: ``id|t|title``, ``id|a|abstract``, then ``id<TAB>start<TAB>end<TAB>name<TAB>type<TAB>concept``; an empty
line ends a text. IOB: ``token<TAB>B-Type``, an empty line after each sentence; such files do not say where one text
ends, so every `SENTENCES` of them are one.
"""

from __future__ import annotations

import gzip
import re
import zlib
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final

from cmo.errors import BadData, NotFound
from cmo.model.concepts import Kind

SENTENCES = 8
CHEMICAL, DISEASE, GENE, SPECIES = "chemical", "disease", "gene", "species"
TYPES: Final = (CHEMICAL, DISEASE, GENE, SPECIES)
KINDS: Mapping[Kind, str] = {
    Kind.METABOLITE: CHEMICAL, Kind.LIPID: CHEMICAL, Kind.DRUG: CHEMICAL, Kind.DISEASE: DISEASE, Kind.GENE: GENE,
    Kind.ORGANISM: SPECIES,
}  # fmt: skip
_NAMES = {
    "Chemical": CHEMICAL, "ChemicalEntity": CHEMICAL, "Disease": DISEASE, "DiseaseOrPhenotypicFeature": DISEASE,
    "SpecificDisease": DISEASE, "DiseaseClass": DISEASE, "Modifier": DISEASE, "CompositeMention": DISEASE,
    "Gene": GENE, "GeneOrGeneProduct": GENE, "Species": SPECIES, "OrganismTaxon": SPECIES,
}  # fmt: skip
_SECTION = re.compile(r"(\d+)\|([ta])\|(.*)")
_PLACED = 5
_SHAPE = "ID, START, END, NAME, TYPE, CONCEPTS"
_NO_SPACE_BEFORE = frozenset(".,;:!?)]}%/-'’")
_NO_SPACE_AFTER = frozenset("([{/-'’")
_CONCEPTS = re.compile(r"[|,;+]")


@dataclass(frozen=True, slots=True)
class Gold:
    """A name as people marked it."""

    start: int
    end: int
    type: str
    """One of `TYPES`."""
    concepts: tuple[str, ...] = ()
    """Identifiers where the file gives any: ``MESH:D007024``, ``OMIM:142623``."""


@dataclass(frozen=True, slots=True)
class Annotated:
    """A text and its names."""

    name: str
    text: str
    gold: tuple[Gold, ...] = field(repr=False)


def read(path: Path) -> list[Annotated]:
    """Read a file in either format.

    Raises:
        NotFound: there is no such file.
        BadData: it is in neither format, or damaged; the message names the line.
    """
    if not path.is_file():
        raise NotFound(f"There is no file {path}.")
    try:
        opener = gzip.open if path.suffix == ".gz" else open
        with opener(path, "rt", encoding="utf-8") as file:
            lines = file.read().splitlines()
    except (OSError, EOFError, UnicodeDecodeError, zlib.error) as error:
        raise BadData(f"{path} cannot be read as text: {error}.") from error
    first = next((line for line in lines if line.strip()), "")
    found = list(_pubtator(path, lines) if _SECTION.match(first) else _iob(path, lines))
    if not found:
        raise BadData(f"{path} holds no text. It should be in PubTator's format or IOB.")
    return found


def _pubtator(path: Path, lines: Sequence[str]) -> Iterator[Annotated]:
    block: list[tuple[int, str]] = []
    for number, line in enumerate([*lines, ""], 1):
        if line.strip():
            block.append((number, line))
        elif block:
            yield _abstract(path, block)
            block = []


def _abstract(path: Path, block: Sequence[tuple[int, str]]) -> Annotated:
    parts, gold, name = {}, [], ""
    for number, line in block:
        if section := _SECTION.match(line):
            name, parts[section[2]] = section[1], section[3]
        elif (cells := line.split("\t")) and len(cells) >= _PLACED and cells[1].isdigit() and cells[2].isdigit():
            gold.append((number, cells))
        elif len(cells) < _PLACED - 1 or len(cells) > _PLACED:
            raise BadData(f"{path}, line {number}: {amiss(cells)}.")
    text = f"{parts.get('t', '')}\n{parts.get('a', '')}"
    found = (_gold(path, number, cells, text) for number, cells in gold)
    return Annotated(name, text, tuple(sorted((g for g in found if g), key=lambda g: (g.start, g.end))))


def amiss(cells: Sequence[str]) -> str:
    """What is wrong with a line of PubTator's that is neither a name nor a relation."""
    if len(cells) > _PLACED:
        return f"start and end of a name should be numbers, not {cells[1][:20]!r} and {cells[2][:20]!r}"
    if len(cells) > _PLACED - 1 and cells[1].isdigit():
        return f"a name has six columns, {_SHAPE}, the last of them - where nobody knows the concept; here are {len(cells)}"
    shown = "\t".join(cells)[:60]
    return f"neither a title, an abstract, a name ({_SHAPE}) nor a relation (ID, TYPE, CONCEPT, CONCEPT): {shown!r}"


def misplaced(text: str, start: int, end: int, name: str) -> str:
    """What is wrong with where a name is said to stand."""
    if not start < end:
        return f"a name should end behind its start, not at {end}, which begins at {start}"
    if end > len(text):
        return f"{name[:40]!r} should end at {end}, but title and abstract have {len(text)} characters"
    return f"the text has {text[start:end][:60]!r} at {start}-{end}, not {name[:60]!r}"


def _gold(path: Path, number: int, cells: Sequence[str], text: str) -> Gold | None:
    start, end, name, kind = int(cells[1]), int(cells[2]), cells[3], cells[4]
    if not start < end <= len(text) or text[start:end].split() != name.split():
        raise BadData(f"{path}, line {number}: {misplaced(text, start, end, name)}.")
    if kind not in _NAMES:
        return None
    return Gold(start, end, _NAMES[kind], _concepts(cells[_PLACED]) if len(cells) > _PLACED else ())


def _concepts(cell: str) -> tuple[str, ...]:
    """``D001943``, ``MESH:D001943``, ``OMIM:142623``: with a prefix each."""
    ids = (part.strip() for part in _CONCEPTS.split(cell))
    return tuple(i if ":" in i else f"MESH:{i}" for i in ids if i and i != "-")


def _iob(path: Path, lines: Sequence[str]) -> Iterator[Annotated]:
    sentences: list[list[tuple[str, str]]] = [[]]
    for number, line in enumerate(lines, 1):
        cells = line.split("\t")
        if not line.strip():
            sentences.append([])
        elif len(cells) < 2 or not (cells[-1] == "O" or cells[-1][:2] in {"B-", "I-"}):  # noqa: PLR2004 - word and label
            raise BadData(f"{path}, line {number}: not a token and its label (B-, I- or O): {line[:60]!r}.")
        else:
            sentences[-1].append((cells[0], cells[-1]))
    whole = [s for s in sentences if s]
    for place in range(0, len(whole), SENTENCES):
        yield _laid_out(f"{path.stem} {place}", whole[place : place + SENTENCES])


def _laid_out(name: str, sentences: Iterable[Sequence[tuple[str, str]]]) -> Annotated:
    """Tokens as running text, spaced as people write; the labels as spans."""
    text, gold = "", list[Gold]()
    for sentence in sentences:
        before = "\n"
        for token, label in sentence:
            spaced = token[0] not in _NO_SPACE_BEFORE and before[-1] not in _NO_SPACE_AFTER and before != "\n"
            text += " " * spaced
            start, kind = len(text), _NAMES.get(label[2:])
            text += token
            if label[:2] == "B-" and kind:
                gold.append(Gold(start, len(text), kind))
            elif label[:2] == "I-" and kind and gold:
                gold[-1] = Gold(gold[-1].start, len(text), kind)
            before = token
        text += "\n"
    return Annotated(name, text, tuple(gold))
