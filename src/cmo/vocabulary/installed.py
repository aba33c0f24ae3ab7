"""The vocabularies of one knowledge base: installed whole or not at all, and put together.

::

    official files --(download), reader, sift--> home/vocabulary/.staged-…/ --rename--> home/vocabulary/<name>/
    starter, then the installed ones in the order of trust --merge--> concepts, curated edges

Nothing is kept of the files themselves. Writers take turns; readers need not wait for them.
"""

from __future__ import annotations

import shutil
import tempfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from cmo.errors import NotFound, VocabularyCorrupt, VocabularyError
from cmo.kit.files import exclusive, full_disk_is_store_full, sync_folder
from cmo.kit.hashing import hex_hash
from cmo.model.concepts import Concept
from cmo.vocabulary.finding import find
from cmo.vocabulary.merge import Merged, Vocabulary, merge
from cmo.vocabulary.normal import MANIFEST, Manifest, check, load, load_manifest, write, write_manifest
from cmo.vocabulary.sources.catalog import Source, catalog, source
from cmo.vocabulary.sources.notes import Notes
from cmo.vocabulary.sources.sift import Sifted, sift
from cmo.vocabulary.starter import LICENCE, starter, starter_digest
from cmo.vocabulary.starter import NAME as STARTER

Progress = Callable[[str, int], None]
"""Called with what is being done, and how much of it so far: items, or bytes."""
_STAGED, _OLD = ".staged-", "old"


@dataclass(frozen=True, slots=True)
class Listed:
    """A line of `cmo vocab list`."""

    name: str
    title: str
    licence: str
    installed: bool
    version: str = ""
    concepts: int = 0
    edges: int = 0
    problems: int = 0
    """What was wrong with parts of its files; its manifest tells where."""


def silent(_what: str, _count: int) -> None:
    """Tell nobody."""


class Vocabularies:
    """The vocabularies in ``<home>/vocabulary``. Cheap to make; nothing is read before it is asked for."""

    def __init__(self, home: Path) -> None:
        self.folder = home / "vocabulary"

    def listed(self) -> list[Listed]:
        """The starter vocabulary and those that can be installed, in the order of trust.

        Raises:
            VocabularyCorrupt: the manifest of an installed one cannot be read.
        """
        ours = Listed(
            STARTER, "What papers on clinical metabolomics name most", LICENCE, installed=True, concepts=len(starter())
        )
        return [ours, *map(self._listed, catalog().values())]

    def install(self, name: str, files: Path | None = None, *, progress: Progress = silent) -> Manifest:
        """Read a vocabulary from files of its project and keep it; one that is there is replaced when all is well.

        Args:
            name: of `catalog()`.
            files: a file, or the folder that holds them; without it they are downloaded where that can be done.
            progress: told what happens.

        Raises:
            NotFound: there is no vocabulary of this name.
            VocabularyError: the files are not what they should be, or nothing can be read from them.
            StoreFull: the disk is full; what was installed before is as it was.
        """
        origin = source(name)
        if files is not None:
            return self._install(origin, files, progress)
        from cmo.vocabulary.sources.download import fetch  # noqa: PLC0415 - loads httpx, which only downloading needs

        with full_disk_is_store_full(self.folder), tempfile.TemporaryDirectory() as folder:
            fetch(origin, Path(folder), progress)
            return self._install(origin, Path(folder), progress)

    def remove(self, name: str) -> None:
        """Remove an installed vocabulary; a damaged one as well.

        Raises:
            NotFound: it is not installed.
        """
        folder = self.folder / source(name).name
        with self._writing():
            if not folder.is_dir():
                raise NotFound(f"{name} is not installed in {self.folder.parent}. `cmo vocab list` shows what is.")
            with self._staged(name) as staged:
                folder.rename(staged.parent / _OLD)  # gone at once for every reader, then swept
                sync_folder(self.folder)

    def installed(self) -> tuple[Manifest, ...]:
        """Manifests of the installed vocabularies, in the order of trust.

        Raises:
            VocabularyCorrupt: one cannot be read.
        """
        return tuple(load_manifest(self.folder / name) for name in catalog() if (self.folder / name).is_dir())

    def verify(self) -> list[str]:
        """What is damaged, as sentences; empty if all is sound."""
        faults: list[str] = []
        for name in catalog():
            if (self.folder / name).is_dir():
                try:
                    check(self.folder / name)
                except VocabularyCorrupt as error:
                    faults.append(str(error))
        return faults

    @property
    def digest(self) -> str:
        """Changes whenever a concept or an edge of any vocabulary does, the starter's included; reads manifests only.

        Raises:
            VocabularyCorrupt: a manifest cannot be read.
        """
        sums = [f"{m.name} {name} {sha256}" for m in self.installed() for name, sha256 in sorted(m.sha256.items())]
        return hex_hash(f"{STARTER} {starter_digest()}", *sums)

    def merged(self) -> Merged:
        """All concepts, each under one id, and all curated edges between them.

        Raises:
            VocabularyCorrupt: an installed one does not match its checksums.
        """
        installed = [load(self.folder / manifest.name) for manifest in self.installed()]
        return merge([Vocabulary(STARTER, starter()), *installed])

    def apart(self, name: str) -> list[str]:
        """What of a vocabulary stays beside a concept with which it shares an identifier, as sentences.

        Raises:
            VocabularyCorrupt: an installed one does not match its checksums.
        """
        return [str(pair) for pair in self.merged().apart if name in pair.vocabularies]

    def find(self, wanted: str) -> tuple[Concept, ...]:
        """Concepts that have an id, an identifier elsewhere with or without its source, or else a name; the best first.

        Raises:
            VocabularyCorrupt: an installed one does not match its checksums.
        """
        return find(self.merged().concepts, wanted)

    def _listed(self, origin: Source) -> Listed:
        if not (self.folder / origin.name).is_dir():
            return Listed(origin.name, origin.title, origin.licence, installed=False)
        m = load_manifest(self.folder / origin.name)
        return Listed(
            m.name, m.title, m.licence, installed=True, version=m.version, concepts=m.concepts, edges=m.edges,
            problems=sum(m.problems.values()),
        )  # fmt: skip

    def _install(self, origin: Source, files: Path, progress: Progress) -> Manifest:
        if not files.exists():
            raise VocabularyError(f"There is no {files}. Name a file or folder with {', or '.join(origin.files)}.")
        notes = Notes()
        sifted = sift(origin.read(files, notes), notes, lambda count: progress("reading", count))
        if not sifted.concepts:
            raise VocabularyError(f"{files} holds no concept of {origin.title}. {_first(notes)}".rstrip())
        progress("writing", len(sifted.concepts))
        with self._writing(), self._staged(origin.name) as staged:
            manifest = _manifest(origin, files, sifted, notes, write(staged, sifted.concepts, sifted.edges))
            write_manifest(staged, manifest)
            self._swap(staged, self.folder / origin.name)
        return manifest

    @contextmanager
    def _writing(self) -> Iterator[None]:
        with full_disk_is_store_full(self.folder), exclusive(self.folder / ".lock", "cmo vocab", wait=True):
            yield

    @contextmanager
    def _staged(self, name: str) -> Iterator[Path]:
        """An empty folder beside the final one."""
        self._sweep()
        outer = Path(tempfile.mkdtemp(prefix=_STAGED, dir=self.folder))
        try:
            inner = outer / name
            inner.mkdir()
            yield inner
        finally:
            shutil.rmtree(outer, ignore_errors=True)

    def _sweep(self) -> None:
        """Remove what a killed writer left; what it had written and only not yet put in place is put there."""
        for left in self.folder.glob(f"{_STAGED}*"):
            for manifest in left.glob(f"*/{MANIFEST}") if (left / _OLD).exists() else ():
                if manifest.parent.name != _OLD and not (self.folder / manifest.parent.name).exists():
                    manifest.parent.rename(self.folder / manifest.parent.name)
            shutil.rmtree(left, ignore_errors=True)

    def _swap(self, staged: Path, folder: Path) -> None:
        """Put a folder in another's place. Whoever has the old one open keeps its files."""
        if folder.exists():
            folder.rename(staged.parent / _OLD)
        staged.rename(folder)
        sync_folder(self.folder)


def _manifest(origin: Source, files: Path, sifted: Sifted, notes: Notes, sums: dict[str, str]) -> Manifest:
    read = sorted(p.name for p in files.iterdir() if p.is_file()) if files.is_dir() else [files.name]
    return Manifest(
        origin.name, origin.title, origin.project, origin.licence, notes.version, tuple(read),
        len(sifted.concepts), len(sifted.edges), {str(p): n for p, n in notes.counts.items()},
        tuple(f"{problem}: {place}" for problem, places in notes.places.items() for place in places), sums,
    )  # fmt: skip


def _first(notes: Notes) -> str:
    return next((f"The first of {sum(notes.counts.values())} problems: {p[0]}." for p in notes.places.values()), "")
