"""Length-prefixed frames, the language of a worker and its pool.

::

    frame = b"CMO1" | kind (1 byte) | length (4 bytes, big endian) | payload

The mark in front tells a frame from something that was printed into the pipe.
"""

from __future__ import annotations

import struct
from dataclasses import dataclass
from enum import IntEnum
from typing import BinaryIO

MAX_PAYLOAD = 512 * 1024 * 1024
_MARK = b"CMO1"
_HEADER = struct.Struct(">4sBI")


class Kind(IntEnum):
    """What a frame carries."""

    FILE = 1
    """A path, as the file system spells it, a zero byte, and an order where there is one (pool to worker)."""
    PAPER = 2
    """A paper, see `codec`; of who draws, a picture."""
    REFUSED = 3
    """Reason, detail and remedy."""
    FAILED = 4
    """A defect in the reader: kind of error and message."""
    READY = 5
    """The worker has started; its peak memory so far, in bytes."""


@dataclass(frozen=True, slots=True)
class Frame:
    """One message."""

    kind: Kind
    payload: bytes


class BadFrame(ValueError):
    """The bytes are no frame of ours."""


def pack(frame: Frame) -> bytes:
    """The frame as bytes."""
    return _HEADER.pack(_MARK, frame.kind, len(frame.payload)) + frame.payload


def unpack(buffer: bytearray) -> Frame | None:
    """Take the first frame out of the buffer; None while it is incomplete. Raises `BadFrame`."""
    if len(buffer) < _HEADER.size:
        if not _MARK.startswith(buffer[: len(_MARK)]):
            raise BadFrame("no mark")
        return None
    mark, kind, length = _HEADER.unpack_from(buffer)
    if mark != _MARK or length > MAX_PAYLOAD or kind not in Kind.__members__.values():
        raise BadFrame("no mark, kind or length of a frame")
    if len(buffer) < _HEADER.size + length:
        return None
    payload = bytes(buffer[_HEADER.size : _HEADER.size + length])
    del buffer[: _HEADER.size + length]
    return Frame(Kind(kind), payload)


def receive(stream: BinaryIO) -> Frame | None:
    """The next frame of a blocking stream; None at its end."""
    header = stream.read(_HEADER.size)
    if len(header) < _HEADER.size:
        return None
    _, kind, length = _HEADER.unpack(header)
    return Frame(Kind(kind), stream.read(length))
