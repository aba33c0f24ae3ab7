"""The form in which an installed vocabulary is kept, whatever its project publishes: JSON lines and a manifest.

::

    concepts.jsonl.gz   one `Concept` a line
    edges.jsonl.gz      one `CuratedEdge` a line
    manifest.json       what it is, whose it is, how much there is, what was wrong with it, SHA-256 of the other two

The same concepts make the same bytes, so that a digest tells whether anything changed.
"""

from __future__ import annotations

import gzip
import json
from collections.abc import Iterable, Mapping
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

import orjson

from cmo.errors import VocabularyCorrupt
from cmo.kit.files import sha256_file, sync_file
from cmo.model.concepts import Concept, CuratedEdge, Kind, RelationType
from cmo.vocabulary.merge import Vocabulary

FORMAT = 1
MANIFEST, CONCEPTS, EDGES = "manifest.json", "concepts.jsonl.gz", "edges.jsonl.gz"
_LEVEL = 4
"""Of gzip: higher levels cost seconds and save a tenth."""


@dataclass(frozen=True, slots=True)
class Manifest:
    """What is known of an installed vocabulary without reading it."""

    name: str
    title: str
    project: str
    licence: str
    version: str
    """As its files tell it; empty where they do not."""
    source: tuple[str, ...]
    """The files that it was read from, by name."""
    concepts: int
    edges: int
    problems: Mapping[str, int] = field(default_factory=dict)
    """How often something was wrong with a part of a file, by kind."""
    places: tuple[str, ...] = ()
    """The first of them: ``bad row: genes.tsv:17: it has no id``."""
    sha256: Mapping[str, str] = field(default_factory=dict)
    """Of `CONCEPTS` and `EDGES`."""
    format: int = FORMAT


def write(folder: Path, concepts: Iterable[Concept], edges: Iterable[CuratedEdge]) -> dict[str, str]:
    """Write concepts and edges into an empty folder, durably; their checksums."""
    _write_lines(folder / CONCEPTS, map(_concept_line, concepts))
    _write_lines(folder / EDGES, map(_edge_line, edges))
    return {name: sha256_file(folder / name) for name in (CONCEPTS, EDGES)}


def write_manifest(folder: Path, manifest: Manifest) -> None:
    """Write the manifest, last."""
    (folder / MANIFEST).write_text(json.dumps(asdict(manifest), indent=2), "utf-8")
    sync_file(folder / MANIFEST)


def load_manifest(folder: Path) -> Manifest:
    """The manifest of an installed vocabulary.

    Raises:
        VocabularyCorrupt: it is missing, or not one that this version writes.
    """
    path = folder / MANIFEST
    try:
        facts: dict[str, Any] = orjson.loads(path.read_bytes())
        facts |= {name: tuple(facts[name]) for name in ("source", "places")}
        manifest = Manifest(**facts)
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise _corrupt(path, f"it cannot be read ({error})") from error
    if manifest.format != FORMAT or set(manifest.sha256) != {CONCEPTS, EDGES}:
        raise _corrupt(path, f"it is of format {manifest.format}, not {FORMAT}")
    return manifest


def load(folder: Path) -> Vocabulary:
    """An installed vocabulary, read whole and held against its checksums.

    Raises:
        VocabularyCorrupt: a file is missing or not what was written.
    """
    manifest = load_manifest(folder)
    concepts = tuple(map(_concept, _lines(folder / CONCEPTS, manifest)))
    edges = tuple(map(_edge, _lines(folder / EDGES, manifest)))
    return Vocabulary(manifest.name, concepts, edges)


def check(folder: Path) -> Manifest:
    """Hold the files against their checksums.

    Raises:
        VocabularyCorrupt: a file is missing or not what was written.
    """
    manifest = load_manifest(folder)
    for name, pin in manifest.sha256.items():
        path = folder / name
        if not path.is_file() or sha256_file(path) != pin:
            raise _corrupt(path, "it does not match its checksum")
    return manifest


def _write_lines(path: Path, lines: Iterable[bytes]) -> None:
    with path.open("wb") as raw, gzip.GzipFile("", "wb", _LEVEL, raw, mtime=0) as file:
        file.writelines(lines)
    sync_file(path)


def _lines(path: Path, manifest: Manifest) -> list[Any]:
    try:
        if sha256_file(path) != manifest.sha256[path.name]:
            raise _corrupt(path, "it does not match its checksum")
        return [orjson.loads(line) for line in gzip.decompress(path.read_bytes()).splitlines()]
    except OSError as error:
        raise _corrupt(path, f"it cannot be read ({error})") from error


def _concept_line(concept: Concept) -> bytes:
    return orjson.dumps(concept, option=orjson.OPT_APPEND_NEWLINE)


def _edge_line(edge: CuratedEdge) -> bytes:
    return orjson.dumps(edge, option=orjson.OPT_APPEND_NEWLINE)


def _concept(facts: dict[str, Any]) -> Concept:
    return Concept(
        facts["id"], facts["name"], Kind(facts["kind"]), tuple(facts["synonyms"]),
        {source: tuple(values) for source, values in facts["xrefs"].items()}, tuple(facts["parents"]),
    )  # fmt: skip


def _edge(facts: dict[str, Any]) -> CuratedEdge:
    return CuratedEdge(**{**facts, "type": RelationType(facts["type"])})


def _corrupt(path: Path, why: str) -> VocabularyCorrupt:
    name = path.parent.name
    return VocabularyCorrupt(f"{path} is damaged: {why}. Run `cmo vocab install {name}` to install it anew.")
