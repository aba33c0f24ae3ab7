"""Lines and rows of text files, gzipped or not, each with its place; what is not text is refused."""

from __future__ import annotations

import csv
import gzip
import zlib
from collections.abc import Iterator, Mapping, Sequence
from itertools import chain
from pathlib import Path

from cmo.errors import VocabularyError
from cmo.model.concepts import Concept, CuratedEdge
from cmo.vocabulary.sources.notes import Notes, Problem

Item = tuple[str, Concept | CuratedEdge]
"""What a reader yields: a place such as ``genes.tsv:17``, and what stands there."""
_GZIP = b"\x1f\x8b"
_LONGEST_FIELD = 10_000_000
"""Characters: the gene rules of a few reactions are longer than the csv module would take."""
csv.field_size_limit(_LONGEST_FIELD)


def lines(path: Path) -> Iterator[tuple[int, str]]:
    """Numbered lines of a text file, without their ends.

    Raises:
        VocabularyError: it cannot be opened, is cut short, or is not text.
    """
    try:
        with path.open("rb") as raw:
            file = gzip.open(raw) if raw.peek(2)[:2] == _GZIP else raw  # noqa: SIM115 - closed with `raw`
            for number, line in enumerate(file, 1):
                yield number, line.decode("utf-8-sig" if number == 1 else "utf-8").rstrip("\r\n")
    except (OSError, EOFError, zlib.error) as error:
        raise VocabularyError(f"{path} cannot be read: {error}. Download it again.") from error
    except UnicodeDecodeError as error:
        raise VocabularyError(
            f"{path} is not text in UTF-8: {error}. Name the file as its project offers it."
        ) from error


def table(path: Path, columns: Sequence[str], notes: Notes) -> Iterator[tuple[str, Mapping[str, str]]]:
    """Rows of a table with a header, by column; rows of another width are counted as bad.

    Raises:
        VocabularyError: the header lacks one of `columns`.
    """
    numbered = lines(path)
    _, first = next(numbered, (1, ""))
    comma = "\t" if "\t" in first else ","
    header = next(csv.reader([first], delimiter=comma), [])
    if missing := [name for name in columns if name not in header]:
        raise VocabularyError(f"{path} has no column {', '.join(missing)}; it begins with {first[:80]!r}.")
    for number, row in _rows(numbered, comma):
        where = f"{path.name}:{number}"
        if len(row) != len(header):
            notes.wrong(Problem.BAD_ROW, where, f"it has {len(row)} fields where the header has {len(header)}")
        else:
            yield where, dict(zip(header, row, strict=True))


def headless(path: Path, width: int, notes: Notes, *, comma: str = "\t") -> Iterator[tuple[str, Sequence[str]]]:
    """Rows of a table without a header that has at least `width` columns; others are counted as bad."""
    for number, row in _rows(lines(path), comma):
        where = f"{path.name}:{number}"
        if len(row) < width:
            notes.wrong(Problem.BAD_ROW, where, f"it has {len(row)} fields, not {width}")
        else:
            yield where, row


def found(path: Path, *names: str) -> Path | None:
    """The first of some files in a folder, gzipped or not; `path` itself if it is a file of one of these names."""
    wanted = tuple(chain.from_iterable((name, f"{name}.gz") for name in names))
    if path.is_file():
        return path if path.name in wanted else None
    return next((path / name for name in wanted if (path / name).is_file()), None)


def needed(path: Path, *names: str) -> Path:
    """The same, where there is no doing without it.

    Raises:
        VocabularyError: the folder has none of them.
    """
    file = found(path, *names)
    if file is None:
        raise VocabularyError(f"There is no {' or '.join(names)} (or .gz) at {path}. Name the folder that holds it.")
    return file


def split(text: str, mark: str = ";") -> tuple[str, ...]:
    """The parts of a field, without empty ones and repetitions."""
    return tuple(dict.fromkeys(part for piece in text.split(mark) if (part := piece.strip())))


def _rows(numbered: Iterator[tuple[int, str]], comma: str) -> Iterator[tuple[int, list[str]]]:
    """Rows with the line on which each ends. Line by line, so that a stray quote costs one row, not the file."""
    for number, line in numbered:
        if line:
            row = line.split("\t") if comma == "\t" and '"' not in line else next(csv.reader([line], delimiter=comma))
            yield number, row
