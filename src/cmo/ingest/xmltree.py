"""XML to a tree, safely: nothing is fetched, nothing is expanded, nesting is bounded.

Files of PubMed Central name a DTD that is not at hand, so entities that it would define (``&alpha;``) are looked up
among those of HTML, which include those of ISO that JATS uses. A file that defines entities with text of its own is
refused: articles do not, and bombs do.
"""

from __future__ import annotations

from html.entities import html5
from typing import NoReturn
from xml.etree.ElementTree import Element, TreeBuilder
from xml.parsers import expat

MAX_DEPTH = 200


class BadXml(ValueError):
    """Not well-formed, cut off, nested too deeply, or made to harm."""


def parse(data: bytes) -> Element:
    """The root element; names and attributes are without prefix. Raises `BadXml`."""
    reader = _Reader()
    try:
        return reader.read(data)
    except expat.ExpatError as error:
        raise BadXml(f"not well-formed XML: {error}") from error
    except (LookupError, AssertionError, UnicodeDecodeError) as error:
        raise BadXml(f"not XML: {error}") from error


class _Reader:
    def __init__(self) -> None:
        self._builder = TreeBuilder()
        self._depth = 0
        parser = self._parser = expat.ParserCreate()
        parser.buffer_text = True
        parser.UseForeignDTD(True)  # noqa: FBT003 - lets undefined entities pass to the handler below
        parser.StartElementHandler = self._start
        parser.EndElementHandler = self._end
        parser.CharacterDataHandler = self._builder.data
        parser.EntityDeclHandler = self._entity
        parser.SkippedEntityHandler = self._skipped
        parser.ExternalEntityRefHandler = lambda *_: 1

    def read(self, data: bytes) -> Element:
        self._parser.Parse(data, True)  # noqa: FBT003 - expat's own signature
        root: Element = self._builder.close()
        return root

    def _start(self, tag: str, attributes: dict[str, str]) -> None:
        self._depth += 1
        if self._depth > MAX_DEPTH:
            raise BadXml(f"elements are nested more than {MAX_DEPTH} deep")
        self._builder.start(_local(tag), {_local(key): value for key, value in attributes.items()})

    def _end(self, tag: str) -> None:
        self._depth -= 1
        self._builder.end(_local(tag))

    def _entity(self, name: str, is_parameter: bool, value: str | None, *_: object) -> None:
        if value is not None and not is_parameter:
            _forbid(name)

    def _skipped(self, name: str, is_parameter: bool) -> None:
        if not is_parameter:
            self._builder.data(html5.get(f"{name};", ""))


def _forbid(name: str) -> NoReturn:
    raise BadXml(f"it defines an entity with text of its own ({name})")


def _local(name: str) -> str:
    return name.rpartition(":")[2]
