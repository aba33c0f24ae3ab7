"""Concepts to the folder that `cmo.vocabulary.compiled` maps.

The folder is written beside its place and moved there whole: a reader sees the old one or the new one.
"""

from __future__ import annotations

import hashlib
import shutil
import zlib
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import suppress
from dataclasses import asdict
from pathlib import Path
from typing import Any

import numpy as np
import orjson
from numpy.typing import NDArray

from cmo.errors import VocabularyCorrupt
from cmo.kit.files import full_disk_is_store_full, sync_file, sync_folder
from cmo.kit.hashing import short_hash
from cmo.model.concepts import Concept
from cmo.vocabulary.compiled import (
    ARRAYS,
    CASED,
    FORMAT,
    HEAD,
    KINDS,
    LONGEST,
    NAME,
    ONE_WORD,
    PREFERRED,
    WHOLE,
    CompiledVocabulary,
    identifiers,
)
from cmo.vocabulary.names import SHORT, Hashes, Ints, Text

_BATCH = 2_000
_BITS_A_NAME = 16
_LONGEST_NAME = 1_000
"""Characters; what is longer is no name that anybody prints."""
_BETWEEN = "\n\n"


def current(folder: Path, source: str, concepts: Callable[[], Iterable[Concept]]) -> CompiledVocabulary:
    """A folder's vocabulary, compiled anew if it is missing, damaged or was made of something else.

    Args:
        folder: where it is kept.
        source: digest of what it is made of.
        concepts: asked for the concepts if they are needed.

    Raises:
        StoreFull: the disk has no room.
    """
    with suppress(VocabularyCorrupt):
        found = CompiledVocabulary.open(folder)
        if found.source == source:
            return found
    return compile_vocabulary(concepts(), folder, source)


def compile_vocabulary(concepts: Iterable[Concept], folder: Path, source: str = "") -> CompiledVocabulary:
    """Write concepts into a folder, which is replaced if it exists, and open it.

    The order of the concepts is that of preference: of two concepts with one name the earlier is the likelier.
    `source` is the digest of what they come from, for `current`.

    Raises:
        StoreFull: the disk has no room; the old folder is as it was.
    """
    temporary = folder.with_name(f".{folder.name}.tmp")
    shutil.rmtree(temporary, ignore_errors=True)
    with full_disk_is_store_full(folder.parent):
        temporary.mkdir(parents=True)
        try:
            _write(list(concepts), temporary, source)
            shutil.rmtree(folder, ignore_errors=True)
            temporary.replace(folder)
        finally:
            shutil.rmtree(temporary, ignore_errors=True)
        sync_folder(folder.parent)
    return CompiledVocabulary.open(folder)


def _write(concepts: Sequence[Concept], folder: Path, source: str) -> None:
    arrays = {**_names(concepts), **_payload(concepts), **_identifiers(concepts)}
    sizes, sums, digest = {}, {}, hashlib.blake2b(digest_size=8)
    for name, dtype in ARRAYS.items():
        data = np.ascontiguousarray(arrays[name], dtype).tobytes()
        (folder / name).write_bytes(data)
        sync_file(folder / name)
        sizes[name], sums[name] = len(data), zlib.crc32(data)
        digest.update(data)
    facts = {
        "format": FORMAT, "source": source, "digest": digest.hexdigest(), "concepts": len(concepts), "names": len(arrays["names.bin"]),
        "sizes": sizes, "crc": sums,
    }  # fmt: skip
    (folder / "manifest.json").write_bytes(orjson.dumps(facts, option=orjson.OPT_INDENT_2))
    sync_file(folder / "manifest.json")


def _names(concepts: Sequence[Concept]) -> dict[str, NDArray[Any]]:
    hashes: list[Hashes] = []
    heads: list[Hashes] = []
    rows: list[tuple[int, int, int, int]] = []
    forms = bytearray()
    for batch in _batches(_numbered_names(concepts)):
        text, spans = _laid_out([name for _, name, _ in batch])
        known = spans[:, 1] >= spans[:, 0]
        hashes.append(text.hashes(spans[known, 0], spans[known, 1]))
        long = known & (spans[:, 1] - spans[:, 0] >= WHOLE)
        heads.append(text.hashes(spans[long, 0], spans[long, 0] + HEAD - 1))
        for (first, last), (concept, name, preferred) in zip(spans.tolist(), batch, strict=True):
            if last >= first:
                form, flags = _form(text, first, last)
                rows.append(
                    (len(forms), len(form), flags | PREFERRED * preferred | ONE_WORD * (" " not in name), concept)
                )
                forms += form
    return _sorted(np.concatenate([*hashes, np.empty(0, np.uint64)]), np.array(rows, NAME), bytes(forms), heads)


def _sorted(hashes: Hashes, rows: NDArray[np.void], forms: bytes, heads: list[Hashes]) -> dict[str, NDArray[Any]]:
    order = np.lexsort((rows["concept"], hashes))
    hashes = hashes[order]
    return {
        "hashes.u64": hashes,
        "names.bin": rows[order],
        "forms.bin": np.frombuffer(forms, np.uint8),
        "present.bits": _bitmap(hashes),
        "heads.u64": np.unique(np.concatenate([*heads, np.empty(0, np.uint64)])),
    }


def _form(text: Text, first: int, last: int) -> tuple[bytes, int]:
    folded = text.form(first, last)
    if len(folded) <= SHORT:
        return text.plain(first, last).encode(), CASED
    return folded.encode("utf-8", "replace"), 0


def _numbered_names(concepts: Sequence[Concept]) -> Iterator[tuple[int, str, bool]]:
    """Every name once a concept, the preferred one first."""
    for number, concept in enumerate(concepts):
        for place, name in enumerate(dict.fromkeys((concept.name, *concept.synonyms))):
            if name and len(name) <= _LONGEST_NAME:
                yield number, " ".join(name.split()), place == 0


def _laid_out(names: Sequence[str]) -> tuple[Text, Ints]:
    """Names as one text, and the first and the last token of each; the last is less where a name has none."""
    text = Text.of(_BETWEEN.join(names))
    lengths = np.fromiter((len(name) + len(_BETWEEN) for name in names), np.int64, len(names))
    after = np.cumsum(lengths)
    first = np.searchsorted(text.starts, after - lengths)
    last = np.searchsorted(text.starts, after) - 1
    last[last - first >= LONGEST] = -1  # nobody would find it
    return text, np.stack([first, last], axis=1)


def _bitmap(hashes: Hashes) -> NDArray[np.uint8]:
    size = max(6, (len(hashes) * _BITS_A_NAME).bit_length())
    bits = np.zeros(1 << size, np.bool_)
    bits[(hashes >> np.uint64(64 - size)).astype(np.int64)] = True
    return np.packbits(bits, bitorder="little")


def _payload(concepts: Sequence[Concept]) -> dict[str, NDArray[Any]]:
    data = [orjson.dumps(asdict(concept)) for concept in concepts]
    offsets = np.concatenate([[0], np.cumsum([len(d) for d in data], dtype=np.uint64)])
    kinds = np.fromiter((KINDS.index(c.kind) for c in concepts), np.uint8, len(concepts))
    return {
        "offsets.u64": offsets,
        "concepts.bin": np.frombuffer(b"".join(data), np.uint8),
        "kinds.u8": kinds,
    }


def _identifiers(concepts: Sequence[Concept]) -> dict[str, NDArray[Any]]:
    pairs = sorted((short_hash(name), n) for n, concept in enumerate(concepts) for name in identifiers(concept))
    return {
        "ids.u64": np.fromiter((h for h, _ in pairs), np.uint64, len(pairs)),
        "owners.u32": np.fromiter((n for _, n in pairs), np.uint32, len(pairs)),
    }


def _batches(names: Iterator[tuple[int, str, bool]]) -> Iterator[list[tuple[int, str, bool]]]:
    batch: list[tuple[int, str, bool]] = []
    for name in names:
        batch.append(name)
        if len(batch) == _BATCH:
            yield batch
            batch = []
    if batch:
        yield batch
