"""The YAML between ``---`` lines at the top of a Markdown file, as bibliographic facts.

Only the document's own keys count: ``doi`` nested under another key is the DOI of something else.
"""

from __future__ import annotations

import re
from collections.abc import Mapping

import yaml  # type: ignore[import-untyped]

from cmo.model.papers import Metadata

__all__ = ["metadata_of", "parted"]

MAX_CHARS = 64_000
_FRONT = re.compile(r"\s*---[ \t]*\r?\n(.*?)(?:\r?\n)(?:---|\.\.\.)[ \t]*(?:\r?\n|$)", re.DOTALL)
_DOI = re.compile(r"10\.\d{4,9}/\S+")
_YEAR = re.compile(r"\b(?:19|20)\d\d\b")


def parted(text: str) -> tuple[Mapping[str, object], str]:
    """The front matter as a mapping (empty if there is none that can be read) and the text below it."""
    match = _FRONT.match(text)
    if match is None or len(match[1]) > MAX_CHARS:
        return {}, text
    try:
        found = yaml.safe_load(match[1])
    except (yaml.YAMLError, ValueError, RecursionError):
        return {}, text
    if not isinstance(found, dict):
        return {}, text
    return {str(key).lower(): value for key, value in found.items()}, text[match.end() :]


def metadata_of(front: Mapping[str, object], title: str) -> Metadata:
    """Facts from front matter; the title stands in where it has none."""
    doi = _DOI.search(_line(front.get("doi")).lower())
    year = _YEAR.search(_line(front.get("year")) or _line(front.get("date")))
    return Metadata(
        title=_line(front.get("title")) or title,
        authors=_names(front.get("authors") or front.get("author")),
        doi=doi.group().rstrip(".,;") if doi else "",
        pmid="".join(re.findall(r"\d+", _line(front.get("pmid")))[:1]),
        year=int(year.group()) if year else None,
        journal=_line(front.get("journal")),
        licence=_line(front.get("licence") or front.get("license")),
    )


def _names(value: object) -> tuple[str, ...]:
    """Authors given as text, as a list, or as a list of mappings with a name."""
    if isinstance(value, str):
        return tuple(filter(None, (_line(part) for part in re.split(r";|,| and ", value))))
    if not isinstance(value, list):
        return ()
    return tuple(filter(None, (_line(v.get("name") if isinstance(v, dict) else v) for v in value)))


def _line(value: object) -> str:
    """A plain value as one line; nothing for lists and mappings."""
    return "" if value is None or isinstance(value, list | dict) else " ".join(str(value).split())
