"""A model's sentence without what it says of its sources: those are found anew, and its own are never looked at.

::

    "According to passage 3, TMAO rose [1,2] (Smith et al., 2020)【4†source】." --> "TMAO rose."
"""

from __future__ import annotations

import re

from cmo.kit.text import clean_line

_NUMBERS = r"\d{1,3}(?:\s*[,;–-]\s*\d{1,3})*"
_SOURCE = (
    r"(?:passages?|sources?|documents?|texts?|contexts?|relations?|references?|refs?\.?|papers?|articles?|excerpts?)"
)
_YEAR = r"(?:1[89]|20)\d\d[a-z]?"
_WHO = r"[A-Z][^\W\d_]+(?:[-'’ ][A-Z][^\W\d_]+){0,2}(?:\s+(?:et\.?\s+al\.?|and|&)(?:\s+[A-Z][\w'’-]+)?)?"
_MARKS = re.compile(
    rf"""
    \[\[?\^?{_NUMBERS}\]?\](?:\([^)\s]*\))?            # [1], [1, 2], [^1], [[1]](url), [1](url)
    | [【〔]\s*[^】〕]{{0,60}}[】〕]                       # 【1†source】
    | <su[pb]>\s*\[?{_NUMBERS}\]?\s*</su[pb]>
    | \^\{{?\[?{_NUMBERS}\]?\}}?\^?(?=[\s.,;]|$)
    | \\(?:cite\w*|ref|footnote)\{{[^}}]{{0,80}}\}}
    | (?<=[^\W\d_]{{3}})[⁰¹²³⁴-⁹]+(?:[,⁻–˒][⁰¹²³⁴-⁹]+)*(?=[\s.,;:]|$)
    | (?<=[.,;!])[⁰¹²³⁴-⁹]+(?:[,⁻–˒][⁰¹²³⁴-⁹]+)*
    | [\[(]\s*(?:(?:see|cf\.?|e\.g\.,?|source:?|sources:?)\s*)*(?i:{_SOURCE})[\s:#]*n?\s*{_NUMBERS}[^\])]{{0,20}}[\])]
    | [\[(](?:see|cf\.|e\.g\.,)?\s*{_WHO},?\s+{_YEAR}[^()\[\]]{{0,120}}[\])]  # (Smith et al., 2020; Doe 2019)
    | (?<=[^\W\d_])\s+\({_YEAR}\)(?=[\s,.])              # Smith et al. (2020)
    | [\[(]\s*(?i:doi|pmid|pmcid|arxiv)\b[^\])]{{0,80}}[\])]
    | \b(?i:doi|pmid|pmcid)\s*[:=]\s*\S+?(?=[.,;)]?(?:\s|$))
    | \b10\.\d{{4,9}}/\S+?(?=[.,;)]?(?:\s|$))
    | \(\s*{_NUMBERS}\s*\)(?=\s*[.!]?\s*$)               # a bare (3) at the end
    """,
    re.VERBOSE,
)
_LEAD = re.compile(
    rf"""^(?:(?:according\ to|based\ on|as\ (?:stated|shown|reported|described|noted|mentioned|indicated)\ (?:in|by)|per|from|in)\s+
    (?:the\ |these\ |this\ )?(?:(?:provided|given|above|cited|retrieved)\ )?{_SOURCE}\s*(?:(?:n(?:o|umber)?\.?\s*)?{_NUMBERS}(?:\s*and\s*\d+)?)?\s*,\s*
    | (?:(?:the|this)\ {_SOURCE}|(?:the\ )?{_SOURCE}\s*{_NUMBERS}(?:\s*and\s*\d+)?)\s+(?:states?|says?|reports?|shows?|notes?|indicates?|mentions?|suggests?)\s+that\s+
    | {_SOURCE}\s*{_NUMBERS}\s*:\s*
    | (?:answer|final\ answer|response|summary|conclusion)\s*:\s*)""",
    re.VERBOSE | re.IGNORECASE,
)
_LIST = re.compile(r"^\s*(?:[-*•+–]|\d{1,2}[.)](?=\s)|>+|#{1,6}(?=\s))\s*")
_EMPHASIS = re.compile(r"[*_`]{1,3}(?=\S)|(?<=\S)[*_`]{1,3}(?=[\s.,;:!?)]|$)")
_BEFORE_STOP = re.compile(r"\s+(?=[.,;:!?])")
_EMPTY = re.compile(r"[(\[]\s*[,;]*\s*[)\]]")
_LINK = re.compile(r"https?:|www\.|://|!\[|\]\(|<[/a-z!]|javascript:|data:\w+/|\b[\w.+-]+@[\w-]+\.\w", re.IGNORECASE)


def bare(sentence: str) -> str:
    """One line of plain prose without marks of citation, of lists and of emphasis."""
    said = _LIST.sub("", clean_line(sentence))
    said = clean_line(_EMPHASIS.sub("", _MARKS.sub("", said)))
    said = _BEFORE_STOP.sub("", _EMPTY.sub("", said))
    led = _LEAD.sub("", said)
    return led if led == said else led[:1].upper() + led[1:]


def leads_away(sentence: str) -> bool:
    """Whether it holds an address or markup: nothing that a reader, or a page, could be led away by is passed on."""
    return bool(_LINK.search(sentence))
