"""Short, stable hashes."""

from __future__ import annotations

import hashlib


def short_hash(text: str) -> int:
    """64 bits of BLAKE2b of a text."""
    return int.from_bytes(hashlib.blake2b(text.encode(), digest_size=8).digest(), "little")


def hex_hash(*parts: str, size: int = 16) -> str:
    """Hex BLAKE2b of `size` bytes over parts; parts cannot run into each other."""
    digest = hashlib.blake2b(digest_size=size)
    for part in parts:
        data = part.encode("utf-8", "surrogatepass")
        digest.update(len(data).to_bytes(8, "little"))
        digest.update(data)
    return digest.hexdigest()
