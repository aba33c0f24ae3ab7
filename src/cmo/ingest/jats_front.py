"""Bibliographic facts from the front of a JATS article."""

from __future__ import annotations

import re
from xml.etree.ElementTree import Element

from cmo.ingest.jats_inline import flatten
from cmo.model.papers import Metadata

__all__ = ["metadata_of"]

_DATE_TYPES = ("collection", "ppub", "epub", "epub-ppub", "pub", "")
"""The year that a citation names is that of the issue, where there is one."""
_LICENCE = re.compile(
    r"creativecommons\.org/(?:licen[cs]es/([a-z-]+)(?:/(\d\.\d))?|(publicdomain/zero))", re.IGNORECASE
)
_LICENCE_WORDS = (
    (re.compile(r"public domain|CC0", re.IGNORECASE), "CC0"),
    (re.compile(r"non-?commercial.{0,40}(?:no ?deriv)", re.IGNORECASE | re.DOTALL), "CC-BY-NC-ND"),
    (re.compile(r"attribution.{0,10}non-?commercial|\bcc[ -]by-nc\b", re.IGNORECASE), "CC-BY-NC"),
    (re.compile(r"creative commons attribution|\bcc[ -]by\b", re.IGNORECASE), "CC-BY"),
)
_RESOLVER = re.compile(r"^(?:https?://)?(?:dx\.)?(?:doi\.org/|doi:\s*)", re.IGNORECASE)


def metadata_of(article: Element) -> Metadata:
    """What the article's front says, each fact empty where it does not."""
    meta = article.find("front/article-meta")
    if meta is None:
        meta = Element("article-meta")
    return Metadata(
        title=_title(meta),
        authors=tuple(filter(None, (_author(c) for c in meta.iterfind("contrib-group/contrib")))),
        doi=_RESOLVER.sub("", _id(meta, "doi")).lower(),
        pmid=_id(meta, "pmid"),
        year=_year(meta),
        journal=_journal(article),
        licence=_licence(meta),
    )


def _title(meta: Element) -> str:
    group = meta.find("title-group")
    if group is None:
        return ""
    title, subtitle = flatten(group.find("article-title")), flatten(group.find("subtitle"))
    joint = "" if title.endswith((":", "?", "—")) or not subtitle else ":"
    return f"{title}{joint} {subtitle}".strip()


def _id(meta: Element, kind: str) -> str:
    return next(((i.text or "").strip() for i in meta.iterfind("article-id") if i.get("pub-id-type") == kind), "")


def _author(contrib: Element) -> str:
    if contrib.get("contrib-type", "author") != "author":
        return ""
    name = next((n for path in ("name", "name-alternatives/name") if (n := contrib.find(path)) is not None), None)
    if name is not None:
        parts = (name.findtext("given-names"), name.findtext("surname"), name.findtext("suffix"))
        return " ".join(p.strip() for p in parts if p and p.strip())
    return flatten(contrib.find("string-name")) or _group_name(contrib.find("collab"))


def _group_name(collab: Element | None) -> str:
    """The name of a group of authors without the people in it."""
    if collab is None:
        return ""
    return flatten(collab.find("institution")) or " ".join((collab.text or "").split())


def _year(meta: Element) -> int | None:
    dates: dict[str, str] = {}
    for date in meta.iterfind("pub-date"):
        kind = date.get("pub-type") or date.get("date-type") or ""
        dates.setdefault(kind, (date.findtext("year") or "").strip())
    years = [dates[kind] for kind in (*_DATE_TYPES, *dates) if dates.get(kind, "").isdigit()]
    return int(years[0]) if years else None


def _journal(article: Element) -> str:
    meta = article.find("front/journal-meta")
    if meta is None:
        return ""
    return flatten(meta.find(".//journal-title")) or (meta.findtext("journal-id") or "").strip()


def _licence(meta: Element) -> str:
    for licence in meta.iterfind("permissions/license"):
        words = "".join(licence.itertext())
        links = " ".join(value for e in licence.iter() for key, value in e.attrib.items() if key == "href")
        if match := _LICENCE.search(f"{links} {words}"):
            kind, version, _ = match.groups()
            return "-".join(filter(None, ("CC", kind.upper(), version))) if kind else "CC0"
        if named := next((name for pattern, name in _LICENCE_WORDS if pattern.search(words)), ""):
            return named
    return ""
