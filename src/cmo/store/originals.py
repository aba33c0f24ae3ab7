"""The files themselves, kept by their SHA-256, so that a page can be shown when the folder they came from has moved."""

from __future__ import annotations

import shutil
from collections.abc import Iterable
from pathlib import Path

from cmo.errors import NotFound
from cmo.kit.files import full_disk_is_store_full, sha256_file, sync_file, sync_folder
from cmo.model.papers import Format, PaperRef

_SUFFIX = {Format.PDF: ".pdf", Format.JATS: ".xml", Format.MARKDOWN: ".md", Format.TEXT: ".txt"}


class Originals:
    """A folder of files named by their content."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder

    def keep(self, source: Path, sha256: str, kind: Format) -> None:
        """Copy a file in; nothing happens if it is there already."""
        target = self._place(sha256, kind)
        if target.exists():
            return
        with full_disk_is_store_full(self._folder):
            target.parent.mkdir(parents=True, exist_ok=True)
            temporary = target.with_suffix(".tmp")
            try:
                shutil.copyfile(source, temporary)
                sync_file(temporary)
                temporary.replace(target)
            finally:
                temporary.unlink(missing_ok=True)
            sync_folder(target.parent)
            sync_folder(self._folder)

    def path(self, ref: PaperRef) -> Path:
        """Where the file of a version is.

        Raises:
            NotFound: it is not kept.
        """
        place = self._place(ref.sha256, ref.format)
        if not place.exists():
            raise NotFound(f"The file of {ref.source} is not kept any more. Ingest it again to see its pages.")
        return place

    def faults(self, refs: Iterable[PaperRef]) -> list[str]:
        """What is wrong with the files whose pages are drawn; pages of texts are drawn from the record."""
        return [fault for ref in refs if ref.format is Format.PDF and (fault := self._fault(ref))]

    def remove(self, ref: PaperRef) -> None:
        """Forget the file of a version."""
        self._place(ref.sha256, ref.format).unlink(missing_ok=True)

    def _place(self, sha256: str, kind: Format) -> Path:
        return self._folder / sha256[:2] / f"{sha256}{_SUFFIX[kind]}"

    def _fault(self, ref: PaperRef) -> str:
        place, again = self._place(ref.sha256, ref.format), f"Run `cmo ingest` on {ref.source} again."
        if not place.exists():
            return f"The file of {ref.source} is not kept any more, so that its pages cannot be shown. {again}"
        if sha256_file(place) != ref.sha256:
            return f"{place} is not the file that was ingested. Remove it. {again}"
        return ""
