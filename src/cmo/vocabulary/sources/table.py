"""Our own format, in which the starter vocabulary is written and anybody can write theirs.

::

    name                    id           synonyms               xrefs                        parents
    trimethylamine N-oxide  CHEBI:15724  TMAO|trimethylamine …  HMDB:HMDB0000925|KEGG:C01104  CHEBI:…

Tab-separated, ``|`` between the parts of a field. The kind is that of a column ``kind``, or else of the file's name:
``metabolites.tsv``, ``genes.tsv``. An id is a CURIE, its part before the colon a source as in `Concept.xrefs`.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from pathlib import Path

from cmo.errors import VocabularyError
from cmo.model.concepts import Concept, Kind
from cmo.vocabulary.sources.notes import Notes, Problem
from cmo.vocabulary.sources.rows import Item, split, table

COLUMNS = ("name", "id", "synonyms", "xrefs", "parents")
_MARK = "|"
_KINDS = {kind.value: kind for kind in Kind}


def read(path: Path, notes: Notes) -> Iterator[Item]:
    """Concepts of a table, or of all tables in a folder.

    Raises:
        VocabularyError: a file is no such table.
    """
    files = [path] if path.is_file() else sorted(path.glob("*.tsv"))
    if not files:
        raise VocabularyError(f"There is no .tsv file in {path}.")
    for file in files:
        kind = _kind_of(file)
        for where, row in table(file, COLUMNS if kind else (*COLUMNS, "kind"), notes):
            concept = _concept(row, kind)
            if concept is None:
                notes.wrong(Problem.BAD_ROW, where, "it needs a name, an id such as CHEBI:15724, and a known kind")
            else:
                yield where, concept


def curies(text: str) -> Mapping[str, tuple[str, ...]]:
    """``HMDB:HMDB0000925|CHEBI:1|CHEBI:2`` by source."""
    found: dict[str, tuple[str, ...]] = {}
    for curie in split(text, _MARK):
        source, _, local = curie.partition(":")
        found[source] = (*found.get(source, ()), local)
    return found


def _concept(row: Mapping[str, str], kind: Kind | None) -> Concept | None:
    told = _KINDS.get(row.get("kind", kind or ""))
    if not row["name"] or ":" not in row["id"] or told is None:
        return None
    return Concept(
        row["id"], row["name"], told,
        split(row["synonyms"], _MARK), curies(row["xrefs"]), split(row["parents"], _MARK),
    )  # fmt: skip


def _kind_of(file: Path) -> Kind | None:
    return next((kind for kind in _KINDS.values() if file.name in {f"{kind}.tsv", f"{kind}s.tsv"}), None)
