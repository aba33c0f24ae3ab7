"""References of JATS as text, whether the file prints them or only lists their parts."""

from __future__ import annotations

from collections.abc import Iterator
from xml.etree.ElementTree import Element

from cmo.ingest.jats_inline import flatten

_PRINTED = ("mixed-citation", "citation", "nlm-citation")
_MAX_NAMES = 6


def references_of(ref_list: Element) -> Iterator[str]:
    """One line a reference, its label in front."""
    for ref in ref_list.iterfind("ref"):
        text = "; ".join(filter(None, (_citation(c) for c in ref if c.tag.endswith("citation"))))
        if text or (text := " ".join(filter(None, (flatten(c) for c in ref if c.tag != "label")))):
            yield f"{flatten(ref.find('label'))} {text}".strip()


def _citation(citation: Element) -> str:
    if citation.tag in _PRINTED and any((child.tail or "").strip() for child in citation):
        return flatten(citation)
    return _composed(citation)


def _composed(citation: Element) -> str:
    """Names. Title. Source year;volume:pages. doi — for a citation that comes in parts alone."""
    parts = [
        _names(citation),
        flatten(citation.find("article-title")) or flatten(citation.find("chapter-title")),
        " ".join(filter(None, (flatten(citation.find("source")), _numbers(citation)))),
        *(flatten(i) for i in citation.iterfind("pub-id") if i.get("pub-id-type") == "doi"),
    ]
    found = [part.rstrip(".") for part in parts if part]
    return ". ".join(found) + "." if found else flatten(citation)


def _names(citation: Element) -> str:
    names = [flatten_name(name) for name in citation.iter() if name.tag in {"name", "string-name", "collab"}]
    return ", ".join([*names[:_MAX_NAMES], "et al"] if len(names) > _MAX_NAMES else names)


def flatten_name(name: Element) -> str:
    """Family name first, as reference lists print it."""
    if name.tag == "name":
        return " ".join(filter(None, (name.findtext("surname"), name.findtext("given-names"))))
    return flatten(name)


def _numbers(citation: Element) -> str:
    year, volume, first, last = ((citation.findtext(tag) or "").strip() for tag in ("year", "volume", "fpage", "lpage"))
    pages = "–".join(filter(None, (first or (citation.findtext("elocation-id") or "").strip(), last)))
    place = ":".join(filter(None, (volume, pages)))
    return ";".join(filter(None, (year, place)))
