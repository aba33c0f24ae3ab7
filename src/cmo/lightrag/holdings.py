"""What a LightRAG working directory holds, once it is known to be whole."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

SEPARATOR = "<SEP>"
"""Between the items of a list that LightRAG keeps in one string."""


@dataclass(frozen=True, slots=True)
class Document:
    """A document as it was inserted."""

    id: str
    name: str
    """Of the file it came from, as LightRAG was told; not to be trusted as a path."""
    text: str
    finished: bool
    """Whether LightRAG read it to the end."""


@dataclass(frozen=True, slots=True)
class ChunkText:
    """A piece of a document that its language model was shown."""

    id: str
    document: str
    text: str


@dataclass(frozen=True, slots=True)
class Entity:
    """Something that its language model named."""

    name: str
    type: str
    """In the model's own words: ``metabolite``, ``NaturalObject``, or whatever it said."""
    chunks: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Link:
    """A relation that its language model told of two entities, without a direction."""

    a: str
    b: str
    keywords: str
    description: str
    chunks: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Holdings:
    """A whole working directory."""

    documents: tuple[Document, ...]
    chunks: Mapping[str, ChunkText]
    entities: Mapping[str, Entity]
    """By name."""
    links: tuple[Link, ...]
    unplaced: int = 0
    """Entities and relations of which no chunk is known: entered by hand, or brought in without a text."""


@dataclass(frozen=True, slots=True)
class Graph:
    """The graph file, as read."""

    entities: Mapping[str, Entity] = field(default_factory=dict)
    links: tuple[Link, ...] = ()
