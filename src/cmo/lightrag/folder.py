"""A LightRAG working directory, looked at whole before anything is taken from it.

::

    kv_store_full_docs, kv_store_doc_status --> documents --+
    kv_store_text_chunks --------------------> chunks ------+--> do they fit together? --> Holdings
    graph_chunk_entity_relation.graphml -----> entities, links
    vdb_entities, vdb_relationships ---------> must not know more than the graph

Written by lightrag-hku 1.0 to 1.5 with its default storages. Everything wrong is told at once, a line each.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import orjson

from cmo.errors import ImportRefused
from cmo.kit.text import clean_line, shorten
from cmo.lightrag.graphml import read_graphml
from cmo.lightrag.holdings import SEPARATOR, ChunkText, Document, Entity, Graph, Holdings, Link

DOCUMENTS = "kv_store_full_docs.json"
STATUS = "kv_store_doc_status.json"
CHUNKS = "kv_store_text_chunks.json"
GRAPH = "graph_chunk_entity_relation.graphml"
NEEDED = (DOCUMENTS, STATUS, CHUNKS, GRAPH)
ENTITIES = "vdb_entities.json"
RELATIONS = "vdb_relationships.json"
"""These two are missing where LightRAG kept its vectors elsewhere; what they say the graph says as well."""
MOST_FAULTS = 20
MOST_BYTES = 4_000_000_000
_PARSED_MARK = "{{LRdoc}}"
"""LightRAG puts it before the text of a document that it parsed itself."""
_FINISHED = "processed"
_COPY = "Copy the folder again while LightRAG is not running, or restore it from a backup."


def read_folder(folder: Path) -> Holdings:
    """Read and check all of it.

    Raises:
        ImportRefused: naming each fault with its file and place, and what to do.
    """
    faults: list[str] = list(_missing(folder))
    if faults:
        raise _refused(folder, faults)
    stores = {name: _store(folder / name, faults) for name in (DOCUMENTS, STATUS, CHUNKS)}
    graph = _graph(folder / GRAPH, faults)
    vectors = {name: _vectors(folder / name, faults) for name in (ENTITIES, RELATIONS)}
    if faults:
        raise _refused(folder, faults)
    documents = tuple(_documents(stores[DOCUMENTS], stores[STATUS], faults))
    chunks = dict(_chunks(stores[CHUNKS], {d.id for d in documents}, faults))
    faults += _out_of_step(graph, vectors)
    if faults:
        raise _refused(folder, faults)
    return _fitted(documents, chunks, graph)


def _missing(folder: Path) -> Iterator[str]:
    if not folder.is_dir():
        yield f"{folder} is not a folder. Name LightRAG's working directory."
        return
    absent = [name for name in NEEDED if not (folder / name).is_file()]
    inside = sorted(path.parent.name for path in folder.glob(f"*/{GRAPH}"))
    if len(absent) == len(NEEDED) and inside:
        yield f"{folder} holds workspaces ({', '.join(inside[:5])}). Name one of them: {folder / inside[0]}."
        return
    for name in absent:
        yield f"{name} is missing. {_COPY}"
    for name in (*NEEDED, ENTITIES, RELATIONS):
        path = folder / name
        if path.is_symlink() or (path.is_file() and path.stat().st_size > MOST_BYTES):
            yield f"{name} is a link or larger than {MOST_BYTES // 10**9} GB. Copy the file itself, or split the folder."


def _json(path: Path, faults: list[str]) -> Any:
    try:
        return orjson.loads(path.read_bytes())
    except orjson.JSONDecodeError as error:
        place = f"line {error.lineno}, column {error.colno}"
        faults.append(f"{path.name} is not JSON at {place}: {error.msg}. {_COPY}")
    except OSError as error:
        faults.append(f"{path.name} cannot be read: {error.strerror}. Check its permissions.")
    return None


def _store(path: Path, faults: list[str]) -> Mapping[str, Mapping[str, Any]]:
    """A key-value file: an object of objects."""
    held = _json(path, faults)
    if held is None:
        return {}
    if not isinstance(held, dict):
        faults.append(f"{path.name} is not an object of records. {_COPY}")
        return {}
    for key, value in held.items():
        if not isinstance(value, dict):
            faults.append(f"{path.name}: the record {_shown(key)} is not an object. {_COPY}")
    return held


def _graph(path: Path, faults: list[str]) -> Graph:
    try:
        return read_graphml(path)
    except ImportRefused as refused:
        faults.append(str(refused))
    except OSError as error:
        faults.append(f"{path.name} cannot be read: {error.strerror}. Check its permissions.")
    return Graph()


def _vectors(path: Path, faults: list[str]) -> list[Mapping[str, Any]]:
    """The records of a file of vectors; none where it is not there."""
    held = _json(path, faults) if path.is_file() else {"data": []}
    records = held.get("data") if isinstance(held, dict) else None
    if not isinstance(records, list) or not all(isinstance(record, dict) for record in records):
        if held is not None:
            faults.append(f'{path.name} holds no list of records under "data". {_COPY}')
        return []
    return records


def _documents(
    store: Mapping[str, Mapping[str, Any]], status: Mapping[str, Mapping[str, Any]], faults: list[str]
) -> Iterator[Document]:
    for key, record in store.items():
        text = record.get("content")
        if not isinstance(text, str):
            faults.append(f"{DOCUMENTS}: the document {_shown(key)} has no content. {_COPY}")
            continue
        name = str(record.get("file_path") or status.get(key, {}).get("file_path") or "")
        parsed = record.get("parse_format") == "lightrag"
        finished = str(status.get(key, {}).get("status", "")).casefold() == _FINISHED
        yield Document(key, name, text.removeprefix(_PARSED_MARK) if parsed else text, finished)
    for key, record in status.items():
        if key not in store and str(record.get("status", "")).casefold() == _FINISHED:
            faults.append(f"{STATUS} counts {_shown(key)} as read, but {DOCUMENTS} does not have it. {_COPY}")


def _chunks(
    store: Mapping[str, Mapping[str, Any]], documents: set[str], faults: list[str]
) -> Iterator[tuple[str, ChunkText]]:
    for key, record in store.items():
        text, document = record.get("content"), record.get("full_doc_id")
        if not isinstance(text, str) or not isinstance(document, str):
            faults.append(f"{CHUNKS}: the chunk {_shown(key)} has no content or no full_doc_id. {_COPY}")
        elif document not in documents:
            known = f"which {DOCUMENTS} does not have"
            faults.append(f"{CHUNKS}: the chunk {_shown(key)} is of the document {_shown(document)}, {known}. {_COPY}")
        else:
            yield key, ChunkText(key, document, text)


def _out_of_step(graph: Graph, vectors: Mapping[str, list[Mapping[str, Any]]]) -> Iterator[str]:
    """The graph is written last; where the vectors know more, it was not written to the end."""
    for record in vectors[ENTITIES]:
        name = str(record.get("entity_name"))
        if name not in graph.entities:
            yield f"{ENTITIES} has the entity {_shown(name)}, which {GRAPH} does not have. {_COPY}"
    linked = {frozenset((link.a, link.b)) for link in graph.links}
    for record in vectors[RELATIONS]:
        ends = (str(record.get("src_id")), str(record.get("tgt_id")))
        if frozenset(ends) not in linked:
            names = f"{_shown(ends[0])} – {_shown(ends[1])}"
            yield f"{RELATIONS} has the relation {names}, which {GRAPH} does not have. {_COPY}"
    for link in graph.links:
        for name in (link.a, link.b):
            if name not in graph.entities:
                yield f"{GRAPH} has a relation of {_shown(name)}, which is none of its entities. {_COPY}"


def _fitted(documents: tuple[Document, ...], chunks: dict[str, ChunkText], graph: Graph) -> Holdings:
    entities = {name: Entity(name, e.type, _known(e.chunks, chunks)) for name, e in graph.entities.items()}
    links = [Link(x.a, x.b, x.keywords, x.description, _known(x.chunks, chunks)) for x in graph.links]
    unplaced = sum(not e.chunks for e in entities.values()) + sum(not x.chunks for x in links)
    return Holdings(documents, chunks, entities, tuple(links), unplaced)


def _known(ids: tuple[str, ...], chunks: Mapping[str, ChunkText]) -> tuple[str, ...]:
    return tuple(i for i in ids if i in chunks)


def _shown(value: object) -> str:
    """A name from the folder, fit to print."""
    return repr(shorten(clean_line(str(value).replace(SEPARATOR, " ")), 80))


def _refused(folder: Path, faults: list[str]) -> ImportRefused:
    lines = "\n".join(f"- {fault}" for fault in faults[:MOST_FAULTS])
    more = f"\n- and {len(faults) - MOST_FAULTS} more" if len(faults) > MOST_FAULTS else ""
    return ImportRefused(f"Nothing was imported from {folder}:\n{lines}{more}")
