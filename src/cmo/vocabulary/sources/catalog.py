"""The vocabularies that can be installed, by name, in the order of trust; what is known of each stands in a data file."""

from __future__ import annotations

import tomllib
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from functools import cache
from importlib import import_module
from pathlib import Path
from typing import Any

from cmo.errors import NotFound
from cmo.vocabulary.sources.notes import Notes
from cmo.vocabulary.sources.rows import Item

Read = Callable[[Path, Notes], Iterator[Item]]
_FILE = Path(__file__).with_name("official.toml")
_READERS = {"own": "table"}


@dataclass(frozen=True, slots=True)
class Source:
    """Where a vocabulary comes from."""

    name: str
    title: str
    project: str
    licence: str
    page: str
    """Where a person finds its files."""
    files: tuple[str, ...]
    """The sets of files of which one is enough."""
    urls: tuple[str, ...]
    """What can be downloaded without a person; may be empty."""

    @property
    def read(self) -> Read:
        """Its reader; imported when it is needed."""
        module = import_module(f"cmo.vocabulary.sources.{_READERS.get(self.name, self.name.replace('-', '_'))}")
        reader: Read = module.read
        return reader


@cache
def catalog() -> Mapping[str, Source]:
    """All of them."""
    with _FILE.open("rb") as file:
        return {name: _source(name, facts) for name, facts in tomllib.load(file).items()}


def source(name: str) -> Source:
    """One of them.

    Raises:
        NotFound: there is none of this name; the message lists those that there are.
    """
    if name not in catalog():
        raise NotFound(f"There is no vocabulary {name!r}. There are {', '.join(catalog())}.")
    return catalog()[name]


def _source(name: str, facts: Mapping[str, Any]) -> Source:
    fields: dict[str, Any] = {k: tuple(v) if isinstance(v, list) else v for k, v in facts.items()}
    return Source(name, **fields)
