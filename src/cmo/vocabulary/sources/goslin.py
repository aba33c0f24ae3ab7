"""Goslin: classes of lipids and lipid mediators, by the shorthand that papers use.

::

    lipid-list.csv           class, category, description, numbers …, synonym, synonym, …
    trivial_mediators.csv    mediator <tab> double bonds (no header); beside it, if it is there
"""

from __future__ import annotations

import csv
from collections.abc import Iterator
from pathlib import Path

from cmo.errors import VocabularyError
from cmo.model.concepts import Concept, Kind
from cmo.vocabulary.sources.notes import Notes, Problem
from cmo.vocabulary.sources.rows import Item, found, headless, lines, needed

_HEADER = ("Lipid name", "Lipid category", "Lipid description")
_SYNONYMS = 7
"""Column of the first synonym."""
_ANY = frozenset({"FA", "GL", "GP", "SP", "ST", "PK", "SL", "UNDEFINED", "PR"})


def read(path: Path, notes: Notes) -> Iterator[Item]:
    """Classes and mediators.

    Raises:
        VocabularyError: there is no list of lipids, or it is another file of this name.
    """
    classes = needed(path, "lipid-list.csv")
    _, first = next(lines(classes), (1, ""))
    if tuple(next(csv.reader([first]), ())[:3]) != _HEADER:
        raise VocabularyError(f"{classes} does not begin with {', '.join(_HEADER)}: it is no list of lipids by Goslin.")
    seen: set[str] = set()
    for where, row in headless(classes, 3, notes, comma=","):
        name, category = row[0].strip(), row[1].strip()
        if name == _HEADER[0]:
            continue
        if not name or category not in _ANY:
            notes.wrong(Problem.BAD_ROW, where, f"{category!r} is no category of lipids")
            continue
        seen.add(name)
        synonyms = dict.fromkeys(s for cell in row[_SYNONYMS:] if (s := cell.strip()) and s != name)
        yield where, Concept(f"GOSLIN:{name}", name, Kind.LIPID, tuple(synonyms))
    if mediators := found(classes.parent, "trivial_mediators.csv"):
        for where, row in headless(mediators, 2, notes):
            if row[0] and row[0] not in seen:
                seen.add(row[0])
                yield where, Concept(f"GOSLIN:{row[0]}", row[0], Kind.LIPID)
