"""Bibliographic facts of a PDF: what its first pages print, checked against what the file records about itself."""

from __future__ import annotations

import ctypes
import re
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import pypdfium2.raw as pdfium

from cmo.ingest.pdf import masthead
from cmo.model.papers import Metadata, Role, Section, Sentence

_DOI = re.compile(r"\b10\.\d{4,9}/[^\s\"<>{}|\\^`\[\]]+", re.IGNORECASE)
_OF_ANOTHER = re.compile(
    r"(?:\brests on|\bcomment(?:ary)? on|\breply to|\bresponse to|\bcorrect\w* (?:to|of)|\berratum (?:to|for|in)|"
    r"\brelated (?:article|to)|\bsupplement(?:ary)? to|\breview of|\bsee also|\bpreprint of|\bversion of)\b[^.]*$",
    re.IGNORECASE,
)
"""Words that introduce the DOI of another work."""
_LINE_BREAK = re.compile(r"\s(\d[\w.()/-]*)")
"""What follows where a DOI was broken at the end of a line."""
_PMID = re.compile(r"PMID(?<=\bPMID)\W{0,3}(\d{5,9})\b")
"""A pattern that begins with plain letters is searched many times faster."""
_YEAR = re.compile(r"\b(?:19[5-9]\d|20[0-4]\d)\b")
_DATED = tuple(
    re.compile(rf"(?:{marks})[^.\n]{{0,60}}?\b((?:19[5-9]|20[0-4])\d)\b", re.IGNORECASE)
    for marks in (r"published(?:\s+online)?", r"copyright|©|\(c\)", "accepted|received")
)
"""What a year is said to be of, the telling ones first: a paper is often accepted the year before it appears."""
_JOURNAL = re.compile(r"^(?:\W*)([A-Z][\w&.:\- ]{3,70}?)\W*(?:\(?(?:19|20)\d\d\)?|Vol(?:ume)?\b|\|)", re.MULTILINE)
_NAMED = "creative commons attribution"
_LICENCES = (
    ("public domain dedication", re.compile(r"public domain dedication", re.IGNORECASE), "CC0-1.0"),
    ("cc0", re.compile(r"\bCC0\b", re.IGNORECASE), "CC0-1.0"),
    ("/publicdomain/zero", re.compile(r"/publicdomain/zero", re.IGNORECASE), "CC0-1.0"),
    ("creativecommons", re.compile(r"creativecommons\.org/licenses/([a-z-]+)/?\s?(\d\.\d)?", re.IGNORECASE), ""),
    ("cc", re.compile(r"\bCC[ -](BY(?:-(?:NC|ND|SA))*)\b(?:\s*(\d\.\d))?"), ""),
    (
        _NAMED,
        re.compile(r"Creative Commons Attribution[- ]Non-?\s?Commercial[- ]No\s?Deriv", re.IGNORECASE),
        "CC BY-NC-ND",
    ),
    (_NAMED, re.compile(r"Creative Commons Attribution[- ]Non-?\s?Commercial[- ]Share", re.IGNORECASE), "CC BY-NC-SA"),
    (_NAMED, re.compile(r"Creative Commons Attribution[- ]Non-?\s?Commercial", re.IGNORECASE), "CC BY-NC"),
    (_NAMED, re.compile(r"Creative Commons Attribution", re.IGNORECASE), "CC BY"),
)
"""What a text must hold in small letters to be searched, which most do not; the pattern; the licence that it means."""
_FRONT_CHARACTERS = 12_000
"""Of the beginning, and of the end, where some journals print their licence."""
_NAME = re.compile(r"(?:[A-ZÀ-Þ][\w'’.-]*|[dv][aeio]n?|de[lr]?|la|le|bin|al|ter)(?:\s|$)", re.UNICODE)
_MARKS = re.compile(r"(?<=[^\W\d_])[\d,*†‡§¶#∗]+|[*†‡§¶#∗✉]|\(\d+\)|\b\d+\b")
_DEGREES = re.compile(r",?\s*\b(?:Ph\.?\s?D|M\.?\s?D|M\.?\s?Sc|B\.?\s?Sc|M\.?\s?S|Dr|Prof)\b\.?", re.IGNORECASE)
_DATES = re.compile(
    r"\b(?:received|revised|accepted|published|january|february|april|november|december)\b", re.IGNORECASE
)
_MACHINE_TITLE = re.compile(r"untitled|microsoft|\.\w{2,4}$|^[\w.-]+$|\d{4,}|^article|^doi", re.IGNORECASE)
_LONGEST_NAME_WORDS = 6


@dataclass(frozen=True, slots=True)
class Recorded:
    """What the file says about itself."""

    title: str
    author: str
    subject: str
    keywords: str
    date: str


def recorded(document: Any) -> Recorded:
    """The document information dictionary."""
    return Recorded(*(_tag(document, name) for name in (b"Title", b"Author", b"Subject", b"Keywords", b"CreationDate")))


def _tag(document: Any, name: bytes) -> str:
    length = int(pdfium.FPDF_GetMetaText(document, name, None, 0))
    if not 2 < length < 10_000:  # noqa: PLR2004 - two bytes are the empty string
        return ""
    buffer = ctypes.create_string_buffer(length)
    pdfium.FPDF_GetMetaText(document, name, buffer, length)
    return " ".join(buffer.raw[: length - 2].decode("utf-16-le", "replace").replace("\x00", "").split())


def read(facts: Recorded, text: str, sentences: Sequence[Sentence], first_page: Sequence[str] = ()) -> Metadata:
    """The metadata of a paper; `first_page` are all lines of it, those of head and foot included."""
    head = masthead.read(first_page)
    front = text[:_FRONT_CHARACTERS]
    return Metadata(
        title=_title(facts, text, sentences),
        authors=_authors(facts, text, sentences),
        doi=_doi(facts, text, sentences),
        pmid=(_PMID.search(front) or [None, ""])[1] or "",
        year=head.year or _year(facts, front),
        journal=head.journal or _journal(facts),
        licence=_licence(front + text[max(_FRONT_CHARACTERS, len(text) - _FRONT_CHARACTERS) :]),
    )


def _title(facts: Recorded, text: str, sentences: Sequence[Sentence]) -> str:
    printed = next((text[s.start : s.end] for s in sentences if s.section is Section.TITLE), "")
    if printed:
        return printed
    return "" if _MACHINE_TITLE.search(facts.title) else facts.title


def _authors(facts: Recorded, text: str, sentences: Sequence[Sentence]) -> tuple[str, ...]:
    """The names in the first line below the title that reads as a list of names; else what the file records."""
    title = next((i for i, s in enumerate(sentences) if s.section is Section.TITLE), -1)
    for sentence in sentences[title + 1 : title + 8]:
        if sentence.role is not Role.FRONT:
            break
        names = _names(text[sentence.start : sentence.end])
        if names:
            return names
    return _names(facts.author) or ((facts.author,) if 0 < len(facts.author.split()) < _LONGEST_NAME_WORDS else ())


def _names(line: str) -> tuple[str, ...]:
    if _DATES.search(line):
        return ()
    plain = _MARKS.sub(", ", _DEGREES.sub("", line))
    parts = [" ".join(part.split()) for part in re.split(r"[,;]|\band\b|&|·|•|\|", plain)]
    names = [part.strip(" .") for part in parts if len(part.strip(" .")) > 2]  # noqa: PLR2004 - an initial is no name
    good = [
        name for name in names if 1 < len(name.split()) <= _LONGEST_NAME_WORDS and all(map(_NAME.match, name.split()))
    ]
    return tuple(good) if good and len(good) >= 0.8 * len(names) else ()


def _doi(facts: Recorded, text: str, sentences: Sequence[Sentence]) -> str:
    """The paper's own DOI: the first one that is neither a reference's nor introduced as another work's."""
    listed = next((s.start for s in sentences if s.role is Role.REFERENCE), len(text))
    tail = "\n".join(text[s.start : s.end] for s in sentences[-40:] if s.role is not Role.REFERENCE)
    others: set[str] = set()
    for source in (text[: min(_FRONT_CHARACTERS, listed)], facts.subject, facts.title, facts.keywords, tail):
        for found in _DOI.finditer(source):
            broken = _LINE_BREAK.match(source, found.end()) if found[0].endswith((".", "/", "-")) else None
            doi = (found[0] + (broken[1] if broken else "")).rstrip(".,;:)/").lower()
            if _OF_ANOTHER.search(source[max(0, found.start() - 80) : found.start()]):
                others.add(doi)
            if doi not in others:
                return doi
    return ""


def _year(facts: Recorded, front: str) -> int | None:
    for pattern in _DATED:
        if dated := pattern.findall(front):
            return max(map(int, dated))
    found = _YEAR.search(front[:1500]) or _YEAR.search(facts.subject) or _YEAR.search(facts.date[2:6])
    return int(found[0]) if found else None


def _journal(facts: Recorded) -> str:
    found = _JOURNAL.match(facts.subject)
    return found[1].strip(" ,.:") if found else ""


def _licence(text: str) -> str:
    small = text.lower()
    for telling, pattern, name in _LICENCES:
        found = telling in small and pattern.search(text)
        if found:
            return name or " ".join(filter(None, ("CC", found[1].upper(), found[2])))
    return ""
