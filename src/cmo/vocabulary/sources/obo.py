"""OBO, the format of ontologies: stanzas of ``tag: value`` lines (OBO Flat File Format 1.4)."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path

from cmo.errors import VocabularyError
from cmo.vocabulary.sources.notes import Notes, Problem
from cmo.vocabulary.sources.rows import lines

Stanza = Mapping[str, Sequence[str]]
"""Values by tag, in the order of the file."""
_QUOTED = re.compile(r'"((?:[^"\\]|\\.)*)"\s*(\w*)\s*([\w:.]*)')
_ESCAPE = re.compile(r"\\(.)")


def terms(path: Path, notes: Notes) -> Iterator[tuple[str, Stanza]]:
    """The terms that are in use, each with its place; the version goes to the notes.

    Raises:
        VocabularyError: it is no OBO file.
    """
    header = True
    stanza: dict[str, list[str]] = {}
    start, kind = 0, ""
    for number, line in lines(path):
        if line.startswith("["):
            yield from _term(path, start, kind, stanza, notes)
            header, stanza, start, kind = False, {}, number, line.strip()
            continue
        tag, colon, value = line.partition(":")
        if number == 1 and tag != "format-version":
            raise VocabularyError(f"{path} is no OBO file: it begins with {line[:80]!r}, not with format-version.")
        if header and tag == "data-version":
            notes.version = value.strip()
        if colon and not header:
            stanza.setdefault(tag, []).append(value.strip())
    yield from _term(path, start, kind, stanza, notes)


def synonym(value: str) -> tuple[str, str, str]:
    """``"TMAO" RELATED ABBREVIATION [..]`` as text, scope and type; empty where it cannot be read."""
    match = _QUOTED.match(value)
    return (_unescaped(match[1]), match[2], match[3]) if match else ("", "", "")


def target(value: str) -> str:
    """``CHEBI:16449 {..} ! alanine`` as the id alone."""
    return value.split(" ", 1)[0]


def _term(path: Path, start: int, kind: str, stanza: Stanza, notes: Notes) -> Iterator[tuple[str, Stanza]]:
    if kind != "[Term]" or stanza.get("is_obsolete") == ["true"]:
        return
    where = f"{path.name}:{start}"
    if not stanza.get("id") or not stanza.get("name"):
        notes.wrong(Problem.BAD_ROW, where, "a term needs an id and a name")
    else:
        yield where, stanza


def _unescaped(text: str) -> str:
    return _ESCAPE.sub(r"\1", text)
