"""The words side: BM25 over stems with tantivy, to find candidates.

Each row is one document: the stems of the paper's title and of the chunk's text. Deleted rows are not removed here; the snapshot
masks them, so this index too only ever grows.
"""

from __future__ import annotations

import errno
import os
import shutil
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from functools import cache
from pathlib import Path

import numpy as np
import tantivy

from cmo.errors import SnapshotCorrupt
from cmo.model.hits import Hits

_ANALYZER = "stems"
_HEAP_BYTES = 64_000_000
_STEMS, _ROW = "stems", "row"


class WordsWriter:
    """Adds rows to the words index in a folder. Nothing is visible before `commit`."""

    def __init__(self, folder: Path) -> None:
        folder.mkdir(parents=True, exist_ok=True)
        with _full_disk_is_os_error():
            self._index = _open(folder)
            self._writer = self._index.writer(_HEAP_BYTES, num_threads=1)

    def add(self, row: int, stems: Iterable[str]) -> None:
        """Add one row."""
        document = tantivy.Document()
        document.add_unsigned(_ROW, row)
        document.add_text(_STEMS, " ".join(stems))
        with _full_disk_is_os_error():
            self._writer.add_document(document)

    def commit(self) -> None:
        """Make the rows durable and wait for merges, so that no thread touches the folder afterwards."""
        with _full_disk_is_os_error():
            self._writer.commit()
            self._writer.wait_merging_threads()


class Words:
    """Searches a committed words index."""

    def __init__(self, folder: Path) -> None:
        if not (folder / "meta.json").exists():
            raise SnapshotCorrupt(f"{folder} holds no words index. Run `cmo kb rebuild`.")
        try:
            self._index = _open(folder)
        except ValueError as error:
            raise SnapshotCorrupt(f"{folder} cannot be read: {error}. Run `cmo kb rebuild`.") from error
        self._index.config_reader(reload_policy="manual")  # it never changes, so no thread needs to watch it
        self._schema = _schema()
        self._searcher = self._index.searcher()

    def search(self, stems: Sequence[str], limit: int) -> Hits:
        """Rows that hold any of some stems by BM25, best first."""
        if not stems or limit <= 0:
            return Hits.none()
        terms = [tantivy.Query.term_query(self._schema, _STEMS, stem, "freq") for stem in dict.fromkeys(stems)]
        query = tantivy.Query.boolean_query([(tantivy.Occur.Should, term) for term in terms])
        with _damage_is_corrupt():
            found = self._searcher.search(query, limit, count=False).hits
            rows = self._searcher.fast_field_values(_ROW, [address for _, address in found])
        return Hits(np.array(rows, dtype=np.int64), np.array([score for score, _ in found], dtype=np.float32))

    def document_frequency(self, stem: str) -> int:
        """In how many rows a stem occurs."""
        with _damage_is_corrupt():
            return int(self._searcher.doc_freq(_STEMS, stem))


def link_or_copy(source: Path, target: Path) -> None:
    """A second name for each file of a committed index; tantivy never changes a file that it has written.

    ``meta.json`` and the lock files are copied: they are replaced or locked in place.
    """
    target.mkdir(parents=True)
    for file in source.iterdir():
        if file.name.endswith(".lock"):
            continue
        if file.suffix == ".json":
            shutil.copy2(file, target / file.name)
            continue
        link_or_copy_file(file, target / file.name)


def link_or_copy_file(source: Path, target: Path) -> None:
    """A second name for a file that is never changed."""
    try:
        os.link(source, target)
    except OSError:  # a file system without hard links
        shutil.copy2(source, target)


@cache
def _schema() -> tantivy.Schema:
    builder = tantivy.SchemaBuilder()
    builder.add_unsigned_field(_ROW, fast=True)
    builder.add_text_field(_STEMS, tokenizer_name=_ANALYZER, index_option="freq")
    return builder.build()


@cache
def _analyzer() -> tantivy.TextAnalyzer:
    """Stems come ready made (`cmo.index.lexicon`)."""
    return tantivy.TextAnalyzerBuilder(tantivy.Tokenizer.whitespace()).build()


@contextmanager
def _damage_is_corrupt() -> Iterator[None]:
    try:
        yield
    except ValueError as error:
        raise SnapshotCorrupt(f"The words index cannot be read: {error}. Run `cmo kb rebuild`.") from error


@contextmanager
def _full_disk_is_os_error() -> Iterator[None]:
    """Tantivy wraps what the operating system says into a ValueError."""
    try:
        yield
    except ValueError as error:
        if "os error 28" in str(error) or "os error 122" in str(error):
            raise OSError(errno.ENOSPC, str(error)) from error
        raise


def _open(folder: Path) -> tantivy.Index:
    index = tantivy.Index(_schema(), path=str(folder))
    index.register_tokenizer(_ANALYZER, _analyzer())
    return index
