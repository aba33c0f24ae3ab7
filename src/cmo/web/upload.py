"""Uploads: files from a multipart body to disk, in bounded memory.

::

    chunks --gathered to a megabyte--> parser in a thread --> one file each, cut off at the limit

The parser writes as it reads, so neither a long file nor many of them are held in memory, and the event loop never
waits for the disk. A file that is too long is read to its end but no longer written: the others are not its fault.
"""

from __future__ import annotations

import re
from collections.abc import AsyncIterator, Callable
from dataclasses import dataclass, replace
from pathlib import Path, PurePosixPath, PureWindowsPath
from typing import IO

from python_multipart import MultipartParser
from python_multipart.exceptions import FormParserError
from python_multipart.multipart import parse_options_header
from starlette.exceptions import HTTPException

from cmo.kit.text import clean_line
from cmo.web.guard import Limits

_GATHER_BYTES = 1 << 20
_LONGEST_NAME = 100
_OTHER_PARTS = 50
"""Parts that are no files; none is expected, and none is kept."""
_UNSAFE = re.compile(r"[^\w .()+,&'-]")


@dataclass(frozen=True, slots=True)
class Received:
    """A file as it arrived."""

    path: Path
    size: int
    whole: bool = True
    """False if it was longer than may be."""

    @property
    def name(self) -> str:
        """A name that is safe to show and to store."""
        return self.path.name


class Intake:
    """Parses one multipart body and writes its files into a folder. Synchronous: feed it in a thread.

    Args:
        content_type: header of the request; says where parts begin.
        folder: an empty folder.
        limits: longest file, most files.
    """

    def __init__(self, content_type: str, folder: Path, limits: Limits) -> None:
        _, options = parse_options_header(content_type)
        boundary = options.get(b"boundary")
        if not boundary:
            raise HTTPException(400, "The Content-Type names no boundary between the parts.")
        self._folder = folder
        self._limits = limits
        self._received: list[Received] = []
        self._file: IO[bytes] | None = None
        self._header: tuple[bytearray, bytearray] = (bytearray(), bytearray())
        self._disposition = b""
        self._parts = 0
        self._ended = False
        try:
            self._parser = MultipartParser(
                boundary,
                {
                    "on_part_begin": self._on_part_begin,
                    "on_header_field": lambda data, start, end: self._header[0].extend(data[start:end]),
                    "on_header_value": lambda data, start, end: self._header[1].extend(data[start:end]),
                    "on_header_end": self._on_header_end,
                    "on_headers_finished": self._on_headers_finished,
                    "on_part_data": self._on_part_data,
                    "on_part_end": self.close,
                    "on_end": self._on_end,
                },
            )
        except FormParserError as error:
            raise HTTPException(400, "The Content-Type names a boundary that cannot be one.") from error

    def feed(self, data: bytes) -> None:
        """Take the next bytes of the body."""
        try:
            self._parser.write(data)
        except FormParserError as error:
            raise HTTPException(400, "The body is not multipart/form-data as it claims to be.") from error

    def finish(self) -> list[Received]:
        """All files, in the order sent."""
        if not self._ended:
            raise HTTPException(400, "The body ends in the middle of a part.")
        return self._received

    def close(self) -> None:
        """Close the file at hand."""
        if self._file is not None:
            self._file.close()
            self._file = None

    def _on_end(self) -> None:
        self._ended = True

    def _on_part_begin(self) -> None:
        self._disposition = b""
        self._parts += 1
        if self._parts > self._limits.files + _OTHER_PARTS:
            raise HTTPException(413, f"The form has more than {self._parts - 1} parts. Send files, and nothing else.")

    def _on_header_end(self) -> None:
        field, value = self._header
        if field.lower() == b"content-disposition":
            self._disposition = bytes(value)
        self._header = (bytearray(), bytearray())

    def _on_headers_finished(self) -> None:
        _, options = parse_options_header(self._disposition)
        if b"filename" not in options:
            return  # a plain field
        if len(self._received) == self._limits.files:
            raise HTTPException(413, f"At most {self._limits.files} files may be sent at once. Send the rest after.")
        taken = {received.name for received in self._received}
        name = unused(safe_name(options[b"filename"].decode("utf-8", "replace")), taken.__contains__)
        path = self._folder / name
        self._file = path.open("xb")
        self._received.append(Received(path, 0))

    def _on_part_data(self, data: bytes, start: int, end: int) -> None:
        if self._file is None:
            return
        received = self._received[-1]
        size = received.size + end - start
        whole = size <= self._limits.file_bytes
        if whole:
            self._file.write(data[start:end])
        elif received.whole:
            self._file.truncate(0)
        self._received[-1] = replace(received, size=size, whole=whole)


async def gathered(chunks: AsyncIterator[bytes]) -> AsyncIterator[bytes]:
    """Chunks joined to a megabyte, so that few of them have to change threads."""
    waiting = bytearray()
    async for chunk in chunks:
        waiting += chunk
        if len(waiting) >= _GATHER_BYTES:
            yield bytes(waiting)
            waiting.clear()
    yield bytes(waiting)


def safe_name(given: str) -> str:
    """The last part of a name that a client sent, without anything that a path, a shell or a page could trip over."""
    last = PureWindowsPath(PurePosixPath(given).name).name
    name = _UNSAFE.sub("_", clean_line(last)).lstrip(". ")
    stem, dot, suffix = name.rpartition(".")
    if dot and len(suffix) < _LONGEST_NAME // 4:
        return f"{(stem or 'file')[: _LONGEST_NAME - len(suffix)]}.{suffix}"
    return name[:_LONGEST_NAME] or "file"


def unused(name: str, taken: Callable[[str], bool]) -> str:
    """The name, numbered if it is taken: ``paper.pdf``, ``paper (2).pdf``."""
    stem, dot, suffix = name.rpartition(".")
    candidate, number = name, 1
    while taken(candidate):
        number += 1
        candidate = f"{stem} ({number}).{suffix}" if dot else f"{name} ({number})"
    return candidate
