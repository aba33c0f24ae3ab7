"""Which files of a folder are papers."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path

from cmo.errors import NotFound

SUFFIXES = frozenset({".pdf", ".xml", ".nxml", ".md", ".markdown", ".txt", ".text"})
_ABOUT = frozenset({"readme", "licence", "license", "provenance", "changelog", "contributing"})
"""Names of files that tell of a folder rather than of science."""


def find_papers(roots: Sequence[Path], *, every_file: bool = False) -> Iterator[Path]:
    """Files of the known kinds below folders; a file that is named is taken as it is.

    A folder that cannot be read comes as itself.

    Raises:
        NotFound: a root does not exist.
    """
    for root in roots:
        if root.is_file():
            yield root
        elif not root.is_dir():
            raise NotFound(f"{root} does not exist.")
        else:
            yield from (p for p in _walk(root) if every_file or p.is_dir() or _is_paper(p))


def _walk(folder: Path) -> Iterator[Path]:
    try:
        entries = sorted(folder.iterdir())
    except OSError:  # handed on, so that it is refused like a file that cannot be read
        yield folder
        return
    for entry in entries:
        if entry.name.startswith("."):
            continue
        if entry.is_dir():
            yield from _walk(entry)
        elif entry.is_file():
            yield entry


def _is_paper(path: Path) -> bool:
    name = Path(path.stem) if path.suffix.lower() == ".gz" else path
    return name.suffix.lower() in SUFFIXES and name.stem.casefold() not in _ABOUT
