"""A reading as bytes: columns of JSON, deflated.

::

    version byte | zlib of {concepts, kinds, mentions by column, relations by column, foreign concepts}

Ids are written once and referred to by number, starts as steps from one mention to the next; that deflates to a
quarter of plain JSON. Probabilities are kept to four decimals. Nothing here runs code on reading (no pickle).
"""

from __future__ import annotations

import hashlib
import zlib
from dataclasses import asdict
from typing import Any

import orjson

from cmo.errors import StoreCorrupt
from cmo.model.concepts import Concept, Kind, Mention, Reading, Relation, RelationType

_VERSION = 1
_LEVEL = 6
_GRID = 10_000
_KINDS = tuple(Kind)
_KIND_PLACE = {kind: n for n, kind in enumerate(_KINDS)}
_TYPE = {kind.value: kind for kind in RelationType}
_NEGATED, _HEDGED, _APART = 1, 2, 4


def pack_reading(reading: Reading) -> tuple[bytes, str]:
    """A reading without its reader's name as bytes, and a digest of what it says."""
    plain = orjson.dumps(_columns(reading))
    digest = hashlib.blake2b(plain, digest_size=8).hexdigest()
    return bytes([_VERSION]) + zlib.compress(plain, _LEVEL), digest


def unpack_reading(reader: str, data: bytes) -> Reading:
    """The inverse of `pack_reading`.

    Raises:
        StoreCorrupt: it is damaged or of a version that is not known here.
    """
    try:
        if data[0] != _VERSION:
            raise StoreCorrupt(f"A reading by {reader} is of version {data[0]}, which only a newer release can read.")
        return _reading(reader, orjson.loads(zlib.decompress(data[1:])))
    except (IndexError, KeyError, TypeError, ValueError, AttributeError, zlib.error) as error:
        raise StoreCorrupt(
            f"A reading by {reader} cannot be read: {error}. Run `cmo kb rebuild` to read the papers anew."
        ) from error


def reading_values(reading: Reading, version_id: int) -> dict[str, Any]:
    """A row of `readings`."""
    payload, digest = pack_reading(reading)
    return {"version_id": version_id, "reader": reading.reader, "digest": digest, "payload": payload}


def _columns(reading: Reading) -> dict[str, Any]:
    number: dict[str, int] = {}

    def numbered(concept: str) -> int:
        return number.setdefault(concept, len(number))

    mentions, relations = reading.mentions, reading.relations
    starts = [m.start for m in mentions]
    columns = {
        "steps": [a - b for a, b in zip(starts, [0, *starts], strict=False)],
        "sizes": [m.end - m.start for m in mentions],
        "mentioned": [numbered(m.concept) for m in mentions],
        "kinds": [_KIND_PLACE[m.kind] for m in mentions],
        "confidences": [round(m.confidence * _GRID) for m in mentions],
        "subjects": [numbered(r.subject) for r in relations],
        "objects": [numbered(r.object) for r in relations],
        "types": [r.type for r in relations],
        "probabilities": [round(r.probability * _GRID) for r in relations],
        "sentences": [r.sentence for r in relations],
        "flags": [r.negated * _NEGATED | r.hedged * _HEDGED | r.apart * _APART for r in relations],
        "contexts": [[numbered(c) for c in r.context] for r in relations],
        "foreign": [asdict(c) for c in reading.concepts],
    }
    return {"ids": list(number), **columns}


def _reading(reader: str, facts: dict[str, Any]) -> Reading:
    ids: list[str] = facts["ids"]
    mentions, start = [], 0
    for step, size, concept, kind, confidence in zip(
        *(facts[name] for name in ("steps", "sizes", "mentioned", "kinds", "confidences")), strict=True
    ):
        start += step
        mentions.append(Mention(start, start + size, ids[concept], _KINDS[kind], confidence / _GRID))
    names = ("subjects", "objects", "types", "probabilities", "sentences", "flags", "contexts")
    relations = tuple(
        Relation(
            ids[subject],
            ids[object_],
            _TYPE[kind],
            probability / _GRID,
            sentence,
            bool(flags & _NEGATED),
            bool(flags & _HEDGED),
            tuple(ids[n] for n in context),
            bool(flags & _APART),
        )
        for subject, object_, kind, probability, sentence, flags, context in zip(
            *(facts[name] for name in names), strict=True
        )
    )
    return Reading(reader, tuple(mentions), relations, tuple(_concept(c) for c in facts["foreign"]))


def _concept(facts: dict[str, Any]) -> Concept:
    return Concept(
        id=facts["id"],
        name=facts["name"],
        kind=Kind(facts["kind"]),
        synonyms=tuple(facts["synonyms"]),
        xrefs={source: tuple(ids) for source, ids in facts["xrefs"].items()},
        parents=tuple(facts["parents"]),
    )
