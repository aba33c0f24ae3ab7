"""JATS (the XML of PubMed Central and of publishers) to a paper.

::

    front --facts--> title, front matter, abstract
    body  --sections--> headings, paragraphs; figures and tables after the paragraph that interrupted or first cites them
    back  --> acknowledgements, notes, glossary, references

The file says what everything is, so nothing is guessed but the section that a title names.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from xml.etree.ElementTree import Element

from cmo.errors import PaperRefused
from cmo.ingest import files, xmltree
from cmo.ingest.blocks import Block, assemble, clean
from cmo.ingest.jats_front import metadata_of
from cmo.ingest.jats_inline import FLOATS, Inline, flatten
from cmo.ingest.jats_references import references_of
from cmo.ingest.jats_table import rows_of
from cmo.ingest.outline import Outline
from cmo.ingest.sections import section_named
from cmo.model.outcomes import Refusal
from cmo.model.papers import Format, Metadata, ParsedPaper, Role, Section

__all__ = ["JatsParser"]

_LISTS = frozenset({"list", "def-list", "disp-quote", "statement", "verse-group", "speech", "p"})
_BACK_TITLES = {"ack": "Acknowledgements", "glossary": "Abbreviations", "fn-group": "Notes", "notes": "Notes"}
_OTHER_ABSTRACTS = frozenset({"graphical", "toc", "teaser", "web-summary"})


class JatsParser:
    """Articles in JATS or its ancestor NLM, plain or packed with gzip."""

    def parse(self, path: Path, max_bytes: int = files.MAX_BYTES) -> ParsedPaper:
        """Read the file. Raises `PaperRefused`."""
        data = files.read(path, max_bytes)
        try:
            root = xmltree.parse(data)
        except xmltree.BadXml as error:
            detail = f"{path.name} cannot be read: {error}."
            raise PaperRefused(Refusal.UNREADABLE, detail, "Download it again, or get the PDF.") from error
        article = _only_article(root, path)
        metadata = metadata_of(article)
        return assemble(Format.JATS, _Article(article, metadata).blocks(), metadata, path.name)


def _only_article(root: Element, path: Path) -> Element:
    articles = [root] if root.tag == "article" else list(root.iter("article"))
    if len(articles) != 1:
        detail = f"{path.name} holds {len(articles)} articles."
        raise PaperRefused(Refusal.UNKNOWN_FORMAT, detail, "Add one file an article.")
    return articles[0]


class _Article:
    """Walks one article from top to bottom."""

    def __init__(self, article: Element, metadata: Metadata) -> None:
        self._article = article
        self._metadata = metadata
        self._outline = Outline()
        self._waiting = {f.get("id", str(n)): f for n, f in enumerate(article.iterfind("floats-group/*"))}

    def blocks(self) -> Iterator[Block]:
        """Everything that is kept, in reading order."""
        meta = self._article.find("front/article-meta")
        yield Block(self._metadata.title, Role.HEADING, Section.TITLE, self._metadata.title)
        if meta is not None:
            yield from self._front(meta)
            for abstract in meta.iterfind("abstract"):
                if abstract.get("abstract-type") not in _OTHER_ABSTRACTS:
                    yield from self._part(abstract, 1, "Abstract", Section.ABSTRACT)
        self._outline.leave()
        for body in self._article.iterfind("body"):
            yield from self._content(body, 1)
        for waiting in list(self._waiting):
            yield from self._float(self._waiting.pop(waiting))
        for back in self._article.iterfind("back"):
            yield from self._back(back)

    def _front(self, meta: Element) -> Iterator[Block]:
        facts = self._metadata
        lines = [
            ", ".join(facts.authors),
            *(_affiliation(aff) for aff in meta.iter("aff")),
            ". ".join(filter(None, (facts.journal, str(facts.year or ""), facts.doi and f"doi: {facts.doi}"))),
            *(f"Keywords: {'; '.join(flatten(k) for k in group.iter('kwd'))}" for group in meta.iterfind("kwd-group")),
        ]
        for line in lines:
            yield Block(clean(line), Role.FRONT, Section.TITLE)

    def _part(self, element: Element, level: int, default: str, within: Section | None = None) -> Iterator[Block]:
        """An element with a title of its own or one by default, and what is in it.

        `within` is the section where its title names none.
        """
        label, title = (flatten(element.find(tag)) for tag in ("label", "title"))
        said = section_named(element.get("sec-type", "")) or within
        if heading := f"{label} {title}".strip() if title else default:
            section = self._outline.enter(level, heading, said)
            yield Block(heading, Role.HEADING, section, heading)
        elif said:
            self._outline.enter(level, "", said)
        yield from self._content(element, level + 1)

    def _content(self, element: Element, level: int) -> Iterator[Block]:
        for child in element:
            match child.tag:
                case "title" | "label" | "sec-meta" | "object-id":
                    continue
                case "sec" | "app" | "ack" | "notes" | "glossary" | "fn-group" | "bio":
                    yield from self._part(child, level, "")
                case "ref-list":
                    yield from self._references(child)
                case _:
                    yield from self._block(child)

    def _block(self, element: Element) -> Iterator[Block]:
        match element.tag:
            case "p":
                yield from self._paragraph(element)
            case tag if tag in FLOATS:
                yield from self._float(element)
            case "list":
                for item in element.iterfind("list-item"):
                    yield from self._item(item)
            case "def-list":
                for item in element.iterfind("def-item"):
                    yield self._prose(": ".join(filter(None, (flatten(item.find(tag)) for tag in ("term", "def")))))
            case "disp-quote" | "statement" | "fn" | "speech" | "verse-group":
                yield from self._unlabelled(element)
            case "graphic" | "media" | "alternatives":
                return
            case _:
                inline = Inline()
                inline.element(element)
                yield self._prose(inline.text)

    def _unlabelled(self, element: Element) -> Iterator[Block]:
        for child in element:
            if child.tag != "label":
                yield from self._block(child)

    def _paragraph(self, paragraph: Element) -> Iterator[Block]:
        """Prose up to each list in it, then the figures and tables that interrupted it or are first cited in it."""
        inline, floats = Inline(), []
        inline.add(paragraph.text)
        for child in paragraph:
            if child.tag in FLOATS:
                floats.append(child)
            elif child.tag in _LISTS:
                yield self._prose(inline.text)
                yield from self._block(child)
                inline = Inline()
            else:
                inline.element(child)
            inline.add(child.tail)
        yield self._prose(inline.text)
        cited = [self._waiting.pop(i) for x in paragraph.iter("xref") if (i := x.get("rid", "")) in self._waiting]
        for float_ in (*floats, *cited):
            yield from self._float(float_)

    def _item(self, item: Element) -> Iterator[Block]:
        label = flatten(item.find("label"))
        for child in item:
            if child.tag != "label":
                for block in self._block(child):
                    yield Block(f"{label} {block.text}".strip(), block.role, block.section, block.heading)
                    label = ""

    def _float(self, element: Element) -> Iterator[Block]:
        match element.tag:
            case "fig-group" | "table-wrap-group" | "boxed-text":
                yield from self._boxed(element)
            case "table-wrap":
                yield self._as(Role.CAPTION, _caption(element))
                yield self._as(Role.TABLE, "\n".join(rows_of(element)))
            case "supplementary-material":
                yield self._as(Role.FRONT, _caption(element))
            case _:
                yield self._as(Role.CAPTION, _caption(element))

    def _boxed(self, element: Element) -> Iterator[Block]:
        """A box within the text keeps the section and heading of the text around it."""
        yield self._as(Role.CAPTION, _caption(element))
        for child in element:
            if child.tag == "sec":
                yield from self._boxed(child)
            elif child.tag not in {"label", "caption", "title"}:
                yield from self._block(child)

    def _back(self, back: Element) -> Iterator[Block]:
        for child in back:
            self._outline.leave()
            if child.tag == "ref-list":
                yield from self._references(child)
            elif child.tag == "app-group":
                yield from self._content(child, 1)
            else:
                yield from self._part(child, 1, _BACK_TITLES.get(child.tag, "Notes"), Section.BACK)

    def _references(self, ref_list: Element) -> Iterator[Block]:
        heading = flatten(ref_list.find("title")) or "References"
        yield Block(heading, Role.HEADING, Section.REFERENCES, heading)
        for nested in ref_list.iter("ref-list"):
            for reference in references_of(nested):
                yield Block(reference, Role.REFERENCE, Section.REFERENCES, heading)

    def _prose(self, text: str) -> Block:
        return self._as(Role.PROSE, text)

    def _as(self, role: Role, text: str) -> Block:
        return Block(text, role, self._outline.section, self._outline.heading)


def _caption(element: Element) -> str:
    """Label, title and text of a figure or table: "Figure 1. Title. Text"."""
    label = flatten(element.find("label")).rstrip(".:")
    title = flatten(next(element.iter("title"), None))
    texts = [flatten(p) for p in _own_paragraphs(element)]
    if title and texts and not title.endswith((".", "?", "!", ":")):
        title += "."
    return " ".join(filter(None, (f"{label}." if label else "", title, *texts)))


def _own_paragraphs(element: Element) -> Iterator[Element]:
    """What is printed under a figure, wherever the file keeps it; not what is in a table or under it."""
    for child in element:
        if child.tag == "p":
            yield child
        elif child.tag in {"caption", "media"}:
            yield from _own_paragraphs(child)


def _affiliation(aff: Element) -> str:
    inline = Inline()
    inline.add(aff.text)
    for child in aff:
        if child.tag not in {"label", "sup"}:
            inline.element(child)
        inline.add(child.tail)
    return inline.text
