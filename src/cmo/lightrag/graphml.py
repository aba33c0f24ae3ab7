"""A GraphML file, read as a stream and safely: nothing is fetched, nothing is expanded, a DTD is refused.

LightRAG writes it through networkx: no DTD, no nesting beyond five levels. What has them was not written by it.
"""

from __future__ import annotations

from pathlib import Path
from xml.parsers import expat

from cmo.errors import ImportRefused
from cmo.lightrag.holdings import SEPARATOR, Entity, Graph, Link

MAX_DEPTH = 12
MAX_VALUE_CHARS = 4_000_000
"""Longest single value; LightRAG's descriptions have thousands."""


class _Bad(ValueError):
    """What the parser cannot tell by itself."""


def read_graphml(path: Path) -> Graph:
    """Entities and links.

    Raises:
        ImportRefused: it is cut off, is no GraphML, or is made to harm; names the line.
    """
    reader = _Reader()
    try:
        with path.open("rb") as file:
            reader.parser.ParseFile(file)
    except (expat.ExpatError, _Bad, UnicodeDecodeError, LookupError) as error:
        where = f"line {reader.parser.CurrentLineNumber}, column {reader.parser.CurrentColumnNumber}"
        what = expat.ErrorString(error.code) if isinstance(error, expat.ExpatError) else str(error)
        raise ImportRefused(
            f"{path.name} cannot be read at {where}: {what}. It may be cut off: copy the folder again while LightRAG "
            "is not running, or restore it from a backup."
        ) from error
    if not reader.found_graph:
        raise ImportRefused(f"{path.name} holds no <graph>. It is not a graph that LightRAG wrote; copy it again.")
    return Graph(reader.entities, tuple(reader.links))


class _Reader:
    """Takes the events of the parser; one node or edge is open at a time."""

    def __init__(self) -> None:
        self.entities: dict[str, Entity] = {}
        self.links: list[Link] = []
        self.found_graph = False
        self._depth = 0
        self._keys: dict[str, str] = {}
        self._open: dict[str, str] | None = None
        self._ends: tuple[str, str] = ("", "")
        self._name: str | None = None
        self._text: list[str] = []
        self._chars = 0
        parser = self.parser = expat.ParserCreate(namespace_separator="}")
        parser.buffer_text = True
        parser.StartElementHandler = self._start
        parser.EndElementHandler = self._end
        parser.CharacterDataHandler = self._data
        parser.StartDoctypeDeclHandler = self._doctype

    def _doctype(self, name: str, *_: object) -> None:
        raise _Bad(f"it has a document type ({name}), which LightRAG never writes and bombs are made of")

    def _start(self, tag: str, attributes: dict[str, str]) -> None:
        self._depth += 1
        if self._depth > MAX_DEPTH:
            raise _Bad(f"elements are nested more than {MAX_DEPTH} deep")
        kind = tag.rpartition("}")[2]
        if kind == "key":
            self._keys[_needed(attributes, "id", kind)] = _needed(attributes, "attr.name", kind)
        elif kind == "graph":
            self.found_graph = True
        elif kind == "node":
            self._open, self._ends = {}, (_needed(attributes, "id", kind), "")
        elif kind == "edge":
            self._open = {}
            self._ends = (_needed(attributes, "source", kind), _needed(attributes, "target", kind))
        elif kind == "data" and self._open is not None:
            self._name, self._text, self._chars = self._keys.get(_needed(attributes, "key", kind)), [], 0

    def _data(self, text: str) -> None:
        if self._name is not None:
            self._chars += len(text)
            if self._chars > MAX_VALUE_CHARS:
                raise _Bad(f"a value has more than {MAX_VALUE_CHARS:,} characters")
            self._text.append(text)

    def _end(self, tag: str) -> None:
        self._depth -= 1
        kind = tag.rpartition("}")[2]
        if kind == "data" and self._open is not None and self._name is not None:
            self._open[self._name] = "".join(self._text)
            self._name = None
        elif kind == "node" and self._open is not None:
            name = self._ends[0]
            self.entities[name] = Entity(name, self._open.get("entity_type", ""), _chunks(self._open))
            self._open = None
        elif kind == "edge" and self._open is not None:
            values = self._open
            keywords, description = values.get("keywords", ""), values.get("description", "")
            self.links.append(Link(*self._ends, keywords, description, _chunks(values)))
            self._open = None


def _needed(attributes: dict[str, str], name: str, kind: str) -> str:
    try:
        return attributes[name]
    except KeyError:
        raise _Bad(f"a <{kind}> lacks its {name}") from None


def _chunks(values: dict[str, str]) -> tuple[str, ...]:
    return tuple(dict.fromkeys(part for part in values.get("source_id", "").split(SEPARATOR) if part))
