"""Files on their way to the service: read as they are sent, with word of how far that is."""

from __future__ import annotations

import io
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import IO

Progress = Callable[[int, int], None]
"""Told of bytes sent so far, and of all there are to send."""


@dataclass(frozen=True, slots=True)
class File:
    """A file by its path, or by its name and bytes."""

    name: str
    content: bytes | Path

    @classmethod
    def of(cls, what: str | Path | File) -> File:
        """A file of a path."""
        return what if isinstance(what, File) else cls(Path(what).name, Path(what))

    @property
    def size(self) -> int:
        """In bytes."""
        return self.content.stat().st_size if isinstance(self.content, Path) else len(self.content)


class _Counted(io.RawIOBase):
    """Tells of what is read of it."""

    def __init__(self, source: IO[bytes], told: Callable[[int], None]) -> None:
        self._source = source
        self._told = told

    def read(self, size: int = -1) -> bytes:
        part = self._source.read(size)
        self._told(len(part))
        return part

    def seek(self, offset: int, whence: int = io.SEEK_SET) -> int:
        return self._source.seek(offset, whence)

    def tell(self) -> int:
        return self._source.tell()


@contextmanager
def form(files: Sequence[File], progress: Progress | None) -> Iterator[list[tuple[str, tuple[str, IO[bytes]]]]]:
    """The parts of a multipart form, open meanwhile; made anew for each attempt.

    Raises:
        OSError: a file cannot be read.
    """
    total, sent = sum(file.size for file in files), 0

    def told(some: int) -> None:
        nonlocal sent
        sent += some
        if progress is not None and some:
            progress(sent, total)

    with ExitStack() as stack:
        parts: list[tuple[str, tuple[str, IO[bytes]]]] = []
        for file in files:
            content = file.content
            opened = stack.enter_context(content.open("rb") if isinstance(content, Path) else io.BytesIO(content))
            parts.append(("files", (file.name, _Counted(opened, told))))  # type: ignore[arg-type]
        yield parts
