"""How well PDFs are read, measured on articles of which the publisher's XML (JATS) is at hand.

The XML is read here with the standard library alone, not with the reader of JATS that the product ships, so that a
mistake of one does not hide a mistake of the other.
"""

from __future__ import annotations

import json
import re
import sys
import time
import unicodedata
from bisect import bisect_left, bisect_right
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from xml.etree import ElementTree as ET

from cmo.ingest.pdf import PdfParser
from cmo.ingest.sections import section_named
from cmo.ingest.sentences import split
from cmo.model.papers import ParsedPaper, Role, Section

_CITABLE = frozenset({Role.PROSE, Role.CAPTION, Role.TABLE})
_READ = _CITABLE | {Role.HEADING}
"""Some XML has headings as paragraphs."""
_UNPRINTED = frozenset({"tex-math", "math", "object-id", "alternatives", "supplementary-material", "graphic", "media"})
_ASIDE = frozenset({"table-wrap", "fig", "disp-formula", "boxed-text", "table-wrap-group", "fig-group"})
_SAME = str.maketrans(
    {
        **dict.fromkeys("‐‑‒–—−﹣－", "-"),
        **dict.fromkeys("’‘`´′", "'"),
        **dict.fromkeys("∼˜～", "~"),
        **dict.fromkeys("◦º˚", "°"),
        **dict.fromkeys('“”″„"', "''"),
    }
)
_MU = str.maketrans("µ∆∗⁎", "μΔ**")
_CITATIONS = re.compile(r"(?:[\[(]\d{1,3}(?:[,;-]+\d{1,3})*[\])],?)+")
"""Marks such as [1,2] or [1], [2]: publishers print them otherwise than their XML has them."""
_TELLING = 40
"""Characters of a title that no sentence of another article has by chance."""
_SHORTEST = 25
"""Characters of a sentence that are enough to find it by."""
_TYPES = {
    "intro": Section.INTRODUCTION,
    "methods": Section.METHODS,
    "materials": Section.METHODS,
    "materials|methods": Section.METHODS,
    "results": Section.RESULTS,
    "discussion": Section.DISCUSSION,
    "conclusions": Section.CONCLUSION,
}


@dataclass(frozen=True, slots=True)
class PairScore:
    """How one PDF compares with its XML. Shares are between 0 and 1."""

    name: str
    pages: int
    sentences: int
    """Of the XML's body paragraphs."""
    word_recall: float
    """Words of the body (captions and tables included) that the PDF's text has, each as often."""
    found: float
    """Sentences of the body that stand whole in citable text."""
    in_order: float
    """Sentences that stand whole and in order: the longest increasing run of their places."""
    section_right: float
    """Of those found whose section has a known name."""
    references_cited: float
    """Titles of the reference list that stand in citable text."""
    pages_per_second: float
    title_right: bool
    doi_right: bool
    missing: tuple[str, ...] = ()
    misplaced: tuple[str, ...] = ()


def evaluate_pair(pdf: Path, jats: Path) -> PairScore:
    """Read a PDF and compare it with the XML of the same article."""
    started = time.perf_counter()
    paper = PdfParser().parse(pdf)
    seconds = time.perf_counter() - started
    root = ET.parse(jats).getroot()  # noqa: S314 - our own test data
    wanted = list(_body_sentences(root))
    text, places = _citable(paper)
    at = _find(wanted, text)
    hits = [place for place in at if place >= 0]
    sections = [(s, _section_at(paper, places, place)) for (_, s), place in zip(wanted, at, strict=True) if place >= 0]
    named = [(want, got) for want, got in sections if want is not None]
    titles = [key for ref in _reference_titles(root) if len(key := _key(ref)) >= _TELLING]
    return PairScore(
        name=pdf.stem,
        pages=len(paper.pages),
        sentences=len(wanted),
        word_recall=_recall(_words(_body_text(root)), _words(paper.text)),
        found=len(hits) / max(len(wanted), 1),
        in_order=_longest_rise(hits) / max(len(wanted), 1),
        section_right=sum(want is got for want, got in named) / max(len(named), 1),
        references_cited=sum(title in text for title in titles) / max(len(titles), 1),
        pages_per_second=len(paper.pages) / seconds,
        title_right=_key(_first(root, "article-title")) == _key(paper.metadata.title),
        doi_right=_doi(root) in {"", paper.metadata.doi},
        missing=tuple(sentence for (sentence, _), place in zip(wanted, at, strict=True) if place < 0),
        misplaced=tuple(
            f"{got}: {sentence}"
            for (sentence, want), place in zip(wanted, at, strict=True)
            if place >= 0 and want is not None and (got := _section_at(paper, places, place)) is not want
        ),
    )


def evaluate(folder: Path, progress: Callable[[PairScore], None] = lambda _: None) -> list[PairScore]:
    """Every pair NAME.pdf and NAME.xml of a folder."""
    scores = []
    for pdf in sorted(folder.glob("*.pdf")):
        jats = pdf.with_suffix(".xml")
        if jats.exists():
            scores.append(evaluate_pair(pdf, jats))
            progress(scores[-1])
    return scores


def _key(text: str) -> str:
    """What two spellings of a sentence have in common: no white space, one kind of dash and quote, no case."""
    plain = unicodedata.normalize("NFKC", text.translate(_SAME)).translate(_SAME).translate(_MU)
    return _CITATIONS.sub("", "".join(plain.split()).casefold())


def _words(text: str) -> Counter[str]:
    plain = unicodedata.normalize("NFKC", text.translate(_MU)).translate(_SAME)
    return Counter(re.findall(r"\w+", plain.casefold()))


def _recall(wanted: Counter[str], got: Counter[str]) -> float:
    return sum((wanted & got).values()) / max(sum(wanted.values()), 1)


def _citable(paper: ParsedPaper) -> tuple[str, list[int]]:
    """The citable text as one key, and where in it each sentence of the paper begins."""
    parts, places, at = [], [], 0
    for sentence in paper.sentences:
        places.append(at)
        if sentence.role in _READ:
            parts.append(_key(paper.text[sentence.start : sentence.end]))
            at += len(parts[-1])
    return "".join(parts), places


def _find(wanted: Sequence[tuple[str, Section | None]], text: str) -> list[int]:
    found, last = [], 0
    for sentence, _ in wanted:
        key = _key(sentence)
        place = text.find(key, last)
        place = place if place >= 0 else text.find(key)
        last = place + len(key) if place >= 0 else last
        found.append(place)
    return found


def _section_at(paper: ParsedPaper, places: list[int], place: int) -> Section:
    return paper.sentences[bisect_right(places, place) - 1].section


def _longest_rise(places: Sequence[int]) -> int:
    tails: list[int] = []
    for place in places:
        at = bisect_left(tails, place)
        tails[at : at + 1] = [place]
    return len(tails)


def _local(element: ET.Element) -> str:
    return element.tag.rpartition("}")[2] if isinstance(element.tag, str) else "comment"


def _printed(element: ET.Element, skip: frozenset[str]) -> str:
    parts = [element.text or ""]
    for child in element:
        if _local(child) not in skip and _local(child) != "comment":
            inner = _printed(child, skip)
            parts.append(f" {inner} " if _local(child) in {"p", "title", "td", "th", "label", "list-item"} else inner)
        parts.append(child.tail or "")
    return "".join(parts)


def _body(root: ET.Element) -> ET.Element | None:
    return next((e for e in root.iter() if _local(e) == "body"), None)


def _body_text(root: ET.Element) -> str:
    body = _body(root)
    return "" if body is None else _printed(body, _UNPRINTED)


def _body_sentences(root: ET.Element) -> Iterator[tuple[str, Section | None]]:
    body = _body(root)
    for section, paragraph in _paragraphs(body, None) if body is not None else ():
        text = " ".join(_printed(paragraph, _UNPRINTED | _ASIDE).split())
        for start, end in split(text):
            if end - start >= _SHORTEST:
                yield text[start:end], section


def _paragraphs(element: ET.Element, section: Section | None) -> Iterator[tuple[Section | None, ET.Element]]:
    for child in element:
        kind = _local(child)
        if kind == "p":
            yield section, child
        elif kind == "sec":
            yield from _paragraphs(child, section or _named(child))
        elif kind not in _ASIDE | _UNPRINTED:
            yield from _paragraphs(child, section)


def _named(sec: ET.Element) -> Section | None:
    title = next((_printed(e, _UNPRINTED) for e in sec if _local(e) == "title"), "")
    return section_named(title) or _TYPES.get(sec.get("sec-type", ""))


def _reference_titles(root: ET.Element) -> Iterator[str]:
    for element in root.iter():
        if _local(element) == "ref":
            yield from (_printed(e, frozenset()) for e in element.iter() if _local(e) == "article-title")


def _first(root: ET.Element, name: str) -> str:
    return next((_printed(e, frozenset({"xref", "fn"})) for e in root.iter() if _local(e) == name), "")


def _doi(root: ET.Element) -> str:
    ids = (e for e in root.iter() if _local(e) == "article-id" and e.get("pub-id-type") == "doi")
    return next((e.text or "" for e in ids), "").lower()


def main(arguments: Sequence[str]) -> int:
    """Print the scores of a folder as JSON."""
    scores = evaluate(Path(arguments[0]))
    sys.stdout.write(json.dumps([asdict(score) for score in scores], indent=1, ensure_ascii=False) + "\n")
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
