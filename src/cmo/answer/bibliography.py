"""Cited papers as reference managers and journals take them: BibTeX, RIS, Vancouver.

BibTeX is the classical one (``@article``, braces around titles), RIS that of Research Information Systems (``TY  - JOUR``),
Vancouver the one of the US National Library of Medicine (*Citing Medicine*: six authors, then et al.). What a file does not
say is left out, never made up.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Callable, Mapping, Sequence
from enum import StrEnum
from typing import Final

from cmo.model.papers import PaperRef

_MOST_AUTHORS: Final = 6
_LATEX: Final = {
    "\\": r"\textbackslash{}", "{": r"\{", "}": r"\}", "%": r"\%", "&": r"\&", "$": r"\$", "#": r"\#", "_": r"\_",
    "~": r"\textasciitilde{}", "^": r"\textasciicircum{}",
}  # fmt: skip
_INITIALS = re.compile(r"[A-Z]{1,3}")
_PARTICLES: Final = frozenset(
    ("al", "da", "de", "del", "della", "den", "der", "di", "dos", "du", "el", "la", "le", "van", "von", "zu")
)
_LINES = re.compile(r"\s+")
_CONSORTIUM = re.compile(
    r"\b(?:consortium|group|network|investigators|collaboration|committee|society)\b", re.IGNORECASE
)


class Style(StrEnum):
    """How references are written."""

    BIBTEX = "bibtex"
    RIS = "ris"
    VANCOUVER = "vancouver"


def bibliography(papers: Sequence[PaperRef], style: Style) -> str:
    """References of papers in their order, numbered from 1 where the style numbers them."""
    return _STYLES[style](papers)


def _bibtex(papers: Sequence[PaperRef]) -> str:
    keys: dict[str, int] = {}
    return "\n".join(_entry(paper, _key(paper, keys)) for paper in papers)


def _entry(paper: PaperRef, key: str) -> str:
    about = paper.metadata
    people = " and ".join(f"{{{_tex(name)}}}" if _CONSORTIUM.search(name) else _tex(name) for name in about.authors)
    fields = {
        "author": people,
        "title": f"{{{_tex(about.title or paper.source)}}}",  # the inner braces keep capitals
        "journal": _tex(about.journal),
        "year": str(about.year or ""),
        "doi": about.doi,
        "pmid": about.pmid,
    }
    told = ",\n".join(f"  {name} = {{{_LINES.sub(' ', value)}}}" for name, value in fields.items() if value)
    return f"@{'article' if about.journal else 'misc'}{{{key},\n{told}\n}}\n"


def _key(paper: PaperRef, taken: dict[str, int]) -> str:
    """First author's family name, year, first word of the title; letters of the alphabet tell equal ones apart."""
    about = paper.metadata
    family = _name(about.authors[0])[0] if about.authors else "anon"
    word = next((w for w in re.findall(r"\w+", about.title) if len(w) > 3), "")  # noqa: PLR2004 - not "the"
    plain = unicodedata.normalize("NFKD", f"{family}{about.year or ''}{word}".casefold())
    key = re.sub(r"[^a-z0-9]", "", plain) or paper.paper_id
    taken[key] = count = taken.get(key, 0) + 1
    return key if count == 1 else f"{key}-{count}"


def _ris(papers: Sequence[PaperRef]) -> str:
    return "\n".join(map(_record, papers))


def _record(paper: PaperRef) -> str:
    about = paper.metadata
    fields = [("TY", "JOUR" if about.journal else "GEN"), ("TI", about.title or paper.source)]
    fields += [("AU", ", ".join(part for part in _name(name) if part)) for name in about.authors]
    fields += [("JO", about.journal), ("PY", str(about.year or "")), ("DO", about.doi), ("AN", about.pmid)]
    lines = [f"{tag}  - {_LINES.sub(' ', value)}" for tag, value in fields if value]
    return "\r\n".join([*lines, "ER  - ", ""])


def _vancouver(papers: Sequence[PaperRef]) -> str:
    return "".join(f"{number}. {_reference(paper)}\n" for number, paper in enumerate(papers, 1))


def _reference(paper: PaperRef) -> str:
    about = paper.metadata
    names = [" ".join((family, _initials(given))).strip() for family, given in map(_name, about.authors)]
    people = ", ".join([*names[:_MOST_AUTHORS], *(["et al"] if len(names) > _MOST_AUTHORS else [])])
    where = ". ".join(part for part in (about.journal, str(about.year or "")) if part)
    ids = [f"doi: {about.doi}" if about.doi else "", f"PMID: {about.pmid}" if about.pmid else ""]
    parts = [people, about.title or paper.source, where, *ids]
    return " ".join(f"{_LINES.sub(' ', part).rstrip('.')}." for part in parts if part)


def _name(author: str) -> tuple[str, str]:
    """Family name and the rest: of ``Smith, Jane A``, ``Smith JA`` and ``Jane A van der Smith``."""
    author = _LINES.sub(" ", author).strip()
    if "," in author:
        family, _, given = author.partition(",")
        return family.strip(), given.strip()
    words = author.split(" ")
    if len(words) == 1 or _CONSORTIUM.search(author):
        return author, ""
    if _INITIALS.fullmatch(words[-1]):
        return " ".join(words[:-1]), words[-1]
    first = len(words) - 1
    while first > 1 and words[first - 1].casefold() in _PARTICLES:
        first -= 1
    return " ".join(words[first:]), " ".join(words[:first])


def _initials(given: str) -> str:
    if _INITIALS.fullmatch(given):
        return given
    return "".join(part[0].upper() for part in re.split(r"[\s.\-]+", given) if part)


def _tex(text: str) -> str:
    return "".join(_LATEX.get(c, c) for c in text)


_STYLES: Mapping[Style, Callable[[Sequence[PaperRef]], str]] = {
    Style.BIBTEX: _bibtex,
    Style.RIS: _ris,
    Style.VANCOUVER: _vancouver,
}
