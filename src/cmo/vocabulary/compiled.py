"""A vocabulary as sorted, memory-mapped arrays: nothing to load, one copy for all processes.

::

    hash of a span --present.bits--> perhaps --hashes.u64--> rows of `NAME` --forms.bin--> the same form? --> concepts

``hashes.u64``     hashes of all forms, ascending; the same form of two concepts stands twice
``names.bin``      one `NAME` a hash: where its form is written and whose it is
``forms.bin``      the forms; with their case where they are short
``present.bits``   one bit a hash value, so that most spans of a text cost no search
``heads.u64``      hashes of the first `HEAD` tokens of long names, ascending
``offsets.u64``    where the concepts begin in ``concepts.bin``
``concepts.bin``   JSON of each concept
``kinds.u8``       position of each concept's kind in `Kind`
``ids.u64``        hashes of all ids and foreign identifiers, ascending; ``owners.u32`` says whose they are
``manifest.json``  format, sizes, checksums and a digest of the content
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import cached_property, lru_cache
from pathlib import Path
from typing import Any, Self

import numpy as np
import orjson
from numpy.typing import NDArray

from cmo.errors import VocabularyCorrupt
from cmo.kit.files import crc32_file
from cmo.kit.hashing import short_hash
from cmo.model.concepts import Concept, Kind
from cmo.vocabulary.names import Hashes, Ints, Text

FORMAT = 3
HEAD = 6
"""Names of more than `WHOLE` tokens are looked for only where their first `HEAD` tokens stand."""
WHOLE = 10
LONGEST = 80
"""Tokens of the longest name that can be found."""
NAME = np.dtype([("form", "<u4"), ("size", "<u2"), ("flags", "u1"), ("concept", "<u4")])
PREFERRED, CASED, ONE_WORD = 1, 2, 4
"""Flags of a name: it is the concept's preferred one; it is short, so that its case counts; it has no space."""
KINDS = tuple(Kind)
ARRAYS: Mapping[str, np.dtype[Any]] = {
    "hashes.u64": np.dtype("<u8"),
    "names.bin": NAME,
    "forms.bin": np.dtype("u1"),
    "present.bits": np.dtype("u1"),
    "heads.u64": np.dtype("<u8"),
    "offsets.u64": np.dtype("<u8"),
    "concepts.bin": np.dtype("u1"),
    "kinds.u8": np.dtype("u1"),
    "ids.u64": np.dtype("<u8"),
    "owners.u32": np.dtype("<u4"),
}
_CACHED = 20_000


@dataclass(frozen=True, slots=True)
class Named:
    """A name of a concept, as it was found."""

    concept: int
    """Number of the concept in this vocabulary."""
    kind: Kind
    preferred: bool
    one_word: bool
    """The name is written without a space."""


class CompiledVocabulary:
    """Concepts by name and by id, read from a folder; safe to share between threads."""

    def __init__(self, folder: Path, facts: Mapping[str, Any], arrays: Mapping[str, NDArray[Any]]) -> None:
        self.folder = folder
        self.digest: str = facts["digest"]
        """Changes with any concept or name."""
        self.source: str = facts["source"]
        """Digest of what it was compiled from."""
        self.forms: int = facts["names"]
        """How many names it holds."""
        self._arrays = arrays
        self._hashes: Hashes = arrays["hashes.u64"]
        self._present = arrays["present.bits"]
        self._shift = np.uint64(64 - 3 - (len(self._present) - 1).bit_length())
        self._heads: Hashes = arrays["heads.u64"]
        self.load = lru_cache(_CACHED)(self._load)

    @classmethod
    def open(cls, folder: Path) -> Self:
        """Map a compiled vocabulary; no byte of its content is read.

        Raises:
            VocabularyCorrupt: a file is missing, of another format, or not of the size that the manifest tells.
        """
        facts = _manifest(folder)
        return cls(folder, facts, {name: _map(folder / name, facts["sizes"][name], ARRAYS[name]) for name in ARRAYS})

    def __len__(self) -> int:
        """How many concepts there are."""
        return len(self._arrays["kinds.u8"])

    def verify(self) -> None:
        """Read everything once and compare it with its checksums.

        Raises:
            VocabularyCorrupt: a file is not what was written.
        """
        for name, crc in _manifest(self.folder)["crc"].items():
            if crc32_file(self.folder / name) != crc:
                raise _corrupt(self.folder / name, "it does not match its checksum")

    def maybe(self, hashes: Hashes) -> NDArray[np.bool_]:
        """Whether forms with these hashes may be known; never false for one that is."""
        bit = hashes >> self._shift
        byte = self._present[(bit >> np.uint64(3)).astype(np.int64)]
        return np.asarray((byte >> (bit & np.uint64(7)).astype(np.uint8)) & 1, np.bool_)

    def rows(self, hashes: Hashes) -> Ints:
        """First row of each hash, -1 for those that no name has."""
        if not len(self._hashes):
            return np.full(hashes.shape, -1, np.int64)
        rows = np.searchsorted(self._hashes, hashes)
        known = self._hashes[np.minimum(rows, len(self._hashes) - 1)] == hashes
        return np.where(known, rows, -1)

    def is_head(self, hashes: Hashes) -> NDArray[np.bool_]:
        """Whether these are hashes of the first `HEAD` tokens of a long name."""
        if not len(self._heads):
            return np.zeros(hashes.shape, np.bool_)
        rows = np.minimum(np.searchsorted(self._heads, hashes), len(self._heads) - 1)
        return np.asarray(self._heads[rows] == hashes, np.bool_)

    def named(self, row: int, folded: str, plain: str) -> tuple[Named, ...]:
        """Concepts whose name has the form that was hashed: a shared hash proves nothing, so the forms are compared."""
        return tuple(self._named(row, folded, plain))

    def lookup(self, name: str) -> tuple[Named, ...]:
        """Concepts of exactly this name."""
        text = Text.of(name)
        if not len(text):
            return ()
        first, last = np.array([0]), np.array([len(text) - 1])
        row = int(self.rows(text.hashes(first, last))[0])
        return () if row < 0 else self.named(row, text.form(0, -1), text.plain(0, -1))

    def _named(self, row: int, folded: str, plain: str) -> Iterator[Named]:
        hashed, names = self._hashes[row], self._arrays["names.bin"]
        while row < len(names) and self._hashes[row] == hashed:
            start, size, flags, concept = names[row].tolist()
            if self._form(start, size) == (plain if flags & CASED else folded):
                yield Named(
                    concept, KINDS[self._arrays["kinds.u8"][concept]], bool(flags & PREFERRED), bool(flags & ONE_WORD)
                )
            row += 1

    def _form(self, start: int, size: int) -> str:
        return bytes(self._arrays["forms.bin"][start : start + size]).decode("utf-8", "replace")

    def concept(self, identifier: str) -> Concept | None:
        """A concept by its id, or by an identifier that it has elsewhere, ``HMDB0000925`` or ``HMDB:HMDB0000925``."""
        ids, owners = self._arrays["ids.u64"], self._arrays["owners.u32"]
        folded = identifier.casefold()
        hashed = np.uint64(short_hash(folded))
        first = int(np.searchsorted(ids, hashed))
        last = int(np.searchsorted(ids, hashed, "right"))
        owned = (self.load(owner) for owner in owners[first:last].tolist())
        found = [concept for concept in owned if folded in identifiers(concept)]
        # An id belongs to whose id it is, whoever else lists it.
        return next((c for c in found if c.id.casefold() == folded), found[0] if found else None)

    def _load(self, number: int) -> Concept:
        offsets = self._arrays["offsets.u64"]
        data = self._arrays["concepts.bin"][int(offsets[number]) : int(offsets[number + 1])]
        try:
            facts = orjson.loads(data.tobytes())
            xrefs = {source: tuple(values) for source, values in facts["xrefs"].items()}
            return Concept(
                facts["id"],
                facts["name"],
                Kind(facts["kind"]),
                tuple(facts["synonyms"]),
                xrefs,
                tuple(facts["parents"]),
            )
        except (ValueError, KeyError, TypeError, AttributeError) as error:
            raise _corrupt(self.folder / "concepts.bin", f"concept {number} cannot be read: {error}") from error

    @cached_property
    def kinds(self) -> NDArray[np.uint8]:
        """Position in `KINDS` of each concept's kind."""
        return self._arrays["kinds.u8"]

    def concepts(self) -> Iterator[Concept]:
        """All concepts, in the order in which they were compiled."""
        return map(self._load, range(len(self)))

    def forms_like(self, form: str, difference: int) -> Iterator[str]:
        """Forms that begin like this one and are at most so many bytes longer or shorter."""
        names, forms = self._arrays["names.bin"], self._arrays["forms.bin"]
        wanted = names[np.abs(names["size"].astype(np.int32) - len(form.encode())) <= difference]
        wanted = wanted[forms[wanted["form"]] == form.encode()[0]]
        for start, size in zip(wanted["form"].tolist(), wanted["size"].tolist(), strict=True):
            yield self._form(start, size)


def identifiers(concept: Concept) -> set[str]:
    """Everything that a concept may be asked for by, case-folded."""
    found = {concept.id}
    for source, values in concept.xrefs.items():
        found.update(values)
        found.update(f"{source}:{value}" for value in values)
    return {identifier.casefold() for identifier in found}


def _manifest(folder: Path) -> dict[str, Any]:
    path = folder / "manifest.json"
    try:
        facts: dict[str, Any] = orjson.loads(path.read_bytes())
        if facts["format"] != FORMAT:
            raise _corrupt(path, f"it is of format {facts['format']}, not {FORMAT}")
        if (
            set(facts["sizes"]) != set(ARRAYS)
            or set(facts["crc"]) != set(ARRAYS)
            or not {"digest", "source", "names"} <= set(facts)
        ):
            raise _corrupt(path, "it does not list the files that belong to it")
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise _corrupt(path, f"it cannot be read: {error}") from error
    return facts


def _map(path: Path, size: int, dtype: np.dtype[Any]) -> NDArray[Any]:
    try:
        found = path.stat().st_size
        if found != size or size % dtype.itemsize:
            raise _corrupt(path, f"it has {found} bytes where {size} were written")
        if not size:
            return np.empty(0, dtype)
        return np.memmap(path, dtype, "r").view(np.ndarray)
    except (OSError, ValueError, TypeError) as error:
        raise _corrupt(path, f"it cannot be mapped: {error}") from error


def _corrupt(path: Path, why: str) -> VocabularyCorrupt:
    return VocabularyCorrupt(f"{path} is damaged: {why}. Run `cmo vocab install` to compile it anew.")
