"""What is kept: bytes with their age, and how they are packed for places where something may happen to them.

::

    version | flags | made | until | cost | checksum of all of it and of the key | the value, perhaps compressed

The key goes into the checksum. So what a confused disk or connection hands out under the wrong key is taken for
spoilt, not for an answer. Nothing here can run code, whatever the bytes are, and no value unpacks to more than it may.
"""

from __future__ import annotations

import hashlib
import math
import struct
import zlib
from dataclasses import dataclass
from typing import Final

from cmo.cache.keys import Key

VERSION: Final = 1
LONGEST_VALUE: Final = 1_000_000
"""Bytes; longer ones are not kept."""
SKEW_SECONDS: Final = 2.0
"""By how much the clocks of two machines may differ."""
_FRONT = struct.Struct("<BBdddQI")
_HEAD = struct.Struct("<BBddd8s")
_COMPRESSED = 1
_WORTH_COMPRESSING = 1_024
_LEVEL = 1


class Spoilt(ValueError):
    """Bytes that are no entry, or that of another key."""


@dataclass(frozen=True, slots=True)
class Entry:
    """A value that was made before."""

    value: bytes
    made: float
    """Seconds since 1970."""
    until: float
    """After this it is not handed out any more."""
    cost: float = 0.0
    """Seconds that it took to make."""

    def fresh(self, now: float) -> bool:
        """Whether it may be handed out; what seems to come from the future shows that a clock jumped, and may not."""
        return self.made - SKEW_SECONDS <= now < self.until


def early(entry: Entry, now: float, chance: float) -> bool:
    """Whether to make it anew although it is still fresh: rarely long before its end, almost surely just before it.

    So of many who ask, one does so in time, and the others never wait. XFetch: Vattani, Chierichetti and Lowenstein,
    "Optimal Probabilistic Cache Stampede Prevention", VLDB 2015, with β = 1.
    """
    return now - entry.cost * math.log(1.0 - chance) >= entry.until


def pack(key: Key, entry: Entry, *, compress: bool) -> bytes:
    """An entry as bytes."""
    flags, value = 0, entry.value
    if compress and len(value) >= _WORTH_COMPRESSING:
        flags, value = _COMPRESSED, zlib.compress(value, _LEVEL)
    times = (entry.made, entry.until, entry.cost)
    return _HEAD.pack(VERSION, flags, *times, _sum(key, flags, times, value)) + value


def unpack(key: Key, data: bytes) -> Entry:
    """The entry of a key.

    Raises:
        Spoilt: it is not what `pack` made for this key.
    """
    try:
        version, flags, *times, told = _HEAD.unpack_from(data)
    except struct.error as error:
        raise Spoilt("too short") from error
    value = data[_HEAD.size :]
    if version != VERSION or told != _sum(key, flags, tuple(times), value) or not all(map(math.isfinite, times)):
        raise Spoilt("of another version or another key, or damaged")
    return Entry(_inflated(value) if flags & _COMPRESSED else value, *times)


def _inflated(value: bytes) -> bytes:
    unpacking = zlib.decompressobj()
    try:
        whole = unpacking.decompress(value, LONGEST_VALUE + 1)
    except zlib.error as error:
        raise Spoilt("it cannot be decompressed") from error
    if not unpacking.eof or unpacking.unused_data or len(whole) > LONGEST_VALUE:
        raise Spoilt("it is longer than anything that is kept, or not whole")
    return whole


def _sum(key: Key, flags: int, times: tuple[float, ...], value: bytes) -> bytes:
    """Bound to the key by BLAKE2b; over the value itself by CRC-32, which takes a fifth of the time."""
    front = _FRONT.pack(VERSION, flags, *times, len(value), zlib.crc32(value))
    return hashlib.blake2b(front, digest_size=8, key=key.digest.encode()).digest()
