"""Seals: CRC-32 of a snapshot's own files, so that a check can tell what the disk has changed.

Readers do not compare them, since that would read everything; `cmo kb verify` does. The columns, which only ever grow,
have theirs in the extent.
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

from cmo.kit.files import crc32_file

_REPLACED = ".json"
"""Files that tantivy writes anew under the same name. The others never change, so their seals are passed on."""


def sealed(folder: Path, before: Mapping[str, int]) -> dict[str, int]:
    """CRC-32 of each file under a folder by its relative name.

    Args:
        folder: a finished snapshot, its manifest not yet written.
        before: seals of the snapshot whose words were linked into this one.
    """
    found = {}
    for path in sorted(folder.rglob("*")):
        name = str(path.relative_to(folder))
        if path.is_dir() or path.suffix == ".lock":
            continue
        passed_on = before.get(name) if path.parent != folder and path.suffix != _REPLACED else None
        found[name] = crc32_file(path) if passed_on is None else passed_on
    return found


def broken_seals(folder: Path, seals: Mapping[str, int]) -> list[str]:
    """Files that are missing or do not have their CRC-32."""
    found = []
    for name, crc in seals.items():
        path = folder / name
        if not path.exists():
            found.append(f"{path} is missing")
        elif crc32_file(path) != crc:
            found.append(f"{path} does not match its checksum")
    return found
