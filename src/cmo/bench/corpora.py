"""Documents of public sets, as papers: BioASQ's snippets, BioRED's abstracts, articles in JATS.

Nothing is copied: they are read where the data lies, and each has an identifier of its own as its DOI, so that
equal titles stay apart.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from types import MappingProxyType
from typing import Final

from cmo.bench.annotated import read
from cmo.bench.beir import DOI_PREFIX, Beir, document
from cmo.errors import NotFound
from cmo.ingest.jats import JatsParser
from cmo.model.papers import CITABLE, Format, ParsedPaper

_BIORED = ("Train.PubTator", "Dev.PubTator")
_JATS = ("jats_metabolomics", "jats_distractors")


@dataclass(frozen=True, slots=True)
class Document:
    """What a corpus says under one identifier."""

    id: str
    title: str
    text: str
    """With its title. Of an article what may be quoted, a line for each sentence: no references, no author lists."""


def papers(corpus: str, data: Path) -> Iterator[tuple[str, ParsedPaper]]:
    """The corpus as papers that are read already, by identifier.

    Args:
        corpus: one of `CORPORA`.
        data: the folder with ``retrieval``, ``ner`` and ``papers``.

    Raises:
        NotFound: there is no such corpus, or its files are not there.
    """
    if corpus not in CORPORA:
        raise NotFound(f"There is no corpus {corpus!r}; there are: {', '.join(CORPORA)}.")
    return CORPORA[corpus](data)


def documents(corpus: str, data: Path) -> Iterator[Document]:
    """The corpus as plain texts."""
    for name, paper in papers(corpus, data):
        yield Document(name, paper.metadata.title, _text(paper))


def _text(paper: ParsedPaper) -> str:
    if paper.format is not Format.JATS:
        return paper.text
    lines = (paper.text[s.start : s.end] for s in paper.sentences if s.role in CITABLE)
    return "\n".join((paper.metadata.title, *lines))


def _bioasq(data: Path) -> Iterator[tuple[str, ParsedPaper]]:
    return Beir.open(data / "retrieval" / "bioasq_snippets").documents()


def _biored(data: Path) -> Iterator[tuple[str, ParsedPaper]]:
    for name in _BIORED:
        for text in read(data / "ner" / "biored" / name):
            yield text.name, document(text.name, text.text.partition("\n")[0], text.text)


def _jats(data: Path) -> Iterator[tuple[str, ParsedPaper]]:
    files = [p for folder in _JATS for p in sorted((data / "papers" / folder).glob("*.xml.gz"))]
    if not files:
        raise NotFound(f"{data / 'papers'} has no articles in {' or '.join(_JATS)}.")
    for path in files:
        name = path.name.removesuffix(".xml.gz")
        paper = JatsParser().parse(path)
        yield name, replace(paper, metadata=replace(paper.metadata, doi=f"{DOI_PREFIX}{name}"))


CORPORA: Final[Mapping[str, Callable[[Path], Iterator[tuple[str, ParsedPaper]]]]] = MappingProxyType(
    {"bioasq": _bioasq, "biored": _biored, "jats": _jats}
)
"""How each is read."""
