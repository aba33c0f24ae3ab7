"""Inline markup of JATS as plain text that reads as printed.

``CO<sub>2</sub>`` is "CO2", ``10<sup>-3</sup>`` is "10^-3" (a power must not become the number 10-3 or 103), a citation
set as a superscript is "[12]", and a formula is one line.
"""

from __future__ import annotations

import re
from xml.etree.ElementTree import Element

from cmo.ingest.blocks import clean

__all__ = ["Inline", "flatten"]

FLOATS = frozenset({"fig", "fig-group", "table-wrap", "table-wrap-group", "supplementary-material", "boxed-text"})
_SILENT = FLOATS | {
    "alt-text", "article-id", "contrib-id", "fn", "graphic", "index-term", "inline-graphic", "inline-supplementary-material",
    "long-desc", "media", "object-id", "permissions",
}  # fmt: skip
_MARKS = frozenset({"bibr", "fn", "table-fn"})
_POWER = re.compile(r"[−–+-]?\d")
_BARE_NUMBERS = re.compile(r"\d+(?:\s?[,–-]\s?\d+)*")
_ADJOINING = re.compile(r"\]([,;–—-])\[")
_TEX_BODY = re.compile(r"\\begin\{document\}(.*?)\\end\{document\}", re.DOTALL)
_OPENERS = "[(,;–—-"


def flatten(element: Element | None, *, in_table: bool = False) -> str:
    """All text of an element on one line; empty for None."""
    if element is None:
        return ""
    inline = Inline(in_table=in_table)
    inline.children(element)
    return inline.text


class Inline:
    """Text under construction: what stands before decides how a superscript is written."""

    def __init__(self, *, in_table: bool = False) -> None:
        self._parts: list[str] = []
        self._in_table = in_table

    @property
    def text(self) -> str:
        """The line so far, tidied."""
        return clean(_ADJOINING.sub(r"\1", "".join(self._parts)))

    def add(self, text: str | None) -> None:
        """Plain text."""
        if text:
            self._parts.append(text)

    def children(self, element: Element) -> None:
        """The text in an element, without its own meaning."""
        self.add(element.text)
        for child in element:
            self.element(child)
            self.add(child.tail)

    def element(self, element: Element) -> None:
        """An element by its meaning."""
        match element.tag:
            case tag if tag in _SILENT:
                return
            case "sup":
                self._superscript(element)
            case "xref" if element.get("ref-type") in _MARKS:
                self._reference(element)
            case "break" | "tab":
                self.add(" ")
            case "pub-id":
                self.add(" " if self._before() in ").]" else "")
                self.children(element)
            case "name":
                self.add(" ".join(filter(None, (element.findtext("surname"), element.findtext("given-names")))))
            case "inline-formula" | "disp-formula" | "alternatives" | "math" | "tex-math":
                self.add(f" {_formula(element)} " if element.tag == "disp-formula" else _formula(element))
            case "p" | "list-item" | "title" | "td" | "th" | "def-item" | "label":
                self.children(element)
                self.add(" ")
            case _:
                self.children(element)

    def _before(self) -> str:
        return next((part[-1] for part in reversed(self._parts) if part), " ")

    def _superscript(self, element: Element) -> None:
        content, before = flatten(element), self._before()
        if any(x.get("ref-type") in _MARKS for x in element.iter("xref")):
            self._mark(content)
        elif before.isdigit() and _POWER.match(content):
            self.add(f"^{content}")
        elif self._in_table and before.isalnum() and len(content) == 1 and content.islower():
            self.add(f" [{content}]")
        else:
            self.add(content)

    def _reference(self, element: Element) -> None:
        content = flatten(element)
        if element.find(".//sup") is not None or (
            _BARE_NUMBERS.fullmatch(content) and "".join(self._parts[-2:]).rstrip()[-1:] not in _OPENERS
        ):
            self._mark(content)
        else:
            self.add(content)

    def _mark(self, content: str) -> None:
        bare = content.strip("[]()")
        if self._before() in "[(" and content == bare:
            self.add(bare)
        else:
            self.add(f"[{bare}]" if self._before() in " ],;–—-" else f" [{bare}]")


def _formula(element: Element) -> str:
    """The first readable form of a formula: MathML, else TeX, else its text."""
    if element.tag == "math":
        return _math(element)
    if (math := element.find(".//math")) is not None:
        return _math(math)
    tex = element if element.tag == "tex-math" else element.find(".//tex-math")
    if tex is not None:
        source = "".join(tex.itertext())
        body = _TEX_BODY.search(source)
        return (body[1] if body else source).strip().strip("$").strip()
    inline = Inline()
    for child in element:
        if child.tag != "label":
            inline.element(child)
            inline.add(child.tail)
    return f"{clean(element.text or '')} {inline.text}".strip()


def _math(element: Element) -> str:
    return clean(_term(element))


def _term(element: Element) -> str:  # noqa: PLR0911 - one case a kind of term
    parts = [_term(child) for child in element if child.tag not in {"annotation", "annotation-xml"}]
    match element.tag, parts:
        case "mfrac", [above, below]:
            return f"{_grouped(above)}/{_grouped(below)}"
        case "msup" | "mover", [base, high]:
            return f"{base}^{_grouped(high)}" if element.tag == "msup" else base + high
        case "msub" | "munder", [base, low]:
            return f"{base}_{_grouped(low)}"
        case "msubsup" | "munderover", [base, low, high]:
            return f"{base}_{_grouped(low)}^{_grouped(high)}"
        case "msqrt", _:
            return f"√({''.join(parts)})"
        case "mroot", [base, degree]:
            return f"({base})^(1/{degree})"
        case "mfenced", _:
            return element.get("open", "(") + ", ".join(parts) + element.get("close", ")")
        case (("mtd" | "mtr" | "mspace"), _):
            return "".join(parts) + " "
        case "mo", _:
            sign = (element.text or "").strip()
            return f" {sign} " if sign in {"=", "+", "−", "-", "×", "<", ">", "≤", "≥", "≈", "±"} else sign
        case _:
            return (element.text or "").strip() + "".join(parts)


def _grouped(term: str) -> str:
    bare = term.strip()
    return bare if bare.isalnum() or re.fullmatch(r"\(.*\)|[−-]?\s?\w+", bare) else f"({bare})"
